"""Instruments: what a neuroid sees of the units of a network, and the noise of single trials."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded, solve_banded
from scipy.stats import gamma

from reprcompare.errors import InvalidInputError

TRIAL_SECONDS: Final = 4
"""Time from one trial of simulated fMRI to the next."""

View = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
Noise = Callable[[np.ndarray, int, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Instrument:
    """A way to measure.

    Attributes
    ----------
    view
        From units (n_stimuli, n_units) to noise-free neuroids (n_stimuli, n_neuroids).
    noise
        From noise-free neuroids, a number of repetitions and the signal-to-noise ratio to trials
        (n_repetitions, n_stimuli, n_neuroids) and the noise's standard deviation (n_neuroids,).
    """

    view: View
    noise: Noise


def mixing(signals: np.ndarray, n_neuroids: int, random: np.random.Generator) -> np.ndarray:
    """Let every neuroid see a random weighted sum of all units, as sensors on the head do.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_units)
    n_neuroids
        Number of sensors.
    random
        Source of the weights, which are standard normal over the root of the number of units.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, n_neuroids)
    """
    weights = random.standard_normal((signals.shape[1], n_neuroids))
    return signals @ weights / np.sqrt(signals.shape[1])


def sampling(signals: np.ndarray, n_neuroids: int, random: np.random.Generator) -> np.ndarray:
    """Let every neuroid be one responsive unit, drawn without replacement, as single cells are.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_units)
    n_neuroids
        Number of units drawn; at most the number of units that respond differently to stimuli.
    random
        Source of the draw.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, n_neuroids)

    Raises
    ------
    InvalidInputError
        If there are too few responsive units.
    """
    responsive = np.flatnonzero(np.ptp(signals, axis=0) > 0)
    if len(responsive) < n_neuroids:
        raise InvalidInputError(
            f"{n_neuroids} neuroids were asked for, but only {len(responsive)} of "
            f"{signals.shape[1]} units respond differently to the stimuli; ask for fewer, or use "
            "the instrument 'mixing'."
        )
    return signals[:, random.choice(responsive, n_neuroids, replace=False)]


def voxels(signals: np.ndarray, n_neuroids: int, random: np.random.Generator) -> np.ndarray:
    """Let every neuroid be the mean of neighbouring units, as voxels of fMRI pool neurons.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_units)
        Units in the order of their layer, in which neighbours lie side by side.
    n_neuroids
        Number of voxels; the layer is cut into that many pieces of about equal size, from a random
        place on.
    random
        Source of the place.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, n_neuroids)

    Raises
    ------
    InvalidInputError
        If there are fewer units than voxels.
    """
    n_units = signals.shape[1]
    if n_units < n_neuroids:
        raise InvalidInputError(
            f"{n_neuroids} voxels were asked for, but there are only {n_units} units to pool."
        )
    shifted = np.roll(signals, int(random.integers(n_units)), axis=1)
    starts = np.arange(n_neuroids) * n_units // n_neuroids
    sizes = np.diff(np.append(starts, n_units))
    return np.add.reduceat(shifted, starts, axis=1) / sizes


def normal_noise(
    signals: np.ndarray, n_repetitions: int, snr: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add independent normal noise of the same size to every trial of a neuroid.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_neuroids)
    n_repetitions, snr, random
        See `Instrument`.
    """
    deviation = signals.std(axis=0) / np.sqrt(snr)
    noise = random.standard_normal((n_repetitions, *signals.shape))
    return signals + deviation * noise, deviation


def spike_counts(
    signals: np.ndarray, n_repetitions: int, snr: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    r"""Draw Poisson counts whose rates follow the signal.

    Rates are :math:`g (s - \min s)`; since the noise variance of a Poisson count is its rate, the
    gain :math:`g = snr \cdot mean(s - \min s) / var(s)` gives the wanted ratio of the variance of
    the rate to the mean variance of the noise. Without noise (`snr` infinite) the gain is 1.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_neuroids)
    n_repetitions, snr, random
        See `Instrument`.
    """
    rates = signals - signals.min(axis=0)
    shape = (n_repetitions, *signals.shape)
    if np.isinf(snr):
        return np.broadcast_to(rates, shape), np.zeros(signals.shape[1])
    variance = rates.var(axis=0)
    gain = snr * rates.mean(axis=0) / np.where(variance > 0, variance, np.inf)
    counts = random.poisson(gain * rates, shape).astype(float)
    return counts, np.sqrt(gain * rates.mean(axis=0))


def overlapping_noise(
    signals: np.ndarray, n_repetitions: int, snr: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    r"""Add the noise of single-trial estimates from overlapping haemodynamic responses.

    Every repetition is a run that shows all stimuli in random order, one every 4 s. White noise of
    the time series comes into the least-squares estimates of trials with covariance
    :math:`\sigma^2 (X'X)^{-1}`, where X holds a haemodynamic response a trial: estimates of
    successive trials have opposite errors. Its size within a run gives the wanted `snr`.

    Parameters
    ----------
    signals : array, shape (n_stimuli, n_neuroids)
    n_repetitions, snr, random
        See `Instrument`.

    References
    ----------
    Mumford, Davis & Poldrack 2014, The impact of study design on pattern estimation for
    single-trial multivariate pattern analysis, NeuroImage 103, 130.
    """
    deviation = signals.std(axis=0) / np.sqrt(snr)
    factor, variance = _trial_factor(len(signals))
    trials = np.empty((n_repetitions, *signals.shape))
    for run in trials:
        white = random.standard_normal(signals.shape)
        noise = solve_banded((0, len(factor) - 1), factor, white) / np.sqrt(variance)
        run[random.permutation(len(signals))] = noise
    return signals + deviation * trials, deviation


def haemodynamic_response(seconds: np.ndarray) -> np.ndarray:
    """Return the response to a short stimulus: a gamma that peaks at 5 s less one at 15 s.

    Parameters
    ----------
    seconds : array
        Times after the stimulus.

    References
    ----------
    Friston et al. 1998, Event-related fMRI, NeuroImage 7, 30.

    Examples
    --------
    >>> int(haemodynamic_response(np.arange(30.0)).argmax())
    5
    """
    return gamma.pdf(seconds, 6) - gamma.pdf(seconds, 16) / 6


def _trial_factor(n_trials: int) -> tuple[np.ndarray, float]:
    """Return the banded Cholesky factor of X'X, and the variance of an estimate amid a run."""
    response = haemodynamic_response(np.arange(0.0, 32.0))
    products = np.correlate(response, response, mode="full")[len(response) - 1 :: TRIAL_SECONDS]
    width = min(len(products), n_trials)
    bands = np.repeat(products[:width][::-1, None], n_trials, axis=1)
    factor = cholesky_banded(bands)
    middle = np.zeros(n_trials)
    middle[n_trials // 2] = 1.0
    return factor, float(cho_solve_banded((factor, False), middle)[n_trials // 2])


INSTRUMENTS: Final[dict[str, Instrument]] = {
    "mixing": Instrument(mixing, normal_noise),
    "sampling": Instrument(sampling, normal_noise),
    "voxels": Instrument(voxels, normal_noise),
    "fmri": Instrument(voxels, overlapping_noise),
    "spikes": Instrument(sampling, spike_counts),
}
"""Instruments by name: sensors that mix, cells with normal noise, voxels with independent noise or
with that of overlapping responses, cells that spike."""
