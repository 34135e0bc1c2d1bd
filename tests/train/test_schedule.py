"""Learning rates against the published schedules."""

import math

import pytest

from modescape.errors import InputError
from modescape.recipe import Constant, Cosine, Cyclic, Halving, Linear, Step, Train, parse
from modescape.train.schedule import langevin_noise, learning_rate


def rates(schedule, epochs=40, steps=1, warmup: float = 0):
    train = Train(learning_rate=1.6e-3, epochs=epochs, schedule=schedule, warmup=warmup)
    return [learning_rate(train, epoch, step, steps) for epoch in range(epochs) for step in range(steps)]


def test_halving_is_the_papers():
    assert rates(Halving(kind="halving", every=10)) == [1.6e-3 / 2 ** math.floor(epoch / 10) for epoch in range(40)]


def test_step_is_the_notebooks():
    expected = [1.6e-3] * 9 + [8e-4] * 10 + [4e-4] * 10 + [2e-4] * 11
    assert rates(Step(kind="step", epochs=[9, 19, 29], factors=[0.5, 0.25, 0.125])) == pytest.approx(expected)


def test_constant():
    assert set(rates(Constant())) == {1.6e-3}


def test_cosine_falls_from_the_initial_rate_towards_zero():
    got = rates(Cosine(kind="cosine"), epochs=5, steps=20)
    assert got == pytest.approx([0.8e-3 * (1 + math.cos(math.pi * t / 100)) for t in range(100)])


def test_cyclic_restarts_every_cycle():
    got = rates(Cyclic(kind="cyclic", cycles=4), epochs=8, steps=5)
    assert [index for index, rate in enumerate(got) if rate == 1.6e-3] == [0, 10, 20, 30]
    assert got[:10] == pytest.approx([0.8e-3 * (1 + math.cos(math.pi * t / 10)) for t in range(10)])
    assert got[:10] == got[30:]


def test_cycles_that_do_not_divide_the_steps_are_rounded_up():
    """L = ceil(T / cycles): 35 steps in three cycles are 12, 12 and 11."""
    got = rates(Cyclic(kind="cyclic", cycles=3), epochs=5, steps=7)
    assert [index for index, rate in enumerate(got) if rate == 1.6e-3] == [0, 12, 24]
    assert got == pytest.approx([0.8e-3 * (1 + math.cos(math.pi * (t % 12) / 12)) for t in range(35)])


def test_langevin_noise_is_the_publisheds_in_the_last_part_of_each_cycle():
    schedule = Cyclic(kind="cyclic", cycles=2, temperature=0.5, noisy=0.2)
    train = Train(learning_rate=0.1, epochs=4, schedule=schedule)
    found = [langevin_noise(train, epoch, step, 10, 1000) for epoch in range(4) for step in range(10)]
    noisy = [16, 17, 18, 19, 36, 37, 38, 39]
    assert [at for at, value in enumerate(found) if value] == noisy
    for at in noisy:
        assert found[at] == pytest.approx(math.sqrt(2 * learning_rate(train, *divmod(at, 10), 10) * 0.5 / 1000))


def test_no_noise_without_a_temperature():
    assert langevin_noise(Train(epochs=2, schedule=Cyclic(kind="cyclic", cycles=1)), 1, 9, 10, 100) == 0
    assert langevin_noise(Train(epochs=2), 1, 9, 10, 100) == 0


def test_a_line_falls_from_the_initial_rate_towards_zero():
    got = rates(Linear(kind="linear"), epochs=5, steps=20)
    assert got == pytest.approx([1.6e-3 * (1 - t / 100) for t in range(100)])


FULL = [
    Constant(),
    Step(kind="step", epochs=[2, 6], factors=[0.5, 0.25]),
    Halving(kind="halving", every=3),
    Cyclic(kind="cyclic", cycles=2),
]


@pytest.mark.parametrize("schedule", FULL)
def test_warm_up_is_a_share_of_the_rate_that_would_be(schedule):
    plain, warm = rates(schedule, epochs=10, steps=5), rates(schedule, epochs=10, steps=5, warmup=3)
    assert warm == pytest.approx([rate * min(1, (t + 1) / 15) for t, rate in enumerate(plain)])
    assert warm[14:] == plain[14:]


@pytest.mark.parametrize("schedule", [Cosine(kind="cosine"), Linear(kind="linear")])
def test_what_falls_to_zero_falls_over_what_the_warm_up_leaves(schedule):
    warm = rates(schedule, epochs=10, steps=5, warmup=0.2)
    assert warm[:10] == pytest.approx([1.6e-3 * (t + 1) / 10 for t in range(10)])
    assert warm[10:] == rates(schedule, epochs=8, steps=5)


@pytest.mark.parametrize("warmup", [1, 0.5, 0.999])
def test_something_is_left_after_every_warm_up(warmup):
    assert max(rates(Cosine(kind="cosine"), epochs=2, steps=1, warmup=warmup)) == 1.6e-3


def test_a_warm_up_of_the_whole_training_is_refused():
    with pytest.raises(InputError, match=r"a warmup of 4 epochs leaves none of 4; give fewer, or a share"):
        parse({"train": {"epochs": 4, "warmup": 4}}, "it")
    for wrong in (-1, 1.0, 2.5, True, "3"):
        with pytest.raises(InputError, match=r"train\.warmup.*expected a number of epochs from 0, or a share"):
            parse({"train": {"warmup": wrong}}, "it")
