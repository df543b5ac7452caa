import subprocess
import sys

import pytest

import reprcompare as rc


def test_every_name_of_the_contract_is_there():
    for name in rc.__all__:
        assert callable(getattr(rc, name))
    assert set(dir(rc)) == set(rc.__all__)


def test_importing_a_room_does_not_hide_the_verb_of_the_same_name():

    assert callable(rc.audit)
    assert callable(rc.report)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'compair'"):
        rc.compair  # noqa: B018


def test_opening_a_recording_does_not_load_torch():
    code = "import sys, reprcompare as rc; rc.open_recording; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "False"


def test_the_package_runs_as_a_module():
    asked = [sys.executable, "-m", "reprcompare", "--version"]
    printed = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "reprcompare" in printed.stdout
