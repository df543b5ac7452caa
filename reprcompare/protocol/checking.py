"""Check before the run that what a protocol names exists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reprcompare.errors import InvalidInputError, ProtocolError, listing, unknown_name
from reprcompare.protocol import schema
from reprcompare.protocol.bench import Columns
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.making import PROPERTIES_OF_TRAINING
from reprcompare.protocol.sweep import Cell


def check_references(analyses: Sequence[schema.Analysis], cells: Sequence[Cell]) -> None:
    """Check that every table that another one names is in the file, in every cell.

    Parameters
    ----------
    analyses
        In the order of the file; an analysis may name those before it.
    cells
        Of the sweep.

    Raises
    ------
    ProtocolError
        With the place and the nearest name.
    """
    names = [analysis.name for analysis in analyses]
    if len(set(names)) < len(names):
        raise ProtocolError(f"analysis names must be unique, got {listing(names, 20)}.")
    for cell in cells:
        for section, tables in cell.tables.items():
            for name, table in tables.items():
                if isinstance(table, schema.Table):
                    _check_table(table, f"{section}.{name}", cell.tables)
        for number, analysis in enumerate(analyses):
            before = {earlier.name: earlier for earlier in analyses[:number]}
            place = f"analysis {analysis.name!r}"
            _check_table(analysis, place, cell.tables | {"analysis": before})
    for analysis in analyses:
        _check_columns_of(analysis, {earlier.name: earlier.kind for earlier in analyses}, cells)


def _check_columns_of(
    analysis: schema.Analysis, kinds: Mapping[str, str], cells: Sequence[Cell]
) -> None:
    """Check the columns that an analysis names of the table of another one."""
    place = f"analysis {analysis.name!r}"
    for key, field in type(analysis).model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, schema.OfColumns):
                columns = ANALYSES[kinds[getattr(analysis, mark.analysis)]].columns["table"]
                try:
                    names = mark.names(getattr(analysis, key))
                except InvalidInputError as error:
                    raise ProtocolError(f"{place}.{key}: {error}") from error
                _check_columns(place, {key: names}, columns, cells)


def _check_table(table: schema.Table, place: str, tables: Mapping[str, Mapping[str, Any]]) -> None:
    for key, refers, names in schema.references(table):
        known = [
            name
            for section in refers.sections
            for name, item in tables[section].items()
            if not refers.kind or item.kind == refers.kind
        ]
        for name in names:
            if name not in known:
                what = f"{refers.kind} before it" if refers.kind else " or ".join(refers.sections)
                _unknown(f"{place}.{key}", what, name, known)


def check_expectations(
    expectations: Sequence[schema.Expectation],
    analyses: Sequence[schema.Analysis],
    cells: Sequence[Cell],
) -> None:
    """Check what expectations name, as far as it is known before the run.

    Parameters
    ----------
    expectations, analyses
        Of the protocol.
    cells
        Of the sweep, whose settings are columns of every table.

    Raises
    ------
    ProtocolError
        If an analysis, a table, a column, a swept value or a feature does not exist.
    """
    kinds = {analysis.name: analysis.kind for analysis in analyses}
    for number, expectation in enumerate(expectations, start=1):
        place = f"expect[{number}]"
        choice = expectation.choose
        _known(f"{place}.analysis", "analysis", [expectation.analysis], kinds)
        tables = ANALYSES[kinds[expectation.analysis]].columns
        _known(f"{place}.table", "table", [expectation.table], tables)
        used = {
            "measure": [expectation.measure],
            "where": [*expectation.where],
            "interval": [*(expectation.interval or ())],
            "choose.into": choice.into if choice else [],
        }
        if expectation.contrast is not None:
            used |= {"by": [expectation.by], "unit": [expectation.unit]}
        _check_columns(place, used, tables[expectation.table], cells)
        _check_values(f"{place}.where", expectation.where, cells)
        if expectation.contrast is not None:
            _check_levels(f"{place}.contrast", expectation.by, expectation.contrast, cells)
        if choice is not None:
            _known(f"{place}.choose.analysis", "analysis", [choice.analysis], kinds)
            columns = ANALYSES[kinds[choice.analysis]].columns["table"]
            used = {
                "choose.measure": [choice.measure],
                "choose.column": [choice.column],
                "choose.where": [*choice.where],
            }
            _check_columns(place, used, columns, cells)
            _check_values(f"{place}.choose.where", choice.where, cells)


def _check_columns(
    place: str, used: Mapping[str, Sequence[str]], columns: Columns, cells: Sequence[Cell]
) -> None:
    known = [*columns.names, *cells[0].settings]
    unknowable = not columns.closed
    if columns.of_features:
        tasks = [task for cell in cells for task in cell.tables["task"].values()]
        known += list(PROPERTIES_OF_TRAINING)
        known += [str(name) for task in tasks for name in task.properties.columns]
        unknowable = unknowable or _has_data(cells)
    for key, names in used.items():
        # Data from elsewhere may bring properties of features, but what is measured is known.
        if not unknowable or (columns.closed and key.endswith("measure")):
            _known(f"{place}.{key}", "column", names, dict.fromkeys(known))


def _check_values(place: str, where: Mapping[str, Any], cells: Sequence[Cell]) -> None:
    """Check the values of swept settings; others are known after the run only."""
    for column, value in where.items():
        if column in cells[0].settings:
            swept = dict.fromkeys(str(cell.settings[column]) for cell in cells)
            _known(f"{place}.{column}", column, [str(value)], swept)


def _check_levels(
    place: str, by: str, contrast: Mapping[str, float], cells: Sequence[Cell]
) -> None:
    """Check the levels of a contrast over features or a swept setting."""
    levels: dict[str, None] = {}
    for cell in cells:
        if by in cell.settings:
            levels[str(cell.settings[by])] = None
        elif by == "feature" and not _has_data(cells):
            for task in cell.tables["task"].values():
                levels.update(dict.fromkeys(map(str, task.properties.index)))
    if levels:
        _known(place, by, [*contrast], levels)


def _has_data(cells: Sequence[Cell]) -> bool:
    """Tell whether there are data from elsewhere, which carry features of their own."""
    return any(
        isinstance(brain, schema.CatalogueBrain) for brain in cells[0].tables["brain"].values()
    ) or any(table.stimuli for table in cells[0].tables["recording"].values())


def _known(place: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            _unknown(place, what, name, known)


def _unknown(place: str, what: str, name: str, known: Iterable[str]) -> None:
    raise ProtocolError(f"{place}: {unknown_name(what, name, known)}")
