"""The reading of role: what interventions found, one row for each region and feature.

Role is measured by `reprcompare.role`, which runs the network; here it is read from the recording.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.audit.relevance import Relevance, relevance
from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import reported_features

EFFECTS = (
    *("effect", "effect_low", "effect_high", "effect_null"),
    *("effect_random", "effect_whole", "effect_flip"),
    *("effect_erasure", "effect_erasure_low", "effect_erasure_high"),
)
BY_FEATURE = ("effect_dimensions", "effect_off_manifold")

ROLES = ("role", "role_low", "role_high", "role_null")
"""Columns of `roles`, made of the first four of `EFFECTS`."""

RELEVANCES = (
    "behavioural_relevance",
    "behavioural_relevance_low",
    "behavioural_relevance_high",
)


def effect_table(recording: xr.Dataset) -> pd.DataFrame:
    """Return all effects of interventions as a tidy table.

    Parameters
    ----------
    recording
        With `effect`, as `reprcompare.role` returns it.

    Returns
    -------
    pandas.DataFrame
        subject, region, feature, response, reports (the feature that the response reports), and the
        columns `EFFECTS` and `BY_FEATURE`; rows without an effect are left out.

    Raises
    ------
    NotIdentifiableError
        If nothing was intervened on.
    """
    if "effect" not in recording:
        raise NotIdentifiableError(
            "role was not measured: the recording has no interventions; measure it with "
            "reprcompare.role, for which the network is needed."
        )
    held = [name for name in (*EFFECTS, *BY_FEATURE) if name in recording]
    table = recording[held].to_dataframe().reset_index()
    table = table.rename(columns={"by_subject": "subject", "by_region": "region"})
    reports = {
        place: name for name, places in reported_features(recording).items() for place in places
    }
    numbers = {str(name): place for place, name in enumerate(recording["response"].values)}
    table["reports"] = [reports.get(numbers[str(name)], "") for name in table["response"]]
    keys = ["subject", "region", "feature", "response", "reports"]
    return table.dropna(subset="effect")[[*keys, *held]].reset_index(drop=True)


def roles(recording: xr.Dataset) -> pd.DataFrame:
    """Say what role every feature has in every region.

    The role of a feature is its effect on the response that reports it, the mean where it has one
    for each of its levels. Of a feature that no response reports, it is the largest effect that it
    has on any: so it can only look too large.

    Parameters
    ----------
    recording
        With `effect`.

    Returns
    -------
    pandas.DataFrame
        subject, region, feature, role, role_low, role_high (95 % over stimuli), role_null (what
        the same displacements reach when they are those of other stimuli, 95th percentile).

    Raises
    ------
    NotIdentifiableError
        If nothing was intervened on.
    """
    table = effect_table(recording)
    rows = []
    for keys, own in table.groupby(["subject", "region", "feature"], sort=False):
        feature = keys[2]
        reporting = own[own["reports"] == feature]
        if reporting.empty:
            reporting = own.loc[[own["effect"].abs().idxmax()]]
        found = reporting[[name for name in EFFECTS[:4] if name in own]].mean()
        values = dict(zip(ROLES, found.reindex(EFFECTS[:4]), strict=True))
        rows.append(dict(zip(("subject", "region", "feature"), keys, strict=True)) | values)
    return pd.DataFrame(rows, columns=["subject", "region", "feature", *ROLES])


def with_role(table: pd.DataFrame, recording: xr.Dataset) -> tuple[pd.DataFrame, list[str]]:
    """Put the roles of a recording beside the rows of an audit.

    Parameters
    ----------
    table
        With subject, region and feature.
    recording
        With `effect`, or without.

    Returns
    -------
    table : pandas.DataFrame
        With `ROLES`, NaN where they were not measured.
    notes : list of str
        What was not, and why.
    """
    if "effect" not in recording or table.empty:
        return table.assign(**dict.fromkeys(ROLES, np.nan)), [
            "Role was not measured: the recording has no interventions."
        ]
    if "training_step" in recording.dims:
        return table.assign(**dict.fromkeys(ROLES, np.nan)), [
            "Role is not identifiable: interventions were made in one state of the network, the "
            "recording has several training steps."
        ]
    joined = table.merge(roles(recording), how="left", on=["subject", "region", "feature"])
    stated = [part for part in str(recording["effect"].attrs.get("notes", "")).split("; ") if part]
    notes = [f"Role: {sentence}." for sentence in stated]
    absent = joined[joined["role"].isna()]
    for feature in absent["feature"].unique():
        where = absent.loc[absent["feature"] == feature, ["subject", "region"]].drop_duplicates()
        notes.append(f"The role of {feature!r} was not measured in {len(where)} regions.")
    return joined, notes


def with_relevance(
    table: pd.DataFrame,
    recording: xr.Dataset,
    labels: pd.DataFrame,
    pieces: Iterable[tuple[dict[str, object], xr.Dataset]],
    seed: int,
) -> tuple[pd.DataFrame, list[str]]:
    """Put behavioural relevance beside the rows of an audit.

    Parameters
    ----------
    table
        Rows of an audit.
    recording
        What was audited.
    labels
        One column a feature, indexed by stimulus id.
    pieces
        The recording cut into what is analysed by itself, with the keys of the rows.
    seed
        Of folds.

    Returns
    -------
    table : pandas.DataFrame
        With `RELEVANCES`.
    notes : list of str
        Where it is not identifiable, and why.
    """
    nothing = table.assign(**dict.fromkeys(RELEVANCES, np.nan))
    said = "Behavioural relevance is not identifiable: {}."
    if "output" not in recording:
        return nothing, [said.format("there are no choices ('output')")]
    if pd.Index(recording["stimulus_id"].values).is_unique:
        # Before any activity is read; whatever choices there are, they follow the stimulus.
        return nothing, [said.format("no stimulus was shown twice")]
    rows: list[dict[str, object]] = []
    notes: dict[str, None] = {}
    for keys, piece in pieces:
        for name in labels.columns:
            found: Relevance = relevance(piece, labels[name].dropna(), seed=seed)
            values = (found.estimate, found.low, found.high)
            rows.append(keys | {"feature": name} | dict(zip(RELEVANCES, values, strict=True)))
            if found.reason:
                notes[said.format(found.reason)] = None
    if table.empty:
        return nothing, list(notes)
    keys_of = [name for name in pd.DataFrame(rows) if name not in RELEVANCES]
    return table.merge(pd.DataFrame(rows), how="left", on=keys_of), list(notes)


def with_nothing(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns of role and relevance, which RDMs do not identify."""
    return table.assign(**dict.fromkeys((*ROLES, *RELEVANCES), np.nan))
