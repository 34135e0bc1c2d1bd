"""Faults, line 2: a disk that is full, read-only or removed; a clock set back; two runs at once."""

import csv
import errno
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from contents import contents, differences

from modescape import pipeline
from modescape.study import Study, summary, verify

from .conftest import TINY, settings

pytestmark = pytest.mark.faults


SMALL = (*TINY[:2], "analyses=[training, ensemble_size]")


def arguments(study: Path, engine: str = "here") -> list[str]:
    """Arguments of a small run."""
    return ["run", "digits", "--out", str(study), "--engine", engine, *settings(*SMALL)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A study that ran without interruption, in this process."""
    study = tmp_path_factory.mktemp("undisturbed") / "study"
    pipeline.run("digits", study, overrides=["compute.engine=here", *SMALL])
    return study


def plain(text: str) -> bool:
    """Whether the run ended with a plain message."""
    return "Traceback" not in text and any(line.startswith("modescape: ") for line in text.splitlines()[-5:])


DRAW = random.Random(0)
ROOMS = {  # engine, free bytes; applied to one study in this order
    "few": [("processes", 250_000), ("here", 2_900_000)],  # the disk is full while a worker trains, then at a figure
    "many": [(engine, DRAW.randrange(2_000, 400_000)) for engine in ("processes", "here") * 3],
}


@pytest.mark.parametrize("rooms", ["few", pytest.param("many", marks=pytest.mark.long)])
def test_a_full_disk_stops_a_run_and_room_lets_it_go_on(disk, undisturbed, rooms):
    """A little room is added each time, until it is enough."""
    for engine, space in ROOMS[rooms]:
        disk.set("space", space)
        code, text = disk.run(*arguments(disk.root, engine))
        assert code == 1, text
        assert plain(text), text
        assert "No space left on device" in text
        if (disk.root / "manifest.json").exists():
            assert verify(disk.root) == []
            assert not summary(disk.root).complete
    disk.set("space", -1)
    code, text = disk.run(*arguments(disk.root))
    assert code == 0, text
    assert differences(contents(disk.root), contents(undisturbed)) == []
    assert not list(disk.root.rglob(".*.tmp"))


@pytest.mark.long
def test_a_small_file_system_fills_up(undisturbed, tmp_path):
    """A real file system: a tmpfs of a few hundred kilobytes in its own namespace."""
    small, copy = tmp_path / "small", tmp_path / "copy"
    small.mkdir()
    study = small / "study"
    run = " ".join(f"'{part}'" for part in [sys.executable, "-m", "modescape", *arguments(study)])
    script = f"""
        mount -t tmpfs -o size=300k tmpfs '{small}' || exit 77
        {run}; echo "first run: $?"
        '{sys.executable}' -m modescape status --verify '{study}'; echo "status: $?"
        mount -o remount,size=200m '{small}' || exit 77
        {run}; echo "second run: $?"
        cp -r '{study}' '{copy}'
    """
    if shutil.which("unshare") is None:
        pytest.skip("unshare is needed for a file system of one's own")
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system of his own")
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert "first run: 1" in done.stdout
    assert "every checksum matches\nstatus: 0" in done.stdout
    assert "second run: 0" in done.stdout
    assert differences(contents(copy), contents(undisturbed)) == []


def test_a_read_only_folder_is_read_and_not_written(disk, undisturbed):
    shutil.copytree(undisturbed, disk.root)
    before = contents(disk.root)
    disk.set("failing", errno.EROFS)
    code, text = disk.run(*arguments(disk.root))
    assert (code, plain(text)) == (2, True), text
    assert "Read-only file system" in text
    assert "--out" in text
    code, text = disk.run("status", "--verify", str(disk.root))
    assert code == 0, text
    assert differences(contents(disk.root), before) == []


@pytest.mark.long
@pytest.mark.parametrize("stage", ["members/", "predictions.zarr/", "results/"])
def test_a_folder_that_becomes_read_only_or_is_removed_ends_the_run_in_plain_words(disk, undisturbed, stage):
    run = disk.start(*arguments(disk.root))
    with disk.within(run, stage):
        disk.set("failing", errno.EROFS)
    code, text = run.end()
    assert code in (1, 2), text
    assert plain(text), text
    assert "Read-only file system" in text
    disk.set("failing", 0)
    run = disk.start(*arguments(disk.root))
    with disk.within(run, stage):
        taken = disk.root.rename(disk.root.with_name("taken"))
    code, text = run.end()
    assert code in (1, 2), text
    assert plain(text), text
    assert not disk.root.exists(), [str(path) for path in disk.root.rglob("*")]
    taken.rename(disk.root)
    code, text = disk.run(*arguments(disk.root))
    assert code == 0, text
    assert differences(contents(disk.root), contents(undisturbed)) == []


@pytest.mark.long
def test_a_clock_that_goes_back_changes_nothing(disk, undisturbed):
    run = disk.start(*arguments(disk.root))
    for days, stage in ((1, "members/"), (400, "predictions.zarr/"), (9000, "results/")):
        with disk.within(run, stage):
            disk.set("clock", -86400 * days)
    code, text = run.end()
    assert code == 0, text
    assert differences(contents(disk.root), contents(undisturbed)) == []
    for number in (0, 1):
        assert min(Study.open(disk.root).member(number).history()["seconds"]) >= 0
    code, text = disk.run(*arguments(disk.root))  # its files have times in the future
    assert code == 0, text
    assert "images/s" not in text
    assert differences(contents(disk.root), contents(undisturbed)) == []


@pytest.mark.parametrize(
    "command", ["run", *(pytest.param(name, marks=pytest.mark.long) for name in ("analyse", "report"))]
)
def test_of_two_at_once_one_is_refused(disk, undisturbed, command):
    first = disk.start(*arguments(disk.root))
    with disk.within(first, "members/"):  # the first is busy for as long as the second needs
        words = arguments(disk.root) if command == "run" else [command, str(disk.root)]
        code, text = disk.start(*words, watched=False).end()
    assert (code, plain(text)) == (2, True), text
    assert f"is in use by process {first.process.pid}" in text
    code, text = first.end()
    assert code == 0, text
    assert differences(contents(disk.root), contents(undisturbed)) == []
    with (disk.root / "members/000/history.csv").open() as file:
        assert len(list(csv.reader(file))) == 4
