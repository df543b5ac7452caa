"""Gates: which features have a causal role in a region, from the interventions of a recording.

And how far the labels account for what a system answers: a role can only be given to features that
are labelled, so where the answers depend on something else the list is incomplete, or names the
features in a form in which the system does not use them.
"""

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.audit.design import basis_of
from reprcompare.errors import NotIdentifiableError, listing

COVERED = 0.9
"""Fraction of the answers' variance that main effects of the labels must explain."""

UNLOCATED = 0.5
"""An effect of exchanging the whole state counts from here on, and as located when a subspace that
was found has this part of it."""


def role_gates(recording: xr.Dataset, subject: str, region: str) -> pd.DataFrame:
    """Return the effect of every feature on every response, 0 where it is not above its null.

    Parameters
    ----------
    recording
        With `effect` (by_subject, by_region, feature, response) and its `effect_low`,
        `effect_null`.
    subject, region
        Whose.

    Returns
    -------
    pandas.DataFrame
        Indexed by feature, a column a response (the feature that it reports, or its number); an
        effect counts when its lower bound lies above the null, and is never below 0.

    Raises
    ------
    NotIdentifiableError
        If no intervention was made there.
    """
    if "effect" not in recording:
        raise NotIdentifiableError(
            "not identifiable: role needs interventions, and the recording holds none ('effect'); "
            "for networks see reprcompare.role. Brains have behavioural relevance, which is not "
            "role; use correct='contrasts' for them."
        )
    subjects, regions = (
        [str(name) for name in recording[f"by_{kind}"].values] for kind in ("subject", "region")
    )
    if subject not in subjects or region not in regions:
        raise NotIdentifiableError(
            f"not identifiable: no intervention was made in {region} of {subject}; there are some "
            f"in {listing(regions)} of {listing(subjects)}."
        )
    place = (subjects.index(subject), regions.index(region))
    effect = recording["effect"].values[place].astype(float)
    low, null = (
        recording[name].values[place].astype(float) if name in recording else otherwise
        for name, otherwise in (("effect_low", effect), ("effect_null", np.zeros_like(effect)))
    )
    if np.isnan(effect).all():
        raise NotIdentifiableError(
            f"not identifiable: the interventions in {region} of {subject} gave no effects."
        )
    counted = np.where(low > np.nan_to_num(null), effect, 0.0)
    return pd.DataFrame(
        np.where(np.isnan(effect), np.nan, np.maximum(counted, 0.0)),
        index=pd.Index([str(name) for name in recording["feature"].values], name="feature"),
        columns=_responses(recording, effect.shape[1]),
    )


def unlocated(recording: xr.Dataset | None, subject: str, region: str) -> dict[str, float]:
    """Return the features whose effect goes through a region and through no subspace of it.

    A computation on encrypted states is the extreme case: exchanging a whole state changes the
    answer as the counterfactual stimulus does, and no linear subspace carries any of it.

    Parameters
    ----------
    recording
        With `effect` and `effect_whole`, or without.
    subject, region
        Whose.

    Returns
    -------
    dict of feature to float
        The largest effect of exchanging the whole state; empty where interventions are missing.
    """
    if recording is None or "effect_whole" not in recording:
        return {}
    try:
        gates = role_gates(recording, subject, region).to_numpy()
    except NotIdentifiableError:
        return {}
    whole = recording["effect_whole"].sel(by_subject=subject, by_region=region).values
    lost = (whole >= UNLOCATED) & (np.nan_to_num(gates) < UNLOCATED * whole)
    names = [str(name) for name in recording["feature"].values]
    return {
        name: float(effects[which].max())
        for name, effects, which in zip(names, whole, lost, strict=True)
        if which.any()
    }


def _responses(recording: xr.Dataset, n: int) -> list[str]:
    """Name responses by the feature that they report, so that networks are joined by it."""
    if "response_feature" in recording.coords:
        named = [str(name) for name in recording["response_feature"].values]
        # Several responses of one feature are its levels, in their order.
        return [
            (name if named.count(name) == 1 else f"{name} {named[:k].count(name)}")
            if name
            else f"response {k}"
            for k, name in enumerate(named)
        ]
    return [f"response {k}" for k in range(n)]


def covered_outputs(outputs: np.ndarray, labels: pd.DataFrame) -> float:
    """Return the fraction of the answers' variance that main effects of the labels explain.

    Parameters
    ----------
    outputs : array, shape (n_stimuli, n_responses)
        Logits or choices. Logits are squashed, so that what counts is the answer and not how sure
        it is.
    labels
        One row a stimulus.

    Returns
    -------
    float
        The least over responses that vary, corrected for chance; NaN if none varies.

    Examples
    --------
    >>> labels = pd.DataFrame({"a": [0, 0, 1, 1] * 8, "b": [0, 1] * 16})
    >>> exclusive = np.where(labels["a"] == labels["b"], -9.0, 9.0)[:, None]
    >>> covered_outputs(exclusive, labels) < 0.1
    True
    >>> round(covered_outputs(9 * labels[["a"]].to_numpy() - 4.5, labels), 3)
    1.0
    """
    answers = np.tanh(outputs / 2)
    answers = answers - answers.mean(axis=0)
    total = np.square(answers).sum(axis=0)
    basis = basis_of(labels)
    free = len(answers) - 1 - basis.rank
    used = total > 1e-12
    if not used.any() or free < 1:
        return np.nan
    residual = np.square(basis.residual(answers)).sum(axis=0)
    explained = 1 - (residual[used] / free) / (total[used] / (len(answers) - 1))
    return float(explained.min())
