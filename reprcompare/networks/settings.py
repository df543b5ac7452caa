"""How networks are trained, fixed before looking at any result."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch

from reprcompare.errors import InvalidInputError, UnknownNameError, listing, unknown_name

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
"""From the fraction of `max_steps` that is done to the factor of the learning rate."""

LOSSES = ("cross_entropy", "mse")


@dataclass(frozen=True)
class Stage:
    """A stage of a curriculum: which features are trained, and for how long.

    Attributes
    ----------
    features
        Names of the features that are trained; the labels of all others are hidden.
    steps
        How many steps; None: until all of these features are above the criterion.
    fractions
        The fraction of the examples of a batch in which a feature is labelled, 1 where it is not
        named; so that features can be interleaved.
    """

    # A protocol that misspells a key must hear of it, rather than get the default.
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    features: tuple[str, ...]
    steps: int | None = None
    fractions: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.features:
            raise InvalidInputError("a stage must name the features that are trained in it.")
        if self.steps is not None and self.steps < 1:
            raise InvalidInputError(f"a stage takes at least 1 step, got {self.steps}.")
        for name, fraction in self.fractions.items():
            if name not in self.features:
                raise UnknownNameError(unknown_name("feature", name, self.features, "the stage"))
            if not 0 < fraction <= 1:
                raise InvalidInputError(
                    f"fractions of {name!r} must be above 0 and at most 1, got {fraction}."
                )


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
        Stimuli in a step, drawn at random; ``"all"`` for every training stimulus in every step.
    max_steps
        A network that has not solved the task by then is returned unsolved.
    criterion
        A feature counts as learned when its accuracy on validation stimuli exceeds this. For a
        continuous feature accuracy is the variance explained.
    steps_after_solving
        Networks are compared at a matched time: each stops this many steps after all of its
        features were learned.
    check_every
        Steps between two looks at the validation stimuli.
    loss
        A name in `LOSSES`: cross-entropy, or half the squared error.
    matched_loss
        Above 0, the training loss of every feature is kept at this level, from both sides, so that
        features are compared at a matched loss: gradients are those of :math:`|L_f - b| + b`, the
        flooding of Ishida et al. 2020 (arXiv 2002.08709) applied to every feature by itself.
    schedule
        A name in `SCHEDULES`: how the learning rate falls, to 0 at `max_steps`.
    warmup_steps
        Steps over which the learning rate rises linearly before that.
    checkpoints
        Steps whose states are kept; 0 is the state before training.
    checkpoint_every
        Above 0, the states of every so many steps are kept too, from 0 on.
    stages
        A curriculum; each network goes through it at its own pace. The last stage ends as training
        without a curriculum does, or after its own number of steps.
    """

    optimiser: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 0.0
    momentum: float = 0.0
    batch_size: int | Literal["all"] = 128
    max_steps: int = 10_000
    criterion: float = 0.95
    steps_after_solving: int = 1000
    check_every: int = 100
    loss: str = "cross_entropy"
    matched_loss: float = 0.0
    schedule: str = "constant"
    warmup_steps: int = 0
    checkpoints: tuple[int, ...] = ()
    checkpoint_every: int = 0
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise UnknownNameError(unknown_name("optimiser", self.optimiser, OPTIMISERS))
        if self.schedule not in SCHEDULES:
            raise UnknownNameError(unknown_name("schedule", self.schedule, SCHEDULES))
        if self.loss not in LOSSES:
            raise UnknownNameError(unknown_name("loss", self.loss, LOSSES))
        if self.momentum and self.optimiser != "sgd":
            raise InvalidInputError(
                f"momentum belongs to 'sgd', the optimiser is {self.optimiser!r}."
            )
        for name in ("learning_rate", "batch_size", "max_steps", "check_every"):
            value = getattr(self, name)
            if value != "all" and value <= 0:
                raise InvalidInputError(f"{name} must be above 0, got {value}.")
        for stage in self.stages:
            if stage.steps is not None and stage.steps % self.check_every:
                raise InvalidInputError(
                    f"a stage of {stage.steps} steps ends between two looks; make steps a multiple "
                    f"of check_every = {self.check_every}."
                )
        for name in (
            "weight_decay",
            "momentum",
            "matched_loss",
            "warmup_steps",
            "checkpoint_every",
        ):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"{name} must not be negative, got {getattr(self, name)}.")
        outside = [step for step in self.checkpoints if not 0 <= step <= self.max_steps]
        if outside:
            raise InvalidInputError(
                f"checkpoints must lie between 0 and max_steps = {self.max_steps}, got "
                f"{listing(outside)}."
            )

    @property
    def hyper_parameters(self) -> dict[str, float]:
        """What the optimiser is told, and networks of one stack may differ in."""
        more = {"momentum": self.momentum} if self.optimiser == "sgd" else {}
        return {"lr": self.learning_rate, "weight_decay": self.weight_decay, **more}

    def keeps(self, step: int) -> bool:
        """Tell whether the state of a step is kept.

        Examples
        --------
        >>> settings = Training(checkpoints=(3,), checkpoint_every=10)
        >>> [step for step in range(25) if settings.keeps(step)]
        [0, 3, 10, 20]
        """
        regular = self.checkpoint_every and step % self.checkpoint_every == 0
        return step in self.checkpoints or bool(regular)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 1.

        Examples
        --------
        >>> settings = Training(learning_rate=1.0, max_steps=100, schedule="linear", warmup_steps=2)
        >>> settings.rate(1), settings.rate(51)
        (0.5, 0.5)
        """
        rising = min(1.0, step / self.warmup_steps) if self.warmup_steps else 1.0
        return self.learning_rate * rising * SCHEDULES[self.schedule]((step - 1) / self.max_steps)
