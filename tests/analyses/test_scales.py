"""The choice of a scale: steps, scores, uncertainty of the choice, and all methods at one distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modescape import pipeline
from modescape.analyses import drawing, equal_distance, sampling, scales
from modescape.analyses.sampled import with_sampled
from modescape.analyses.scales import STEPS, WIDER, Swept, Tried, until_inside
from modescape.analyses.stored import groups_of
from modescape.context import StudyContext
from modescape.methods import SCALED
from modescape.metrics import combine, nll

SMALL = (
    *("train.members=3", "train.epochs=4", "train.trajectories=1", "data.test=60", "data.validation=50"),
    *("data.train=150", "subspace.samples=3", "subspace.choosing=8", "analyses=[]", "compute.engine=here"),
)


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    return StudyContext(pipeline.run("digits", tmp_path_factory.mktemp("scales") / "study", overrides=[*SMALL]))


def swept(loss):
    """A sweep of which only the losses matter, [step, member, pair, example]."""
    steps = np.arange(len(loss)) / 100
    return Swept(steps, steps, steps, steps, steps, np.asarray(loss, dtype=float))


def tried(loss, members=2):
    return [Tried(1.0, 0.0, 0.5, 1.0, np.full((2, 3), loss)) for _ in range(members)]


def weights_of_samples(around, method, scale, count):
    """Weights of the tested networks, [network, parameter]."""
    groups = groups_of(around.context, around.member, method, scale, count, purpose=sampling.SAMPLE, accept=True)
    return torch.cat([around.weights_of(group) for group in groups])


def test_a_setting_gives_the_step_around_the_centre(context):
    around = sampling.neighbourhood(context, 1)
    for method in sampling.available(context, SCALED):
        sampler = around.sampler(method, around.setting(method, 0.08))
        centre = sampler.centre(around.trajectory)
        assert sampler.step(around.trajectory) / around.length == pytest.approx(0.08, rel=1e-6), method
        drawn = sampler.sample(around.trajectory, around.keys("a step", 40)).double()
        measured = float((drawn - centre).square().sum(1).mean()) ** 0.5 / around.length
        assert measured == pytest.approx(0.08, rel=0.3), method  # 40 draws, of only 4 numbers each for some methods
        assert around.sampler(method, around.setting(method, 0.0)).step(around.trajectory) == 0


def test_a_run_that_stood_still_has_no_step(context):
    around = sampling.Neighbourhood(context, 0)
    still = sampling.Neighbourhood(context, 0, (around.trajectory[-1:].expand(4, -1), around.states[-1:] * 4))
    assert {still.setting(method, 0.1) for method in ("diagonal", "low_rank_scaled", "swag")} == {0.0}


def test_a_step_is_judged_by_ensembles_of_the_tested_size_and_their_mirror_images(context):
    """By hand: for 8 draws, 12 are made: 2 ensembles of 3 and their mirror images, from draws not used for testing."""
    assert scales.sweep_draws(context) == 12
    found = scales.sweep(context, "swag")
    split, label = context.dataset.validation, context.dataset.validation.label.numpy()
    at, losses = 3, []
    for member in range(3):
        around = sampling.neighbourhood(context, member)
        sampler = around.sampler("swag", float(found.scale[at]))
        centre = around.trajectory.double().mean(0)
        half = sampler.sample(around.trajectory, around.keys("choosing swag", 6))
        for ensemble in half.split(3):
            for weights in (ensemble, (2 * centre - ensemble.double()).float()):
                log_prob = drawing.predict(context, around.installed(weights), split.inputs)
                losses.append(float(nll(combine(log_prob), label)))
        tested = weights_of_samples(around, "swag", float(found.scale[at]), 6)
        assert not torch.isclose(tested, half).all(1).any()
    assert found.nll[at] == pytest.approx(np.mean(losses), abs=1e-6)
    assert found.loss.shape == (len(found.step), 3, 2, 50)


@pytest.mark.ci
def test_every_method_is_swept_over_the_same_steps_and_step_0_is_its_centre(context):
    alone = [
        float(
            nll(sampling.neighbourhood(context, member).log_prob("single", None, 1, {"": split.inputs})[""][0], label)
        )
        for split, label in [(context.dataset.validation, context.dataset.validation.label.numpy())]
        for member in range(3)
    ]
    for method in ("random", "dropout"):
        found = scales.sweep(context, method)
        assert tuple(found.step[: len(STEPS)]) == STEPS
        assert found.nll[0] == pytest.approx(np.mean(alone), abs=1e-6)
        assert found.distance[0] == 0
        near = slice(1, 4)
        np.testing.assert_allclose(found.distance[near], found.step[near], rtol=0.5)  # 12 draws of a uniform distance


def test_the_best_step_is_chosen_and_the_smaller_of_equal_ones():
    assert swept(np.array([3, 1, 1, 2.0])[:, None, None, None]).chosen == 1
    assert swept(np.array([1, 1, 1.0])[:, None, None, None]).chosen == 0


def test_a_sweep_is_widened_while_its_last_step_is_the_best():
    found = until_inside(lambda step: tried((step - 0.64) ** 2))
    assert found.step.tolist() == [*STEPS, 0.64, 1.28]
    assert (found.step[found.chosen], found.edge) == (0.64, False)
    endless = until_inside(lambda step: tried(-step))
    assert len(endless.step) == len(STEPS) + WIDER
    assert endless.edge
    inside = until_inside(lambda step: tried((step - 0.04) ** 2))
    assert inside.step.tolist() == [*STEPS]
    nowhere = until_inside(tried)
    assert (nowhere.chosen, nowhere.edge) == (0, False)  # no step is best, which is a valid result


def test_a_loss_that_is_no_number_is_the_worst():
    found = until_inside(lambda step: tried(np.nan if step > 0.05 else -step))
    assert found.step[found.chosen] == 0.04
    assert np.isfinite(found.loss).all()


def test_the_interval_of_a_choice_grows_with_what_it_depends_on():
    steps = np.arange(5.0)[:, None, None, None]
    sure = swept((steps - 2) ** 2 + np.zeros((1, 3, 2, 40)))
    assert sure.chosen_again(0) == (2, 2)
    of_members = swept((steps - np.array([1, 2, 3])[None, :, None, None]) ** 2 + np.zeros((1, 1, 2, 40)))
    assert of_members.chosen_again(0) == (1, 3)
    random = np.random.default_rng(0)
    examples = swept((steps - 2) ** 2 * 0.1 + random.normal(0, 1, (5, 1, 1, 30)) + np.zeros((1, 3, 2, 1)))
    low, high = examples.chosen_again(0)
    assert low < examples.chosen or high > examples.chosen
    pairs = swept((steps - np.array([0, 4])[None, None, :, None]) ** 2 + np.zeros((1, 1, 1, 40)))
    assert pairs.chosen_again(0) == (0, 4)


@pytest.mark.ci
def test_the_interval_of_a_choice_covers_what_other_draws_choose():
    """A parabola with noise from the draws: the interval of one sweep contains the choice of most others."""
    random = np.random.default_rng(1)
    steps = np.arange(7.0)[:, None, None, None]
    made = [
        swept(0.05 * (steps - 3) ** 2 + random.normal(0, 0.4, (7, 3, 6, 1)) + np.zeros((1, 1, 1, 5))) for _ in range(25)
    ]
    chosen = np.array([one.chosen for one in made])
    held = [np.mean((low <= chosen) & (chosen <= high)) for low, high in (one.chosen_again(2) for one in made)]
    assert np.mean(held) > 0.9


def test_all_methods_are_drawn_at_one_distance(context):
    found = equal_distance.at_one_distance(with_sampled(context, equal_distance.requests_at_one_distance(context)))
    assert found.distance == pytest.approx(0.1)
    assert set(found.methods) == set(sampling.available(context, SCALED))
    np.testing.assert_allclose(found.reached, 0.1, rtol=0.45)  # 9 draws along few directions
    for method in found.methods:
        around = sampling.neighbourhood(context, 2)
        sampler = around.sampler(method, equal_distance.setting_at(around, method, 0.1))
        squares = around.offset(method) ** 2 + (sampler.step(around.trajectory) / around.length) ** 2
        assert squares**0.5 == pytest.approx(0.1, rel=1e-6), method
    assert found.score.shape == (7, 4)
    assert (found.diversity > 0).all()


def test_the_common_distance_is_beyond_the_farthest_centre(context):
    """If a run's checkpoints are far apart, their mean is farther from the solution than the recipe's distance."""
    near = equal_distance.common_distance(context)
    offsets = [sampling.neighbourhood(context, member).offset("swag") for member in range(3)]
    assert near == pytest.approx(max(0.1, 2**0.5 * max(offsets)))


@pytest.mark.ci
def test_distances_are_those_of_the_tested_networks(context):
    found = scales.distances(context)
    squares = []
    for member in range(3):
        around = sampling.neighbourhood(context, member)
        drawn = weights_of_samples(around, "diagonal", scales.scales(context)["diagonal"], 3)
        squares.append(((drawn - around.trajectory[-1]).double().norm(dim=1) / around.length).square().mean())
    assert found["diagonal"] == pytest.approx(float(torch.stack(squares).mean()) ** 0.5)
    assert found["mc_dropout"] == 0
    assert 0 < found["weight_average"] < found["trajectory"] * 2
