"""What a protocol file may say, as typed models.

Tables that describe something which a room below can make (`task`, `network`, `training`) take
exactly the parameters of the function that makes it, so that a new architecture or rule is one line
in a dictionary here.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)

from reprcompare.comparison import find_corrections
from reprcompare.geometry import find_comparator, find_metric
from reprcompare.networks import NETWORKS, Training
from reprcompare.statistics import formula_columns
from reprcompare.tasks import PointTask, TrifeatureTask, VectorTask, digits, two_points


class Table(BaseModel):
    """A table of a protocol: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Refers:
    """Marks a key whose value names other tables, which is checked before the run.

    Attributes
    ----------
    sections
        Where the names are looked for: "recording", "brain", "task", ..., or "analysis" for an
        analysis that stands before this one.
    kind
        Of the analysis that is meant.
    """

    sections: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class OfColumns:
    """Marks a key that names columns of an earlier analysis's table, checked before the run.

    Attributes
    ----------
    analysis
        The key that holds the name of that analysis.
    names
        Returns the names of columns that the value of the key holds.
    """

    analysis: str
    names: Callable[[str], list[str]]


def _checked_by(check: Callable[[Any], object]) -> AfterValidator:
    """Let a room below say what is wrong with a value; the value stays as it was."""

    def validate(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(validate)


RecordingNames = Annotated[list[str], Refers(("recording",))]
ModelNames = Annotated[list[str], Refers(("recording", "brain"))]
BrainName = Annotated[str, Refers(("brain",))]
AuditName = Annotated[str, Refers(("analysis",), "audit")]
AuditColumn = Annotated[str, OfColumns("audit", lambda name: [name])]
AuditFormula = Annotated[str, OfColumns("audit", formula_columns)]
Metric = Annotated[str, _checked_by(find_metric)]
ComparatorName = Annotated[str, _checked_by(find_comparator)]
Corrections = Annotated[list[str], Field(min_length=1), _checked_by(find_corrections)]
Resampled = Literal["both", "stimuli", "subjects"]


def references(table: Table) -> Iterator[tuple[str, Refers, list[str]]]:
    """Go through the keys of a table that name other tables.

    Yields
    ------
    key : str
    refers : Refers
    names : list of str
        The names that the key holds.
    """
    for key, field in type(table).model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Refers):
                value = getattr(table, key)
                names = [value] if isinstance(value, str) else list(value or [])
                yield key, mark, names


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
    unit, or of the means of groups of units where no unit has two of the levels; without one, the
    single row that `where` finds is taken with its interval.
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

    network: Annotated[str, Refers(("network",))]
    task: Annotated[str | None, Refers(("task",))] = None
    stimuli: str | None = None
    training: Annotated[str | None, Refers(("training",))] = None
    n_networks: Annotated[int, Field(ge=1)] = 1
    first_seed: int = 0
    n_training: Annotated[int, Field(ge=1)] = 65_536
    n_validation: Annotated[int, Field(ge=1)] = 4096
    n_per_cell: Annotated[int, Field(ge=1)] = 128
    evaluation_seed: int = 0
    counterfactuals: bool = False
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
        if self.counterfactuals and self.task is None:
            raise ValueError("'counterfactuals' needs a 'task' that can make them")
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
    recording: Annotated[str, Refers(("recording",))]
    n_neuroids: Annotated[int, Field(ge=1)] = 50
    n_repetitions: Annotated[int, Field(ge=1)] = 10
    n_subjects: Annotated[int, Field(ge=1)] = 4
    snr: Annotated[float, Field(gt=0)] = 0.5
    seed: int = 0


class Analysis(Table):
    """`[[analysis]]`: what all kinds have; the kinds are in `reprcompare.protocol.kinds`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    kind: str


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


TASKS: dict[str, Callable[..., Any]] = {
    "digits": digits,
    "points": PointTask,
    "trifeature": TrifeatureTask,
    "two_points": two_points,
    "vectors": VectorTask,
}
"""What `[task.NAME]` can be."""


GIVEN = ("n_inputs", "n_outputs", "input_shape", "levels", "feature_names", "seed")
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
}
"""The models of named tables, by section and by the key `kind`; "" where there is one kind only.
Analyses have a folder of their own, `kinds`."""

SINGLE: dict[str, type[Table]] = {"protocol": Heading, "report": Report, "budget": Budget}
"""Sections that occur once."""

SECTIONS = (*SINGLE, "expect", *KINDS, "analysis", "sweep")
