"""Bootstrap over subjects and stimuli: 10 models, 12 subjects, 92 stimuli, beside rsatoolbox.

    python benchmarks/bootstrap_scores.py

Both sides get the same resamples and must return the same scores and noise ceilings to 1e-8. The
peer is slow, so it draws few resamples and its time is scaled to 1000; ours draws 1000. Runs
alternate; the ratio is that of the medians.
"""

import argparse
import contextlib
import io
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from rsatoolbox.inference import eval_bootstrap
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs

from reprcompare.geometry import COMPARATORS, bootstrap_scores, draw_counts

OUT = Path(__file__).parent / "results" / "bootstrap_scores.csv"
MODELS, SUBJECTS, STIMULI, DRAWS = 10, 12, 92, 1000
ROWS = [  # comparator, ceiling too, draws of the peer, goal
    ("whitened_correlation", True, 4, 200),
    ("tau-a", False, 4, 100),
    ("cosine", True, 20, 20),
    ("correlation", True, 20, None),
    ("rho-a", True, 20, None),
]


def peer_counts(seed: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the resamples that the peer draws after this seed, as counts."""
    np.random.seed(seed)  # noqa: NPY002 (the peer uses the global generator)
    subjects, stimuli = [], []
    for _ in range(draws):
        subjects.append(
            np.bincount(np.random.randint(0, SUBJECTS, SUBJECTS), minlength=SUBJECTS)  # noqa: NPY002
        )
        stimuli.append(
            np.bincount(np.random.randint(0, STIMULI, STIMULI), minlength=STIMULI)  # noqa: NPY002
        )
    return np.array(stimuli), np.array(subjects)


def clock() -> np.ndarray:
    """Wall and CPU seconds; the second is the fairer one on a machine that is shared."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    n_pairs = STIMULI * (STIMULI - 1) // 2
    models = rng.random((MODELS, n_pairs))
    brains = rng.random((SUBJECTS, n_pairs)) + 0.3 * models[0]
    fixed = [ModelFixed(str(k), RDMs(v[None])) for k, v in enumerate(models)]
    stimuli = draw_counts(STIMULI, DRAWS, rng)
    subjects = draw_counts(SUBJECTS, DRAWS, rng)
    rows = []
    for name, ceiling, draws, goal in ROWS:
        if arguments.only and name != arguments.only:
            continue
        comparator = COMPARATORS[name]
        options = {"method": comparator.rsatoolbox, "N": draws, "boot_noise_ceil": ceiling}
        # Tau takes another path for few resamples, so the peer's stand before others.
        same = [
            np.concatenate(pair)
            for pair in zip(peer_counts(1, draws), (stimuli[:20], subjects[:20]), strict=True)
        ]
        ours_same = bootstrap_scores(models, brains, comparator, *same, ceiling=ceiling)
        times: dict[str, list[np.ndarray]] = {"ours": [], "peer": []}
        for _ in range(arguments.repeats):
            np.random.seed(1)  # noqa: NPY002
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                start = clock()
                peer = eval_bootstrap(fixed, RDMs(brains), **options)
                times["peer"].append((clock() - start) * DRAWS / draws)
            start = clock()
            bootstrap_scores(models, brains, comparator, stimuli, subjects, ceiling=ceiling)
            times["ours"].append(clock() - start)
        difference = np.abs(ours_same.scores[:draws] - peer.evaluations).max()
        if ceiling:
            bounds = np.array([ours_same.lower, ours_same.upper])[:, :draws]
            difference = max(difference, np.abs(bounds - peer.noise_ceiling).max())
        assert difference < 1e-8, (name, difference)
        (ours, ours_cpu), (theirs, theirs_cpu) = (
            np.median(times[side], axis=0) for side in ("ours", "peer")
        )
        rows.append(
            {
                "comparator": name,
                "ceiling_too": ceiling,
                "rsatoolbox_seconds_for_1000": round(theirs, 2),
                "reprcompare_seconds_for_1000": round(ours, 3),
                "largest_difference": f"{difference:.1e}",
                "goal": goal,
                "ratio_of_cpu_time": round(theirs_cpu / ours_cpu, 1),
                "ratio": round(theirs / ours, 1),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    if not arguments.only:
        pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
