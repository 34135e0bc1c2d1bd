"""Data that a context opens, how long it is kept, and reports of forward passes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import stand_ins

from modescape import analyses, pipeline
from modescape.analyses import sampling, scales
from modescape.context import StudyContext, StudyRef
from modescape.engines import Here
from modescape.errors import WorkError
from modescape.study import Study

SMALL = (
    *("train.members=2", "train.epochs=2", "data.train=60", "data.validation=20", "data.test=30"),
    *("analyses=[]", "compute.engine=here", "subspace.variant=paper"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return pipeline.run("digits", tmp_path_factory.mktemp("context") / "study", overrides=SMALL)


def test_what_is_made_once_is_the_contexts_own(study):
    one, other = StudyContext(study), StudyContext(study)
    made = []

    def make(context, number, *, twice=False):
        made.append((context, number, twice))
        return object()

    assert one.once(make, 1) is one.once(make, 1)
    assert one.once(make, 1) is not one.once(make, 1, twice=True)
    assert one.once(make, 1) is not other.once(make, 1)
    assert made == [(one, 1, False), (one, 1, True), (other, 1, False)]


def test_of_what_is_bounded_those_asked_for_last_are_kept(study):
    context = StudyContext(study)

    def make(context, number):
        return [number]

    first, second = context.last(2, make, 1), context.last(2, make, 2)
    assert context.last(2, make, 1) is first
    context.last(2, make, 3)
    assert context.last(2, make, 1) is first
    assert context.last(2, make, 2) is not second


def test_neighbourhood_and_sweeps_go_with_their_context(study):
    context = StudyContext(study)
    assert sampling.neighbourhood(context, 1) is sampling.neighbourhood(context, 1)
    assert sampling.neighbourhood(context, 1) is not sampling.neighbourhood(StudyContext(study), 1)
    assert scales.distances(context) is scales.distances(context)
    assert context.dataset is context.dataset
    assert context.evaluator.module is context.module


def test_a_context_tells_its_listeners_and_the_last_alone(study):
    context, heard, inner = StudyContext(study), [], []
    context.progress(1)
    with context.heard_by(heard.append):
        context.progress(2)
        with context.heard_by(inner.append):
            context.progress(3)
        sampling.predict(
            context, next(sampling.neighbourhood(context, 0).networks("single", None, 1)), images_of(context)
        )
    context.progress(4)
    assert (heard, inner) == ([2, 30], [3])


def test_images_of_a_context_are_heard_where_others_work(study):
    """Two contexts in one process, as for two studies in a session: images of one are not reported to the other."""
    one, other, heard = StudyContext(study), StudyContext(study), []
    around = sampling.neighbourhood(other, 0)
    with one.heard_by(heard.append):
        around.log_prob("single", None, 1, {"": images_of(other)})
    assert heard == []


def test_an_analysis_takes_a_study_or_its_context(study):
    context = StudyContext(study)
    for name, settings in (("confusion", {}), ("diversity_plane", {"draws": 2})):
        assert analyses.measure(name, context, **settings).identical(analyses.measure(name, study, **settings))
    assert "dataset" in vars(context)


def test_what_reads_predictions_alone_loads_no_data(study):
    context = StudyContext(study)
    analyses.measure("confusion", context)
    assert not {"dataset", "module"} & set(vars(context))


def test_a_folder_that_became_another_study_is_another_reference(study, tmp_path):
    path = Path(shutil.copytree(study.path, tmp_path / "study"))
    before = StudyRef.of(Study.open(path))
    assert StudyRef.of(Study.open(path)) == before
    shutil.rmtree(path)
    other = pipeline.run("digits", path, overrides=[*SMALL, "seed=5"])
    assert StudyRef.of(other) != before
    with Here() as engine:
        (value,) = [outcome.value for outcome in engine.map(seed_of, [0], context=StudyRef.of(other))]
    assert value == 5


def test_the_stages_of_a_run_name_the_study_alike(study, tmp_path):
    """So that a worker keeps its data from stage to stage."""
    path = Path(shutil.copytree(study.path, tmp_path / "study", ignore=shutil.ignore_patterns("members", "*.zarr")))
    named = [StudyRef.of(Study.open(path))]
    with stand_ins.no_figures():
        for stage in (pipeline.train, pipeline.run):
            stage(path)
            named.append(StudyRef.of(Study.open(path)))
        pipeline.analyse(path, ["confusion"])
    assert {*named, StudyRef.of(Study.open(path))} == {named[0]}


def test_a_recipe_that_was_changed_is_opened_anew(study, tmp_path):
    path = shutil.copytree(study.path, tmp_path / "study")
    changed = Study.open(path)
    with Here() as engine:
        found = []
        for samples in (3, 4):
            with changed.lock():
                values = changed.recipe.model_copy(
                    update={"subspace": changed.recipe.subspace.model_copy(update={"samples": samples})}
                )
                changed.update_recipe(values)
            found += [outcome.value for outcome in engine.map(samples_of, [0], context=StudyRef.of(changed))]
    assert found == [3, 4]


def test_other_data_than_the_study_was_begun_with_is_refused(study):
    other = Study(study.path, {**study.manifest, "fingerprint": "another"})
    other.recipe = study.recipe
    with pytest.raises(WorkError, match="the data at 'digits' changed since the study was begun; put it back"):
        _ = StudyContext(other).dataset


def images_of(context):
    return context.dataset.test.inputs


def seed_of(context, item, report):
    return context.study.recipe.seed


def samples_of(context, item, report):
    return context.study.recipe.subspace.samples
