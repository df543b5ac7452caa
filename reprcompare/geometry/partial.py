"""What features contribute to the similarity of two RDMs, and what is left without some of them."""

from collections.abc import Sequence

import numpy as np

from reprcompare.errors import NotIdentifiableError
from reprcompare.geometry.comparators import Comparator, standardise


def feature_contributions(
    a: np.ndarray,
    b: np.ndarray,
    features: np.ndarray,
    comparator: Comparator,
    nuisance: Sequence[int] = (),
) -> tuple[float, np.ndarray]:
    r"""Split the score of two RDMs among the RDMs of features.

    With both RDMs in the form in which their score is an inner product, each is regressed on the
    features, :math:`z = \sum_f \beta_f z_f + e`. Feature f contributes
    :math:`(\beta^a_f \langle z_f, z_b \rangle + \beta^b_f \langle z_f, z_a \rangle) / 2`; what the
    contributions leave of the score is the product of the residuals. Nuisance features are first
    taken out of everything, and the score is then the partial correlation.

    Parameters
    ----------
    a, b : arrays, shape (n_pairs,)
    features : array, shape (n_features, n_pairs)
        Such as `feature_rdms` gives.
    comparator
        Of the family "linear" or "rank".
    nuisance
        Places of features that are taken out.

    Returns
    -------
    score : float
    contributions : array, shape (n_features,)
        0 for nuisance features.

    Raises
    ------
    NotIdentifiableError
        If the comparator is no inner product, or nuisance features explain an RDM completely.

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> rng = np.random.default_rng(0)
    >>> kind, size, rest = rng.normal(size=(3, 45))
    >>> score, parts = feature_contributions(
    ...     kind + size, kind + rest, np.stack([kind, size]), COMPARATORS["correlation"])
    >>> bool(parts[0] > 2 * abs(parts[1]))
    True
    """
    if comparator.family not in ("linear", "rank"):
        raise NotIdentifiableError(
            f"not identifiable: {comparator.label} is no inner product of RDMs, so it cannot be "
            "split among features; use comparator='rho-a', 'spearman' or 'correlation'."
        )
    both = standardise(np.stack([a, b]), comparator).reshape(2, -1)
    # A feature enters by its direction alone, whatever the comparator makes of its length.
    own = standardise(features, comparator).reshape(len(features), -1)
    rows = np.concatenate([both, own])
    products = rows @ rows.T
    score = products[0, 1]
    kept = [k for k in range(len(features)) if k not in set(nuisance)]
    if len(nuisance):
        out = 2 + np.asarray(nuisance)
        taken = products[:, out] @ np.linalg.pinv(products[np.ix_(out, out)], hermitian=True)
        before = np.diag(products)[:2].copy()
        products = products - taken @ products[out]
        lengths = np.diag(products)[:2]
        if (lengths <= 1e-10 * before).any():
            raise NotIdentifiableError(
                "not identifiable: the nuisance features explain an RDM completely, so nothing is "
                "left to compare."
            )
        products = products / np.sqrt(lengths[0] * lengths[1])
        score = products[0, 1]
    chosen = 2 + np.asarray(kept, dtype=int)
    inverse = np.linalg.pinv(products[np.ix_(chosen, chosen)], rcond=1e-10, hermitian=True)
    weights = products[:2, chosen] @ inverse
    contributions = np.zeros(len(features))
    contributions[kept] = (weights[0] * products[1, chosen] + weights[1] * products[0, chosen]) / 2
    return float(score), contributions
