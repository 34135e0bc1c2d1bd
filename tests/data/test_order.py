"""Batches of an epoch: every example once, or independent draws; each member's own."""

import pytest
import torch

from modescape import rng
from modescape.data.order import batch_sizes, check_batches, epoch_order
from modescape.errors import InputError
from modescape.recipe import Train

KEYS = torch.tensor([rng.key(0, "order", member, 3) for member in range(4)])


@pytest.mark.parametrize(("examples", "size"), [(10, 4), (12, 4), (3, 8), (5, 1), (300, 128), (9, 4)])
def test_a_permutation_shows_every_example_once(examples, size):
    order = epoch_order(examples, examples, "permutation", KEYS)
    cut = [len(batch) for batch in order[0].split(size)]
    assert batch_sizes(Train(batch_size=size), examples) == cut
    assert torch.equal(order.sort(dim=1).values, torch.arange(examples).expand(4, examples))
    if examples > 4:
        assert len({tuple(member.tolist()) for member in order}) == 4


@pytest.mark.parametrize(("examples", "size", "steps"), [(10, 4, 2), (12, 4, 3), (3, 8, 1), (300, 128, 2)])
def test_replacement_draws_whole_batches(examples, size, steps):
    sizes = batch_sizes(Train(batch_size=size, batches="replacement"), examples)
    order = epoch_order(examples, sum(sizes), "replacement", KEYS)
    assert sizes == [size] * steps
    assert order.shape == (4, steps * size)
    assert (order.min() >= 0) & (order.max() < examples)


@pytest.mark.parametrize(
    ("examples", "join", "drop"),
    [(9, [4, 5], [4, 4]), (5, [5], [4]), (8, [4, 4], [4, 4]), (10, [4, 4, 2], [4, 4, 2]), (3, [3], [3])],
)
def test_a_last_batch_of_one_is_joined_or_dropped_and_nothing_else(examples, join, drop):
    assert batch_sizes(Train(batch_size=4), examples, least=2) == join
    assert batch_sizes(Train(batch_size=4, last_batch_of_one="drop"), examples, least=2) == drop
    order = epoch_order(examples, sum(drop), "permutation", KEYS)
    assert torch.equal(order, epoch_order(examples, examples, "permutation", KEYS)[:, : sum(drop)])


def test_what_happens_to_a_last_batch_of_one_is_said_once():
    assert check_batches(Train(batch_size=4), 9, least=1) == []
    assert check_batches(Train(batch_size=4), 8, least=2) == []
    (joined,) = check_batches(Train(batch_size=4), 9, least=2)
    (dropped,) = check_batches(Train(batch_size=4, last_batch_of_one="drop"), 9, least=2)
    assert "joins the batch before" in joined
    assert "left out" in dropped


@pytest.mark.parametrize(("size", "examples", "remedy"), [(1, 9, "batch_size=2"), (4, 1, "data.train")])
def test_batches_of_one_that_cannot_be_helped_are_refused(size, examples, remedy):
    with pytest.raises(InputError, match=remedy):
        check_batches(Train(batch_size=size), examples, least=2)
    check_batches(Train(batch_size=size), examples, least=1)


def test_replacement_is_uniform():
    """Counts of 40,000 draws from 10: chi-squared with 9 degrees of freedom, below 27.9 with probability .999."""
    draws = epoch_order(10, 10, "replacement", torch.arange(4000))
    counts = draws.flatten().bincount(minlength=10).double()
    assert ((counts - 4000) ** 2 / 4000).sum() < 27.9
    repeats = (draws.sort(dim=1).values.diff(dim=1) == 0).any(dim=1).double().mean()
    assert abs(repeats - (1 - 3628800 / 10**10)) < 0.01  # 10 draws without a repeat: 10! / 10^10


@pytest.mark.parametrize("kind", ["permutation", "replacement"])
def test_a_member_is_the_same_alone(kind):
    together = epoch_order(50, 48, kind, KEYS)
    assert torch.equal(together[2:3], epoch_order(50, 48, kind, KEYS[2:3]))
