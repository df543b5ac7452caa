import warnings

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import load_brain
from reprcompare.brains.finger7t import contrasts
from reprcompare.encoding import LeakageWarning, encode
from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import select


def test_unpenalised_finger_labels_predict_the_mean_of_the_other_runs(data_dir):
    """With a label for every finger and no penalty that is all that regression can do."""
    brain = select(load_brain("finger7T", data_dir), subject=["subject-1", "subject-2"])
    with pytest.warns(LeakageWarning, match="5 stimuli .* repeated in several folds"):
        found = encode(contrasts(), brain, cv="run", n_bootstrap=100, alphas=[1e-7])
    for subject in ("subject-1", "subject-2"):
        own = select(brain, subject=subject)
        seen = ~np.isnan(own.activity.values[:, 0])
        values = own.activity.values[seen].astype(float)
        run, finger = own.run.values[seen], own.stimulus_id.values[seen]
        scores = []
        for name in np.unique(run):
            mine = run == name
            mean = pd.DataFrame(values[~mine]).groupby(finger[~mine]).mean().loc[finger[mine]]
            a, b = values[mine] - values[mine].mean(axis=0), mean.to_numpy()
            b = b - b.mean(axis=0)
            scores.append((a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)))
        table = found.table[found.table["subject"] == subject]
        np.testing.assert_allclose(table["r"], np.mean(scores, axis=0), atol=1e-3)
    assert (found.regions["r_low"] > 0).all()
    assert (found.regions["r"] < found.regions["ceiling"]).all()
    assert "levels of 'run'" in found.method


def test_what_cannot_be_asked_of_five_fingers_gets_a_sentence(data_dir):
    brain = select(load_brain("finger7T", data_dir), subject="subject-1")
    with pytest.raises(ValueError, match="at least 6 stimuli .* cv='run' leaves out runs"):
        encode(contrasts(), brain)
    constant = pd.DataFrame({"x": 1.0}, index=contrasts().index)
    warnings.simplefilter("ignore", LeakageWarning)
    with pytest.raises(NotIdentifiableError, match="same for all"):
        encode(constant, brain, cv="run")
