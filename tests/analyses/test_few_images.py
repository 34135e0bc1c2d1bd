"""Every analysis on a study of a few non-square pictures: it uses the test images it has, or says what it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from stand_ins import no_figures

from modescape import analyses, data, pipeline, results
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.study import Study

pytestmark = pytest.mark.ci

SETTINGS = [
    *("data.size=[9, 14]", "data.test=2", "data.validation=1", "train.members=2", "train.epochs=3"),
    *("train.trajectories=2", "subspace.samples=2", "subspace.runs=2", "subspace.choosing=4"),
    *("compute.engine=here", "analyses=[training]"),
]
SIZES = {  # small settings of everything but test images
    "tsne_subspace": {"samples": 2},
    "radial": {"radii": 3, "angles": 5, "samples": 2},
    "surface": {"points": 5},
    "tunnel": {"levels": 1, "steps": 2, "points": 3, "radii": 3},
    "connectivity": {"points": 3, "train_examples": 20, "steps": 2},
    "calibration": {"resamples": 20, "splits": 2},
    "diversity_plane": {"draws": 2},
    "diversity_map": {"points": 3},
    "curvature": {"examples": 40, "probes": 3, "steps": 3, "epochs": 2, "climbs": 1},
}
NEEDS = {
    "shift": "needs 16 test images or more; this study has 2",
    "cka": "the similarity of layers needs 8 test examples or more; this study has 2",
    "gradient_boosting": "needs rows of a table; the examples of this study are images",
}
# without those that train networks of their own (14 kinds, 20 s) and those of given models (test_given.py)
NAMES = [
    name for name, one in analyses.ANALYSES.items() if "auxiliary" not in one.also and one.only_for != analyses.GIVEN
]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The recipe `images` on 24 non-square pictures of three classes, of many sizes."""
    torch.set_num_threads(1)
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for number in range(24):
        pixels = random.integers(0, 256, (*random.integers(8, 20, 2), 3), dtype=np.uint8)
        path = folder / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    with no_figures(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODESCAPE_CACHE", str(folder / "cache"))
        source = f"data.source={folder}"
        return pipeline.run("images", tmp_path_factory.mktemp("study") / "few", overrides=[source, *SETTINGS])


@pytest.fixture(scope="module")
def context(few: Study) -> StudyContext:
    """One context for all analyses, which keeps choices and samples from one to the next, as a run does."""
    return StudyContext(few)


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_of_two_test_images(context: StudyContext, name: str):
    if name in NEEDS:
        with pytest.raises(NotEnough, match=NEEDS[name]):
            analyses.measure(name, context, **SIZES.get(name, {}))
        return
    result = analyses.measure(name, context, **SIZES.get(name, {}))
    results.validate(result)
    assert result.attrs["examples"] == (1 if name in ("training", "subspace_scales") else 2)


def test_predictions_on_oblong_pictures_are_plain_torchs(few: Study):
    assert few.manifest["image_shape"] == [3, 9, 14]
    assert few.manifest["examples"] == {"train": 21, "validation": 1, "test": 2}
    dataset = data.load(few.recipe.data, few.recipe.seed)
    unit = dataset.train.inputs.double() / 255  # then standardised, as the recipe says
    mean, deviation = unit.mean((0, 2, 3), keepdim=True), unit.std((0, 2, 3), correction=0, keepdim=True)
    network, predictions = few.model().double().eval(), few.predictions("test")
    for member in few.trained:
        network.load_state_dict(few.params(member, 3))
        with torch.no_grad():
            wanted = network((dataset.test.inputs / 255 - mean) / deviation).log_softmax(1)
        np.testing.assert_allclose(predictions.log_prob(predictions.index(member, 3)), wanted, atol=1e-5)
