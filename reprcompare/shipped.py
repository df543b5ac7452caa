"""Where the protocols and the catalogue that come with the package lie."""

from pathlib import Path


def shipped(folder: str) -> Path:
    """Return the path of a shipped folder, in a checkout as in an installed wheel.

    Parameters
    ----------
    folder
        ``"protocols"`` or ``"data"``.
    """
    package = Path(__file__).parent
    installed = package / "_shipped" / folder
    return installed if installed.is_dir() else package.parent / folder
