"""The two sides of a corrected comparison: one region of one network, animal or person each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial.distance import squareform

from reprcompare.audit import (
    SQUARED,
    Accounted,
    Basis,
    Contrasts,
    Design,
    accounted,
    contrasts_of_gram,
    covered_outputs,
    decode,
    design_of,
    gram_of_rdm,
    pieces,
    repeated_patterns,
    role_gates,
    unlocated,
)
from reprcompare.comparison.inputs import Source
from reprcompare.errors import NotIdentifiableError, UninformativeError
from reprcompare.geometry import (
    Subjects,
    dissimilarities,
    feature_rdms,
    take_stimuli,
    whitened_gram,
)
from reprcompare.recording import label_table

GROUPS = 10
"""Groups of stimuli that are left out in turn for the interval of a corrected score."""


@dataclass(frozen=True)
class Side:
    """One region of one subject, on the stimuli that are compared.

    Attributes
    ----------
    region, subject
    rdm : array, shape (n_pairs,)
        As it entered the plain comparison.
    labels : pandas.DataFrame
        One row a stimulus; no columns where there are no labels.
    squared
        Whether the RDM holds distances that must be squared to become inner products.
    metric
        Dissimilarity of the RDM, where it was computed from activity.
    patterns : array, shape (n_repetitions, n_stimuli, n_neuroids), or None
        None for data published as RDMs.
    outputs : array, shape (n_stimuli, n_responses), or None
    recording : xarray.Dataset or None
        Where its effects are.
    part_of
        The side on all stimuli, where this one has some of them: it says what the labels are good
        for.
    """

    region: str
    subject: str
    rdm: np.ndarray
    labels: pd.DataFrame
    squared: bool = False
    metric: str = ""
    patterns: np.ndarray | None = None
    outputs: np.ndarray | None = None
    recording: xr.Dataset | None = None
    part_of: "Side | None" = None

    def take(self, rows: np.ndarray) -> "Side":
        """Return the same side on some of the stimuli."""
        return replace(
            self,
            rdm=take_stimuli(self.rdm[None], rows)[0],
            labels=self.labels.iloc[rows],
            patterns=None if self.patterns is None else self.patterns[:, rows],
            outputs=None if self.outputs is None else self.outputs[rows],
            part_of=self.part_of or self,
        )

    @cached_property
    def without_groups(self) -> list["Side"]:
        """The side without each group of stimuli in turn."""
        n = len(self.labels)
        group = np.random.default_rng(0).permutation(n) % GROUPS
        return [self.take(np.flatnonzero(group != left)) for left in range(GROUPS)]

    @cached_property
    def design(self) -> Design:
        """The labels, coded for regression."""
        if not self.labels.shape[1]:
            raise NotIdentifiableError(
                "not identifiable: there are no labels; give labels=, or use a correction that "
                "needs none (disattenuated, whitened)."
            )
        return design_of(self.labels)

    @cached_property
    def feature_rdms(self) -> np.ndarray:
        """RDMs of the features that can be told apart, shape (n_features, n_pairs)."""
        return feature_rdms(self.labels[self.design.names]).get_vectors()

    @property
    def activity(self) -> np.ndarray:
        """Mean patterns, shape (n_stimuli, n_neuroids)."""
        return self.repeated.mean(axis=0)

    @property
    def repeated(self) -> np.ndarray:
        """Patterns, shape (n_repetitions, n_stimuli, n_neuroids)."""
        if self.patterns is None:
            raise NotIdentifiableError(
                f"not identifiable: {self.region or self.subject} was given as RDMs, and this "
                "needs activity."
            )
        return self.patterns

    @cached_property
    def grams(self) -> tuple[np.ndarray, np.ndarray]:
        """Inner products of stimuli, of two halves of the repetitions where there are any."""
        if self.patterns is None:
            distances = squareform(self.rdm)
            gram = gram_of_rdm(np.square(distances) if self.squared else distances)
            return gram, gram
        n = len(self.patterns)
        halves = [self.patterns[k::2] if n > 1 else self.patterns for k in (0, 1)]
        first, second = (half.mean(axis=0) for half in halves)
        return first @ first.T, second @ second.T

    @cached_property
    def beyond(self) -> tuple[np.ndarray, np.ndarray]:
        """What main effects of the features leave of both."""
        features, _ = np.linalg.qr(self.design.columns)
        basis = Basis(features)
        first, second = (basis.residual(basis.residual(gram).T) for gram in self.grams)
        return first, second

    @cached_property
    def contrasts(self) -> Contrasts:
        """Main effects that saturate with their size, against the variation between exemplars.

        Of RDMs, whose directions are not known, against that variation in all directions together.
        """
        features, _ = np.linalg.qr(self.design.columns)
        noise = 1.0
        if self.patterns is None:
            gram = self.grams[0]
            free = len(gram) - 1 - features.shape[1]
            noise = (np.trace(gram) - np.vdot(features, gram @ features)) / max(free, 1)
        else:
            gram = whitened_gram(self.patterns, features)
        found = contrasts_of_gram(gram, self.design)
        if found.p_carried() > 0.05:
            raise UninformativeError(
                f"uninformative: {self.region} of {self.subject} carries no main effect of the "
                f"labelled features above chance{self._although}; nothing follows about whether "
                "the two compute the same."
            )
        return found.saturated(max(noise, 1e-12))

    @property
    def _although(self) -> str:
        """What interventions say of a region whose geometry says nothing."""
        if not self.unlocated:
            return ""
        whole = max(self.unlocated.values())
        return (
            f", although exchanging its whole state has {whole:.2f} of the effect of the "
            "counterfactual stimulus: it computes them, and its geometry does not show it"
        )

    @cached_property
    def unlocated(self) -> dict[str, float]:
        """Features whose effect goes through the region and through no subspace of it."""
        return unlocated(self.recording, self.subject, self.region)

    def check_located(self) -> None:
        """Refuse roles that interventions have found in the state and in none of its subspaces."""
        if not self.unlocated:
            return
        name, whole = max(self.unlocated.items(), key=lambda item: item[1])
        raise UninformativeError(
            f"uninformative: exchanging the whole state of {self.region} of {self.subject} has "
            f"{whole:.2f} of the effect of {name!r}, and no subspace that was found has half of "
            "it; the region computes with it, and its geometry does not show how, so that nothing "
            "follows about whether the two compute the same."
        )

    @cached_property
    def accounted(self) -> Accounted:
        """What the labels predict of the region, by main effects and by combinations."""
        if self.part_of is not None:
            return self.part_of.accounted
        if self.patterns is not None:
            return accounted(self.patterns, self.labels[self.design.names])
        values, vectors = np.linalg.eigh(self.grams[0])
        patterns = vectors * np.sqrt(np.maximum(values, 0))
        return accounted(patterns[None], self.labels[self.design.names])

    @cached_property
    def decodability(self) -> np.ndarray:
        """How far above chance each feature is decoded, 0 to 1, shape (n_features,)."""
        activity = self.activity
        found = []
        for name in self.design.names:
            feature = self.labels[name]
            score = decode(activity, feature, n_permutations=0).score
            numeric = pd.api.types.is_numeric_dtype(feature) and feature.nunique() > 2
            chance = 0.0 if numeric else 1 / feature.nunique()
            found.append(max(score - chance, 0.0) / (1 - chance))
        return np.array(found)

    @cached_property
    def whitened(self) -> np.ndarray:
        """Inner products of stimuli after whitening by the total covariance."""
        return whitened_gram(self.repeated, np.empty((len(self.labels), 0)))

    @cached_property
    def covered(self) -> float:
        """Part of the answers that the labels explain; NaN where no answers are stored."""
        return np.nan if self.outputs is None else covered_outputs(self.outputs, self.labels)

    @cached_property
    def gates(self) -> pd.DataFrame:
        """Effects of features (rows) on responses (columns), 0 where they are not above null."""
        if self.recording is None:
            raise NotIdentifiableError(
                "not identifiable: role needs interventions, and RDMs hold none."
            )
        return role_gates(self.recording, self.subject, self.region)

    @property
    def repeats(self) -> bool:
        """Whether noise is known: there are repetitions, or it is a network, which has none."""
        if self.patterns is not None and len(self.patterns) > 1:
            return True
        return self.recording is not None and self.recording.attrs.get("kind") == "network"

    @cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """RDMs of odd and even repetitions; twice the same without repetitions."""
        if self.patterns is None or len(self.patterns) < 2:
            return self.rdm, self.rdm
        first, second = (self.patterns[k::2].mean(axis=0) for k in (0, 1))
        return dissimilarities([first], self.metric), dissimilarities([second], self.metric)


def sides_of(
    source: Source,
    regions: list[Subjects],
    stimulus_ids: np.ndarray,
    labels: pd.DataFrame,
    metric: str,
) -> dict[str, list[Side]]:
    """Lay out the regions of a recording or of RDMs as sides.

    Parameters
    ----------
    source
        What was given to `compare`.
    regions
        What `join_inputs` made of it.
    stimulus_ids, labels
        The stimuli that are compared, in this order.
    metric
        Dissimilarity for recordings.

    Returns
    -------
    dict of region to list of Side
        One a subject.
    """
    ids = pd.Index([str(name) for name in stimulus_ids])
    activity = dict(_activity(source, ids)) if isinstance(source, xr.Dataset) else {}
    outputs = _outputs(source, ids) if isinstance(source, xr.Dataset) else {}
    measure = str(getattr(source, "dissimilarity_measure", metric) or "").lower()
    return {
        part.region: [
            Side(
                part.region,
                subject,
                vector,
                labels,
                squared=measure in SQUARED,
                metric=metric if activity else "",
                patterns=activity.get((subject, part.region)),
                outputs=outputs.get(subject),
                recording=source if isinstance(source, xr.Dataset) else None,
            )
            for subject, vector in zip(part.subjects, part.vectors, strict=True)
        ]
        for part in regions
    }


def labelled_stimuli(
    labels: pd.DataFrame | None, sources: Mapping[str, Source], stimulus_ids: np.ndarray
) -> pd.DataFrame:
    """Find the labels of the stimuli: those given, or else the first that a source carries.

    Returns
    -------
    pandas.DataFrame
        Rows for those of the stimuli that have all labels, in their order.
    """
    if labels is None:
        carrying = [
            one for one in sources.values() if isinstance(one, xr.Dataset) and "label" in one
        ]
        if not carrying:
            return pd.DataFrame(index=pd.Index([str(name) for name in stimulus_ids]))
        labels = label_table(carrying[0])
    table = labels.copy()
    table.index = pd.Index([str(name) for name in table.index])
    return table.reindex([str(name) for name in stimulus_ids]).dropna()


def _activity(source: xr.Dataset, ids: pd.Index) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    for keys, piece in pieces(source):
        patterns = repeated_patterns(piece, ids)
        kept = ~np.isnan(patterns).any(axis=(0, 1))
        yield (str(keys["subject"]), str(keys["region"])), patterns[..., kept]


def _outputs(source: xr.Dataset, ids: pd.Index) -> dict[str, np.ndarray]:
    """Return the mean answers of every subject to the stimuli, where it gave any."""
    if "output" not in source:
        return {}
    values = source["output"].transpose("by_subject", "presentation", "response").values
    names = source["stimulus_id"].values.astype(str)
    found = {}
    for subject, answers in zip(source["by_subject"].values, values, strict=True):
        means = pd.DataFrame(answers).groupby(names).mean().reindex(ids)
        if means.notna().to_numpy().all():
            found[str(subject)] = means.to_numpy(dtype=float)
    return found
