"""Learning rates: a pure function of the recipe, the epoch and the step."""

from __future__ import annotations

import math

from modescape import recipe


def learning_rate(train: recipe.Train, epoch: int, step: int, steps: int) -> float:
    """Learning rate at one step.

    Constant, step and halving change between epochs; cosine and cyclic at every step:
    lr/2 [cos(pi mod(t, L) / L) + 1] with t = epoch * steps + step and L = ceil(T / cycles), T all steps
    (Huang et al. 2017, arXiv 1704.00109).

    Args:
        train: training settings.
        epoch: from 0.
        step: within the epoch, from 0.
        steps: steps of an epoch.
    """
    schedule, initial = train.schedule, train.learning_rate
    if isinstance(schedule, recipe.Step):
        passed = [factor for start, factor in zip(schedule.epochs, schedule.factors, strict=True) if epoch >= start]
        return initial * (passed[-1] if passed else 1.0)
    if isinstance(schedule, recipe.Halving):
        return initial * 0.5 ** (epoch // schedule.every)
    if isinstance(schedule, recipe.Constant):
        return initial
    cycles = schedule.cycles if isinstance(schedule, recipe.Cyclic) else 1
    length = math.ceil(train.epochs * steps / cycles)
    return initial / 2 * (math.cos(math.pi * ((epoch * steps + step) % length) / length) + 1)


def langevin_noise(train: recipe.Train, epoch: int, step: int, steps: int, examples: int) -> float:
    """Standard deviation of the noise added to every weight after a step, sqrt(2 rate T / N); 0 where there is none.

    Args:
        train: training settings.
        epoch: from 0.
        step: within the epoch, from 0.
        steps: steps of an epoch.
        examples: N, of the training split: the loss is a mean over them.

    Source: Zhang et al. 2020, arXiv 1902.03932, algorithm 1 (cSG-MCMC).
    """
    schedule = train.schedule
    if not isinstance(schedule, recipe.Cyclic) or not schedule.temperature:
        return 0.0
    length = math.ceil(train.epochs * steps / schedule.cycles)
    if (epoch * steps + step) % length < (1 - schedule.noisy) * length:
        return 0.0
    return math.sqrt(2 * learning_rate(train, epoch, step, steps) * schedule.temperature / examples)
