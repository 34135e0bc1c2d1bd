"""All parts of a trial in order, the cheap ones first.

One network goes through everything that a study does, on a few examples: forward, gradient, a step of the optimiser,
its tensors into a file and back into a new network, evaluation, and a step stacked with another network. Behaviour that
others need to know is recorded (`Habits`); networks that cannot be handled correctly are refused with one line.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

from torch import nn

from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.data.order import check_batches
from modescape.models import NetworkError, read_start, split_state, working_dtype
from modescape.models.state import differing, passing_buffers
from modescape.network.copies import equal, through_a_file
from modescape.network.habits import Habits
from modescape.network.trial import evaluation, factory, first_step, restoring, stacking
from modescape.network.trial.subject import Subject, Training, output_of, state_of
from modescape.recipe import Recipe
from modescape.types import ModelState


def trial(recipe: Recipe, data: Split, num_classes: int, preparation: Prepare, training: Training) -> Habits:
    """Try a recipe's network.

    Args:
        recipe: settings.
        data: the training split.
        num_classes: classes of the data.
        preparation: scaling of examples.
        training: how it will be trained.

    Raises:
        InputError: if the network cannot be trained or evaluated correctly, with what to do; a `NetworkError` if the
            factory returns none for these examples and classes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operations that are slow under `vmap`
        return _run(Subject(recipe, data, num_classes, preparation, training, read_start(recipe.model)))


def _run(subject: Subject) -> Habits:
    fresh, other = subject.make("initialisation"), _other(subject)
    first, before = factory.check(subject, fresh)
    habits = Habits(
        dtype=str(working_dtype(dict(fresh.named_parameters()))).removeprefix("torch."),
        starts_equal=other is not None and equal(split_state(fresh).params, split_state(other).params),
        kept_buffers=tuple(differing(passing_buffers(fresh), passing_buffers(fresh if other is None else other))),
    )
    habits, worn, state = first_step.take(subject, habits)
    check_batches(subject.recipe.train, len(subject.data.label), habits.least_batch)
    drawn, twice = (subject.evaluated(worn, [state], habits) for _ in range(2))
    first_step.check_logits(subject, drawn[0])
    alone = evaluation.alone(subject, worn, state, habits)
    first_step.check_arithmetic(subject, worn, state, habits)
    evaluation.check_repeated(subject, drawn, twice)
    draws = evaluation.draws(subject, worn, state, habits)
    mixes = not draws and evaluation.mixes(drawn, alone)
    habits = replace(habits, draws_in_evaluation=draws, mixes_examples=mixes, evaluation_output=output_of(worn))
    evaluation.check_head(subject, worn, state, drawn, habits)
    factory.check_made_anew(subject, first, before)
    restoring.check_state(subject, worn, fresh, through_a_file(state, subject.name), habits)
    habits = replace(habits, constant=_constant(fresh, other, state))
    states = [state, state_of(fresh if other is None else other, habits)]
    if other is not None:
        restoring.check_architecture(subject, fresh, other, habits)
        restoring.check_in_turn(subject, fresh, states, habits)
    return replace(habits, cannot_stack=stacking.why_not(subject, fresh, states, habits))


def _constant(fresh: nn.Module, other: nn.Module | None, worn: ModelState) -> tuple[str, ...]:
    """Frozen parameters that are equal for two seeds and that a step has not changed."""
    if other is None:
        return ()
    held = [worn.buffers, split_state(other).buffers]
    frozen = {name: tensor for name, tensor in fresh.named_parameters() if not tensor.requires_grad}
    return tuple(
        name
        for name, tensor in frozen.items()
        if all(name in one and equal({"": tensor}, {"": one[name]}) for one in held)
    )


def _other(subject: Subject) -> nn.Module | None:
    """A network from another seed; None if the factory refuses it, which is allowed."""
    try:
        return subject.make("trial")
    except NetworkError:
        return None
