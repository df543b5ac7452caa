"""Where stimuli come from: arrays, data sets, loaders, iterables, folders of images.

Every source becomes the same thing: ids, labels, and batches that can be read from any stimulus on.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, default_collate

from reprcompare.errors import InvalidInputError, RecordingFailedError, listing
from reprcompare.recording import check_stimulus_ids, encode_labels
from reprcompare.sessions.images import Preprocess, image_table, read_image, scale_image

SAMPLED: Final = 64
"""So many stimuli, evenly spaced, are read to tell one stimulus set from another."""

Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """Consecutive stimuli as a network takes them.

    Attributes
    ----------
    inputs
        One tensor, several (positional) or named ones, each with a row a stimulus.
    count
        Number of stimuli.
    ids
        Their ids, if the source tells them only now.
    """

    inputs: Inputs
    count: int
    ids: list[str] | None = None


@dataclass(frozen=True)
class Source:
    """Stimuli with their ids and labels.

    Attributes
    ----------
    batches
        ``batches(start, size)`` yields batches from stimulus number `start` on.
    fingerprint
        What tells this stimulus set from another one before all of it is read.
    ids
        None if they become known only while the stimuli are read.
    labels
        Coordinates on `presentation` and `feature`, and the variable `label`.
    table
        Labels that wait for the ids.
    identifier
        Name of the stimulus set.
    repeatable
        Whether the stimuli can be read several times.
    offset, whole
        Where these stimuli begin in a larger set, and its size, if they are a part of one.
    """

    batches: Callable[[int, int], Iterator[Batch]]
    fingerprint: str
    ids: np.ndarray | None = None
    labels: xr.Dataset = field(default_factory=xr.Dataset)
    table: pd.DataFrame | None = None
    identifier: str = ""
    repeatable: bool = True
    offset: int = 0
    whole: int | None = None

    @property
    def size(self) -> int | None:
        """Number of stimuli, None if it is not known."""
        return None if self.ids is None else len(self.ids)

    @property
    def total(self) -> int | None:
        """Number of stimuli of the whole set, None if it is not known."""
        return self.size if self.whole is None else self.whole


def open_stimuli(
    stimuli: object,
    stimulus_ids: Sequence[object] | np.ndarray | None = None,
    labels: pd.DataFrame | None = None,
    preprocess: Preprocess | None = None,
) -> Source:
    """Make a source of anything that holds stimuli.

    Parameters
    ----------
    stimuli
        A data set of `stimulus_set`, which carries its ids and labels; an array or tensor of shape
        (n_stimuli, ...); a tuple or dictionary of those for networks with several inputs; a list of
        single stimuli; a torch Dataset or DataLoader; an iterable of stimuli, or of
        (stimulus_id, stimulus); a folder of images, with a CSV of `stimulus_id`, `filename` and
        labels if there is one.
    stimulus_ids
        Required unless the stimuli carry them.
    labels
        A table indexed by stimulus id.
    preprocess
        Called with every batch (an array or tensor of shape (n, ...)), or with every single image
        of a folder.

    Returns
    -------
    Source
        Which gives them batch by batch.

    Raises
    ------
    InvalidInputError
        If ids are missing, or of something else.
    """
    if isinstance(stimuli, xr.Dataset):
        source = _from_dataset(stimuli, stimulus_ids, preprocess)
    elif isinstance(stimuli, str | os.PathLike):
        source = _from_folder(Path(stimuli), stimulus_ids, preprocess)
    elif isinstance(stimuli, DataLoader):
        source = _from_loader(stimuli, stimulus_ids, preprocess)
    elif isinstance(stimuli, Tensor | np.ndarray | tuple | Mapping):
        source = _from_arrays(stimuli, stimulus_ids, preprocess)
    elif hasattr(stimuli, "__getitem__") and hasattr(stimuli, "__len__"):
        source = _from_items(stimuli, stimulus_ids, preprocess)
    elif isinstance(stimuli, Iterable):
        source = _from_iterable(stimuli, stimulus_ids, preprocess)
    else:
        raise InvalidInputError(
            f"stimuli are a {type(stimuli).__name__}; expected an array, a tensor, a torch Dataset "
            "or DataLoader, an iterable, a stimulus set, or a folder of images."
        )
    if labels is None:
        return source
    if source.ids is None:
        return replace(source, table=labels)
    kept = source.labels.drop_vars(
        [name for name, v in source.labels.variables.items() if "feature" in v.dims]
    )
    return replace(source, labels=kept.merge(encode_labels(labels, source.ids)))


def _from_dataset(
    dataset: xr.Dataset,
    stimulus_ids: Sequence[object] | np.ndarray | None,
    preprocess: Preprocess | None,
) -> Source:
    if "stimulus" not in dataset or "stimulus_id" not in dataset.coords:
        raise InvalidInputError(
            "the data set of stimuli has no variable 'stimulus' with coordinate 'stimulus_id' "
            f"(it has {listing(dataset.variables)}); reprcompare.recording.stimulus_set makes one."
        )
    if stimulus_ids is not None:
        raise InvalidInputError("the stimulus set carries its ids; leave stimulus_ids out.")
    variable = dataset["stimulus"].transpose("presentation", ...)
    ids = check_stimulus_ids(dataset["stimulus_id"].values, variable.shape[0])

    def read(start: int, stop: int) -> np.ndarray:
        return np.array(variable[start:stop].values)

    own = [
        name
        for name, v in dataset.variables.items()
        if name not in ("stimulus", "stimulus_id")
        and v.dims in (("presentation",), ("feature",), ("presentation", "feature"), ("response",))
    ]
    labels = dataset[[name for name in own if name in dataset.data_vars]]
    labels = labels.assign_coords({name: dataset[name] for name in own if name in dataset.coords})
    return Source(
        _slices(read, len(ids), preprocess),
        _fingerprint(ids, read),
        ids,
        labels.drop_vars("stimulus_id", errors="ignore"),
        identifier=str(dataset.attrs.get("identifier", "")),
    )


def _from_arrays(
    arrays: Any, stimulus_ids: Sequence[object] | np.ndarray | None, preprocess: Preprocess | None
) -> Source:
    parts = (
        list(arrays.values())
        if isinstance(arrays, Mapping)
        else list(arrays)
        if isinstance(arrays, tuple)
        else [arrays]
    )
    sizes = {len(part) if np.ndim(part) else 0 for part in parts}
    if len(sizes) != 1 or sizes == {0}:
        raise InvalidInputError(
            "stimuli need at least one row, and several inputs the same number; got "
            f"{listing(tuple(np.shape(part)) for part in parts)}."
        )
    ids = check_stimulus_ids(_required(stimulus_ids), sizes.pop())

    def read(start: int, stop: int) -> Any:
        # A copy, because a network may change its input in place.
        chosen = [_copied(part[start:stop]) for part in parts]
        if isinstance(arrays, Mapping):
            return dict(zip(arrays, chosen, strict=True))
        return tuple(chosen) if isinstance(arrays, tuple) else chosen[0]

    return Source(_slices(read, len(ids), preprocess), _fingerprint(ids, read), ids)


def _from_items(
    items: Any, stimulus_ids: Sequence[object] | np.ndarray | None, preprocess: Preprocess | None
) -> Source:
    ids = check_stimulus_ids(_required(stimulus_ids), len(items))
    if len(ids) == 0:
        raise InvalidInputError("there are no stimuli: the data set is empty.")

    def read(start: int, stop: int) -> Any:
        return _collate([_item(items, number, ids) for number in range(start, stop)])

    # Items may be expensive to make, so the first and the last one have to do.
    fingerprint = _fingerprint(ids, read, type(items), most=2)
    return Source(_slices(read, len(ids), preprocess), fingerprint, ids)


def _item(items: Any, number: int, ids: np.ndarray) -> Any:
    try:
        return _without_target(items[number])
    except Exception as error:
        raise RecordingFailedError(
            f"stimulus {str(ids[number])!r} (number {number} of {len(ids)}) could not be read: "
            f"{type(error).__name__}: {error}. What was recorded before is kept; mend or remove "
            "it and call record again."
        ) from error


def _from_loader(
    loader: DataLoader,
    stimulus_ids: Sequence[object] | np.ndarray | None,
    preprocess: Preprocess | None,
) -> Source:
    sized = hasattr(loader.dataset, "__len__")
    if isinstance(loader.sampler, RandomSampler):
        raise InvalidInputError(
            "the DataLoader shuffles, so that ids would be given to the wrong stimuli; "
            "make it with shuffle=False."
        )
    ids = None
    if stimulus_ids is not None and sized:
        total = len(loader.dataset)  # type: ignore[arg-type]
        if loader.drop_last and loader.batch_size:
            total -= total % loader.batch_size
        ids = check_stimulus_ids(list(stimulus_ids)[: total or None], total)

    def batches(start: int, size: int) -> Iterator[Batch]:
        at = 0
        for content in loader:
            inputs, found = _split_ids(content)
            batch = _batch(_without_target(inputs), preprocess, found if ids is None else None)
            at += batch.count
            if at > start:
                yield _last(batch, min(batch.count, at - start))

    def first(start: int, stop: int) -> Any:
        return _without_target(_split_ids(loader.dataset[0])[0])

    read = first if sized and hasattr(loader.dataset, "__getitem__") else None
    return Source(batches, _fingerprint(ids, read, type(loader.dataset), most=1), ids)


def _from_iterable(
    items: Iterable[Any],
    stimulus_ids: Sequence[object] | np.ndarray | None,
    preprocess: Preprocess | None,
) -> Source:
    given = None if stimulus_ids is None else [str(name) for name in stimulus_ids]

    def batches(start: int, size: int) -> Iterator[Batch]:
        held: list[Any] = []
        names: list[str] = []
        number = -1
        for number, item in enumerate(items):
            name, stimulus = _named(item, number, given)
            if number < start:
                continue
            held.append(stimulus)
            names.append(name)
            if len(held) == size:
                yield _batch(_collate(held), preprocess, names)
                held, names = [], []
        if given is not None and len(given) != number + 1:
            raise InvalidInputError(
                f"{len(given)} stimulus_ids were given for {number + 1} stimuli."
            )
        if held:
            yield _batch(_collate(held), preprocess, names)

    once = isinstance(items, Iterator)
    start = list(itertools.islice(items, 1))
    if once:
        items = itertools.chain(start, items)

    def first(begin: int, end: int) -> Any:
        return _named(start[0], 0, given)[1]

    fingerprint = _fingerprint(None, first if start else None, type(items), given, most=1)
    return Source(batches, fingerprint, repeatable=not once)


def _from_folder(
    folder: Path, stimulus_ids: Sequence[object] | np.ndarray | None, preprocess: Preprocess | None
) -> Source:
    table = image_table(folder)
    if stimulus_ids is not None:
        table = table.set_axis(check_stimulus_ids(stimulus_ids, len(table)), axis=0)
    ids = check_stimulus_ids(table.index.to_numpy(), len(table))
    paths = [folder / name for name in table["filename"]]

    def read(start: int, stop: int) -> Tensor:
        made = [
            read_image(path, preprocess, name)
            for path, name in zip(paths[start:stop], ids[start:stop], strict=True)
        ]
        shapes = {tuple(image.shape) for image in made}
        if len(shapes) > 1:
            raise InvalidInputError(
                f"the images in {folder.name} have different sizes ({listing(shapes, 3)}); give "
                "preprocess=, a function that brings an image to one size."
            )
        return torch.stack(made)

    labels = table.drop(columns="filename")
    return Source(
        _slices(read, len(ids), None),
        _fingerprint(ids, None, None, [f"{p.name} {p.stat().st_size}" for p in paths]),
        ids,
        encode_labels(labels, ids) if len(labels.columns) else xr.Dataset(),
        identifier=folder.resolve().name,
    )


def _slices(
    read: Callable[[int, int], Any], total: int, preprocess: Preprocess | None
) -> Callable[[int, int], Iterator[Batch]]:
    def batches(start: int, size: int) -> Iterator[Batch]:
        for first in range(start, total, size):
            yield _batch(read(first, min(first + size, total)), preprocess, None)

    return batches


def _batch(inputs: Any, preprocess: Preprocess | None, ids: list[str] | None) -> Batch:
    if preprocess is not None:
        inputs = preprocess(inputs)
    if isinstance(inputs, Mapping):
        named = {str(name): _tensor(value, False) for name, value in inputs.items()}
        return Batch(named, len(next(iter(named.values()))), ids)
    if isinstance(inputs, tuple):
        several = tuple(_tensor(value, False) for value in inputs)
        return Batch(several, len(several[0]), ids)
    single = _tensor(inputs, preprocess is None)
    return Batch(single, len(single), ids)


def _last(batch: Batch, count: int) -> Batch:
    """Return the last stimuli of a batch, whose first ones may have been recorded before."""
    if count == batch.count:
        return batch
    inputs: Inputs
    if isinstance(batch.inputs, dict):
        inputs = {name: tensor[-count:] for name, tensor in batch.inputs.items()}
    elif isinstance(batch.inputs, tuple):
        inputs = tuple(tensor[-count:] for tensor in batch.inputs)
    else:
        inputs = batch.inputs[-count:]
    return Batch(inputs, count, batch.ids and batch.ids[-count:])


def _tensor(values: Any, images: bool) -> Tensor:
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()
    tensor = torch.as_tensor(values)
    if tensor.dtype == torch.float64:
        tensor = tensor.float()
    return scale_image(tensor) if images else tensor


def _collate(items: list[Any]) -> Any:
    try:
        return default_collate(items)
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError(
            f"stimuli cannot be put into one batch: {error}. Bring them to one size and to numbers."
        ) from error


def _without_target(item: Any) -> Any:
    """Return the stimulus of a (stimulus, target, ...) pair, as data sets for training return."""
    return item[0] if isinstance(item, tuple | list) else item


def _split_ids(content: Any) -> tuple[Any, list[str] | None]:
    if isinstance(content, Mapping) and "stimulus_id" in content:
        rest = {name: value for name, value in content.items() if name != "stimulus_id"}
        found = content["stimulus_id"]
        ids = [str(x) for x in (found.tolist() if isinstance(found, Tensor) else found)]
        return (next(iter(rest.values())) if len(rest) == 1 else rest), ids
    return content, None


def _named(item: Any, number: int, given: list[str] | None) -> tuple[str, Any]:
    if given is not None:
        if number >= len(given):
            raise InvalidInputError(
                f"{len(given)} stimulus_ids were given, but there are more stimuli."
            )
        return given[number], _without_target(item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        return item
    raise InvalidInputError(
        "stimulus_ids are missing: give stimulus_ids=, or an iterable of (stimulus_id, stimulus)."
    )


def _required(stimulus_ids: Sequence[object] | np.ndarray | None) -> Sequence[object] | np.ndarray:
    if stimulus_ids is None:
        raise InvalidInputError(
            "stimulus_ids are missing: recordings are joined on them. Give stimulus_ids=, one "
            "name a stimulus, or bind them with reprcompare.recording.stimulus_set."
        )
    return stimulus_ids


def _copied(part: Any) -> Any:
    return part.clone() if isinstance(part, Tensor) else np.array(part)


def _fingerprint(
    ids: np.ndarray | None,
    read: Callable[[int, int], Any] | None,
    kind: type | None = None,
    names: Sequence[str] | None = None,
    most: int = SAMPLED,
) -> str:
    """Return a checksum of the ids and of a few stimuli, evenly spaced from first to last."""
    digest = hashlib.sha256()
    for name in [*(ids if ids is not None else ()), *(names or ())]:
        digest.update(str(name).encode() + b"\0")
    if kind is not None:
        digest.update(f"{kind.__module__}.{kind.__qualname__}".encode())
    if read is not None:
        total = 1 if ids is None else len(ids)
        for number in np.unique(np.linspace(0, total - 1, most).astype(int)).tolist():
            for raw in raw_bytes(read(number, number + 1)):
                digest.update(raw)
    return digest.hexdigest()


def raw_bytes(inputs: Any) -> Iterator[memoryview]:
    """Yield the bytes of every array or tensor of some inputs."""
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs
    for part in parts if isinstance(inputs, tuple | Mapping) else [inputs]:
        tensor = torch.as_tensor(part).detach().cpu().contiguous()
        yield tensor.reshape(-1).view(torch.uint8).numpy().data
