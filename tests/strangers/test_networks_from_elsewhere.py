"""Networks as users write them, through every analysis, on images the size of digits."""

from __future__ import annotations

import pytest
import torch

import modescape as ms
from modescape import data
from modescape.analyses import ANALYSES, measure
from modescape.engines import make_engine
from modescape.pipeline.auxiliary import train_auxiliary
from modescape.progress import Progress
from modescape.study import Study
from strangers.networks import NETWORKS

SMALL = [
    *(
        "data.test=120",
        "data.train=121",
        "data.validation=40",
        "train.members=2",
        "train.epochs=3",
        "train.batch_size=40",
    ),
    *("train.trajectories=2", "train.learning_rate=0.01", "compute.engine=here"),
    *(
        "subspace.samples=2",
        "subspace.choosing=4",
        "subspace.runs=2",
        "variants.members=2",
        "variants.epochs=1",
        "variants.cycles=2",
    ),
    "variants.long_runs=0",
]
SETTINGS = {
    "tsne_subspace": {"samples": 2, "examples": 50},
    "radial": {"radii": 2, "angles": 5, "examples": 60, "samples": 2},
    "surface": {"points": 5, "examples": 60},
    "tunnel": {"levels": 1, "steps": 3, "points": 3, "radii": 2, "examples": 60},
    "calibration": {"resamples": 20},
    "diversity_plane": {"draws": 3},
    "diversity_map": {"examples": 60, "train_examples": 40, "points": 3},
    "ood": {"examples": 60},
    "curvature": {"examples": 40, "probes": 3, "steps": 3, "epochs": 2, "climbs": 1},
    "connectivity": {"points": 3, "examples": 60, "train_examples": 40, "steps": 3},
}


def by_torch(factory, study, member: int, epoch: int, images: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of a checkpoint in plain torch: load the state, ``eval()``, one batch."""
    module = factory((1, 8, 8), 10)
    state = study.state(member, epoch)
    module.load_state_dict({**module.state_dict(), **state.params, **state.buffers})
    if "again.weight" in module.state_dict():
        assert module.again.weight is module.middle.weight
    with torch.no_grad():
        out = module.eval()(images.clone())
    return torch.log_softmax(out["logits"] if isinstance(out, dict) else out, -1)


def trained(name: str, folder) -> Study:
    """Two members of a network from elsewhere, trained and predicted."""
    chosen = f"model.factory=strangers.networks:{NETWORKS[name].__name__}"
    study = ms.run("digits", folder, overrides=[*SMALL, chosen, "analyses=[]"])
    assert study.trained == [0, 1]
    return study


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_are_those_of_plain_torch(name, tmp_path):
    study = trained(name, tmp_path / "study")
    images = data.load(study.recipe.data, study.recipe.seed).test.inputs.float() / 255
    predictions = study.predictions("test")
    for member in (0, 1):
        for epoch in (0, 3):
            ours = torch.from_numpy(predictions.log_prob(member=member, epoch=epoch))
            plain = by_torch(NETWORKS[name], study, member, epoch, images)
            torch.testing.assert_close(ours, plain, atol=1e-5, rtol=0)


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_every_analysis_runs(name, tmp_path):
    study = trained(name, tmp_path / "study")
    train_auxiliary(study, make_engine("here", "cpu", None), Progress(), list(ANALYSES))
    for analysis in ANALYSES:  # without figures, which have tests of their own
        assert measure(analysis, study, **SETTINGS.get(analysis, {})).sizes, analysis
