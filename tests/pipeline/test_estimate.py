"""The estimated cost of a run: every stage, the longest one named, and how to shorten a long run."""

import re
import shutil
from dataclasses import replace

import pytest

from modescape import data, pipeline
from modescape.pipeline.auxiliary import wanted_auxiliary
from modescape.pipeline.estimate import DRAWING_SECONDS, KIND_SECONDS, Estimate, duration, estimate
from modescape.progress import Progress
from modescape.study import Study

SMALL = ["train.members=2", "train.epochs=3", "data.test=300", "variants.epochs=1", "variants.cycles=2"]


class Lines(Progress):
    """Records messages."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Study, list[str]]:
    said = Lines()
    overrides = [*SMALL, "compute.engine=here", "analyses=[training]"]
    return pipeline.run("digits", tmp_path_factory.mktemp("s") / "s", overrides=overrides, progress=said), said.lines


def fresh(study: Study, folder, analyses: list[str]) -> Study:
    """The same study before anything is done, with these analyses."""
    return Study.create(folder, study.recipe.model_copy(update={"analyses": analyses}), study.manifest)


def test_it_counts_the_disk(trained, tmp_path):
    """Against the study's files at the end; headers and state files are not counted."""
    study, lines = trained
    dataset = data.load(study.recipe.data, 0)
    assert estimate(study, dataset, workers=2) is None
    cost = estimate(fresh(study, tmp_path / "s", ["training"]), dataset, workers=2)
    files = [*study.path.rglob("*.safetensors"), *study.path.rglob("c/*/0/0")]
    assert cost.bytes == pytest.approx(sum(file.stat().st_size for file in files), rel=0.05)
    assert 0 < cost.seconds < 600
    assert len(lines) == 1
    assert lines[0].startswith("estimated: ")


def test_it_counts_every_stage_and_what_is_done_no_more(trained, tmp_path):
    study, _ = trained
    dataset = data.load(study.recipe.data, 0)
    whole = estimate(fresh(study, tmp_path / "a", ["training", "cyclic", "radial"]), dataset, 1)
    assert list(whole.stages) == ["training", "predicting", "variants", "analysing"]
    less = estimate(fresh(study, tmp_path / "b", ["training", "radial"]), dataset, 1)
    assert list(less.stages) == ["training", "predicting", "analysing"]
    assert less.stages["analysing"] < whole.stages["analysing"]
    assert whole.longest_analysis == "radial"
    only = estimate(fresh(study, tmp_path / "c", ["cyclic"]), dataset, 1, training_only=True)
    assert re.match(r"estimated: (\d+|under 1) s of training, ", only.lines()[0])
    # twice as many members take twice as many steps, and half the time on two workers
    recipe = study.recipe.model_copy(update={"train": study.recipe.train.model_copy(update={"members": 4})})
    double = Study.create(tmp_path / "d", recipe, study.manifest)
    assert estimate(double, dataset, 1).stages["predicting"] == pytest.approx(2 * less.stages["predicting"], rel=0.01)
    assert estimate(double, dataset, 2).stages["predicting"] == pytest.approx(less.stages["predicting"], rel=0.01)


def test_what_is_trained_and_not_predicted_costs_its_predictions(trained, tmp_path):
    study, _ = trained
    dataset = data.load(study.recipe.data, 0)
    shutil.copytree(study.path, tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "predictions.zarr")
    cost = estimate(Study.open(tmp_path / "s"), dataset, 1)
    assert list(cost.stages) == ["predicting"]
    chunks = [file.stat().st_size for file in (study.path / "predictions.zarr").rglob("log_prob/c/*/0/0")]
    assert cost.bytes == pytest.approx(sum(chunks), rel=0.05)


def test_an_added_analysis_costs_itself_and_an_added_member_all_analyses(trained, tmp_path):
    study = Study.open(shutil.copytree(trained[0].path, tmp_path / "s"))
    dataset = data.load(study.recipe.data, 0)
    study.update_recipe(study.recipe.model_copy(update={"analyses": ["training", "radial"]}))
    added = estimate(study, dataset, 1)
    assert list(added.stages) == ["analysing"]
    train = study.recipe.train.model_copy(update={"members": 3})
    study.update_recipe(study.recipe.model_copy(update={"train": train}))
    grown = estimate(study, dataset, 1)
    assert list(grown.stages) == ["training", "predicting", "analysing"]
    assert grown.stages["analysing"] > added.stages["analysing"] + DRAWING_SECONDS  # "training" is measured again


def test_networks_of_analyses_are_counted_with_the_long_run_and_again_where_settings_changed(trained, tmp_path):
    study = Study.open(shutil.copytree(trained[0].path, tmp_path / "s"))
    dataset = data.load(study.recipe.data, 0)

    def cost(**variants) -> float:
        own = study.recipe.variants.model_copy(update=variants)
        study.update_recipe(study.recipe.model_copy(update={"analyses": ["cyclic"], "variants": own}))
        found = estimate(study, dataset, 1)
        return 0.0 if found is None else found.stages.get("variants", 0.0)

    without, one, two = (cost(long_runs=runs) for runs in (0, 1, 2))
    assert one > without + KIND_SECONDS
    assert two - one == pytest.approx(one - without - KIND_SECONDS, rel=0.01)
    wanted = wanted_auxiliary(study, "cyclic")
    for folder, own in wanted.items():
        Study.create(study.path / "variants" / folder, own, {**study.manifest, "recipe_hash": _hash(own, study)})
    study.write_result("cyclic", study.result("training"))
    assert cost() == pytest.approx(two)  # started, without a step done
    for folder, own in wanted.items():  # as if all were trained
        for number in range(own.train.members):
            place = study.path / "variants" / folder / "members" / f"{number:03d}"
            place.mkdir(parents=True)
            shutil.copy(study.path / "members/000/state.json", place)
    assert cost() == 0
    assert cost(epochs=2) > 0  # all made again except the long runs


def _hash(recipe, study: Study) -> str:
    return recipe.content_hash(study.manifest["fingerprint"])


def test_a_long_run_names_the_longest_stage_and_what_makes_it_short():
    cost = Estimate(
        {"training": 600.0, "predicting": 60.0, "variants": 7200.0, "analysing": 3000.0}, 5_000_000, "shift"
    )
    first, second = cost.lines()
    assert first == (
        "estimated: 3.0 h (training 10 min, predicting 60 s, variants 2.0 h, analysing 50 min), 5 MB on disk; "
        "the longest is variants"
    )
    assert "--set variants.epochs=N" in second
    assert "--quick" in second
    assert "without shift" in replace(cost, stages={**(cost.stages or {}), "analysing": 9000.0}).lines()[1]
    assert len(replace(cost, stages={"training": 60.0, "analysing": 3000.0}).lines()) == 1
    assert replace(cost, stages=None).lines() == ["estimated: 5 MB on disk"]
    assert [duration(seconds) for seconds in (0.1, 50, 400, 9000)] == ["under 1 s", "50 s", "7 min", "2.5 h"]
