"""The paragraph that says what a comparison did, and what it may be generalised to."""

from collections.abc import Sequence

from reprcompare.comparison.corrections import Correction
from reprcompare.comparison.inputs import Joined
from reprcompare.geometry import Comparator, tested_through

_GENERALISES = {
    "both": "new subjects and new stimuli of the kind that was used",
    "stimuli": "new stimuli of the kind that was used, for these subjects",
    "subjects": "new subjects, for these stimuli",
}


def describe(
    joined: Joined,
    comparator: Comparator,
    resample: str,
    by_default: bool,
    metric: str,
    nan: str,
    n_draws: int,
    corrections: Sequence[Correction] = (),
) -> str:
    """Write what was compared, how it was tested, and what the tests generalise to."""
    sentences = [_compared(joined, comparator, by_default, metric)]
    for region in joined.brain:
        sentences.append(_generalised(region.region, len(region.subjects), resample))
    sentences.append(_tested(comparator, n_draws, resample))
    if joined.fits:
        sentences.append(
            f"Flexible models ({', '.join(joined.fits)}) were fitted to other stimuli and other "
            "subjects than those that they are scored on, and are tested by their interval."
        )
    networks = [
        len(part.subjects)
        for name, parts in joined.models.items()
        for part in parts
        if name not in joined.fits
    ]
    if max(networks, default=1) > 1:
        sentences.append(
            "Models with several networks score as the mean over them, and networks are a further "
            "random factor: intervals generalise to new networks of the class."
        )
    sentences += _sessions(joined) + _dropped(joined, nan) + _corrected(corrections)
    return " ".join(sentences)


def _compared(joined: Joined, comparator: Comparator, by_default: bool, metric: str) -> str:
    choice = " (the default)" if by_default else ""
    return (
        f"RDMs of {len(joined.stimulus_ids)} stimuli, joined by stimulus id, were compared by "
        f"{comparator.label}{choice}: {comparator.says}. Recordings entered with the dissimilarity "
        f"{metric!r}."
    )


def _generalised(region: str, n_subjects: int, resample: str) -> str:
    place = f"In {region}, intervals" if region else "Intervals"
    if n_subjects == 1 and resample == "both":
        return (
            f"{place} and tests generalise to {_GENERALISES['stimuli']}: there is one brain "
            "subject, so nothing can be said about new subjects, and there is no noise ceiling."
        )
    return f"{place} and tests ({n_subjects} subjects) generalise to {_GENERALISES[resample]}."


def _tested(comparator: Comparator, n_draws: int, resample: str) -> str:
    zero = (
        f"p_zero is a one-sided t test over subjects, of {_scale(comparator)}, and p_wilcoxon a "
        "signed-rank test, of the null hypothesis that the mean score is that of unrelated RDMs"
        if resample == "subjects"
        else f"p_zero tests the null hypothesis that a model is unrelated to the brain, one-sided, "
        f"by {n_draws} permutations of its stimulus labels"
    )
    tested = tested_through(comparator)
    if tested is not comparator and resample != "subjects":
        zero += f" (carried out on the {tested.label})"
    bootstrapped = (
        f"se_bootstrap is that of {n_draws} bootstrap resamples, corrected for both factors "
        "(Schuett et al. 2023); it is too large for models that are unrelated to the brain"
        if n_draws
        else "Nothing was resampled or permuted, so se_bootstrap and what rests on permutations "
        "are missing"
    )
    return (
        "Standard errors come from the influence of every subject and pair of stimuli on the "
        "score, where only terms that share neither are independent; intervals and differences "
        "(two-sided) use Student's t with Satterthwaite's degrees of freedom. "
        f"{bootstrapped}. {zero}. p of a pair tests the null hypothesis that two models score "
        "equally; p_ceiling that a model is expected to score as the lower noise ceiling does, "
        "against lying below it. "
        "p_holm and p_zero_holm are corrected family-wise, p_fdr and p_zero_fdr for the rate of "
        "false discoveries, over all pairs of models, or all models, of a brain region; other p "
        "values are not corrected."
    )


def _scale(comparator: Comparator) -> str:
    return "Fisher z" if comparator.bounded else "the scores as they are"


def _sessions(joined: Joined) -> list[str]:
    most = max(n for region in joined.brain for n in region.n_sessions)
    if most == 1:
        return []
    return ["Sessions of one subject were averaged first and are not counted as subjects."]


def _dropped(joined: Joined, nan: str) -> list[str]:
    sentences = []
    if nan == "drop":
        gone = joined.dropped.get("undefined", [])
        sentences.append(
            f"Stimuli with undefined dissimilarities were left out ({len(gone)}; nan='drop')."
        )
    else:
        sentences.append(f"No dissimilarity was undefined (nan={nan!r}).")
    unshared = {name: ids for name, ids in joined.dropped.items() if name != "undefined"}
    if unshared:
        said = ", ".join(f"{len(ids)} of {name}" for name, ids in unshared.items())
        sentences.append(f"Stimuli that not all objects share were left out: {said}.")
    return sentences


def _corrected(corrections: Sequence[Correction]) -> list[str]:
    sentences = [
        f"Correction {one.name!r} ({one.label}). Assumed: {one.assumes} {one.trust}"
        for one in corrections
    ]
    if sentences:
        sentences.append(
            "Intervals of corrected scores are a jackknife over ten groups of stimuli, with the "
            "variance between subjects and between networks where there are several."
        )
    return sentences
