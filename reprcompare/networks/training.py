"""Train networks: many of one architecture at once, each as if it were alone.

Networks that differ in seed and data have their parameters stacked along a first axis and go
through `torch.func.vmap` together. The loss is the sum of the networks' losses, so no gradient
crosses from one to another, and the optimisers act on every element by itself: a network ends with
the same weights, up to rounding, in a stack of one and in a stack of a hundred. Everything random
(order of examples, dropout, hidden labels) comes from generators of the network's own. A network
that is done leaves the stack.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.answers import Answers, check_targets
from reprcompare.networks.curriculum import Curriculum
from reprcompare.networks.settings import Training
from reprcompare.networks.stack import Stack

State = dict[str, torch.Tensor]


@dataclass
class Trained:
    """What came of one network.

    Attributes
    ----------
    state
        Its parameters and buffers at the end, for ``network.load_state_dict``.
    steps
        Steps that it was trained.
    trained : array of bool, shape (n_features,)
        Features that it was trained on.
    learned_at
        Step at which each feature was first found above the criterion; NaN for never.
    accuracy, loss
        Of each feature on the validation stimuli at the end; cross-entropy is in nats.
    history
        Columns step, feature, accuracy, loss on the validation stimuli.
    checkpoints
        States at the steps that were asked for, as far as training went.
    """

    state: State
    steps: int
    trained: np.ndarray
    learned_at: np.ndarray
    accuracy: np.ndarray
    loss: np.ndarray
    history: pd.DataFrame = field(repr=False)
    checkpoints: dict[int, State] = field(repr=False)

    @property
    def solved(self) -> bool:
        """Whether every feature that it was trained on was learned."""
        return not np.isnan(self.learned_at[self.trained]).any()


def train(
    networks: Sequence[nn.Module],
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    settings: Training | Sequence[Training],
    *,
    seeds: Sequence[int],
    features: Sequence[str] | None = None,
    levels: Sequence[int] | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Trained]:
    """Train networks of one architecture together.

    The loss of a network is the mean over the labelled entries of a batch, and that of a feature of
    k > 2 levels is the cross-entropy over its k outputs.

    Parameters
    ----------
    networks
        Equal in architecture; their current weights are where training starts. They are not
        changed. A network with an attribute ``teacher_forcing`` that is true is called with the
        labels as a second argument in training.
    inputs, targets : sequences of arrays (n_examples, ...) and (n_examples, n_features)
        Training data of each network; all of one size. Targets are numbers of levels, or values of
        a continuous feature; NaN is "not labelled" and does not count.
    validation : pair of arrays (n_validation, ...), (n_validation, n_features)
        Held-out stimuli by which learning is judged, the same for all.
    settings
        See `Training`; one for all, or one a network, which may differ in learning rate, weight
        decay and momentum.
    seeds
        One a network: seeds the order in which its examples come, dropout, and what a curriculum
        hides at random.
    features
        Names of the features, for curricula and the history; numbers where None.
    levels
        Of every feature, see `Answers`; where None all are binary, or with the loss "mse"
        continuous.
    progress
        Called with the number of steps done since the last call.

    Returns
    -------
    list of Trained
        In the order of `networks`.

    Raises
    ------
    InvalidInputError
        If the sequences differ in length or the data sets in size, or labels or settings do not
        fit.
    """
    n = len(networks)
    own = [settings] * n if isinstance(settings, Training) else list(settings)
    settings = _shared(own, n)
    if not n or len({n, len(inputs), len(targets), len(seeds)}) > 1:
        raise InvalidInputError(
            f"got {n} networks, {len(inputs)} inputs, {len(targets)} targets, {len(seeds)} seeds; "
            "expected one of each for every network, and at least one."
        )
    sizes = {(len(x), len(y)) for x, y in zip(inputs, targets, strict=True)}
    if len(sizes) > 1 or len(set(next(iter(sizes)))) > 1:
        raise InvalidInputError(f"training sets must be of one size, got {sorted(sizes)}.")
    x_train, y_train = _stacked(inputs), _stacked(targets)
    x_validation, y_validation = (_stacked([part])[0] for part in validation)
    n_features = y_train.shape[-1]
    plain = 1 if settings.loss == "mse" else 2
    answers = Answers(tuple(levels or [plain] * n_features), settings.loss)
    for labels in (y_train, y_validation):
        check_targets(labels, answers.levels)
    names = [str(f) for f in (features or range(n_features))]
    labelled = (~y_train.isnan()).any(dim=1).numpy()
    curriculum = Curriculum(settings, names, labelled, seeds)
    # Which network lies in which row: equal hyper-parameters beside each other.
    here = sorted(range(n), key=lambda i: tuple(own[i].hyper_parameters.values()))
    stack = Stack(
        [networks[i] for i in here],
        [own[i] for i in here],
        [seeds[i] for i in here],
        x_train[0, :1],
        y_train[0, :1],
    )
    orders = [np.random.default_rng(seed) for seed in seeds]
    logs = [_Log(names) for _ in range(n)]
    done: dict[int, Trained] = {}
    _keep_checkpoint(0, settings, stack, here, logs)
    for step in range(1, settings.max_steps + 1):
        x, y = _batch(x_train, y_train, settings.batch_size, orders, here)
        y = curriculum.hide(y, here)
        stack.step(_losses(stack.forward(x, y), y, answers, settings.matched_loss), step)
        _keep_checkpoint(step, settings, stack, here, logs)
        if step % settings.check_every and step != settings.max_steps:
            continue
        outputs = stack.judge(x_validation)
        accuracy = answers.accuracy(outputs, y_validation).numpy()
        lost = answers.losses(outputs, y_validation.expand(len(here), -1, -1)).sum(dim=1)
        loss = (lost / (~y_validation.isnan()).sum(dim=0)).numpy()
        staying = []
        for row, network in enumerate(here):
            log = logs[network]
            log.add(step, accuracy[row], loss[row], settings.criterion)
            above = accuracy[row] > settings.criterion
            end = curriculum.advance(step, network, above, log.learned_at)
            if step < settings.max_steps and (end is None or step < end):
                staying.append(row)
            else:
                done[network] = log.close(stack.state(row), curriculum.trained[network])
        if progress is not None:
            progress(settings.check_every)
        if not staying:
            break
        if len(staying) < len(here):
            stack.keep(staying)
            here = [here[row] for row in staying]
    return [done[i] for i in range(n)]


def _shared(own: Sequence[Training], n: int) -> Training:
    """Return what the settings of all networks have in common, as one of them."""
    if len(own) != n:
        raise InvalidInputError(f"got {len(own)} settings for {n} networks; give one, or {n}.")
    rest = [replace(one, learning_rate=1.0, weight_decay=0.0, momentum=0.0) for one in own]
    for other, common in zip(own[1:], rest[1:], strict=True):
        if common != rest[0]:
            raise InvalidInputError(
                "networks of one stack may differ in learning_rate, weight_decay and momentum "
                f"only; {other} differs from {own[0]} in more."
            )
    return own[0]


def _stacked(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(array, dtype=np.float32) for array in arrays]))


def _batch(
    x: torch.Tensor,
    y: torch.Tensor,
    size: int | str,
    orders: Sequence[np.random.Generator],
    here: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the next examples of the networks that are still here."""
    rows = torch.tensor(here)
    if isinstance(size, str):
        return x[rows], y[rows]
    drawn = np.stack([orders[network].integers(0, x.shape[1], size) for network in here])
    # Rows of one long table, which is copied faster than by two indices.
    chosen = (torch.from_numpy(drawn) + x.shape[1] * rows[:, None]).flatten()
    return tuple(
        part.flatten(0, 1).index_select(0, chosen).unflatten(0, (len(here), size))
        for part in (x, y)
    )


def _losses(
    outputs: torch.Tensor, targets: torch.Tensor, answers: Answers, matched: float
) -> torch.Tensor:
    """Return the loss of every network, the mean over the labelled entries of its batch."""
    labelled = (~targets.isnan()).sum(dim=1)
    of_features = answers.losses(outputs, targets).sum(dim=1) / labelled.clamp(min=1)
    if matched:
        of_features = (of_features - matched).abs() + matched
    return (of_features * labelled).sum(dim=1) / labelled.sum(dim=1).clamp(min=1)


def _keep_checkpoint(
    step: int, settings: Training, stack: Stack, here: Sequence[int], logs: Sequence["_Log"]
) -> None:
    if settings.keeps(step):
        for row, network in enumerate(here):
            logs[network].checkpoints[step] = stack.state(row)


class _Log:
    """What is noted of one network while it is trained."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.learned_at = np.full(len(names), np.nan)
        self.looks: list[tuple[int, np.ndarray, np.ndarray]] = []
        self.checkpoints: dict[int, State] = {}

    def add(self, step: int, accuracy: np.ndarray, loss: np.ndarray, criterion: float) -> None:
        self.looks.append((step, accuracy, loss))
        self.learned_at[np.isnan(self.learned_at) & (accuracy > criterion)] = step

    def close(self, state: State, trained: np.ndarray) -> Trained:
        steps, accuracy, loss = self.looks[-1]
        rows = [
            (step, name, found[f], lost[f])
            for step, found, lost in self.looks
            for f, name in enumerate(self.names)
        ]
        return Trained(
            state=state,
            steps=steps,
            trained=trained,
            learned_at=self.learned_at,
            accuracy=accuracy,
            loss=loss,
            history=pd.DataFrame(rows, columns=["step", "feature", "accuracy", "loss"]),
            checkpoints=self.checkpoints,
        )
