r"""How far a list of labels accounts for a region: main effects, combinations, and the rest.

Comparing what main effects leave (`correct="residual"`) is comparing computations only if the list
names what they start from. If it does, what is left is a function of the *combinations* of the
labels, such as an AND or an XOR of two of them; of a list that lacks inputs it is not, and of a
list that names inputs in another form combinations explain most of what there is. Both can be seen
in the activity:

activity is regressed on main effects, and what they leave is predicted for every stimulus from the
others, by kernel regression on the labels. The kernel :math:`\rho^{d}`, d the number of labels in
which two stimuli differ, holds all interactions, those of high order with less weight; distractors
cost some weight and no cells.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprcompare.audit.design import basis_of

ACCOUNTED = 1 / 3
"""Part of what main effects leave that combinations must predict. Fixed on the development problems
of benchmarks/comparators, in two architectures: lists without half of the inputs stay below it in
every layer (at most 0.28), complete lists reach it in a layer of all networks but those whose
main effects alone come close to the answer."""

IN_FORM = 1 / 3
"""Part of what the labels predict that must be main effects. Fixed there too: at least 0.42 in
every layer for complete lists, less in the first layer for inputs that are re-expressed."""

MOST_LEVELS = 12
"""Labels with more values are numbers, whose combinations never occur twice."""

RHO = (0.05, 0.3, 0.6, 0.9)
RIDGE = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Accounted:
    """Parts of the reliable variance of a region, each as a fraction of it.

    Attributes
    ----------
    main
        Explained by main effects of the labels.
    combinations
        Predicted by their combinations, beyond main effects; NaN where labels are numbers.
    """

    main: float
    combinations: float

    @property
    def of_rest(self) -> float:
        """Part of what main effects leave that combinations predict."""
        return self.combinations / max(1 - self.main, 1e-12)

    @property
    def in_form(self) -> float:
        """Part of what the labels predict that is main effects."""
        predicted = self.main + self.combinations
        return self.main / predicted if predicted > 0 else np.nan


def accounted(patterns: np.ndarray, labels: pd.DataFrame) -> Accounted:
    """Divide the variance of a region by what the labels predict of it.

    Parameters
    ----------
    patterns : array, shape (n_repetitions, n_stimuli, n_neuroids)
        With several repetitions, noise is taken off.
    labels
        One row a stimulus, one column a feature; no missing values.

    Returns
    -------
    Accounted
        NaN where nothing reliable varies.

    Examples
    --------
    >>> labels = pd.DataFrame({"a": [0, 0, 1, 1] * 16, "b": [0, 1] * 32})
    >>> exclusive = (labels["a"] ^ labels["b"]).to_numpy(float)[None, :, None]
    >>> found = accounted(np.concatenate([exclusive, labels[["a"]].to_numpy()[None]], 2), labels)
    >>> round(found.main, 2), round(found.combinations, 2), round(found.of_rest, 2)
    (0.5, 0.5, 1.0)
    """
    mean = patterns.mean(axis=0)
    mean = mean - mean.mean(axis=0)
    basis = basis_of(labels)
    left = basis.residual(mean)
    free = len(mean) - 1
    noise = _noise(patterns)
    reliable = np.square(mean).sum() - noise * free
    after = np.square(left).sum() * free / max(free - basis.rank, 1) - noise * free
    if reliable <= 1e-12 * max(np.square(patterns.mean(axis=0)).sum(), 1e-300):
        return Accounted(np.nan, np.nan)
    main = float(np.clip(1 - after / reliable, 0, 1))
    if any(labels[name].nunique() > MOST_LEVELS for name in labels.columns):
        return Accounted(main, np.nan)
    gain = np.square(left).sum() - _smallest_error(left, labels)
    return Accounted(main, float(np.clip(gain / reliable, 0, 1 - main)))


def _noise(patterns: np.ndarray) -> float:
    """Return the variance of noise in the means of stimuli, summed over neuroids."""
    n = len(patterns)
    if n < 2:
        return 0.0
    within = np.square(patterns - patterns.mean(axis=0)).sum() / (n - 1)
    return float(within / n / patterns.shape[1])


def _smallest_error(values: np.ndarray, labels: pd.DataFrame) -> float:
    """Return the least squared error of predicting every row from the others, over settings.

    The held-out error of kernel regression is in closed form: with A = (K + r I)^-1, that of row i
    is (A Y)_i / A_ii. Predicting nothing is among the settings.
    """
    codes = np.stack([pd.factorize(labels[name])[0] for name in labels.columns], axis=1)
    differ = np.zeros((len(codes), len(codes)))
    for column in codes.T:
        differ += column[:, None] != column
    best = float(np.square(values).sum())
    if values.shape[1] > len(values):
        values = np.linalg.qr(values.T)[1].T
    for rho in RHO:
        sizes, vectors = np.linalg.eigh(rho**differ)
        turned, squared = vectors.T @ values, np.square(vectors)
        for ridge in RIDGE:
            weight = 1 / (np.maximum(sizes, 0) + ridge)
            errors = vectors @ (weight[:, None] * turned) / (squared @ weight)[:, None]
            best = min(best, float(np.square(errors).sum()))
    return best
