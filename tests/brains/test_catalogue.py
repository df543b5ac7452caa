import json

import numpy as np
import pydantic
import pytest
import xarray as xr

from reprcompare.audit import audit
from reprcompare.brains import catalogue, entry, load_brain, load_stimuli, why_not
from reprcompare.brains.catalogue import Entry
from reprcompare.brains.loading import READERS, STIMULI
from reprcompare.errors import DownloadError, NotIdentifiableError, UnknownNameError
from reprcompare.measurement import average, noise_ceiling, region_reliability, split_half
from reprcompare.recording import label_table

QUESTIONS = {"share", "density", "decodability", "role", "encoding", "reliability"}


def test_every_entry_is_complete():
    table = catalogue()
    assert len(table)
    for name in table["name"]:
        item = entry(name)
        assert item.citation
        assert item.licence
        assert item.source.startswith("https://")
        assert item.checked
        assert set(item.limits) <= QUESTIONS
        assert all(file.url.endswith(file.name) for file in item.files)


def test_what_can_be_fetched_can_be_read_and_every_documented_part_exists():
    table = catalogue()
    assert set(table.loc[table["megabytes"].notna(), "name"]) == set(READERS)
    for name, parts in READERS.items():
        assert set(parts) - {""} == set(entry(name).parts)
    assert set(STIMULI) <= set(READERS)


def test_sets_that_must_be_fetched_by_hand_say_how():
    for name in ("majaj2015", "nsd"):
        assert np.isnan(catalogue().set_index("name").loc[name, "megabytes"])
        with pytest.raises(DownloadError, match=f"{name} .*{entry(name).source}.*load_brain"):
            load_brain(name)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'kriegeskorte2008'"):
        entry("kriegeskorte2009")


def test_a_misspelt_key_of_an_entry_is_refused():
    known = entry("kriegeskorte2008").model_dump()
    with pytest.raises(pydantic.ValidationError, match="licens"):
        Entry.model_validate(known | {"licens": "MIT"})


def test_limits_travel_with_the_data(data_dir):
    rdms = load_brain("kriegeskorte2008/human", data_dir)
    assert "no activity" in why_not(rdms, "density")
    assert why_not(rdms, "share") is None


def test_analyses_repeat_why_a_question_is_not_identifiable(data_dir):
    labels = label_table(load_stimuli("kriegeskorte2008", data_dir))[["face"]]
    notes = audit(load_brain("kriegeskorte2008/monkey", data_dir), labels=labels).notes
    for question in ("density", "decodability", "role"):
        reason = entry("kriegeskorte2008").limits[question]
        assert f"{question.capitalize()} is not identifiable: {reason}." in notes


@pytest.mark.parametrize("estimate", [split_half, noise_ceiling, region_reliability, average])
def test_what_was_published_as_dissimilarities_has_no_reliability_of_neuroids(estimate, data_dir):
    reason = "no repetitions of single trials" if estimate is not average else "no responses"
    with pytest.raises(NotIdentifiableError, match=f"not identifiable: .*{reason}"):
        estimate(load_brain("kriegeskorte2008/human", data_dir))


def test_data_without_stated_limits_are_not_limited():
    assert why_not(xr.Dataset(), "role") is None
    limited = xr.Dataset(attrs={"limits": json.dumps({"role": "why"})})
    assert why_not(limited, "role") == "why"
