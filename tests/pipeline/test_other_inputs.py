"""Rows of a table through the whole package: what is refused for them, and the same bytes whoever trains."""

from pathlib import Path

import pytest

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


@pytest.mark.ci
def test_engines_and_growth_give_the_same_bytes(tmp_path):
    """The same members of a regression, whoever trains them, and however many there were at first."""

    def run(name, *more):
        pipeline.run("table", tmp_path / name, overrides=[*SMALL, *more])

    run("here", "train.members=3", "compute.engine=here")
    run("processes", "train.members=3", "compute.engine=processes", "compute.workers=2")
    for members in (2, 3):
        run("grown", f"train.members={members}", "compute.engine=here")
    first, second, third = (weights(tmp_path / name) for name in ("here", "processes", "grown"))
    assert len(first) == 9
    assert first == second == third


def weights(study: Path) -> dict[str, bytes]:
    return {str(path.relative_to(study)): path.read_bytes() for path in study.glob("members/*/epoch-*.safetensors")}
