"""One entry: how well models describe a brain, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.comparison.inputs import Joined, Source, join_inputs
from reprcompare.comparison.method import describe
from reprcompare.comparison.result import Comparison
from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry import (
    RESAMPLED,
    Ceiling,
    Comparator,
    Subjects,
    Variance,
    ceiling_terms,
    find_comparator,
    influences,
    noise_ceiling,
    score_variance,
    unrelated_test,
)
from reprcompare.statistics.corrections import holm

DEFAULT = "rho-a"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scored:
    """One region of one model against one region of the brain.

    Attributes
    ----------
    model, region
    scores : array, shape (n_networks, n_subjects)
    terms : array, shape (n_subjects, n_pairs)
        Score plus influence, averaged over networks.
    networks : Variance
        Of the mean over networks; zero for one network.
    """

    model: str
    region: str
    scores: np.ndarray
    terms: np.ndarray
    networks: Variance


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
) -> Comparison:
    """Compare models with a brain by their RDMs.

    Parameters
    ----------
    models
        Recordings or RDMs by name, a list of them, or one. Several networks (subjects) of one model
        are a random factor: the score is their mean.
    brain
        A recording or RDMs. Sessions of one subject are averaged first.
    comparator
        See `reprcompare.geometry.COMPARATORS`; by default rho-a, which does not favour models that
        predict ties.
    resample
        What the intervals and tests generalise to: new "subjects", new "stimuli", or "both". With
        one brain subject "both" can only mean stimuli; `method` says so.
    n_bootstrap
        Random draws, here permutations of the stimulus labels behind `p_zero`.
    seed
        Makes the random draws repeatable.
    metric
        Dissimilarity for what is given as a recording.
    nan
        What happens to NaN dissimilarities: "raise", or "drop" their stimuli.

    Returns
    -------
    Comparison
        `.table`, `.pairs`, `.ceiling`, `.method`, `.dropped`, `.plot()`.

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
    chosen = find_comparator(comparator or DEFAULT)
    joined = join_inputs(models, brain, metric, nan)
    rng = np.random.default_rng(seed)
    rows, pairs, ceilings, by_subject = [], [], [], []
    for region in joined.brain:
        over = _possible(resample, region)
        ceiling = noise_ceiling(region.vectors, chosen, seed=seed)
        bound = ceiling_terms(region.vectors, chosen) if ceiling.n_subjects > 1 else None
        ceilings.append({"brain_region": region.region, **vars(ceiling)})
        scored = _scores(joined, region, chosen)
        for one, networks in zip(scored, _networks(joined), strict=True):
            test = unrelated_test(networks, region.vectors, chosen, n_bootstrap, rng)
            row = _row(one, joined, over, test.mean, ceiling, bound)
            row["p_zero"] = _p_zero(one, over, test.p, test.mean)
            rows.append({**row, "brain_region": region.region, "comparator": chosen.name})
            by_subject += _subject_rows(one, region)
        pairs += _pairs(scored, joined, over, region.region)
    return Comparison(
        pd.DataFrame(rows)[COLUMNS],
        _corrected(pd.DataFrame(pairs, columns=PAIR_COLUMNS)),
        pd.DataFrame(ceilings),
        describe(joined, chosen, resample, comparator is None, metric, nan, n_bootstrap),
        joined.dropped,
        pd.DataFrame(by_subject),
    )


COLUMNS = [
    "model",
    "model_region",
    "brain_region",
    "score",
    "se",
    "ci_low",
    "ci_high",
    "df",
    "p_zero",
    "p_ceiling",
    "unrelated",
    "n_stimuli",
    "n_subjects",
    "n_networks",
    "comparator",
]
PAIR_COLUMNS = [
    "brain_region",
    "model_a",
    "region_a",
    "model_b",
    "region_b",
    "difference",
    "se",
    "ci_low",
    "ci_high",
    "df",
    "p",
]


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


def _networks(joined: Joined) -> list[np.ndarray]:
    return [part.vectors for parts in joined.models.values() for part in parts]


def _scores(joined: Joined, region: Subjects, comparator: Comparator) -> list[Scored]:
    """Score every region of every model; the brain's RDMs are prepared once."""
    parts = [(name, part) for name, parts in joined.models.items() for part in parts]
    everything = np.concatenate([part.vectors for _, part in parts])
    results = influences(everything, region.vectors, comparator)
    return [_scored(name, part, list(islice(results, len(part.vectors)))) for name, part in parts]


def _scored(name: str, part: Subjects, networks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Scored:
    terms = sum(score[:, None] + influence for score, influence in networks) / len(networks)
    scores = np.array([score for score, _ in networks])
    means = scores.mean(axis=1)
    spread = float(means.var(ddof=1) / len(means)) if len(means) > 1 else 0.0
    return Scored(
        name, part.region, scores, terms, Variance(spread, 0.0, 0.0, max(len(means) - 1, 1))
    )


def _row(
    one: Scored,
    joined: Joined,
    over: str,
    unrelated: float,
    ceiling: Ceiling,
    bound: np.ndarray | None,
) -> dict[str, object]:
    n = len(joined.stimulus_ids)
    score = float(one.scores.mean())
    interval = _interval(score, one.terms, n, over, [one.networks])
    p_ceiling = np.nan
    if bound is not None:
        below = _interval(score - ceiling.lower, one.terms - bound, n, over, [one.networks])
        p_ceiling = _one_sided(-below["difference"], below)
    return {
        "model": one.model,
        "model_region": one.region,
        "score": score,
        **{name: interval[name] for name in ("se", "ci_low", "ci_high", "df")},
        "p_ceiling": p_ceiling,
        "unrelated": unrelated,
        "n_stimuli": n,
        "n_subjects": one.scores.shape[1],
        "n_networks": one.scores.shape[0],
    }


def _interval(
    value: float, terms: np.ndarray, n_stimuli: int, over: str, networks: Sequence[Variance]
) -> dict[str, float]:
    """Interval of a mean by Student's t with the degrees of freedom of its variance."""
    variance = score_variance(terms, n_stimuli, over)
    parts = [variance, *(one for one in networks if one.total > 0)]
    total = sum(one.total for one in parts)
    if total <= 0:
        return dict.fromkeys(["se", "ci_low", "ci_high", "df", "p"], np.nan) | {"difference": value}
    df = total**2 / sum(one.total**2 / one.df for one in parts)
    se = float(np.sqrt(total))
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, df)) * se
    return {
        "difference": value,
        "se": se,
        "ci_low": value - reach,
        "ci_high": value + reach,
        "df": df,
        "p": float(2 * stats.t.sf(abs(value) / se, df)),
    }


def _one_sided(value: float, interval: dict[str, float]) -> float:
    return float(stats.t.sf(value / interval["se"], interval["df"]))


def _p_zero(one: Scored, over: str, permuted: float, unrelated: float) -> float:
    """Random-effects t test for fixed stimuli, permutation of the stimulus labels otherwise."""
    if over != "subjects":
        return permuted
    values = one.scores.mean(axis=0) - unrelated
    return float(stats.ttest_1samp(values, 0, alternative="greater").pvalue)


def _pairs(
    scored: Sequence[Scored], joined: Joined, over: str, region: str
) -> list[dict[str, object]]:
    rows = []
    for a, b in combinations(scored, 2):
        difference = float(a.scores.mean() - b.scores.mean())
        terms = a.terms - b.terms
        both = [a.networks, b.networks]
        rows.append(
            {
                "brain_region": region,
                "model_a": a.model,
                "region_a": a.region,
                "model_b": b.model,
                "region_b": b.region,
                **_interval(difference, terms, len(joined.stimulus_ids), over, both),
            }
        )
    return rows


def _corrected(pairs: pd.DataFrame) -> pd.DataFrame:
    pairs["p_holm"] = pairs.groupby("brain_region")["p"].transform(lambda p: holm(p.to_numpy()))
    return pairs


def _subject_rows(one: Scored, region: Subjects) -> list[dict[str, object]]:
    return [
        {
            "model": one.model,
            "model_region": one.region,
            "brain_region": region.region,
            "subject": subject,
            "score": float(score),
        }
        for subject, score in zip(region.subjects, one.scores.mean(axis=0), strict=True)
    ]
