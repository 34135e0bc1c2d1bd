"""The identity of a study: new settings and changed defaults do not change existing studies."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

import modescape as ms
from modescape.recipe import identity, load
from modescape.study import Study
from modescape.study.status import verify

KEPT = Path(__file__).parent / "study" / "kept" / "study-of-55bdbb8.tar.gz"
HASH = "68886eea31a594b12d3457fef9844c121e0551397bd57f5bd1d7a49c50cdc308"  # as commit 55bdbb8 wrote it
SETTINGS = [
    *("train.members=2", "train.epochs=2", "model.arguments={channels: [4, 4, 4]}", "data.test=200", "data.train=60"),
    *("data.validation=40", "train.trajectories=1"),
    *("train.learning_rate=1.6e-3", "train.schedule={kind: halving, every: 10}"),  # as the recipe was then
]
DIGITS = "c8d50796d2c751a5b1a922fe5b2b9ca86d236fc7f16b03d9bda63b07a32509c6"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A study of one member made by commit 55bdbb8, without its page and figures."""
    with tarfile.open(KEPT) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "study"


def test_the_first_version_is_as_it_was_written():
    assert identity.content_hash(load("digits", SETTINGS), DIGITS, version=1) == HASH
    assert load("digits", SETTINGS).identifies(DIGITS, HASH)


@pytest.mark.ci
def test_a_study_of_55bdbb8_opens_verifies_and_is_finished(kept):
    before = {file: file.read_bytes() for file in kept.rglob("*") if file.is_file() and "epoch-" in file.name}
    assert verify(kept) == []
    recipe = Study.open(kept).recipe
    study = ms.run(recipe, kept, overrides=["train.members=2", "compute.engine=here"])
    assert study.trained == [0, 1]
    assert study.result("ensemble_size").sizes["size"] == 2
    assert (kept / "report.html").is_file()
    assert {file: file.read_bytes() for file in before} == before
    assert verify(kept) == []


def test_only_what_differs_from_the_defaults_is_hashed():
    assert identity.identity(load("digits"), "f") == {
        "version": identity.IDENTITY,
        "seed": 0,
        "data": {"fingerprint": "f", "validation": 200, "test": 1297},
        "model": {},
        "train": {"batch_size": 32, "learning_rate": 0.01, "schedule": {"kind": "cosine"}},
        "streams": {},
    }
    text = json.dumps(identity.identity(load("digits"), "f"), sort_keys=True, separators=(",", ":"))
    assert load("digits").content_hash("f") == hashlib.sha256(text.encode()).hexdigest()


def test_a_setting_that_came_later_is_part_of_the_first_version_only_where_it_was_changed():
    plain = identity.identity(load("digits"), "f", version=1)
    assert "size" not in plain["data"]
    assert "output_kind" not in plain["model"]
    changed = identity.identity(load("digits", ["data.size=16", "model.output_kind=probabilities"]), "f", version=1)
    assert changed["data"]["size"] == 16
    assert changed["model"]["output_kind"] == "probabilities"


def test_a_default_that_changed_its_meaning_leaves_older_studies_what_they_were(monkeypatch):
    """As if the default learning rate had been 0.01 up to version 2."""
    then, now = load("digits", ["train.learning_rate=0.01"]), load("digits", ["train.learning_rate=1.6e-3"])
    monkeypatch.setattr(identity, "IDENTITY", 3)  # a future version
    # in which a default changes
    monkeypatch.setitem(identity.FORMER_DEFAULTS, 2, {"train.learning_rate": 0.01})
    assert "learning_rate" not in identity.identity(then, "f", version=2)["train"]
    assert identity.identity(now, "f", version=2)["train"]["learning_rate"] == 1.6e-3
    begun = identity.content_hash(then, "f", version=2)  # of a study created then with the default rate
    assert then.identifies("f", begun)
    assert not now.identifies("f", begun)
    assert "learning_rate" not in identity.identity(now, "f", version=3)["train"]
