"""Peak memory of a correlation RDM of 20,000 stimuli, and of one larger than it in neuroids.

    python benchmarks/rdm_memory.py

The result itself, 20,000 x 19,999 / 2 dissimilarities in double precision, takes 1.49 GiB. Neuroids
come in pieces of 500, so that only the number of pieces grows with them.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np

from reprcompare.geometry import dissimilarities


def pieces(n_stimuli: int, n_pieces: int, width: int = 500) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(n_pieces):
        yield rng.normal(size=(n_stimuli, width))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stimuli", type=int, default=20_000)
    parser.add_argument("--pieces", type=int, default=2)
    arguments = parser.parse_args()
    start = time.perf_counter()
    result = dissimilarities(pieces(arguments.stimuli, arguments.pieces))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.stimuli} stimuli x {500 * arguments.pieces} neuroids: {len(result)} "
        f"dissimilarities, peak {peak:.2f} GiB, {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
