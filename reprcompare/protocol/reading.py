"""Read a protocol: from a TOML file to validated tables, one set for each cell of its sweep.

Everything is checked before anything runs, and every fault is reported with its place in the file
and the nearest valid name. Nothing in the file is executed.
"""

import copy
import dataclasses
import itertools
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from reprcompare.errors import ProtocolError, ReprcompareError, listing, unknown_name
from reprcompare.networks import Training
from reprcompare.protocol import schema
from reprcompare.shipped import shipped

T = TypeVar("T", bound=BaseModel)

MAKERS: dict[str, dict[str, Callable[..., Any]]] = {
    "task": schema.TASKS,
    "training": {"": Training},
}
"""Tables of which the thing itself is made at once, since that costs nothing and checks them."""


@dataclass(frozen=True)
class Cell:
    """One combination of the swept settings, and the tables that it makes of the protocol.

    Attributes
    ----------
    settings
        What is swept, by the last part of its path; empty without a sweep.
    tables
        Validated tables by section and name, for the sections of `schema.KINDS` but analyses.
    """

    settings: dict[str, Any]
    tables: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Protocol:
    """A validated protocol.

    Attributes
    ----------
    text
        The file as it was.
    heading, report, budget, expectations, analyses
        Its tables; no budget where it states none.
    cells
        One for each combination of swept settings.
    """

    text: str
    heading: schema.Heading
    report: schema.Report
    budget: schema.Budget | None
    expectations: list[schema.Expectation]
    analyses: list[Any]
    cells: list[Cell]


def read_protocol(path: str | os.PathLike[str]) -> Protocol:
    """Read and validate a protocol.

    Parameters
    ----------
    path
        A TOML file, or the name of a protocol that comes with the package.

    Returns
    -------
    Protocol

    Raises
    ------
    ProtocolError
        If the file does not exist, is not TOML, or something in it is wrong.

    Examples
    --------
    >>> read_protocol("complexity").heading.name
    'complexity'
    """
    file = Path(path)
    if not file.is_file():
        named = shipped("protocols") / f"{path}.toml"
        if file.parent == Path() and named.is_file():
            file = named
        else:
            known = sorted(item.stem for item in shipped("protocols").glob("*.toml"))
            raise ProtocolError(
                f"there is no protocol file {file}. Give the path of a TOML file, or the name of "
                f"one that comes with reprcompare: {', '.join(known)}."
            )
    text = file.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"{file} is not valid TOML: {error}.") from error
    try:
        return _validate(raw, text)
    except ProtocolError as error:
        raise ProtocolError(f"{file}: {error}") from error.__cause__


def _validate(raw: dict[str, Any], text: str) -> Protocol:
    for section in raw:
        if section not in schema.SECTIONS:
            raise ProtocolError(unknown_name("section", section, schema.SECTIONS))
    if "protocol" not in raw:
        raise ProtocolError("the table [protocol] with name and question is missing.")
    heading = _table(schema.Heading, raw["protocol"], "protocol")
    analyses = [
        _named("analysis", item, f"analysis[{number}]")
        for number, item in enumerate(raw.get("analysis", []), start=1)
    ]
    protocol = Protocol(
        text=text,
        heading=heading,
        report=_table(schema.Report, raw.get("report", {}), "report"),
        budget=_table(schema.Budget, raw["budget"], "budget") if "budget" in raw else None,
        expectations=[
            _table(schema.Expectation, item, f"expect[{number}]")
            for number, item in enumerate(raw.get("expect", []), start=1)
        ],
        analyses=analyses,
        cells=[
            Cell(settings, _tables(cell)) for settings, cell in _sweep(raw, raw.get("sweep", {}))
        ],
    )
    _check_references(protocol)
    return protocol


def _tables(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for section in schema.KINDS:
        if section != "analysis":
            given = raw.get(section, {})
            if not isinstance(given, dict) or not all(isinstance(x, dict) for x in given.values()):
                raise ProtocolError(f"[{section}] must hold named tables, as in [{section}.NAME].")
            tables[section] = {
                name: _named(section, item, f"{section}.{name}") for name, item in given.items()
            }
    return tables


def _named(section: str, raw: Any, place: str) -> Any:
    """Validate a table whose model depends on its key `kind`, and make what can be made of it."""
    if not isinstance(raw, dict):
        raise ProtocolError(f"{place}: expected a table, got {raw!r}.")
    kinds = schema.KINDS[section]
    default = "" if "" in kinds else "data" if section == "brain" else None
    kind = raw.get("kind", default)
    if kind not in kinds:
        if kind is None:
            raise ProtocolError(f"{place}: the key 'kind' is missing; one of {', '.join(kinds)}.")
        raise ProtocolError(f"{place}.kind: {unknown_name('kind', str(kind), kinds)}")
    table = _table(kinds[kind], raw, place)
    makers: dict[str, Callable[..., Any]] | None = MAKERS.get(section)
    if makers is None:
        return table
    values = {name: getattr(table, name) for name in type(table).model_fields if name != "kind"}
    try:
        return makers[kind](**values)
    except ReprcompareError as error:
        raise ProtocolError(f"{place}: {error}") from error


def _table(model: type[T], raw: Any, place: str) -> T:
    """Validate one table, or say what is wrong at which place."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        said = [_sentence(model, item, place) for item in error.errors()]
        raise ProtocolError(" ".join(said)) from error


def _sentence(model: type[BaseModel], fault: Any, place: str) -> str:
    where = ".".join([place, *(str(part) for part in fault["loc"])])
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        *_, key = fault["loc"]
        known = list(model.model_fields) if len(fault["loc"]) == 1 else _fields_below(model, fault)
        return f"{where}: {unknown_name('key', str(key), known)}"
    if fault["type"] == "missing":
        return f"{where}: this key is missing."
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{where}: {message}."
    return f"{where}: {message}, got {fault['input']!r}."


def _fields_below(model: type[BaseModel], fault: Any) -> list[str]:
    """Return the keys that a table inside a list may have, such as a feature of a task."""
    annotation = model.model_fields[str(fault["loc"][0])].annotation
    (inner, *_) = getattr(annotation, "__args__", (None,))
    return [field.name for field in dataclasses.fields(inner)] if inner else []


def _sweep(
    raw: dict[str, Any], sweep: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the settings and the protocol of every cell."""
    axes = {path: values for path, values in sweep.items() if path != "zip"}
    for path, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ProtocolError(f"sweep: {path!r} must be a list of values, got {values!r}.")
    if sweep.get("zip", False):
        lengths = {path: len(values) for path, values in axes.items()}
        if len(set(lengths.values())) > 1:
            raise ProtocolError(f"sweep: zipped lists must be of one length, got {lengths}.")
        combinations = list(zip(*axes.values(), strict=True))
    else:
        combinations = list(itertools.product(*axes.values()))
    cells = []
    for combination in combinations:
        cell = copy.deepcopy(raw)
        for path, value in zip(axes, combination, strict=True):
            _set(cell, path, value)
        short = [path.split(".")[-1] for path in axes]
        names = short if len(set(short)) == len(short) else list(axes)
        cells.append((dict(zip(names, combination, strict=True)), cell))
    return cells


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    table: Any = raw
    for depth, part in enumerate(parents):
        if not isinstance(table, dict) or part not in table:
            known = table if isinstance(table, dict) else []
            above = ".".join(parents[:depth]) or "the file"
            raise ProtocolError(f"sweep: {unknown_name('table', part, known, above)}")
        table = table[part]
    table[last] = value


def _check_references(protocol: Protocol) -> None:
    """Check that every name that is used is defined, in every cell."""
    for cell in protocol.cells:
        for name, recording in cell.tables["recording"].items():
            for section in ("network", "task", "training"):
                used = getattr(recording, section)
                if used is not None and used not in cell.tables[section]:
                    _undefined(f"recording.{name}.{section}", section, used, cell.tables[section])
        for name, brain in cell.tables["brain"].items():
            if isinstance(brain, schema.SimulatedBrain):
                _one_of(f"brain.{name}", "recording", [brain.recording], cell)
        names = [analysis.name for analysis in protocol.analyses]
        if len(set(names)) < len(names):
            raise ProtocolError(f"analysis names must be unique, got {listing(names, 20)}.")
        for number, analysis in enumerate(protocol.analyses):
            place = f"analysis {analysis.name!r}"
            _one_of(place, "recording", getattr(analysis, "recordings", []), cell)
            used = getattr(analysis, "brain", None)
            _one_of(place, "brain", [used] if used else [], cell)
            for model in getattr(analysis, "models", []):
                if model not in cell.tables["recording"] and model not in cell.tables["brain"]:
                    _undefined(
                        place, "model", model, [*cell.tables["recording"], *cell.tables["brain"]]
                    )
            audits = [a.name for a in protocol.analyses[:number] if a.kind == "audit"]
            if getattr(analysis, "audit", None) and analysis.audit not in audits:
                _undefined(place, "audit before it", analysis.audit, audits)
    for number, expectation in enumerate(protocol.expectations, start=1):
        chosen = [expectation.choose.analysis] if expectation.choose else []
        for used in [expectation.analysis, *chosen]:
            if used not in names:
                _undefined(f"expect[{number}].analysis", "analysis", used, names)


def _one_of(place: str, section: str, used: list[str], cell: Cell) -> None:
    for name in used:
        if name not in cell.tables[section]:
            _undefined(place, section, name, cell.tables[section])


def _undefined(place: str, section: str, name: str, known: Any) -> None:
    raise ProtocolError(f"{place}: {unknown_name(section, name, known, 'the file')}")
