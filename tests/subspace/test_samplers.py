"""Every method against its formula: moments in closed form, on a tiny trajectory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from modescape import rng
from modescape.errors import InputError
from modescape.methods import AROUND, METHODS, SCALED, Run, label_of
from modescape.subspace import (
    Diagonal,
    Dropout,
    LowRank,
    PcaRandom,
    Random,
    Swag,
    WeightAverage,
    everything,
    mirrored_pairs,
    principal_directions,
)

SAMPLES = 4000
EPOCHS, PARAMETERS = 6, 7


@pytest.fixture(scope="module")
def trajectory():
    return torch.from_numpy(np.random.default_rng(3).normal(0, 1, (EPOCHS, PARAMETERS)).cumsum(0))


@pytest.fixture(scope="module")
def keys():
    return torch.tensor([rng.key(0, "test", number) for number in range(SAMPLES)])


def covariance(sample):
    return np.cov(sample.numpy().T, bias=True)


def near(sample, mean, covariance_wanted):
    """Check mean and covariance entry by entry, within 5 standard errors of the expected ones."""
    wanted = np.asarray(covariance_wanted)
    error = np.sqrt(np.diag(wanted) / len(sample))
    assert (np.abs(sample.mean(0).numpy() - mean) <= 5 * error + 1e-12).all()
    # the variance of a sample covariance of normal numbers is (c_ii c_jj + c_ij^2) / n
    spread = np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / len(sample))
    assert (np.abs(covariance(sample) - wanted) <= 5 * spread + 1e-12).all()


def test_the_weight_average_is_the_mean(trajectory, keys):
    sample = WeightAverage().sample(trajectory, keys[:2])
    np.testing.assert_allclose(sample.numpy(), np.tile(trajectory.numpy().mean(0), (2, 1)), rtol=1e-15)


def test_the_average_of_identical_networks_is_the_network(keys):
    row = torch.arange(5.0, dtype=torch.float64)
    assert torch.equal(WeightAverage().sample(row.expand(4, -1), keys[:1])[0], row)


def test_diagonal_has_the_moments_of_the_checkpoints(trajectory, keys):
    sample = Diagonal(scale=2.0).sample(trajectory, keys)
    rows = trajectory.numpy()
    near(sample, rows.mean(0), np.diag(4 * rows.var(0)))


def test_spread_diagonal_draws_its_scale(trajectory, keys):
    sample = Diagonal(scale=2.0, spread=True).sample(trajectory, keys)
    rows = trajectory.numpy()
    ratio = sample.var(0, correction=0).numpy() / rows.var(0)
    np.testing.assert_allclose(ratio, 4 / 3, rtol=0.15)  # E[(2u)^2] = 4/3


@pytest.mark.parametrize("scaled", [False, True])
def test_low_rank_has_unit_directions_or_the_covariance(trajectory, keys, scaled):
    sample = LowRank(rank=2, scale=3.0, scaled=scaled).sample(trajectory, keys)
    rows = trajectory.numpy()
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    top = vectors[:, -2:]
    weight = np.diag(values[-2:]) if scaled else np.eye(2)
    near(sample, rows.mean(0), 9 * top @ weight @ top.T)


def test_full_rank_scaled_is_the_gaussian_of_the_checkpoints(trajectory, keys):
    sample = LowRank(rank=EPOCHS, scaled=True).sample(trajectory, keys)
    near(sample, trajectory.numpy().mean(0), np.cov(trajectory.numpy().T, bias=True))


def test_swag_has_the_covariance_of_its_formula(trajectory, keys):
    rows = trajectory.numpy()
    running = rows.cumsum(0) / np.arange(1, EPOCHS + 1)[:, None]
    deviation = (rows - running)[-4:]
    wanted = (np.diag(rows.var(0)) + deviation.T @ deviation / 3) / 2
    near(Swag(columns=4).sample(trajectory, keys), rows.mean(0), wanted)


def test_swag_scale_multiplies_the_covariance(trajectory, keys):
    mean = trajectory.mean(0)
    once, twice = (Swag(scale=scale).sample(trajectory, keys[:5]) - mean for scale in (0.5, 1.0))
    torch.testing.assert_close(twice, once * 2**0.5)


def test_random_lies_on_rays_at_uniform_distances(trajectory, keys):
    shift = Random(radius=3.0).sample(trajectory, keys) - trajectory[-1]
    distance = shift.norm(dim=1)
    ordered = np.sort(distance.numpy()) / 3
    assert np.abs(ordered - np.arange(1, SAMPLES + 1) / SAMPLES).max() < 1.95 / SAMPLES**0.5  # Kolmogorov, p = .001
    unit = shift / distance[:, None]
    near(unit, np.zeros(PARAMETERS), np.eye(PARAMETERS) / PARAMETERS)


def test_random_is_drawn_again_until_it_is_accepted(trajectory, keys):
    def accept(weights):
        return (weights - trajectory[-1]).norm(dim=1) < 1.5

    sample = Random(radius=3.0).sample(trajectory, keys, accept)
    distance = (sample - trajectory[-1]).norm(dim=1)
    refused = (distance >= 1.5).double().mean()
    assert refused == pytest.approx(0.5**6, abs=0.008)  # six tries
    again = Random(radius=3.0).sample(trajectory, keys)
    first = accept(again)
    assert first.double().mean() == pytest.approx(0.5, abs=0.04)
    assert torch.equal(sample[first], again[first])  # a first draw that is accepted is kept unchanged


def test_dropout_drops_a_uniform_share_and_scales_the_rest(keys):
    solution = torch.full((1, 2000), 2.0, dtype=torch.float64)
    sample = Dropout(rate=0.5).sample(solution, keys[:500])
    share = (sample == 0).double().mean(1)
    assert share.mean() == pytest.approx(0.25, abs=0.03)
    assert share.max() > 0.4
    assert share.min() < 0.1
    kept = torch.where(sample > 0, sample, torch.nan).nanmean(1)
    torch.testing.assert_close(kept * (1 - share), torch.full_like(share, 2.0), atol=0.15, rtol=0)


def test_pca_random_stays_in_the_plane_of_accepted_random_samples(trajectory, keys):
    sampler = PcaRandom(radius=2.0, draws=10, rank=3, seed=5)
    sample = sampler.sample(trajectory, keys)
    own = rng.words(torch.tensor(5), 10)
    mean, directions, _ = principal_directions(Random(radius=2.0).sample(trajectory, own), 3)
    rest = sample - mean
    rest = rest - rest @ directions.T @ directions
    assert rest.abs().max() < 1e-12
    near(sample, mean.numpy(), (directions.T @ directions).numpy())


def test_principal_directions_are_those_of_the_covariance(trajectory):
    mean, directions, deviation = principal_directions(trajectory, 4)
    values, vectors = np.linalg.eigh(np.cov(trajectory.numpy().T, bias=True))
    np.testing.assert_allclose(mean, trajectory.numpy().mean(0))
    np.testing.assert_allclose(deviation.numpy() ** 2, values[::-1][:4], rtol=1e-10)
    overlap = np.abs(directions.numpy() @ vectors[:, ::-1][:, :4])
    np.testing.assert_allclose(overlap, np.eye(4), atol=1e-9)
    assert (directions.gather(1, directions.abs().argmax(1)[:, None]) > 0).all()


def test_no_more_directions_than_there_are():
    assert len(principal_directions(torch.eye(3, 50), 10)[1]) == 2  # three points span a plane


DRAWN = [name for name, method in METHODS.items() if method.source == "weights"]


def run_of(trajectory, *, swept=True):
    return Run(
        trajectory=trajectory,
        length=float(trajectory[-1].norm()),
        swept=swept,
        rank=2,
        key=lambda purpose: rng.key(0, purpose),
        accept=everything,
    )


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("name", DRAWN)
def test_a_sample_depends_on_its_own_key_alone(trajectory, keys, name, swept):
    sampler = METHODS[name].sampler(run_of(trajectory, swept=swept), METHODS[name].base_scale)
    together = sampler.sample(trajectory, keys[:6])
    alone = sampler.sample(trajectory, keys[[4]])
    torch.testing.assert_close(together[[4]], alone, rtol=1e-12, atol=1e-12)  # rounding depends on the size
    assert together.dtype == trajectory.dtype
    assert together.shape == (6, PARAMETERS)
    assert torch.equal(together, sampler.sample(trajectory, keys[:6]))


@pytest.mark.parametrize("name", DRAWN)
def test_a_method_at_scale_0_around_a_run_that_stood_still_is_the_solution(trajectory, keys, name):
    still = trajectory[-1:].expand(EPOCHS, -1)
    run = replace(run_of(still), length=0.0)
    sample = METHODS[name].sampler(run, 0.0).sample(still, keys[:3])
    torch.testing.assert_close(sample, still[:3], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", DRAWN)
def test_a_method_draws_from_as_many_checkpoints_as_it_says_it_needs(trajectory, keys, name):
    method = METHODS[name]
    run = run_of(trajectory[-method.least_checkpoints :])
    sample = method.sampler(run, method.base_scale).sample(run.trajectory, keys[:2])
    assert torch.isfinite(sample).all()


@pytest.mark.parametrize("name", DRAWN)
def test_the_record_says_whose_draws_are_judged(trajectory, keys, name):
    asked = []

    def accept(weights):
        asked.append(len(weights))
        return everything(weights)

    sampler = METHODS[name].sampler(replace(run_of(trajectory), accept=accept), METHODS[name].base_scale)
    sampler.sample(trajectory, keys[:2], accept)
    assert bool(asked) is METHODS[name].judged


@pytest.mark.parametrize("name", [name for name in SCALED if METHODS[name].scale_of is None])
def test_steps_grow_with_the_scale_or_its_root(trajectory, name):
    run = run_of(trajectory)
    one, four = (METHODS[name].sampler(run, scale).step(trajectory) for scale in (1.0, 4.0))
    assert four / one == pytest.approx(2 if METHODS[name].squared else 4, rel=1e-12)


def test_scales_are_absolute_where_there_is_a_unit(trajectory):
    swept, published = (METHODS["random"].sampler(run_of(trajectory, swept=swept), 0.1) for swept in (True, False))
    assert swept.radius == 0.1 * float(trajectory[-1].norm())
    assert published.radius == 10.0
    assert METHODS["low_rank"].sampler(run_of(trajectory, swept=False), 0.1).scale == 1.0


def test_what_a_run_is_asked_for_once_is_kept(trajectory):
    asked = []
    run = run_of(trajectory)

    def find(of):
        asked.append(of)
        return 7

    assert [run.once(find), run.once(find)] == [7, 7]
    assert len(asked) == 1


def test_a_method_says_what_it_cannot_do(trajectory):
    run = run_of(trajectory)
    with pytest.raises(ValueError, match="'SWAG' needs a scale"):
        METHODS["swag"].sampler(run, None)
    with pytest.raises(ValueError, match="'Snapshots' draws no weights"):
        METHODS["trajectory"].sampler(run, None)


def test_the_record_says_where_networks_come_from():
    assert {name for name, method in METHODS.items() if method.make is not None} == set(DRAWN)
    assert set(SCALED) <= set(DRAWN) <= set(AROUND)
    assert AROUND[:4] == ("trajectory", "random", "dropout", "mc_dropout")
    assert [name for name, method in METHODS.items() if method.needs_dropout] == ["mc_dropout"]
    assert label_of("swag") == "SWAG"
    assert label_of("of somebody") == "of somebody"


@pytest.mark.parametrize(
    ("sampler", "least"), [(Diagonal(), 2), (LowRank(), 2), (Swag(), 3), (WeightAverage(), 1), (Random(), 1)]
)
def test_a_trajectory_that_is_too_short_is_refused(keys, sampler, least):
    with pytest.raises(InputError, match=f"needs {least} checkpoints|expected \\[epoch, parameter\\]"):
        sampler.sample(torch.ones(least - 1, 4), keys[:1])


SETTINGS = {
    "random": Random(radius=3.0),
    "dropout": Dropout(rate=0.6),
    "diagonal": Diagonal(scale=2.0),
    "spread": Diagonal(scale=2.0, spread=True),
    "low_rank": LowRank(rank=2, scale=3.0),
    "low_rank_scaled": LowRank(rank=3, scale=0.7, scaled=True),
    "pca_random": PcaRandom(radius=2.0, draws=10, rank=3, scale=1.5, scaled=True, seed=5),
    "swag": Swag(scale=0.8, columns=4),
    "weight_average": WeightAverage(),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_centre_and_step_are_those_of_the_draws(trajectory, keys, name):
    sampler = SETTINGS[name]
    centre, step = sampler.centre(trajectory), sampler.step(trajectory)
    shift = sampler.sample(trajectory, keys) - centre
    error = shift.std(0) / SAMPLES**0.5
    assert (shift.mean(0).abs() <= 5 * error + 1e-12).all()
    squares = shift.square().sum(1)
    assert squares.mean().item() == pytest.approx(step**2, abs=5 * float(squares.std()) / SAMPLES**0.5 + 1e-12)


def test_the_rate_of_dropout_follows_from_its_step():
    for step in (0.0, 1e-4, 0.01, 0.3, 1.5):
        solution = torch.ones(1, 4, dtype=torch.float64)
        assert Dropout.of_step(step).step(solution) == pytest.approx(2 * step, rel=1e-6)
    assert Dropout.of_step(50.0).rate == 0.99
    series, closed = (
        Dropout(rate=rate).step(torch.ones(1, 1, dtype=torch.float64)) for rate in (0.99999e-3, 1.00001e-3)
    )
    assert series == pytest.approx(closed, rel=2e-5)


@pytest.mark.parametrize("name", [name for name, sampler in SETTINGS.items() if sampler.symmetric])
def test_pairs_are_mirror_images_at_the_centre(trajectory, keys, name):
    sampler = SETTINGS[name]
    drawn, mirrored = mirrored_pairs(sampler, trajectory, keys[:5])
    torch.testing.assert_close(drawn, sampler.sample(trajectory, keys[:5]))
    torch.testing.assert_close((drawn + mirrored) / 2, sampler.centre(trajectory).expand(5, -1))


def test_a_pair_is_refused_whole(trajectory, keys):
    solution = trajectory[-1]

    def accept(weights):  # a half-space, which contains at most one of a pair
        return (weights - solution)[:, 0] > -0.3

    drawn, mirrored = mirrored_pairs(Random(radius=3.0, tries=60), trajectory, keys[:500], accept)
    assert accept(drawn).all()
    assert accept(mirrored).all()
    alone = Random(radius=3.0, tries=60).sample(trajectory, keys[:500], accept)
    assert not accept(2 * solution - alone).all()
