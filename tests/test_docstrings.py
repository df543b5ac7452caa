"""Every public function says what it takes, what it returns and what it raises."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap

import pytest

import reprcompare

ROOMS = sorted(room.name for room in pkgutil.iter_modules(reprcompare.__path__) if room.ispkg)


def exported():
    """Return the functions that the package and its rooms offer, by their full names."""
    found = {}
    for name in ("reprcompare", *(f"reprcompare.{room}" for room in ROOMS if room != "cli")):
        module = importlib.import_module(name)
        for item in module.__all__:
            value = getattr(module, item)
            if inspect.isfunction(value):
                found[f"{value.__module__}.{value.__name__}"] = value
    return found


FUNCTIONS = exported()


def sections_of(docstring):
    """Return the text of every section by its heading; the text before them is under ''."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def described(section):
    """Return the names that entries of a section describe; an entry may be for several."""
    lines = [line for line in section.splitlines() if line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for line in lines for name in line.split(" : ")[0].split(",")]


def raises(function):
    """Tell whether a function raises something itself, rather than in one that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) for node in ast.walk(tree))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_public_function_says_what_it_takes_returns_and_raises(name):
    function = FUNCTIONS[name]
    found = sections_of(inspect.getdoc(function) or "")
    signature = inspect.signature(function)
    assert found[""].strip(), "there is no summary"
    missing = set(signature.parameters) - set(described(found.get("Parameters", "")))
    assert not missing, f"parameters that are not described: {', '.join(sorted(missing))}"
    unknown = set(described(found.get("Parameters", ""))) - set(signature.parameters)
    assert not unknown, f"described, but no parameters: {', '.join(sorted(unknown))}"
    if signature.return_annotation not in (None, "None", inspect.Signature.empty):
        assert {"Returns", "Yields"} & found.keys(), "it is not said what comes back"
    if raises(function):
        assert "Raises" in found, "it is not said what is raised"
