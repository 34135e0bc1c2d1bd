"""Unbiased linear CKA against the sums over examples that define it, invariances, and known values."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
import torch

from modescape.errors import InputError
from modescape.functionspace import linear_cka
from modescape.functionspace.cka import centred_gram


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def by_tuples(x, y):
    """HSIC_1 as a U-statistic: the mean over all ordered quadruples of different examples; float64."""
    k, m = x @ x.T, y @ y.T
    total = sum(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4))
    n = len(x)
    return total / (n * (n - 1) * (n - 2) * (n - 3))


def closed(x, y):
    """HSIC_1 by double sums (Song et al. 2012, equation 5)."""
    n, k, m = len(x), x @ x.T, y @ y.T
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    traced = sum(k[i, j] * m[i, j] for i, j in pairs)
    whole = sum(k[i, j] for i, j in pairs) * sum(m[i, j] for i, j in pairs) / (n - 1) / (n - 2)
    rows = sum(sum(k[i, j] for j in range(n) if j != i) * sum(m[i, j] for j in range(n) if j != i) for i in range(n))
    return (traced + whole - 2 / (n - 2) * rows) / (n * (n - 3))


def biased(x, y):
    """The common biased estimate: double centring, including the diagonal."""
    x, y = x - x.mean(0), y - y.mean(0)
    return np.square(x.T @ y).sum() / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)


def test_products_of_centred_grams_are_the_mean_over_quadruples():
    x, y = numbers(7, 3), numbers(7, 2, seed=1) + 5
    assert centred_gram(x) @ centred_gram(y) == pytest.approx(by_tuples(x, y), rel=1e-10)


def test_batches_are_summed_as_the_closed_form_says():
    batches = [(numbers(n, 6, seed=n), numbers(n, 4, seed=n) @ numbers(4, 4, seed=9)) for n in (9, 9, 5)]
    batches.append((numbers(3, 6), numbers(3, 4)))  # too few for an estimate
    both = [(x, x) for x, _ in batches], [(y, y) for _, y in batches]
    xy, xx, yy = (sum(len(x) * closed(x, y) for x, y in own[:3]) for own in (batches, *both))
    found = linear_cka(batches)
    assert found.value == pytest.approx(xy / np.sqrt(xx * yy), rel=1e-10)
    assert (found.batches, found.examples) == (3, 23)


def test_rotations_and_factors_change_nothing_and_other_maps_do():
    x, y = numbers(3, 40, 12), numbers(3, 40, 8, seed=1)
    x[..., :8] += y
    turn = np.linalg.qr(numbers(12, 12, seed=2))[0]
    value = linear_cka(zip(x, y, strict=True)).value
    assert 0.2 < value < 0.9
    turned = linear_cka([(-7 * a @ turn + 3, b) for a, b in zip(x, y, strict=True)]).value
    assert turned == pytest.approx(value, rel=1e-10)
    assert abs(linear_cka([(a * np.arange(1, 13), b) for a, b in zip(x, y, strict=True)]).value - value) > 0.01


def test_a_layer_with_itself_is_1():
    found = linear_cka([(x, x) for x in numbers(4, 20, 30)])
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_independent_features_of_many_dimensions_are_near_0_where_the_biased_estimate_is_near_1():
    x, y = numbers(20, 64, 1024), numbers(20, 64, 1024, seed=1)
    each = [linear_cka([pair]).value for pair in zip(x, y, strict=True)]
    assert abs(np.mean(each)) < 0.02
    assert np.abs(each).max() < 0.1
    assert np.mean([biased(*pair) for pair in zip(x, y, strict=True)]) == pytest.approx(0.94, abs=0.005)


def test_intervals_over_batches_hold_the_truth():
    """One of two independent features is correlated by .5: CKA is |C|^2 / (|I| |I|) = .5^2 / 2.

    In 300 simulations of each of seven settings (CKA .09 to .94; 8 or 16 batches of 32 or 128) coverage was .94 to .96.
    """
    random, inside, repeats = np.random.default_rng(0), 0, 200
    for _ in range(repeats):
        x, y = random.normal(size=(2, 8, 32, 2))
        y[..., 0] = 0.5 * x[..., 0] + np.sqrt(0.75) * y[..., 0]
        found = linear_cka(zip(x, y, strict=True))
        inside += found.low <= 0.5**2 / 2 <= found.high
    assert 0.91 < inside / repeats < 0.99


def test_maps_of_pictures_are_flattened_and_tensors_are_taken():
    x = torch.randn(2, 16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    y = x.flatten(2)[..., ::3]
    found = linear_cka(zip(x, y, strict=True)).value
    assert found == pytest.approx(
        linear_cka([(a.double().flatten(1).numpy(), b.double().numpy()) for a, b in zip(x, y, strict=True)]).value,
        abs=1e-6,
    )
    assert linear_cka(zip(x.bfloat16(), y.half(), strict=True)).value == pytest.approx(found, abs=0.01)


def test_features_that_do_not_vary_have_none():
    found = linear_cka([(np.ones((8, 3)), x) for x in numbers(2, 8, 3)])
    assert np.isnan([found.value, found.low, found.high]).all()


def test_one_batch_has_no_interval():
    found = linear_cka([(numbers(20, 3), numbers(20, 3, seed=1))])
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_memory_does_not_grow_with_the_number_of_batches():
    def peak(batches):
        tracemalloc.start()
        linear_cka((numbers(32, 2000, seed=number), numbers(32, 2000)) for number in range(batches))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(16) < 1.1 * peak(2)


@pytest.mark.parametrize(
    ("batches", "level", "message"),
    [
        ([(np.ones((5, 2)), np.ones((6, 2)))], 0.95, "features are for 5 and 6 examples; expected the same examples"),
        ([(np.ones((3, 2)), np.ones((3, 2)))], 0.95, "there is no batch of 4 examples or more"),
        ([], 0.95, "there is no batch of 4 examples or more"),
        ([(np.ones((5, 2)), np.ones((5, 2)))], 95, "level is 95; expected a number between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said(batches, level, message):
    with pytest.raises(InputError, match=message):
        linear_cka(batches, level=level)
