"""Brain recordings: importers for every format, and the catalogue of public data sets."""

from reprcompare.brains.brainio import from_brainio, read_stimulus_set, write_brainio
from reprcompare.brains.catalogue import Entry, catalogue, entry, why_not
from reprcompare.brains.choices import add_choices
from reprcompare.brains.fetching import fetch
from reprcompare.brains.loading import FORMATS, load_brain, load_stimuli
from reprcompare.brains.nifti_maps import write_nifti
from reprcompare.brains.rsatoolbox_files import from_rsatoolbox, to_rsatoolbox

__all__ = [
    "FORMATS",
    "Entry",
    "add_choices",
    "catalogue",
    "entry",
    "fetch",
    "from_brainio",
    "from_rsatoolbox",
    "load_brain",
    "load_stimuli",
    "read_stimulus_set",
    "to_rsatoolbox",
    "why_not",
    "write_brainio",
    "write_nifti",
]
