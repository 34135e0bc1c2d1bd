"""A tracker whose package is not there is said before anything is written."""

import importlib.util

import pytest

from modescape import pipeline
from modescape.errors import InputError
from modescape.interop.trackers import TRACKERS
from modescape.trackers import TRACKER_NAMES


def test_every_name_of_a_recipe_is_a_tracker():
    assert tuple(TRACKERS) == TRACKER_NAMES


@pytest.mark.parametrize("name", TRACKERS)
def test_a_package_that_is_missing_is_named_and_nothing_is_written(name, tmp_path):
    if importlib.util.find_spec(TRACKERS[name][1]) is not None:
        pytest.skip(f"{TRACKERS[name][1]} is installed")
    with pytest.raises(InputError, match=rf"pip install 'modescape\[{name}\]'"):
        pipeline.run("digits", tmp_path / "study", overrides=[f"compute.track=[{name}]"])
    assert not (tmp_path / "study").exists()
