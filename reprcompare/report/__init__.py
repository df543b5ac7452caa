"""Reports: figures, tables and one HTML page for readers without Python."""

from reprcompare.report.content import Section
from reprcompare.report.encoding import predictivity_section
from reprcompare.report.figures import plot_by_region, plot_components
from reprcompare.report.folder import report_of_folder
from reprcompare.report.page import Page, made_with, versions
from reprcompare.report.plots import Picture, Plot
from reprcompare.report.roles import dissociation_section, plot_dissociation, role_section
from reprcompare.report.sections import report, section_of
from reprcompare.report.theory_figures import plot_features, plot_structure

__all__ = [
    "Page",
    "Picture",
    "Plot",
    "Section",
    "dissociation_section",
    "made_with",
    "plot_by_region",
    "plot_components",
    "plot_dissociation",
    "plot_features",
    "plot_structure",
    "predictivity_section",
    "report",
    "report_of_folder",
    "role_section",
    "section_of",
    "versions",
]
