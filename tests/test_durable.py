"""Files are written completely or not at all."""

import contextlib
import os
from pathlib import Path

import pytest

from modescape import durable
from modescape.errors import InputError, WorkError


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_write_that_dies_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    durable.write_text(path, "old")

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
        monkeypatch.setattr(os, "fsync", fail)  # a disk that fails at this call
    elif call == "replace":
        monkeypatch.setattr(type(path), "replace", fail)  # a disk that fails at this call
    else:
        plain = type(path).open
        # a disk that fills up in the middle of a file
        monkeypatch.setattr(type(path), "open", lambda self, *rest: Dying(plain(self, *rest)))
    with pytest.raises(WorkError, match=r"cannot write .*No space left on device"):
        durable.write_text(path, "new and longer")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def events(monkeypatch):
    """The calls of fsync and rename, in order."""
    events: list[tuple[str, str]] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor):
        events.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_sync(descriptor)

    def replace(self, target):
        events.append(("rename", str(target)))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)  # without a power loss, no disk shows the order of calls
    monkeypatch.setattr(Path, "replace", replace)  # as above
    return events


def test_the_file_and_its_folder_reach_the_disk_in_order(tmp_path, events):
    path = tmp_path / "new" / "file"
    durable.write_text(path, "x", tmp_path)
    temporary = str(path.with_name(f".file.{os.getpid()}.tmp"))
    expected = [("sync", str(tmp_path)), ("sync", temporary), ("rename", str(path)), ("sync", str(path.parent))]
    assert events == expected


def test_files_of_one_folder_are_confirmed_each_and_their_names_once_at_the_end(tmp_path, events):
    with contextlib.suppress(ZeroDivisionError), durable.together(tmp_path):  # also if the block fails
        for name in ("a", "b", "other/c"):
            durable.write_text(tmp_path / name, "x", tmp_path)
        raise ZeroDivisionError
    names = [(kind, Path(path).name.split(".")[1] if ".tmp" in path else Path(path).name) for kind, path in events]
    one = [("sync", "a"), ("rename", "a"), ("sync", "b"), ("rename", "b")]
    elsewhere = [("sync", "c"), ("rename", "c"), ("sync", "other")]
    assert names == [*one, *elsewhere, ("sync", tmp_path.name)]
    events.clear()
    durable.write_text(tmp_path / "a", "y")
    assert events[-1] == ("sync", str(tmp_path))  # outside the block, synced at once again


def test_a_second_name_takes_the_place_of_an_older_file(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    durable.keep_as(first, second)  # nothing to keep
    assert not second.exists()
    durable.write_text(first, "1")
    durable.keep_as(first, second)
    durable.write_text(first, "2")
    assert (first.read_text(), second.read_text()) == ("2", "1")
    durable.keep_as(first, second)
    assert second.read_text() == "2"
    assert {item.name for item in tmp_path.iterdir()} == {"first", "second"}


def test_a_folder_of_answers_holds_nothing_else_and_is_on_a_disk_outside_the_study(tmp_path):
    study = tmp_path / "study"
    (study / "members").mkdir(parents=True)
    new = tmp_path / "new" / "one"
    assert durable.check_folder(Path(f"file://{new}"), "about.json", "an answer", study) == new
    durable.check_folder(study / "members", "about.json", "an answer", tmp_path / "other")
    for folder in (study, study / "members" / "new", tmp_path / "other" / ".." / "study" / "new"):
        with pytest.raises(InputError, match=r"lies in the study .*choose a folder outside it with --out"):
            durable.check_folder(folder, "about.json", "an answer", study)
    with pytest.raises(InputError, match="'s3://bucket/new' is a URL, and this is written to a disk"):
        durable.check_folder(Path("s3://bucket/new"), "about.json", "an answer")
    (study / "notes.txt").touch()
    with pytest.raises(InputError, match="holds files that are not of an answer"):
        durable.check_folder(study, "about.json", "an answer")
    (study / "about.json").touch()
    assert durable.check_folder(study, "about.json", "an answer") == study


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose a folder that you may write to"):
        durable.write_text(tmp_path / "file" / "x", "x")


def test_a_folder_that_was_removed_is_not_made_again(tmp_path):
    study = tmp_path / "study"
    with pytest.raises(WorkError, match="its folder is gone; was it moved or removed meanwhile"):
        durable.write_text(study / "members" / "000" / "state.json", "x", study)
    assert list(tmp_path.iterdir()) == []
