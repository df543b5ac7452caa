"""The run of a session: forward passes, and writing that overlaps with them."""

import itertools
import json
import sys
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from reprcompare.errors import (
    InvalidInputError,
    RecordingFailedError,
    ReprcompareError,
    listing,
)
from reprcompare.recording import FORMAT, check_stimulus_ids, encode_labels
from reprcompare.recording.layout import Column, Stream, string_column
from reprcompare.recording.writer import N_HELD, RecordingWriter
from reprcompare.sessions import identity
from reprcompare.sessions.capture import Capture, TimeAxis, response_of
from reprcompare.sessions.estimates import estimate, forward
from reprcompare.sessions.labelling import neuroid_columns, presentation_columns, time_columns
from reprcompare.sessions.states import States
from reprcompare.sessions.stimuli import Batch, Source, raw_bytes

OUTPUTS = (None, "logits")
NONFINITE = ("error", "keep")
MANTISSA_BITS = 23


@dataclass(frozen=True)
class Settings:
    """What a session is told besides network and stimuli; see `reprcompare.sessions.record`."""

    subject: str
    seed: int
    batch_size: int
    outputs: str | None
    reduce: str | Mapping[str, str] | None
    time_axis: TimeAxis
    nonfinite: str
    compression: int
    keep_bits: int | None
    identifier: str

    def __post_init__(self) -> None:
        if self.outputs not in OUTPUTS:
            raise InvalidInputError(f"outputs must be None or 'logits', got {self.outputs!r}.")
        if self.nonfinite not in NONFINITE:
            raise InvalidInputError(f"nonfinite must be one of {NONFINITE}, got {self.nonfinite!r}")
        if self.compression not in range(10):
            raise InvalidInputError(f"compression must be from 0 to 9, got {self.compression!r}.")
        if self.keep_bits is not None and self.keep_bits not in range(1, MANTISSA_BITS + 1):
            raise InvalidInputError(
                f"keep_bits must be None or from 1 to {MANTISSA_BITS}, got {self.keep_bits!r}."
            )
        if not isinstance(self.subject, str) or not self.subject:
            raise InvalidInputError(f"subject must be a name, got {self.subject!r}.")

    def identity(self) -> dict[str, object]:
        """Return what the values depend on, which is what makes two sessions the same."""
        beside = ("batch_size", "nonfinite")
        return {name: value for name, value in vars(self).items() if name not in beside}


def run_session(
    network: nn.Module,
    source: Source,
    states: States,
    capture: Capture,
    writer: RecordingWriter,
    settings: Settings,
    features: Sequence[Column],
    device: torch.device,
    bar: tqdm,
) -> None:
    """Present all stimuli that are not recorded yet, and finish the file.

    Raises
    ------
    RecordingFailedError
        If the session had to stop; it can be resumed.
    """
    try:
        run = _Run(network, source, states, capture, writer, settings, device, bar)
        run.go()
        states.restore()
        run.finish(features)
    except KeyboardInterrupt:
        raise RecordingFailedError(
            f"interrupted after {writer.rows_done} stimuli; call record again with the same "
            "arguments to go on from there."
        ) from None
    finally:
        states.restore()


class _Run:
    def __init__(
        self,
        network: nn.Module,
        source: Source,
        states: States,
        capture: Capture,
        writer: RecordingWriter,
        settings: Settings,
        device: torch.device,
        bar: tqdm,
    ) -> None:
        self.network, self.source, self.states = network, source, states
        self.capture, self.writer, self.settings = capture, writer, settings
        self.device, self.bar = device, bar
        self.batches: list[dict[str, np.ndarray]] = []
        self.pending: list[Future[None] | None] = [None] * N_HELD
        self.started = time.time()
        self.turn = 0
        self.known: set[str] = set()
        if writer.plan is not None:
            self._plan(writer.plan["notes"]["regions"])
            # A batch that was refused is run again: its cause may have been mended.
            with suppress(RecordingFailedError):
                for content, note in writer.take_held():
                    self._store(content, note, writer.rows_done)

    def go(self) -> None:
        """Present what is missing, in the order of training steps and stimuli."""
        total = self.source.size
        done = self.writer.rows_done
        self.bar.update(done)
        first_step, first = divmod(done, total) if total else (0, done)
        with ThreadPoolExecutor(max_workers=1) as store:
            try:
                for step in range(first_step, len(self.states)):
                    self.states.enter(step)
                    row = step * (total or 0) + first
                    for batch in self.source.batches(first, self.settings.batch_size):
                        self._present(batch, step, row, store)
                        row += batch.count
                        self.bar.update(batch.count)
                    first = 0
                    if total is not None and row != (step + 1) * total:
                        raise InvalidInputError(
                            f"{total} stimulus_ids were given, but {row - step * total} stimuli "
                            "were found."
                        )
            finally:
                for future in self.pending:
                    if future is not None:
                        future.result()

    def finish(self, features: Sequence[Column]) -> None:
        """Add labels and provenance."""
        writer, settings = self.writer, self.settings
        notes = writer.notes
        if writer.rows_done == 0:
            raise InvalidInputError("there are no stimuli: the iterable was empty.")
        ids = self.source.ids
        if ids is None:
            found = itertools.chain.from_iterable(note["ids"] for note in notes)
            ids = check_stimulus_ids(list(found), writer.rows_done)
        checksums = list(itertools.chain.from_iterable(note["crc32"] for note in notes))[: len(ids)]
        slots = self.capture.slots
        assert writer.plan is not None
        noted = writer.plan["notes"]
        labels = presentation_columns(self.source, ids, checksums)
        columns = [
            # What responses report is of interest where they are stored.
            *(c for c in labels if settings.outputs or c.dims != ("response",)),
            *neuroid_columns(slots, settings.subject),
            *time_columns(None if settings.time_axis is None else noted["regions"][0]["bins"]),
            *(features if len(features) > 1 or settings.outputs else ()),
        ]
        sizes = {"presentation": len(ids)}
        if self.states.steps:
            sizes = {"training_step": len(self.states.steps), **sizes}
            columns.append(
                Column("training_step", ("training_step",), [np.array(self.states.steps)])
            )
        if settings.outputs:
            columns.append(string_column("response", ("response",), range(noted["responses"])))
        types = sorted({slot.dtype for slot in slots})
        writer.finish(
            columns,
            {
                "reprcompare_format": FORMAT,
                "kind": "network",
                "identifier": settings.identifier,
                "stimulus_set": self.source.identifier,
                "provenance": json.dumps(self._provenance(notes), sort_keys=True),
            },
            {
                "activity": {
                    "units": "arbitrary",
                    "long_name": "activation",
                    "scaling": "raw",
                    "original_dtype": ", ".join(types),
                    **({} if settings.keep_bits is None else {"kept_bits": settings.keep_bits}),
                },
                "output": {"units": "arbitrary", "long_name": "logit"},
            },
            sizes=sizes,
            compression=settings.compression,
        )

    def _present(self, batch: Batch, step: int, row: int, store: ThreadPoolExecutor) -> None:
        """Run one batch and hand its responses over for writing."""
        at = row - step * (self.source.size or 0)
        note: dict[str, object] = {"crc32": _checksums(batch)}
        if batch.ids is not None:
            self._check_ids(batch.ids)
            note["ids"] = batch.ids
        number = self.turn = (self.turn + 1) % N_HELD
        self._wait(number)
        rows = None
        if self.writer.plan is not None:
            rows = torch.from_numpy(self._memory(number, batch.count)["activity"])
        self.capture.expect(batch.count, rows)
        # Random networks draw the same for a batch, interrupted or split as the session may be.
        _seed([self.settings.seed, step, self.source.offset + at], self.device)
        started = time.perf_counter()
        output = self._forward(batch, row)
        response = response_of(output, batch.count) if self.settings.outputs else None
        if rows is None:
            self._begin(response, started)
            content = self._memory(number, batch.count)
            self.capture.fill_from_first(torch.from_numpy(content["activity"]))
        else:
            content = self._memory(number, batch.count)
            self.capture.check()
        if response is not None:
            content["output"][:] = response[:, None]
        self.writer.hold(number, row, batch.count, note)
        self.pending[number] = store.submit(self._store, content, note, row)

    def _check_ids(self, ids: list[str]) -> None:
        """Notice a repeated or unlabelled stimulus when it comes, not after hours."""
        if self.source.table is not None:
            encode_labels(self.source.table, ids)
        if not self.known:
            self.known.update(name for note in self.writer.notes for name in note["ids"])
        repeated = [name for name, n in Counter(ids).items() if n > 1 or name in self.known]
        if repeated:
            raise InvalidInputError(
                f"stimulus_ids must be unique; repeated: {listing(repeated, 3)}."
            )
        self.known.update(ids)

    def _forward(self, batch: Batch, row: int) -> object:
        try:
            return forward(self.network, batch, self.device)
        except ReprcompareError:
            raise
        except Exception as error:
            raise RecordingFailedError(
                f"the network failed on stimuli {self._named(row, batch.count, batch.ids)} with "
                f"inputs of shape {_shapes(batch)}: {type(error).__name__}: {error}. "
                f"{self.writer.rows_done} stimuli are kept; mend the cause and call record again."
            ) from error

    def _begin(self, response: np.ndarray | None, started: float) -> None:
        """Plan the file when the first batch has shown what the layers return."""
        regions = self.capture.describe()
        self._plan(regions)
        lead = ("training_step",) * bool(self.states.steps) + ("presentation",)
        timed = self.settings.time_axis is not None
        dims = ("neuroid", "time_bin") if timed else ("neuroid",)
        streams = [Stream("activity", lead, dims, self.row_shape)]
        if response is not None:
            streams.append(
                Stream("output", lead, ("by_subject", "response"), (1, response.shape[1]))
            )
        sizes = {}
        if self.source.size is not None:
            steps = {"training_step": len(self.states.steps)} if self.states.steps else {}
            sizes = {**steps, "presentation": self.source.size}
        expected = estimate(
            regions,
            [slot.reduction.size for slot in self.capture.slots],
            n_presentations=int(np.prod(list(sizes.values()))) if sizes else None,
            output_bytes=0 if response is None else streams[-1].row_bytes,
            batch_size=self.settings.batch_size,
            seconds_per_batch=time.perf_counter() - started,
            compression=self.settings.compression,
        )
        if not self.bar.disable:
            self.bar.write(str(expected), file=sys.stderr)
        expected.check(self.writer.path)
        notes = {"regions": regions, "responses": 0 if response is None else response.shape[1]}
        self.writer.begin(streams, sizes, notes)

    def _plan(self, regions: Sequence[Mapping]) -> None:
        settings = self.settings
        self.capture.plan(regions, settings.reduce, settings.seed, self.source.total)
        n_neuroids = self.capture.slots[-1].columns.stop
        bins = (regions[0]["bins"],) if settings.time_axis is not None else ()
        self.row_shape = (n_neuroids, *bins)

    def _memory(self, number: int, count: int) -> dict[str, np.ndarray]:
        """Return the memory for a batch, by variable."""
        if not self.batches or len(self.batches[0]["activity"]) < count:
            for other in range(N_HELD):
                self._wait(other)
            self.batches = self.writer.batches(count)
        return {name: rows[:count] for name, rows in self.batches[number].items()}

    def _wait(self, number: int) -> None:
        future, self.pending[number] = self.pending[number], None
        if future is not None:
            future.result()

    def _store(self, content: dict[str, np.ndarray], note: dict, row: int) -> None:
        """Check and write one batch, while the next one runs."""
        if row != self.writer.rows_done:
            return  # the batch before this one was refused, and its error is on its way
        activity = content["activity"]
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(activity.sum())
        if suspicious:
            count = activity.size - int(np.isfinite(activity).sum())
            if count and self.settings.nonfinite == "error":
                raise RecordingFailedError(self._nonfinite(activity, count, note, row))
            note["nonfinite"] = count
        if self.settings.keep_bits is not None:
            content = {**content, "activity": round_bits(activity, self.settings.keep_bits)}
        self.writer.append(row, content, note)

    def _nonfinite(self, activity: np.ndarray, count: int, note: dict, row: int) -> str:
        place = np.argwhere(~np.isfinite(activity))[0]
        region = next(s.region for s in self.capture.slots if place[1] < s.columns.stop)
        name = self._named(row + int(place[0]), 1, (note.get("ids") or [None])[place[0] :])
        value = activity[tuple(place)]
        return (
            f"layer {region} answered {value} to stimulus {name} ({count} such values in this "
            "batch). Mend the network or the stimulus, or pass nonfinite='keep' to store such "
            f"values; {self.writer.rows_done} stimuli are kept."
        )

    def _named(self, row: int, count: int, ids: Sequence[str | None] | None) -> str:
        if self.source.ids is not None:
            first = row % len(self.source.ids)
            ids = self.source.ids[first : first + count].tolist()
        return listing(map(repr, (ids or [])[:count]), 3)

    def _provenance(self, notes: Sequence[Mapping]) -> dict[str, object]:
        return {
            "session": self.writer.session,
            "layers": {
                slot.region: {"shape": slot.shape, "dtype": slot.dtype, "size": slot.reduction.size}
                for slot in self.capture.slots
            },
            "batch_size": self.settings.batch_size,
            "nonfinite_values": sum(note.get("nonfinite", 0) for note in notes),
            "versions": identity.versions(),
            "machine": identity.machine(self.device),
            "command": identity.command(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.time() - self.started, 3),
        }


def round_bits(values: np.ndarray, keep: int) -> np.ndarray:
    """Round float32 to so many bits of the mantissa, so that the values compress better.

    Rounds to nearest, ties to even (Klower et al. 2021, Nature Computational Science); the relative
    error is at most ``2 ** -(keep + 1)``.

    Parameters
    ----------
    values
        float32 array of any shape.
    keep
        Bits to keep, 1 to 23 (all).

    Examples
    --------
    >>> round_bits(np.array([1.0, 1.24, 1.26, -3.3], np.float32), keep=2)
    array([ 1.  ,  1.25,  1.25, -3.5 ], dtype=float32)
    """
    drop = MANTISSA_BITS - keep
    if drop == 0:
        return values
    bits = np.ascontiguousarray(values).view(np.uint32)
    half = np.uint32((1 << (drop - 1)) - 1)
    odd = (bits >> np.uint32(drop)) & np.uint32(1)
    rounded = (bits + half + odd) & ~np.uint32((1 << drop) - 1)
    # Adding to the bits of NaN or infinity would change what they are.
    return np.where(np.isfinite(values), rounded.view(np.float32), values)


def _seed(parts: Sequence[int], device: torch.device) -> None:
    seed = int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
    # torch.manual_seed also visits every accelerator there might be, which costs a millisecond.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _checksums(batch: Batch) -> list[int]:
    """Return the CRC-32 of every stimulus of a batch."""
    sums = [0] * batch.count
    for raw in raw_bytes(batch.inputs):
        size = len(raw) // batch.count
        for number in range(batch.count):
            sums[number] = zlib.crc32(raw[number * size : (number + 1) * size], sums[number])
    return sums


def _shapes(batch: Batch) -> str:
    inputs = batch.inputs
    if isinstance(inputs, Tensor):
        return str(tuple(inputs.shape))
    parts = inputs.values() if isinstance(inputs, dict) else inputs
    return listing(tuple(part.shape) for part in parts)
