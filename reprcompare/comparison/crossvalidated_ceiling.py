"""The cross-validated upper ceiling of a brain that is given as a recording."""

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.comparison.inputs import Joined, Source
from reprcompare.errors import NotIdentifiableError
from reprcompare.geometry import (
    Comparator,
    by_region,
    crossvalidated_upper,
    split_rdms,
    stimulus_ids,
    take_stimuli,
)


def crossvalidated_ceilings(
    brain: Source, joined: Joined, comparator: Comparator, metric: str, seed: int
) -> list[float]:
    """Compute the bound for every region of the brain.

    Parameters
    ----------
    brain
        As it was given.
    joined
        What was compared.
    comparator, metric, seed

    Returns
    -------
    list of float
        In the order of `joined.brain`. NaN for anything but a recording of several subjects with
        four folds or more that is compared by crossnobis distances and a linear comparator.
    """
    undefined = [np.nan] * len(joined.brain)
    several = any(len(region.subjects) > 1 for region in joined.brain)
    linear = comparator.family == "linear"
    if not (isinstance(brain, xr.Dataset) and metric == "crossnobis" and linear and several):
        return undefined
    try:
        splits = [
            (_vectors(a, joined), _vectors(b, joined))
            for a, b in split_rdms(brain, metric, seed=seed)
        ]
    except NotIdentifiableError:
        return undefined
    return [
        crossvalidated_upper(
            region.vectors, [(a[region.region], b[region.region]) for a, b in splits], comparator
        )
        for region in joined.brain
    ]


def _vectors(rdms: RDMs, joined: Joined) -> dict[str, np.ndarray]:
    """RDMs of every region, on the stimuli that were compared."""
    places = pd.Index(stimulus_ids(rdms)).get_indexer(joined.stimulus_ids)
    return {part.region: take_stimuli(part.vectors, places) for part in by_region(rdms)}
