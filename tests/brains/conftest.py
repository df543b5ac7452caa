import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir():
    """The folder with the real public data sets."""
    folder = os.environ.get("REPRCOMPARE_DATA_DIR")
    if not folder:
        pytest.skip("needs the public data sets: set REPRCOMPARE_DATA_DIR to their folder")
    return Path(folder)
