"""Corrected scores beside plain ones, with intervals, contributions and reasons."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.comparison.corrections import REST, Correction, Score, Scored
from reprcompare.comparison.inputs import Joined
from reprcompare.comparison.sides import Side, labelled_stimuli, sides_of
from reprcompare.errors import LabelMismatchError, NotIdentifiableError
from reprcompare.geometry import Comparator, take_stimuli

KEYS = ("model", "model_region", "brain_region", "correction")
CORRECTED = (
    *KEYS,
    *("plain", "corrected", "ci_low", "ci_high", "se", "reason"),
    *("n_stimuli", "n_subjects", "n_networks"),
)
FLEXIBLE = "not identifiable: a flexible model is fitted to the brain and has no side of its own."
CONTRIBUTIONS = (*KEYS, "feature", "plain", "corrected")


def corrected_scores(
    joined: Joined,
    corrections: Sequence[Correction],
    comparator: Comparator,
    labels: pd.DataFrame | None,
    nuisance: Sequence[str],
    metric: str,
    resample: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare every model region with every brain region, with each correction.

    Parameters
    ----------
    joined
        From `join_inputs`.
    corrections, comparator
    labels
        Indexed by stimulus id; those of the recordings by default.
    nuisance
        Labels that the partial correction takes out.
    metric
        Dissimilarity for recordings.
    resample
        What intervals generalise to, as in `compare`.

    Returns
    -------
    table : pandas.DataFrame
        With the columns ``CORRECTED``.
    contributions : pandas.DataFrame
        With the columns ``CONTRIBUTIONS``.

    Raises
    ------
    LabelMismatchError
        If fewer than four stimuli are labelled, or a nuisance feature is no label.
    """
    table = labelled_stimuli(labels, joined.sources, joined.stimulus_ids)
    unknown = [name for name in nuisance if name not in table.columns]
    if unknown:
        raise LabelMismatchError(
            f"nuisance features {unknown} are not labelled; there are {list(table.columns)}."
        )
    if len(table) < 4:
        raise LabelMismatchError(
            f"{len(table)} of {len(joined.stimulus_ids)} stimuli are labelled; at least 4 are "
            "needed. Labels are joined by stimulus id."
        )
    kept = pd.Index([str(name) for name in joined.stimulus_ids]).get_indexer(table.index)
    laid_out: dict[str, dict[str, list[Side]]] = {}
    for name, source in joined.sources.items():
        regions_of = joined.brain if name == "" else joined.models[name]
        cut = [
            type(part)(
                part.region, part.subjects, take_stimuli(part.vectors, kept), part.n_sessions
            )
            for part in regions_of
        ]
        laid_out[name] = sides_of(source, cut, table.index.to_numpy(), table, metric)
    brain = laid_out.pop("")
    rows: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for brain_region, subjects in brain.items():
        for model, regions in laid_out.items():
            for model_region, networks in regions.items():
                for correction in corrections:
                    keys = dict(
                        zip(KEYS, (model, model_region, brain_region, correction.name), strict=True)
                    )
                    if model in joined.fits:
                        rows.append(keys | {"reason": FLEXIBLE})
                        continue
                    row, contributed = _score(
                        networks, subjects, correction, comparator, nuisance, resample
                    )
                    rows.append(keys | row)
                    parts += [keys | part for part in contributed]
    return (
        pd.DataFrame(rows, columns=list(CORRECTED)),
        pd.DataFrame(parts, columns=list(CONTRIBUTIONS)),
    )


def _score(
    networks: list[Side],
    subjects: list[Side],
    correction: Correction,
    comparator: Comparator,
    nuisance: Sequence[str],
    resample: str,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One row of the table, and the contributions behind it."""

    def every(score: Score, choose: Callable[[Side], Side]) -> list[list[Scored]]:
        return [
            [score(choose(network), choose(subject), comparator, nuisance) for subject in subjects]
            for network in networks
        ]

    row: dict[str, Any] = {
        "plain": np.nan, "corrected": np.nan, "se": np.nan, "ci_low": np.nan, "ci_high": np.nan,
        "reason": "", "n_stimuli": len(networks[0].labels), "n_subjects": len(subjects),
        "n_networks": len(networks),
    }  # fmt: skip
    try:
        plain = every(correction.plain, lambda side: side)
        row["plain"] = float(np.mean([[one.score for one in line] for line in plain]))
        found = every(correction.score, lambda side: side)
    except NotIdentifiableError as error:
        row["reason"] = str(error)
        return row, []
    scores = np.array([[one.score for one in line] for line in found])
    row["corrected"] = float(scores.mean())
    left_out: list[float] = []
    if resample != "subjects":
        for group in range(len(networks[0].without_groups)):
            try:
                part = every(correction.score, lambda side, group=group: side.without_groups[group])  # type: ignore[misc]
            except NotIdentifiableError:
                left_out = []
                break
            left_out.append(float(np.mean([[one.score for one in line] for line in part])))
    row |= _interval(scores, np.array(left_out), resample)
    return row, _contributed(plain, found, row)


def _interval(scores: np.ndarray, left_out: np.ndarray, resample: str) -> dict[str, float]:
    """Interval over stimuli (jackknife over groups), subjects and networks together."""
    parts = []
    if len(left_out):
        n = len(left_out)
        parts.append(((n - 1) / n * np.square(left_out - left_out.mean()).sum(), n - 1))
    over = [0] if resample != "stimuli" else []
    for axis in [*over, 1]:
        means = scores.mean(axis=axis)
        if len(means) > 1:
            parts.append((means.var(ddof=1) / len(means), len(means) - 1))
    middle, total = float(scores.mean()), sum(variance for variance, _ in parts)
    if not parts:
        return {}
    if total == 0:
        return {"se": 0.0, "ci_low": middle, "ci_high": middle}
    df = total**2 / sum(variance**2 / freedom for variance, freedom in parts)
    error = float(np.sqrt(total))
    reach = float(stats.t.ppf(0.975, df)) * error
    return {"se": error, "ci_low": middle - reach, "ci_high": middle + reach}


def _contributed(
    plain: list[list[Scored]], found: list[list[Scored]], row: dict[str, Any]
) -> list[dict[str, Any]]:
    """Mean contributions over networks and subjects, with what no feature accounts for."""
    before, after = (
        pd.DataFrame([one.parts for line in lines for one in line]).mean()
        for lines in (plain, found)
    )
    names = list(dict.fromkeys([*before.index, *after.index]))
    if not names:
        return []
    rows = [
        {
            "feature": name,
            "plain": before.get(name, np.nan),
            "corrected": after.get(name, np.nan),
        }
        for name in names
    ]
    rest = {"feature": REST, "plain": row["plain"] - before.sum()}
    rest["corrected"] = row["corrected"] - after.sum() if len(after) else np.nan
    return [*rows, rest]
