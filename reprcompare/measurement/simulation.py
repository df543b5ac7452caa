"""A recording seen through an instrument: few neuroids, trial noise, repetitions, subjects."""

import json

import numpy as np
import xarray as xr

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.measurement.instruments import INSTRUMENTS
from reprcompare.measurement.parts import require_responses
from reprcompare.recording import build_recording, label_table, labels_of, select


def simulate_brain(
    recording: xr.Dataset,
    *,
    n_neuroids: int = 100,
    n_repetitions: int = 4,
    n_subjects: int = 4,
    snr: float = 1.0,
    seed: int = 0,
    instrument: str = "mixing",
) -> xr.Dataset:
    """Measure a network as if it were a brain.

    Signal-to-noise is defined per neuroid and trial: the variance of its noise-free response over
    stimuli, divided by the (mean) variance of the noise of a single trial, equals `snr` for every
    neuroid. So two single trials of a neuroid correlate with snr / (1 + snr), and averages of n
    repetitions with n snr / (1 + n snr). The ground truth is the same call with ``snr=numpy.inf``
    (see `ground_truth`).

    Parameters
    ----------
    recording
        A network's recording, one presentation a stimulus. Subject i of the brain measures subject
        i of the recording, beginning again at the first when they run out.
    n_neuroids
        Neuroids per subject and region.
    n_repetitions, n_subjects
        Trials of each stimulus; subjects, each with neuroids and noise of its own.
    snr
        See above; above 0.
    seed
        Of neuroids and noise, which are drawn separately.
    instrument
        ``"mixing"`` (EEG, MEG), ``"sampling"`` (single cells with normal noise), ``"voxels"``
        (neighbours pooled, independent noise), ``"fmri"`` (the same with the noise of overlapping
        haemodynamic responses), ``"spikes"`` (single cells that fire Poisson spikes).

    Returns
    -------
    xarray.Dataset
        Of kind "brain", with `repetition` on presentations and the labels of the stimuli;
        `noise_sd` on neuroids, and everything else that was chosen in `provenance`.

    Raises
    ------
    UnknownNameError
        If there is no such instrument.
    InvalidInputError
        If a number is out of range, stimuli repeat, or the recording has an axis of time or
        training left.

    Examples
    --------
    >>> network = build_recording(np.eye(4), stimulus_id=list("abcd"), region="fc", subject="net",
    ...                           kind="network")
    >>> brain = simulate_brain(network, n_neuroids=3, n_repetitions=2, n_subjects=2)
    >>> dict(brain.sizes), brain.attrs["kind"]
    ({'presentation': 8, 'neuroid': 6}, 'brain')
    """
    require_responses(recording, "simulated measurement")
    if instrument not in INSTRUMENTS:
        raise UnknownNameError(unknown_name("instrument", instrument, INSTRUMENTS))
    counts = {"n_neuroids": n_neuroids, "n_repetitions": n_repetitions, "n_subjects": n_subjects}
    for name, count in counts.items():
        if count < 1:
            raise InvalidInputError(f"{name} must be at least 1, got {count}.")
    if not snr > 0:
        raise InvalidInputError(f"snr must be above 0 (numpy.inf for no noise), got {snr}.")
    stimulus_id = _single_presentations(recording)
    used = INSTRUMENTS[instrument]
    sources, regions = labels_of(recording, "subject"), labels_of(recording, "region")
    trials, noise_sd, region, subject = [], [], [], []
    for number in range(n_subjects):
        source = select(recording, subject=sources[number % len(sources)])
        for place, name in enumerate(regions):
            optics, noise = (np.random.default_rng([seed, number, place, k]) for k in (0, 1))
            units = select(source, region=name)["activity"].values.astype(float)
            signals = used.view(units, n_neuroids, optics)
            measured, deviation = used.noise(signals, n_repetitions, snr, noise)
            trials.append(measured)
            noise_sd.append(deviation)
            region += [name] * n_neuroids
            subject += [f"subject-{number + 1}"] * n_neuroids
    activity = np.concatenate(trials, axis=2).reshape(-1, len(region))
    return build_recording(
        activity.astype(np.float32),
        stimulus_id=np.tile(stimulus_id, n_repetitions),
        region=region,
        subject=subject,
        presentation={"repetition": np.repeat(np.arange(n_repetitions), len(stimulus_id))},
        neuroid={"noise_sd": np.concatenate(noise_sd)},
        labels=label_table(recording) if "label" in recording else None,
        kind="brain",
        identifier=f"simulated-{recording.attrs.get('identifier', '')}".rstrip("-"),
        stimulus_set=str(recording.attrs.get("stimulus_set", "")),
        long_name="simulated response",
        provenance={
            "simulated_from": recording.attrs.get("identifier", ""),
            "source_provenance": recording.attrs.get("provenance", ""),
            "instrument": instrument,
            "snr": "inf" if np.isinf(snr) else snr,
            "snr_definition": "per neuroid and trial: variance over stimuli / variance of noise",
            "seed": seed,
            **counts,
        },
    )


def ground_truth(brain: xr.Dataset, recording: xr.Dataset) -> xr.Dataset:
    """Return the noise-free responses behind a simulated brain.

    Parameters
    ----------
    brain
        What `simulate_brain` returned; seed and instrument are taken from its provenance.
    recording
        The network's recording that was measured.

    Returns
    -------
    xarray.Dataset
        All neuroids and presentations as they were simulated, without noise (of spikes, up to the
        gain of each cell).

    Raises
    ------
    InvalidInputError
        If `brain` was not simulated, or from another recording.

    Examples
    --------
    >>> network = build_recording(np.eye(4), stimulus_id=list("abcd"), region="fc", subject="net")
    >>> brain = simulate_brain(network, n_neuroids=3, snr=1e6)
    >>> np.allclose(brain.activity, ground_truth(brain, network).activity, atol=0.01)
    True
    """
    require_responses(brain, "ground truth")
    made = json.loads(str(brain.attrs.get("provenance") or "{}"))
    if "simulated_from" not in made:
        raise InvalidInputError("the recording was not simulated, so its truth is not known.")
    identifier = recording.attrs.get("identifier", "")
    if made["simulated_from"] != identifier:
        raise InvalidInputError(
            f"the brain was simulated from {made['simulated_from']!r}, not from {identifier!r}; "
            "give the recording that was measured."
        )
    options = ("n_neuroids", "n_repetitions", "n_subjects", "seed", "instrument")
    return simulate_brain(recording, snr=np.inf, **{name: made[name] for name in options})


def _single_presentations(recording: xr.Dataset) -> np.ndarray:
    """Return the stimulus ids, or say why the recording cannot be measured again."""
    for axis in ("time_bin", "training_step"):
        if axis in recording.dims:
            raise InvalidInputError(
                f"the recording still has the axis {axis!r}; select or average it first."
            )
    stimulus_id = recording["stimulus_id"].values
    if len(set(stimulus_id)) < len(stimulus_id):
        raise InvalidInputError(
            "the recording presents stimuli more than once; average it over 'repetition' first."
        )
    return stimulus_id
