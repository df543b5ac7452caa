"""From a formula and a table to the matrices of a mixed model, with everything checked on the way.

    y = X beta + sum_k Z_k b_k + e,   b_k ~ N(0, I (x) G_k),   e ~ N(0, sigma^2 I)

X has one column per coefficient, Z_k one block of columns per level of a grouping.
"""

import ast
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import patsy
from numpy.typing import NDArray
from scipy import linalg, sparse

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.statistics.formula import ENVIRONMENT, Bar, ModelFormula, parse_formula, terms_of
from reprcompare.statistics.outcomes import outcome_notes

_RANK_TOLERANCE = 1e-9
_KEEP = patsy.NAAction(NA_types=[])  # missing values are left out, or named, here


@dataclass(frozen=True)
class RandomTerm:
    """One random term: which levels, and how each observation draws on them.

    Attributes
    ----------
    group : str
        Name of the grouping, `subject` or `subject:session`.
    names : tuple of str
        Names of the k random coefficients of a level, such as `Intercept` and `day`.
    levels : tuple of str
        Names of the q levels.
    Z : sparse array of shape (n_rows, q * k)
        Design of the term; the k columns of a level stand side by side.
    codes : integer array of shape (n_rows,), optional
        Level of each row; None where a row belongs to several levels at once.
    """

    group: str
    names: tuple[str, ...]
    levels: tuple[str, ...]
    Z: sparse.csc_matrix
    codes: NDArray[np.intp] | None = None

    def columns_of(self, name: str) -> sparse.csc_matrix:
        """Design of one random coefficient, of shape (n_rows, q)."""
        return self.Z[:, self.names.index(name) :: len(self.names)]


@dataclass(frozen=True)
class Design:
    """The matrices of one model and the rows that they were made of.

    Attributes
    ----------
    formula : str
        As the user wrote it.
    y : array of shape (n_rows,)
    X : array of shape (n_rows, p)
    names : tuple of str
        Names of the p coefficients, as patsy writes them; `rule[T.xor]` is the difference
        of `xor` from the reference level.
    random : tuple of RandomTerm
    table : pandas.DataFrame
        The rows used, with their original index.
    fixed_info : patsy.DesignInfo
        Builds X for new rows.
    notes : tuple of str
        Sentences on what was left out.
    """

    formula: str
    y: NDArray[np.float64]
    X: NDArray[np.float64]
    names: tuple[str, ...]
    random: tuple[RandomTerm, ...]
    table: pd.DataFrame
    fixed_info: Any
    notes: tuple[str, ...] = ()


def build_design(formula: str, table: pd.DataFrame) -> Design:
    """Build the matrices of a model.

    Rows with a missing value in a column of the formula are left out, and unused levels of
    a categorical column are dropped; both are said in `notes`.

    Raises
    ------
    UnknownNameError
        When the formula names a column that the table does not have.
    InvalidInputError
        When the table is no DataFrame, or a value is infinite or not a number where one is
        needed.
    NotIdentifiableError
        When the outcome is constant, predictors are collinear, or a grouping has a single
        level or as many levels as there are rows.
    """
    parts = parse_formula(formula)
    if not isinstance(table, pd.DataFrame):
        raise InvalidInputError(
            f"mixed models need a pandas DataFrame with one observation a row, not "
            f"{type(table).__name__}"
        )
    rows, complete, notes = _usable_rows(parts, table)
    y = _outcome(parts.response, rows)
    fixed = _matrix(parts.fixed, rows)
    X = np.asarray(fixed, dtype=np.float64)
    names = tuple(fixed.design_info.column_names)
    if len(y) <= X.shape[1]:
        raise NotIdentifiableError(
            f"{len(y)} usable rows cannot estimate {X.shape[1]} coefficients ({listing(names)}); "
            "there must be more rows than coefficients"
        )
    check_rank(X, names)
    random = tuple(_random_term(bar, rows) for bar in parts.random)
    _refuse_split_pairs(random)
    wholes = {t.group: t.codes for t in random if t.codes is not None}
    notes += outcome_notes(parts.response, y, wholes, list(rows.columns), table.loc[complete])
    return Design(str(formula), y, X, names, random, rows, fixed.design_info, tuple(notes))


def formula_columns(formula: str) -> list[str]:
    """Return the names of the columns that a formula uses, outcome and groups included.

    Parameters
    ----------
    formula
        As for `mixed_model`.

    Returns
    -------
    list of str
        In the order of their first use.

    Raises
    ------
    InvalidInputError
        If it is no formula.

    Examples
    --------
    >>> formula_columns("share ~ C(complexity) * region + (1|subject)")
    ['share', 'complexity', 'region', 'subject']
    """
    return used_columns(parse_formula(formula))


def used_columns(parts: ModelFormula) -> list[str]:
    """Names of the columns that a formula uses, in the order of their first use."""
    found: dict[str, None] = {}
    for expression in (parts.response, parts.fixed, *(bar.expression for bar in parts.random)):
        for term in terms_of(expression).rhs_termlist:
            for factor in term.factors:
                tree = ast.parse(factor.code, mode="eval")
                calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
                quoted = [
                    node.args[0].value
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == "Q"
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ]
                plain = [
                    node.id
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Name)
                    and id(node) not in calls
                    and node.id not in ("Treatment", "Sum", "Helmert", "Poly", "Diff")
                ]
                found.update(dict.fromkeys([*map(str, quoted), *plain]))
    for bar in parts.random:
        found.update(dict.fromkeys(bar.group))
    return list(found)


def check_rank(X: NDArray[np.float64], names: tuple[str, ...]) -> None:
    """Raise when a column of X is a combination of the columns before it.

    Parameters
    ----------
    X : array of shape (n_rows, p)
    names : tuple of p str
    """
    dependent = dependent_columns(X)
    if not dependent:
        return
    column = dependent[0]
    before = [j for j in range(column) if j not in dependent]
    weights = linalg.lstsq(X[:, before], X[:, column])[0] if before else np.empty(0)
    large = np.abs(weights) > 1e-6 * max(np.max(np.abs(weights), initial=0.0), 1e-300)
    sources = [names[j] for j, kept in zip(before, large, strict=True) if kept]
    reason = (
        f"it follows from {listing(sources)}" if np.any(X[:, column]) and sources else "it is 0"
    )
    raise NotIdentifiableError(
        f"the coefficient of {names[column]!r} cannot be estimated: {reason} in every row. "
        "Leave out one of them, or for an interaction collect the combination that is missing"
    )


def dependent_columns(X: NDArray[np.float64]) -> list[int]:
    """Columns that are linear combinations of earlier ones (Gram-Schmidt, in order).

    Examples
    --------
    >>> dependent_columns(np.array([[1.0, 0, 2], [1, 1, 3], [1, 2, 4]]))
    [2]
    """
    basis: list[NDArray[np.float64]] = []
    dependent = []
    for column in range(X.shape[1]):
        rest = X[:, column].copy()
        size = np.linalg.norm(rest)
        for _ in range(2):  # the second pass removes what rounding left of the first
            for direction in basis:
                rest -= direction * (direction @ rest)
        if size == 0 or np.linalg.norm(rest) <= _RANK_TOLERANCE * size:
            dependent.append(column)
        else:
            basis.append(rest / np.linalg.norm(rest))
    return dependent


def grouping(columns: tuple[str, ...], rows: pd.DataFrame) -> tuple[NDArray[np.intp], list[str]]:
    """Code the combinations of some columns as integers.

    Returns
    -------
    codes : integer array of shape (n_rows,)
    levels : list of str
        Name of each code; parts of a combination are joined with `:`.
    """
    numbered = rows.groupby(list(columns), sort=True, observed=True).ngroup()
    codes = np.asarray(numbered, dtype=np.intp)
    first = np.unique(codes, return_index=True)[1]
    parts = rows[list(columns)].iloc[first].astype(str)
    return codes, [":".join(level) for level in parts.itertuples(index=False)]


def level_design(
    codes: NDArray[np.intp], n_levels: int, columns: NDArray[np.float64]
) -> sparse.csc_matrix:
    """Z of one term: row i holds its k values in the columns of its level.

    Parameters
    ----------
    codes : integer array of shape (n_rows,)
    n_levels : int
    columns : array of shape (n_rows, k)

    Returns
    -------
    sparse array of shape (n_rows, n_levels * k)
    """
    n_rows, k = columns.shape
    row = np.repeat(np.arange(n_rows), k)
    column = (codes[:, None] * k + np.arange(k)).ravel()
    shape = (n_rows, n_levels * k)
    Z = sparse.csc_matrix((columns.ravel(), (row, column)), shape=shape)
    Z.eliminate_zeros()
    return Z


def _usable_rows(
    parts: ModelFormula, table: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.bool_], list[str]]:
    """Keep the columns and rows that the model can use, mark the rows, and say what went."""
    columns = used_columns(parts)
    for name in columns:
        if name not in table.columns:
            known = [str(column) for column in table.columns]
            raise UnknownNameError(unknown_name("column", name, known, "the table"))
    rows = table[columns]
    complete = rows.notna().all(axis=1).to_numpy()
    notes = []
    if not complete.all():
        missing = rows.columns[rows.isna().any(axis=0)]
        notes.append(
            f"{int((~complete).sum())} of {len(table)} rows left out: missing {listing(missing)}"
        )
    rows = rows.loc[complete].copy()
    if rows.empty:
        raise NotIdentifiableError(
            f"no row of the table has a value in all of {listing(columns, most=20)}"
        )
    for name in columns:
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            unused = rows[name].cat.categories.difference(list(rows[name].unique()))
            rows[name] = rows[name].cat.remove_unused_categories()
            if len(unused):
                notes.append(f"levels of {name} that do not occur: {listing(unused)}")
        elif not pd.api.types.is_numeric_dtype(rows[name]):
            rows[name] = rows[name].astype(object)
        elif isinstance(rows[name].dtype, pd.api.extensions.ExtensionDtype):
            # Nullable, but complete by now.
            rows[name] = rows[name].to_numpy(dtype=rows[name].dtype.type)
    return rows, complete, notes


def _outcome(expression: str, rows: pd.DataFrame) -> NDArray[np.float64]:
    """Evaluate the left side of a formula."""
    if expression in rows and not pd.api.types.is_numeric_dtype(rows[expression]):
        raise InvalidInputError(
            f"the outcome {expression!r} holds text such as {rows[expression].iloc[0]!r}; it must "
            "be a column of numbers"
        )
    matrix = _matrix(f"0 + {expression}", rows)
    if matrix.shape[1] != 1:
        raise InvalidInputError(f"the outcome {expression!r} must be one column of numbers")
    y = np.asarray(matrix, dtype=np.float64)[:, 0]
    if np.ptp(y) <= 1e-12 * max(np.max(np.abs(y)), 1e-300):
        raise NotIdentifiableError(
            f"the outcome {expression!r} is {y[0]:.6g} in every row; nothing varies that a model "
            "could explain"
        )
    return y


def _matrix(expression: str, rows: pd.DataFrame) -> patsy.DesignMatrix:
    """Evaluate a patsy formula; every value must come out finite."""
    try:
        with np.errstate(all="ignore"):
            matrix = patsy.dmatrix(expression, rows, eval_env=ENVIRONMENT, NA_action=_KEEP)
    except (patsy.PatsyError, TypeError, ValueError, KeyError, NameError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0].rstrip(".")
        raise InvalidInputError(f"cannot evaluate {expression!r}: {reason}") from None
    values = np.asarray(matrix)
    if not np.isfinite(values).all():
        column = int(np.argmin(np.isfinite(values).all(axis=0)))
        row = rows.index[int(np.argmin(np.isfinite(values[:, column])))]
        raise InvalidInputError(
            f"{matrix.design_info.column_names[column]!r} is not finite in row {row!r}; "
            "replace such values or leave their rows out"
        )
    return matrix


def _refuse_split_pairs(random: tuple[RandomTerm, ...]) -> None:
    """Refuse two factors that are the two ends of pairs.

    Their levels are the same things, and no row has the same thing at both ends, which in a
    crossed design of differently meant factors with the same labels some rows would.
    """
    plain = [t for t in random if t.codes is not None and t.names == ("Intercept",)]
    for first, second in combinations(plain, 2):
        shared = set(first.levels) & set(second.levels)
        if len(shared) < 3 or 2 * len(shared) < min(len(first.levels), len(second.levels)):
            continue
        ends = [np.asarray(t.levels, dtype=object)[t.codes] for t in (first, second)]
        if not np.any(ends[0] == ends[1]):
            raise InvalidInputError(
                f"{first.group!r} and {second.group!r} are the two ends of pairs of the same "
                f"things ({listing(sorted(shared), most=3)}). As separate terms the result "
                "would depend on which comes first, and pairs over several sessions would count "
                "as new evidence; use pair_model, where both ends draw on one factor"
            )


def _random_term(bar: Bar, rows: pd.DataFrame) -> RandomTerm:
    """Build Z of one bar, and refuse groupings that no variance can be estimated from."""
    name = ":".join(bar.group)
    codes, levels = grouping(bar.group, rows)
    if len(levels) < 2:
        raise NotIdentifiableError(
            f"({bar.expression}|{name}) needs at least 2 levels of {name!r}, and the usable rows "
            f"have {len(levels)} ({listing(levels)}); leave the term out or add data"
        )
    matrix = _matrix(bar.expression, rows)
    columns = np.asarray(matrix, dtype=np.float64)
    if len(levels) * columns.shape[1] >= len(rows):
        raise NotIdentifiableError(
            f"({bar.expression}|{name}) has {len(levels) * columns.shape[1]} random effects for "
            f"{len(rows)} rows, so it cannot be told from the residual; leave the term out, or "
            "give repeated observations per level"
        )
    check_rank(columns, tuple(matrix.design_info.column_names))
    Z = level_design(codes, len(levels), columns)
    return RandomTerm(name, tuple(matrix.design_info.column_names), tuple(levels), Z, codes)
