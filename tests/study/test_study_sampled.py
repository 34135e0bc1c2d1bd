"""Predictions of sampled networks: rows by name, incomplete chunks, other inputs; and stored choices."""

import json

import numpy as np
import pytest
import xarray as xr

from modescape.errors import DamageError, InputError
from modescape.study import Study, layout, verify
from modescape.study.choices import read_choice, readable_choice, write_choice
from modescape.study.sampled import Drawn, SampledPredictions, SampledWriter

LABEL = np.array([3, 1, 0, 2, 2, 1, 0])


def drawn(draw: int, **changed) -> Drawn:
    plain = Drawn(1, "low_rank", "sample", 0.1 + 0.2, True, draw, 5, (1 << 56) - 1)
    return plain._replace(**changed)


MODELS = [drawn(0), drawn(1), drawn(0, scale=None, approach="mc_dropout"), drawn(0, purpose="plane 0", accept=False)]


def values(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(7, 4)).astype(np.float32)


def fill(study: Study, models=MODELS, digest="a", images="shift-3", leave_out=()) -> dict[Drawn, int]:
    writer = SampledWriter(study, images, (7, 4))
    missing = writer.create_or_extend(models, LABEL, digest)
    for model, row in missing.items():
        if model not in leave_out:
            writer.write(row, values(row))
    writer.note({row: row / 8 for model, row in missing.items() if model not in leave_out})
    return missing


def test_they_come_back_by_name(study):
    assert fill(study) == {model: row for row, model in enumerate(MODELS)}
    back = study.sampled_predictions("shift-3")
    assert isinstance(back, SampledPredictions)
    assert back.rows == {model: row for row, model in enumerate(MODELS)}  # scales are exact
    for row in range(4):
        np.testing.assert_array_equal(back.predictive(row), values(row))
    assert back.distance.tolist() == [0, 1 / 8, 2 / 8, 3 / 8]
    np.testing.assert_array_equal(back.label, LABEL)
    more = [drawn(7), *MODELS]
    assert fill(study, more) == {drawn(7): 4}
    assert fill(study, more) == {}
    np.testing.assert_array_equal(study.sampled_predictions("shift-3").predictive(0), values(0))


def test_the_layout_is_that_of_checkpoints(study):
    fill(study)
    with xr.open_zarr(study.path / "predictions.zarr", group="sampled/shift-3", consolidated=False) as dataset:
        assert dataset["log_prob"].dims == ("model", "example", "class")
        assert dataset["member"].values.tolist() == [1] * 4
        assert bytes(dataset["approach"].values[2]).rstrip(b"\0") == b"mc_dropout"
        assert np.isnan(dataset["scale"].values[2])
    chunk = layout.chunk_path(study.path, "sampled/shift-3", 2, separator=".")
    assert chunk.read_bytes()[:-4] == values(2).tobytes()


def test_a_set_is_named_plainly_and_an_absent_one_refused(study):
    with pytest.raises(InputError, match="no predictions of sampled networks on test; make them with: modescape run"):
        study.sampled_predictions("test")
    with pytest.raises(InputError, match="the name of a set of images"):
        study.sampled_predictions("../test")
    with pytest.raises(InputError, match="expected at most 64"):
        fill(study, [drawn(0, approach="x" * 65)])


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "gone", "no distance"])
def test_what_is_torn_is_found_and_made_again(study, flip, how):
    fill(study, leave_out=MODELS[1:2] if how == "no distance" else ())
    path = layout.chunk_path(study.path, "sampled/shift-3", 1, separator=".")
    if how == "flip":
        flip(path)
    elif how == "no distance":  # a worker died between the two writes
        SampledWriter(study, "shift-3", (7, 4)).write(1, values(1))
    else:
        path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:-9] if how == "cut" else b"")
    back = study.sampled_predictions("shift-3")
    assert not back.is_whole(1)
    if how in ("flip", "cut", "empty"):
        with pytest.raises(DamageError):
            back.predictive(1)
        assert [problem for problem in verify(study.path) if "sampled" in problem]
    assert fill(study) == {MODELS[1]: 1}
    assert not [problem for problem in verify(study.path) if "sampled" in problem]
    np.testing.assert_array_equal(study.sampled_predictions("shift-3").predictive(1), values(1))


def test_other_inputs_begin_a_set_anew(study):
    fill(study)
    fill(study, images="test")
    assert fill(study, MODELS[2:], digest="b") == {MODELS[2]: 0, MODELS[3]: 1}
    assert study.sampled_predictions("shift-3").digest == "b"
    assert study.sampled_predictions("test").digest == "a"
    assert layout.sampled_sets(study.path) == ["shift-3", "test"]


@pytest.mark.parametrize("array", ["approach", "scale", "member", "log_prob", "label"])
def test_a_damaged_description_is_refused_and_made_anew(study, array):
    fill(study)
    about = study.path / "predictions.zarr" / "sampled" / "shift-3" / array / "zarr.json"
    content = json.loads(about.read_text())
    content["codecs"] = [{"name": "gzip"}]
    about.write_text(json.dumps(content))
    with pytest.raises(DamageError, match=rf"{array}' is damaged"):
        study.sampled_predictions("shift-3")
    assert [problem for problem in verify(study.path) if array in problem]
    assert len(fill(study)) == 4
    study.sampled_predictions("shift-3").predictive(3)


def test_choices_come_back_of_the_same_inputs_alone(study, flip):
    loss = np.random.default_rng(0).normal(size=(2, 3, 4))
    write_choice(study.path, "swag", {"loss": loss, "step": np.array([0.1 + 0.2, np.nan])}, "digest")
    found = read_choice(study.path, "swag", "digest")
    assert found is not None
    np.testing.assert_array_equal(found["loss"], loss)
    np.testing.assert_array_equal(found["step"], [0.1 + 0.2, np.nan])
    assert read_choice(study.path, "swag", "other") is None
    assert read_choice(study.path, "random", "digest") is None
    assert not [problem for problem in verify(study.path) if "swag" in problem]
    flip(layout.choice_path(study.path, "swag"))
    with pytest.raises(DamageError, match=r"swag.safetensors' is damaged: its checksum does not match; make it again"):
        read_choice(study.path, "swag", "digest")
    assert readable_choice(study.path, "swag", "digest") is None
    assert [problem for problem in verify(study.path) if "swag" in problem]
