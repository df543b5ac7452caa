"""How often the tests of an audit reject."""

import pandas as pd

from reprcompare.statistics import mean_interval

EVERY = "every"


def rejections(table: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """Count how often share and decodability are told from chance, with the network as the unit.

    Parameters
    ----------
    table
        As `Audit.table`, of several networks.
    alpha
        Level of the test of decodability; shares are tested by their 95 % intervals.

    Returns
    -------
    pandas.DataFrame
        test ("decodability", "share"), region, feature ("every": the mean over all regions and
        features of a network), rate, rate_low, rate_high (95 %, t over networks), n (networks).

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "subject": ["a", "b"], "region": "r", "feature": "f", "decodability_p": [0.01, 0.6],
    ...     "share_low": [-0.1, -0.2], "share_high": [0.1, 0.2]})
    >>> rejections(table)[["test", "rate"]].drop_duplicates().to_numpy().tolist()
    [['decodability', 0.5], ['share', 0.0]]
    """
    outside = (table["share_low"] > 0) | (table["share_high"] < 0)
    tested = {"decodability": table["decodability_p"] <= alpha, "share": outside}
    rows = []
    for test, rejected in tested.items():
        found = table[["subject", "region", "feature"]].assign(rejected=rejected.astype(float))
        every = found.groupby("subject")["rejected"].mean()
        parts = [(EVERY, EVERY, every)]
        parts += [
            (str(region), str(feature), part["rejected"])
            for (region, feature), part in found.groupby(["region", "feature"], sort=False)
        ]
        for region, feature, values in parts:
            rows.append((test, region, feature, *mean_interval(values.to_numpy()), len(values)))
    return pd.DataFrame(
        rows, columns=["test", "region", "feature", "rate", "rate_low", "rate_high", "n"]
    )
