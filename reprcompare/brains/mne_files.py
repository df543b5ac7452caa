"""EEG, MEG and intracranial recordings as MNE saves them: epochs and evoked responses (.fif)."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.brains.assembling import AS_FOUND, Naming, assemble, file_stem
from reprcompare.brains.optional import optional
from reprcompare.errors import InvalidInputError

UNITS: Final = {"eeg": "V", "mag": "T", "grad": "T/m", "seeg": "V", "ecog": "V"}


def read_mne(
    path: Path,
    naming: Naming = AS_FOUND,
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
) -> xr.Dataset:
    """Read epochs or evoked responses.

    Parameters
    ----------
    path
        A .fif file. Of epochs, the stimulus is taken from the metadata, or else from the name of
        the event; of evoked responses, the condition is the stimulus.
    naming
        What the caller says about names; `stimulus` and `labels` are columns of the metadata.
    window
        (start, end) in ms that is averaged, the end left out; all samples become time bins by
        default.
    bin_width
        Width in ms of bins into which the window (or all) is cut and averaged.

    Returns
    -------
    xarray.Dataset
        Neuroids are the data channels that are not marked as bad; their region is their type (eeg,
        mag, grad ...) unless the caller names one.

    Raises
    ------
    MissingExtraError
        Without the extra ``[mne]``.
    InvalidInputError
        If the file is damaged or empty, or no sample lies in the window or a bin.
    """
    mne = optional("mne", "mne", "MNE files")
    source, data, rows = _read(mne, path)
    picks = mne.pick_types(source.info, meg=True, eeg=True, seeg=True, ecog=True, fnirs=True)
    if not len(picks) or not len(rows):
        raise InvalidInputError(
            f"{path} holds {len(rows)} responses of {len(picks)} data channels; nothing to read."
        )
    types = source.get_channel_types(picks=picks)
    positions = np.array([source.info["chs"][pick]["loc"][:3] for pick in picks])
    columns = pd.DataFrame({"neuroid_id": [source.ch_names[pick] for pick in picks]})
    columns["region"] = types
    if np.isfinite(positions).all() and positions.any():
        columns[["x", "y", "z"]] = positions
    columns["subject"] = (source.info["subject_info"] or {}).get("his_id") or None
    values, bins = _binned(data[:, picks], source.times * 1000, window, bin_width, path)
    recording = assemble(
        values[..., 0] if bins is None else values,
        rows,
        columns,
        source=str(path),
        naming=naming,
        time_bins=bins,
        ids_within_subject=True,
        identifier=file_stem(path),
        units=", ".join(dict.fromkeys(UNITS.get(kind, "") for kind in types)),
        long_name="sensor signal",
    )
    if window is not None:
        recording["activity"].attrs["window"] = [float(edge) for edge in window]
    return recording


def _read(mne: Any, path: Path) -> tuple[Any, np.ndarray, pd.DataFrame]:
    """Return what was read, its data (presentation, channel, time), and the presentations."""
    said = []
    for read in (_read_epochs, _read_evoked):
        try:
            return read(mne, path)
        except Exception as error:  # mne raises many kinds for what is damaged
            said.append(str(error).strip() or type(error).__name__)
    raise InvalidInputError(
        f"{path} is not a readable file of epochs or evoked responses (it is damaged, cut off or "
        f"of another kind): {'; '.join(said)}"
    )


def _read_epochs(mne: Any, path: Path) -> tuple[Any, np.ndarray, pd.DataFrame]:
    epochs = mne.read_epochs(path, verbose="error")
    names = {code: name for name, code in epochs.event_id.items()}
    rows = pd.DataFrame({"condition": [names[code] for code in epochs.events[:, 2]]})
    if epochs.metadata is not None:
        metadata = epochs.metadata.reset_index(drop=True)
        rows = metadata if "condition" in metadata else metadata.join(rows)
    return epochs, epochs.get_data(verbose="error"), rows


def _read_evoked(mne: Any, path: Path) -> tuple[Any, np.ndarray, pd.DataFrame]:
    evoked = mne.read_evokeds(path, verbose="error")
    rows = pd.DataFrame(
        {"condition": [e.comment for e in evoked], "n_averaged": [e.nave for e in evoked]}
    )
    return evoked[0], np.stack([e.data for e in evoked]), rows


def _binned(
    data: np.ndarray,
    times: np.ndarray,
    window: tuple[float, float] | None,
    bin_width: float | None,
    path: Path,
) -> tuple[np.ndarray, list[tuple[float, float]] | None]:
    """Average samples within bins; without a width one bin, or every sample by itself."""
    # Files hold times in single precision: a microsecond is what can be relied on.
    times = np.round(times, 3)
    period = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    start, end = window if window is not None else (times[0], times[-1] + period)
    if window is None and bin_width is None:
        return data, [(float(t), float(t + period)) for t in times]
    width = bin_width if bin_width is not None else end - start
    edges = start + width * np.arange(int(np.floor((end - start) / width + 1e-6)) + 1)
    borders = np.searchsorted(times, np.round(edges, 3))
    if len(edges) < 2 or (np.diff(borders) < 1).any():
        raise InvalidInputError(
            f"{path}: a bin between {start:g} and {end:g} ms holds no sample; the file has samples "
            f"from {times[0]:g} to {times[-1]:g} ms, one every {period:g} ms."
        )
    inside = data[..., borders[0] : borders[-1]]
    means = np.add.reduceat(inside, borders[:-1] - borders[0], axis=-1) / np.diff(borders)
    if bin_width is None:
        return means, None
    return means, list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
