"""Packages that only some formats need."""

import importlib
from typing import Any

from reprcompare.errors import MissingExtraError


def optional(module: str, extra: str, what: str) -> Any:
    """Import a package of an extra, or name the extra that brings it.

    Parameters
    ----------
    module
        What to import, such as ``"pynwb"``.
    extra
        The extra that installs it.
    what
        What needs it, as the message begins.

    Raises
    ------
    MissingExtraError
        If it is not installed.

    Examples
    --------
    >>> optional("no_such_package", "nwb", "NWB files")
    Traceback (most recent call last):
    reprcompare.errors.MissingExtraError: NWB files need the package no_such_package, which is not
    installed; install the extra with: pip install 'reprcompare[nwb]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{what} need the package {module.split('.')[0]}, which is not installed; install the "
            f"extra with: pip install 'reprcompare[{extra}]'"
        ) from error
