"""A study with early stopping: what it reports, and how it is resumed after an interruption and repaired."""

import hashlib
import json
from pathlib import Path

import pytest
from stand_ins import stacked

from modescape import pipeline
from modescape.progress import Progress
from modescape.study import Study
from modescape.study.status import summary, verify

pytestmark = pytest.mark.ci

SETTINGS = [
    *("train.epochs=8", "train.keep_last=2", "train.trajectories=1", "data.test=1400", "compute.engine=here"),
    *("train.members=2", "train.early_stopping={patience: 1, score: validation_accuracy}", "data.validation=50"),
]
TIMED = {"state.json", "history.csv"}


class Interrupting(Progress):
    """Interrupts the run after the given number of images."""

    def __init__(self, images: float):
        self.left = images

    def stage(self, name, total, unit):
        pass

    def line(self, text):
        pass

    def advance(self, amount, note=""):
        self.left -= amount
        if self.left < 0:
            raise KeyboardInterrupt


def train(out: Path, progress: Progress | None = None) -> Study:
    return pipeline.train("digits", out, overrides=SETTINGS, progress=progress)


def digests(study: Study) -> dict[str, str]:
    files = sorted(file for file in study.path.glob("members/*/*") if file.name not in TIMED)
    return {f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module", params=[1, 2])
def whole(request, tmp_path_factory) -> tuple[int, Study]:
    with stacked([request.param]):
        return request.param, train(tmp_path_factory.mktemp("stopped") / "s")


def test_a_study_says_who_stopped_and_holds_the_best_epoch_from_then_on(whole):
    study = whole[1]
    places = [member.stopped for member in study.members]
    assert any(place is not None and place[0] < 7 for place in places), places
    for member, line in zip(study.members, summary(study.path).members, strict=True):
        assert (member.status, member.epochs_done) == ("trained", 8)
        accuracy = member.history()["validation_accuracy"].tolist()
        if member.stopped is None:
            assert accuracy == sorted(set(accuracy))
            continue
        after, best = member.stopped
        assert accuracy[best - 1] == max(accuracy) == accuracy[-1]
        assert line.message == f"back after epoch {after} to the weights of its best one, {best}"
        first, last = study.params(member.number, epoch=max(after, 7)), study.params(member.number, epoch=8)
        assert all((first[name] == last[name]).all() for name in last)
    assert verify(study.path) == []


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_an_interrupted_run_goes_on_to_the_same_bytes(whole, tmp_path, share):
    size, study = whole
    images = 8 * 2 * study.manifest["examples"]["train"]
    with stacked([size]):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "s", Interrupting(share * images))
        again = train(tmp_path / "s")
    assert digests(again) == digests(study)
    assert [member.stopped for member in again.members] == [member.stopped for member in study.members]


def test_what_is_lost_is_made_again(whole, tmp_path):
    size, study = whole
    with stacked([size]):
        again = train(tmp_path / "s")
        (again.path / "members/000/epoch-008.safetensors").unlink()
        (again.path / "members/001/state.json").unlink()
        again = train(tmp_path / "s")
    assert digests(again) == digests(study)
    states = [json.loads((one.path / "members/001/state.json").read_text()) for one in (again, study)]
    assert states[0].get("stopped") == states[1].get("stopped")
