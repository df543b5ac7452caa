"""Tables of tests, as data and as text."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats


def coefficient_table(
    names: list[str],
    estimate: NDArray[np.float64],
    covariance: NDArray[np.float64],
    df: NDArray[np.float64],
    level: float,
) -> pd.DataFrame:
    """Tabulate estimates with t tests and confidence intervals.

    Parameters
    ----------
    names : list of m str
    estimate : array of shape (m,)
    covariance : array of shape (m, m)
    df : array of shape (m,)
    level : float

    Returns
    -------
    pandas.DataFrame
        term, estimate, se, df, t, p, ci_low, ci_high.
    """
    se = np.sqrt(np.diag(covariance))
    t = estimate / se
    half = stats.t.isf((1 - level) / 2, df) * se
    return pd.DataFrame(
        {
            "term": names,
            "estimate": estimate,
            "se": se,
            "df": df,
            "t": t,
            "p": 2 * stats.t.sf(np.abs(t), df),
            "ci_low": estimate - half,
            "ci_high": estimate + half,
        }
    )


def as_text(table: pd.DataFrame) -> str:
    """Print a table with four significant digits and p values as readers expect them."""
    written = table.copy()
    for name in table.select_dtypes("number").columns:
        written[name] = [_number(value, name == "p") for value in table[name]]
    return written.to_string(index=False)


def _number(value: float, is_p: bool) -> str:
    """Four significant digits, or four decimals of a p value."""
    if is_p and np.isfinite(value):
        return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
    return f"{value:.4g}"
