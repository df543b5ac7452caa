"""Measures of similarity between activity patterns themselves, to lay beside RDMs.

All take two arrays with the same stimuli in the same order, shapes (n_stimuli, p) and
(n_stimuli, q). `compare_patterns` joins two recordings by stimulus first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, NotIdentifiableError, unknown_name
from reprcompare.recording import common_stimuli, select


@dataclass(frozen=True)
class PatternMeasure:
    """One measure, and what its values mean.

    Attributes
    ----------
    name, label
    compute
        (X, Y) to a number.
    low, high
        Range.
    identical, unrelated
        Its value for identical patterns; for unrelated ones, or None where that depends on the
        number of stimuli and neuroids.
    similar_is
        "high" or "low".
    invariant_to
        In words.
    """

    name: str
    label: str
    compute: Callable[..., float]
    low: float
    high: float
    identical: float
    unrelated: float | None
    similar_is: str
    invariant_to: str


def cka(x: np.ndarray, y: np.ndarray) -> float:
    r"""Unbiased linear centred kernel alignment.

    :math:`\mathrm{HSIC}_u(K, L) / \sqrt{\mathrm{HSIC}_u(K, K)\,\mathrm{HSIC}_u(L, L)}` with the
    unbiased estimator of Song et al. (2012), which is zero on average for independent patterns of
    any dimension (the biased one is 0.95 for 50 stimuli and 1000 neuroids of noise).

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; they need not be centred.

    Returns
    -------
    float
        1 for patterns that differ by a rotation and a scale; 0 on average for unrelated ones.

    Raises
    ------
    NotIdentifiableError
        For fewer than four stimuli.

    References
    ----------
    Kornblith et al. (2019), ICML; Nguyen et al. (2021), ICLR.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> abs(cka(rng.normal(size=(50, 1000)), rng.normal(size=(50, 1000)))) < 0.1
    True
    """
    kx, ky = x @ x.T, y @ y.T
    own = unbiased_hsic(kx, kx) * unbiased_hsic(ky, ky)
    return float(unbiased_hsic(kx, ky) / np.sqrt(own)) if own > 0 else np.nan


def unbiased_hsic(kx: np.ndarray, ky: np.ndarray) -> float:
    """Estimate the Hilbert-Schmidt independence criterion of two kernels (n, n), without bias.

    Parameters
    ----------
    kx, ky : arrays, shape (n, n)
        Symmetric kernels over the same stimuli.

    Returns
    -------
    float
        0 on average for independent patterns.

    Raises
    ------
    NotIdentifiableError
        For fewer than four stimuli.

    References
    ----------
    Song et al. (2012), Journal of Machine Learning Research 13, equation 4.
    """
    n = len(kx)
    if n < 4:
        raise NotIdentifiableError(f"unbiased CKA needs at least four stimuli, got {n}.")
    kx, ky = (kernel - np.diag(np.diag(kernel)) for kernel in (kx, ky))
    rows_x, rows_y = kx.sum(axis=1), ky.sum(axis=1)
    corner = rows_x.sum() * rows_y.sum() / ((n - 1) * (n - 2))
    return float((np.vdot(kx, ky) + corner - 2 * rows_x @ rows_y / (n - 2)) / (n * (n - 3)))


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """Shape distance: the angle that is left after the best rotation of centred patterns.

    arccos of the nuclear norm of X'Y over the product of Frobenius norms, in radians; a metric.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; they need not be centred.

    Returns
    -------
    float
        Radians, from 0 (the same up to rotation and scale) to pi / 2.

    References
    ----------
    Williams et al. (2021), NeurIPS.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(9, 4))
    >>> rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))
    >>> procrustes(x, 3 * x @ rotation) < 1e-6
    True
    """
    x, y = _centred(x), _centred(y)
    lengths = np.linalg.norm(x) * np.linalg.norm(y)
    if lengths == 0:
        return np.nan
    nuclear = np.linalg.svd(_compact(x).T @ _compact(y), compute_uv=False).sum()
    return float(np.arccos(np.clip(nuclear / lengths, -1, 1)))


def svcca(x: np.ndarray, y: np.ndarray, variance: float = 0.9) -> float:
    """Mean canonical correlation of the components that hold 90 % of the variance.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; they need not be centred.
    variance
        Fraction of either side's variance that the components kept must hold.

    Returns
    -------
    float
        From 0 to 1.

    References
    ----------
    Raghu et al. (2017), NeurIPS.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(30, 4))
    >>> round(svcca(x, 2 * x + 1), 6)
    1.0
    """
    bases = _components(x, variance), _components(y, variance)
    return float(np.clip(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False), 0, 1).mean())


def pwcca(x: np.ndarray, y: np.ndarray, variance: float = 0.9) -> float:
    """Canonical correlations weighted by how much of X their variates carry.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; they need not be centred.
    variance
        Fraction of either side's variance that the components kept must hold.

    Returns
    -------
    float
        From 0 to 1; not symmetric, the weights are those of X.

    References
    ----------
    Morcos et al. (2018), NeurIPS.
    """
    basis = _components(x, variance)
    left, correlations, _ = np.linalg.svd(basis.T @ _components(y, variance), full_matrices=False)
    weights = np.abs((basis @ left).T @ _centred(x)).sum(axis=1)
    return float(weights @ np.clip(correlations, 0, 1) / weights.sum())


def _components(x: np.ndarray, variance: float) -> np.ndarray:
    """Orthonormal scores (n, k) of the principal components that hold a share of the variance."""
    u, s, _ = np.linalg.svd(_centred(x), full_matrices=False)
    share = np.cumsum(s**2) / (s**2).sum()
    k = int(np.searchsorted(share, variance - 1e-12)) + 1
    if k >= len(x) - 1:
        raise NotIdentifiableError(
            f"{k} components of {len(x)} stimuli leave nothing to correlate: canonical "
            "correlations would all be 1; use fewer components or more stimuli."
        )
    return u[:, :k]


def linear_predictivity(x: np.ndarray, y: np.ndarray, n_folds: int = 5, seed: int = 0) -> float:
    """Cross-validated variance of Y that ridge regression on X explains, weighted by variance.

    The penalty is chosen within the training stimuli by generalised cross-validation. The value is
    1 - (squared error) / (squared error of the training mean), summed over neuroids: negative when
    X predicts worse than the mean. For single neuroids use `encode`.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; X predicts Y.
    n_folds
        How many groups of stimuli are held out in turn.
    seed
        Of the folds.

    Returns
    -------
    float
        1 at most.

    Raises
    ------
    NotIdentifiableError
        If there are too few stimuli for the folds.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(40, 5))
    >>> linear_predictivity(x, x @ np.ones((5, 2))) > 0.99
    True
    """
    predicted, baseline = predict_linearly(x, y, n_folds, seed)
    error, total = np.square(y - predicted).sum(), np.square(y - baseline).sum()
    return float(1 - error / total) if total > 0 else np.nan


def predict_linearly(
    x: np.ndarray, y: np.ndarray, n_folds: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Predict Y from X by ridge regression fitted to other stimuli; see `linear_predictivity`.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Patterns of the same stimuli; X predicts Y.
    n_folds
        How many groups of stimuli are held out in turn.
    seed
        Of the folds.

    Returns
    -------
    predicted, baseline : arrays, shape (n_stimuli, q)
        Held-out predictions, and the mean of Y over the same training stimuli.

    Raises
    ------
    NotIdentifiableError
        If there are too few stimuli for the folds.
    """
    n = len(x)
    if n < 2 * n_folds:
        raise NotIdentifiableError(f"{n} stimuli are too few for {n_folds} folds.")
    fold = np.random.default_rng(seed).permutation(n) % n_folds
    predicted, baseline = np.empty_like(y, dtype=float), np.empty_like(y, dtype=float)
    for k in range(n_folds):
        train, test = fold != k, fold == k
        mean_x, mean_y = x[train].mean(axis=0), y[train].mean(axis=0)
        u, s, vt = np.linalg.svd(x[train] - mean_x, full_matrices=False)
        keep = s > 1e-10 * s.max()
        u, s, vt = u[:, keep], s[keep], vt[keep]
        target = u.T @ (y[train] - mean_y)
        alpha = _best_penalty(s, target, y[train] - mean_y)
        weights = vt.T @ ((s / (s**2 + alpha))[:, None] * target)
        predicted[test] = mean_y + (x[test] - mean_x) @ weights
        baseline[test] = mean_y
    return predicted, baseline


def _best_penalty(s: np.ndarray, target: np.ndarray, y: np.ndarray) -> float:
    """Generalised cross-validation (Golub, Heath & Wahba 1979) over 25 penalties."""
    n = len(y)
    outside = (y**2).sum() - (target**2).sum()
    penalties = (s**2).mean() * np.logspace(-6, 6, 25)
    shrunk = penalties[:, None] / (s**2 + penalties[:, None])
    errors = outside + (shrunk**2) @ (target**2).sum(axis=1)
    freedom = n - 1 - (1 - shrunk).sum(axis=1)
    return float(penalties[np.argmin(errors / np.maximum(freedom, 1e-9) ** 2)])


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=0)


def _compact(x: np.ndarray) -> np.ndarray:
    """Rotate patterns into no more dimensions than there are stimuli."""
    return x if x.shape[1] <= len(x) else np.asarray(np.linalg.qr(x.T, mode="r")).T


MEASURES_OF_PATTERNS: dict[str, PatternMeasure] = {
    one.name: one
    for one in (
        PatternMeasure(
            "cka", "unbiased linear CKA", cka, -np.inf, 1, 1, 0, "high",
            "rotation, isotropic scaling, shift",
        ),
        PatternMeasure(
            "procrustes", "shape distance (rad)", procrustes, 0, np.pi / 2, 0, None, "low",
            "rotation, isotropic scaling, shift",
        ),
        PatternMeasure(
            "svcca", "SVCCA", svcca, 0, 1, 1, None, "high",
            "any linear map of the leading components",
        ),
        PatternMeasure(
            "pwcca", "PWCCA", pwcca, 0, 1, 1, None, "high",
            "any linear map of the leading components; not symmetric",
        ),
        PatternMeasure(
            "linear_predictivity", "linear predictivity (r2)", linear_predictivity, -np.inf, 1, 1,
            0, "high", "any linear map of the first; not symmetric",
        ),
    )
}  # fmt: skip


def compare_patterns(
    first: xr.Dataset,
    second: xr.Dataset,
    measures: tuple[str, ...] = tuple(MEASURES_OF_PATTERNS),
    **regions: Any,
) -> pd.DataFrame:
    """Compare two recordings by several measures of their patterns, joined by stimulus.

    Presentations of a stimulus are averaged; every subject and region of the first is compared
    with every one of the second.

    Parameters
    ----------
    first, second
        Recordings; for measures that are not symmetric the first predicts the second.
    measures
        Names of `MEASURES_OF_PATTERNS`.
    **regions
        `first_region`, `second_region`: names or patterns; everything by default.

    Returns
    -------
    pandas.DataFrame
        subject_a, region_a, subject_b, region_b, measure, value, unrelated, low, high, similar_is,
        n_stimuli.

    Raises
    ------
    InvalidInputError
        If there is no such measure.
    LabelMismatchError
        If no stimulus is shared.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.random.default_rng(0).normal(size=(20, 5)), region="IT",
    ...                      stimulus_id=[f"s{k}" for k in range(20)], subject="monkey")
    >>> compare_patterns(it, it, ("cka", "procrustes"))["value"].round(3).tolist()
    [1.0, 0.0]
    """
    unknown = [name for name in measures if name not in MEASURES_OF_PATTERNS]
    if unknown:
        raise InvalidInputError(unknown_name("measure", unknown[0], MEASURES_OF_PATTERNS))
    sides = []
    for recording, name in ((first, "first_region"), (second, "second_region")):
        sides.append(_patterns(select(recording, region=regions.get(name))))
    (ids_a, parts_a), (ids_b, parts_b) = sides
    ids, (rows_a, rows_b) = common_stimuli(ids_a, ids_b)
    table = []
    for (subject_a, region_a), x in parts_a.items():
        for (subject_b, region_b), y in parts_b.items():
            for measure in (MEASURES_OF_PATTERNS[name] for name in measures):
                table.append(
                    {
                        "subject_a": subject_a,
                        "region_a": region_a,
                        "subject_b": subject_b,
                        "region_b": region_b,
                        "measure": measure.name,
                        "value": measure.compute(x[rows_a], y[rows_b]),
                        "unrelated": measure.unrelated,
                        "low": measure.low,
                        "high": measure.high,
                        "similar_is": measure.similar_is,
                        "n_stimuli": len(ids),
                    }
                )
    return pd.DataFrame(table)


def _patterns(
    recording: xr.Dataset,
) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
    """Stimulus ids, and mean patterns of every (subject, region)."""
    codes, ids = pd.factorize(recording["stimulus_id"].values.astype(str))
    activity = recording["activity"]
    if set(activity.dims) != {"presentation", "neuroid"}:
        raise InvalidInputError(
            f"patterns must be (presentation, neuroid), got {activity.dims}; select a training "
            "step or time bin first."
        )
    values = activity.transpose("presentation", "neuroid").values.astype(float)
    means = np.zeros((len(ids), values.shape[1]))
    np.add.at(means, codes, values)
    means /= np.bincount(codes)[:, None]
    owners = list(
        zip(
            recording["subject"].values.astype(str),
            recording["region"].values.astype(str),
            strict=True,
        )
    )
    return ids, {
        owner: means[:, [k for k, one in enumerate(owners) if one == owner]]
        for owner in dict.fromkeys(owners)
    }
