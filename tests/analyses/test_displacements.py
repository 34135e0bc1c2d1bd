"""Cosines of the displacements of fine-tuned members from their shared start, against a double loop."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from modescape.analyses.solution_similarity import draw, verdict, words
from modescape.analyses.solution_similarity.measure import measure
from modescape.analyses.trajectory_similarity import draw as draw_along
from modescape.analyses.trajectory_similarity import words as words_along
from modescape.analyses.trajectory_similarity.measure import measure as measure_along
from modescape.analyses.weights import displacement_cosines
from modescape.offered import INDEPENDENT, SNAPSHOTS, TRAJECTORY, arrays
from modescape.offered.facts import Training
from modescape.types import ModelState
from modescape.wording.numbers import significant

MEMBERS, EPOCHS, START = 3, 2, frozenset({"body", "scale", "running"})
SHAPES = {"body": (4, 3), "head": (2, 4), "scale": (4,)}


class Checkpoints:
    """Members whose body and scale start from the same values, and whose heads do not."""

    normalization = ("scale",)
    members = tuple(range(MEMBERS))

    def steps(self, member: int) -> list[int]:
        return list(range(EPOCHS + 1))

    def state(self, member: int, step: int) -> ModelState:
        found = {}
        for number, (name, shape) in enumerate(SHAPES.items()):
            common = np.random.default_rng(number).normal(size=shape)
            if name == "head":
                common = np.random.default_rng([number, member, 7]).normal(size=shape)
            own = np.random.default_rng([number, member, step]).normal(0.3, 1, size=shape)
            found[name] = torch.tensor(common + step * own, dtype=torch.float32)
        return ModelState(found, {})

    def solution(self, member: int) -> ModelState:
        return self.state(member, EPOCHS)

    def history(self, member: int) -> Mapping[str, np.ndarray]:
        return {}


def moved(member: int, step: int) -> np.ndarray:
    now, start = (Checkpoints().state(member, at).params for at in (step, 0))
    return np.concatenate([(now[name] - start[name]).double().numpy().ravel() for name in ("body", "scale")])


def cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


@pytest.fixture(scope="module")
def offered():
    places = [(member, epoch) for member in range(MEMBERS) for epoch in range(EPOCHS + 1)]
    scores = np.random.default_rng(0).normal(size=(len(places), 20, 4))
    log_prob = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    label = np.random.default_rng(1).integers(0, 4, 20)
    members, epochs = (np.array([place[at] for place in places]) for at in (0, 1))
    alone = np.flatnonzero(epochs == EPOCHS).tolist()
    groups = {INDEPENDENT: alone, TRAJECTORY: range(len(places)), SNAPSHOTS: range(len(places))}
    made = arrays({"test": log_prob}, {"test": label}, members=members, epochs=epochs, groups=groups)
    return replace(made, checkpoints=Checkpoints(), training=Training(start=START))


def test_between_solutions_and_along_a_run_they_are_those_of_a_double_loop(offered):
    ends, runs = measure(offered), measure_along(offered)
    for one in range(MEMBERS):
        for two in range(MEMBERS):
            truth = cosine(moved(one, EPOCHS), moved(two, EPOCHS))
            assert ends["displacement_cosine"].sel(member=one, other_member=two) == pytest.approx(truth, abs=1e-6)
        for step in range(EPOCHS + 1):
            found = float(runs["displacement_cosine"].sel(member=one, epoch=step, other_epoch=EPOCHS))
            assert found == pytest.approx(
                cosine(moved(one, step), moved(one, EPOCHS)) if step else np.nan, abs=1e-6, nan_ok=True
            )
    above = ends["displacement_cosine"].values[np.triu_indices(MEMBERS, 1)]
    assert float(ends["pair_mean"].sel(metric="displacement_cosine")) == pytest.approx(above.mean())
    assert np.isfinite(float(ends["pair_low"].sel(metric="displacement_cosine")))


def test_words_and_figures_tell_them(offered):
    ends, runs = measure(offered), measure_along(offered)
    value = significant(float(ends["pair_mean"].sel(metric="displacement_cosine")), 3)
    assert f"has a mean cosine of {value}" in words.summarize(ends).text
    assert "what the weights have moved from it in the first epoch" in words_along.summarize(runs).text
    assert "They start from one checkpoint" in verdict.verdict({"solution_similarity": ends}).why[10]
    for chart, caption in (
        (draw.describe(ends), draw.caption(ends)),
        (draw_along.describe(runs), draw_along.caption(runs)),
    ):
        assert sum("Cosine of displacements" in panel.title for panel in chart.panels) in (1, MEMBERS)
        assert "from the checkpoint that all members start from" in caption


def test_without_a_shared_start_nothing_is_added(offered):
    without = replace(offered, training=Training())
    for made in (measure(without), measure_along(without)):
        assert "displacement_cosine" not in made
    assert "displacement_cosine" not in measure(without)["metric"].values
    assert displacement_cosines(Checkpoints(), [(0, 1), (1, 1)], {"running"}) is None
