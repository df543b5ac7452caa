"""Draw Trifeature images: one or two objects of a shape, a texture and a colour on grey.

After Hermann & Lampinen 2020 (arXiv 2006.12433). Shapes and textures are kept as fine masks, which
are looked up at the rotated places of supersampled pixels.
"""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw

SHAPES = (
    "triangle",
    "square",
    "plus",
    "circle",
    "tee",
    "rhombus",
    "pentagon",
    "star",
    "five_square",
    "trapezoid",
)
TEXTURES = (
    "solid",
    "stripes",
    "grid",
    "hex_grid",
    "dots",
    "noise",
    "triangles",
    "zigzags",
    "rain",
    "pluses",
)
COLOURS = {
    "red": (215, 35, 40),
    "orange": (245, 140, 20),
    "yellow": (240, 225, 50),
    "green": (45, 160, 60),
    "cyan": (60, 205, 215),
    "blue": (45, 75, 215),
    "purple": (125, 45, 175),
    "pink": (250, 130, 195),
    "brown": (125, 75, 35),
    "white": (245, 245, 245),
}

BACKGROUND = 128
GAP = 0.25
"""Brightness of a colour in the gaps of a texture."""
OBJECT = 128 / 224
"""Diameter of an object, as a fraction of the canvas, when it is alone."""
PERIODS = 5
"""Periods of a texture across an object."""
SUPERSAMPLING = 3
MASK = 512


def _polygon(corners: int, phase: float = -90.0, radius: float = 1.0) -> np.ndarray:
    angles = np.deg2rad(phase + 360 * np.arange(corners) / corners)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> np.ndarray:
    outer, inner = _polygon(5), _polygon(5, -54.0, 0.4)
    return np.stack([outer, inner], axis=1).reshape(10, 2)


def _boxes(centres: list[tuple[float, float]], half: tuple[float, float]) -> list[np.ndarray]:
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return [np.array(centre) + signs * half for centre in centres]


OUTLINES: dict[str, list[np.ndarray]] = {
    "triangle": [_polygon(3)],
    "square": [_polygon(4, 45.0)],
    "plus": [*_boxes([(0, 0)], (0.95, 0.3)), *_boxes([(0, 0)], (0.3, 0.95))],
    "circle": [_polygon(120)],
    "tee": [*_boxes([(0, -0.5)], (0.85, 0.25)), *_boxes([(0, 0.2)], (0.25, 0.7))],
    "rhombus": [np.array([(0, -1), (0.55, 0), (0, 1), (-0.55, 0)])],
    "pentagon": [_polygon(5)],
    "star": [_star()],
    "five_square": _boxes(
        [(0, 0), (-0.48, -0.48), (0.48, -0.48), (0.48, 0.48), (-0.48, 0.48)], (0.22, 0.22)
    ),
    "trapezoid": [np.array([(-0.4, -0.6), (0.4, -0.6), (0.8, 0.6), (-0.8, 0.6)])],
}
"""Polygons of each shape, in the circle of radius 1 around the object's centre, y downwards."""


@cache
def shape_mask(name: str) -> np.ndarray:
    """Return which points belong to a shape, bool (MASK, MASK) over the square from -1 to 1."""
    image = Image.new("1", (MASK, MASK))
    for outline in OUTLINES[name]:
        ImageDraw.Draw(image).polygon([tuple(p) for p in (outline + 1) * MASK / 2], fill=1)
    return np.array(image)


@cache
def texture_mask(name: str) -> np.ndarray:
    """Return which points of a tile are coloured, bool (MASK, MASK).

    The tile covers the square from -1.5 to 1.5, which a rotated object does not leave.
    """
    v, u = np.mgrid[0:MASK, 0:MASK] / MASK * PERIODS * 1.5
    x, y = u % 1 - 0.5, v % 1 - 0.5
    if name == "solid":
        return np.ones((MASK, MASK), dtype=bool)
    if name == "stripes":
        return np.abs(y) < 0.28
    if name == "grid":
        return (np.abs(x) > 0.33) | (np.abs(y) > 0.33)
    if name == "hex_grid":
        return _hexagons(u, v)
    if name == "dots":
        return np.hypot(x, y) < 0.36
    if name == "noise":
        coarse = np.random.default_rng(0).random((45, 45)) < 0.5
        places = np.arange(MASK) * 45 // MASK
        return coarse[np.ix_(places, places)]
    if name == "triangles":
        return (y > -0.4) & (y < 0.4) & (np.abs(x) < (y + 0.4) * 0.55)
    if name == "zigzags":
        return np.abs((v + 0.5 * np.abs(2 * (u % 1) - 1)) % 1 - 0.5) < 0.22
    if name == "rain":
        shifted = (v + 0.5 * (np.floor(2 * u) % 2)) % 1
        return (np.abs(2 * u % 1 - 0.5) < 0.24) & (shifted < 0.55)
    arm, length = 0.14, 0.4
    return ((np.abs(x) < arm) & (np.abs(y) < length)) | ((np.abs(y) < arm) & (np.abs(x) < length))


def _hexagons(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the borders between the cells of a hexagonal lattice."""
    height = np.sqrt(3)
    distances = []
    for shift in (0.0, 0.5):
        dx = (u + shift) % 1 - 0.5
        dy = (v + shift * height) % height - height / 2
        dx, dy = np.abs(dx), np.abs(dy)
        distances.append(np.maximum(dx, dx / 2 + dy * height / 2))
    return np.minimum(*distances) > 0.36


def draw_objects(
    size: int,
    objects: list[tuple[str, str, str]],
    centres: np.ndarray,
    angles: np.ndarray,
    diameter: float = OBJECT,
) -> np.ndarray:
    """Draw one image.

    Parameters
    ----------
    size
        Width and height in pixels.
    objects
        Shape, texture and colour of each object, by name.
    centres : array, shape (n_objects, 2)
        x and y of each, as fractions of the canvas.
    angles : array, shape (n_objects, 2)
        Rotation of the shape and of the texture of each, in degrees.
    diameter
        Of the objects, as a fraction of the canvas.

    Returns
    -------
    numpy.ndarray of uint8, shape (size, size, 3)
    """
    image = np.full((size, size, 3), float(BACKGROUND))
    for (shape, texture, colour), centre, angle in zip(objects, centres, angles, strict=True):
        radius = diameter * size / 2
        first = np.maximum(np.floor(centre * size - radius), 0).astype(int)
        last = np.minimum(np.ceil(centre * size + radius), size).astype(int)
        x, y = (
            ((np.arange((b - a) * SUPERSAMPLING) + 0.5) / SUPERSAMPLING + a - c * size) / radius
            for a, b, c in zip(first, last, centre, strict=True)
        )
        inside = _look_up(shape_mask(shape), x, y, angle[0], 1.0)
        on = _look_up(texture_mask(texture), x, y, angle[1], 1.5)
        cover = _pooled(inside)
        bright = _pooled(inside * np.where(on, 1.0, GAP))
        patch = image[first[1] : last[1], first[0] : last[0]]
        patch *= 1 - cover[..., None]
        patch += bright[..., None] * np.array(COLOURS[colour])
    return np.round(image).astype(np.uint8)


def _look_up(
    mask: np.ndarray, x: np.ndarray, y: np.ndarray, angle: float, reach: float
) -> np.ndarray:
    """Return the mask, which covers the square from -reach to reach, turned by an angle."""
    turn = np.deg2rad(angle)
    scale = MASK / 2 / reach
    across = (x * np.cos(turn))[None, :] + (y * np.sin(turn))[:, None]
    down = (y * np.cos(turn))[:, None] - (x * np.sin(turn))[None, :]
    columns = (across * scale + MASK / 2).astype(np.int32)
    rows = (down * scale + MASK / 2).astype(np.int32)
    outside = (columns < 0) | (columns >= MASK) | (rows < 0) | (rows >= MASK)
    found: np.ndarray = mask[rows.clip(0, MASK - 1), columns.clip(0, MASK - 1)]
    return found & ~outside


def _pooled(values: np.ndarray) -> np.ndarray:
    """Average over the samples of each pixel."""
    n = SUPERSAMPLING
    rows, columns = values.shape
    return values.reshape(rows // n, n, columns // n, n).mean(axis=(1, 3))
