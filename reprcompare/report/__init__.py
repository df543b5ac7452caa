"""Reports: figures, tables and one HTML page for readers without Python."""

from reprcompare.report.figures import plot_by_region, plot_components
from reprcompare.report.page import Page, Plot, Section
from reprcompare.report.sections import report, section_of

__all__ = ["Page", "Plot", "Section", "plot_by_region", "plot_components", "report", "section_of"]
