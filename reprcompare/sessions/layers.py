"""Choose the layers of a network whose responses are recorded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from reprcompare.errors import InvalidInputError, UnknownLayerError, unknown_name

_REQUEST = re.compile(r"(?P<module>.+?)(?::(?P<call>\d+))?(?P<part>(?:\[[^\[\]]+\])*)")


@dataclass(frozen=True)
class Layer:
    """A layer as it was asked for.

    Attributes
    ----------
    module
        Path of the module in the network, such as ``"layer4.1.conv2"``.
    call
        Which of several calls in one forward pass; None for all of them.
    part
        Which tensor of a tuple or dictionary that the module returns, such as ``"[1][0]"`` or
        ``"[last_hidden_state]"``; empty for the first one.
    named
        Whether the user named it, rather than a pattern that happens to match it.
    """

    module: str
    call: int | None = None
    part: str = ""
    named: bool = field(default=False, compare=False)


def choose_layers(network: nn.Module, layers: str | Sequence[str] | None) -> list[Layer]:
    """Resolve names and patterns to layers, in the order of the network.

    Parameters
    ----------
    network
        Any torch network.
    layers
        A name, a pattern, or several of them; None for all leaf modules. In a pattern ``*`` stands
        for anything within one level (``"layer4.*"`` are the blocks of layer4), ``?`` for one
        character of it and ``**`` for anything at all. ``"relu:1"`` is the second call of a module
        that is called several times, ``"lstm[1][0]"`` one tensor of several that a module returns.

    Returns
    -------
    list of Layer
        Patterns in the order in which the network defines its modules, without repeats.

    Raises
    ------
    UnknownLayerError
        If a name or pattern matches nothing; the message offers the nearest name.
    InvalidInputError
        If there is nothing to record.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> [layer.module for layer in choose_layers(network, None)]
    ['0', '1', '2']
    >>> choose_layers(network, "1:0")
    [Layer(module='1', call=0, part='', named=True)]
    """
    modules = {name: module for name, module in network.named_modules() if name}
    where = type(network).__name__
    if layers is None:
        asked = [name for name, module in modules.items() if not any(module.children())]
    else:
        asked = [layers] if isinstance(layers, str) else [str(name) for name in layers]
    chosen: dict[Layer, None] = {}
    for name in asked:
        if name in modules:
            found = [Layer(name, named=layers is not None)]
        elif "*" in name or "?" in name:
            found = [Layer(match) for match in modules if matches(match, name)]
        else:
            found = _parse(name, modules)
        if not found:
            raise UnknownLayerError(unknown_name("layer", name, modules, where))
        chosen.update(dict.fromkeys(found))
    if not chosen:
        raise InvalidInputError(
            f"no layers of {where} to record: {'it has no modules' if layers is None else layers}."
        )
    return list(chosen)


def matches(name: str, pattern: str) -> bool:
    """Tell whether a layer's name fits a pattern.

    Examples
    --------
    >>> matches("layer4.1", "layer4.*"), matches("layer4.1.conv2", "layer4.*")
    (True, False)
    >>> matches("layer4.1.conv2", "layer4.**"), matches("layer4.1.conv2", "layer?.1.conv?")
    (True, True)
    """
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    wild = {"*": "[^.]*", "**": ".*", "?": "[^.]"}
    return re.fullmatch("".join(wild.get(p) or re.escape(p) for p in parts), name) is not None


def _parse(name: str, modules: dict[str, nn.Module]) -> list[Layer]:
    match = _REQUEST.fullmatch(name)
    if match is None or match["module"] not in modules:
        return []
    call = match["call"]
    return [Layer(match["module"], None if call is None else int(call), match["part"], named=True)]
