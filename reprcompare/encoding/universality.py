"""Universality: which dimensions of a network other networks, and a brain, have as well."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from reprcompare.encoding.arguments import check_computation
from reprcompare.encoding.fitting import fit
from reprcompare.encoding.folds import Folds, make_folds
from reprcompare.encoding.grams import gram
from reprcompare.encoding.models import find_model, search_of
from reprcompare.encoding.predictors import Group, candidates_of, joined
from reprcompare.encoding.responses import prepared_rows
from reprcompare.encoding.scores import correlation, fold_centred
from reprcompare.encoding.systems import Stimuli, systems_of
from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    check_whole,
    listing,
)
from reprcompare.recording import common_stimuli, labels_of, select

SENTENCE: Final = (
    "Principal components of every network over {n} stimuli were predicted from every other "
    "network by ridge regression, nested ({folds} outer folds over stimuli, components and "
    "penalties from the training stimuli); a score is the correlation within folds, averaged over "
    "folds. Universality of a component is the median over the other networks (Chen & Bonner 2025)."
)


@dataclass(frozen=True)
class Universality:
    """How far components of networks are shared.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a network, region and component (from 1): variance (fraction of the total),
        universality (median over the other networks), low, high (quartiles over them),
        n_networks, and brain_similarity (median over the subjects and regions of the brain) where
        one was given.
    pairs : pandas.DataFrame
        r of every component from every other network, and from every subject and region of the
        brain.
    relation : pandas.DataFrame
        For every network and region the rank correlation of universality and brain similarity over
        components, where a brain was given.
    method : str
        What was done, in words.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    relation: pd.DataFrame
    method: str

    def plot(self) -> Figure:
        """Draw universality over components, and brain similarity against it where there is one.

        Returns
        -------
        matplotlib.figure.Figure
            Points are networks, lines their means; all are correlations.
        """
        from reprcompare.encoding.figures import plot_universality

        return plot_universality(self.table)


def universality(
    recordings: Mapping[str, xr.Dataset] | Sequence[xr.Dataset],
    brain: xr.Dataset | None = None,
    *,
    n_components: int = 20,
    cv: int = 5,
    inner_cv: int = 5,
    alphas: Sequence[float] | np.ndarray | None = None,
    seed: int = 0,
    precision: str = "float32",
    device: str = "cpu",
) -> Universality:
    """Score every principal component of every network by how well the other networks predict it.

    Parameters
    ----------
    recordings
        Networks by name, or a list of them. Every subject of a recording is a network. A region is
        predicted by the region of the same name of every other network, or by all of its regions
        together where it has none.
    brain
        A recording from which components are predicted likewise: brain similarity. Its repetitions
        are averaged.
    n_components
        Components of each region, largest variance first.
    cv, inner_cv, alphas, seed, precision, device
        As for `encode`.

    Returns
    -------
    Universality

    Raises
    ------
    NotIdentifiableError
        If there are fewer than two networks.
    InvalidInputError, UnknownNameError
        If something else than recordings is given, or an argument has no such value.
    LabelMismatchError
        If they share no stimuli.

    Notes
    -----
    Components are those of the training stimuli of each outer fold. Those of all stimuli would know
    the held-out ones: they are uncorrelated over all, so that a correlation of two components in
    training stimuli implies the opposite one in held-out stimuli, and what predicts the first
    component would predict the others the wrong way round.

    References
    ----------
    Chen & Bonner 2025, Universal dimensions of visual representation, Science Advances 11
    (arXiv 2408.12804).

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> random = np.random.default_rng(0)
    >>> shared, ids = random.normal(size=(40, 1)), [f"s{k}" for k in range(40)]
    >>> nets = {
    ...     name: build_recording(
    ...         np.concatenate([3 * shared, random.normal(size=(40, 2))], axis=1),
    ...         stimulus_id=ids, region="fc", subject=name, kind="network")
    ...     for name in ("a", "b", "c")
    ... }
    >>> found = universality(nets, n_components=2)
    >>> (found.table.groupby("component")["universality"].min() > 0.9).tolist()
    [True, False]
    """
    check_whole("n_components", n_components, 1)
    check_whole("cv", cv, 2)
    check_whole("seed", seed, 0)
    check_computation(precision, device)
    networks = [part for item in _named(recordings) for part in _networks(*item)]
    names = list(dict.fromkeys(part.name for part in networks))
    if len(names) < 2:
        raise NotIdentifiableError(
            "universality compares networks with each other and needs at least two of them; every "
            "subject of a recording counts as one."
        )
    sources = _sources(networks)
    if brain is not None:
        sources += [
            replace(part, kind="brain")
            for part in _networks("brain", prepared_rows(brain, keep=False))
        ]
    _check_shared([*networks, *sources])
    ids, positions = common_stimuli(*(part.group.stimulus_id for part in [*networks, *sources]))
    order = np.argsort(ids)
    where = [places[order] for places in positions]
    folds = make_folds(pd.DataFrame({"stimulus_id": ids[order]}), cv, inner_cv, seed=seed)
    search = search_of(find_model("ridge", 1)[1], 1, alphas, None, 0, seed)
    found = [
        _components(part, gram(part.group, places, precision="float64"), folds, n_components)
        for part, places in zip(networks, where, strict=False)
    ]
    rows = []
    for source, places in zip(sources, where[len(networks) :], strict=True):
        asked = [t for t, target in enumerate(networks) if source.predicts(target, networks)]
        if not asked:
            continue
        stimuli = Stimuli([places], np.arange(len(ids)), np.zeros(len(ids), int), (0,))
        systems = systems_of([source.group], stimuli, lambda k: k, True, None, precision, device)
        wanted = np.concatenate([found[t].scores for t in asked], axis=2)
        held, predicted = np.empty(wanted.shape[1:]), np.empty(wanted.shape[1:])
        for number, one in enumerate(_each(folds)):
            fitted = fit(systems, wanted[number], one, search, precision=precision, device=device)
            rows_held = folds.outer == number
            held[rows_held] = wanted[number, rows_held]
            predicted[rows_held] = fitted.predicted[rows_held]
        r = correlation(
            fold_centred(held, folds.outer), fold_centred(predicted, folds.outer), folds.outer
        )
        ends = np.cumsum([found[t].scores.shape[2] for t in asked])[:-1]
        for t, own in zip(asked, np.split(r, ends), strict=True):
            target = (networks[t].name, networks[t].region)
            rows += [
                (*target, component, source.kind, source.name, source.region, float(value))
                for component, value in enumerate(own, start=1)
            ]
    pairs = pd.DataFrame(
        rows, columns=["network", "region", "component", "kind", "source", "source_region", "r"]
    )
    said = SENTENCE.format(n=len(ids), folds=folds.number)
    if brain is not None:
        said += " Brain similarity is the same from every subject and region of the brain."
    table = _summary(pairs, networks, [item.variance for item in found])
    return Universality(table, pairs, _relation(table), said)


@dataclass(frozen=True)
class _Part:
    """A region of a network or a brain; the region "" is all of them together."""

    name: str
    region: str
    group: Group
    kind: str = "network"

    def predicts(self, target: "_Part", networks: "Sequence[_Part]") -> bool:
        """Tell whether it predicts a target: brains do, networks by the region of the same name."""
        if self.kind == "brain":
            return True
        if self.name == target.name:
            return False
        has = any(p.name == self.name and p.region == target.region for p in networks)
        return self.region == (target.region if has else "")


def _named(
    recordings: Mapping[str, xr.Dataset] | Sequence[xr.Dataset],
) -> list[tuple[str, xr.Dataset]]:
    if isinstance(recordings, xr.Dataset):
        return [("", recordings)]
    if isinstance(recordings, Mapping):
        found = [(str(name), item) for name, item in recordings.items()]
    elif isinstance(recordings, list | tuple):
        found = [("", item) for item in recordings]
    else:
        raise InvalidInputError(
            "universality takes a mapping of names to recordings, a list of recordings, or one "
            f"recording of several subjects, got a {type(recordings).__name__}."
        )
    for name, item in found:
        if not isinstance(item, xr.Dataset):
            raise InvalidInputError(
                f"network {name!r} must be a recording (an xarray.Dataset), got a "
                f"{type(item).__name__}; reprcompare.load_brain opens a file, "
                "reprcompare.recording.build_recording takes an array."
            )
    if isinstance(recordings, Mapping):
        return found
    names = [str(item.attrs.get("identifier") or "") for item in recordings]
    if len(set(names)) < len(names):
        names = [f"{name or 'network'} {place}" for place, name in enumerate(names, start=1)]
    return list(zip(names, recordings, strict=True))


def _check_shared(parts: "Sequence[_Part]") -> None:
    """Name the first network or brain that shares no stimulus with those before it."""
    shared = set(parts[0].group.stimulus_id)
    for part in parts:
        own = part.group.stimulus_id
        if not shared & set(own):
            raise LabelMismatchError(
                f"{part.name!r} shares no stimulus with the rest: it has {listing(own, 3)}, they "
                f"{listing(sorted(shared), 3)}. Use the same ids for the same stimuli."
            )
        shared &= set(own)


def _networks(name: str, recording: xr.Dataset) -> Iterator[_Part]:
    """Yield every region of every subject of a recording."""
    subjects = labels_of(recording, "subject")
    for subject in subjects:
        own = select(recording, subject=subject)
        called = name if len(subjects) == 1 and name else " ".join(filter(None, (name, subject)))
        for region in labels_of(own, "region"):
            group = candidates_of({region: select(own, region=region)})[0].groups[0]
            yield _Part(called, region, group)


def _sources(networks: Sequence[_Part]) -> list[_Part]:
    """Return what predicts: every region, and whole networks for regions that they do not have."""
    regions = {part.region for part in networks}
    whole = []
    for name in dict.fromkeys(part.name for part in networks):
        own = [part for part in networks if part.name == name]
        if regions - {part.region for part in own}:
            whole.append(_Part(name, "", joined([part.group for part in own], name)))
    return [*networks, *whole]


def _each(folds: Folds) -> Iterator[Folds]:
    """Yield every outer fold by itself: its rows are fold 0, which is the only one held out."""
    for number, inner in enumerate(folds.inner):
        yield replace(folds, outer=(folds.outer != number).astype(int), inner=[inner])


@dataclass(frozen=True)
class _Components:
    """Leading components of a region.

    Attributes
    ----------
    scores : array, shape (n_folds, n_stimuli, n_components)
        Of all stimuli on the components of the training stimuli of each outer fold. Components of
        all stimuli would know the held-out ones: since they are uncorrelated over all, a
        correlation in training stimuli implies the opposite one in the others, and what predicts
        the first component would predict the rest the wrong way round.
    variance : array, shape (n_components,)
        Fractions of the variance over all stimuli.
    """

    scores: np.ndarray
    variance: np.ndarray


def _components(part: _Part, kernel: np.ndarray, folds: Folds, most: int) -> _Components:
    variance = _eigen(kernel)[0]
    splits = []
    for number in range(folds.number):
        rows = folds.outer != number
        own, others = kernel[np.ix_(rows, rows)], kernel[:, rows]
        values, vectors = _eigen(own)
        centred = others - others.mean(axis=1, keepdims=True) - own.mean(axis=0) + own.mean()
        splits.append((values, centred @ vectors))
    ranks = [int((values > 1e-10 * max(values[0], variance[0])).sum()) for values, _ in splits]
    number = min(most, *ranks)
    if number == 0 or not variance[0] > 0:
        raise NotIdentifiableError(
            f"{part.name!r}, {part.region!r} is the same for all stimuli, so it has no components."
        )
    scores = [found[:, :number] / values[:number] for values, found in splits]
    # Of variance 1 in the training stimuli; r does not depend on it, but penalties do.
    scores = [found / found.std(axis=0) for found in scores]
    return _Components(np.stack(scores), variance[:number] / variance.clip(0).sum())


def _eigen(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues and vectors of a centred kernel, largest first."""
    means = kernel.mean(axis=0)
    values, vectors = np.linalg.eigh(kernel - means - means[:, None] + means.mean())
    return values[::-1], vectors[:, ::-1]


def _summary(
    pairs: pd.DataFrame, networks: Sequence[_Part], variances: Sequence[np.ndarray]
) -> pd.DataFrame:
    scores = {
        key: part["r"] for key, part in pairs.groupby(["network", "region", "component", "kind"])
    }
    rows = []
    for part, variance in zip(networks, variances, strict=True):
        for component, fraction in enumerate(variance, start=1):
            others = scores[part.name, part.region, component, "network"]
            seen = scores.get((part.name, part.region, component, "brain"))
            rows.append(
                {
                    "network": part.name,
                    "region": part.region,
                    "component": component,
                    "variance": float(fraction),
                    "universality": others.median(),
                    "low": others.quantile(0.25),
                    "high": others.quantile(0.75),
                    "n_networks": len(others),
                    "brain_similarity": np.nan if seen is None else seen.median(),
                }
            )
    return pd.DataFrame(rows)


def _relation(table: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (
            network,
            region,
            part["universality"].corr(part["brain_similarity"], "spearman"),
            len(part),
        )
        for (network, region), part in table.groupby(["network", "region"], sort=False)
        if part["brain_similarity"].notna().any()
    ]
    return pd.DataFrame(rows, columns=["network", "region", "correlation", "n_components"])
