"""Draw the training images of Trifeature: 3430 at 64 px.

    python benchmarks/trifeature_images.py [--size 64] [--sheet FILE.png]

Prints the CPU time; the goal is 30 s. The sheet shows every shape with every texture.
"""

import argparse
import time

import numpy as np
from PIL import Image

from reprcompare.tasks import TrifeatureTask
from reprcompare.tasks.drawing import COLOURS, SHAPES, TEXTURES, draw_objects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--sheet")
    arguments = parser.parse_args()
    task = TrifeatureTask(asked=("shape",), size=arguments.size)
    start = time.process_time()
    images, _ = task.examples(3430, "train", 0)
    print(f"{len(images)} images of {arguments.size} px: {time.process_time() - start:.1f} s")
    if arguments.sheet:
        rng, colours = np.random.default_rng(0), list(COLOURS)
        rows = [
            [
                draw_objects(
                    arguments.size,
                    [(shape, texture, colours[(i + j) % 10])],
                    np.array([[0.5, 0.5]]),
                    rng.uniform(-45, 45, (1, 2)),
                )
                for j, texture in enumerate(TEXTURES)
            ]
            for i, shape in enumerate(SHAPES)
        ]
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
        Image.fromarray(sheet).save(arguments.sheet)


if __name__ == "__main__":
    main()
