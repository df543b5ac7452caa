"""Kenward-Roger tests: a covariance and degrees of freedom corrected for small samples.

With V = sum_i gamma_i G_i, P_i = -X' V^-1 G_i V^-1 X, Q_ij = X' V^-1 G_i V^-1 G_j V^-1 X,
Phi = (X' V^-1 X)^-1 and W the inverse of the expected information on gamma,

    Phi_A = Phi + 2 Phi { sum_ij W_ij (Q_ij - P_i Phi P_j) } Phi
    df(l) = 2 (l' Phi l)^2 / sum_ij W_ij (l' Phi P_i Phi l) (l' Phi P_j Phi l)

the one-dimensional case of Kenward & Roger 1997 (Biometrics 53), as in Halekoh & Hojsgaard
2014 (Journal of Statistical Software 59(9)). It stands here because the function of that
name in mixedlm 1.3 returns Satterthwaite's degrees of freedom times a factor, up to 9 % off
the reference implementation in the designs of tests/statistics.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from reprcompare.errors import InvalidInputError
from reprcompare.statistics.design import Design
from reprcompare.statistics.engines import Estimates

MOST_ROWS: Final = 2000


class KenwardRoger:
    """Kenward-Roger covariance and degrees of freedom of one fit.

    Parameters
    ----------
    design : Design
    estimates : Estimates
        By restricted maximum likelihood.

    Attributes
    ----------
    covariance : array of shape (p, p)
        Phi_A, of the coefficients.

    Raises
    ------
    InvalidInputError
        For maximum likelihood fits, and above `MOST_ROWS` rows, where matrices of
        (n_rows, n_rows) would be needed.
    """

    def __init__(self, design: Design, estimates: Estimates) -> None:
        n = len(design.y)
        if not estimates.reml:
            raise InvalidInputError("Kenward-Roger needs restricted likelihood; use reml=True")
        if n > MOST_ROWS:
            raise InvalidInputError(
                f"Kenward-Roger needs {n} x {n} matrices here, and {MOST_ROWS} rows is the limit; "
                "use df='satterthwaite', which differs little in large samples"
            )
        structures = _covariance_structures(design)
        weights = [*_parameters(estimates.random), estimates.residual]
        V = sum((w * G for w, G in zip(weights, structures, strict=True)), start=np.zeros((n, n)))
        inverse = linalg.inv(V)
        X = design.X
        A = [inverse @ G for G in structures]  # V^-1 G_i
        Y = inverse @ X
        self._phi = linalg.inv(X.T @ Y)
        GY = [G @ Y for G in structures]
        P = np.array([-Y.T @ gy for gy in GY])
        Q = np.array([[left.T @ inverse @ right for right in GY] for left in GY])
        information = np.array(
            [
                [
                    np.sum(A[i] * A[j].T)
                    - 2 * np.sum(self._phi * Q[i, j])
                    + np.sum((self._phi @ P[i]) * (self._phi @ P[j]).T)
                    for j in range(len(A))
                ]
                for i in range(len(A))
            ]
        )
        self._W = 2 * linalg.pinvh(information)
        inner = np.einsum("ij,ijkl->kl", self._W, Q) - np.einsum(
            "ij,ikl,lm,jmn->kn", self._W, P, self._phi, P
        )
        self._turned = np.array([self._phi @ p @ self._phi for p in P])
        self.covariance = self._phi + 2 * self._phi @ ((inner + inner.T) / 2) @ self._phi

    def df(self, contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Degrees of freedom of contrasts of shape (m, p), as an array of shape (m,)."""
        variance = np.einsum("mk,kl,ml->m", contrasts, self._phi, contrasts)
        slopes = np.einsum("mk,ikl,ml->mi", contrasts, self._turned, contrasts)
        return 2 * variance**2 / np.einsum("mi,ij,mj->m", slopes, self._W, slopes)


def _covariance_structures(design: Design) -> list[NDArray[np.float64]]:
    """G_i = dV / d gamma_i of every variance and covariance, the residual last."""
    found = []
    for term in design.random:
        blocks = [term.columns_of(name) for name in term.names]
        for first, second in _pairs(len(blocks)):
            product = blocks[first] @ blocks[second].T
            both = product if first == second else product + product.T
            found.append(sparse.csr_matrix(both).toarray())
    found.append(np.eye(len(design.y)))
    return found


def _parameters(random: tuple[NDArray[np.float64], ...]) -> list[float]:
    """Variances and covariances in the order of `_covariance_structures`."""
    return [float(G[pair]) for G in random for pair in _pairs(len(G))]


def _pairs(size: int) -> list[tuple[int, int]]:
    """Lower triangle of a symmetric matrix."""
    return [(i, j) for i in range(size) for j in range(i + 1)]
