"""The libraries that fit the models: mixedlm for random effects, statsmodels as the reference.

An engine is a function of a `Design` that returns an `Estimates`; adding one changes no
other code. mixedlm (sparse, compiled) has small-sample degrees of freedom; statsmodels'
`MixedLM` has none, so its tests use the normal distribution.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.statistics.design import Design, RandomTerm

_MOST_DENSE_ROWS: Final = 1500
_MANY_ROWS: Final = 2000


@dataclass(frozen=True)
class Estimates:
    """What an engine found.

    Attributes
    ----------
    beta : array of shape (p,)
        Coefficients.
    covariance : array of shape (p, p)
        Their covariance.
    random : tuple of arrays of shape (k, k)
        Covariance G of each random term.
    residual : float
        Residual variance.
    modes : tuple of arrays of shape (n_levels, k)
        Predicted random effects (BLUPs) of each term.
    deviance : float
        -2 log likelihood, restricted when `reml`.
    reml : bool
    converged : bool
    message : str
        What the optimiser said.
    df : callable
        From contrasts of shape (m, p) to Satterthwaite degrees of freedom of shape (m,);
        infinite where the engine has none.
    """

    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    random: tuple[NDArray[np.float64], ...]
    residual: float
    modes: tuple[NDArray[np.float64], ...]
    deviance: float
    reml: bool
    converged: bool
    message: str
    df: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def fit_mixedlm(design: Design, reml: bool = True) -> Estimates:
    """Fit with `mixedlm`, the algorithm of lme4 (Bates et al. 2015) on sparse matrices.

    The optimiser is its "auto", which adds a derivative-free search to one by exact gradients
    and stops at the last digits; above 2000 rows, where that takes four times as long, exact
    gradients alone unless they do not converge.
    """
    from mixedlm import LmerControl, LmerParsedFormula, mkLmerDevfun, mkLmerMod, optimizeLmer
    from mixedlm import parse_formula as parse

    # Its own parser only labels the result; the matrices are ours.
    label = parse("y ~ 1 + (1|group)")
    parsed = LmerParsedFormula(formula=label, matrices=_mixedlm_matrices(design), REML=reml)
    large = len(design.y) > _MANY_ROWS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for optimiser in ("L-BFGS-B", "auto") if large else ("auto",):
                control = LmerControl(
                    optimizer=optimiser,
                    ftol=1e-12,
                    gtol=1e-3,
                    check_conv=False,
                    check_singular=False,
                )
                function = mkLmerDevfun(parsed, control=control)
                found = optimizeLmer(function, method=optimiser, use_analytic_gradient=large)
                if found.converged:
                    break
            result = mkLmerMod(function, found)
    except RuntimeError as error:
        raise NotIdentifiableError(
            f"the model {design.formula!r} could not be fitted: {error}; "
            "simplify its random terms or rescale the predictors"
        ) from None
    return Estimates(
        beta=np.asarray(result.beta, dtype=np.float64),
        covariance=np.asarray(result.vcov(), dtype=np.float64),
        random=_covariances(result, design),
        residual=float(result.sigma) ** 2,
        modes=_modes(np.asarray(result.u), design.random),
        deviance=float(result.deviance),
        reml=reml,
        converged=bool(result.converged),
        message=str(found.message),
        df=lambda contrasts: _satterthwaite(result, contrasts),
    )


def fit_statsmodels(design: Design, reml: bool = True) -> Estimates:
    """Fit with statsmodels `MixedLM`, the reference for designs that it can do.

    One random term with correlated coefficients is fitted as such; several terms go through
    variance components, dense within every set of rows that share a level.
    """
    if not design.random:
        return fit_ols(design, reml)
    single = len(design.random) == 1 and design.random[0].codes is not None
    groups = _connected_rows([term.Z for term in design.random])
    largest = int(np.bincount(groups).max())
    if not single and any(len(term.names) > 1 for term in design.random):
        raise InvalidInputError(
            "statsmodels cannot fit correlated random slopes beside other random terms; "
            "use engine='mixedlm', or write the slopes with || "
        )
    if largest > _MOST_DENSE_ROWS:
        raise InvalidInputError(
            f"statsmodels would need dense {largest} x {largest} matrices for this crossed "
            "design; use engine='mixedlm'"
        )
    if single:
        term = design.random[0]
        # A row has one level, so the sum over levels is the row's own k values.
        values = term.Z.toarray().reshape(len(design.y), -1, len(term.names)).sum(axis=1)
        model = MixedLM(design.y, design.X, groups=term.codes, exog_re=values)
    else:
        model = MixedLM(
            design.y,
            design.X,
            groups=groups,
            exog_re=np.empty((len(design.y), 0)),
            exog_vc=_variance_components(design.random, groups),
            use_sqrt=True,
        )
    return _fit_statsmodels_model(model, design, reml)


def fit_ols(design: Design, reml: bool = True) -> Estimates:
    """Ordinary least squares by statsmodels, with exact degrees of freedom."""
    if design.random:
        raise InvalidInputError("least squares has no random terms; use engine='mixedlm'")
    result = sm.OLS(design.y, design.X).fit()
    n, p = design.X.shape
    deviance = -2.0 * float(result.llf)
    if reml:
        _, logdet = np.linalg.slogdet(design.X.T @ design.X)
        deviance = (n - p) * (1.0 + np.log(2.0 * np.pi * result.ssr / (n - p))) + logdet
    return Estimates(
        beta=result.params,
        covariance=result.cov_params(),
        random=(),
        modes=(),
        residual=float(result.mse_resid if reml else result.ssr / n),
        deviance=float(deviance),
        reml=reml,
        converged=True,
        message="closed form",
        df=lambda contrasts: np.full(len(contrasts), float(n - p)),
    )


ENGINES: Final[dict[str, Callable[..., Estimates]]] = {
    "mixedlm": fit_mixedlm,
    "statsmodels": fit_statsmodels,
}
"""Engines by name."""


def _mixedlm_matrices(design: Design) -> Any:
    """Lay a design out as mixedlm's `ModelMatrices`."""
    from mixedlm.matrices.design import ModelMatrices, RandomEffectStructure

    n, p = design.X.shape
    structures = [
        RandomEffectStructure(
            grouping_factor=f"{number}:{term.group}",
            term_names=list(term.names),
            n_levels=len(term.levels),
            n_terms=len(term.names),
            correlated=True,
            level_map={level: index for index, level in enumerate(term.levels)},
            level_indices=None if term.codes is None else term.codes.astype(np.int32),
        )
        for number, term in enumerate(design.random)
    ]
    Z = sparse.hstack([term.Z for term in design.random], format="csc")
    return ModelMatrices(
        y=design.y,
        X=np.ascontiguousarray(design.X),
        Z=Z,
        fixed_names=list(design.names),
        random_structures=structures,
        n_obs=n,
        n_fixed=p,
        n_random=Z.shape[1],
        weights=np.ones(n),
        offset=np.zeros(n),
    )


def _covariances(result: Any, design: Design) -> tuple[NDArray[np.float64], ...]:
    """G = sigma^2 L L' of each term, from the relative Cholesky factors L in theta."""
    found, position = [], 0
    for term in design.random:
        k = len(term.names)
        size = k * (k + 1) // 2
        factor = np.zeros((k, k))
        factor[np.tril_indices(k)] = result.theta[position : position + size]
        found.append(float(result.sigma) ** 2 * factor @ factor.T)
        position += size
    return tuple(found)


def _modes(u: NDArray[np.float64], terms: tuple[RandomTerm, ...]) -> tuple[Any, ...]:
    """Cut the stacked random effects into one array of shape (n_levels, k) per term."""
    ends = np.cumsum([term.Z.shape[1] for term in terms])
    parts = np.split(u, ends[:-1])
    return tuple(part.reshape(-1, len(t.names)) for part, t in zip(parts, terms, strict=True))


def _satterthwaite(result: Any, contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees of freedom of contrasts: mixedlm's, for a basis in which each is a coefficient.

    With A = I except for one row that is the contrast, the model X A^-1 (A beta) is the same
    model, and that coefficient of A beta is the contrast.
    """
    from mixedlm import satterthwaite_df

    p = len(result.beta)
    if np.array_equal(contrasts, np.eye(p)):
        return np.asarray(satterthwaite_df(result).df, dtype=np.float64)
    found = np.empty(len(contrasts))
    for number, contrast in enumerate(contrasts):
        row = int(np.argmax(np.abs(contrast)))
        A = np.eye(p)
        A[row] = contrast
        X = np.ascontiguousarray(result.matrices.X @ np.linalg.inv(A))
        turned = replace(result, matrices=replace(result.matrices, X=X), beta=A @ result.beta)
        found[number] = satterthwaite_df(turned).df[row]
    return found


def _connected_rows(designs: list[sparse.csc_matrix]) -> NDArray[np.intp]:
    """Label rows so that rows sharing a level of any grouping get the same label."""
    Z = sparse.hstack(designs, format="csr")
    pattern = sparse.csr_matrix((np.ones(Z.nnz), Z.indices, Z.indptr), shape=Z.shape)
    n = Z.shape[0]
    bipartite = sparse.bmat([[None, pattern], [pattern.T, None]])
    return np.asarray(connected_components(bipartite, directed=False)[1][:n])


def _variance_components(terms: tuple[RandomTerm, ...], groups: NDArray[np.intp]) -> VCSpec:
    """Hand the terms to statsmodels, split by the sets of rows that are independent."""
    # statsmodels orders components by name; numbered names keep ours.
    names = [f"{number:02d}" for number in range(len(terms))]
    matrices, columns = [], []
    for term in terms:
        per_group = [term.Z[groups == label] for label in np.unique(groups)]
        used = [np.flatnonzero(np.diff(Z.indptr)) for Z in per_group]
        matrices.append([Z[:, keep].toarray() for Z, keep in zip(per_group, used, strict=True)])
        columns.append([[str(c) for c in keep] for keep in used])
    return VCSpec(names, columns, matrices)


def _fit_statsmodels_model(model: MixedLM, design: Design, reml: bool) -> Estimates:
    """Run several optimisers, because each stops short on some designs, and read the best."""
    p = design.X.shape[1]
    result = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in ("bfgs", "lbfgs", "cg", "powell"):
            try:
                candidate = model.fit(reml=reml, method=method, maxiter=500)
            except (np.linalg.LinAlgError, ValueError):
                continue
            # With a variance below 1e-10 coefficients come out as exactly 0, with a
            # likelihood that is not theirs (statsmodels#10239).
            if np.any(np.asarray(candidate.fe_params) == 0.0):
                continue
            if result is None or candidate.llf > result.llf + 1e-6:
                result = candidate
        if result is None:
            raise NotIdentifiableError(
                f"statsmodels could not fit {design.formula!r}, as happens when a variance is "
                "estimated as 0 (statsmodels#10239); use engine='mixedlm'"
            )
        covariances = (
            (np.asarray(result.cov_re, dtype=np.float64),)
            if model.k_re > 0
            else tuple(np.array([[value]]) for value in result.vcomp)
        )
    residual = float(result.scale)
    rest = design.y - design.X @ np.asarray(result.fe_params)
    u = _predicted_effects(design.random, covariances, residual, rest)
    return Estimates(
        beta=np.asarray(result.fe_params),
        covariance=np.asarray(result.cov_params())[:p, :p],
        random=covariances,
        residual=residual,
        modes=_modes(u, design.random),
        deviance=-2.0 * float(result.llf),
        reml=reml,
        converged=bool(result.converged),
        message="none of statsmodels' optimisers converged"
        if not result.converged
        else "converged",
        df=lambda contrasts: np.full(len(contrasts), np.inf),
    )


def _predicted_effects(
    terms: tuple[RandomTerm, ...],
    covariances: tuple[NDArray[np.float64], ...],
    residual: float,
    rest: NDArray[np.float64],
) -> NDArray[np.float64]:
    """BLUPs (G Z'Z + sigma^2 I)^-1 G Z' r, a form that a singular G does not stop.

    statsmodels' own raises at the boundary, and leaves out variance components.
    """
    Z = sparse.hstack([term.Z for term in terms], format="csc")
    G = sparse.block_diag(
        [
            sparse.kron(sparse.eye(len(term.levels)), covariance)
            for term, covariance in zip(terms, covariances, strict=True)
        ]
    )
    system = (G @ (Z.T @ Z) + residual * sparse.eye(Z.shape[1])).tocsc()
    return np.asarray(spsolve(system, G @ (Z.T @ rest)))
