"""Partial least squares, from scikit-learn, in the same nested cross-validation."""

import warnings

import numpy as np

from reprcompare.encoding.fitting import Fit, Search
from reprcompare.encoding.folds import Folds
from reprcompare.encoding.systems import System, Systems


def fit_pls(systems: Systems, targets: np.ndarray, folds: Folds, search: Search) -> Fit:
    """Fit and predict by nested cross-validation over numbers of components.

    Components are those of all targets together (PLS2), the number of them is chosen for every
    target. Parameters and result are those of `fit`; the predictors enter by their principal
    coordinates, which PLS does not tell from the columns themselves.
    """
    n, n_targets = targets.shape
    fitted = Fit(
        np.empty((n, n_targets)),
        None,
        np.empty((folds.number, n_targets)),
        np.ones((folds.number, 1, n_targets)),
        np.empty((folds.number, n_targets)),
        [],
    )
    numbers = search.settings.astype(int)
    for number in range(folds.number):
        training = folds.outer != number
        columns = _coordinates(systems(training), search.weights[0])
        inner = folds.inner[number]
        error, spread = np.zeros((len(numbers), n_targets)), np.zeros(n_targets)
        for left_out in range(int(inner.max()) + 1):
            own, held = (inner >= 0) & (inner != left_out), inner == left_out
            predicted = _predicted(columns, targets, own, held, numbers)
            error += np.square(predicted - targets[held]).mean(axis=1)
            spread += np.square(targets[held] - targets[own].mean(axis=0)).mean(axis=0)
        chosen = error.argmin(axis=0)
        predicted = _predicted(columns, targets, training, ~training, numbers)
        fitted.predicted[~training] = np.take_along_axis(predicted, chosen[None, None], axis=0)[0]
        fitted.setting[number] = numbers[chosen]
        with np.errstate(invalid="ignore", divide="ignore"):
            fitted.inner_r2[number] = 1 - error.min(axis=0) / spread
    return fitted


def _coordinates(system: System, weights: np.ndarray) -> np.ndarray:
    """Return columns whose inner products are the weighted kernel of all groups."""
    if system.columns is not None:
        lengths = np.sqrt(weights)[system.owner.cpu().numpy()]  # type: ignore[union-attr]
        return system.columns.cpu().numpy() * lengths
    kernel = sum(w * k.cpu().numpy() for w, k in zip(weights, system.kernels, strict=True))
    means = np.asarray(kernel).mean(axis=0)
    values, vectors = np.linalg.eigh(kernel - means - means[:, None] + means.mean())
    kept = values > 1e-12 * values.max()
    return vectors[:, kept] * np.sqrt(values[kept])


def _predicted(
    columns: np.ndarray, targets: np.ndarray, own: np.ndarray, held: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Predict held-out rows with every number of components, (n_numbers, n_held, n_targets)."""
    # scikit-learn takes a second to import, and nothing else here needs it.
    from sklearn.cross_decomposition import PLSRegression

    most = min(int(numbers.max()), int(own.sum()) - 1, columns.shape[1])
    model = PLSRegression(most, scale=False)
    with warnings.catch_warnings():
        # Components beyond the rank of the responses are empty, which is what is wanted.
        warnings.simplefilter("ignore")
        model.fit(columns[own], targets[own])
    mean = targets[own].mean(axis=0)
    scores = (columns[held] - columns[own].mean(axis=0)) @ model.x_rotations_
    return np.stack(
        [mean + scores[:, : min(k, most)] @ model.y_loadings_[:, : min(k, most)].T for k in numbers]
    )
