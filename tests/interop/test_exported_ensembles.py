"""Ensembles as one module, against plain loops; exported files run without this package."""

import importlib
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import modescape as ms
from modescape import tree
from modescape.context import StudyContext
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.interop.ensemble.answers import ClassAnswers, NumberAnswers
from modescape.interop.ensemble.module import EnsembleModule
from modescape.interop.ensemble.stacking import stacked, traced
from modescape.models import MODELS, split_state
from modescape.pipeline import model_card
from modescape.pipeline.calibrating import tempered
from modescape.pipeline.exporting import export
from modescape.recipe import Augmentation
from modescape.study import Study
from modescape.tasks import Classification
from modescape.types import ModelState

MEMBERS = 3


class Odd(nn.Module):
    """A network with an operation that has no stacking rule."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(64, 4)

    def forward(self, x):
        return torch.fft.fft(self.dense(x.flatten(1))).real


def networks(make, members=MEMBERS):
    torch.manual_seed(0)
    made = [make().eval() for _ in range(members)]
    for network in made:  # as if trained: batch-norm statistics and weights differ
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
                nn.init.normal_(layer.weight)
                nn.init.normal_(layer.bias)
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.running_mean)
                nn.init.uniform_(layer.running_var, 0.5, 2)
    return made


def factory(name):
    module, _, function = MODELS[name].partition(":")
    return getattr(importlib.import_module(module), function)


def state_of(made):
    states = [split_state(network) for network in made]
    return ModelState(tree.stack([one.params for one in states]), tree.stack([one.buffers for one in states]))


def held_against_each(made, leaves):
    """Compare the stacked graph with each network alone, also for numbers of examples it was not traced with."""
    state = state_of(made)
    graph = stacked(traced(made[0], tuple(leaf[:3] for leaf in leaves)), state.params | state.buffers, len(made))
    with torch.no_grad():
        for count in (1, 5):
            some = tuple(leaf[:count] for leaf in leaves)
            expected = torch.stack([network(*some) for network in made])
            assert (graph(*some) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.ci
def test_stacked_networks_say_what_each_says():
    held_against_each(networks(lambda: factory("small_cnn")((1, 8, 8), 10)), (torch.rand(5, 1, 8, 8),))


PICTURES = ["medium_cnn", "resnet20", "notebook_small_cnn", "notebook_medium_cnn", "notebook_resnet20"]


@pytest.mark.long
@pytest.mark.parametrize("name", PICTURES)
def test_every_built_in_network_of_pictures_is_stacked(name):
    held_against_each(networks(lambda: factory(name)((3, 32, 32), 10)), (torch.rand(5, 3, 32, 32),))


@pytest.mark.ci
def test_networks_of_rows_and_sentences_are_stacked():
    held_against_each(networks(lambda: factory("mlp")(7, 3)), (torch.rand(5, 7),))
    mask = torch.arange(8) < torch.tensor([8, 3, 5, 1, 7])[:, None]
    settings = {"width": 8, "heads": 2, "blocks": 1, "neighbours": 3, "pool": 2}
    made = networks(lambda: factory("text_transformer")(20, 8, 3, **settings))
    held_against_each(made, (torch.randint(1, 20, (5, 8)), mask))


class Many(nn.Module):
    """One operation of each kind that the built-in networks lack."""

    def __init__(self):
        super().__init__()
        self.conv, self.grouped = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, groups=2, dilation=2)
        self.first = nn.Conv2d(2, 4, 3, groups=2, padding=1)  # grouped, on input that all members share
        self.line, self.norm, self.flat_norm = nn.Conv1d(4, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm1d(4)
        self.pool, self.query = nn.AdaptiveAvgPool2d(2), nn.Linear(8, 6)
        self.offset = nn.Parameter(torch.randn(4, 1, 1))
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        a = nn.functional.silu(self.norm(self.conv(x))) + self.first(x)
        a = nn.functional.avg_pool2d(a * self.offset, 2)
        b = self.pool(self.grouped(nn.functional.pad(a, (1, 1, 1, 1), mode="constant")))
        c = self.line(a.flatten(2)).mean(2, keepdim=True)
        c = self.flat_norm(c.squeeze(-1)).unsqueeze(2)
        d = torch.cat([b.flatten(2), c.expand(-1, -1, 4)], 2)  # [example, 4, 8]
        query, key, value = self.query(d).chunk(3, -1)
        weights = (query @ key.transpose(1, 2)).softmax(-1)
        e = torch.where(weights > 0.25, weights, weights * 0.5) @ value + x.mean((1, 2, 3), keepdim=True).squeeze(3)
        f = torch.stack([e.amax(1), e.sum(1), e.select(1, 0)], 1).flatten(1)
        return self.last(f).log_softmax(1)


@pytest.mark.ci
def test_operations_of_other_networks_are_stacked():
    held_against_each(networks(Many), (torch.rand(5, 2, 8, 8),))


def module_of(made, answers, task, example):
    preparation = Preparation(Augmentation(), 255.0, None, None)
    return EnsembleModule(made[0], state_of(made), preparation, example, task, answers)


@pytest.mark.ci
def test_a_network_without_a_rule_runs_member_by_member():
    made = networks(Odd)
    pictures = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    ensemble = module_of(made, ClassAnswers(torch.ones(1), "none"), Classification(4), pictures[:2])
    assert "fft" in ensemble.why_not
    expected = torch.stack([network(pictures / 255) for network in made]).log_softmax(-1)
    assert torch.allclose(ensemble.predictive(pictures), expected, atol=1e-6)


@pytest.mark.parametrize("calibration", ["average", "members", "none"])
def test_answers_are_those_of_plain_loops(calibration):
    rng = np.random.default_rng(0)
    log_prob = torch.from_numpy(rng.normal(0, 3, (4, 6, 3))).log_softmax(-1)
    temperature = {"average": [1.7], "members": [0.5, 1.0, 2.0, 3.0], "none": [1.0]}[calibration]
    found = ClassAnswers(torch.tensor(temperature, dtype=torch.float64), calibration)(log_prob)
    for example in range(6):
        each = []
        for member in range(4):
            odds = log_prob[member, example].numpy() / (temperature[member] if calibration == "members" else 1)
            each.append(np.exp(odds) / np.exp(odds).sum())
        mean = np.mean(each, 0)
        entropy = -(mean * np.log(mean)).sum()
        information = entropy - np.mean([-(one * np.log(one)).sum() for one in each])
        if calibration == "average":
            mean = mean ** (1 / 1.7) / (mean ** (1 / 1.7)).sum()
        votes = [int(one.argmax()) for one in each]
        apart = np.mean([votes[a] != votes[b] for a in range(4) for b in range(a)])
        np.testing.assert_allclose(found["probability"][example], mean, rtol=1e-9)
        np.testing.assert_allclose(found["entropy"][example], -(mean * np.log(mean)).sum(), rtol=1e-9)
        np.testing.assert_allclose(found["mutual_information"][example], information, rtol=1e-7)
        assert float(found["disagreement"][example]) == pytest.approx(apart)
    whole = tempered(log_prob.numpy(), np.array(temperature), calibration)
    np.testing.assert_allclose(found["probability"].log(), whole, rtol=1e-7)


def test_answers_of_one_member_and_of_sure_ones():
    sure = torch.tensor([[[0.0, -math.inf]], [[-math.inf, 0.0]]])
    found = ClassAnswers(torch.ones(1), "none")(sure)
    assert found["mutual_information"].item() == pytest.approx(math.log(2))
    assert found["disagreement"].item() == 1
    alone = ClassAnswers(torch.ones(1), "none")(sure[:1])
    assert {name: one.tolist() for name, one in alone.items()} == {
        "probability": [[1.0, 0.0]], "disagreement": [0.0], "entropy": [0.0], "mutual_information": [0.0]
    }  # fmt: skip


def test_numbers_are_the_moments_of_the_mixture():
    mean = torch.tensor([[[1.0]], [[3.0]]])
    variance = torch.tensor([[[0.5]], [[1.5]]])
    found = NumberAnswers(None, torch.tensor([2.0]), "average")(torch.cat([mean, variance.log()], -1))
    assert {name: round(one.item(), 6) for name, one in found.items()} == {
        "mean": 2.0, "variance": 3.0, "aleatoric": 2.0, "epistemic": 1.0
    }  # fmt: skip
    own = NumberAnswers(torch.tensor([[0.0], [math.log(3)]]), torch.ones(1), "none")
    assert own(torch.cat([mean, variance], -1))["aleatoric"].item() == pytest.approx(2.0)


def test_a_card_shows_names_of_strangers_as_text():
    score = {"value": 0.5, "low": None, "high": None, "level": 0.95, "covers": "these networks"}
    odd = "x`</code>|[a](b)\u202e<script>"
    card = model_card.card(
        {
            "modescape": "0.2.0", "format": "pt2", "study": odd, "task": "classification", "members": [0, 1],
            "at_a_time": None, "inputs": [{"name": odd, "dtype": "uint8", "shape": ["example", 3]}],
            "outputs": [{"name": "probability", "meaning": "m"}], "classes": [odd, "```\n# heading"],
            "calibration": {"kind": "none", "temperature": [1.0], "how": odd, "nll": None},
            "figures": {
                "one_network": {"scores": {"accuracy": score}}, "ensemble": {"size": 2, "scores": {"accuracy": score}},
                "gain": {"accuracy": score}, "of": "both",
            },
            "data": {"source": odd, "fingerprint": "f", "examples": {"test": 5}, "notes": [odd]},
            "training": {"factory": odd, "recipe_hash": "h", "epochs": 1, "seed": 0},
        }
    )  # fmt: skip
    outside = card.split("```json")[0] + card.split("```json")[1].split("```", 1)[1]
    assert "<script>" not in outside
    assert "\u202e" not in card
    assert card.count("```") == 4
    assert "| Accuracy (%) | 50.00 | 50.00 | 50.00 |" in card


SMALL = ["train.members=2", "train.epochs=1", "analyses=[ensemble_size]", "compute.engine=here"]

ALONE = """
import sys
sys.modules["modescape"] = None  # an import of it fails
import numpy as np, onnxruntime, torch
given = dict(np.load("in.npz"))
loaded = torch.export.load("pt2/ensemble.pt2").module()
found = {f"pt2_{name}": one.detach().numpy() for name, one in loaded(*map(torch.from_numpy, given.values())).items()}
session = onnxruntime.InferenceSession("onnx/ensemble.onnx")
names = [one.name for one in session.get_outputs()]
found |= {f"onnx_{name}": one for name, one in zip(names, session.run(None, given))}
np.savez("out.npz", **found)
"""


@pytest.fixture(scope="module")
def study(made_once):
    return Study.open(made_once("exported", lambda out: ms.run("digits", out=out, overrides=SMALL)))


def expected_of(study, examples, temperature):
    """Mean probabilities from the stored predictions."""
    each = [study.predictions("test").log_prob(member=member)[:examples] for member in study.trained]
    mean = np.exp(np.stack(each).astype(np.float64)).mean(0) ** (1 / temperature)
    return mean / mean.sum(-1, keepdims=True)


@pytest.mark.ci
def test_what_is_exported_answers_as_the_study_without_this_package(study, tmp_path):
    pytest.importorskip("onnxruntime")
    for to in ("pt2", "onnx"):
        done = export(study, to, out=tmp_path / to, calibration="average")
        about = json.loads((tmp_path / to / "ensemble.json").read_text())
        assert (about, done.warnings) == (done.about, ())
        assert about["check"]["read_back"]
        assert about["check"]["difference"] <= 1e-5
    (one,) = about["inputs"]
    assert one == {"name": "inputs", "dtype": "uint8", "shape": ["example", 1, 8, 8]}
    pictures = StudyContext(study).loaded.test.images[:33].contiguous().numpy()
    np.savez(tmp_path / "in.npz", inputs=pictures)
    (tmp_path / "alone.py").write_text(ALONE)
    subprocess.run([sys.executable, "alone.py"], cwd=tmp_path, check=True, timeout=120)
    found = np.load(tmp_path / "out.npz")
    expected = expected_of(study, 33, about["calibration"]["temperature"][0])
    for to in ("pt2", "onnx"):
        np.testing.assert_allclose(found[f"{to}_probability"], expected, atol=1e-5)
    assert set(found) == {f"{to}_{name}" for to in ("pt2", "onnx") for name in ClassAnswers.names}
    card = (tmp_path / "onnx/README.md").read_text()
    assert study.recipe_hash in card
    result = study.result("ensemble_size").sel(approach="independent", metric="accuracy", size=2)
    assert f"| {100 * result.score.item():.2f} [" in card


@pytest.mark.ci
def test_tensors_alone_are_those_of_the_members(study, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file

    done = export(study, "safetensors", out=tmp_path, members=[1], calibration="none")
    tensors = load_file(done.path)
    for name, tensor in study.params(1, study.recipe.train.epochs).items():
        assert torch.equal(tensors[f"members.{name}"], tensor[None])
    with safe_open(done.path, "pt") as file:
        assert json.loads(file.metadata()["modescape"])["members"] == [1]
    assert "not measured of these members" in (tmp_path / "README.md").read_text()


@pytest.mark.ci
def test_what_cannot_be_exported_is_refused(study):
    for arguments, words in (
        ({"to": "tflite"}, "no format 'tflite'; expected one of pt2, onnx, safetensors"),
        ({"members": [7]}, "member 7 of .* is not trained; trained are 0-1"),
        ({"members": [1, 1]}, "named twice"),
        ({"calibration": "best"}, "calibration is 'best', expected one of auto, average"),
    ):
        with pytest.raises(InputError, match=words):
            export(study, **arguments)


def test_a_folder_of_somebody_else_s_is_left_as_it_is(study, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    for folder, words in (
        (tmp_path, "holds files that are not of an export"),
        (tmp_path / "README.md", "README.md' is a file"),
        (tmp_path / "README.md" / "below", "README.md' is a file"),
    ):
        with pytest.raises(InputError, match=words):
            export(study, "safetensors", out=folder)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("README.md", "mine")]
