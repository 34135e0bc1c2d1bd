"""The first training step: which memory layout and arithmetic the network supports, and what else it does."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from modescape import batches, tree
from modescape.errors import InputError
from modescape.models.outputs import check_kind
from modescape.network.copies import leaves
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy, MemoryFormat
from modescape.network.trial.subject import KEYS, Batch, Subject, named, output_of, reason, state_of
from modescape.network.watching import Seen, least_batch, watch
from modescape.types import ModelState


def take(subject: Subject, habits: Habits) -> tuple[Habits, nn.Module, ModelState]:
    """One training step in the memory layout that the network supports: the network after it, and its tensors.

    Raises:
        InputError: if it fails in both layouts, or does something that cannot be saved.
    """
    try:
        return _take_in("channels_last", subject, habits)
    except InputError:
        raise
    except Exception:  # a network may raise anything; the other layout tells whether the layout is the cause
        pass
    try:
        return _take_in("contiguous", subject, habits)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{subject.name}: the network fails in a step of training: {reason(error)}") from error


def _take_in(memory_format: MemoryFormat, subject: Subject, habits: Habits) -> tuple[Habits, nn.Module, ModelState]:
    module, (inputs, label) = subject.make("initialisation"), subject.batch(habits)
    policy = ComputePolicy(memory_format=memory_format)
    seen = watch(module, inputs, policy)
    _check_seen(subject, seen)
    found = replace(
        seen.habits,
        dtype=habits.dtype,
        starts_equal=habits.starts_equal,
        kept_buffers=tuple(dict.fromkeys([*habits.kept_buffers, *seen.habits.kept_buffers])),
        memory_format=memory_format,
        training_output=output_of(module),
    )
    state, asking = leaves([state_of(module, found)]), replace(found, recomputes=True)
    batch = Batch(state, batches.mapped(lambda leaf: leaf[None].clone(), inputs), label[None], KEYS[:1])
    step = subject.training.step(module, batch, asking, policy)
    if not step.gradients:
        raise InputError(
            f"{subject.name}: the loss depends on no trainable parameter; run the layers that are to be trained "
            "outside of torch.no_grad, and detach nothing behind them"
        )
    without = tuple(name for name in state.params if name not in step.gradients)
    least = least_batch(module, batches.taken(inputs, slice(1)), policy)
    found = replace(found, recomputes=step.recomputed, without_gradient=without, least_batch=least)
    subject.training.update(state.params, step.gradients)
    one = ModelState(tree.unstack(state.params, 0), tree.unstack(state.buffers, 0))
    state = ModelState(*({name: tensor.detach().clone() for name, tensor in part.items()} for part in one))
    subject.evaluated(module, [state], found)  # in this layout too
    return found, module, state


def _check_seen(subject: Subject, seen: Seen) -> None:
    """Refuse unsupported behaviour seen in the first forward pass in training."""
    check_logits(subject, seen.logits)
    if bool(seen.logits.isnan().any()):
        raise InputError(
            f"{subject.name}: the network gives NaN before its first step; look at the scale of its initialisation "
            "and at divisions, roots and logarithms in forward"
        )
    if seen.reshaped:
        raise InputError(
            f"{subject.name}: a step of training changes the shape of {named(seen.reshaped)}, or takes it away; "
            "keep it as large from the start, or register it with persistent=False where it need not be saved"
        )


def check_logits(subject: Subject, logits: Tensor) -> None:
    """Check that there is one logit for each example and class."""
    expected = [len(subject.index), subject.num_classes]
    if not isinstance(logits, Tensor) or list(logits.shape) != expected:
        came = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"{subject.name}: the network turns {expected[0]} {subject.data.kind.word} into {came}, expected "
            f"{expected}; of several outputs model.output chooses one"
        )
    try:
        check_kind(logits, subject.recipe.model.output_kind)
    except InputError as error:
        raise InputError(f"{subject.name}: {error}") from error


def check_arithmetic(subject: Subject, module: nn.Module, state: ModelState, habits: Habits) -> None:
    """Refuse 16-bit arithmetic for a network that itself multiplies 16-bit layer outputs by 32-bit weights."""
    if subject.recipe.train.arithmetic != "bf16":
        return
    policy = ComputePolicy("bf16", memory_format=habits.memory_format)
    try:
        subject.stepped(module, [state], habits, policy)
        subject.evaluated(module, [state], habits, policy)
    except Exception as error:  # a network may raise anything
        raise InputError(
            f"{subject.name}: the network fails with train.arithmetic=bf16: {reason(error)}; use tf32 or "
            "float32, or convert what its own products take to one type"
        ) from error
