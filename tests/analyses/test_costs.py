"""Images that analyses send through networks: the count before a run against what was sent."""

from __future__ import annotations

import shutil

import pytest

from modescape import analyses
from modescape.analyses import scales
from modescape.analyses.costs import Cost, Sizes, cost_of, sweep_images
from modescape.context import StudyContext
from modescape.study import Study, layout

pytestmark = pytest.mark.ci


NETWORKS = [name for name, one in analyses.ANALYSES.items() if "cost" in one.also and analyses.AROUND in one.uses]


@pytest.fixture(scope="module")
def bare(networks: Study, tmp_path_factory) -> Study:
    """The study without stored predictions of sampled networks and without choices."""
    folder = tmp_path_factory.mktemp("bare") / "s"
    shutil.copytree(networks.path, folder)
    shutil.rmtree(folder / layout.CHOOSING)
    shutil.rmtree(folder / layout.PREDICTIONS / layout.SAMPLED)
    return Study.open(folder)


@pytest.fixture(scope="module")
def context(bare: Study) -> StudyContext:
    return StudyContext(bare)


def counted(context: StudyContext, work) -> int:
    sent: list[int] = []
    with context.heard_by(sent.append):
        work(context)
    return sum(sent)


@pytest.fixture(scope="module")
def sizes(networks: Study) -> Sizes:
    """Sizes of a recipe with one epoch too few for some methods, although costs are counted for all."""
    examples = networks.manifest["examples"]
    return Sizes(networks.recipe, 3, examples["train"], examples["validation"], examples["test"])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_images_of_an_analysis_are_known_before(context: StudyContext, sizes: Sizes, name: str):
    scales.sweeps(context)  # counted separately
    settings = context.study.recipe.settings.get(name, {})
    sent = counted(context, lambda context: analyses.measure(name, context, **settings))
    assert 0.5 < cost_of(name, sizes).images / sent < 2


def test_the_images_of_the_sweep_are_known_before(bare: Study, sizes: Sizes):
    sent = counted(StudyContext(bare), scales.sweeps)
    assert 0.5 < sweep_images(sizes) / sent < 2


def test_what_reads_alone_sends_nothing(context: StudyContext, sizes: Sizes):
    reading = [name for name in analyses.ANALYSES if "cost" not in analyses.ANALYSES[name].also]
    assert set(reading) >= {"training", "confusion", "ensemble_size", "randomness", "cyclic"}
    assert counted(context, lambda context: analyses.measure("confusion", context)) == 0
    assert cost_of("tunnel", sizes).steps == 5
    assert Cost() == Cost(images=0, steps=0, seconds=0)
