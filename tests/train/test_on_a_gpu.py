"""Training on a real GPU, which other tests interpret or emulate. `bench/gpu.py` runs these before it measures."""

import numpy as np
import pytest
import torch

from modescape import pipeline, recipe, rng, runtime
from modescape.bench.gpu import stacked_against_alone
from modescape.data.dataset import as_split
from modescape.data.prepare import Preparation
from modescape.kernels.forms import FORMS
from modescape.network.member_ops import ComputePolicy
from modescape.train import steps
from modescape.train.loop import Trainer
from modescape.train.schedule import learning_rate

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


def images(count: int = 64):
    stream = rng.stream(0, "test images")
    pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=stream).numpy()
    return as_split(pixels, torch.randint(0, 10, (count,), generator=stream).numpy()).to("cuda")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("factory", ["small_cnn", "resnet20"])
def test_stacked_members_get_the_gradients_of_lone_ones(factory, form):
    made = recipe.Recipe(model=recipe.Model(factory=factory), train=recipe.Train(batch_size=32))
    assert stacked_against_alone(made, images(), torch.float64, form, "cuda") < 1e-12


@pytest.mark.parametrize("arithmetic", ["float32", "tf32", "bf16"])
@pytest.mark.parametrize("factory", ["small_cnn", "resnet20"])
def test_a_recorded_step_is_the_step(factory, arithmetic, monkeypatch):
    """Bit-identical over two epochs, with a last batch of another size."""
    monkeypatch.setattr(
        steps, "learning_rate", lambda *a: torch.tensor(learning_rate(*a))
    )  # the recorded table's precision in both
    train = recipe.Train(epochs=2, batch_size=24, batches="permutation", arithmetic=arithmetic)
    made = recipe.Recipe(model=recipe.Model(factory=factory), train=train)
    data, ends = images(), []
    for replayed in (False, True):
        with runtime.gpu_arithmetic(arithmetic == "tf32"):
            settings = {"device": "cuda", "replayed": replayed, "policy": ComputePolicy(arithmetic)}
            work = Trainer(made, data, 10, Preparation.of(made.data, data.images), **settings)
            *_, last = work.group([0, 1, 2], lambda state: (torch.zeros(3, device="cuda"),) * 2)
            ends.append(last.copy())
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())


def test_a_study_trains_resumes_and_gives_the_same_bits(tmp_path):
    settings = ["train.members=3", "train.epochs=3", "analyses=[]", "compute.device=cuda"]
    settings += ["compute.determinism=strict"]
    whole = pipeline.run("digits", tmp_path / "whole", overrides=settings)
    parts = pipeline.train("digits", tmp_path / "parts", overrides=settings)
    (parts.path / "members" / "001" / "state.json").unlink()  # lost, so it is trained again in the same group
    parts = pipeline.run("digits", tmp_path / "parts", overrides=settings)
    for study in (whole, parts):
        assert study.trained == [0, 1, 2]
    for split in ("validation", "test"):
        one, other = whole.predictions(split), parts.predictions(split)
        for member in whole.trained:
            rows = one.index(member, 3), other.index(member, 3)
            assert np.array_equal(one.log_prob(rows[0]), other.log_prob(rows[1]))
