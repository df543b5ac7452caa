"""Behavioural relevance: what activity says of a choice beyond what the stimulus says.

Where nothing was intervened on, as in a brain, activity that goes with choices may cause them,
follow from them, or share a cause with them (attention, for one): relevance, and never role.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from reprcompare.audit.decodability import held_out_decoding
from reprcompare.recording import columns_of, reported_features

FEWEST = 20
"""Presentations beyond the number of stimuli that are needed."""


@dataclass(frozen=True)
class Relevance:
    """Partial correlation of activity and choice, with its interval.

    Attributes
    ----------
    estimate, low, high
        Correlation of the activity along the feature's decoding axis with the choice, both within
        stimuli; 95 % over stimuli (jackknife of Fisher's z).
    reason
        Why it is NaN, if it is.
    """

    estimate: float
    low: float
    high: float
    reason: str = ""


def _nothing(reason: str) -> Relevance:
    return Relevance(np.nan, np.nan, np.nan, reason)


def relevance(
    piece: xr.Dataset, feature: pd.Series, *, n_folds: int = 10, seed: int = 0
) -> Relevance:
    """Estimate the behavioural relevance of a feature's representation in one region.

    The feature is decoded from the activity of each presentation (ridge; stimuli in the training
    folds are others). Decoded values and choices are centred on their means within each stimulus,
    which takes off everything that depends on the stimulus alone, labelled or not, and correlated.

    Parameters
    ----------
    piece
        Activity (presentation, neuroid) of one region and subject, with `output`.
    feature
        Labels, indexed by stimulus id.
    n_folds
        Folds over stimuli.
    seed
        Of the folds.

    Returns
    -------
    Relevance
        NaN with the reason where there are no choices, where stimuli were shown once, or where
        choices on a stimulus never differ.
    """
    name = str(feature.name)
    place = reported_features(piece).get(name, [])
    if "output" not in piece or piece.sizes.get("by_subject") != 1:
        return _nothing("there are no choices ('output')")
    if "training_step" in piece["output"].dims:
        return _nothing("choices of a single training step are needed")
    if len(place) != 1:
        return _nothing(f"no single response reports {name!r}")
    choice = piece["output"].values[:, 0, place[0]].astype(float)
    activity = piece["activity"].values.astype(float)
    ids = piece["stimulus_id"].values.astype(str)
    known = ~np.isnan(choice) & ~np.isnan(activity).any(axis=1) & np.isin(ids, feature.index)
    choice, activity, ids = choice[known], activity[known], ids[known]
    codes, stimuli = pd.factorize(ids)
    if len(ids) - len(stimuli) < FEWEST:
        return _nothing(
            f"{len(ids)} answered presentations of {len(stimuli)} stimuli leave too few repetitions"
        )
    own = _within(choice, codes)
    if not np.abs(own).max() > 1e-9 * max(1.0, np.abs(choice).max()):
        return _nothing("choices on a stimulus never differ")
    labels = feature.loc[ids]
    if labels.nunique() != 2 and not pd.api.types.is_numeric_dtype(labels):
        return _nothing(f"{name!r} has levels without an order, so that no axis decodes it")
    folds = np.random.default_rng(seed).permutation(np.arange(len(stimuli)) % n_folds)[codes]
    target = columns_of(labels)[:, -1:]
    decoded = _within(held_out_decoding(activity, target, folds)[:, 0], codes)
    if not np.abs(decoded).max() > 0:
        return _nothing("activity does not vary within stimuli")
    return _correlation(decoded, own, codes, len(stimuli))


def _within(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    means = np.bincount(codes, values) / np.bincount(codes)
    return values - means[codes]


def _correlation(x: np.ndarray, y: np.ndarray, codes: np.ndarray, n: int) -> Relevance:
    """Correlate centred values; leaving out a stimulus takes its products off."""
    xy, xx, yy = (np.bincount(codes, product, n) for product in (x * y, x * x, y * y))

    def z(*sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.arctanh(np.clip(sums[0] / np.sqrt(sums[1] * sums[2]), -1 + 1e-12, 1 - 1e-12))

    whole = float(z(xy.sum(), xx.sum(), yy.sum()))
    without = z(xy.sum() - xy, xx.sum() - xx, yy.sum() - yy)
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    reach = stats.t.ppf(0.975, n - 1) * error
    low, estimate, high = np.tanh([whole - reach, whole, whole + reach])
    return Relevance(float(estimate), float(low), float(high))
