"""The bias audit: what every region of every subject carries of every feature, in one table."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.audit.decodability import Decoding, decode
from reprcompare.audit.neuroids import components, density, explained_by_neuroid
from reprcompare.audit.parts import Effects, divide, effects_of, shares_by_feature
from reprcompare.audit.regions import participation_ratio, reliable_fraction, selectivity
from reprcompare.audit.role import with_nothing, with_relevance, with_role
from reprcompare.audit.share import gram_of_rdm, share_of_activity, share_of_gram
from reprcompare.brains import why_not
from reprcompare.errors import InvalidInputError, LabelMismatchError, check_whole, listing
from reprcompare.measurement import shown
from reprcompare.recording import check_structure, label_table, labels_of, select

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Thresholds over which density is swept; `table` has the one at `DENSITY_THRESHOLD`."""

DENSITY_THRESHOLD = 0.1

SQUARED = ("euclidean",)
"""Dissimilarity measures that are squared before they become inner products."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per subject, region, feature (and training_step, time_bin where there are any):
        share, share_low, share_high (95 % over stimuli), share_unique, share_joint, share_total
        (see `reprcompare.audit.parts`), density, decodability, decodability_chance,
        decodability_p, share_null where a null model was given, the feature's extraneous
        properties, role, role_low, role_high, role_null
        (see `reprcompare.audit.roles`), behavioural_relevance with its interval (see
        `reprcompare.audit.relevance`).
    density : pandas.DataFrame
        Density over a sweep of thresholds: the same keys, threshold, density.
    components : pandas.DataFrame
        Which principal component carries which feature: the same keys, component, variance, r2.
    parts : pandas.DataFrame
        How the variance of every region divides: subject, region, part (a feature, an interaction
        as "a:b", "higher orders", "within combinations"), order, share, share_low, share_high.
    regions : pandas.DataFrame
        subject, region, n_neuroids, silent (fraction that never varies), participation_ratio,
        reliability (fraction of variance that repeats), selectivity (mean over neuroids).
    neuroids : pandas.DataFrame
        Where it was asked for: subject, region, neuroid_id, feature, explained (fraction of the
        neuroid's variance), selectivity.
    notes : list of str
        What the data could not support, and why; each such value is NaN.
    method : str
        What was done, in words.
    """

    table: pd.DataFrame
    density: pd.DataFrame
    components: pd.DataFrame
    parts: pd.DataFrame
    regions: pd.DataFrame
    neuroids: pd.DataFrame
    notes: list[str]
    method: str


@dataclass
class _Findings:
    rows: list[dict[str, object]] = field(default_factory=list)
    density: list[dict[str, object]] = field(default_factory=list)
    components: list[dict[Hashable, object]] = field(default_factory=list)
    parts: list[dict[str, object]] = field(default_factory=list)
    regions: list[dict[str, object]] = field(default_factory=list)
    neuroids: list[pd.DataFrame] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def note(self, sentence: str) -> None:
        self.notes[sentence] = None


def audit(
    recording: xr.Dataset | RDMs,
    labels: pd.DataFrame | None = None,
    *,
    features: Sequence[str] | None = None,
    n_permutations: int = 200,
    seed: int = 0,
    neuroids: bool = False,
    null: RDMs | None = None,
) -> Audit:
    """Say how strongly, how densely and how decodably every region represents every feature.

    Parameters
    ----------
    recording : xarray.Dataset or rsatoolbox.rdm.RDMs
        A recording of a network or a brain. RDMs support shares only.
    labels
        One row a stimulus, one column a feature, indexed by stimulus id; the labels in the
        recording are used where it is None. Stimuli are joined by id.
    features
        The features to audit, all by default.
    n_permutations
        Label permutations for the chance level of decodability; 0 skips them.
    seed
        Of folds and permutations.
    neuroids
        Whether the table of single neuroids is made, a row per neuroid and feature.
    null
        RDM of a null model of the same stimuli, such as `reprcompare.theory.rich_rdm`: what it
        says of every feature stands beside what was found, as `share_null`.

    Returns
    -------
    Audit

    Raises
    ------
    InvalidInputError
        If there are no labels, or an unknown feature is asked for.
    LabelMismatchError
        If no stimulus of the recording is labelled.

    Notes
    -----
    Share is defined in `reprcompare.audit.share`. Where stimuli were repeated it is the share of
    reliable variance, from products between different repetitions.
    """
    check_whole("n_permutations", n_permutations, 0)
    found = _Findings()
    if not isinstance(recording, RDMs):
        check_structure(recording)
    for question in ("share", "density", "decodability", "role"):
        reason = why_not(recording, question)
        if reason:
            found.note(f"{question.capitalize()} is not identifiable: {reason}.")
    if isinstance(recording, RDMs):
        table = _choose(labels, features, "RDMs carry no labels; give labels=")
        _audit_rdms(recording, table, found)
        data = "RDMs (double-centred: tr(PK) / tr(K))"
    else:
        given = label_table(recording) if labels is None else labels
        table = _choose(given, features, "give labels=")
        data = _audit_activity(recording, table, found, n_permutations, seed, neuroids)
    method = (
        f"Share: variance explained by regression on the feature, one-hot for levels, pooled over "
        f"neuroids weighted by their variance, corrected for chance; computed from {data}. "
        "Intervals: jackknife over stimuli, 95 %. Density: fraction of neuroids in which the "
        f"feature explains more than {DENSITY_THRESHOLD:g}. Decodability: ridge decoder, 10 folds "
        "over stimuli, balanced accuracy (signed r2 for continuous features). Dimensionality "
        "(participation ratio), selectivity and components are those of mean activity."
    )
    rows = pd.DataFrame(found.rows)
    if null is not None:
        rows = rows.merge(_null_shares(null, table, rows), how="left", on="feature")
        method += f" share_null: the same of the null model {_name(null)}."
    if isinstance(recording, RDMs):
        rows = with_nothing(rows)
    else:
        rows, notes = with_role(rows, recording)
        rows, more = with_relevance(rows, recording, table, pieces(recording), seed)
        for sentence in (*notes, *more):
            found.note(sentence)
    return Audit(
        table=rows,
        density=pd.DataFrame(found.density),
        components=pd.DataFrame(found.components),
        parts=pd.DataFrame(found.parts),
        regions=pd.DataFrame(found.regions),
        neuroids=pd.concat(found.neuroids, ignore_index=True) if found.neuroids else pd.DataFrame(),
        notes=list(found.notes),
        method=method,
    )


def _choose(
    labels: pd.DataFrame | None, features: Sequence[str] | None, otherwise: str
) -> pd.DataFrame:
    if labels is not None and not isinstance(labels, pd.DataFrame):
        raise InvalidInputError(
            "labels must be a pandas.DataFrame indexed by stimulus id, got a "
            f"{type(labels).__name__}."
        )
    if labels is None or labels.shape[1] == 0:
        raise InvalidInputError(f"no features to audit; {otherwise}.")
    if features is not None:
        features = [features] if isinstance(features, str) else list(features)
        unknown = [name for name in features if name not in labels.columns]
        if unknown:
            raise InvalidInputError(
                f"unknown features {listing(unknown)}; labelled are {listing(labels.columns, 20)}."
            )
        labels = labels[list(features)]
    table = labels.copy()
    table.index = pd.Index([str(name) for name in table.index])
    if not table.index.is_unique:
        repeated = table.index[table.index.duplicated()].unique()
        raise InvalidInputError(
            f"the label table repeats stimuli: {listing(repeated, 3)}; give each one row."
        )
    return table


def _join(table: pd.DataFrame, stimulus_ids: np.ndarray, found: _Findings) -> pd.DataFrame:
    """Return the labels of those stimuli that have all of them, ordered by stimulus id.

    The order decides the folds of decoding, which must not depend on how stimuli were presented.
    """
    labelled = table.dropna().index
    kept = sorted(str(name) for name in stimulus_ids if str(name) in labelled)
    if not kept:
        raise LabelMismatchError(
            f"none of the stimuli ({listing(stimulus_ids, 3)}) is labelled; the label table has "
            f"{listing(table.index, 3)}."
        )
    if len(kept) < len(stimulus_ids):
        found.note(f"{len(stimulus_ids) - len(kept)} stimuli without labels were left out.")
    return table.loc[kept]


def _effects(table: pd.DataFrame, found: _Findings) -> Effects:
    effects = effects_of(table)
    for sentence in effects.notes:
        found.note(sentence)
    return effects


def _audit_rdms(rdms: RDMs, table: pd.DataFrame, found: _Findings) -> None:
    ids = np.asarray(rdms.pattern_descriptors["stimulus_id"]).astype(str)
    labels = _join(table, ids, found)
    order = pd.Index(ids).get_indexer(labels.index)
    effects = _effects(labels, found)
    found.note("Density, decodability and role need activity; RDMs alone do not identify them.")
    measure = str(rdms.dissimilarity_measure or "").lower()
    for number, matrix in enumerate(rdms.get_matrices()):
        keys: dict[str, object] = {
            name: str(rdms.rdm_descriptors[name][number])
            for name in ("subject", "session", "region")
            if name in rdms.rdm_descriptors
        }
        part = matrix[np.ix_(order, order)]
        if np.isnan(part).any():
            found.note(f"{keys}: the RDM has missing pairs; its shares are not identifiable.")
            continue
        gram = gram_of_rdm(np.square(part) if measure in SQUARED else part)
        of_gram = partial(share_of_gram, gram)
        shares = shares_by_feature(of_gram, effects)
        found.rows += [_row(keys, name, own) for name, own in shares.items()]
        found.parts += [keys | line for line in divide(of_gram, effects, shares)]


def _null_shares(null: RDMs, table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of a null model's RDM, one row a feature."""
    if not isinstance(null, RDMs) or null.n_rdm != 1:
        given = f"{null.n_rdm} RDMs" if isinstance(null, RDMs) else f"{null!r:.60}"
        raise InvalidInputError(
            f"null must be one RDM (rsatoolbox.rdm.RDMs), got {given}; reprcompare.theory.rich_rdm "
            "makes one."
        )
    found = _Findings()
    _audit_rdms(null, table, found)
    shares = pd.DataFrame(found.rows, columns=["feature", "share"])
    return shares[shares["feature"].isin(rows["feature"])].rename(columns={"share": "share_null"})


def _name(rdms: RDMs) -> str:
    return repr(str(rdms.rdm_descriptors.get("subject", ["without a name"])[0]))


def _audit_activity(
    recording: xr.Dataset,
    table: pd.DataFrame,
    found: _Findings,
    n_permutations: int,
    seed: int,
    neuroids: bool,
) -> str:
    """Audit every piece of a recording; returns what shares were computed from, in words."""
    properties = _properties(recording)
    labels = _join(table, pd.unique(recording["stimulus_id"].values.astype(str)), found)
    effects = _effects(labels, found)
    repeated = True
    for keys, piece in pieces(recording):
        patterns = repeated_patterns(piece, labels.index)
        ids = piece["neuroid_id"].values.astype(str)
        if np.isnan(patterns).any():
            kept = ~np.isnan(patterns).any(axis=(0, 1))
            found.note(
                f"{int((~kept).sum())} neuroids with missing values were left out in "
                f"{', '.join(map(str, keys.values()))}."
            )
            patterns, ids = patterns[..., kept], ids[kept]
        averaged = patterns.mean(axis=0)
        if not np.ptp(averaged, axis=0).any():
            found.note(f"{keys}: no neuroid varies over stimuli; nothing can be said about it.")
            continue
        repeated = repeated and len(patterns) > 1
        measure = partial(share_of_activity, patterns if len(patterns) > 1 else averaged)
        shares = shares_by_feature(measure, effects)
        explained = pd.DataFrame(
            {name: explained_by_neuroid(averaged, own) for name, own in effects.features.items()}
        )
        for name, own in shares.items():
            swept = density(explained[name].to_numpy(), np.array(THRESHOLDS))
            row = _row(
                keys,
                name,
                own,
                float(swept[THRESHOLDS.index(DENSITY_THRESHOLD)]),
                decode(averaged, labels[name], n_permutations=n_permutations, seed=seed),
            )
            found.rows.append(row | properties.get((str(keys["subject"]), name), {}))
            found.density += [
                keys | {"feature": name, "threshold": threshold, "density": fraction}
                for threshold, fraction in zip(THRESHOLDS, swept, strict=True)
            ]
        found.parts += [keys | line for line in divide(measure, effects, shares)]
        carried = components(averaged, effects.features)
        found.components += [dict(line) | dict(keys) for line in carried.to_dict("records")]
        _describe_region(patterns, explained, ids if neuroids else None, keys, found)
    return (
        "products between repetitions (share of reliable variance)"
        if repeated
        else "activity without repetitions (noise, if there is any, counts as variance)"
    )


def _describe_region(
    patterns: np.ndarray,
    explained: pd.DataFrame,
    neuroid_ids: np.ndarray | None,
    keys: dict[str, object],
    found: _Findings,
) -> None:
    """Say what the region is like as a whole, and its single neuroids if their ids are given."""
    selective = selectivity(explained)
    found.regions.append(
        keys
        | {
            "n_neuroids": len(explained),
            "silent": float(explained.isna().all(axis=1).mean()),
            "participation_ratio": participation_ratio(patterns.mean(axis=0)),
            "reliability": reliable_fraction(patterns),
            "selectivity": float(selective.mean()),
        }
    )
    if neuroid_ids is not None:
        single = explained.assign(neuroid_id=neuroid_ids, selectivity=selective)
        single = pd.concat([single, pd.DataFrame([keys] * len(single))], axis=1)
        found.neuroids.append(
            single.melt([*keys, "neuroid_id", "selectivity"], None, "feature", "explained")
        )


def _row(
    keys: dict[str, object],
    feature: str,
    shares: dict[str, float],
    dense: float = np.nan,
    decoding: Decoding | None = None,
) -> dict[str, object]:
    decoding = decoding or Decoding(np.nan, np.nan, np.nan)
    return (
        keys
        | {"feature": feature}
        | shares
        | {
            "density": dense,
            "decodability": decoding.score,
            "decodability_chance": decoding.chance,
            "decodability_p": decoding.p,
        }
    )


def _properties(recording: xr.Dataset) -> dict[tuple[str, str], dict[str, object]]:
    """Return the extraneous properties of each subject and feature that the recording carries."""
    if "feature" not in recording.coords:
        return {}
    by_feature = {
        str(name): recording[name].values
        for name in recording.coords
        if recording[name].dims == ("feature",) and name not in ("feature", "scale", "levels")
    }
    by_both = {
        str(name): recording[name].values
        for name in recording.data_vars
        if recording[name].dims == ("by_subject", "feature")
    }
    stored = [str(name) for name in recording.get("by_subject", xr.DataArray([])).values]
    return {
        (subject, str(feature)): {key: values[f] for key, values in by_feature.items()}
        | {key: values[stored.index(subject), f] for key, values in by_both.items() if stored}
        for subject in (stored or labels_of(recording, "subject"))
        for f, feature in enumerate(recording["feature"].values)
    }


def pieces(recording: xr.Dataset) -> Iterator[tuple[dict[str, object], xr.Dataset]]:
    """Cut a recording into what is analysed by itself.

    Parameters
    ----------
    recording
        A recording, lazy or not.

    Yields
    ------
    keys : dict
        subject, region, and training_step, time_bin where the recording has them.
    piece : xarray.Dataset
        With `activity` (presentation, neuroid).
    """
    for subject in labels_of(recording, "subject"):
        own = select(recording, subject=subject)
        for region in labels_of(own, "region"):
            part = select(own, region=region)
            for step in range(part.sizes.get("training_step", 1)):
                for bin_ in range(part.sizes.get("time_bin", 1)):
                    keys: dict[str, object] = {"subject": subject, "region": region}
                    piece = part
                    if "training_step" in part.dims:
                        piece = piece.isel(training_step=step)
                        keys["training_step"] = int(piece["training_step"])
                    if "time_bin" in part.dims:
                        piece = piece.isel(time_bin=bin_)
                        keys["time_bin_start"] = float(piece["time_bin_start"])
                    yield keys, piece


def repeated_patterns(piece: xr.Dataset, stimulus_ids: pd.Index) -> np.ndarray:
    """Return the patterns of stimuli, one layer for each repetition that all of them have.

    Parameters
    ----------
    piece
        With `activity` (presentation, neuroid).
    stimulus_ids
        The stimuli wanted, in the order wanted.

    Returns
    -------
    numpy.ndarray of float64, shape (n_repetitions, n_stimuli, n_neuroids)
    """
    # What the subject was not shown (other subjects of the recording were) is NaN throughout.
    piece = piece.isel(presentation=shown(piece["activity"]))
    activity = piece["activity"].values.astype(float)
    places = (
        pd.Series(range(len(activity))).groupby(piece["stimulus_id"].values.astype(str)).agg(list)
    )
    wanted = places.loc[stimulus_ids]
    n = int(wanted.map(len).min())
    return np.stack([activity[[rows[r] for rows in wanted]] for r in range(n)])
