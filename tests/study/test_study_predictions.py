"""Predictions: rows, chunks, checksums, several writers, memory."""

import json
import multiprocessing
import shutil
import tracemalloc
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import xarray as xr
import zarr

from modescape.errors import InputError, WorkError
from modescape.study import Predictions, PredictionWriter, Study, groups, layout, stores

LABEL = np.array([3, 1, 0, 2, 2, 1, 0])


def values(member: int, epoch: int, examples: int = 7, num_classes: int = 4) -> np.ndarray:
    return np.random.default_rng([member, epoch]).normal(size=(examples, num_classes)).astype(np.float32)


def fill(study, wanted, split="test", leave_out=()):
    writer = PredictionWriter(study, split)
    missing = writer.create_or_extend(wanted, LABEL, 4)
    for row, member, epoch in missing:
        if (member, epoch) not in leave_out:
            writer.write(row, values(member, epoch))
    return missing


def write_one(writer, row, member, epoch):
    writer.write(row, values(member, epoch))


def test_predictions_come_back(study):
    wanted = [(0, 0), (0, 4), (1, 4), (0, 2)]
    assert fill(study, wanted) == [(0, 0, 0), (1, 0, 4), (2, 1, 4), (3, 0, 2)]
    back = Study.open(study.path).predictions("test")
    assert isinstance(back, Predictions)
    assert list(zip(back.members, back.epochs, strict=True)) == wanted
    assert len(back) == 4
    assert back.members.dtype == back.epochs.dtype == back.label.dtype == np.int64
    np.testing.assert_array_equal(back.label, LABEL)
    assert back.class_names == ["Katze", "犬", "é 'quoted'", "a,b"]
    assert back.models(0) == [0, 3, 1]  # epochs 0, 2, 4
    assert back.models(5) == []
    for row, pair in enumerate(wanted):
        assert back.index(*pair) == row
        assert back.log_prob(row).dtype == np.float32
        np.testing.assert_array_equal(back.log_prob(row), values(*pair))
    several = back.log_probs([2, 0], slice(1, 6, 2))
    np.testing.assert_array_equal(several, np.stack([values(1, 4), values(0, 0)])[:, 1:6:2])
    np.testing.assert_array_equal(back.log_probs([1]), values(0, 4)[None])
    with pytest.raises(
        InputError, match=r"no test predictions of member 1 at epoch 3; its epochs with predictions are 4$"
    ):
        back.index(1, 3)


def test_a_prediction_is_named_by_member_and_epoch(study):
    fill(study, [(0, 0), (0, 4), (1, 4), (0, 2), (0, 3)])
    back = study.predictions("test")
    for member, epoch in ((0, 2), (1, 4)):
        np.testing.assert_array_equal(back.log_prob(member=member, epoch=epoch), values(member, epoch))
    np.testing.assert_array_equal(back.log_prob(member=0), values(0, 4))  # the last epoch
    for asked, sentence in (
        ({"member": 0, "epoch": 1}, "member 0 at epoch 1; its epochs with predictions are 0, 2-4$"),
        ({"member": 7}, "of member 7; predictions exist for the trained members 0-1$"),
        ({"epoch": 4}, "takes a row, or member=... and epoch=..."),
        ({"index": 1, "member": 0}, "takes a row, or member"),
        ({"index": 5}, "no row 5 of test predictions; there are 5"),
        ({"index": -1}, "no row -1"),
    ):
        with pytest.raises(InputError, match=sentence):
            back.log_prob(**asked)


def test_splits_are_apart_and_absent_ones_are_refused(study):
    with pytest.raises(InputError, match="has no test predictions yet; make them with: modescape run"):
        study.predictions("test")
    fill(study, [(0, 0)], "validation")
    with pytest.raises(InputError, match="has no test predictions yet"):
        study.predictions("test")
    with pytest.raises(InputError, match="no split 'train'; expected one of validation, test"):
        study.predictions("train")
    with pytest.raises(InputError, match="no split 'train'"):
        PredictionWriter(study, "train")


def test_the_store_is_plain_zarr_3(study):
    fill(study, [(0, 0), (0, 1)])
    store = study.path / "predictions.zarr"
    array = json.loads((store / "test" / "log_prob" / "zarr.json").read_text())
    assert array["zarr_format"] == 3
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 7, 4]
    assert [codec["name"] for codec in array["codecs"]] == ["bytes", "crc32c"]
    assert array["dimension_names"] == ["model", "example", "class"]
    assert (store / "test" / "log_prob" / "c" / "1" / "0" / "0").read_bytes()[:-4] == values(0, 1).tobytes()
    assert "consolidated_metadata" not in (store / "zarr.json").read_text()
    plain = zarr.open_group(store, mode="r")
    np.testing.assert_array_equal(plain["test/log_prob"][1], values(0, 1))  # type: ignore[index]
    dataset = xr.open_zarr(store, group="test", consolidated=False)
    assert dataset["log_prob"].sel(model=1).dims == ("example", "class")
    assert dataset["member"].values.tolist() == [0, 0]
    assert dataset["epoch"].values.tolist() == [0, 1]


def test_rows_grow_and_keep_their_index(study):
    fill(study, [(0, 0), (0, 4)])
    assert fill(study, [(0, 0), (1, 0), (0, 4), (1, 4), (1, 0)]) == [(2, 1, 0), (3, 1, 4)]
    assert fill(study, [(0, 4), (1, 0)]) == []
    back = study.predictions("test")
    assert list(zip(back.members, back.epochs, strict=True)) == [(0, 0), (0, 4), (1, 0), (1, 4)]
    for row in range(4):
        np.testing.assert_array_equal(back.log_prob(row), values(back.members[row], back.epochs[row]))


def test_many_rows_cross_a_chunk_of_names(study, monkeypatch):
    monkeypatch.setattr(stores, "INDEX_CHUNK", 4)  # instead of a chunk of thousands of names
    writer = PredictionWriter(study, "test")
    pairs = [(member, epoch) for member in range(5) for epoch in (0, 1, 2)]
    for end in (3, 6, 15):
        writer.create_or_extend(pairs[:end], LABEL, 4)
    back = study.predictions("test")
    assert list(zip(back.members, back.epochs, strict=True)) == pairs


def test_absent_rows_are_missing_and_never_read_as_numbers(study):
    fill(study, [(0, 0), (0, 1), (1, 0)], leave_out=[(0, 1)])
    back = study.predictions("test")
    with pytest.raises(WorkError, match="test predictions of member 0 at epoch 1 are missing"):
        back.log_prob(1)
    assert fill(study, [(0, 0), (0, 1), (1, 0)]) == [(1, 0, 1)]
    np.testing.assert_array_equal(back.log_prob(1), values(0, 1))


@pytest.mark.parametrize("how", ["flip", "cut", "empty"])
def test_a_damaged_chunk_is_named_and_written_again(study, flip, how):
    fill(study, [(0, 0), (1, 3)])
    path = layout.chunk_path(study.path, "test", 1)
    if how == "flip":
        flip(path)
    else:
        path.write_bytes(path.read_bytes()[:-9] if how == "cut" else b"")
    back = study.predictions("test")
    back.log_prob(0)
    with pytest.raises(WorkError, match=r"member 1 at epoch 3 are damaged .*again with: modescape run"):
        back.log_prob(1)
    with pytest.raises(WorkError, match="member 1 at epoch 3"):
        back.log_probs([0, 1])
    assert fill(study, [(0, 0), (1, 3)]) == [(1, 1, 3)]
    np.testing.assert_array_equal(back.log_prob(1), values(1, 3))


@pytest.mark.parametrize("name", ["member/c/0", "epoch/zarr.json", "label/c/0", "log_prob/zarr.json", "zarr.json"])
def test_damage_to_the_store_is_named(study, name):
    fill(study, [(0, 0)])
    (study.path / "predictions.zarr" / "test" / name).write_bytes(b"\x00 no such thing")
    with pytest.raises(WorkError, match=r"predictions.zarr/test.*' is damaged"):
        study.predictions("test")


@pytest.mark.parametrize("name", ["member/c/0", "epoch/zarr.json", "label/c/0", "log_prob/zarr.json", "zarr.json"])
@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_damage_to_the_store_is_mended_and_no_row_gets_another_models_numbers(study, flip, name, how):
    """Rows are in the order of first request: without their names, it is unknown which models they belong to."""
    fill(study, [(1, 0), (0, 0)])
    fill(study, [(0, 1)])
    path = study.path / "predictions.zarr" / "test" / name
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5])
    else:
        flip(path)
    wanted = [(0, 0), (0, 1), (1, 0)]
    fill(study, wanted)
    back = study.predictions("test")
    assert len(back) == 3
    np.testing.assert_array_equal(back.label, LABEL)
    for model in wanted:
        np.testing.assert_array_equal(back.log_prob(back.index(*model)), values(*model))


def test_a_chunk_of_nothing_but_the_fill_value_is_there(study):
    writer = PredictionWriter(study, "test")
    writer.create_or_extend([(0, 0)], LABEL, 4)
    writer.write(0, np.full((7, 4), np.nan))
    assert np.isnan(study.predictions("test").log_prob(0)).all()
    assert writer.create_or_extend([(0, 0)], LABEL, 4) == []


def test_other_examples_are_begun_anew_and_other_shapes_refused(study):
    fill(study, [(0, 0), (0, 1)])
    writer = PredictionWriter(study, "test")
    assert writer.create_or_extend([(0, 1)], LABEL[::-1], 4) == [(0, 0, 1)]
    np.testing.assert_array_equal(study.predictions("test").label, LABEL[::-1])
    with pytest.raises(ValueError, match=r"log_prob is \[7, 5\], expected \[7, 4\]"):
        writer.write(0, np.zeros((7, 5)))


@pytest.mark.parametrize("stop", range(1, 10))
def test_a_parent_killed_at_any_file_is_made_good(study, monkeypatch, stop):
    """Growth is interrupted at each of its file writes in turn; the next run has the same rows and loses none."""
    fill(study, [(0, 0), (0, 1)])
    before = study.path.with_name("before")
    shutil.copytree(study.path, before)
    write, count = groups.durable.write_bytes, 0

    def dying(path, data, within=None, *, confirmed=True):
        nonlocal count
        count += 1
        if count == stop:
            raise WorkError("killed")
        write(path, data, within)

    wanted = [(0, 0), (0, 1), (1, 0), (1, 1)]
    monkeypatch.setattr(groups.durable, "write_bytes", dying)  # a kill at every file in turn, too exact for a signal
    try:
        fill(study, wanted)
        assert stop > 7  # two resizes, two names, one resize, two rows
    except WorkError:
        pass
    monkeypatch.undo()
    first = study.predictions("test")
    np.testing.assert_array_equal(first.log_prob(0), values(0, 0))
    fill(study, [(0, 0), (0, 1), (2, 0)])  # fewer than requested when it was killed
    fill(study, wanted)
    back = study.predictions("test")
    assert {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)} == set(
        zip(back.members.tolist(), back.epochs.tolist(), strict=True)
    )
    assert len(back) == 5
    for row in range(5):
        np.testing.assert_array_equal(back.log_prob(row), values(back.members[row], back.epochs[row]))


def test_a_split_that_was_half_made_is_made_anew(study):
    fill(study, [(0, 0)], "validation")
    fill(study, [(0, 0)])
    (study.path / "predictions.zarr" / "test" / "log_prob" / "zarr.json").unlink()
    assert fill(study, [(0, 0)]) == [(0, 0, 0)]
    np.testing.assert_array_equal(study.predictions("test").log_prob(0), values(0, 0))
    np.testing.assert_array_equal(study.predictions("validation").log_prob(0), values(0, 0))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_rows_side_by_side(study, method):
    writer = PredictionWriter(study, "test")
    missing = writer.create_or_extend([(member, 0) for member in range(12)], LABEL, 4)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        for future in [pool.submit(write_one, writer, *row) for row in missing]:
            future.result(timeout=60)
    assert writer.create_or_extend([(member, 0) for member in range(12)], LABEL, 4) == []
    back = study.predictions("test")
    for row in range(12):
        np.testing.assert_array_equal(back.log_prob(row), values(row, 0))


def test_every_file_is_written_durably(study, monkeypatch):
    seen = []
    write = groups.durable.write_bytes

    def noted(path, data, within=None, *, confirmed=True):
        if confirmed:
            seen.append(path)
        write(path, data, within, confirmed=confirmed)

    monkeypatch.setattr(groups.durable, "write_bytes", noted)  # without a power loss, no disk shows what was synced
    fill(study, [(0, 0)])
    files = {path for path in (study.path / "predictions.zarr").rglob("*") if path.is_file()}
    assert files == set(seen)


def test_leftovers_are_swept_before_writing(study):
    fill(study, [(0, 0)])
    chunk = layout.chunk_path(study.path, "test", 0)
    leftovers = [chunk.with_name(f"0.{'a0' * 16}.partial"), chunk.with_name(".0.99.tmp")]
    for path in leftovers:
        path.write_bytes(b"half")
    fill(study, [(0, 0)])
    assert not any(path.exists() for path in leftovers)
    assert chunk.exists()


def test_reading_one_model_reads_one_chunk(study, monkeypatch):
    examples, num_classes, models = 4000, 25, 20  # 400 kB per model
    writer = PredictionWriter(study, "test")
    label = np.zeros(examples, dtype=np.int64)
    one = values(0, 0, examples, num_classes)
    for row, _, _ in writer.create_or_extend([(0, epoch) for epoch in range(models)], label, num_classes):
        writer.write(row, one)
    back = study.predictions("test")
    back.log_prob(0)  # so that zarr's imports and caches are not counted
    reads = []
    read = layout.read_file

    def counted(path, most=None):
        reads.append(path)
        return read(path, most)

    monkeypatch.setattr(layout, "read_file", counted)  # how much is read shows only in the time
    back.log_prob(13)
    assert reads == [layout.chunk_path(study.path, "test", 13)]
    tracemalloc.start()
    answer = back.log_probs(range(models), slice(0, 10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.shape == (models, 10, num_classes)
    assert peak < 4 * one.nbytes  # the file, a copy for the checksum, and the array; all 20 models are 8 MB
