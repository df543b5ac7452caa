"""Distances of pairs that differ in one feature, against the two-point theory.

In the rich regime two-point theory knows the distances of stimuli and outputs only. Pairs that
differ in an easy or in a hard feature, and are matched in both, should end equally far apart. What
they do instead is what two points cannot explain.
"""

from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.recording import check_structure, label_table, labels_of, select
from reprcompare.theory.dynamics import end_state, ratio_of
from reprcompare.theory.structure import ends_of
from reprcompare.theory.tracking import pairs_of

MEASURED = ("dx2", "h_start", "h_end", "y_start", "y_end")

Which = Literal["counterfactual", "nearest", "any"]


def feature_pairs(stimuli: xr.Dataset, which: Which = "nearest") -> pd.DataFrame:
    """Return pairs of stimuli that differ in the value of exactly one feature.

    Parameters
    ----------
    stimuli
        A stimulus set with labels.
    which
        "counterfactual": every stimulus with what was made from it (`counterfactual_of`);
        "nearest": of all pairs those at the smallest distance that occurs, so that features are
        matched in it; "any": all pairs of stimuli that are no counterfactuals.

    Returns
    -------
    pandas.DataFrame
        Columns first, second, dx2, feature.

    Raises
    ------
    UnknownNameError
        If there is no such choice of pairs.
    InvalidInputError
        If there are no labels, no counterfactuals, or no such pairs.

    Examples
    --------
    >>> from reprcompare.tasks import PointTask
    >>> xor = PointTask(((0, 0), (0, 1), (1, 0), (1, 1)), ((0,), (1,), (1,), (0,)))
    >>> feature_pairs(xor.evaluation_set())["feature"].value_counts().to_dict()
    {'target': 4}
    """
    if which not in get_args(Which):
        raise UnknownNameError(unknown_name("choice of pairs", which, get_args(Which)))
    if not isinstance(stimuli, xr.Dataset):
        raise InvalidInputError(
            f"feature_pairs takes a stimulus set with labels, got a {type(stimuli).__name__}."
        )
    if "label" not in stimuli:
        raise InvalidInputError("the stimuli have no labels, so no feature can differ.")
    made = (
        stimuli["counterfactual_of"].values.astype(str) if "counterfactual_of" in stimuli else None
    )
    if which == "counterfactual":
        if made is None:
            raise InvalidInputError(
                "the stimuli have no counterfactuals (coordinate 'counterfactual_of'); choose the "
                "pairs 'nearest' or 'any', or record counterfactuals."
            )
        ids = stimuli["stimulus_id"].values.astype(str)
        pairs = pairs_of(stimuli, [(a, b) for a, b in zip(made, ids, strict=True) if a])
    else:
        originals = stimuli if made is None else stimuli.isel(presentation=made == "")
        pairs = pairs_of(originals)
    labels = label_table(stimuli)
    # Categories compare by their codes.
    values = labels.apply(lambda column: pd.factorize(column)[0])
    differs = values.loc[pairs["first"]].to_numpy() != values.loc[pairs["second"]].to_numpy()
    one = differs.sum(axis=1) == 1
    pairs = pairs[one].assign(feature=np.asarray(labels.columns)[differs[one].argmax(axis=1)])
    if which == "nearest":
        pairs = pairs[np.isclose(pairs["dx2"], pairs["dx2"].min())]
    if not len(pairs):
        raise InvalidInputError("no two stimuli differ in exactly one feature.")
    return pairs.reset_index(drop=True)


def compare_features(
    recording: xr.Dataset, pairs: pd.DataFrame, reference: str, region: str | None = None
) -> pd.DataFrame:
    """Hold the distances of pairs that differ in one feature against the two-point theory.

    The one free parameter, ``rate_h / rate_y``, is what leads the pairs of the reference feature
    from their recorded start to their recorded end (median over pairs); every other feature is then
    predicted. Distances of outputs are those that were reached, since cross-entropy has no target
    that could be.

    Parameters
    ----------
    recording
        Over training; the first and last checkpoint count.
    pairs
        As `feature_pairs` returns them.
    reference
        The feature that the theory is calibrated on.
    region
        The last one where it is None.

    Returns
    -------
    pandas.DataFrame
        One row a subject and feature, means over pairs: region, n_pairs, dx2, h_start, h_end,
        y_start, y_end, h_predicted (by `end_state`, with the outputs reached), h_matched (with the
        reference's outputs for all features); h_middle and h_restarted (recorded when the
        reference had been learned, and what the theory predicts from there), where the recording
        has `learned_at`; the logarithm of each (log_h_end, ...) and of h_end / h_predicted
        (log_unexplained), ratio, learned_at.

    Raises
    ------
    InvalidInputError
        If pairs do not say in which feature they differ, or as for `reprcompare.theory.track`.
    UnknownNameError
        If no pair differs in the reference feature, or the region does not exist.
    NotIdentifiableError
        If the reference's pairs ended closer than they started in every subject.
    """
    if not isinstance(pairs, pd.DataFrame) or "feature" not in pairs:
        raise InvalidInputError(
            "pairs must be a table with the column 'feature', as feature_pairs returns it."
        )
    check_structure(recording)
    features = list(dict.fromkeys(pairs["feature"]))
    if reference not in features:
        raise UnknownNameError(unknown_name("feature", reference, features, "the pairs"))
    regions = labels_of(recording, "region")
    chosen = regions[-1] if region is None else region
    if chosen not in regions:
        raise UnknownNameError(unknown_name("region", chosen, regions))
    rows: list[dict[str, object]] = []
    piece = select(recording, region=chosen)
    ends = _of_features(piece, pairs)
    for subject, own in ((str(name), part) for name, part in ends.groupby("subject", sort=False)):
        known = own[own["feature"] == reference]
        ratios = ratio_of(
            known["h_start"], known["y_start"], known["h_end"], dx2=known["dx2"], dy2=known["y_end"]
        )
        ratio = float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else np.nan
        matched = float(known["y_end"].mean())
        later = _after(piece, subject, reference)
        restarted = None if later is None else _of_features(select(later, subject=subject), pairs)
        for feature in features:
            part = own[own["feature"] == feature]
            scale = {"ratio": ratio, "dx2": part["dx2"]}
            start = (part["h_start"], part["y_start"])
            means = {name: float(part[name].mean()) for name in MEASURED}
            means["h_predicted"] = float(end_state(*start, dy2=part["y_end"], **scale).mean())
            means["h_matched"] = float(end_state(*start, dy2=matched, **scale).mean())
            if restarted is not None:
                part = restarted[restarted["feature"] == feature]
                start = (part["h_start"], part["y_start"])
                again = end_state(*start, dy2=part["y_end"], **scale)
                means |= {
                    "h_middle": float(part["h_start"].mean()),
                    "h_restarted": float(again.mean()),
                }
            rows.append(
                {"subject": subject, "region": chosen, "feature": feature, "n_pairs": len(part)}
                | means
                | {f"log_{name}": float(np.log(value)) for name, value in means.items()}
                | {"log_unexplained": float(np.log(means["h_end"] / means["h_predicted"]))}
                | {"ratio": ratio}
                | _learned(recording, subject, feature)
            )
    table = pd.DataFrame(rows)
    if table["ratio"].isna().all():
        raise NotIdentifiableError(
            f"pairs that differ in {reference!r} did not move apart in {chosen!r}; the theory has "
            "no rates that do this. Calibrate on another feature, or look at a richer regime."
        )
    return table


def _of_features(recording: xr.Dataset, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return where the pairs started and ended, with the feature that they differ in."""
    ends = ends_of(recording, pairs)
    n_subjects = ends["subject"].nunique()
    return ends.assign(feature=np.tile(pairs["feature"].to_numpy(), n_subjects))


def _after(recording: xr.Dataset, subject: str, feature: str) -> xr.Dataset | None:
    """Return the recording from where a subject had learned a feature, if it says when."""
    learned = _learned(recording, subject, feature).get("learned_at", np.nan)
    late = np.flatnonzero(recording["training_step"].values >= learned)
    return recording.isel(training_step=slice(late[0], None)) if len(late) > 1 else None


def _learned(recording: xr.Dataset, subject: str, feature: str) -> dict[str, float]:
    if "learned_at" not in recording or feature not in recording["feature"].values:
        return {}
    at = recording["learned_at"].sel(by_subject=subject, feature=feature)
    return {"learned_at": float(at)}
