"""Labelled results: bytes, checksums, text."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from modescape.errors import InputError, WorkError
from modescape.results import in_present_names, make_result
from modescape.study import Study

CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from test_study_results import make
from modescape.study import Study
study = Study.open(sys.argv[2])
study.write_result("again", make(study))
"""


def make(study) -> xr.Dataset:
    generator = np.random.default_rng(0)
    names = study.manifest["class_names"]
    count = ("approach", "class", "predicted_class")
    return make_result(
        {
            "count": (count, generator.integers(0, 9, size=(2, 4, 4)), "examples", "number of test images"),
            "accuracy": (("approach",), np.array([0.25, np.nan]), "1", "accuracy — Größe"),
            "single": ((), np.float32(1.5), "nats", "a scalar"),
            "flag": (("approach",), np.array([True, False]), "1", "a switch"),
            "empty": (("draw",), np.zeros(0), "1", "nothing"),
        },
        {"approach": ["member 0", "ensemble"], "class": names, "predicted_class": names},
        title="Confusion",
        intervals="none",
        provenance=study.provenance(examples=7, members=2, repeats=1),
        left_out="",
        level=0.95,
    )


def test_a_result_comes_back(study):
    dataset = make(study)
    assert not study.has_result("confusion")
    study.write_result("confusion", dataset)
    assert study.has_result("confusion")
    back = Study.open(study.path).result("confusion")
    xr.testing.assert_identical(back, dataset.assign_coords())
    assert back["class"].values.tolist() == study.manifest["class_names"]
    assert back["count"].dtype == np.int64
    assert back["flag"].dtype == bool
    assert list(back.attrs) == list(dataset.attrs)


def test_anyone_opens_it(study):
    study.write_result("confusion", make(study))
    with xr.open_dataset(study.path / "results" / "confusion.nc") as dataset:
        assert dataset["class"].values.tolist() == study.manifest["class_names"]
        assert dataset.attrs["recipe_hash"] == study.recipe_hash
        np.testing.assert_array_equal(dataset["count"], make(study)["count"])
    with h5py.File(study.path / "results" / "confusion.nc") as file:
        np.testing.assert_array_equal(file["count"], make(study)["count"])


def test_equal_values_give_equal_bytes_in_any_process(study, request):
    study.write_result("confusion", make(study))
    first = (study.path / "results" / "confusion.nc").read_bytes()
    subprocess.run([sys.executable, "-c", CODE, request.path.parent, study.path], check=True, timeout=60)
    assert (study.path / "results" / "again.nc").read_bytes() == first
    study.write_result("confusion", study.result("confusion"))  # also through a file and back
    assert (study.path / "results" / "confusion.nc").read_bytes() == first


def test_every_variable_that_can_has_a_checksum(study):
    study.write_result("confusion", make(study))
    with h5py.File(study.path / "results" / "confusion.nc") as file:
        having = {name for name, variable in file.items() if variable.fletcher32}
        assert set(file) - having == {
            "single",
            "empty",
            "draw",
            "approach",
            "class",
            "predicted_class",
        }  # not chunked, or text


def test_any_flipped_bit_is_refused(study, flip):
    study.write_result("confusion", make(study))
    path = study.path / "results" / "confusion.nc"
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        flip(path, place)
        with pytest.raises(WorkError, match=r"results/confusion.nc' is damaged.*make it again with: modescape run"):
            study.result("confusion")
        path.write_bytes(whole)
    flip(path, -1)
    with pytest.raises(WorkError, match="is damaged"):
        study.result("confusion")


@pytest.mark.parametrize("keep", [0, 100, -10])
def test_a_cut_file_is_refused(study, keep):
    study.write_result("confusion", make(study))
    path = study.path / "results" / "confusion.nc"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WorkError, match=r"results/confusion.nc' is damaged.*make it again with: modescape run"):
        study.result("confusion")


def test_a_result_that_is_not_there_says_how_to_make_it(study):
    with pytest.raises(InputError, match=f"has no result 'tsne'; make it with: modescape analyse {study.path} tsne"):
        study.result("tsne")


def test_what_breaks_the_schema_is_not_written(study):
    dataset = make(study)
    del dataset.attrs["seed"]
    with pytest.raises(ValueError, match="lacks provenance: seed"):
        study.write_result("confusion", dataset)
    assert not study.has_result("confusion")


def test_a_result_of_an_earlier_version_is_read_in_the_names_of_this_one():
    values = np.arange(6.0).reshape(2, 3)
    labels = ["independent", "swag"]
    old = xr.Dataset(
        {"score": (("method", "size"), values), "equivalent": (("other_method", "size"), values)},
        coords={"method": labels, "other_method": labels, "size": [1, 2, 3], "reference": ("method", ["a", "b"])},
    )
    new = in_present_names(old)
    assert new["score"].dims == ("approach", "size")
    assert new["approach"].values.tolist() == new["other_approach"].values.tolist() == labels
    np.testing.assert_array_equal(new["score"].sel(approach="independent"), values[0])
    assert str(new["reference"].sel(approach="swag").values) == "b"
    assert in_present_names(new) is new
