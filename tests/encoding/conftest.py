import numpy as np
import pandas as pd
import pytest

from reprcompare.recording import build_recording


@pytest.fixture
def simulated():
    """A network with two layers, and a brain of two subjects that is linear in the second one."""

    def simulate(n=80, noise=0.5, repetitions=1, seed=0, n_neuroids=6):
        random = np.random.default_rng(seed)
        ids = np.array([f"image {k}" for k in range(n)])
        first, second = random.normal(size=(n, 12)), random.normal(size=(n, 9))
        network = build_recording(
            np.concatenate([first, second], axis=1),
            stimulus_id=ids,
            region=["early"] * 12 + ["late"] * 9,
            subject="net",
            kind="network",
        )
        weights = random.normal(size=(9, 2 * n_neuroids))
        signal = second.astype(np.float32) @ weights
        activity = np.concatenate(
            [signal + noise * random.normal(size=signal.shape) for _ in range(repetitions)]
        )
        presentation = {"repetition": np.repeat(range(repetitions), n)} if repetitions > 1 else None
        brain = build_recording(
            activity,
            stimulus_id=np.tile(ids, repetitions),
            region="IT",
            subject=["one"] * n_neuroids + ["two"] * n_neuroids,
            presentation=presentation,
            labels=pd.DataFrame({"animate": np.arange(n) % 2, "size": np.arange(n) / n}, index=ids),
        )
        return network, brain, weights

    return simulate
