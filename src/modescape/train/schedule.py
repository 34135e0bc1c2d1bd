"""Learning rates: a pure function of the recipe, the epoch and the step."""

from __future__ import annotations

import math

from modescape import recipe


def learning_rate(train: recipe.Train, epoch: int, step: int, steps: int) -> float:
    """Learning rate at one step.

    Constant, step and halving change between epochs, the others at every step. With t = epoch * steps + step, T all
    steps and W those of the warm-up: linear is lr [1 - (t - W) / (T - W)], cosine and cyclic are
    lr/2 [cos(pi mod(t, L) / L) + 1], cyclic with L = ceil(T / cycles) (Huang et al. 2017, arXiv 1704.00109), cosine
    with t - W for t and L = T - W. In the warm-up the rate is (t + 1) / W times that: its last step is the first at the
    full rate (Goyal et al. 2017, arXiv 1706.02677).

    Args:
        train: training settings.
        epoch: from 0.
        step: within the epoch, from 0.
        steps: steps of an epoch.
    """
    at, whole, warm = epoch * steps + step, train.epochs * steps, warmup_steps(train, steps)
    rise = min(1.0, (at + 1) / warm) if warm else 1.0
    schedule, initial = train.schedule, train.learning_rate * rise
    if isinstance(schedule, recipe.Step):
        passed = [factor for start, factor in zip(schedule.epochs, schedule.factors, strict=True) if epoch >= start]
        return initial * (passed[-1] if passed else 1.0)
    if isinstance(schedule, recipe.Halving):
        return initial * 0.5 ** (epoch // schedule.every)
    if isinstance(schedule, recipe.Constant):
        return initial
    if isinstance(schedule, recipe.Cyclic):
        length = math.ceil(whole / schedule.cycles)
        done = at % length
    else:
        length, done = whole - warm, max(0, at - warm)
    if isinstance(schedule, recipe.Linear):
        return initial * (1 - done / length)
    return initial / 2 * (math.cos(math.pi * done / length) + 1)


def warmup_steps(train: recipe.Train, steps: int) -> int:
    """Steps of the warm-up; at least one step of the training comes after it.

    Args:
        train: training settings.
        steps: of an epoch.
    """
    whole = train.epochs * steps
    return min(train.warmup * steps if isinstance(train.warmup, int) else round(train.warmup * whole), whole - 1)


def langevin_noise(train: recipe.Train, epoch: int, step: int, steps: int, examples: int) -> float:
    """Standard deviation of the noise added to every weight after a step, sqrt(2 rate T / N); 0 without Langevin noise.

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
