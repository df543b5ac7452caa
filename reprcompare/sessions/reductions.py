"""Make a layer's response smaller before it is stored: pooling, projection, subsets, tokens.

A reduction is asked for by text (``"mean"``, ``"project:4096"``) and prepared once for each layer,
when the layer's shape is known. Adding one means adding a function and a line in `REDUCTIONS`.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.sessions.layers import matches

DISTORTION = 0.1
"""Largest relative distortion of squared distances that sparse projection allows by default."""


@dataclass(frozen=True)
class Reduction:
    """What is done to one layer's response.

    Attributes
    ----------
    apply
        From a tensor of shape (n, *shape of the layer) to one of shape (n, size).
    size
        Number of neuroids that are kept.
    positions : dict of str to array, shape (size,)
        Where the neuroids lie in the layer (`channel`, `y`, `x`), as far as that is known.
    """

    apply: Callable[[Tensor], Tensor]
    size: int
    positions: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a reduction is prepared for: a layer's name and shape, the seed, how many stimuli."""

    layer: str
    shape: tuple[int, ...]
    seed: int
    n_stimuli: int | None

    @property
    def size(self) -> int:
        """Number of neuroids of the whole layer."""
        return int(np.prod(self.shape, dtype=np.int64))

    def generator(self) -> np.random.Generator:
        """Return a random generator of its own for each layer, the same in every process."""
        return np.random.default_rng([self.seed, crc32(self.layer.encode())])


def prepare(text: str, request: Request) -> Reduction:
    """Prepare a reduction for one layer.

    Parameters
    ----------
    text
        ``""`` keeps every neuroid; ``"mean"`` and ``"max"`` pool over space; ``"project"`` and
        ``"project:1000"`` project sparsely at random; ``"subset:1000"`` keeps a random subset,
        ``"subset:0,5,7"`` a given one; ``"token:0"``, ``"token:-1"`` and ``"token:mean"`` keep
        one token, or their mean.
    request
        The layer.

    Raises
    ------
    UnknownNameError
        If there is no such reduction.
    InvalidInputError
        If it does not fit the layer's shape.

    Examples
    --------
    >>> pooled = prepare("mean", Request("conv", (2, 3, 3), seed=0, n_stimuli=4))
    >>> pooled.size, pooled.positions["channel"].tolist()
    (2, [0, 1])
    """
    name, _, argument = text.partition(":")
    if name not in REDUCTIONS:
        raise UnknownNameError(unknown_name("reduction", name, filter(None, REDUCTIONS)))
    return REDUCTIONS[name](request, argument)


def choose_reduction(reduce: str | Mapping[str, str] | None, layer: str) -> str:
    """Return the text of the reduction for a layer; patterns are tried in order.

    Examples
    --------
    >>> choose_reduction({"conv*": "mean"}, "conv1"), choose_reduction(None, "conv1")
    ('mean', '')
    """
    if reduce is None or isinstance(reduce, str):
        return reduce or ""
    for pattern, text in reduce.items():
        if matches(layer, pattern):
            return text or ""
    return ""


def johnson_lindenstrauss(n_stimuli: int, distortion: float = DISTORTION) -> int:
    """Return how many random projections keep all squared distances within the distortion.

    ``k >= 4 ln(n) / (e^2 / 2 - e^3 / 3)`` (Dasgupta & Gupta 2003, Theorem 2.1).

    Examples
    --------
    >>> johnson_lindenstrauss(1000)
    5921
    """
    return math.ceil(4 * np.log(n_stimuli) / (distortion**2 / 2 - distortion**3 / 3))


def _keep(request: Request, argument: str) -> Reduction:
    _no_argument("", argument)
    return Reduction(lambda x: x.flatten(1), request.size, _positions(request.shape))


def _pool(name: str, pool: Callable[[Tensor], Tensor]) -> Callable[[Request, str], Reduction]:
    def make(request: Request, argument: str) -> Reduction:
        _no_argument(name, argument)
        if len(request.shape) != 3:
            if len(request.shape) == 1:  # nothing to pool over: a fully connected layer
                return _keep(request, "")
            raise InvalidInputError(
                f"reduction {name!r} pools over space, but layer {request.layer!r} has shape "
                f"{request.shape}; expected (channel, height, width). Use 'token:mean' for tokens."
            )
        channels = request.shape[0]
        return Reduction(pool, channels, {"channel": np.arange(channels)})

    return make


def _project(request: Request, argument: str) -> Reduction:
    """Project with entries that are mostly zero (Li, Hastie & Church 2006), unit-variance rows."""
    if argument:
        size = _count("project", argument)
    elif request.n_stimuli is None:
        raise InvalidInputError(
            "reduction 'project' needs the number of stimuli to choose its size, and that is not "
            "known here; say how many neuroids to keep, such as 'project:4096'."
        )
    else:
        size = johnson_lindenstrauss(max(2, request.n_stimuli))
    if size >= request.size:
        return _keep(request, "")
    matrix = sparse_matrix(size, request.size, request.generator())
    placed: dict[torch.device, Tensor] = {}

    def apply(x: Tensor) -> Tensor:
        if x.device not in placed:
            placed[x.device] = matrix.to(x.device)
        return (placed[x.device] @ x.flatten(1).float().T).T

    return Reduction(apply, size)


def sparse_matrix(n_rows: int, n_columns: int, generator: np.random.Generator) -> Tensor:
    """Return a very sparse random projection.

    Entries are ``+-sqrt(s / n_rows)`` with probability ``1 / (2 s)`` each and 0 otherwise, with
    ``s = sqrt(n_columns)``, so that squared distances are kept in expectation.

    Parameters
    ----------
    n_rows, n_columns
        Neuroids that are kept and that there are.
    generator
        Source of randomness.

    Returns
    -------
    torch.Tensor
        Sparse (CSR), shape (n_rows, n_columns), float32.
    """
    total, density = n_rows * n_columns, n_columns**-0.5
    # Gaps between independent non-zero entries are geometric; this needs no memory for the zeros.
    places = np.empty(0, np.int64)
    last = -1
    while last < total:
        more = last + np.cumsum(
            generator.geometric(density, size=max(64, int((total - last) * density * 1.02)))
        )
        places, last = np.concatenate([places, more]), int(more[-1])
    places = places[places < total]
    rows, columns = np.divmod(places, n_columns)
    signs = generator.choice(np.array([-1.0, 1.0], np.float32), size=len(places))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_rows))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(offsets),
            torch.from_numpy(columns),
            torch.from_numpy(signs * np.float32((n_rows * density) ** -0.5)),
            size=(n_rows, n_columns),
            check_invariants=True,
        )


def _subset(request: Request, argument: str) -> Reduction:
    """Keep the neuroids that are named, or so many drawn at random, in the layer's order."""
    if "," in argument:
        try:
            chosen = np.array([int(item) for item in argument.split(",") if item.strip()])
        except ValueError:
            chosen = np.array([-1])
        if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= request.size:
            raise InvalidInputError(
                f"reduction 'subset:{argument[:30]}' names neuroids outside 0 to "
                f"{request.size - 1} of layer {request.layer!r}."
            )
    else:
        count = min(_count("subset", argument), request.size)
        chosen = np.sort(request.generator().choice(request.size, size=count, replace=False))
    index = torch.from_numpy(chosen)
    positions = {name: at[chosen] for name, at in _positions(request.shape).items()}
    return Reduction(
        lambda x: x.flatten(1).index_select(1, index.to(x.device)),
        len(chosen),
        positions | {"unit": chosen},
    )


def _token(request: Request, argument: str) -> Reduction:
    """Keep one token of (token, channel), or their mean."""
    if len(request.shape) != 2:
        raise InvalidInputError(
            f"reduction 'token' needs a layer of shape (token, channel); {request.layer!r} has "
            f"{request.shape}."
        )
    n_tokens, channels = request.shape
    positions = {"channel": np.arange(channels)}
    if argument == "mean":
        return Reduction(lambda x: x.mean(dim=1), channels, positions)
    try:
        token = int(argument)
    except ValueError:
        token = n_tokens
    if not -n_tokens <= token < n_tokens:
        raise InvalidInputError(
            f"reduction 'token:{argument}' names no token of layer {request.layer!r}; expected "
            f"'mean' or a number from {-n_tokens} to {n_tokens - 1}."
        )
    return Reduction(lambda x: x[:, token], channels, positions)


def _positions(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    if len(shape) == 1:
        return {"channel": np.arange(shape[0])}
    if len(shape) == 3:
        return {name: at.ravel() for name, at in zip(("channel", "y", "x"), np.indices(shape))}  # noqa: B905
    return {}


def _no_argument(name: str, argument: str) -> None:
    if argument:
        raise InvalidInputError(f"reduction {name!r} takes no argument, got {argument!r}.")


def _count(name: str, argument: str) -> int:
    if not argument.isdigit() or int(argument) == 0:
        raise InvalidInputError(
            f"reduction {name!r} needs how many neuroids to keep, such as '{name}:1000'; "
            f"got {argument!r}."
        )
    return int(argument)


REDUCTIONS: dict[str, Callable[[Request, str], Reduction]] = {
    "": _keep,
    "mean": _pool("mean", lambda x: x.mean(dim=(2, 3))),
    "max": _pool("max", lambda x: x.amax(dim=(2, 3))),
    "project": _project,
    "subset": _subset,
    "token": _token,
}
