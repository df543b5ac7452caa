"""One entry: how well recordings and labels predict a brain, neuroid by neuroid."""

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr

from reprcompare.encoding.arguments import check_computation
from reprcompare.encoding.assembling import assembled
from reprcompare.encoding.folds import CrossValidation
from reprcompare.encoding.found import Found, Settings
from reprcompare.encoding.grams import check_delays, find_kernel
from reprcompare.encoding.models import find_model, search_of
from reprcompare.encoding.partition import subsets_of
from reprcompare.encoding.predicting import CHOSEN, Predicting
from reprcompare.encoding.predictors import Candidate, Predictors, candidates_of
from reprcompare.encoding.responses import (
    CEILINGS,
    Notes,
    RowSet,
    prepared_rows,
    row_sets,
    single_rows,
)
from reprcompare.encoding.result import Encoding
from reprcompare.errors import InvalidInputError, UnknownNameError, check_whole, unknown_name

CHOICES: Final = (*CHOSEN, "none")


def encode(
    predictors: Predictors,
    brain: xr.Dataset,
    model: str | None = None,
    *,
    cv: CrossValidation = 5,
    inner_cv: int = 5,
    n_blocks: int = 5,
    alphas: Sequence[float] | np.ndarray | None = None,
    n_components: Sequence[int] | None = None,
    kernel: str = "linear",
    delays: Sequence[int] = (0,),
    standardise: bool | None = None,
    n_iter: int = 40,
    choose: str = "nested",
    partition: bool = False,
    ceiling: str = "noise_ceiling",
    n_bootstrap: int = 1000,
    weights: bool = False,
    predictions: bool = False,
    seed: int = 0,
    precision: str = "float32",
    device: str = "cpu",
    client: Any = None,
) -> Encoding:
    """Predict the responses of every neuroid from recordings and labels.

    Everything that is chosen (penalties, weights of groups, numbers of components, the best of
    several layers) is chosen inside of the training rows of every outer fold, for every neuroid
    (the layer: for every region), and scores are those of predictions of rows that had no part in
    it.

    Parameters
    ----------
    predictors
        A recording, every region of which is tried by itself; a table of labels, one row a
        stimulus, indexed by stimulus id; or a mapping of names to recordings and tables, which
        predict together and whose parts in the score are told apart. Joined by stimulus id.
    brain
        The recording that is predicted.
    model
        "ridge", "banded" (a penalty for every group), "pca" (regression on principal components) or
        "pls". By default ridge for one group and banded for several.
    cv
        Outer folds: a number of folds over stimuli; the name of a coordinate of presentations
        ("run", "session") or of a label, whose levels are left out in turn; "blocks" for stretches
        of time; a Series that gives every stimulus its fold. Repetitions are averaged, except
        where folds or delays are about presentations.
    inner_cv
        Folds of the training rows, by which is chosen.
    n_blocks
        Number of blocks, where `cv` is "blocks".
    alphas
        Penalties that are tried, relative to the mean squared distance of stimuli from their mean.
    n_components
        Numbers of components that are tried.
    kernel
        "linear", "rbf", "polynomial" (of degree 2) or "cosine".
    delays
        Finite impulse response: by how many presentations the response may lag. No delay crosses
        runs.
    standardise
        Whether columns are divided by their standard deviation in the training rows of every outer
        fold. By default only tables of labels are.
    n_iter
        Random weights of groups that banded regression tries, beside equal weights and every group
        alone.
    choose
        How the best of several regions of a recording is chosen: "nested", "test" (with a warning:
        its score is too high) or "none".
    partition
        Whether variance is partitioned over the groups: 2 to 6, all of whose subsets are fitted.
    ceiling
        "noise_ceiling" (from the variance of repetitions) or "split_half"; see
        `reprcompare.measurement`.
    n_bootstrap
        Draws of stimuli (runs, blocks) for intervals. Predictions are not made anew.
    weights, predictions
        Whether to return them, which takes memory.
    seed
        Of folds, draws, and weights of groups.
    precision, device
        Of products with responses, such as "float64" and "cuda".
    client
        A Dask client (extra ``[dask]``), over whose workers the regions of the brain's subjects are
        spread. What a worker was doing when it died is done by another.

    Returns
    -------
    Encoding

    Raises
    ------
    InvalidInputError, UnknownNameError
        If an argument has no such value.
    LabelMismatchError
        If nothing is shared.
    NotIdentifiableError
        If there are too few stimuli for the folds.

    Warns
    -----
    LeakageWarning
        If test rows may have had a part in what predicts them.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> random = np.random.default_rng(0)
    >>> ids = [f"image {k}" for k in range(60)]
    >>> patterns = random.normal(size=(60, 5))
    >>> net = build_recording(patterns, stimulus_id=ids, region="layer4", subject="net")
    >>> it = build_recording(patterns @ random.normal(size=(5, 3)), stimulus_id=ids, region="IT",
    ...                      subject="monkey")
    >>> scores = encode(net, it)
    >>> scores.table[["neuroid_id", "r"]].round(2).values.tolist()
    [['monkey.IT.0', 1.0], ['monkey.IT.1', 1.0], ['monkey.IT.2', 1.0]]
    """
    candidates = candidates_of(predictors)
    n_groups = max(len(candidate.groups) for candidate in candidates)
    name, kind = find_model(model, n_groups)
    find_kernel(kernel)
    for value, known, what in (
        (choose, CHOICES, "way to choose"),
        (ceiling, CEILINGS, "ceiling"),
    ):
        if value not in known:
            raise UnknownNameError(unknown_name(what, value, known))
    check_whole("n_bootstrap", n_bootstrap, 0)
    check_whole("seed", seed, 0)
    check_computation(precision, device)
    if not (client is None or hasattr(client, "gather")):
        raise InvalidInputError(
            f"client must be a dask.distributed.Client, got a {type(client).__name__}; "
            "Client(address) makes one."
        )
    if partition:
        subsets_of(n_groups)
        joined = [group.name for group in candidates[0].groups if " & " in group.name]
        if joined:
            raise InvalidInputError(
                f"names of groups may not contain ' & ', which joins them in tables: {joined[0]!r}."
            )
    if weights and (name == "pls" or kernel != "linear"):
        raise InvalidInputError(
            "weights of columns exist for linear kernels and the models 'ridge', 'banded' and "
            "'pca'; leave weights out."
        )
    settings = Settings(
        name,
        search_of(kind, n_groups, alphas, n_components, n_iter, seed),
        kind.by_alpha,
        cv,
        inner_cv,
        n_blocks,
        kernel,
        check_delays(delays),
        standardise,
        choose,
        partition,
        ceiling,
        n_bootstrap,
        weights,
        predictions,
        seed,
        precision,
        device,
    )
    notes: Notes = {}
    prepared = prepared_rows(brain, single_rows(settings.cv, settings.delays, brain))
    if settings.delays != (0,) and not {"run", "session"} & set(map(str, prepared.coords)):
        notes[
            "The brain has no coordinate 'run' or 'session': delays take all presentations for one "
            "run, in the order in which they are stored."
        ] = None
    sets = row_sets(prepared, candidates, settings.delays != (0,), notes)
    if client is not None or name == "pls":
        sets = [part for rows in sets for part in rows.by_region(prepared)]
    job = partial(
        _predict, candidates=candidates, given=brain, prepared=prepared, settings=settings
    )
    done = [job(rows) for rows in sets] if client is None else client.gather(client.map(job, sets))
    for _, said in done:
        notes.update(said)
    for sentence, category in notes.items():
        if category:
            warnings.warn(sentence, category, stacklevel=2)
    return assembled([found for found, _ in done], candidates, prepared, settings, notes)


def _predict(
    rows: RowSet,
    candidates: list[Candidate],
    given: xr.Dataset,
    prepared: xr.Dataset,
    settings: Settings,
) -> tuple[Found, Notes]:
    """Predict the neuroids of one set of rows; also returns notes."""
    notes: Notes = {}
    return Predicting(given, prepared, rows, settings, notes).run(candidates), notes
