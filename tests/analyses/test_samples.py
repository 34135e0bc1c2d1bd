"""Sampled networks are predicted once: stored predictions equal recomputed ones, and analyses only read them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from modescape import analyses, pipeline
from modescape import recipe as recipes
from modescape.analyses import image_sets, scales
from modescape.analyses.sampling import CONTROL_IMAGES, neighbourhood
from modescape.analyses.stored import Request, reach_digest, sampled_digest, sweep_digest
from modescape.context import StudyContext
from modescape.engines.base import Engine, Job, Outcome
from modescape.methods import AROUND
from modescape.pipeline.sampling import ABSENT, Wanted, make_tasks, sample_missing, shared, within_budget
from modescape.progress import Progress
from modescape.study import Study, layout, verify
from modescape.study.sampled import Drawn

DRAWING = ("decomposition", "calibration", "diversity_plane", "tsne_subspace", "shift", "ood", "ensemble_methods")


def copied(study: Study, folder, *without: str) -> Study:
    shutil.copytree(study.path, folder)
    for name in without:
        shutil.rmtree(folder / name)
    return Study.open(folder)


def group(member: int, method: str, count: int = 2) -> tuple[Drawn, ...]:
    return tuple(Drawn(member, method, "sample", 0.1, True, draw, count, 7) for draw in range(count))


def test_a_task_is_a_method_around_a_solution_and_the_longest_comes_first():
    test, validation = image_sets.ImageSet("test"), image_sets.ImageSet("validation")
    one, two, whole = group(0, "swag"), group(1, "swag"), group(2, "swag")
    wanted = [Wanted(one, (validation,)), Wanted(two, (test,)), Wanted(one, (test,)), Wanted(whole, (test,))]
    rows = {test: {one[0]: 4, one[1]: 5, two[1]: 6}, validation: {one[0]: 0, one[1]: 1}}
    first, second = make_tasks(wanted, rows, {test: (30, 2), validation: (20, 2)})
    assert str(first) == "swag around member 0"
    assert first.groups == ((one, ((validation, (0, 1)), (test, (4, 5)))),)
    assert second.groups == ((two, ((test, (ABSENT, 6)),)),)
    assert dict(second.shapes) == {test: (30, 2)}


@pytest.mark.ci
def test_what_most_ask_for_comes_first_and_the_budget_ends_it(networks: Study):
    test, validation = image_sets.ImageSet("test"), image_sets.validation_images()
    context = StudyContext(Study.open(networks.path))
    asked = {
        "a": [Request(0, "swag", 0.1, 6, (validation,))],
        "b": [Request(0, "swag", 0.1, 6, (test,)), Request(0, "swag", 0.1, 5, (test,), "other")],
        "c": [Request(0, "swag", 0.1, 6, (test, validation))],
        "d": [Request(0, "swag", 0.1, 7, (test,))],
    }
    found = shared(context, asked)
    named = [(one.group[0].draw, len(one.group), str(one.images[0])) for one in found]
    # the first five of six and of seven networks are the same, but were computed in different stacks
    assert named == [
        *[(0, 5, "test"), (0, 5, "validation"), (5, 1, "validation"), (5, 1, "test"), (0, 5, "test"), (5, 2, "test")],
    ]
    kept, shapes = within_budget(context, found)
    assert (kept, shapes) == (found, {test: (200, 10), validation: (100, 10)})
    compute = context.study.recipe.compute.model_copy(update={"stored_predictions": 0})
    context.study.recipe = context.study.recipe.model_copy(update={"compute": compute})
    assert within_budget(context, found) == ([], {})


@pytest.mark.ci
@pytest.mark.parametrize("name", DRAWING)
def test_an_analysis_makes_nothing_that_it_announced(networks: Study, name: str):
    """Apart from networks at distance 0, checkpoints, and solutions with their training statistics."""
    context, sent = StudyContext(networks), []
    with context.heard_by(sent.append):
        analyses.measure(name, context, **networks.recipe.settings.get(name, {}))
    beside = {"tsne_subspace": 2 * 5 * 50, "ensemble_methods": 2 * 3 * 200}
    assert sum(sent) <= len(AROUND) * CONTROL_IMAGES + beside.get(name, 0)


@pytest.mark.ci
def test_what_is_read_is_what_would_be_made(networks: Study, tmp_path):
    """Every prediction, distance, scale and reach is bit-identical."""
    bare = StudyContext(copied(networks, tmp_path / "bare", layout.CHOOSING, f"{layout.PREDICTIONS}/{layout.SAMPLED}"))
    context = StudyContext(networks)
    assert scales.scales(context) == scales.scales(bare)
    for name, swept in scales.sweeps(bare).items():
        for field, values in swept._asdict().items():
            np.testing.assert_array_equal(getattr(scales.sweeps(context)[name], field), values)
    images = {"test": image_sets.clean(context), "shift": image_sets.shifted(context, 4)}
    for method, scale in scales.scales(bare).items():
        made, read = (neighbourhood(one, 1).log_prob(method, scale, 3, images) for one in (bare, context))
        apart = [neighbourhood(one, 1).apart(method, scale, 3) for one in (bare, context)]
        assert apart[0].equal(apart[1])
        for name, values in made.items():
            np.testing.assert_array_equal(read[name], values)


class Heard(Progress):
    """Records the lines of a report."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


class Failing(Engine):
    """An engine on which every item fails."""

    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        yield from (Outcome(item, error="OSError: no room") for item in items)


@pytest.mark.ci
def test_what_fails_is_said_once(networks: Study, tmp_path):
    study = copied(networks, tmp_path / "full", f"{layout.PREDICTIONS}/{layout.SAMPLED}")
    for member in (1, 2):
        (study.path / layout.CHOOSING / f"reach-00{member}.safetensors").unlink()
    heard = Heard()
    sample_missing(study, Failing(), heard, ["decomposition"])
    again = "each analysis makes what it lacks"
    assert heard.lines[0] == (
        f"choosing scales failed in part, member 1, reach of its methods: OSError: no room (and 1 more); {again}"
    )
    assert heard.lines[1].startswith("predicting samples failed in part, ")
    assert heard.lines[1].endswith(f" around member 0: OSError: no room (and 2 more); {again}")
    assert len(heard.lines) == 2


@pytest.mark.parametrize(
    ("setting", "sampled", "swept"),
    [
        ("subspace.distance=0.2", True, True),
        ("subspace.runs=2", True, True),
        ("subspace.choosing=12", True, False),
        ("subspace.samples=4", True, False),
        ("subspace.rank=2", False, False),
        ("subspace.acceptance=0.5", False, False),
        ("subspace.batch_norm=stored", False, False),
        ("subspace.last=1", False, False),
    ],
)
def test_settings_redo_what_depends_on_them_alone(study: Study, tmp_path, setting: str, sampled: bool, swept: bool):
    before, after = StudyContext(study), StudyContext(with_setting(study, tmp_path / "other", setting))
    assert (sampled_digest(before) == sampled_digest(after)) == sampled
    assert (reach_digest(before, 0) == reach_digest(after, 0)) == sampled
    assert (sweep_digest(before) == sweep_digest(after)) == swept


def test_the_reach_around_a_member_stays_when_others_come(study: Study, tmp_path):
    before, after = StudyContext(study), StudyContext(with_setting(study, tmp_path / "more", "train.members=9"))
    assert reach_digest(before, 2) == reach_digest(after, 2) != reach_digest(before, 0)


def with_setting(study: Study, folder, setting: str) -> Study:
    """The same study with another setting in its recipe."""
    copied(study, folder)
    changed = recipes.load(study.path / layout.RECIPE, [setting])
    (folder / layout.RECIPE).write_text(changed.to_yaml())
    return Study.open(folder)


@pytest.mark.ci
def test_what_is_torn_or_gone_is_made_again_and_results_stay(networks: Study, tmp_path, flip_byte):
    study = copied(networks, tmp_path / "torn")
    wanted = study.result("decomposition")
    chunks = sorted((study.path / layout.PREDICTIONS / layout.SAMPLED / "test").glob("log_prob/c.*.0.0"))
    flip_byte(chunks[0])
    chunks[1].unlink()
    (study.path / layout.CHOOSING / "swag.safetensors").write_bytes(b"half")
    assert len(verify(study.path)) == 2
    pipeline.analyse(study.path, ["decomposition"])
    assert verify(study.path) == []
    assert study.result("decomposition").identical(wanted)


@pytest.fixture
def flip_byte():
    """Change one bit of a file."""

    def flip(path):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return flip
