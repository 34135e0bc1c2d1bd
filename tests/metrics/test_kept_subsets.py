"""Losses of averages from sums: against brute force over subsets and orders, SciPy, and known truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from math import comb
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize

from modescape.errors import InputError
from modescape.metrics.choosing import every_subset, exact, factor_of, greedy, widened
from modescape.metrics.folds import folds
from modescape.metrics.losses import Losses, error_losses, nll_losses, squared_losses
from modescape.metrics.shapley import MOST_MODELS, shapley
from modescape.metrics.weights import mixture_weights

MODELS, EXAMPLES, CLASSES = 6, 150, 4


class Case(NamedTuple):
    """Losses, and the same by hand: models of a subset -> [example]."""

    losses: Losses
    plain: Callable[[list[int]], np.ndarray]


def probabilities(models: int, examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, examples)
    logits = random.normal(0, 1, (models, examples, CLASSES)) + random.normal(0, 0.7, (examples, CLASSES))
    prob = np.exp(logits + np.linspace(0.5, 2, models)[:, None, None] * np.eye(CLASSES)[label])
    return prob / prob.sum(-1, keepdims=True), label


def cases() -> dict[str, Case]:
    prob, label = probabilities(MODELS, EXAMPLES, 0)
    at = np.arange(EXAMPLES)
    votes = np.eye(CLASSES)[prob.argmax(-1)]
    error = np.random.default_rng(1).normal(size=(MODELS, EXAMPLES, 2))
    return {
        "error": Case(error_losses(prob, label), lambda own: (prob[own].sum(0).argmax(-1) != label) * 1.0),
        "votes": Case(error_losses(votes, label), lambda own: (votes[own].sum(0).argmax(-1) != label) * 1.0),
        "nll": Case(nll_losses(np.log(prob[:, at, label])), lambda own: -np.log(prob[own].mean(0)[at, label])),
        "squared": Case(squared_losses(error), lambda own: np.square(error[own].mean(0)).mean(-1)),
    }


@pytest.fixture(scope="module", params=["error", "votes", "nll", "squared"])
def case(request: pytest.FixtureRequest) -> Case:
    return cases()[request.param]


def every() -> list[list[int]]:
    """All subsets but the empty one, in the order of their binary numbers."""
    return [[model for model in range(MODELS) if number >> model & 1] for number in range(1, 1 << MODELS)]


def mask(own: list[int]) -> np.ndarray:
    return np.isin(np.arange(MODELS), own)


def test_losses_of_subsets_are_those_of_their_averages(case: Case) -> None:
    found = case.losses.example(np.stack([mask(own) for own in every()]))
    np.testing.assert_allclose(found, [case.plain(own) for own in every()], atol=2e-6)
    part = np.arange(EXAMPLES) % 3
    total = every_subset(case.losses, part)
    assert np.isnan(total[0]).all()
    wanted = [[case.plain(own)[part == number].sum() for number in range(3)] for own in every()]
    np.testing.assert_allclose(total[1:], wanted, rtol=1e-5)


def test_the_exact_choice_is_the_best_of_all_subsets(case: Case) -> None:
    part = np.arange(EXAMPLES) % 3
    chosen_on = part != 1
    found = exact(case.losses, part)(np.array([True, False, True]))
    for size in range(1, MODELS + 1):
        loss = {own: case.plain(list(own))[chosen_on].mean() for own in combinations(range(MODELS), size)}
        np.testing.assert_allclose(found.loss[size - 1], min(loss.values()), atol=1e-6)
        own = tuple(np.flatnonzero(found.masks[size - 1]).tolist())
        assert len(own) == size
        np.testing.assert_allclose(loss[own], min(loss.values()), atol=1e-6)


def test_the_greedy_choice_is_the_one_written_out(case: Case) -> None:
    chosen_on = np.arange(EXAMPLES) % 3 != 1
    found = greedy(case.losses, chosen_on * 1.0)
    own: list[int] = []
    for size in range(MODELS):
        loss = [case.plain([*own, model])[chosen_on].mean() if model not in own else np.inf for model in range(MODELS)]
        np.testing.assert_allclose(found.loss[size], min(loss), atol=1e-6)
        (added,) = set(np.flatnonzero(found.masks[size]).tolist()) - set(own)
        np.testing.assert_allclose(loss[added], min(loss), atol=1e-6)
        own.append(added)


def test_a_model_without_probability_of_a_truth_is_infinite_alone_and_averaged_it_is_not() -> None:
    prob = np.array([[0.5, 0.0], [0.5, 0.5]])
    with np.errstate(divide="ignore"):
        losses = nll_losses(np.log(prob))
    found = losses.example(np.array([[1, 0], [0, 1], [1, 1]]))
    wanted = np.array([[np.log(2), np.inf], [np.log(2), np.log(2)], [np.log(2), np.log(4)]])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(every_subset(losses, np.array([0, 1]))[1:], wanted, rtol=1e-6)
    assert greedy(losses, np.array([1.0, 1.0])).masks[0].tolist() == [False, True]
    assert np.isfinite(greedy(losses, np.array([1.0, 0.0])).loss).all()  # that example has no weight


def test_likelihoods_beyond_floats_are_averaged() -> None:
    log = np.array([[-2000.0, 900.0], [-2001.0, 899.0]])
    np.testing.assert_allclose(nll_losses(log).example(np.ones((1, 2)))[0], -np.logaddexp(log[0], log[1]) + np.log(2))


def test_shapley_values_are_means_over_all_orders_and_share_out_the_whole(case: Case) -> None:
    nothing = np.full(EXAMPLES, 1.5)
    wanted, orders = np.zeros((MODELS, EXAMPLES)), list(permutations(range(MODELS)))
    values = {tuple(own): case.plain(own) for own in every()} | {(): nothing}
    for order in orders:
        for step, model in enumerate(order):
            before, after = (values[tuple(sorted(order[:end]))] for end in (step, step + 1))
            wanted[model] += (after - before) / len(orders)
    found = shapley(case.losses, nothing, key=0)
    np.testing.assert_allclose(found.example, wanted, atol=2e-6)
    whole = case.plain(list(range(MODELS))) - nothing
    np.testing.assert_allclose(found.example.sum(0), whole, atol=2e-6)
    assert found.orders == 0
    assert (found.error == 0).all()


def mean_over_subsets(losses: Losses, nothing: np.ndarray) -> np.ndarray:
    """Shapley values from the mean loss of every subset, [model]."""
    models = losses.models
    loss = every_subset(losses, np.zeros(len(nothing), dtype=int))[:, 0] / len(nothing)
    loss[0] = nothing.mean()
    sizes = np.bitwise_count(np.arange(1 << models))
    out = np.zeros(models)
    for model in range(models):
        without = np.flatnonzero((np.arange(1 << models) >> model) & 1 == 0)
        share = np.array([1 / models / comb(models - 1, int(size)) for size in sizes[without]])
        out[model] = share @ (loss[without + (1 << model)] - loss[without])
    return out


@pytest.mark.ci
def test_sampled_shapley_values_share_out_the_whole_and_are_as_near_as_they_say() -> None:
    """14 models: the mean over all 2^14 subsets against 280 sampled orders."""
    prob, label = probabilities(MOST_MODELS + 2, 120, 3)
    losses = nll_losses(np.log(prob[:, np.arange(120), label]))
    nothing = np.full(120, np.log(CLASSES))
    found = shapley(losses, nothing, key=2, orders=300)
    assert found.orders == 10 * 28
    truth = mean_over_subsets(losses, nothing)
    whole = losses.example(np.ones((1, 14)))[0] - nothing
    np.testing.assert_allclose(found.example.sum(0), whole, atol=1e-5)
    off = (found.example.mean(1) - truth) / found.error
    assert 0.4 < np.sqrt(np.square(off).mean()) < 2  # root mean square of 14 z-scores, from 10 batches
    assert np.abs(found.example.mean(1) - truth).max() < 0.01


def test_weights_are_those_of_a_general_solver_with_a_gap_that_holds() -> None:
    prob, label = probabilities(5, 300, 4)
    log = np.log(prob[:, np.arange(300), label])
    found = mixture_weights(log)
    likelihood = np.exp(log)

    def nll(weight: np.ndarray) -> float:
        return float(-np.log(weight @ likelihood).mean())

    other = minimize(
        nll,
        np.full(5, 0.2),
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda weight: weight.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(found.weight, other.x, atol=2e-5)
    assert found.nll <= other.fun + 1e-8
    assert found.gap < 1e-7
    assert found.weight.sum() == pytest.approx(1)
    assert (found.weight >= 0).all()
    assert found.nll < min(nll(np.full(5, 0.2)), -log.mean(1).max())


def test_weights_of_copies_of_many_and_of_one_model() -> None:
    prob, label = probabilities(3, 100, 5)
    log = np.log(prob[:, np.arange(100), label])
    copies = mixture_weights(np.repeat(log, 2, axis=0))
    np.testing.assert_allclose(copies.nll, mixture_weights(log).nll, atol=1e-8)
    assert mixture_weights(log[:1]).weight.tolist() == [1.0]
    broken = log.copy()
    broken[:, 7] = -np.inf
    assert mixture_weights(broken).nll == np.inf
    np.testing.assert_allclose(mixture_weights(broken).weight, mixture_weights(np.delete(log, 7, 1)).weight, atol=1e-9)
    with pytest.raises(InputError, match="no model gives any probability"):
        mixture_weights(np.full((2, 3), -np.inf))
    with pytest.raises(InputError, match="no NaN"):
        mixture_weights(np.full((2, 3), np.nan))


def test_widening_keeps_means_and_takes_the_nearest_reference() -> None:
    random = np.random.default_rng(7)
    own, near, far = random.normal(size=(3, 2, 400))
    near = own + 0.1 * near
    found = widened(own, [far, near], 2.25)
    np.testing.assert_allclose(found.mean(1), own.mean(1), atol=1e-12)
    np.testing.assert_allclose(np.var(found - near, axis=1), 2.25 * np.var(own - near, axis=1))
    np.testing.assert_allclose(widened(own, [far], 1.0), own)
    assert factor_of(5) == 2.25
    assert factor_of(2, 5) == pytest.approx(2.2)


@pytest.mark.ci
def test_the_score_of_choosing_is_held_as_often_as_it_says_and_where_it_was_chosen_it_is_too_good() -> None:
    """20 equally good models, 300 test sets of 300 examples; without widening, coverage is .83."""
    random = np.random.default_rng(6)
    held, narrow, seen = [], [], []
    for draw in range(300):
        right = random.random((20, 300)) < 0.5 + 0.4 * random.random(300)
        part = folds(300, 5, draw)
        own = np.empty(300)
        for left in range(5):
            best = right[:, part != left].mean(1).argmax()
            own[part == left] = right[best, part == left]
        for kept, values in ((narrow, own), (held, widened(own[None], [right.mean(0)[None]], factor_of(5))[0])):
            kept.append(abs(own.mean() - 0.7) <= 1.96 * values.std(ddof=1) / np.sqrt(300))
        seen.append(right.mean(1).max() - 0.7)
    assert 0.93 < np.mean(held) < 0.99  # the standard error is .012
    assert np.mean(narrow) < 0.88
    assert np.mean(seen) > 0.03  # optimism from choosing and scoring on the same examples
