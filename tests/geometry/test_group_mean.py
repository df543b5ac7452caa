import numpy as np
from rsatoolbox.rdm import RDMs

from reprcompare.geometry import group_mean


def test_every_subject_counts_once_however_many_sessions_it_has():
    rdms = RDMs(
        np.array([[0.0] * 6, [2.0] * 6, [5.0] * 6, [9.0] * 6]),
        pattern_descriptors={"stimulus_id": list("abcd")},
        rdm_descriptors={
            "subject": ["one", "one", "two", "one"],
            "session": ["1", "2", "1", "1"],
            "region": ["IT", "IT", "IT", "V4"],
        },
    )
    mean = group_mean(rdms)
    assert list(mean.rdm_descriptors["region"]) == ["IT", "V4"]
    np.testing.assert_allclose(mean.dissimilarities[:, 0], [(1 + 5) / 2, 9])
    assert list(mean.pattern_descriptors["stimulus_id"]) == list("abcd")
