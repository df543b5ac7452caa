"""Share against role: how strongly features are represented, and what they do.

Share and role are both outcomes of what was set (the rule, the order of training ...), so each has
a total effect of its own, and neither explains the other. A property dissociates them where it
changes share and is shown not to change role.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.statistics.equivalence import equivalence_test
from reprcompare.statistics.means import mean_interval
from reprcompare.statistics.shares import NetworkContrast, per_network_contrast

COLUMNS = ("subject", "region", "feature", "share", "role")


@dataclass(frozen=True)
class Dissociation:
    """Share against role, by region.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per region: share_effect, share_low, share_high, share_p and the same of role (the
        contrast or slope, networks as units), role_p_equivalent (that the effect on role lies
        within the bound), decision: `dissociated` (share changes, role is shown not to),
        `together` (both change), `role alone`, `neither`, `undecided`.
    points : pandas.DataFrame
        One row per subject, region and feature: share, role, their parts of the sum over features
        (share_part, role_part) and `excess` = share_part - role_part: how much more of what is
        represented than of what is used belongs to the feature.
    excess : pandas.DataFrame
        Mean excess over subjects: region, feature, estimate, ci_low, ci_high, n_subjects.
    sentence : str
        What was done.
    """

    table: pd.DataFrame
    points: pd.DataFrame
    excess: pd.DataFrame
    sentence: str


def dissociation(
    table: pd.DataFrame,
    by: str = "complexity",
    *,
    bound: float = 0.1,
    features: Sequence[str] | None = None,
    alpha: float = 0.05,
) -> Dissociation:
    """Tell in every region whether a property of features changes their share, their role, or both.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per subject, region and feature with share and role, such as `audit.table`.
    by : str
        What was set by the experimenter: a column with two values, or a numeric one.
    bound : float
        Smallest change of role of interest, fixed before looking; role is 1 for a feature through
        which the answer goes entirely.
    features : sequence of str, optional
        Those that networks compute; all by default. Distractors have neither share nor role, and
        would make the two look alike.
    alpha : float
        Level of the tests; intervals are at 1 - alpha.

    Returns
    -------
    Dissociation

    Raises
    ------
    UnknownNameError
        If a column does not exist.
    NotIdentifiableError
        If no row has both share and role.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"subject": np.repeat(list("abcdef"), 2), "region": "hidden",
    ...                      "feature": ["easy", "hard"] * 6, "complexity": [1, 2] * 6})
    >>> rows["share"] = 0.5 / rows.complexity**2 + rng.normal(0, 0.02, 12)
    >>> rows["role"] = 1 + rng.normal(0, 0.02, 12)
    >>> dissociation(rows).table.decision.tolist()
    ['dissociated']
    """
    for name in (*COLUMNS, by):
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    if bound <= 0:
        raise InvalidInputError(f"the bound must be above 0, got {bound:g}.")
    rows = table.dropna(subset=["share", "role", by])
    if features is not None:
        for name in features:
            if name not in set(rows["feature"]):
                known = map(str, rows["feature"].unique())
                raise UnknownNameError(unknown_name("feature", name, known, "table"))
        rows = rows[rows["feature"].isin(list(features))]
    if rows.empty:
        raise NotIdentifiableError(
            "no row has both a share and a role; role is measured by reprcompare.role, for which "
            "the network is needed."
        )
    found = []
    for region, own in rows.groupby("region", sort=False):
        share, role = (_contrast(own, by, value, alpha) for value in ("share", "role"))
        p, decision = _decide(share, role, bound, alpha)
        found.append(
            {"region": region}
            | _columns("share", share)
            | _columns("role", role)
            | {"role_p_equivalent": p, "decision": decision}
        )
    points = _points(rows)
    excess = [
        {"region": region, "feature": feature}
        | dict(
            zip(("estimate", "ci_low", "ci_high"), mean_interval(values.to_numpy()), strict=True)
        )
        | {"n_subjects": len(values)}
        for (region, feature), values in points.dropna(subset="excess").groupby(
            ["region", "feature"], sort=False
        )["excess"]
    ]
    sentence = (
        f"Contrast of share, and of role, over {by}, in each of {rows['subject'].nunique()} "
        "networks (networks are the unit; both are total effects of what was set). Share and role "
        f"are dissociated where share changes (p < {alpha:g}) and the change of role is shown to "
        f"be within {bound:g} (two one-sided tests)."
    )
    return Dissociation(pd.DataFrame(found), points, pd.DataFrame(excess), sentence)


def _contrast(rows: pd.DataFrame, by: str, value: str, alpha: float) -> NetworkContrast | None:
    try:
        return per_network_contrast(rows, by, value=value, level=1 - alpha)
    except NotIdentifiableError:
        return None


def _columns(value: str, found: NetworkContrast | None) -> dict[str, float]:
    names = {"effect": "estimate", "low": "ci_low", "high": "ci_high", "p": "p"}
    return {
        f"{value}_{short}": np.nan if found is None else float(found.table.iloc[0][column])
        for short, column in names.items()
    }


def _decide(
    share: NetworkContrast | None, role: NetworkContrast | None, bound: float, alpha: float
) -> tuple[float, str]:
    """Return the p value of equivalence of role, and what both contrasts say together."""
    if share is None or role is None:
        return np.nan, "undecided"
    row = role.table.iloc[0]
    test = equivalence_test(row.estimate, row.se, row.df, bounds=(-bound, bound), alpha=alpha)
    share_changes = share.table.iloc[0].p < alpha
    if test.decision in ("equivalent", "both"):
        return test.p, "dissociated" if share_changes else "neither"
    if test.decision == "different":
        return test.p, "together" if share_changes else "role alone"
    return test.p, "undecided"


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of share and role that belong to each feature of a network's region."""
    points = rows[list(COLUMNS)].reset_index(drop=True)
    for value in ("share", "role"):
        # Estimates of what is absent scatter around 0, and parts of a whole cannot be negative.
        size = points[value].clip(lower=0)
        total = size.groupby([points["subject"], points["region"]]).transform("sum")
        points[f"{value}_part"] = size / total.where(total > 0)
    return points.assign(excess=points["share_part"] - points["role_part"])
