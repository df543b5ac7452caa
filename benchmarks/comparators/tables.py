"""Tables of the benchmark of comparators, from the pairs that were stored.

    python -m benchmarks.comparators.tables results/two_by_two_held_out.csv

Uncertainty: networks are resampled within the sets that were trained together (a pair counts as
often as the product of its networks' counts, a network never with itself), and sets are resampled;
95 % percentile intervals. The worst set stands beside the mean.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

KNOWN = {
    *("problem", "bias", "a", "b", "same_algorithm", "same_bias", "truth", "set_a", "set_b"),
    *("same_features", "untrained", "instrument", "n_neuroids", "n_stimuli", "snr"),
    *("architecture", "coding"),
}
N_DRAWS = 200
Statistic = Callable[[pd.DataFrame, np.ndarray, np.ndarray], float]


def auc(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Return the chance that a positive pair scores above a negative one, ties a half."""
    if not len(score):
        return np.nan
    order = rankdata(score, method="dense")
    n = int(order.max())
    yes = np.bincount(order.astype(int), weight * positive, minlength=n + 1)[1:]
    no = np.bincount(order.astype(int), weight * ~positive, minlength=n + 1)[1:]
    total = yes.sum() * no.sum()
    below = np.concatenate([[0.0], np.cumsum(no)[:-1]])
    return float((yes * (below + no / 2)).sum() / total) if total > 0 else np.nan


def rank_correlation(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Spearman's correlation with weights of pairs, over what ties in the truth let it reach."""
    if len(truth) < 4 or weight.sum() <= 0:
        return np.nan
    steps = np.random.default_rng(0).uniform(0, 1e-9, len(truth))
    best = _weighted(rankdata(truth), rankdata(truth + steps), weight)
    return _weighted(rankdata(truth), rankdata(score), weight) / best


def _weighted(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    share = weight / weight.sum()
    dx, dy = x - share @ x, y - share @ y
    length = np.sqrt((share @ dx**2) * (share @ dy**2))
    return float(share @ (dx * dy) / length) if length > 0 else 0.0


def following(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """AUC of the algorithm against the bias: one the same and the other different."""
    one = (rows["same_algorithm"] != rows["same_bias"]).to_numpy()
    return auc(rows["same_algorithm"].to_numpy(bool)[one], score[one], weight[one])


def algorithm(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """AUC of same against different algorithm over all pairs."""
    return auc(rows["same_algorithm"].to_numpy(bool), score, weight)


def graded(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """Agreement with the graded truth over the attainable maximum."""
    known = rows["truth"].notna().to_numpy()
    return rank_correlation(rows["truth"].to_numpy(float)[known], score[known], weight[known])


def features(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """AUC of the same against different computed features, trained networks only."""
    trained = (rows["untrained"] == 0).to_numpy()
    return auc(rows["same_features"].to_numpy(bool)[trained], score[trained], weight[trained])


def both_both(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """Mean score of two networks that compute an easy and a hard feature."""
    return _mean_between(rows, score, weight, {"e1+h1"})


def both_easy(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """Mean score of a network that computes both with one that computes the easy one alone."""
    return _mean_between(rows, score, weight, {"e1+h1", "e1"})


def paradox(rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray) -> float:
    """Mean score of both ~ both less that of both ~ easy only; below 0 is the paradox."""
    return both_both(rows, score, weight) - both_easy(rows, score, weight)


def _mean_between(
    rows: pd.DataFrame, score: np.ndarray, weight: np.ndarray, sets: set[str]
) -> float:
    chosen = np.array(
        [set(pair) == sets for pair in zip(rows["set_a"], rows["set_b"], strict=True)]
    )
    if not weight[chosen].sum() > 0:
        return np.nan
    return float(np.average(score[chosen], weights=weight[chosen]))


def summary(
    rows: pd.DataFrame, groups: pd.Series, statistics: dict[str, Statistic], seed: int = 0
) -> pd.DataFrame:
    """One row a comparator: every statistic as the mean over groups, its interval, the worst."""
    rng = np.random.default_rng(seed)
    names = [name for name in rows.columns if name not in KNOWN]
    parts = [rows[groups == name].reset_index(drop=True) for name in pd.unique(groups)]
    draws = [_weights(parts, rng) for _ in range(N_DRAWS)]
    found = []
    for name in names:
        row: dict[str, object] = {"comparator": name, "answered": rows[name].notna().mean()}
        for label, statistic in statistics.items():
            each = [_of(part, name, statistic, np.ones(len(part))) for part in parts]
            drawn = [
                _mean([_of(parts[k], name, statistic, weight) for k, weight in draw])
                for draw in draws
            ]
            low, high = (
                np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else [np.nan] * 2
            )
            row |= {label: _mean(each), f"{label} low": low, f"{label} high": high}
            if len(parts) > 1:
                row[f"{label} worst"] = np.nanmin(each) if np.isfinite(each).any() else np.nan
        found.append(row)
    return pd.DataFrame(found)


def _weights(parts: list[pd.DataFrame], rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    """Draw sets, and networks within each."""
    chosen = rng.integers(0, len(parts), len(parts)) if len(parts) > 1 else [0]
    drawn = []
    for k in chosen:
        part = parts[k]
        networks = pd.unique(pd.concat([part["a"], part["b"]]).str.removeprefix("brain of "))
        counts = pd.Series(
            np.bincount(rng.integers(0, len(networks), len(networks)), minlength=len(networks)),
            index=networks,
        )
        other = part["b"].str.removeprefix("brain of ")
        drawn.append((int(k), counts[part["a"]].to_numpy() * counts[other].to_numpy() * 1.0))
    return drawn


def _of(part: pd.DataFrame, name: str, statistic: Statistic, weight: np.ndarray) -> float:
    given = (part[name].notna() & (weight > 0)).to_numpy()
    if given.sum() < 2:
        return np.nan
    return statistic(part[given], part[name].to_numpy(float)[given], weight[given])


def _mean(values: list[float]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def two_by_two(rows: pd.DataFrame) -> pd.DataFrame:
    return summary(
        rows,
        rows["problem"] + ", " + rows["bias"],
        {"algorithm not bias": following, "algorithm": algorithm, "graded truth": graded},
    )


def by_bias(rows: pd.DataFrame) -> pd.DataFrame:
    """Take every kind of bias by itself."""
    parts = {bias: part.reset_index(drop=True) for bias, part in rows.groupby("bias", sort=False)}
    return pd.concat([two_by_two(part).assign(bias=bias) for bias, part in parts.items()])


def around(rows: pd.DataFrame) -> pd.DataFrame:
    """Networks against networks: features, the paradox, what must not raise the score."""
    rows = rows[rows["instrument"] == "none"].reset_index(drop=True)
    one = pd.Series("all", index=rows.index)
    trained = rows[rows["untrained"] == 0].reset_index(drop=True)
    table = summary(
        trained,
        one[: len(trained)],
        {"same features": features, "graded truth": graded, "paradox": paradox},
    )
    for label, chosen in {
        "untrained": rows["untrained"] == 1,
        "nothing shared": (rows["truth"] == 0) & (rows["untrained"] == 0),
    }.items():
        means = rows.loc[chosen, table["comparator"]]
        table[label] = means.mean().to_numpy()
        table[f"{label} answered"] = means.notna().mean().to_numpy()
    return table


def instruments(rows: pd.DataFrame) -> pd.DataFrame:
    """Networks against what instruments measured: AUC of the same features, setting by setting."""
    rows = rows[rows["instrument"] != "none"]
    keys = ["instrument", "n_neuroids", "n_stimuli", "snr"]
    found = []
    for setting, part in rows.groupby(keys, sort=False):
        part = part.reset_index(drop=True)
        # Same features under another bias, and other features under the same.
        hard = part[part["same_bias"] != part["same_features"]].reset_index(drop=True)
        for label, chosen in (("all pairs", part), ("feature not bias", hard)):
            one = pd.Series("all", index=chosen.index)
            table = summary(chosen, one, {"same features": features})
            found.append(table.assign(**dict(zip(keys, setting, strict=True)), pairs=label))
    return pd.concat(found, ignore_index=True)


def architectures(rows: pd.DataFrame) -> pd.DataFrame:
    """Take every architecture by itself: is the paradox there, and for which comparator."""
    statistics: dict[str, Statistic] = {
        "both with both": both_both,
        "both with easy only": both_easy,
        "difference": paradox,
    }
    found = []
    for (name, coding), part in rows.groupby(["architecture", "coding"], sort=False):
        part = part.reset_index(drop=True)
        named = dict(zip(part["a"], part["set_a"], strict=True))
        named |= dict(zip(part["b"], part["set_b"], strict=True))
        sizes = pd.Series(named).value_counts()
        one = pd.Series("all", index=part.index)
        found.append(
            summary(part, one, statistics).assign(
                architecture=name,
                coding=coding,
                **{"n both": sizes.get("e1+h1", 0), "n easy only": sizes.get("e1", 0)},
            )
        )
    table = pd.concat(found, ignore_index=True)
    keys = ["architecture", "coding", "n both", "n easy only"]
    return table[[*keys, *(name for name in table if name not in keys)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    given = parser.parse_args()
    rows = pd.read_csv(given.pairs)
    stem = given.pairs.stem
    if "problem" in rows:
        tables = {stem: two_by_two(rows), f"{stem}_by_bias": by_bias(rows)}
    elif "architecture" in rows:
        tables = {stem: architectures(rows)}
    else:
        tables = {stem: around(rows)}
        if (rows["instrument"] != "none").any():
            tables[f"{stem}_instruments"] = instruments(rows)
    for name, table in tables.items():
        table.dropna(axis=1, how="all").to_csv(
            given.pairs.with_name(f"{name}_table.csv"), index=False, float_format="%.3f"
        )
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
