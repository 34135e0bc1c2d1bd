"""Files that appear whole or not at all; one writer at a time."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modescape.errors import InputError, WorkError
from modescape.study import Study, atomic


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_write_that_dies_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    atomic.write_text(path, "old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    class Dying:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[:1])
            self.file.flush()
            fail()

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif call == "replace":
        monkeypatch.setattr(type(path), "replace", fail)
    else:
        plain = type(path).open
        monkeypatch.setattr(type(path), "open", lambda self, *rest: Dying(plain(self, *rest)))
    with pytest.raises(WorkError, match=r"cannot write .*No space left on device"):
        atomic.write_text(path, "new and longer")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def events(monkeypatch):
    """What is confirmed by the disk and what is renamed, in order."""
    events: list[tuple[str, str]] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor):
        events.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_sync(descriptor)

    def replace(self, target):
        events.append(("rename", str(target)))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    return events


def test_the_file_and_its_folder_reach_the_disk_in_order(tmp_path, events):
    path = tmp_path / "new" / "file"
    atomic.write_text(path, "x")
    temporary = str(path.with_name(f".file.{os.getpid()}.tmp"))
    expected = [("sync", str(tmp_path)), ("sync", temporary), ("rename", str(path)), ("sync", str(path.parent))]
    assert events == expected


def test_files_of_one_folder_are_confirmed_each_and_their_names_once_at_the_end(tmp_path, events):
    with contextlib.suppress(ZeroDivisionError), atomic.together(tmp_path):  # also where the block fails
        for name in ("a", "b", "other/c"):
            atomic.write_text(tmp_path / name, "x")
        raise ZeroDivisionError
    names = [(kind, Path(path).name.split(".")[1] if ".tmp" in path else Path(path).name) for kind, path in events]
    one = [("sync", "a"), ("rename", "a"), ("sync", "b"), ("rename", "b")]
    elsewhere = [("sync", "c"), ("rename", "c"), ("sync", "other")]
    assert names == [*one, *elsewhere, ("sync", tmp_path.name)]
    events.clear()
    atomic.write_text(tmp_path / "a", "y")
    assert events[-1] == ("sync", str(tmp_path))  # by itself again


def test_a_second_name_takes_the_place_of_an_older_file(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    atomic.keep_as(first, second)  # nothing to keep
    assert not second.exists()
    atomic.write_text(first, "1")
    atomic.keep_as(first, second)
    atomic.write_text(first, "2")
    assert (first.read_text(), second.read_text()) == ("2", "1")
    atomic.keep_as(first, second)
    assert second.read_text() == "2"
    assert {item.name for item in tmp_path.iterdir()} == {"first", "second"}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose a folder that you may write to"):
        atomic.write_text(tmp_path / "file" / "x", "x")


def test_only_temporary_files_are_swept_and_only_under_the_lock(study):
    ours = study.path / "members" / "003" / ".epoch-001.safetensors.4711.tmp"
    zarrs = study.path / "predictions.zarr" / "test" / f"0.{'0f' * 16}.partial"
    variant = study.path / "variants" / "cyclic" / ".state.json.12.tmp"
    others = [study.path / name for name in ("notes.tmp", ".hidden", "mine.partial", ".x.tmp")]
    for path in (ours, zarrs, variant, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    Study.open(study.path)
    assert ours.exists()
    with study.lock():
        assert not ours.exists()
        assert not zarrs.exists()
        assert variant.exists()
        assert all(path.exists() for path in others)


HOLD = """
import sys
from modescape.study import Study
with Study.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_and_a_dead_one_forgotten(study):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, study.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=rf"in use by process {child.pid} \(since .*choose another --out"),
            study.lock(),
        ):
            pass
        Study.open(study.path)  # reading goes on
        child.kill()
    with study.lock():
        pass


def test_the_lock_is_exclusive_within_a_process_and_free_afterwards(study):
    with study.lock(), pytest.raises(InputError, match=f"in use by process {os.getpid()}"), study.lock():
        pass
    with pytest.raises(KeyError), study.lock():
        raise KeyError
    with study.lock():
        pass


def test_a_forked_child_does_not_keep_the_lock(study):
    ready, running = os.pipe()
    with study.lock():
        child = os.fork()
        if child == 0:
            os.write(running, b"x")
            time.sleep(30)
            os._exit(0)
        os.read(ready, 1)
        assert (study.path / ".lock").read_text() != ""
    try:
        with study.lock():
            pass
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(running)


def test_a_folder_without_permission_cannot_be_locked(study, monkeypatch):
    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(InputError, match="Permission denied; choose a folder"), study.lock():
        pass
