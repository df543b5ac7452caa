"""Read lme4's formula language: `y ~ x * z + (x | subject) + (1 | feature)`.

The fixed part and the left sides of the bars are patsy formulas, from which Python
expressions are kept out: a formula may come from a protocol file, and reading one must
never run code. Only columns, arithmetic and the functions in `FUNCTIONS` are let in.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import patsy

from reprcompare.errors import InvalidInputError, listing

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "log": np.log,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
"""Functions of a column that a formula may use, beside patsy's own coding functions."""

CODING: Final = ("C", "Q", "I", "Treatment", "Sum", "Helmert", "Poly", "Diff", "center", "scale")
"""patsy's functions for coding and scaling that a formula may use."""

ENVIRONMENT: Final = patsy.EvalEnvironment([FUNCTIONS])

_ARITHMETIC: Final = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Name,
    ast.Constant,
    ast.Load,
    ast.keyword,
    ast.List,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Pow,
    ast.USub,
    ast.UAdd,
)


@dataclass(frozen=True)
class Bar:
    """One random part of a formula, `(expression | group)`.

    Attributes
    ----------
    expression : str
        Left side, a patsy formula; `1` for a random intercept.
    group : tuple of str
        Columns whose combination names the level; `("subject", "session")` for sessions
        within subjects.
    """

    expression: str
    group: tuple[str, ...]


@dataclass(frozen=True)
class ModelFormula:
    """A formula, taken apart.

    Attributes
    ----------
    response : str
        Left side, a column or a function of one.
    fixed : str
        Right side without its bars, a patsy formula.
    random : tuple of Bar
        The bars, with `a/b` and `||` written out.
    """

    response: str
    fixed: str
    random: tuple[Bar, ...]


def parse_formula(formula: str) -> ModelFormula:
    """Take a formula in lme4's language apart.

    `(x || g)` becomes `(1 | g) + (0 + x | g)`, and `(1 | a/b)` becomes
    `(1 | a) + (1 | a:b)` (Bates et al. 2015, Journal of Statistical Software, Table 2).

    Raises
    ------
    InvalidInputError
        When the formula has no `~`, unbalanced parentheses, an empty side of a bar, or
        anything in it that is not a column, arithmetic, or one of `FUNCTIONS`.

    Examples
    --------
    >>> parse_formula("share ~ complexity + (1|subject/session)").random
    (Bar(expression='1', group=('subject',)), Bar(expression='1', group=('subject', 'session')))
    """
    response, tilde, right = str(formula).partition("~")
    if not tilde or not response.strip() or not right.strip() or "~" in right:
        raise InvalidInputError(
            f"the formula {formula!r} must read 'outcome ~ predictors', with one '~'; "
            "for example 'share ~ complexity + (1|subject)'"
        )
    fixed, bars = _split_bars(right, formula)
    random = tuple(bar for inside in bars for bar in _write_out(inside, formula))
    fixed = " + ".join(part for part in _split_top(fixed, "+") if part) or "1"
    for part in (response, fixed, *(bar.expression for bar in random)):
        _check_code(part, formula)
    return ModelFormula(response.strip(), fixed, random)


def terms_of(expression: str) -> patsy.ModelDesc:
    """Parse a one-sided patsy formula, turning its errors into sentences."""
    try:
        return patsy.ModelDesc.from_formula(expression)
    except patsy.PatsyError as error:
        reason = error.message.rstrip(".")
        raise InvalidInputError(f"cannot read {expression!r} in the formula: {reason}") from None


def _split_bars(text: str, formula: str) -> tuple[str, list[str]]:
    """Separate the parentheses that hold a bar from the rest of the right side."""
    rest, bars, opened = "", [], []
    for character in text:
        rest += character
        if character == "(":
            opened.append(len(rest) - 1)
        elif character == ")":
            if not opened:
                raise InvalidInputError(f"the formula {formula!r} closes a ')' that is not open")
            start = opened.pop()
            inside = rest[start + 1 : -1]
            if "|" in inside:
                bars.append(inside)
                rest = rest[:start].rstrip()
                if not rest:
                    continue
                if rest[-1] != "+":
                    raise InvalidInputError(
                        f"write '+' before ({inside}) in the formula {formula!r}; "
                        "a random term can only be added"
                    )
    if opened:
        raise InvalidInputError(f"the formula {formula!r} leaves a '(' open")
    if "|" in rest:
        raise InvalidInputError(
            f"the formula {formula!r} has a '|' outside parentheses; "
            "write random terms as (1|subject)"
        )
    return rest, bars


def _write_out(inside: str, formula: str) -> list[Bar]:
    """Write `||` and `/` of one bar out as plain bars."""
    expression, _, group = inside.partition("|")
    independent = group.startswith("|")
    expression, group = expression.strip(), group.lstrip("|").strip()
    names = [[column.strip() for column in part.split(":")] for part in group.split("/")]
    if not expression or not all(name.isidentifier() for part in names for name in part):
        raise InvalidInputError(
            f"({inside}) in the formula {formula!r} must read (terms|group), where group is a "
            "column, a:b, or a/b; for example (1|subject) or (complexity|subject)"
        )
    groups = [tuple(chain(*names[: depth + 1])) for depth in range(len(names))]
    parts = _independent_parts(expression) if independent else [expression]
    return [Bar(part, levels) for levels in groups for part in parts]


def _independent_parts(expression: str) -> list[str]:
    """Split `x + z` into `1`, `0 + x` and `0 + z`, which then do not correlate."""
    names = [term.name() for term in terms_of(expression).rhs_termlist]
    return ["1" if name == "Intercept" else f"0 + {name}" for name in names]


def _split_top(text: str, separator: str) -> list[str]:
    """Split at a character that stands outside all parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _check_code(expression: str, formula: str) -> None:
    """Refuse everything but columns, arithmetic and the known functions."""
    if "^" in expression:
        raise InvalidInputError(f"write ** instead of ^ in the formula {formula!r}")
    for term in terms_of(expression).rhs_termlist:
        for factor in term.factors:
            tree = ast.parse(factor.code, mode="eval")
            for node in ast.walk(tree):
                known = not isinstance(node, ast.Call) or (
                    isinstance(node.func, ast.Name) and node.func.id in (*FUNCTIONS, *CODING)
                )
                if not isinstance(node, _ARITHMETIC) or not known:
                    raise InvalidInputError(
                        f"{factor.code!r} in the formula {formula!r} is not allowed: use columns, "
                        f"arithmetic inside I(), and {listing([*FUNCTIONS, *CODING], most=20)}"
                    )
