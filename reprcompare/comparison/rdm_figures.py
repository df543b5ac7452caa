"""Figures of RDMs: the matrix, its arrangement in two dimensions, scores over layers."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from rsatoolbox.rdm import RDMs
from scipy.linalg import eigh
from scipy.spatial.distance import squareform

from reprcompare.comparison.figures import CEILING, PALETTE
from reprcompare.errors import InvalidInputError, LabelMismatchError, listing
from reprcompare.geometry import COMPARATORS, stimulus_ids

MOST_NAMES = 40
"""More names than this beside a matrix cannot be read."""


def plot_rdm(rdms: RDMs, order: pd.Series | Sequence[str] | None = None) -> Figure:
    """Draw RDMs as matrices, with their stimuli in a chosen order.

    Parameters
    ----------
    rdms
        One panel each.
    order
        Stimulus ids in the order that is wanted; or labels indexed by stimulus id (a column of a
        label table), by which stimuli are grouped, with lines and names between groups. By default
        the order of the RDMs.

    Returns
    -------
    matplotlib.figure.Figure
        Colours span the dissimilarities of different stimuli; the diagonal is blank.

    Raises
    ------
    LabelMismatchError
        If the order does not name every stimulus once.
    """
    ids = stimulus_ids(rdms)
    places, groups = _ordered(ids, order)
    matrices = rdms.get_matrices()[:, places][:, :, places]
    matrices[:, np.arange(len(ids)), np.arange(len(ids))] = np.nan
    figure, axes = plt.subplots(
        1, len(matrices), figsize=(4.4 * len(matrices), 4), squeeze=False, layout="constrained"
    )
    for k, (axis, matrix) in enumerate(zip(axes[0], matrices, strict=True)):
        image = axis.imshow(matrix, cmap="viridis", interpolation="nearest")
        axis.set_title(_title(rdms, k))
        figure.colorbar(image, ax=axis, shrink=0.8, label=str(rdms.dissimilarity_measure or ""))
        _label_axis(axis, ids[places], groups)
    return figure


def _ordered(
    ids: np.ndarray, order: pd.Series | Sequence[str] | None
) -> tuple[np.ndarray, pd.Series | None]:
    """Places of the stimuli, and the group of each when they are grouped by labels."""
    if order is None:
        return np.arange(len(ids)), None
    names = order.index if isinstance(order, pd.Series) else order
    wanted = pd.Index([str(name) for name in names])
    missing = [name for name in ids if name not in wanted]
    if missing or not wanted.is_unique:
        raise LabelMismatchError(
            f"the order must name every stimulus once; missing: {listing(missing) or 'none'}, "
            f"repeated: {listing(wanted[wanted.duplicated()]) or 'none'}."
        )
    if not isinstance(order, pd.Series):
        return pd.Index(ids).get_indexer([name for name in wanted if name in set(ids)]), None
    groups = pd.Series(order.to_numpy(), index=wanted).loc[list(ids)].astype(str)
    places = np.argsort(groups.to_numpy(), kind="stable")
    return places, groups.iloc[places]


def _title(rdms: RDMs, k: int) -> str:
    parts = [
        str(rdms.rdm_descriptors[n][k]) for n in ("region", "subject") if n in rdms.rdm_descriptors
    ]
    return ", ".join(part for part in parts if part)


def _label_axis(axis: Axes, ids: np.ndarray, groups: pd.Series | None) -> None:
    axis.set_yticks([])
    if groups is not None:
        values = groups.to_numpy()
        edges = np.flatnonzero(values[1:] != values[:-1]) + 0.5
        for edge in edges:
            axis.axhline(edge, color="white", lw=0.8)
            axis.axvline(edge, color="white", lw=0.8)
        bounds = np.concatenate([[-0.5], edges, [len(values) - 0.5]])
        middles = (bounds[1:] + bounds[:-1]) / 2
        names = [values[int(np.ceil(start))] for start in bounds[:-1]]
        axis.set_xticks(middles, names, rotation=60, ha="right", fontsize="small")
    elif len(ids) <= MOST_NAMES:
        axis.set_xticks(np.arange(len(ids)), ids, rotation=90, fontsize="x-small")
    else:
        axis.set_xticks([])
        axis.set_xlabel(f"{len(ids)} stimuli")


def arrange(rdm: np.ndarray) -> tuple[np.ndarray, float]:
    """Arrange stimuli in the plane by classical multidimensional scaling.

    Parameters
    ----------
    rdm : array, shape (n_pairs,)
        Taken as squared distances, which correlation and squared Euclidean dissimilarities are.

    Returns
    -------
    positions : array, shape (n_stimuli, 2)
    share : float
        Part of the total variance (of positive dimensions) that the plane shows.

    References
    ----------
    Torgerson (1952), Psychometrika 17.

    Examples
    --------
    >>> points = np.array([[0.0, 0], [3, 0], [0, 4]])
    >>> positions, share = arrange(np.array([9.0, 16, 25]))
    >>> float(np.linalg.norm(positions[1] - positions[2]).round(6)), round(share, 6)
    (5.0, 1.0)
    """
    squared = squareform(rdm)
    centred = squared - squared.mean(axis=0)
    kernel = -(centred - centred.mean(axis=1, keepdims=True)) / 2
    values, vectors = eigh(kernel)
    positive = np.maximum(values[::-1], 0)
    positions = vectors[:, ::-1][:, :2] * np.sqrt(positive[:2])
    return positions, float(positive[:2].sum() / positive.sum())


def plot_arrangement(
    rdms: RDMs, stimuli: xr.Dataset | None = None, labels: pd.Series | None = None
) -> Figure:
    """Draw the stimuli of one RDM so that similar ones lie near each other.

    Parameters
    ----------
    rdms
        Holding one RDM.
    stimuli
        A stimulus set of images, such as `load_stimuli` returns, joined by stimulus id; points are
        drawn without.
    labels
        Indexed by stimulus id; colours points.

    Returns
    -------
    matplotlib.figure.Figure
        The axes have no unit but the distance, and are equal.

    Raises
    ------
    InvalidInputError
        If there are several RDMs, or the stimuli are no images.
    LabelMismatchError
        If the image of a stimulus is missing.
    """
    if rdms.n_rdm != 1:
        raise InvalidInputError(
            f"an arrangement shows one RDM, got {rdms.n_rdm}; select or average."
        )
    ids = stimulus_ids(rdms)
    positions, share = arrange(rdms.dissimilarities[0])
    figure, axis = plt.subplots(figsize=(6 if labels is None else 8, 6), layout="constrained")
    if stimuli is not None:
        for image, place in zip(_images(stimuli, ids), positions, strict=True):
            zoom = 28 / max(image.shape[:2])
            axis.add_artist(AnnotationBbox(OffsetImage(image, zoom=zoom), place, frameon=False))
        axis.scatter(positions[:, 0], positions[:, 1], s=0)
    else:
        groups = pd.Series("", index=ids) if labels is None else labels.loc[list(ids)].astype(str)
        for colour, (name, members) in zip(
            PALETTE * len(ids), groups.groupby(groups, sort=True), strict=False
        ):
            here = np.isin(ids, members.index)
            x, y = positions[here].T
            axis.scatter(x, y, s=24, color=colour, label=str(name) or None)
        if labels is not None:
            figure.legend(frameon=False, title=labels.name, loc="outside right upper")
    axis.set_aspect("equal")
    axis.set(xticks=[], yticks=[], title=_title(rdms, 0))
    axis.set_xlabel(f"multidimensional scaling, {share:.0%} of the variance")
    return figure


def _images(stimuli: xr.Dataset, ids: np.ndarray) -> np.ndarray:
    """Return the images (n, height, width[, channels]) of stimuli, by their ids."""
    images = stimuli["stimulus"].transpose("presentation", ...).values
    if images.ndim not in (3, 4):
        raise InvalidInputError(
            f"images are (presentation, height, width[, channel]), got {stimuli['stimulus'].dims}."
        )
    place = pd.Index(stimuli["stimulus_id"].values.astype(str)).get_indexer(ids)
    if (place < 0).any():
        raise LabelMismatchError(
            f"the stimulus set has no image of {listing(ids[place < 0])}; give it all stimuli of "
            "the RDM, or leave it out for points."
        )
    return np.asarray(images[place])


def plot_layers(
    table: pd.DataFrame, ceiling: pd.DataFrame, subjects: pd.DataFrame | None = None
) -> Figure:
    """Draw scores over the regions of models, in their order, as lines with intervals.

    Parameters
    ----------
    table, ceiling, subjects
        Of a `Comparison`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a brain region, one colour a model; small points are single subjects. Models whose
        regions are not those of the longest model, such as baselines, are drawn as a dotted line at
        the score of their best region.
    """
    regions = list(dict.fromkeys(table["brain_region"]))
    models = list(dict.fromkeys(table["model"]))
    order = _longest(table, models)
    width = max(5.5, 0.35 * len(order) + 2.5)
    figure, axes = plt.subplots(
        1, len(regions), figsize=(width * len(regions), 4.2), squeeze=False, sharey=True,
        layout="constrained",
    )  # fmt: skip
    for axis, region in zip(axes[0], regions, strict=True):
        bounds = ceiling[ceiling["brain_region"] == region].iloc[0]
        if np.isfinite(bounds["lower"]):
            axis.axhspan(
                bounds["lower"], bounds["upper"], color=CEILING, lw=0, zorder=0,
                label=f"noise ceiling, {int(bounds['n_subjects'])} subjects",
            )  # fmt: skip
        for colour, model in zip(PALETTE * len(models), models, strict=False):
            rows = table[(table["brain_region"] == region) & (table["model"] == model)]
            if list(rows["model_region"]) == order:
                _line(axis, rows, colour, subjects)
            else:
                best = rows.loc[rows["score"].idxmax()]
                axis.axhline(
                    float(best["score"]), color=colour, ls=":", lw=1.5,
                    label=f"{model} ({best['model_region']})",
                )  # fmt: skip
        axis.axhline(float(table["unrelated"].mean()), color="black", lw=0.8, ls="--")
        axis.set_xticks(range(len(order)), order, rotation=60, ha="right", fontsize="small")
        axis.set_title(region)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel(COMPARATORS[str(table["comparator"].iloc[0])].label)
    handles, names = axes[0, -1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize="small")
    return figure


def _longest(table: pd.DataFrame, models: list[str]) -> list[str]:
    """Return the regions of the model that has most of them."""
    orders = [
        list(dict.fromkeys(table.loc[table["model"] == model, "model_region"])) for model in models
    ]
    return max(orders, key=len)


def _line(axis: Axes, rows: pd.DataFrame, colour: str, subjects: pd.DataFrame | None) -> None:
    places = np.arange(len(rows))
    axis.fill_between(places, rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, lw=0)
    axis.plot(places, rows["score"], "o-", color=colour, ms=5, label=str(rows["model"].iloc[0]))
    if subjects is None or not len(subjects):
        return
    keys = ["model", "model_region", "brain_region"]
    placed = subjects.merge(rows[keys].assign(place=places), on=keys)
    if placed["subject"].nunique() > 1:
        axis.scatter(placed["place"], placed["score"], s=8, color=colour, alpha=0.5, lw=0)
