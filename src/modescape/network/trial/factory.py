"""Whether a factory returns a new network each time, equal for equal seeds, with weights of its own."""

from __future__ import annotations

from torch import Tensor, nn

from modescape.errors import InputError
from modescape.models import split_state, working_dtype
from modescape.models.state import differing
from modescape.network.copies import close, equal, overlapping
from modescape.network.habits import Habits
from modescape.network.trial.subject import Subject, named
from modescape.types import ModelState


def check(subject: Subject, fresh: nn.Module) -> tuple[ModelState, Tensor | None]:
    """The state of a new network, and its logits in evaluation before any training (`_untouched`).

    Raises:
        InputError: if the same seed gives other weights, or two networks share weights.
    """
    again, first = subject.make("initialisation"), split_state(fresh)
    if not equal(first.params, split_state(again).params):
        raise InputError(
            f"{subject.name}: called twice with the same seed it makes networks with different weights; "
            "draw from the global generators of torch, NumPy or random, which are seeded for each call"
        )
    trained = {name: tensor for name, tensor in fresh.named_parameters() if tensor.requires_grad}
    held = dict(again.named_parameters())
    if again is fresh or any(held.get(name) is tensor for name, tensor in trained.items()):
        shared = next(name for name, tensor in trained.items() if held.get(name) is tensor)
        raise InputError(
            f"{subject.name}: two networks that it makes share '{shared}', and training one would train the other; "
            "make every layer anew in the factory"
        )
    for one, two in overlapping(trained, dict(fresh.named_parameters()) | dict(fresh.named_buffers())):
        raise InputError(
            f"{subject.name}: '{one}' and '{two}' share memory, and would be trained apart from each other; give "
            "both layers one nn.Parameter (not its .data or a view), or take the view in forward"
        )
    return first, _untouched(subject, again, first)


def check_made_anew(subject: Subject, first: ModelState, before: Tensor | None) -> None:
    """Refuse a factory whose networks depend on networks made and trained earlier.

    Args:
        subject: on trial.
        first: the state of the network that it made before any training.
        before: the logits of that network in evaluation.
    """
    module = subject.make("initialisation")
    again = split_state(module)
    differ = [name for part in (0, 1) for name in differing(first[part], again[part])]
    after = None if before is None else _untouched(subject, module, first)
    if differ or (before is not None and (after is None or not close(before, after))):
        raise InputError(
            f"{subject.name}: after a step of training it makes other networks from the same seed "
            f"({named(differ)}); keep nothing in globals or classes, and make every layer anew in the factory"
        )


def _untouched(subject: Subject, module: nn.Module, state: ModelState) -> Tensor | None:
    """Logits in evaluation with these weights; None if the network fails, which the training step will report."""
    dtype = str(working_dtype(dict(module.named_parameters()))).removeprefix("torch.")
    try:
        return subject.evaluated(module, [state], Habits(dtype=dtype, memory_format="contiguous"))
    except Exception:  # a network may raise anything
        return None
