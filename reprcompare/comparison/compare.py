"""One entry: how well models describe a brain, and how sure that is."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.comparison.corrected import corrected_scores
from reprcompare.comparison.corrections import find_corrections
from reprcompare.comparison.crossvalidated_ceiling import crossvalidated_ceilings
from reprcompare.comparison.inference import (
    Interval,
    Scored,
    ceiling_interval,
    difference_interval,
    disattenuated,
    reliability,
    score_flexible,
    score_interval,
    score_models,
    transformed,
    wilcoxon,
)
from reprcompare.comparison.inputs import Joined, Source, join_inputs
from reprcompare.comparison.method import describe
from reprcompare.comparison.result import Comparison
from reprcompare.errors import InvalidInputError, NotIdentifiableError, check_whole
from reprcompare.geometry import (
    RESAMPLED,
    CeilingTerms,
    Comparator,
    Subjects,
    Unrelated,
    bootstrap_errors,
    ceiling_terms,
    find_comparator,
    noise_ceiling,
    unrelated_test,
)
from reprcompare.statistics.corrections import benjamini_hochberg, holm

DEFAULT = "rho-a"
INTERVAL = ("se", "ci_low", "ci_high", "df")
COLUMNS = (
    "model",
    "model_region",
    "brain_region",
    "score",
    *INTERVAL,
    "se_bootstrap",
    "p_zero",
    "p_zero_holm",
    "p_zero_fdr",
    "p_wilcoxon",
    "p_ceiling",
    "unrelated",
    "disattenuated",
    "reliability",
    "n_stimuli",
    "n_subjects",
    "n_networks",
    "comparator",
)
SIDES = ("brain_region", "model_a", "region_a", "model_b", "region_b")
PAIR_COLUMNS = (*SIDES, "difference", *INTERVAL, "p", "p_wilcoxon")


def compare(
    models: Mapping[str, Source] | Sequence[Source] | Source,
    brain: Source,
    comparator: str | None = None,
    resample: str = "both",
    n_bootstrap: int = 1000,
    seed: int = 0,
    *,
    metric: str = "correlation",
    nan: str = "raise",
    controls: Sequence[str] = (),
    untrained: Mapping[str, Source] | None = None,
    correct: str | Sequence[str] = (),
    labels: pd.DataFrame | None = None,
    nuisance: Sequence[str] = (),
) -> Comparison:
    """Compare models with a brain by their RDMs.

    Parameters
    ----------
    models
        Recordings, RDMs or `FlexibleModel` by name, a list of them, or one. Several networks
        (subjects) of one model are a random factor: the score is their mean. Flexible models are
        scored by predictions for held-out stimuli and subjects.
    brain
        A recording or RDMs. Sessions of one subject are averaged first.
    comparator
        See `reprcompare.geometry.COMPARATORS`; by default rho-a, which does not favour models that
        predict ties.
    resample
        What the intervals and tests generalise to: new "subjects", new "stimuli", or "both". With
        one brain subject "both" can only mean stimuli; `method` says so.
    n_bootstrap
        Random draws: permutations of the stimulus labels behind `p_zero`, and resamples behind
        `se_bootstrap`.
    seed
        Makes the random draws repeatable.
    metric
        Dissimilarity for what is given as a recording.
    nan
        What happens to NaN dissimilarities: "raise", or "drop" their stimuli.
    controls
        "permuted" (labels) and "noise" (of equal dimension) beside every model.
    untrained
        By name of a model, a recording or RDMs of the same network before training, to stand beside
        it; `reprcompare.networks.untrained` makes such a network.
    correct
        Names in `CORRECTIONS`, computed beside the plain score: "role" (recommended where both
        sides have interventions), "contrasts" (where they have not), "predictivity", "partial",
        "disattenuated", "whitened", and "equalised", a diagnostic.
    labels
        For the corrections: one row a stimulus, one column a feature, indexed by stimulus id; by
        default the labels that the recordings carry.
    nuisance
        Labels that "partial" takes out.

    Returns
    -------
    Comparison
        `.table`, `.pairs`, `.ceiling`, `.method`, `.dropped`, `.plot()`; with `correct` also
        `.corrected` and `.contributions`.

    Raises
    ------
    UnknownNameError
        If there is no such comparator.
    LabelMismatchError
        If RDMs are not labelled by stimulus, or share fewer than four.
    NotIdentifiableError
        If what is asked cannot be estimated, such as variance over one subject.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> rng = np.random.default_rng(0)
    >>> ids = [f"image {k}" for k in range(12)]
    >>> shared = rng.normal(size=(12, 20))
    >>> brain = build_recording(shared + rng.normal(size=(12, 20)), stimulus_id=ids, region="IT",
    ...                         subject="monkey")
    >>> model = build_recording(shared, stimulus_id=ids, region="layer4", subject="net",
    ...                         kind="network")
    >>> result = compare({"resnet": model}, brain, n_bootstrap=99)
    >>> result.table[["model", "model_region", "brain_region", "n_stimuli"]].values.tolist()
    [['resnet', 'layer4', 'IT', 12]]
    """
    if resample not in RESAMPLED:
        raise InvalidInputError(f"resample must be one of {RESAMPLED}, got {resample!r}.")
    check_whole("n_bootstrap", n_bootstrap, 0)
    check_whole("seed", seed, 0)
    if labels is not None and not isinstance(labels, pd.DataFrame):
        raise InvalidInputError(
            f"labels must be a pandas.DataFrame indexed by stimulus id, got a "
            f"{type(labels).__name__}."
        )
    chosen = find_comparator(comparator or DEFAULT)
    corrections = find_corrections(correct)
    joined = join_inputs(models, brain, metric, nan, controls, seed, untrained)
    regions = [
        _compare_region(joined, region, chosen, resample, n_bootstrap, seed)
        for region in joined.brain
    ]
    tables, ceilings, pairs, subjects = zip(*regions, strict=True)
    bounds = pd.DataFrame(ceilings)
    bounds["upper_crossvalidated"] = crossvalidated_ceilings(brain, joined, chosen, metric, seed)
    corrected, contributions = pd.DataFrame(), pd.DataFrame()
    if corrections:
        corrected, contributions = corrected_scores(
            joined, corrections, chosen, labels, nuisance, metric, resample
        )
    return Comparison(
        _corrected([row for rows in tables for row in rows], COLUMNS, "p_zero"),
        _corrected([row for rows in pairs for row in rows], PAIR_COLUMNS, "p"),
        bounds,
        describe(
            joined, chosen, resample, comparator is None, metric, nan, n_bootstrap, corrections
        ),
        chosen,
        joined.dropped,
        pd.DataFrame([row for rows in subjects for row in rows]),
        corrected,
        contributions,
    )


Rows = list[dict[str, Any]]


def _compare_region(
    joined: Joined,
    region: Subjects,
    comparator: Comparator,
    resample: str,
    n_draws: int,
    seed: int,
) -> tuple[Rows, dict[str, Any], Rows, Rows]:
    """Rows of the table, the ceiling, the pairs and the subjects for one region of the brain."""
    over, n_stimuli = _possible(resample, region), len(joined.stimulus_ids)
    rng = np.random.default_rng(seed)
    parts = [(name, part) for name, regions in joined.models.items() for part in regions]
    scored = _scores(parts, joined.fits, region, comparator, seed)
    errors = _bootstrap_errors(parts, joined.fits, region, comparator, over, n_draws, rng)
    brain_reliability = reliability(region.vectors, comparator)
    ceiling = {
        "brain_region": region.region,
        **vars(noise_ceiling(region.vectors, comparator, seed=seed)),
        "reliability": brain_reliability,
    }
    bound = ceiling_terms(region.vectors, comparator) if len(region.subjects) > 1 else None
    rows: Rows = []
    subjects: Rows = []
    for (name, part), one, error in zip(parts, scored, errors, strict=True):
        labels = {
            "model": name,
            "model_region": part.region,
            "brain_region": region.region,
            "comparator": comparator.name,
        }
        row = labels | {"se_bootstrap": error} | _row(one, n_stimuli, over, bound)
        if name in joined.fits:
            row |= _flexible_test(one, n_stimuli, over, comparator)
        else:
            test = unrelated_test(part.vectors, region.vectors, comparator, n_draws, rng)
            row |= {
                "unrelated": test.mean,
                **_test_of_zero(one, test, over, comparator),
                "reliability": reliability(part.vectors, comparator),
            }
        row["disattenuated"] = disattenuated(
            one.score, brain_reliability, row["reliability"], comparator
        )
        rows.append(row)
        subjects += [
            labels | {"subject": subject, "score": float(score)}
            for subject, score in zip(region.subjects, one.scores.mean(axis=0), strict=True)
        ]
    return (
        rows,
        ceiling,
        _pairs(parts, scored, n_stimuli, over, region.region, comparator),
        subjects,
    )


def _bootstrap_errors(
    parts: Sequence[tuple[str, Subjects]],
    fits: Mapping[str, str],
    region: Subjects,
    comparator: Comparator,
    over: str,
    n_draws: int,
    rng: np.random.Generator,
) -> list[float]:
    """Bootstrap standard errors; NaN for flexible models and where there are no fast products."""
    fixed = [part.vectors for name, part in parts if name not in fits]
    if comparator.family == "matrix" or not fixed or n_draws < 2:
        return [np.nan] * len(parts)
    errors = iter(bootstrap_errors(fixed, region.vectors, comparator, over, n_draws, rng))
    return [np.nan if name in fits else float(next(errors)) for name, _ in parts]


def _possible(resample: str, region: Subjects) -> str:
    """Say what can be resampled: with one subject, only stimuli."""
    if len(region.subjects) > 1:
        return resample
    if resample == "subjects":
        raise NotIdentifiableError(
            f"the brain has one subject in region {region.region!r}, so nothing can be said about "
            "new subjects; use resample='stimuli'."
        )
    return "stimuli"


def _scores(
    parts: Sequence[tuple[str, Subjects]],
    fits: Mapping[str, str],
    region: Subjects,
    comparator: Comparator,
    seed: int,
) -> list[Scored]:
    fixed = [part.vectors for name, part in parts if name not in fits]
    scored = iter(score_models(fixed, region.vectors, comparator) if fixed else [])
    return [
        score_flexible(part.vectors, region.vectors, fits[name], comparator, seed)
        if name in fits
        else next(scored)
        for name, part in parts
    ]


def _row(one: Scored, n_stimuli: int, over: str, bound: CeilingTerms | None) -> dict[str, Any]:
    below = None if bound is None else ceiling_interval(one, bound, n_stimuli, over)
    return {
        "score": one.score,
        **_columns(score_interval(one, n_stimuli, over)),
        "p_ceiling": np.nan if below is None else below.p("less"),
        "n_stimuli": n_stimuli,
        "n_subjects": one.scores.shape[1],
        "n_networks": one.scores.shape[0],
    }


def _flexible_test(
    one: Scored, n_stimuli: int, over: str, comparator: Comparator
) -> dict[str, float]:
    """Test a flexible model by its interval: permuting its labels would mean fitting it again."""
    known = comparator.unrelated is not None
    return {
        "unrelated": 0.0 if known else np.nan,
        "p_zero": score_interval(one, n_stimuli, over).p("greater") if known else np.nan,
        "p_wilcoxon": np.nan,
        "reliability": np.nan,
    }


def _columns(interval: Interval) -> dict[str, float]:
    return dict(zip(INTERVAL, (interval.se, interval.low, interval.high, interval.df), strict=True))


def _test_of_zero(
    one: Scored, test: Unrelated, over: str, comparator: Comparator
) -> dict[str, float]:
    """Test against unrelated RDMs: by permutation, or over subjects where the stimuli are fixed."""
    if over != "subjects":
        return {"p_zero": test.p, "p_wilcoxon": np.nan}
    by_subject = one.scores.mean(axis=0)
    above = transformed(by_subject, comparator) - transformed(np.array(test.mean), comparator)
    return {
        "p_zero": float(stats.ttest_1samp(above, 0, alternative="greater").pvalue),
        "p_wilcoxon": wilcoxon(above, "greater"),
    }


def _pairs(
    parts: Sequence[tuple[str, Subjects]],
    scored: Sequence[Scored],
    n_stimuli: int,
    over: str,
    brain_region: str,
    comparator: Comparator,
) -> list[dict[str, Any]]:
    named = [(name, part.region, one) for (name, part), one in zip(parts, scored, strict=True)]
    rows: list[dict[str, Any]] = []
    for (*a, first), (*b, second) in combinations(named, 2):
        interval = difference_interval(first, second, n_stimuli, over)
        rows.append(
            dict(zip(SIDES, (brain_region, *a, *b), strict=True))
            | {"difference": interval.value, **_columns(interval), "p": interval.p()}
            | {"p_wilcoxon": _paired(first, second, comparator) if over == "subjects" else np.nan}
        )
    return rows


def _paired(first: Scored, second: Scored, comparator: Comparator) -> float:
    a, b = (transformed(one.scores.mean(axis=0), comparator) for one in (first, second))
    return wilcoxon(a - b, "two-sided")


def _corrected(rows: Rows, columns: Sequence[str], p: str) -> pd.DataFrame:
    """Add p values that are corrected for all rows of a brain region."""
    table = pd.DataFrame(rows, columns=list(columns))
    for name, method in {"holm": holm, "fdr": benjamini_hochberg}.items():
        adjusted = table.groupby("brain_region")[p].transform(lambda x, by=method: by(x.to_numpy()))
        table[f"{p}_{name}"] = adjusted
    return table
