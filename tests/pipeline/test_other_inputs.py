"""Rows of a table through the whole pipeline: refused settings, and the same bytes on every engine."""

from pathlib import Path

import pytest
from contents import contents, differences

from modescape import data, pipeline
from modescape import recipe as recipes
from modescape.errors import InputError
from modescape.pipeline.fitting import refuse_other_task

SMALL = ["train.epochs=2", "data.test=100", "data.validation=40", "data.source=sklearn:diabetes", "analyses=[training]"]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("data.augmentation={horizontal_flip: true}", "data.augmentation"),
        ("data.shift=folder", "data.shift"),
        ("data.frost=folder", "data.frost"),
        ("data.size=8", "data.size"),
        ("train.mixup=0.2", "train.mixup"),
    ],
)
def test_settings_of_pictures_are_refused_for_rows(setting, named):
    made = recipes.load("table", [*SMALL, setting])
    with pytest.raises(InputError, match=rf"{named}.* the examples are rows"):
        refuse_other_task(made, data.load(made.data, 0))


SIZES = {  # numbers of examples that each recipe uses here
    "table": ["data.train=64", "data.test=60", "data.validation=40"],
    "diabetes": ["data.train=64", "data.test=60", "data.validation=40"],
    "finetune": ["data.train=40", "data.test=60", "data.validation=40"],
    "text": ["data.train=64", "data.test=60", "data.validation=40"],
}


@pytest.mark.ci
@pytest.mark.parametrize(
    "recipe", ["table", "diabetes", *(pytest.param(name, marks=pytest.mark.long) for name in ("finetune", "text"))]
)
def test_engines_and_growth_give_the_same_bytes(tmp_path, recipe):
    """The same bytes on every engine and for any initial number of members; existing files are not touched."""

    def run(name, members, *more):
        settings = ["train.epochs=2", "analyses=[training, ensemble_size]", *SIZES[recipe], f"train.members={members}"]
        pipeline.run(recipe, tmp_path / name, overrides=[*settings, *more])

    run("at once", 3, "compute.engine=here")
    run("grown", 2, "compute.engine=processes", "compute.workers=2")
    before = _kept(tmp_path / "grown")
    assert len(before) >= 2 * 2 * 3  # weights and predictions of two members at three epochs
    run("grown", 3, "compute.engine=processes", "compute.workers=1")
    assert before.items() <= _kept(tmp_path / "grown").items()
    assert differences(contents(tmp_path / "at once"), contents(tmp_path / "grown")) == []


def _kept(study: Path) -> dict[Path, tuple[int, int]]:
    """Files that belong to a single member -> inode and modification time."""
    files = [*study.glob("members/*/epoch-*.safetensors"), *study.glob("predictions.zarr/*/*/c/[0-9]*/0/0")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
