"""A tracker whose package is missing is reported before anything is written."""

import importlib.util
from types import SimpleNamespace

import pytest

from modescape import pipeline
from modescape.errors import InputError
from modescape.interop.trackers import TRACKERS
from modescape.pipeline.tracking import Follower
from modescape.progress import Progress
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


class Said(Progress):
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


class Unending:
    """A tracker that accepts records but fails to finish."""

    run = "1"

    def hear(self, event):
        pass

    def close(self):
        raise TypeError("finish() got an unexpected keyword")


def test_a_tracker_that_does_not_end_is_said_and_is_told_again(tmp_path):
    recipe = SimpleNamespace(train=SimpleNamespace(members=0), analyses=[])
    said = Said()
    follower = Follower(SimpleNamespace(recipe=recipe, path=tmp_path), "unending", Unending(), said)
    follower.close()
    assert said.lines == [
        "tracking with unending stopped: finish() got an unexpected keyword; run the same command later to continue it"
    ]
    assert not (tmp_path / "tracking").exists()  # nothing is recorded as sent
