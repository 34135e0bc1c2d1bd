"""Images that analyses send through networks, as they are counted before a run and as they were sent."""

from __future__ import annotations

import pytest

from modescape import analyses
from modescape.analyses import sampling, scales
from modescape.analyses.costs import Cost, Sizes, cost_of, sweep_images
from modescape.study import Study

pytestmark = pytest.mark.ci


NETWORKS = [name for name, one in analyses.ANALYSES.items() if "cost" in one.also and analyses.NETWORK in one.needs]


def counted(work) -> int:
    images = 0

    def hear(more: int) -> None:
        nonlocal images
        images += more

    before = sampling.forwarded.set(hear)
    try:
        work()
    finally:
        sampling.forwarded.reset(before)
    return images


@pytest.fixture(scope="module")
def sizes(networks: Study) -> Sizes:
    """Of a recipe with one epoch around each solution too few for some methods: the count is for all of them."""
    examples = networks.manifest["examples"]
    return Sizes(networks.recipe, 3, examples["train"], examples["validation"], examples["test"])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_images_of_an_analysis_are_known_before(networks: Study, sizes: Sizes, name: str):
    scales.sweeps(sampling.place_of(networks))  # counted by itself
    sent = counted(lambda: analyses.measure(name, networks, **networks.recipe.settings.get(name, {})))
    assert 0.5 < cost_of(name, sizes).images / sent < 2


def test_the_images_of_the_sweep_are_known_before(networks: Study, sizes: Sizes):
    scales.forget()
    sent = counted(lambda: scales.sweeps(sampling.place_of(networks)))
    assert 0.5 < sweep_images(sizes) / sent < 2


def test_what_reads_alone_sends_nothing(networks: Study, sizes: Sizes):
    reading = [name for name in analyses.ANALYSES if "cost" not in analyses.ANALYSES[name].also]
    assert set(reading) >= {"training", "confusion", "ensemble_size", "randomness", "cyclic"}
    assert counted(lambda: analyses.measure("confusion", networks)) == 0
    assert cost_of("tunnel", sizes).steps == 5
    assert Cost() == Cost(images=0, steps=0, seconds=0)
