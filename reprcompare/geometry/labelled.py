"""RDMs with their labels: joined by stimulus, averaged within subjects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import squareform

from reprcompare.errors import InvalidInputError, LabelMismatchError, listing
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.recording import common_stimuli

NAN_POLICIES = ("raise", "drop")


@dataclass(frozen=True)
class Subjects:
    """The RDMs of one region, one a subject.

    Attributes
    ----------
    region
    subjects : list of str
    vectors : array, shape (n_subjects, n_pairs)
    n_sessions : list of int
        How many RDMs were averaged for every subject.
    """

    region: str
    subjects: list[str]
    vectors: np.ndarray
    n_sessions: list[int]


def stimulus_ids(rdms: RDMs, name: str = "the RDMs") -> np.ndarray:
    """Return the stimulus ids of RDMs.

    Parameters
    ----------
    rdms
        With `pattern_descriptors` stimulus_id.
    name
        How messages call them.

    Returns
    -------
    numpy.ndarray of str, shape (n_stimuli,)

    Raises
    ------
    LabelMismatchError
        If the RDMs carry none.
    """
    if "stimulus_id" not in rdms.pattern_descriptors:
        raise LabelMismatchError(
            f"{name} carry no stimulus ids, and RDMs are never compared by position; set "
            "pattern_descriptors['stimulus_id'] to the names of the stimuli (found: "
            f"{listing(rdms.pattern_descriptors)})."
        )
    return np.asarray([str(x) for x in rdms.pattern_descriptors["stimulus_id"]])


def by_region(rdms: RDMs, name: str = "the RDMs") -> list[Subjects]:
    """Split RDMs by region, and average the sessions of every subject.

    Parameters
    ----------
    rdms
        With `rdm_descriptors` subject and region; both may be missing if there is one RDM.
    name
        How messages call them.

    Returns
    -------
    list of Subjects
        Regions and subjects in order of first appearance.

    Raises
    ------
    InvalidInputError
        If there are several RDMs and it is not said whose they are, or they belong to several
        training steps or time bins.
    """
    labels = rdms.rdm_descriptors
    for varying in ("training_step", "time_bin"):
        values = set(map(str, labels.get(varying, [])))
        if len(values) > 1:
            raise InvalidInputError(
                f"{name} hold {len(values)} values of {varying}, and they would be mixed; select "
                f"one, for example rdms.subset({varying!r}, {sorted(values)[0]})."
            )
    if "subject" not in labels and rdms.n_rdm > 1:
        raise InvalidInputError(
            f"{name} are {rdms.n_rdm} RDMs without rdm_descriptors['subject']; say which subject "
            "each belongs to, so that sessions are not counted as subjects."
        )
    subject = [str(x) for x in labels.get("subject", [name] * rdms.n_rdm)]
    region = [str(x) for x in labels.get("region", [""] * rdms.n_rdm)]
    vectors = rdms.get_vectors()
    result = []
    for one in dict.fromkeys(region):
        here = [k for k in range(rdms.n_rdm) if region[k] == one]
        names = list(dict.fromkeys(subject[k] for k in here))
        sessions = [[k for k in here if subject[k] == owner] for owner in names]
        means = np.stack([vectors[rows].mean(axis=0) for rows in sessions])
        result.append(Subjects(one, names, means, [len(rows) for rows in sessions]))
    return result


def group_mean(rdms: RDMs) -> RDMs:
    """Average RDMs over subjects, each of which counts once, as papers show them of a group.

    Parameters
    ----------
    rdms
        As for `by_region`.

    Returns
    -------
    rsatoolbox.rdm.RDMs
        One RDM a region, of the subject "group mean".

    Raises
    ------
    InvalidInputError
        As `by_region`.
    """
    regions = by_region(rdms)
    return RDMs(
        np.stack([one.vectors.mean(axis=0) for one in regions]),
        dissimilarity_measure=rdms.dissimilarity_measure,
        descriptors=rdms.descriptors,
        pattern_descriptors=rdms.pattern_descriptors,
        rdm_descriptors={
            "subject": ["group mean"] * len(regions),
            "session": ["1"] * len(regions),
            "region": [one.region for one in regions],
        },
    )


def join(parts: Sequence[tuple[str, RDMs]]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Find the stimuli that all RDMs share, and where each object has them.

    Parameters
    ----------
    parts
        Pairs of a name and RDMs.

    Returns
    -------
    ids : array of str, shape (n_stimuli,)
        In the order of the first object.
    positions : list of arrays of int, each of shape (n_stimuli,)

    Raises
    ------
    LabelMismatchError
        If ids are missing or repeated, or fewer than four stimuli are shared.
    """
    names = [stimulus_ids(rdms, name) for name, rdms in parts]
    ids, positions = common_stimuli(*names)
    if len(ids) < 4:
        raise LabelMismatchError(
            f"only {len(ids)} stimuli are shared by {listing([name for name, _ in parts])}; at "
            "least 4 are needed to compare RDMs."
        )
    return ids, positions


def take_stimuli(vectors: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Bring RDMs (n_rdms, n_pairs) to a selection and order of stimuli.

    Parameters
    ----------
    vectors : array, shape (n_rdms, n_pairs)
        Condensed RDMs.
    positions : array of int, shape (n_kept,)
        Of the stimuli to keep, in the order wanted.

    Returns
    -------
    numpy.ndarray, shape (n_rdms, n_kept (n_kept - 1) / 2)

    Examples
    --------
    >>> take_stimuli(np.array([[1.0, 2, 3]]), np.array([2, 0]))
    array([[2.]])
    """
    n = count_stimuli(vectors.shape[1])
    if len(positions) == n and (positions == np.arange(n)).all():
        return vectors
    rows, columns = np.triu_indices(len(positions), 1)
    i, j = np.sort([positions[rows], positions[columns]], axis=0)
    return vectors[:, i * n - i * (i + 1) // 2 + j - i - 1]


def complete_stimuli(vectors: np.ndarray) -> np.ndarray:
    """Choose stimuli between which no RDM has a NaN.

    Stimuli with most undefined pairs go first, until none is left.

    Parameters
    ----------
    vectors : array, shape (n_rdms, n_pairs)

    Returns
    -------
    numpy.ndarray of bool, shape (n_stimuli,)
        Which stimuli stay.

    Examples
    --------
    >>> complete_stimuli(np.array([[1.0, np.nan, np.nan]]))
    array([ True,  True, False])
    """
    missing = squareform(np.isnan(vectors).any(axis=0).astype(int), checks=False)
    keep = np.ones(len(missing), dtype=bool)
    while missing.any():
        worst = int(missing.sum(axis=0).argmax())
        keep[worst] = False
        missing[worst] = missing[:, worst] = 0
    return keep
