"""Batches of an epoch: every example once, or independent draws; each member's own."""

import pytest
import torch

from modescape import rng
from modescape.data.order import epoch_order, steps_per_epoch

KEYS = torch.tensor([rng.key(0, "order", member, 3) for member in range(4)])


@pytest.mark.parametrize(("examples", "size"), [(10, 4), (12, 4), (3, 8), (5, 1), (300, 128)])
def test_a_permutation_shows_every_example_once(examples, size):
    order = epoch_order(examples, size, "permutation", KEYS)
    assert len(order[0].split(size)) == steps_per_epoch(examples, size, "permutation") == len(range(0, examples, size))
    assert torch.equal(order.sort(dim=1).values, torch.arange(examples).expand(4, examples))
    if examples > 4:
        assert len({tuple(member.tolist()) for member in order}) == 4


@pytest.mark.parametrize(("examples", "size", "steps"), [(10, 4, 2), (12, 4, 3), (3, 8, 1), (300, 128, 2)])
def test_replacement_draws_whole_batches(examples, size, steps):
    order = epoch_order(examples, size, "replacement", KEYS)
    assert steps_per_epoch(examples, size, "replacement") == steps
    assert order.shape == (4, steps * size)
    assert (order.min() >= 0) & (order.max() < examples)


def test_replacement_is_uniform():
    """Counts of 40,000 draws from 10: chi-squared with 9 degrees of freedom, below 27.9 with probability .999."""
    draws = epoch_order(10, 10, "replacement", torch.arange(4000))
    counts = draws.flatten().bincount(minlength=10).double()
    assert ((counts - 4000) ** 2 / 4000).sum() < 27.9
    repeats = (draws.sort(dim=1).values.diff(dim=1) == 0).any(dim=1).double().mean()
    assert abs(repeats - (1 - 3628800 / 10**10)) < 0.01  # 10 draws without a repeat: 10! / 10^10


@pytest.mark.parametrize("kind", ["permutation", "replacement"])
def test_a_member_is_the_same_alone(kind):
    together = epoch_order(50, 8, kind, KEYS)
    assert torch.equal(together[2:3], epoch_order(50, 8, kind, KEYS[2:3]))
