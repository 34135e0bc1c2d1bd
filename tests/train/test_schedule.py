"""Learning rates against the published schedules."""

import math

import pytest

from modescape.recipe import Constant, Cosine, Cyclic, Halving, Step, Train
from modescape.train.schedule import learning_rate


def rates(schedule, epochs=40, steps=1):
    train = Train(learning_rate=1.6e-3, epochs=epochs, schedule=schedule)
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
