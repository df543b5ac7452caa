"""The theory of two points as a null model: an RDM that is biased towards no feature."""

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.errors import NotIdentifiableError, listing
from reprcompare.theory.dynamics import rich_limit
from reprcompare.theory.tracking import joined_targets, pairs_of

NAME = "two-point theory"


def rich_rdm(stimuli: xr.Dataset, targets: pd.DataFrame) -> RDMs:
    """Return the distances that the theory predicts for all pairs, in the rich regime.

    Pairs end at a squared distance that is proportional to the distance of the stimuli times that
    of their targets, whatever the rule behind the targets: of two features that move stimuli and
    targets equally far, none is favoured. So the shares of this RDM (`reprcompare.audit`) are what
    a feature has without any bias of learning, and as a model in `reprcompare.compare` it says how
    much of a likeness needs none. It holds for every pair by itself; distances of all pairs need
    not fit into one space.

    Parameters
    ----------
    stimuli
        A stimulus set: `stimulus` (presentation, ...) with `stimulus_id`.
    targets
        What networks were asked for, one column a response, indexed by stimulus id.

    Returns
    -------
    rsatoolbox.rdm.RDMs
        One RDM of squared distances, in units of ``sqrt(rate_h / rate_y)``.

    Raises
    ------
    InvalidInputError
        If there are no stimuli or no table of targets, or targets are missing or no numbers.
    LabelMismatchError
        If a stimulus has no row among the targets.
    NotIdentifiableError
        If no pair differs in its targets.

    Examples
    --------
    >>> from reprcompare.recording import stimulus_set
    >>> ids = ["00", "01", "11"]
    >>> corners = stimulus_set(np.array([[0, 0], [0, 1], [1, 1]]), stimulus_ids=ids)
    >>> targets = pd.DataFrame({"first": [0, 0, 1]}, index=ids)
    >>> rich_rdm(corners, targets).dissimilarities
    array([[0.        , 1.41421356, 1.        ]])
    """
    pairs = pairs_of(stimuli)
    ids = pd.Index(stimuli["stimulus_id"].values.astype(str))
    wanted = pd.DataFrame(joined_targets(targets, ids), index=ids)
    first, second = (wanted.loc[pairs[name]].to_numpy() for name in ("first", "second"))
    dy2 = np.square(first - second).sum(axis=1)
    if not dy2.any():
        raise NotIdentifiableError(
            f"the targets {listing(targets.columns)} are the same for all stimuli, so that the "
            "theory predicts no distances."
        )
    predicted = rich_limit(ratio=1.0, dx2=pairs["dx2"].to_numpy(), dy2=dy2)
    return RDMs(
        predicted[None],
        dissimilarity_measure="squared euclidean",
        rdm_descriptors={"subject": [NAME], "session": [""], "region": [NAME]},
        pattern_descriptors={"stimulus_id": list(ids)},
    )
