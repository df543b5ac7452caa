"""Brain recordings: importers for every format, and the catalogue of public data sets."""

from reprcompare.brains.catalogue import Entry, catalogue, entry, why_not
from reprcompare.brains.fetching import fetch
from reprcompare.brains.loading import load_brain, load_stimuli

__all__ = ["Entry", "catalogue", "entry", "fetch", "load_brain", "load_stimuli", "why_not"]
