"""Streams against exact integer arithmetic and their documented distributions."""

import random

import numpy as np
import pytest
import torch

from modescape import rng

MASK = (1 << 64) - 1


def splitmix(key: int, counter: int) -> int:
    """SplitMix64 in Python integers; the reference values below are those of the published C code."""
    z = (key + counter * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_words_are_splitmix64():
    assert splitmix(0, 1) == 0xE220A8397B1DCDAF  # first output of the published generator seeded with 0
    for key in (0, 1, -5, (1 << 63) - 1, -(1 << 63)):
        got = rng.words(torch.tensor(key), 5).tolist()
        assert [value & MASK for value in got] == [splitmix(key & MASK, counter) for counter in range(1, 6)]


def test_words_do_not_depend_on_blocks_or_neighbours():
    keys = torch.tensor([[3, 4], [5, 6]])
    together = rng.words(keys, rng.BLOCK + 7)
    assert together.shape == (2, 2, rng.BLOCK + 7)
    alone = rng.words(keys[1, 0], rng.BLOCK + 7)
    assert torch.equal(together[1, 0], alone)
    assert torch.equal(rng.words(keys[1, 0], 9), alone[:9])


def test_keys_are_stable_and_differ_by_name():
    assert rng.key(0, "order", 1, 2) == 852456441368087581
    names = [(seed, purpose, number) for seed in (0, 1) for purpose in rng.PURPOSES for number in range(50)]
    assert len({rng.key(*name) for name in names}) == len(names)
    assert rng.key(0, "order", 1, 12) != rng.key(0, "order", 11, 2)


def test_uniform_and_integers_are_uniform():
    values = rng.uniform(torch.tensor(7), 100_000)
    assert values.min() >= 0
    assert values.max() < 1
    counts = rng.integers(torch.tensor(8), 100_000, 10).bincount(minlength=10)
    assert abs(values.mean() - 0.5) < 5 / (12 * 100_000) ** 0.5
    chi_square = ((counts - 10_000.0) ** 2 / 10_000).sum()
    assert chi_square < 33.7  # 1e-4 quantile, 9 degrees of freedom


def test_normal_is_standard_normal():
    count = 100_000
    values = rng.normal(torch.tensor(9), count)
    assert abs(values.mean()) < 5 / count**0.5
    assert abs((values**2).mean() - 1) < 5 * (2 / count) ** 0.5
    assert abs((values[0::2] * values[1::2]).mean()) < 5 / (count / 2) ** 0.5  # within a pair, too
    assert abs((values[0::2] ** 2 * values[1::2] ** 2).mean() - 1) < 5 * (8 / (count / 2)) ** 0.5
    from scipy.stats import kstest

    assert kstest(values.numpy(), "norm").pvalue > 1e-4


def test_normal_is_box_and_mullers_and_does_not_depend_on_the_count():
    keys = torch.tensor([[3, 4], [5, 6]])
    values = rng.normal(keys, 5)
    assert values.shape == (2, 2, 5)
    assert values.dtype == torch.float64
    first, second = rng.uniform(keys, 2).unbind(-1)
    expected = (-2 * (1 - first).log()).sqrt() * (2 * torch.pi * second).cos()
    assert torch.allclose(values[..., 0], expected, rtol=0, atol=1e-12)
    assert torch.equal(rng.normal(keys[1, 0], 4), values[1, 0, :4])
    assert rng.normal(keys, 0).shape == (2, 2, 0)


def test_permutation_is_one_and_covers_positions_evenly():
    keys = rng.words(torch.tensor(1), 6_000)
    orders = rng.permutation(keys, 6)
    assert torch.equal(orders.sort(-1).values, torch.arange(6).expand(6_000, 6))
    first = orders[:, 0].bincount(minlength=6)
    assert ((first - 1000.0) ** 2 / 1000).sum() < 25.7  # 1e-4 quantile, 5 degrees of freedom


def test_seeded_leaves_the_global_generators_alone():
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    with rng.seeded(5):
        drawn = (torch.rand(3), np.random.rand(), random.random())
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert before[2] == random.getstate()
    with rng.seeded(5):
        again = (torch.rand(3), np.random.rand(), random.random())
    assert torch.equal(drawn[0], again[0])
    assert drawn[1:] == again[1:]


def test_streams_can_be_shared_purpose_by_purpose():
    streams = rng.MemberStreams(seed=0, shared=frozenset({"order"}))
    assert streams.key("order", 5, 2) == streams.key("order", 0, 2)
    assert streams.key("dropout", 5, 2) != streams.key("dropout", 0, 2)
    assert streams.keys("dropout", [0, 5], 2).tolist() == [streams.key("dropout", m, 2) for m in (0, 5)]


def test_stream_is_a_seeded_generator():
    first, second = (torch.rand(4, generator=rng.stream(0, "order", number)) for number in (1, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(4, generator=rng.stream(0, "order", 2)))


@pytest.mark.parametrize("count", [0, 1])
def test_few_words(count):
    assert rng.words(torch.tensor([1, 2]), count).shape == (2, count)
