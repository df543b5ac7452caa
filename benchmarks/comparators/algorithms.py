"""The two-by-two: one input-output function, two algorithms, two strengths of every feature.

A problem maps bits to outputs. An algorithm is a way there through intermediate variables, one set
a hidden layer; networks are made to take it by auxiliary read-outs of these variables in training.
What says which way a network took are interchange interventions on the variables (`truth`), not
what it was trained for, and no comparator is ever shown them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from reprcompare.networks import ACTIVATIONS

N_INPUTS = 24
Values = dict[str, np.ndarray]
Steps = tuple[tuple[str, Callable[[Values], np.ndarray]], ...]


@dataclass(frozen=True)
class Algorithm:
    """A way from bits to outputs.

    Attributes
    ----------
    steps
        Variables in the order in which they are computed; the outputs come last.
    layers
        Names of the variables that are read out of each hidden layer in training.
    tested
        Pairs of a hidden layer and the variables that are exchanged together in it.
    """

    steps: Steps
    layers: tuple[tuple[str, ...], ...]
    tested: tuple[tuple[int, tuple[str, ...]], ...]
    consistent: Callable[[Values], np.ndarray] | None = None

    def run(self, bits: np.ndarray, given: Mapping[str, np.ndarray] | None = None) -> Values:
        """Compute all variables, some of them set from outside."""
        values: Values = {f"x{k + 1}": bits[:, k] for k in range(bits.shape[1])}
        for name, compute in self.steps:
            values[name] = given[name] if given and name in given else compute(values).astype(int)
        return values


@dataclass(frozen=True)
class Problem:
    """An input-output function with two algorithms.

    Attributes
    ----------
    n_bits
        Inputs that matter; one more carries an easy feature, the rest is noise.
    outputs
        Names of the variables that are answered.
    algorithms
        By name.
    """

    n_bits: int
    outputs: tuple[str, ...]
    algorithms: dict[str, Algorithm] = field(default_factory=dict)

    @property
    def listed(self) -> list[str]:
        """Features that label lists name: the inputs that matter, the outputs, the easy bit."""
        return [*(f"x{k + 1}" for k in range(self.n_bits)), *self.outputs, "easy"]

    @property
    def heads(self) -> list[str]:
        """All read-outs of hidden layers, of both algorithms, as variable@layer."""
        return list(
            dict.fromkeys(
                f"{name}@{place}"
                for algorithm in self.algorithms.values()
                for place, names in enumerate(algorithm.layers)
                for name in names
                if name not in self.outputs
            )
        )

    def variables(self, bits: np.ndarray) -> Values:
        """Compute everything that either algorithm has, and the easy bit."""
        values: Values = {"easy": bits[:, self.n_bits]}
        for algorithm in self.algorithms.values():
            values |= algorithm.run(bits)
        return values


def _xor(*names: str) -> Callable[[Values], np.ndarray]:
    return lambda v: np.bitwise_xor.reduce([v[name] for name in names])


def _and(*names: str) -> Callable[[Values], np.ndarray]:
    return lambda v: np.minimum.reduce([v[name] for name in names])


def _or(*names: str) -> Callable[[Values], np.ndarray]:
    return lambda v: np.maximum.reduce([v[name] for name in names])


def _same(one: str, other: str) -> Callable[[Values], np.ndarray]:
    return lambda v: v[one] == v[other]


def _reaches(high: str, low: str, k: int) -> Callable[[Values], np.ndarray]:
    """Whether a number of two bits is k or more."""
    return lambda v: 2 * v[high] + v[low] >= k


def _passes(k: int) -> Callable[[Values], np.ndarray]:
    """Whether the first number reaches k and the second does not."""
    first, second = _reaches("x1", "x2", k), _reaches("x3", "x4", k)
    return lambda v: first(v) & ~second(v)


def _both(k: int) -> Callable[[Values], np.ndarray]:
    return lambda v: (2 * v["x1"] + v["x2"] == k) & (2 * v["x3"] + v["x4"] == k)


def _sum(v: Values) -> np.ndarray:
    return (v["x1"] + 2 * v["x2"] + v["x3"] + 2 * v["x4"]) % 4


def _gray(which: str, high: str, low: str) -> Callable[[Values], np.ndarray]:
    """Signs of cosine and sine of (number + 1/2) quarter turns, 1 for negative."""
    if which == "cos":
        return lambda v: v[high] ^ v[low]
    return lambda v: v[high]


def _turned(k: int) -> Callable[[Values], np.ndarray]:
    """Output k from the cosine and sine of the sum: each is -1, 0 or 1."""

    def compute(v: Values) -> np.ndarray:
        sign = {name: 1 - 2 * v[name] for name in ("cc", "ss", "sc", "cs")}
        cosine, sine = (sign["cc"] - sign["ss"]) // 2, (sign["sc"] + sign["cs"]) // 2
        # The sum of two half steps turns by one step more than the number.
        return (cosine == (0, -1, 0, 1)[k]) & (sine == (1, 0, -1, 0)[k])

    return compute


PROBLEMS: dict[str, Problem] = {
    "parity4": Problem(
        4,
        ("y",),
        {
            "chain": Algorithm(
                (("a", _xor("x1", "x2")), ("b", _xor("a", "x3")), ("y", _xor("b", "x4"))),
                (("a",), ("b",), ()),
                ((0, ("a",)), (1, ("b",))),
            ),
            "tree": Algorithm(
                (("a", _xor("x1", "x2")), ("d", _xor("x3", "x4")), ("y", _xor("a", "d"))),
                (("a", "d"), ("y",), ()),
                ((0, ("a",)), (0, ("d",))),
            ),
        },
    ),
    "and_or": Problem(
        4,
        ("y",),
        {
            "sum of products": Algorithm(
                (("p", _and("x1", "x2")), ("q", _and("x3", "x4")), ("y", _or("p", "q"))),
                (("p", "q"), ("y",), ()),
                ((0, ("p",)), (0, ("q",))),
            ),
            "product of sums": Algorithm(
                (
                    ("o13", _or("x1", "x3")), ("o14", _or("x1", "x4")),
                    ("o23", _or("x2", "x3")), ("o24", _or("x2", "x4")),
                    ("y", _and("o13", "o14", "o23", "o24")),
                ),
                (("o13", "o14", "o23", "o24"), ("y",), ()),
                ((0, ("o13",)), (0, ("o24",))),
            ),
        },
    ),
    "multiplexer": Problem(
        3,
        ("y",),
        {
            "gates": Algorithm(
                (
                    ("g", _and("x1", "x2")), ("h", lambda v: (1 - v["x1"]) & v["x3"]),
                    ("y", _or("g", "h")),
                ),
                (("g", "h"), ("y",), ()),
                ((0, ("g",)), (0, ("h",))),
            ),
            "difference": Algorithm(
                (("d", _xor("x2", "x3")), ("t", _and("x1", "d")), ("y", _xor("x3", "t"))),
                (("d",), ("t",), ()),
                ((0, ("d",)), (1, ("t",))),
            ),
        },
    ),
    "sum_mod_4": Problem(
        4,
        ("y0", "y1", "y2", "y3"),
        {
            "table": Algorithm(
                (
                    *(
                        (
                            f"c{i}{j}",
                            lambda v, i=i, j=j: (v["x1"] + 2 * v["x2"] == i)
                            & (v["x3"] + 2 * v["x4"] == j),
                        )
                        for i in range(4)
                        for j in range(4)
                    ),
                    *((f"y{k}", lambda v, k=k: _sum(v) == k) for k in range(4)),
                ),
                (tuple(f"c{i}{j}" for i in range(4) for j in range(4)), (), ()),
                (),
            ),
            "rotation": Algorithm(
                (
                    ("ca", _gray("cos", "x2", "x1")), ("sa", _gray("sin", "x2", "x1")),
                    ("cb", _gray("cos", "x4", "x3")), ("sb", _gray("sin", "x4", "x3")),
                    ("cc", _xor("ca", "cb")), ("ss", _xor("sa", "sb")),
                    ("sc", _xor("sa", "cb")), ("cs", _xor("ca", "sb")),
                    *((f"y{k}", _turned(k)) for k in range(4)),
                ),
                (("cc", "ss", "sc", "cs"), (), ()),
                ((0, ("cc", "ss")), (0, ("sc", "cs"))),
                # The point must stay on the circle: the four signs multiply to 1.
                lambda v: (v["cc"] ^ v["ss"] ^ v["sc"] ^ v["cs"]) == 0,
            ),
        },
    ),
    "parity6": Problem(
        6,
        ("y",),
        {
            "pairs": Algorithm(
                (
                    ("p", _xor("x1", "x2")), ("q", _xor("x3", "x4")), ("r", _xor("x5", "x6")),
                    ("y", _xor("p", "q", "r")),
                ),
                (("p", "q", "r"), ("y",), ()),
                ((0, ("p",)), (0, ("q",))),
            ),
            "triples": Algorithm(
                (
                    ("s", _xor("x1", "x2", "x3")), ("t", _xor("x4", "x5", "x6")),
                    ("y", _xor("s", "t")),
                ),
                (("s", "t"), ("y",), ()),
                ((0, ("s",)), (0, ("t",))),
            ),
        },
    ),
    "majority3": Problem(
        3,
        ("y",),
        {
            "pairs": Algorithm(
                (
                    ("p12", _and("x1", "x2")), ("p13", _and("x1", "x3")),
                    ("p23", _and("x2", "x3")), ("y", _or("p12", "p13", "p23")),
                ),
                (("p12", "p13", "p23"), ("y",), ()),
                ((0, ("p12",)), (0, ("p23",))),
            ),
            "casting vote": Algorithm(
                (
                    ("d", _xor("x1", "x2")), ("t", _and("d", "x3")), ("b", _and("x1", "x2")),
                    ("y", _or("t", "b")),
                ),
                (("d",), ("t",), ()),
                ((0, ("d",)), (1, ("t",))),
            ),
        },
    ),
    "greater": Problem(
        4,
        ("y",),
        {
            "digits": Algorithm(
                (
                    ("h", lambda v: v["x1"] & (1 - v["x3"])), ("e", _same("x1", "x3")),
                    ("l", lambda v: v["x2"] & (1 - v["x4"])),
                    ("y", lambda v: v["h"] | (v["e"] & v["l"])),
                ),
                (("h", "e", "l"), ("y",), ()),
                ((0, ("e",)), (0, ("l",))),
                # High digits that are equal are not one greater than the other.
                lambda v: (v["h"] & v["e"]) == 0,
            ),
            "thresholds": Algorithm(
                (*((f"g{k}", _passes(k)) for k in (1, 2, 3)), ("y", _or("g1", "g2", "g3"))),
                (("g1", "g2", "g3"), ("y",), ()),
                ((0, ("g1",)), (0, ("g3",))),
            ),
        },
    ),
    "equal": Problem(
        4,
        ("y",),
        {
            "digits": Algorithm(
                (("e1", _same("x1", "x3")), ("e2", _same("x2", "x4")), ("y", _and("e1", "e2"))),
                (("e1", "e2"), ("y",), ()),
                ((0, ("e1",)), (0, ("e2",))),
            ),
            "table": Algorithm(
                (*((f"m{k}", _both(k)) for k in range(4)), ("y", _or("m0", "m1", "m2", "m3"))),
                (("m0", "m1", "m2", "m3"), ("y",), ()),
                ((0, ("m0",)), (0, ("m3",))),
            ),
        },
    ),
}  # fmt: skip


class Staged(nn.Module):
    """A multilayer perceptron with read-outs of its hidden layers for training.

    Parameters
    ----------
    n_outputs
    heads
        One name a read-out, ending in @ and the number of its layer.
    hidden, activation, seed
        As for `reprcompare.networks.mlp`.
    """

    def __init__(
        self,
        n_outputs: int,
        heads: list[str],
        hidden: tuple[int, ...],
        activation: str,
        seed: int,
    ) -> None:
        super().__init__()
        self.places = [int(name.split("@")[1]) for name in heads]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sizes = (N_INPUTS, *hidden)
            for k, (size, width) in enumerate(zip(sizes, hidden, strict=False)):
                layer = nn.Sequential(nn.Linear(size, width), ACTIVATIONS[activation]())
                self.add_module(f"hidden{k + 1}", layer)
            self.readout = nn.Linear(hidden[-1], n_outputs)
            self.heads = nn.ModuleList(nn.Linear(hidden[place], 1) for place in self.places)
        self.depth = len(hidden)
        self.with_heads = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, and in training the read-outs beside them."""
        states = []
        for k in range(self.depth):
            x = getattr(self, f"hidden{k + 1}")(x)
            states.append(x)
        answers = [self.readout(x)]
        if self.with_heads:
            answers += [
                head(states[place]) for head, place in zip(self.heads, self.places, strict=True)
            ]
        return torch.cat(answers, dim=-1)
