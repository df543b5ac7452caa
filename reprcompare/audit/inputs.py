"""A measured complexity of features: how well a linear decoder reads them from the stimuli."""

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.audit.decodability import decode
from reprcompare.errors import InvalidInputError
from reprcompare.recording import label_table


def input_decodability(stimuli: xr.Dataset, *, seed: int = 0) -> pd.Series:
    """Decode every feature from the stimuli themselves, before any network has seen them.

    It is the same decoder as for regions of a network, so that what is read from a layer can be
    held against what was there to be read. For features of vectors it estimates what `linear_r2`
    of a task's properties says exactly; of images nothing else measures it.

    Parameters
    ----------
    stimuli
        A stimulus set with labels, such as `evaluation_set` of a task makes.
    seed
        Of the folds.

    Returns
    -------
    pandas.Series
        Named input_decodability, one value a feature: cross-validated balanced accuracy of a
        feature with levels, r2 of a continuous one, as in `decode`.

    Raises
    ------
    InvalidInputError
        If the set holds no stimuli or no labels.

    Examples
    --------
    >>> from reprcompare.tasks import Feature, VectorTask
    >>> task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))
    >>> input_decodability(task.evaluation_set(n_per_cell=64)).round(1).to_dict()
    {'easy': 1.0, 'hard': 0.5}
    """
    if "stimulus" not in stimuli or "label" not in stimuli:
        missing = "stimulus" if "stimulus" not in stimuli else "label"
        raise InvalidInputError(
            f"how well features are read from their stimuli needs both, and {missing!r} is not in "
            f"this data set; it holds {sorted(map(str, stimuli.data_vars))}."
        )
    shown = stimuli["stimulus"].transpose("presentation", ...).values
    patterns = np.reshape(shown, (len(shown), -1)).astype(float)
    labels = label_table(stimuli)
    scores = {
        str(name): decode(patterns, labels[name], n_permutations=0, seed=seed).score
        for name in labels.columns
    }
    return pd.Series(scores, name="input_decodability").rename_axis("feature")
