"""RDMs beside rsatoolbox: correlation 2000 x 2000, crossnobis 92 and 300 conditions x 8 runs x 500.

    python benchmarks/rdm_dissimilarities.py

Both sides must agree to 1e-10. Runs alternate; the ratio is that of the medians. The matrix
products that bound the work from below are timed, too. Crossnobis is measured for prewhitened
patterns, to which the goal belongs (rsatoolbox takes 14 to 23 times the products there), and with a
given noise precision, where the products with it are most of the work on both sides.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm

from reprcompare.geometry import crossnobis, dissimilarities

OUT = Path(__file__).parent / "results" / "rdm_dissimilarities.csv"


def correlation(rng: np.random.Generator) -> tuple[Callable, Callable, Callable]:
    x = rng.normal(size=(2000, 2000))
    dataset = Dataset(x)
    return (
        lambda: dissimilarities([x]),
        lambda: calc_rdm(dataset, "correlation").dissimilarities[0],
        lambda: x @ x.T,
    )


def folds(
    n: int, *, given: bool = False
) -> Callable[[np.random.Generator], tuple[Callable, Callable, Callable]]:
    def make(rng: np.random.Generator) -> tuple[Callable, Callable, Callable]:
        p, runs = 500, 8
        x = rng.normal(size=(runs * n, p))
        root = rng.normal(size=(p, 2 * p))
        precision = root @ root.T / p if given else None
        stimulus, run = np.tile(np.arange(n), runs), np.repeat(np.arange(runs), n)
        dataset = Dataset(x, obs_descriptors={"stimulus": stimulus, "run": run})
        flat = x.reshape(n, -1)
        return (
            lambda: crossnobis(x, stimulus, run, precision),
            lambda: calc_rdm(
                dataset, "crossnobis", "stimulus", noise=precision, cv_descriptor="run"
            ).dissimilarities[0],
            lambda: [x @ precision if given else None, flat @ flat.T],
        )

    return make


ROWS = [
    ("correlation 2000 x 2000", correlation, 20),
    ("crossnobis 92 x 8 x 500", folds(92), 10),
    ("crossnobis 300 x 8 x 500", folds(300), 10),
    ("crossnobis 92 x 8 x 500, precision", folds(92, given=True), None),
    ("crossnobis 300 x 8 x 500, precision", folds(300, given=True), None),
]


def clock() -> np.ndarray:
    """Wall and CPU seconds; the second is the fairer one on a machine that is shared."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="rows whose name holds this; not stored")
    arguments = parser.parse_args()
    rows = []
    for name, make, goal in ROWS:
        if arguments.only not in name:
            continue
        sides = dict(
            zip(
                ("reprcompare", "rsatoolbox", "product"),
                make(np.random.default_rng(0)),
                strict=True,
            )
        )
        difference = np.abs(sides["reprcompare"]() - sides["rsatoolbox"]()).max()
        assert difference < 1e-10, (name, difference)
        times: dict[str, list[np.ndarray]] = {side: [] for side in sides}
        for _ in range(arguments.repeats):
            for side, run in sides.items():
                start = clock()
                run()
                times[side].append(clock() - start)
        median, cpu = ({side: np.median(x, axis=0)[k] for side, x in times.items()} for k in (0, 1))
        rows.append(
            {
                "work": name,
                **{f"{side}_seconds": round(value, 4) for side, value in median.items()},
                "largest_difference": f"{difference:.1e}",
                "goal": goal,
                "ratio_of_cpu_time": round(cpu["rsatoolbox"] / cpu["reprcompare"], 1),
                "ratio": round(median["rsatoolbox"] / median["reprcompare"], 1),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    if not arguments.only:
        pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
