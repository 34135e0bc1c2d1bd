"""Faults, line 2: power is lost at every operation of a run, and what is left is a study that can be continued.

A whole run is recorded (training, prediction, networks of an analysis, analyses, page), and one that adds a member.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from contents import contents, differences

from modescape import pipeline
from modescape.study import Study, layout, summary, verify

from .conftest import TINY, settings
from .disk import Disk
from .power import CUTS, Operation, cuts, operations

pytestmark = pytest.mark.faults

TEMPORARY = re.compile(r"(.*/)?\.[^/]+\.tmp|(.*/)?\.lock")
LOOKED_AT = 30  # number of cuts per recording after which the study is opened and verified
FINISHED = [1, pytest.param(3, marks=pytest.mark.long)]  # number of cuts per recording from which the run is finished


@dataclass(frozen=True)
class Recording:
    """Changes of the disk by a run."""

    done: list[Operation]
    begin: dict[str, bytes]
    settings: list[str]
    finished: dict[str, str]  # the study's contents at the end


@pytest.fixture(scope="module")
def recordings(library, tmp_path_factory) -> dict[str, Recording]:
    folder = tmp_path_factory.mktemp("recorded")
    study, found = folder / "study", {}
    for name, values in (("run", TINY), ("growth", ("train.members=3", *TINY[1:]))):
        begin = {
            str(file.relative_to(study)): file.read_bytes()
            for file in (study.rglob("*") if study.exists() else ())
            if file.is_file()
        }
        disk = Disk(library, study, folder / f"{name}.log")
        code, text = disk.run("run", "digits", "--out", str(study), "--engine", "here", *settings(*values))
        assert code == 0, text
        done = operations(folder / f"{name}.log", study)
        found[name] = Recording(done, begin, list(values), contents(study))
    return found


@pytest.mark.parametrize("name", ["run", "growth"])
def test_no_file_is_written_in_its_place(recordings, name):
    places = {done.path for done in recordings[name].done if done.what in ("create", "open", "write", "truncate")}
    assert {path for path in places if not TEMPORARY.fullmatch(path)} == set()


@pytest.mark.parametrize("name", ["run", "growth"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_file_that_has_its_name_is_whole_at_every_cut(recordings, name, cut):
    recording, halves = recordings[name], set()
    for number, disk, touched in cuts(recording.done, recording.begin):
        halves |= {
            (path, number)
            for path, (held, full) in disk.after(cut, number, touched).items()
            if held != full and not TEMPORARY.fullmatch(path)
        }
    assert halves == set()


@pytest.mark.parametrize("name", ["run", "growth"])
def test_when_the_run_is_over_all_of_it_is_on_the_disk(recordings, name):
    recording = recordings[name]
    *_, (number, disk, _) = cuts(recording.done, recording.begin)
    assert number > 200
    left, there = (
        {path: held for path, (held, _) in disk.after(cut).items() if not TEMPORARY.fullmatch(path)}
        for cut in ("nothing", "everything")
    )
    assert left == there
    assert {"report.html", "results/cyclic.nc", "figures/training.svg"} <= left.keys()


def laid_out(folder: Path, held: dict[str, tuple[bytes, bytes]]) -> Path:
    """Write these files to a folder, without figures and the page, which are never read."""
    for path, (content, _) in held.items():
        if not path.startswith("figures/") and path != "report.html":
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["run", "growth"])
def test_what_is_left_opens_and_is_sound(recordings, name, tmp_path):
    """In the order that file systems guarantee, a member with status trained has all its files."""
    recording, draw = recordings[name], random.Random(3)
    chosen = sorted(draw.sample(range(len(recording.done) + 1), LOOKED_AT))
    opened = 0
    for number, disk, _ in cuts(recording.done, recording.begin):
        if number not in chosen:
            continue
        cut = draw.choice(["nothing", "everything", "prefix", "names"])
        study = laid_out(tmp_path / f"{number}", disk.after(cut, seed=number))
        if not (study / layout.MANIFEST).exists():
            assert not (study / layout.MEMBERS).exists()
            continue
        opened += 1
        status = summary(study)
        assert verify(study) == [], (number, cut)
        for member in status.members:
            if member.status == "trained":
                assert member.checkpoints == member.expected_checkpoints
                assert (layout.member_folder(study, member.number) / layout.RESUME).is_file()
                assert len(Study.open(study).member(member.number).history()["epoch"]) == 3
    assert opened > LOOKED_AT / 2


@pytest.mark.parametrize("name", ["run", "growth"])
@pytest.mark.parametrize("cut", ["prefix", "any"])
@pytest.mark.parametrize("count", FINISHED)
def test_a_run_goes_on_from_what_is_left_to_the_same_bytes(recordings, name, cut, count, tmp_path):
    recording, draw = recordings[name], random.Random(f"{name} {cut}")
    chosen = sorted(draw.sample(range(len(recording.done)), count))
    for number, disk, _ in cuts(recording.done, recording.begin):
        if number in chosen:
            study = laid_out(tmp_path / f"{number}", disk.after(cut, seed=number))
            pipeline.run("digits", study, overrides=["compute.engine=here", *recording.settings])
            assert differences(contents(study), recording.finished) == [], number
            assert verify(study) == []
