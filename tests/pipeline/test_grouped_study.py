"""A table whose rows belong to patients through the whole pipeline: stored, grown, resumed, shown on the page."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from modescape import pipeline
from modescape.arrays import group_codes
from modescape.errors import DamageError, InputError
from modescape.metrics import ensemble_curve
from modescape.offered import INDEPENDENT, stacked
from modescape.study import Study
from modescape.study.offering import offer

pytestmark = pytest.mark.ci  # trains two studies
PATIENTS, VISITS = 30, 4
SETTINGS = [
    *("data.target=y", "data.group=patient", "data.test=30", "data.validation=20", "train.epochs=2"),
    *("train.members=2", "model.arguments.widths=[8]", "compute.engine=here"),
    "analyses=[ensemble_size, solution_similarity]",
]


def visits(path: Path) -> Path:
    """Two numbers and a class, with a patient effect that is the same at all visits."""
    stream = np.random.default_rng(0)
    rows = ["a,b,patient,y"]
    for patient in range(PATIENTS):
        own = stream.normal(size=2)
        for _ in range(VISITS):
            a, b = own + 0.1 * stream.normal(size=2)
            rows.append(f"{a:.4f},{b:.4f},<b>{patient}</b>,{'yes' if a + own[1] > 0 else 'no'}")
    path.write_text("\n".join(rows))
    return path


@pytest.fixture(scope="module")
def grouped(made_once) -> Path:
    """A study of two members, which contains its table."""

    def make(folder: Path) -> None:
        folder.mkdir()
        pipeline.run("table", folder / "study", overrides=[f"data.source={visits(folder / 'v.csv')}", *SETTINGS])

    return made_once("grouped", make)


def test_groups_are_a_coordinate_of_the_examples_and_no_split_cuts_one(grouped: Path) -> None:
    import zarr

    study = Study.open(grouped / "study")
    names = {split: study.predictions(split).group for split in ("validation", "test")}
    assert study.manifest["groups"] == {"name": "patient", "counts": {"train": 18, "validation": 5, "test": 7}}
    assert study.manifest["examples"] == {"train": 72, "validation": 20, "test": 28}
    for split, group in names.items():
        assert group is not None
        assert sorted(np.unique(group, return_counts=True)[1].tolist()) == [4] * len(set(group))
        store = zarr.open_group(grouped / "study" / "predictions.zarr" / split, mode="r")
        assert store["group"].metadata.dimension_names == ("example", "character")
        assert "group" in store["log_prob"].attrs["coordinates"].split()
    assert not set(names["test"]) & set(names["validation"])
    note = " ".join(study.manifest["data_notes"])
    assert "18 groups in train, 5 in validation and 7 in test. No group is split" in note
    assert "data.test has 28 in place of 30 rows" in note
    assert "with fewer than 20 intervals tend to be too short" in note


def test_results_and_the_page_are_of_groups(grouped: Path) -> None:
    study = Study.open(grouped / "study")
    result, stored = study.result("ensemble_size"), study.predictions("test")
    assert (result.attrs["groups"], result.attrs["group_name"]) == (7, "patient")
    said = "(the same 'patient') counts as one example, and intervals are for new groups; there are 7"
    assert result.attrs["intervals"].endswith(said)
    one = offer(study).predictions["test"]
    log_prob = stacked(one, one.groups[INDEPENDENT])
    for group, same in ((stored.group, True), (None, False)):
        curve = ensemble_curve(log_prob, stored.label, group=group)
        own = result.sel(approach="independent")
        for end in ("score_low_these", "score_high"):
            assert np.allclose(own[end], curve[end], atol=1e-12) == same
    np.testing.assert_array_equal(one.example_group, group_codes(stored.group, 28))
    page = (grouped / "study" / "report.html").read_text()
    assert "on test rows of new groups" in page or "on rows of new groups" in page
    assert "7\N{NO-BREAK SPACE}groups of them by patient" in page
    assert "on new rows" not in page.split("application/yaml")[0].split("<script")[0]
    assert "<b>1</b>" not in page


def test_a_grown_study_and_one_gone_on_with_are_the_one_made_at_once(grouped: Path, tmp_path: Path) -> None:
    shutil.copytree(grouped / "study", tmp_path / "grown")
    source = f"data.source={grouped / 'v.csv'}"
    stamp = {path: path.stat().st_mtime_ns for path in (tmp_path / "grown").glob("members/*/epoch-*.safetensors")}
    pipeline.run("table", tmp_path / "grown", overrides=[source, *SETTINGS, "train.members=3"])
    assert all(path.stat().st_mtime_ns == before for path, before in stamp.items())  # nothing was repeated
    pipeline.run("table", tmp_path / "at_once", overrides=[source, *SETTINGS, "train.members=3"])
    for name in ("ensemble_size", "solution_similarity"):
        one, other = (Study.open(tmp_path / folder).result(name) for folder in ("grown", "at_once"))
        assert one.identical(other)
    group = tmp_path / "grown" / "predictions.zarr" / "test" / "group"
    shutil.rmtree(group)  # without it, intervals would silently be over rows
    with pytest.raises(DamageError, match="the groups of its examples are not there"):
        Study.open(tmp_path / "grown").predictions("test")
    pipeline.run(tmp_path / "grown", None)
    assert Study.open(tmp_path / "grown").predictions("test").group is not None
    mended, whole = (Study.open(tmp_path / folder).result("ensemble_size") for folder in ("grown", "at_once"))
    assert mended.identical(whole)


def test_another_column_is_another_study(grouped: Path, tmp_path: Path) -> None:
    shutil.copytree(grouped / "study", tmp_path / "study")
    other = [f"data.source={grouped / 'v.csv'}", *SETTINGS, "data.group=null", "data.leave_out=[patient]"]
    with pytest.raises(InputError, match=r"data\.fingerprint is .*; data\.group is patient there and not set here"):
        pipeline.run("table", tmp_path / "study", overrides=other)
