"""Decoded data is read back; damaged or outdated data is decoded again."""

import os
from pathlib import Path

import numpy as np
import pytest

from modescape import data, recipe, runtime
from modescape.data import sources

from .picture_files import picture_rows


@pytest.fixture
def decodings(monkeypatch):
    """Counts how often a source was decoded."""
    calls, original = [], sources.pictures
    # what is read a second time gives the same images
    monkeypatch.setattr(sources, "pictures", lambda given, *more: calls.append(given) or original(given, *more))
    return calls


def load(folder: Path, **values):
    return data.load(recipe.Data(source=str(folder), validation=2, **values), seed=0)


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()  # no temporary file is left
    return file


def test_the_second_time_nothing_is_decoded(hub_folder, own_cache, decodings):
    folder = hub_folder(train=picture_rows(12), test=picture_rows(4, seed=1))
    first, second = load(folder), load(folder)
    assert len(decodings) == 1
    assert only_file(own_cache).suffix == ".safetensors"
    assert first.fingerprint == second.fingerprint
    assert first.class_names == second.class_names == ("cat", "dog", "eel")
    for name in ("train", "validation", "test"):
        one, two = getattr(first, name), getattr(second, name)
        assert (one.inputs == two.inputs).all()
        assert (one.label == two.label).all()


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_damaged_cache_is_made_anew(hub_folder, own_cache, decodings, place):
    folder = hub_folder(train=picture_rows(12))
    first = load(folder)
    file = only_file(own_cache)
    good = file.read_bytes()
    for damaged in (good[:place] + bytes([good[place] ^ 1]) + (good[place:][1:]), good[: len(good) // 2], b""):
        file.write_bytes(damaged)
        before = len(decodings)
        again = load(folder)
        assert len(decodings) == before + 1
        assert (again.train.inputs == first.train.inputs).all()
        assert again.fingerprint == first.fingerprint
        assert file.read_bytes() == good


def test_changed_files_and_other_columns_are_other_entries(hub_folder, own_cache, decodings):
    folder = hub_folder(train=picture_rows(12))
    first = load(folder)
    load(folder, image="picture")
    assert len(decodings) == 2
    hub_folder(train=picture_rows(12, seed=7))
    changed = load(folder)
    assert len(decodings) == 3
    assert changed.fingerprint != first.fingerprint
    file = next(folder.rglob("*.parquet"))
    os.utime(file, ns=(1, 1))
    load(folder)
    assert len(decodings) == 4


def test_a_folder_is_known_by_every_path_to_it(hub_folder, monkeypatch, decodings):
    folder = hub_folder(train=picture_rows(12))
    load(folder)
    monkeypatch.chdir(folder.parent)
    assert load(Path(folder.name)).fingerprint == load(folder).fingerprint
    assert len(decodings) == 1


def test_an_unusable_cache_folder_is_no_error(hub_folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MODESCAPE_CACHE", str(tmp_path / "file" / "below"))
    assert len(load(hub_folder(train=picture_rows(12), test=picture_rows(3))).train.label) == 10


def test_a_foreign_file_in_the_cache_is_replaced(hub_folder, own_cache, decodings):
    from safetensors.numpy import save_file

    folder = hub_folder(train=picture_rows(12))
    load(folder)
    arrays = {"image": np.zeros((2, 1, 2, 2), np.uint8), "label": np.zeros(2, np.int64)}
    save_file(arrays, only_file(own_cache), metadata={"modescape": '{"class_names": ["a"]}'})
    assert len(load(folder).class_names) == 3
    assert len(decodings) == 2


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch):
    monkeypatch.delenv("MODESCAPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert runtime.cache_folder() == Path("/somewhere/modescape")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert runtime.cache_folder() == Path.home() / ".cache" / "modescape"
    monkeypatch.setenv("MODESCAPE_CACHE", "/elsewhere")
    assert runtime.cache_folder() == Path("/elsewhere")
