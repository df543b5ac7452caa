"""RSA as a mixed model: dissimilarities of all pairs of stimuli on how the pairs differ.

    d_s,v(i,j) = beta' x(i,j) + u_i + u_j + p_ij + [ a_s + b_s' x(i,j) + u_s,i + u_s,j ] + c_s,v + e

for subject s in session v. Pairs that share a stimulus share its effect u, so the two stimuli
of a pair draw on *one* factor, to which every pair belongs twice. Two separate factors, one
for the first and one for the second stimulus, are another model: which stimulus comes first
is arbitrary, and the standard errors would depend on it. The pair effect p is what all
sessions share of a pair; a, b and u_s are a subject's own level, slopes and stimulus effects;
c is a session's level.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rsatoolbox.rdm import RDMs
from scipy import sparse

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.statistics.design import (
    Design,
    RandomTerm,
    dependent_columns,
    grouping,
    level_design,
)
from reprcompare.statistics.engines import fit_mixedlm
from reprcompare.statistics.mixed import MixedModel, summarise

STIMULI: Final = ("stimulus_a", "stimulus_b")


def pair_table(
    rdms: RDMs, labels: pd.DataFrame, predictors: Sequence[str] | None = None
) -> pd.DataFrame:
    """Tidy table of all dissimilarities with the differences of their stimuli.

    Parameters
    ----------
    rdms : rsatoolbox.rdm.RDMs
        With pattern descriptor `stimulus_id` and, optionally, RDM descriptors `subject` and
        `session`.
    labels : pandas.DataFrame
        Indexed by stimulus id; joined by label.
    predictors : sequence of str, optional
        Columns of `labels`; all by default. Numbers become absolute differences, everything
        else 1 for pairs that differ and 0 for pairs that agree.

    Returns
    -------
    pandas.DataFrame
        subject, session, stimulus_a, stimulus_b, dissimilarity, and one column per predictor.
        A label that follows from those before it (animacy from face and body) gets no column,
        since its pairs could not be told from theirs; `attrs["left_out"]` names it, and
        `pair_model` says so.

    Raises
    ------
    LabelMismatchError
        When a stimulus of the RDMs has no label.
    UnknownNameError
        When `labels` lacks a column.

    Examples
    --------
    >>> ids = {"stimulus_id": ["cat", "dog", "car"]}
    >>> rdms = RDMs(np.array([[0.1, 0.8, 0.9]]), pattern_descriptors=ids)
    >>> labels = pd.DataFrame({"alive": [True, True, False]}, index=ids["stimulus_id"])
    >>> pair_table(rdms, labels).drop(columns=["subject", "session"]).to_numpy().tolist()
    [['cat', 'dog', 0.1, 0.0], ['cat', 'car', 0.8, 1.0], ['dog', 'car', 0.9, 1.0]]
    """
    ids = [str(name) for name in rdms.pattern_descriptors.get("stimulus_id", [])]
    if not ids:
        raise InvalidInputError("the RDMs carry no pattern descriptor 'stimulus_id' to join by")
    known = labels.set_axis(labels.index.astype(str))
    missing = [name for name in ids if name not in known.index]
    if missing:
        raise LabelMismatchError(f"stimuli of the RDMs without a label: {listing(missing)}")
    chosen = list(predictors) if predictors is not None else [str(c) for c in labels.columns]
    for name in chosen:
        if name not in known.columns:
            raise UnknownNameError(unknown_name("label", name, map(str, known.columns), "labels"))
    known = known.loc[ids]
    left_out = _collinear_labels(known[chosen])
    chosen = [name for name in chosen if name not in left_out]
    first, second = np.triu_indices(len(ids), k=1)
    dissimilarities = np.asarray(rdms.dissimilarities, dtype=np.float64)
    n_rdms = len(dissimilarities)
    described = {
        name: np.repeat(
            np.asarray(rdms.rdm_descriptors.get(name, [default] * n_rdms)).astype(str), len(first)
        )
        for name, default in (("subject", "1"), ("session", "1"))
    }
    table = pd.DataFrame(
        described
        | {
            STIMULI[0]: np.tile(np.array(ids)[first], n_rdms),
            STIMULI[1]: np.tile(np.array(ids)[second], n_rdms),
            "dissimilarity": dissimilarities.ravel(),
        }
        | {name: np.tile(_differences(known[name], first, second), n_rdms) for name in chosen}
    )
    table.attrs["left_out"] = left_out
    return table


def pair_model(
    table: pd.DataFrame,
    predictors: Sequence[str],
    *,
    value: str = "dissimilarity",
    stimuli: tuple[str, str] = STIMULI,
    subject: str = "subject",
    session: str = "session",
    level: float = 0.95,
) -> MixedModel:
    """Regress dissimilarities of pairs on predictors, generalising over subjects and stimuli.

    Random terms as in the head of this module, as far as the table has more than one subject
    and more than one session. Slopes of different predictors are taken as independent.
    Predictors that follow from earlier ones are left out, which the notes say. Swapping the
    two stimuli of a pair, or reordering rows, changes nothing.

    Parameters
    ----------
    table : pandas.DataFrame
        One pair in one session a row, as from `pair_table`.
    predictors : sequence of str
        Numeric columns.
    value : str
        Column of the dissimilarities.
    stimuli : pair of str
        Columns of the two stimuli.
    subject, session : str
        Columns; may be absent. Sessions are nested in subjects.
    level : float
        Of the confidence intervals.

    Returns
    -------
    MixedModel
        Multi-membership terms are written `mm(stimulus)`.

    Raises
    ------
    UnknownNameError
        When a column does not exist.
    InvalidInputError
        When a pair is of a stimulus with itself, or occurs twice in a session.
    NotIdentifiableError
        When no predictor varies, or there are fewer than 5 stimuli.

    References
    ----------
    Chen et al. 2017, NeuroImage 147 (pairs of subjects as crossed membership); Browne,
    Goldstein & Rasbash 2001, Statistical Modelling 1 (multiple membership).
    """
    left_out = [name for name in table.attrs.get("left_out", []) if name not in table.columns]
    predictors = [name for name in predictors if name not in left_out]
    rows = _ordered(table, predictors, value, stimuli, subject, session)
    X = np.column_stack([np.ones(len(rows)), rows[list(predictors)].to_numpy(dtype=np.float64)])
    names = ["Intercept", *predictors]
    dependent = dependent_columns(X)
    left_out += [names[column] for column in dependent]
    notes = []
    if left_out:
        notes.append(
            f"left out, because it follows from what stands before it: {listing(left_out)}"
        )
    kept = [column for column in range(len(names)) if column not in dependent]
    names, X = [names[column] for column in kept], X[:, kept]
    if len(names) == 1:
        raise NotIdentifiableError(f"none of {listing(predictors)} varies over the pairs")
    random = _random_terms(rows, X, names)
    formula = f"{value} ~ {' + '.join(names[1:])} + " + " + ".join(_write(t) for t in random)
    y = rows["_value"].to_numpy()
    design = Design(formula, y, X, tuple(names), tuple(random), rows, None, tuple(notes))
    return summarise(design, fit_mixedlm(design), "mixedlm", level=level)


def label_permutation(
    table: pd.DataFrame,
    predictors: Sequence[str],
    *,
    value: str = "dissimilarity",
    stimuli: tuple[str, str] = STIMULI,
    n_permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Test predictors of dissimilarities by permuting the labels of the stimuli (QAP).

    Dissimilarities are averaged over subjects and sessions, so these are tests for these
    subjects. With several predictors, each is made orthogonal to the others before it is
    permuted (double semi-partialing; Dekker, Krackhardt & Snijders 2007, Psychometrika 72).

    Parameters
    ----------
    table, predictors, value, stimuli
        As for `pair_model`; every pair must occur.
    n_permutations : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        term, estimate, p (two-sided, the observed labelling counted).

    Raises
    ------
    InvalidInputError, UnknownNameError
        As `pair_model`.
    NotIdentifiableError
        If a pair is missing, or a predictor follows from others.
    """
    rows = _ordered(table, predictors, value, stimuli, "", "")
    mean = rows.groupby(["_a", "_b"])[["_value", *predictors]].mean()
    names = sorted(set(rows["_a"]) | set(rows["_b"]))
    first, second = np.triu_indices(len(names), k=1)
    if len(mean) != len(first):
        raise NotIdentifiableError(
            f"{len(first) - len(mean)} of {len(first)} pairs are missing, "
            "and permuting stimuli needs them all"
        )
    columns = mean[list(predictors)].to_numpy(dtype=np.float64)
    X = np.column_stack([np.ones(len(mean)), columns])
    if dependent_columns(X):
        left_out = listing(["intercept", *predictors][c] for c in dependent_columns(X))
        raise NotIdentifiableError(
            f"{left_out} follows from the predictors before it; leave it out"
        )
    y = mean["_value"].to_numpy()
    rng = np.random.default_rng(seed)
    square = np.zeros((len(names), len(names)))
    found = []
    for place, name in enumerate(predictors, start=1):
        others = np.delete(X, place, axis=1)
        residual = X[:, place] - others @ np.linalg.lstsq(others, X[:, place], rcond=None)[0]
        square[first, second] = square[second, first] = residual
        observed = _partial_t(y, residual, others)
        beyond = 1
        for _ in range(n_permutations):
            order = rng.permutation(len(names))
            shuffled = square[order[first], order[second]]
            beyond += abs(_partial_t(y, shuffled, others)[1]) >= abs(observed[1]) - 1e-12
        found.append((name, observed[0], beyond / (n_permutations + 1)))
    return pd.DataFrame(found, columns=["term", "estimate", "p"])


def _ordered(
    table: pd.DataFrame,
    predictors: Sequence[str],
    value: str,
    stimuli: tuple[str, str],
    subject: str,
    session: str,
) -> pd.DataFrame:
    """Put pairs and rows in the order of their names, so that no other order matters."""
    if not predictors:
        raise InvalidInputError("name at least one predictor of the dissimilarities")
    for name in (*predictors, value, *stimuli):
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    rows = table.dropna(subset=[*predictors, value, *stimuli]).copy()
    a, b = rows[stimuli[0]].astype(str), rows[stimuli[1]].astype(str)
    if (a == b).any():
        raise InvalidInputError(f"{a[a == b].iloc[0]!r} is paired with itself; leave out diagonals")
    rows["_a"], rows["_b"] = np.minimum(a, b), np.maximum(a, b)
    rows["_subject"] = rows[subject].astype(str) if subject in rows else "1"
    rows["_session"] = rows[session].astype(str) if session in rows else "1"
    rows["_value"] = rows[value].astype(np.float64)
    keys = ["_subject", "_session", "_a", "_b"]
    twice = rows.duplicated(keys)
    if subject and twice.any():
        raise InvalidInputError(
            f"the pair {listing(rows.loc[twice, ['_a', '_b']].iloc[0])} occurs twice in a session; "
            "name the columns that tell the rows apart with subject= and session="
        )
    if len(set(rows["_a"]) | set(rows["_b"])) < 5:
        raise NotIdentifiableError("fewer than 5 stimuli cannot be generalised over")
    return rows.sort_values(keys, kind="stable").reset_index(drop=True)


def _random_terms(rows: pd.DataFrame, X: NDArray[np.float64], names: list[str]) -> list[RandomTerm]:
    """Random terms that the table can tell apart."""
    ones = np.ones((len(rows), 1))
    stimuli = sorted(set(rows["_a"]) | set(rows["_b"]))
    ends = [pd.Index(stimuli).get_indexer(pd.Index(rows[end])) for end in ("_a", "_b")]
    terms = [_membership("stimulus", stimuli, ends)]
    pairs, pair_levels = grouping(("_a", "_b"), rows)
    if len(pair_levels) < len(rows):
        Z = level_design(pairs, len(pair_levels), ones)
        terms.append(RandomTerm("pair", ("Intercept",), tuple(pair_levels), Z, pairs))
    subjects, subject_levels = grouping(("_subject",), rows)
    sessions, session_levels = grouping(("_subject", "_session"), rows)
    n = len(subject_levels)
    if n > 1:
        for column, name in enumerate(names):
            Z = level_design(subjects, n, X[:, [column]])
            terms.append(RandomTerm("subject", (name,), tuple(subject_levels), Z, subjects))
        own = [f"{s}:{i}" for s in subject_levels for i in stimuli]
        shifted = [subjects * len(stimuli) + end for end in ends]
        terms.append(_membership("subject:stimulus", own, shifted))
    if len(session_levels) > n:
        Z = level_design(sessions, len(session_levels), ones)
        group = "subject:session" if n > 1 else "session"
        terms.append(RandomTerm(group, ("Intercept",), tuple(session_levels), Z, sessions))
    return terms


def _membership(group: str, levels: list[str], ends: list[NDArray[Any]]) -> RandomTerm:
    """One factor that every row belongs to twice: Z has two ones a row."""
    n = len(ends[0])
    row = np.concatenate([np.arange(n)] * 2)
    shape = (n, len(levels))
    Z = sparse.csc_matrix((np.ones(2 * n), (row, np.concatenate(ends))), shape=shape)
    used = np.flatnonzero(np.diff(Z.indptr))
    return RandomTerm(group, ("Intercept",), tuple(levels[k] for k in used), Z[:, used])


def _write(term: RandomTerm) -> str:
    """Write a random term as in a formula."""
    if term.codes is None:
        return f"mm({term.group})"
    return f"({'1' if term.names == ('Intercept',) else '0 + ' + term.names[0]}|{term.group})"


def _collinear_labels(labels: pd.DataFrame) -> list[str]:
    """Labels whose columns, one-hot coded where they are not numbers, follow from earlier ones."""
    blocks = {
        name: labels[[name]].astype(float)
        if pd.api.types.is_numeric_dtype(labels[name])
        else pd.get_dummies(labels[name], drop_first=True, dtype=float)
        for name in labels.columns
    }
    X = np.column_stack([np.ones(len(labels)), *(block.to_numpy() for block in blocks.values())])
    owner = [None, *(name for name, block in blocks.items() for _ in range(block.shape[1]))]
    free = {owner[c] for c in range(X.shape[1]) if c not in dependent_columns(X)}
    return [str(name) for name in labels.columns if name not in free]


def _differences(
    label: "pd.Series[Any]", first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How the two stimuli of every pair differ in one label."""
    if pd.api.types.is_numeric_dtype(label) and label.dtype != bool:
        values = label.to_numpy(dtype=np.float64)
        return np.abs(values[first] - values[second])
    codes = pd.factorize(label)[0]
    return (codes[first] != codes[second]).astype(np.float64)


def _partial_t(
    y: NDArray[np.float64], x: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[float, float]:
    """Coefficient of x beside other columns, and its t statistic."""
    X = np.column_stack([others, x])
    inverse = np.linalg.pinv(X.T @ X)
    beta = inverse @ (X.T @ y)
    rest = y - X @ beta
    variance = rest @ rest / (len(y) - X.shape[1]) * inverse[-1, -1]
    return float(beta[-1]), float(beta[-1] / np.sqrt(max(variance, 1e-300)))
