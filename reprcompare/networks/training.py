"""Train networks: many of one architecture at once, each as if it were alone.

Networks that differ in seed and data have their parameters stacked along a first axis and go
through `torch.func.vmap` together. The loss is the sum of the networks' losses, so no gradient
crosses from one to another, and the optimisers act on every element by itself: a network ends with
the same weights, up to rounding, in a stack of one and in a stack of a hundred.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True)
class Training:
    """How networks are trained; fixed before looking at any result.

    Attributes
    ----------
    optimiser
        A name in `OPTIMISERS`.
    learning_rate, weight_decay, momentum
        Of the optimiser; momentum belongs to SGD.
    batch_size
        Stimuli in a step.
    max_steps
        A network that has not solved the task by then is returned unsolved.
    criterion
        A feature counts as learned when its accuracy on validation stimuli exceeds this.
    steps_after_solving
        Networks are compared at a matched time: each stops this many steps after all of its
        features were learned.
    check_every
        Steps between two looks at the validation stimuli.
    """

    optimiser: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 0.0
    momentum: float = 0.0
    batch_size: int = 128
    max_steps: int = 10_000
    criterion: float = 0.95
    steps_after_solving: int = 1000
    check_every: int = 100

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise UnknownNameError(unknown_name("optimiser", self.optimiser, OPTIMISERS))
        if self.momentum and self.optimiser != "sgd":
            raise InvalidInputError(
                f"momentum belongs to 'sgd', the optimiser is {self.optimiser!r}."
            )
        for name in ("learning_rate", "batch_size", "max_steps", "check_every"):
            if getattr(self, name) <= 0:
                raise InvalidInputError(f"{name} must be above 0, got {getattr(self, name)}.")

    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        """Make the optimiser of stacked parameters."""
        more = {"momentum": self.momentum} if self.optimiser == "sgd" else {}
        return OPTIMISERS[self.optimiser](
            parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True, **more
        )


@dataclass
class Trained:
    """What came of one network.

    Attributes
    ----------
    state
        Its parameters at the end, for ``network.load_state_dict``.
    steps
        Steps that it was trained.
    learned_at
        Step at which each output was first found above the criterion; NaN for never.
    accuracy
        Accuracy of each output on the validation stimuli at the end.
    history
        Columns step, output, accuracy, loss (cross-entropy on validation stimuli, nats).
    """

    state: dict[str, torch.Tensor]
    steps: int
    learned_at: np.ndarray
    accuracy: np.ndarray
    history: pd.DataFrame = field(repr=False)

    @property
    def solved(self) -> bool:
        """Whether every output was learned."""
        return not np.isnan(self.learned_at).any()


def train(
    networks: Sequence[nn.Module],
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    settings: Training,
    *,
    seeds: Sequence[int],
    progress: Callable[[int], object] | None = None,
) -> list[Trained]:
    """Train networks of one architecture together, on binary outputs (cross-entropy).

    Parameters
    ----------
    networks
        Equal in architecture; their current weights are where training starts. They are not
        changed.
    inputs, targets : sequences of arrays (n_examples, n_inputs) and (n_examples, n_outputs)
        Training data of each network; all of one size.
    validation : pair of arrays (n_validation, n_inputs), (n_validation, n_outputs)
        Held-out stimuli by which learning is judged, the same for all.
    settings
        See `Training`.
    seeds
        One a network: seeds the order in which its examples come.
    progress
        Called with the number of steps done since the last call.

    Returns
    -------
    list of Trained
        In the order of `networks`.

    Raises
    ------
    InvalidInputError
        If the sequences differ in length or the data sets in size.
    """
    n = len(networks)
    if not n or len({n, len(inputs), len(targets), len(seeds)}) > 1:
        raise InvalidInputError(
            f"got {n} networks, {len(inputs)} inputs, {len(targets)} targets, {len(seeds)} seeds; "
            "expected one of each for every network, and at least one."
        )
    sizes = {(len(x), len(y)) for x, y in zip(inputs, targets, strict=True)}
    if len(sizes) > 1 or len(set(next(iter(sizes)))) > 1:
        raise InvalidInputError(f"training sets must be of one size, got {sorted(sizes)}.")
    stacked, buffers = stack_module_state(list(networks))
    if buffers:
        raise InvalidInputError(
            f"networks with buffers cannot be stacked yet, found {', '.join(buffers)}."
        )
    skeleton = copy.deepcopy(networks[0])

    def forward(parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return functional_call(skeleton, parameters, (x,))

    together = vmap(forward, randomness="different")
    shared = vmap(forward, in_dims=(0, None), randomness="different")
    optimiser = settings.build(list(stacked.values()))
    x_train = torch.from_numpy(np.stack(inputs))
    y_train = torch.from_numpy(np.stack(targets).astype(np.float32))
    x_validation = torch.from_numpy(np.asarray(validation[0], dtype=np.float32))
    y_validation = torch.from_numpy(np.asarray(validation[1]).astype(np.float32))
    orders = [np.random.default_rng(seed) for seed in seeds]
    rows = torch.arange(n)[:, None]
    stops = np.full(n, settings.max_steps)
    learned_at = np.full((n, y_train.shape[-1]), np.nan)
    done: dict[int, Trained] = {}
    looks: list[tuple[int, np.ndarray, np.ndarray]] = []
    skeleton.train()
    for step in range(1, settings.max_steps + 1):
        drawn = [order.integers(0, y_train.shape[1], settings.batch_size) for order in orders]
        batch = torch.from_numpy(np.stack(drawn))
        logits = together(stacked, x_train[rows, batch])
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, y_train[rows, batch], reduction="none"
        )
        optimiser.zero_grad(set_to_none=True)
        losses.mean(dim=(1, 2)).sum().backward()
        optimiser.step()
        if step % settings.check_every and step != settings.max_steps:
            continue
        skeleton.eval()
        accuracy, loss = _judge(shared, stacked, x_validation, y_validation)
        skeleton.train()
        looks.append((step, accuracy, loss))
        new = np.isnan(learned_at) & (accuracy > settings.criterion)
        learned_at[new] = step
        solved = ~np.isnan(learned_at).any(axis=1)
        stops[solved] = np.minimum(
            learned_at[solved].max(axis=1) + settings.steps_after_solving, settings.max_steps
        )
        for i in np.flatnonzero(stops <= step):
            if i not in done:
                done[int(i)] = Trained(
                    state={name: value[i].detach().clone() for name, value in stacked.items()},
                    steps=step,
                    learned_at=learned_at[i].copy(),
                    accuracy=accuracy[i],
                    history=_history(looks, int(i)),
                )
        if progress is not None:
            progress(settings.check_every)
        if len(done) == n:
            break
    return [done[i] for i in range(n)]


def _judge(
    shared: Callable[..., torch.Tensor],
    stacked: dict[str, torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracy and loss of every network and output, each (n_networks, n_outputs)."""
    with torch.no_grad():
        logits = shared(stacked, x)
        accuracy = ((logits > 0) == (y > 0.5)).float().mean(dim=1)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, y.expand_as(logits), reduction="none"
        ).mean(dim=1)
    return accuracy.numpy(), loss.numpy()


def _history(looks: list[tuple[int, np.ndarray, np.ndarray]], network: int) -> pd.DataFrame:
    rows = [
        (step, output, accuracy[network, output], loss[network, output])
        for step, accuracy, loss in looks
        for output in range(accuracy.shape[1])
    ]
    return pd.DataFrame(rows, columns=["step", "output", "accuracy", "loss"])
