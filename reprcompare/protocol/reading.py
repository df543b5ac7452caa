"""Read a protocol: from a TOML file to validated tables, one set for each cell of its sweep.

Everything is checked before anything runs, and every fault is reported with its place in the file
and the nearest valid name. Nothing in the file is executed.
"""

import dataclasses
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from reprcompare.errors import ProtocolError, ReprcompareError, unknown_name
from reprcompare.networks import Training
from reprcompare.protocol import schema
from reprcompare.protocol.checking import check_expectations, check_references
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.sweep import Cell, combinations_of
from reprcompare.shipped import shipped

T = TypeVar("T", bound=BaseModel)

MODELS: dict[str, dict[str, type[schema.Table]]] = {
    **schema.KINDS,
    "analysis": {name: kind.table for name, kind in ANALYSES.items()},
}
"""The model of every table by section and kind."""

MAKERS: dict[str, dict[str, Callable[..., Any]]] = {
    "task": schema.TASKS,
    "training": {"": Training},
}
"""Tables of which the thing itself is made at once, since that costs nothing and checks them."""


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
            near = get_close_matches(file.stem, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ProtocolError(
                f"there is no protocol file {file}{hint} Give the path of a TOML file, or the name "
                f"of one that comes with reprcompare: {', '.join(known)}."
            )
    return parse_protocol(file.read_text(encoding="utf-8"), str(file))


def parse_protocol(text: str, file: str = "the protocol") -> Protocol:
    """Validate the text of a protocol.

    Parameters
    ----------
    text
        TOML.
    file
        Where it came from, for messages.

    Raises
    ------
    ProtocolError
        If it is not TOML, or something in it is wrong.
    """
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
            Cell(settings, _tables(cell))
            for settings, cell in combinations_of(raw, raw.get("sweep", {}))
        ],
    )
    check_references(protocol.analyses, protocol.cells)
    check_expectations(protocol.expectations, protocol.analyses, protocol.cells)
    return protocol


def _tables(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for section in schema.KINDS:
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
    kinds = MODELS[section]
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
