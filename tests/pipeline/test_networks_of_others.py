"""Users' networks through the whole pipeline, and those that are refused before anything is written."""

import json

import pytest
import torch
from torch import nn

from modescape import data, pipeline
from modescape.errors import InputError
from modescape.progress import Progress
from modescape.study import Study
from modescape.study.sealed import sealed_text

SMALL = [
    *("train.epochs=2", "train.keep_last=2", "train.trajectories=1", "train.members=2", "train.optimizer=sgd"),
    *("data.test=1500", "compute.engine=here", "subspace.samples=2", "subspace.acceptance=0", "analyses=[]"),
]


class Odd(nn.Module):
    """Several unusual features at once: see the comments."""

    def __init__(self):
        super().__init__()
        self.convolution, self.dense = nn.Conv2d(1, 4, 3, stride=2), nn.Linear(36, 10)
        self.other = nn.Linear(36, 10)
        self.scale = nn.Parameter(torch.ones(()))  # a scalar parameter
        self.register_buffer("mean", torch.zeros(()), persistent=False)  # changes, but is not in ``state_dict``
        self.register_buffer("phase", torch.ones(2, dtype=torch.complex64))

    def forward(self, images):
        images.mul_(2)  # modifies its input in place
        if self.training:
            self.mean.lerp_(images.mean(), 0.2)
        features = self.convolution(images - self.mean).view(-1, 36)  # fails in channels-last layout
        logits = self.scale * self.dense(features).softmax(1)
        logits = logits / logits.sum(1, keepdim=True)
        return {"main": logits, "other": self.other(features)} if self.training else {"main": logits}


class Noisy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, images):
        return super().forward(images + torch.randn_like(images))


def seeded():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def softmaxed():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(1))


def half():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).half()


class Hearing(Progress):
    """Records messages."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


def settings(factory, *more):
    return [*SMALL, f"model.factory={__name__}:{factory}", *more]


@pytest.mark.ci
def test_an_odd_network_goes_through_everything_and_predicts_as_plain_torch(tmp_path):
    reading = ["model.output=main", "model.output_kind=probabilities"]
    heard, analyses = Hearing(), ["analyses=[diversity_plane]"]
    study = pipeline.run("digits", tmp_path / "s", overrides=settings("Odd", *reading, *analyses), progress=heard)
    assert any("the loss uses 'main' of a dict with main, other" in line for line in heard.lines)
    assert any("no gradient reaches" in line and "other.weight" in line for line in heard.lines)
    assert study.has_result("diversity_plane")
    assert study.manifest["network"]["kept_buffers"] == ["mean"]
    assert study.manifest["model"]["buffers"] == {"mean": [], "phase": [2]}
    stored = study.predictions("test")
    images = data.load(study.recipe.data, study.recipe.seed).test.inputs.float() / 255
    for member in study.trained:
        network, state = Odd().eval(), study.state(member, 2)
        network.load_state_dict({**state.params, "phase": state.buffers["phase"]})
        network.mean.copy_(state.buffers["mean"])
        with torch.no_grad():
            expected = network(images.clone())["main"].log()
        got = torch.from_numpy(stored.log_prob(stored.index(member, 2)))
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    assert not torch.equal(study.buffers(0, 0)["mean"], study.buffers(0, 2)["mean"])


def test_two_equal_commands_with_a_network_that_draws_give_the_same_bytes(tmp_path):
    pages, heard = [], Hearing()
    for name in ("one", "two"):
        torch.rand(3)
        study = pipeline.run("digits", tmp_path / name, overrides=settings("Noisy"), progress=heard)
        predictions = study.predictions("test")
        pages.append(
            (predictions.log_prob(predictions.index(1, 2)).tobytes(), (study.path / "report.html").read_text())
        )
    assert pages[0][0] == pages[1][0]
    assert "draws random numbers when it is evaluated" in pages[0][1]
    assert sum("its predictions are a sample" in line for line in heard.lines) == 2


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("seeded", r"same weights from two seeds.*torch\.manual_seed.*streams\.initialisation=shared"),
        ("softmaxed", r"returns probabilities.*model\.output_kind=probabilities"),
        ("half", r"torch\.float16.*train\.arithmetic=bf16"),
    ],
)
def test_refusals_come_before_anything_is_written(tmp_path, factory, message):
    with pytest.raises(InputError, match=message) as caught:
        pipeline.train("digits", tmp_path / "s", overrides=settings(factory))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.ci
def test_one_start_for_all_is_trained_where_it_is_asked_for(tmp_path):
    shared = settings("seeded", "streams.initialisation=shared", "analyses=[randomness]", "variants.epochs=1")
    study = pipeline.run("digits", tmp_path / "s", overrides=shared)
    first, second = (study.params(member, 0) for member in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert "need initialisations that differ" in study.result("randomness").attrs["not_enough"]
    assert "randomness-different-same-same" not in {path.name for path in (study.path / "variants").iterdir()}


def without_record(study):
    """The study as an older version without the record left it."""
    path = study.path / "manifest.json"
    manifest = {key: value for key, value in study.manifest.items() if key != "network"}
    path.write_text(sealed_text(manifest), encoding="utf-8")
    assert "network" not in json.loads(path.read_text())
    return Study.open(study.path)


def test_a_study_without_a_record_is_tried_when_it_grows(tmp_path):
    linear = settings("Noisy")
    whole = pipeline.train("digits", tmp_path / "whole", overrides=linear)
    old = without_record(pipeline.train("digits", tmp_path / "old", overrides=[*linear, "train.members=1"]))
    grown = pipeline.train("digits", old.path, overrides=linear)
    assert grown.trained == [0, 1]
    for member in (0, 1):
        expected = whole.params(member, 2)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in grown.params(member, 2).items())
