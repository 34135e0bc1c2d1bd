"""Fine-tuned members beside members from scratch, against sums by hand; and the auxiliary networks trained for it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modescape import pipeline, recipe
from modescape.analyses.auxiliary import variants
from modescape.analyses.fine_tuning import verdict, words
from modescape.analyses.fine_tuning.auxiliary import SCRATCH
from modescape.analyses.fine_tuning.example import example
from modescape.analyses.fine_tuning.measure import measure
from modescape.analyses.settings import usual
from modescape.errors import NotEnough
from modescape.metrics.influence import crossed_interval
from modescape.models import read_start
from modescape.offered import arrays
from modescape.offered.facts import Training
from modescape.study import Study
from modescape.types import ModelState

START = frozenset({"body"})
LABEL = np.random.default_rng(1).integers(0, 4, 60)


class Checkpoints:
    """Members of a body and a head; bodies share a start or not."""

    normalization = ()

    def __init__(self, members: int, alike: bool) -> None:
        self.members, self.alike = tuple(range(members)), alike

    def steps(self, member: int) -> list[int]:
        return [0, 5]

    def state(self, member: int, step: int) -> ModelState:
        random = np.random.default_rng([member, 8])
        body = np.random.default_rng(0 if self.alike else [member, 9]).normal(size=(4, 3))
        head, moved = random.normal(size=(2, 4)), random.normal(0.2, 1, size=(4, 3))
        found = {"body": body + step * moved, "head": head}
        return ModelState({name: torch.tensor(one, dtype=torch.float32) for name, one in found.items()}, {})

    def solution(self, member: int) -> ModelState:
        return self.state(member, 5)

    def history(self, member: int) -> Mapping[str, np.ndarray]:
        return {}


def made(members: int, seed: int, alike: bool):
    scores = np.random.default_rng(seed).normal(size=(members, 60, 4)) + np.eye(4)[LABEL] * (2 if alike else 1)
    log_prob = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    offered = arrays({"test": log_prob}, {"test": LABEL})
    return replace(offered, checkpoints=Checkpoints(members, alike)), log_prob


@pytest.fixture(scope="module")
def both():
    """Three fine-tuned members and four from scratch."""
    tuned, one = made(3, 0, True)
    scratch, other = made(4, 5, False)
    training = Training(start=START, epochs=5, learning_rate=0.01)
    return replace(tuned, training=training, auxiliary={SCRATCH: scratch}), one, other


def ensemble_accuracy(log_prob):
    return float((np.exp(log_prob).mean(0).argmax(-1) == LABEL).mean())


def test_scores_are_those_of_equally_many_networks(both):
    offered, one, other = both
    found = measure(offered, learning_rate=0.02)
    accuracy = found.sel(metric="accuracy")
    alone = [float((log_prob.argmax(-1) == LABEL).mean()) for log_prob in (one, other)]
    subsets = [[number for number in range(4) if number != left] for left in range(4)]
    together = [ensemble_accuracy(one), np.mean([ensemble_accuracy(other[list(own)]) for own in subsets])]
    np.testing.assert_allclose(accuracy["member_score"], alone, atol=1e-12)
    np.testing.assert_allclose(accuracy["score"], together, atol=1e-12)
    np.testing.assert_allclose(accuracy["gain"], np.subtract(together, alone), atol=1e-12)
    np.testing.assert_allclose(accuracy["member_score_difference"], alone[0] - alone[1], atol=1e-12)
    np.testing.assert_allclose(accuracy["score_difference"], together[0] - together[1], atol=1e-12)
    assert (found.attrs["networks"], found.attrs["learning_rate_scratch"]) == (3, 0.02)


def test_the_interval_of_a_difference_is_that_of_two_sets_of_members_on_the_same_examples(both):
    offered, one, other = both
    found = measure(offered).sel(metric="accuracy")
    right = [(log_prob.argmax(-1) == LABEL) * 1.0 for log_prob in (one, other)]
    value, example = right[0].mean() - right[1].mean(), right[0].mean(0) - right[1].mean(0)
    low, high = crossed_interval(value, example, *right)
    assert float(found["member_score_difference_low"]) == pytest.approx(float(low), abs=1e-12)
    assert float(found["member_score_difference_high"]) == pytest.approx(float(high), abs=1e-12)


def test_pairs_are_those_of_double_loops(both):
    offered, *log_probs = both
    found = measure(offered)
    for row, (log_prob, alike) in enumerate(zip(log_probs, (True, False), strict=True)):
        labels, checkpoints = log_prob.argmax(-1), Checkpoints(len(log_prob), alike)
        pairs = [(i, j) for i in range(len(labels)) for j in range(i)]
        differ = np.mean([(labels[i] != labels[j]).mean() for i, j in pairs])
        whole = [flat(checkpoints.state(member, 5), "body", "head") for member in checkpoints.members]
        moved = [
            flat(checkpoints.state(member, 5), "body") - flat(checkpoints.state(member, 0), "body")
            for member in checkpoints.members
        ]
        assert float(found["disagreement"][row]) == pytest.approx(differ)
        for name, vectors in (("cosine", whole), ("displacement_cosine", moved)):
            truth = np.mean([cosine(vectors[i], vectors[j]) for i, j in pairs])
            assert float(found[name][row]) == pytest.approx(truth, abs=1e-6)
    assert np.isfinite(found["displacement_cosine_low"]).all()


def flat(state: ModelState, *names: str) -> np.ndarray:
    return np.concatenate([state.params[name].double().numpy().ravel() for name in names])


def cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


def test_without_a_common_start_or_the_networks_it_says_so(both):
    offered, *_ = both
    with pytest.raises(NotEnough, match=r"needs members that start from one checkpoint; name it with model\.init"):
        measure(replace(offered, training=Training()))
    with pytest.raises(NotEnough, match="needs predictions of auxiliary networks, 'from-scratch'"):
        measure(replace(offered, auxiliary={}))


def test_the_head_of_the_page_says_more_less_or_that_it_is_open():
    text = verdict.verdict({"fine_tuning": example()}).sentences[35]
    assert "fine-tuned members is right on 81.6" in text
    assert "fine-tuned against from scratch: 4.2 points less" in text
    near = example()
    for end in ("", "_low", "_high"):
        near[f"gain_difference{end}"][:] = {"": 0.001, "_low": -0.01, "_high": 0.012}[end]
    assert "inconclusive" in verdict.verdict({"fine_tuning": near}).sentences[35]
    assert "fine-tuned, from" in words.summarize(near).text
    assert verdict.verdict({}).sentences[35] == ""


def test_networks_from_scratch_have_the_recipe_without_its_start():
    tuned = recipe.load("finetune", ["settings.fine_tuning.learning_rate=0.003"])
    (made,) = variants("fine_tuning", tuned, 100).values()
    assert (made.model.init, made.model.freeze) == (None, [])
    assert (made.train.learning_rate, made.train.members, made.train.epochs) == (0.003, 10, 40)
    (same,) = variants("fine_tuning", recipe.load("finetune"), 100).values()
    assert same.train.learning_rate == tuned.train.learning_rate
    assert variants("fine_tuning", recipe.load("digits"), 100) == {}
    assert "fine_tuning" in usual(recipe.load("finetune"))
    assert "fine_tuning" not in usual(recipe.load("digits"))


@pytest.mark.ci
def test_a_study_trains_them_once_and_grows(tuned: Study, tmp_path):
    """Epoch 0 has the checkpoint's tensors where there are any, else each member's own; frozen ones are stored once."""
    letters = read_start(tuned.recipe.model) or {}
    heads = []
    for member in range(3):
        state = tuned.state(member, 0)
        assert all(torch.equal({**state.params, **state.buffers}[name], one) for name, one in letters.items())
        heads.append({name: one for name, one in state.params.items() if name not in letters})
    assert all(not torch.equal(heads[0][name], heads[1][name]) for name in heads[0] if name.endswith("weight"))
    assert set(load_file(tuned.path / "members/shared.safetensors")) == {"conv1.weight", "conv1.bias"}
    scratch = tuned.auxiliary(SCRATCH)
    assert "conv1.weight" in scratch.params(0, 3)
    assert not (scratch.path / "members/shared.safetensors").exists()
    assert not any(torch.equal(one, scratch.params(1, 0)[name]) for name, one in letters.items() if "weight" in name)
    settings = ["data.test=200", "compute.engine=here", "analyses=[fine_tuning]", "train.epochs=3"]
    path = tmp_path / "s"
    pipeline.run("finetune", path, overrides=[*settings, "train.members=2"])
    first = weights(path)
    pipeline.run("finetune", path, overrides=[*settings, "train.members=3"])
    assert first.items() <= weights(path).items()
    assert {name: one[0] for name, one in weights(path).items()} == {
        name: one[0] for name, one in weights(tuned.path).items() if name in weights(path)
    }
    assert Study.open(path).result("fine_tuning").attrs["networks"] == 3


def weights(path) -> dict[str, tuple[bytes, int]]:
    """Of every network, with the time at which its file was written."""
    files = [*path.glob("members/*/epoch-*"), *path.glob("variants/*/members/*/epoch-*")]
    return {str(file.relative_to(path)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
