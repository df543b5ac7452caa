"""What a protocol file may say, as typed models.

Tables that describe something which a room below can make (`task`, `network`, `training`) take
exactly the parameters of the function that makes it, so that a new architecture or rule is one line
in a dictionary here.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from reprcompare.networks import NETWORKS, Training
from reprcompare.tasks import VectorTask


class Table(BaseModel):
    """A table of a protocol: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Heading(Table):
    """`[protocol]`: what the experiment is called, where it comes from, what it asks."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    question: str
    paper: str = ""


class Choice(Table):
    """Chooses a row by another analysis, so that choice and test use different data.

    The row of the highest `measure` in the other table is found; its value of `column` is what the
    columns `into` must hold.
    """

    analysis: str
    where: dict[str, Any] = {}
    measure: str = "score"
    column: str
    into: list[str]


class Expectation(Table):
    """`[[expect]]`: what is expected, said before the run.

    The contrast is a weighted sum of `measure` over the levels of the column `by`, one number a
    unit; without one, the single row that `where` finds is taken with its interval.
    """

    claim: str
    analysis: str
    table: str = "table"
    where: dict[str, Any] = {}
    choose: Choice | None = None
    measure: str
    by: str = "feature"
    contrast: dict[str, float] | None = None
    unit: str = "subject"
    over: Literal["mean", "every"] = "mean"
    interval: tuple[str, str] | None = None
    direction: Literal["greater", "less", "equal"]
    smallest_effect: float = 0.0
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    exclusions: str = "none"


class RecordingTable(Table):
    """`[recording.NAME]`: which networks are made and recorded with which stimuli."""

    network: str
    task: str | None = None
    stimuli: str | None = None
    training: str | None = None
    n_networks: Annotated[int, Field(ge=1)] = 1
    first_seed: int = 0
    n_training: Annotated[int, Field(ge=1)] = 65_536
    n_validation: Annotated[int, Field(ge=1)] = 4096
    n_per_cell: Annotated[int, Field(ge=1)] = 128
    evaluation_seed: int = 0
    layers: list[str] | None = None
    reduce: str | dict[str, str] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 128
    criterion: Annotated[float, Field(ge=0, le=1)] = 0.95

    @model_validator(mode="after")
    def _one_source(self) -> "RecordingTable":
        if (self.task is None) == (self.stimuli is None):
            raise ValueError("give either 'task' or 'stimuli', and not both")
        if self.training is not None and self.task is None:
            raise ValueError("'training' needs a 'task' to train on")
        return self


class CatalogueBrain(Table):
    """`[brain.NAME]`: a public data set or a file."""

    kind: Literal["data"] = "data"
    source: str
    select: dict[str, Any] = {}
    average_subjects: bool = False


class SimulatedBrain(Table):
    """`[brain.NAME]`: a recorded network seen through noise, few neuroids and repetitions."""

    kind: Literal["simulated"] = "simulated"
    recording: str
    n_neuroids: Annotated[int, Field(ge=1)] = 50
    n_repetitions: Annotated[int, Field(ge=1)] = 10
    n_subjects: Annotated[int, Field(ge=1)] = 4
    snr: Annotated[float, Field(gt=0)] = 0.5
    seed: int = 0


class AccuracyTable(Table):
    """How well recorded networks report the features of held-out stimuli."""

    name: str
    kind: Literal["accuracy"]
    recordings: list[str]


class AuditTable(Table):
    """The bias audit, of recorded networks or of a brain."""

    name: str
    kind: Literal["audit"]
    recordings: list[str] = []
    brain: str | None = None
    labels: str | None = None
    features: list[str] | None = None
    n_permutations: Annotated[int, Field(ge=0)] = 100

    @model_validator(mode="after")
    def _something(self) -> "AuditTable":
        if bool(self.recordings) == (self.brain is not None):
            raise ValueError("give either 'recordings' or 'brain', and not both")
        return self


class ContrastTable(Table):
    """The contrast of shares per network, with the network as the unit."""

    name: str
    kind: Literal["share_contrast"]
    audit: str
    region: str
    by: str = "complexity"


class ModelTable(Table):
    """A mixed-effects model on the table of an audit."""

    name: str
    kind: Literal["mixed_model"]
    audit: str
    formula: str


class PairModelTable(Table):
    """Dissimilarities of all pairs regressed on differences of labels, as a mixed model."""

    name: str
    kind: Literal["pair_model"]
    brain: str
    labels: str
    features: list[str]
    n_permutations: Annotated[int, Field(ge=1)] = 1000
    seed: int = 0


class CompareTable(Table):
    """Models against a brain."""

    name: str
    kind: Literal["compare"]
    models: list[str]
    brain: str
    metric: str = "correlation"
    comparator: str | None = None
    resample: str = "both"
    n_bootstrap: Annotated[int, Field(ge=0)] = 1000
    seed: int = 0
    over_layers: bool = False


class Report(Table):
    """`[report]`."""

    title: str = ""


class Budget(Table):
    """`[budget]`: no further networks are made once a run has used so many core hours."""

    core_hours: Annotated[float, Field(gt=0)]


def parameters_of(make: Callable[..., Any], given: tuple[str, ...] = ()) -> type[Table]:
    """Return the model of a table that holds the parameters of a function.

    Parameters
    ----------
    make
        The function or class; its annotations become the types of the keys.
    given
        Parameters that are not written in the file, because the run knows them.
    """
    target = make.__init__ if inspect.isclass(make) else make
    hints = get_type_hints(target)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(make).parameters.items()
        if name not in given
    }
    return create_model(make.__name__, __base__=Table, kind=(str, ""), **fields)


TASKS: dict[str, Callable[..., Any]] = {"vectors": VectorTask}
"""What `[task.NAME]` can be."""


GIVEN = ("n_inputs", "n_outputs", "seed")
"""Parameters of networks that follow from the task and the number of the network."""


class ImportedNetwork(Table):
    """A network of the user's own, imported only when the command line allows it."""

    kind: Literal["import"]
    object: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    options: dict[str, Any] = {}


KINDS: dict[str, dict[str, type[Table]]] = {
    "task": {name: parameters_of(make) for name, make in TASKS.items()},
    "network": {
        **{name: parameters_of(item.make, GIVEN) for name, item in NETWORKS.items()},
        "import": ImportedNetwork,
    },
    "training": {"": parameters_of(Training)},
    "recording": {"": RecordingTable},
    "brain": {"data": CatalogueBrain, "simulated": SimulatedBrain},
    "analysis": {
        "accuracy": AccuracyTable,
        "audit": AuditTable,
        "share_contrast": ContrastTable,
        "mixed_model": ModelTable,
        "pair_model": PairModelTable,
        "compare": CompareTable,
    },
}
"""The models of named tables, by section and by the key `kind`; "" where there is one kind only."""

SINGLE: dict[str, type[Table]] = {"protocol": Heading, "report": Report, "budget": Budget}
"""Sections that occur once."""

SECTIONS = (*SINGLE, "expect", *KINDS, "sweep")
