"""Objects of a store by path: reading, writing, retries, and messages for failures."""

import errno
import os
import pickle
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from modescape import durable
from modescape.errors import InputError
from modescape.pipeline.begin import existing
from modescape.plain import read_regular
from modescape.recipe import load
from modescape.storage import ObjectPath, place, store
from modescape.storage.store import StoreError


class Failing(MemoryFileSystem):
    """Objects in memory; the next requests raise the errors of a list."""

    protocol = "failing"
    store, pseudo_dirs = {}, [""]
    errors = []  # noqa: RUF012
    unknown = None  # raised by every request, if set
    asked = 0

    def info(self, path, **options):
        if self.unknown is not None:
            raise self.unknown
        return super().info(path, **options)

    def pipe_file(self, *arguments, **options):
        type(self).asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().pipe_file(*arguments, **options)


class Shared(LocalFileSystem):
    """A disk behind a protocol whose files are visible while they are written."""

    protocol = "shared"
    order = []  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("shared://").lstrip("/")

    def pipe_file(self, path, value, **options):
        self.order.append(("put", path.rpartition("/")[2]))
        super().pipe_file(path, value, **options)

    def mv(self, path, other, **options):
        self.order.append(("move", other.rpartition("/")[2]))
        super().mv(path, other, **options)


fsspec.register_implementation("failing", Failing, clobber=True)
fsspec.register_implementation("shared", Shared, clobber=True)


@pytest.fixture
def failing():
    Failing.errors, Failing.asked = [], 0
    return place("failing://bucket/study")


def test_a_url_is_objects_and_everything_else_a_path_as_before(tmp_path):
    assert place("studies/a") == Path("studies/a")
    assert place("") == place(Path()) == place(".") == Path()
    assert type(place("s3:/one/slash")) is type(Path())
    assert place(f"file://{tmp_path}/a") == tmp_path / "a"
    assert place("s3://bucket/a") == ObjectPath("s3://bucket/a") == place(Path("s3://bucket/a"))
    assert type(place(Path("s3://bucket/a"))) is ObjectPath


def test_names_are_those_of_paths():
    path = place("s3://bucket/study") / "members" / "003"
    assert (str(path), path.name) == ("s3://bucket/study/members/003", "003")
    assert str(path.parents[1]) == "s3://bucket/study"
    assert str(path.with_name("004")) == f"{path:}".replace("003", "004") == os.fspath(path.parent / "004")
    assert pickle.loads(pickle.dumps(path)) == path
    assert path.absolute() is path.resolve() is path


@pytest.mark.parametrize("name", ["open", "touch", "rename", "glob", "write_bytes", "chmod"])
def test_what_would_mean_the_disk_is_refused(name):
    with pytest.raises(NotImplementedError, match="object of a store"):
        getattr(place("memory://bucket/a"), name)("b")
    assert not Path("memory:").exists()


def test_what_is_written_is_there_and_what_is_deleted_is_not():
    folder = place("memory://written/study")
    assert not folder.exists()
    assert folder.names() == []
    for name in ("b", "a", "c/d"):
        durable.write_bytes(folder / name, name.encode() * 3)
    assert folder.is_dir()
    assert (folder / "a").is_file()
    assert not (folder / "c").is_file()
    assert folder.names() == ["a", "b", "c"]
    assert sorted(folder.below()) == ["a", "b", "c/d"]
    assert ((folder / "c/d").read_bytes(), (folder / "c/d").stat().st_size) == (b"c/dc/dc/d", 9)
    before = (folder / "a").stat()
    durable.write_bytes(folder / "a", b"xyz")
    assert (folder / "a").stat() != before
    durable.keep_as(folder / "a", folder / "before")
    durable.keep_as(folder / "nothing", folder / "never")
    assert folder.names() == ["a", "b", "before", "c"]
    (folder / "a").unlink()
    (folder / "a").unlink(missing_ok=True)
    durable.remove_tree(folder)
    assert not folder.exists()


def test_more_bytes_than_a_file_may_have_are_refused():
    path = place("memory://large/object")
    durable.write_bytes(path, b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(path, 4)
    assert [path.read_bytes(*part) for part in [(3,), (9, 3), (4, 2)]] == [b"123", b"45", b"34"]
    durable.write_bytes(path, b"")
    assert read_regular(path, 4) == b""


def test_what_may_pass_is_tried_again_and_what_will_not_is_said_at_once(failing):
    Failing.errors = [OSError(errno.EBUSY, "slow down"), TimeoutError("cut off")]
    durable.write_bytes(failing / "a", b"1")
    assert (Failing.asked, (failing / "a").read_bytes()) == (3, b"1")
    Failing.errors, Failing.asked = [OSError(errno.EINVAL, "no such thing")], 0
    with pytest.raises(StoreError, match=r"failing://bucket/study/a.*no such thing"):
        durable.write_bytes(failing / "a", b"2")
    Failing.errors = [PermissionError("Forbidden")]
    with pytest.raises(InputError, match="denies it"):
        durable.write_bytes(failing / "a", b"2")
    assert Failing.asked == 2
    Failing.errors = [ValueError("a fault of ours")]
    with pytest.raises(ValueError, match="ours"):
        durable.write_bytes(failing / "a", b"2")
    assert (failing / "a").read_bytes() == b"1"


def test_where_a_store_says_nothing_no_study_is_begun(failing, monkeypatch):
    monkeypatch.setattr(Failing, "unknown", OSError(errno.EINVAL, "no answer"))  # a URL that is not a store
    with pytest.raises(InputError, match=r"the store does not answer as it should \(.*no answer\)"):
        existing(failing, load("digits"), "")


def test_what_lasts_is_said_and_given_up(capsys):
    asked = []

    def call(files, name):
        asked.append(name)
        raise ConnectionResetError("peer is gone")

    with pytest.raises(StoreError, match=f"{store.ATTEMPTS} times.*peer is gone"):
        store.request("failing://bucket/a", call, wait=0)
    assert len(asked) == store.ATTEMPTS
    assert "attempt 3 of 8 failed (peer is gone); trying again" in capsys.readouterr().err


def test_where_files_grow_they_get_their_name_when_they_are_whole(tmp_path):
    path = place(f"shared://{tmp_path}/study/members/a")
    durable.write_bytes(path, b"whole")
    assert (tmp_path / "study/members/a").read_bytes() == b"whole"
    assert Shared.order == [("put", f".a.{os.getpid()}.tmp"), ("move", "a")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense://a/b", "there is no storage 'nonsense'"),
        ("dropbox://a/b", r"package that is not installed \(.*\); install what it names$"),
        ("https://a/b", "is a web address; a study lies in a folder or an object store$"),
    ],
)
def test_a_store_that_is_not_there_is_said(url, words):
    with pytest.raises(InputError, match=words):
        place(url).exists()
