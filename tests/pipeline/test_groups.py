"""Members stacked in groups, as on a GPU: bit-identical in any group, resumed, halved or enlarged."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from stand_ins import stacked

from modescape import pipeline
from modescape.errors import WorkError
from modescape.network.trial import IMAGES
from modescape.pipeline import estimate, training, writing
from modescape.progress import Progress
from modescape.study import Study
from modescape.train.step import Step

pytestmark = pytest.mark.ci

SETTINGS = [
    *("train.epochs=4", "train.keep_last=2", "train.trajectories=1", "data.test=1400", "compute.engine=here"),
    # at the recipe's rate, a group of 4 and its halves differ in a last bit, and a repair would train again
    "train.learning_rate=1.6e-3",
]
TIMED = {"state.json", "history.csv"}


@pytest.fixture(autouse=True)
def plan_of_groups(monkeypatch):
    """Studies begun in a test stack ``sizes[0]`` members on the CPU."""
    sizes = [2]
    monkeypatch.setattr(estimate, "estimate", lambda *arguments, **settings: None)  # would run counted steps
    with stacked(sizes):
        yield sizes


class Hearing(Progress):
    """Records messages and the number of images."""

    def __init__(self):
        self.lines, self.images, self.total = [], 0.0, 0.0

    def stage(self, name, total, unit):
        self.total += total

    def advance(self, amount, note=""):
        self.images += amount

    def line(self, text):
        self.lines.append(text)


def train(out: Path, members: int, progress: Progress | None = None) -> Study:
    overrides = [*SETTINGS, f"train.members={members}"]
    return pipeline.train("digits", out, overrides=overrides, progress=progress)


def digests(study: Study, *members: int) -> dict[str, str]:
    files = [file for member in members for file in sorted((study.path / f"members/{member:03d}").iterdir())]
    return {
        f"{file.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name not in TIMED
    }


@pytest.fixture(scope="module")
def four(tmp_path_factory) -> Study:
    """Four members in two groups of two."""
    with stacked([2]):
        return train(tmp_path_factory.mktemp("groups") / "four", 4)


def test_everyone_is_trained_and_says_in_which_group(four):
    assert four.trained == [0, 1, 2, 3]
    states = [json.loads((member.path / "state.json").read_text()) for member in four.members]
    assert [state["group"] for state in states] == [[0, 2], [0, 2], [2, 2], [2, 2]]
    assert four.kept(0) == [0, 1, 2, 3, 4]
    assert four.kept(3) == [0, 3, 4]
    assert not list(four.path.rglob("resume-before*"))


def test_a_member_is_the_same_whoever_was_asked_for_and_growth_repeats_nothing(four, tmp_path):
    """Of three members, the last is alone in its group of two: the free place is filled, and its result discarded."""
    heard = Hearing()
    study = train(tmp_path / "s", 3, heard)
    assert heard.images == heard.total  # the filled place is not counted
    assert [path.name for path in sorted((tmp_path / "s/members").iterdir())] == ["000", "001", "002"]
    assert digests(study, 0, 1, 2) == digests(four, 0, 1, 2)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s/members").rglob("*.*")}
    grown = train(tmp_path / "s", 4)
    assert digests(grown, 0, 1, 2, 3) == digests(four, 0, 1, 2, 3)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


LIMITS = [1, 6, 7, 11, 22, *(pytest.param(limit, marks=pytest.mark.long) for limit in (5, 8, 16))]


@pytest.mark.parametrize("limit", LIMITS)
def test_interrupted_between_two_members_and_resumed(four, tmp_path, monkeypatch, limit):
    """Files of two members are written in turn, so a crash can leave them at different epochs."""
    writes = []
    functions = ["write_checkpoint", "write_history", "write_member_state", "write_resume"]

    def stopping(original):
        def write(*arguments, **settings):
            if len(writes) >= limit:
                raise KeyboardInterrupt
            writes.append(original.__name__)
            return original(*arguments, **settings)

        return write

    with monkeypatch.context() as patch:
        for name, value in {"WRITERS": 1, "AHEAD_BYTES": 0, "SHOW_SECONDS": 0}.items():
            patch.setattr(
                writing, name, value
            )  # all four files after every epoch, in one order, stopped at a known one
        for name in functions:
            # stop at every file in turn, where no signal could be timed
            patch.setattr(writing, name, stopping(getattr(writing, name)))
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "s", 2)
    study = train(tmp_path / "s", 2)
    assert digests(study, 0, 1) == digests(four, 0, 1)
    for member in (0, 1):
        history, whole = study.member(member).history(), four.member(member).history()
        assert all((history[column] == whole[column]).all() for column in set(history) - {"seconds"})


def test_a_group_goes_on_from_an_epoch_that_all_its_members_have(tmp_path, monkeypatch):
    """Member 0 is an epoch ahead when the run stops: its previous file is used, and only that epoch is lost."""
    writes, epochs = [], []
    resume, write = training.read_resume, writing.write_resume

    def stopping(study, member, epoch, *rest, **settings):
        if (0, 3) in writes:  # a stopped run writes nothing more, in any thread
            raise KeyboardInterrupt
        write(study, member, epoch, *rest, **settings)
        writes.append((member, epoch))

    with monkeypatch.context() as patch:
        for name, value in {"WRITERS": 1, "AHEAD_BYTES": 0}.items():
            patch.setattr(writing, name, value)  # files in one order, to be stopped at a known one
        patch.setattr(writing, "write_resume", stopping)  # stop right after one file, where no signal could be timed
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "s", 2)
    study = Study.open(tmp_path / "s")
    assert [resume(study, member).epoch for member in (0, 1)] == [3, 2]
    group = training.Trainer.group
    monkeypatch.setattr(  # files do not show what was trained twice
        training.Trainer,
        "group",
        lambda *a, starts, **k: epochs.append(starts[0].epoch) or group(*a, starts=starts, **k),
    )
    train(tmp_path / "s", 2)
    assert epochs[0] == 2


def small_memory(monkeypatch, most: int, from_call: int = 0) -> None:
    """A GPU whose memory holds ``most`` members at a time, from some step on."""
    original, calls = Step.__call__, []

    def step(self, state, images, *arguments):
        if images.shape[1] <= IMAGES:  # the trial's batches, on a CPU
            return original(self, state, images, *arguments)
        calls.append(1)
        if self.members > most and len(calls) > from_call:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return original(self, state, images, *arguments)

    monkeypatch.setattr(Step, "__call__", step)  # a GPU with little memory


def test_memory_that_runs_out_halves_the_group(four, tmp_path, monkeypatch, plan_of_groups):
    plan_of_groups[0] = 4
    heard = Hearing()
    small_memory(monkeypatch, 2)
    study = train(tmp_path / "s", 4, heard)
    assert "the GPU's memory does not hold 4 members at a time; going on with 2" in heard.lines
    assert digests(study, 0, 1, 2, 3) == digests(four, 0, 1, 2, 3)  # as if the plan had said two
    assert [member.group for member in study.members] == [(0, 2), (0, 2), (2, 2), (2, 2)]


def test_a_halved_group_goes_on_from_its_last_state_and_stays_halved(tmp_path, monkeypatch, plan_of_groups):
    """Memory runs out in the third epoch (of 7 steps): the halves begin there."""
    plan_of_groups[0] = 4
    seen = []
    group = training.Trainer.group

    def watching(self, members, probe, *, starts=None, progress=None):
        seen.append((members, starts[0].epoch))
        return group(self, members, probe, starts=starts, progress=progress)

    monkeypatch.setattr(training.Trainer, "group", watching)  # files do not show where each half started
    with monkeypatch.context() as patch:
        small_memory(patch, 2, from_call=2 * 7 + 1)
        study = train(tmp_path / "s", 4)
    assert study.trained == [0, 1, 2, 3]
    assert seen == [([0, 1, 2, 3], 0), ([0, 1], 2), ([2, 3], 2)]
    # the remaining work uses the halves, although memory would hold all
    (study.path / "members/003/epoch-004.safetensors").unlink()
    seen.clear()
    train(tmp_path / "s", 4)
    assert seen == [([2, 3], 0)]


def test_memory_that_does_not_hold_one_member_is_a_plain_error(tmp_path, monkeypatch):
    small_memory(monkeypatch, 0)
    with pytest.raises(WorkError, match="does not hold one member at batch size 32; choose a smaller"):
        train(tmp_path / "s", 2)
    assert [member.status for member in Study.open(tmp_path / "s").members] == ["failed", "failed"]


def test_a_diverged_member_takes_nobody_with_it(four, tmp_path, monkeypatch):
    initial = training.Trainer.initial

    def bad(self, member):
        start = initial(self, member)
        if member == 1:
            next(iter(start.state.params.values())).fill_(float("nan"))
        return start

    monkeypatch.setattr(training.Trainer, "initial", bad)  # a member that is certain to diverge
    study = train(tmp_path / "s", 2)
    assert [member.status for member in study.members] == ["trained", "diverged"]
    assert digests(study, 0) == digests(four, 0)
