"""Trial runs before a landscape is used: the network with other weights, stacked, and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modescape import tree
from modescape.errors import InputError
from modescape.kernels.under_vmap import vmapped
from modescape.landscape.evaluation import Evaluator
from modescape.landscape.source import WHOLE, Batch, Pieces
from modescape.named import reason
from modescape.types import ModelState, Params

CONVOLUTIONS = nn.modules.conv._ConvNd
OTHER, MORE = 1.05, 0.01  # scale and shift of the weights, which must change the outputs
PIECE = 128  # examples: on one CPU thread 32 to 125 are equally fast within 4 % (ResNet20), 500 are 1.4 times slower
FITS = 8 << 20  # bytes of the largest output of such a piece; 300 images of 8 x 8 are 1.2 times faster uncut (SmallCNN)
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}  # relative, between points that run stacked and alone


@dataclass(frozen=True)
class Tried:
    """The findings of the trial runs."""

    stack: bool  # whether points run stacked
    activations: int  # bytes of the largest output of a layer
    pieces: Pieces  # how batches are split and laid out


def first_pass(evaluator: Evaluator, state: ModelState, stack: bool | None, check: bool) -> Tried:
    """Run the first batch with a point, with other weights, and stacked.

    Args:
        evaluator: with the network and the data.
        state: the point of interest.
        stack: whether to run points stacked; None: if that gives the same and is faster.
        check: whether to test that the network uses the weights it is given.

    Raises:
        InputError: if it does not, fails on the batch, or the loss is not a scalar.
    """
    point, batch = _completed(evaluator, state), next(iter(evaluator.source))
    largest = [0]

    def listen(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            largest[0] = max(largest[0], output.numel() * output.element_size())

    handles = [layer.register_forward_hook(listen) for layer in evaluator.runner.module.modules()]
    try:
        with torch.no_grad(), evaluator.runner.mode():
            output = _called(evaluator, point, batch)
            evaluator.criterion.total(output, batch.target, batch.examples)
    finally:
        for handle in handles:
            handle.remove()
    if check:
        _check_weights(evaluator, point, batch, output)
    convolves = any(isinstance(layer, CONVOLUTIONS) for layer in evaluator.runner.module.modules())
    on_cpu = next(iter(point.values())).device.type == "cpu"
    if stack is None:  # stacked convolutions are slow on a CPU
        stack = not (convolves and on_cpu) and not evaluator.runner.dropout and _stacks(evaluator, point, batch)
    each = max(1, largest[0] // max(1, batch.examples))
    pieces = _pieces(evaluator, point, batch, output, each) if convolves and on_cpu else WHOLE
    return Tried(stack, largest[0], pieces)


def _pieces(evaluator: Evaluator, point: Params, batch: Batch, output: Any, each: int) -> Pieces:
    """Split batches for convolutions on a CPU: in pieces that fit its caches, channels last if possible.

    ``each`` is the largest output of one example, in bytes.

    A user-defined loss may not be a mean over examples, and a batch's own statistics are of the whole batch: then
    batches stay whole.
    """
    whole = evaluator.criterion.own is not None or evaluator.runner.policy == "batch"
    pieces = Pieces(None if whole else max(PIECE, FITS // each))
    if not isinstance(output, Tensor) or output.dtype != torch.float32:
        return pieces
    laid = Pieces(pieces.examples, channels_last=True)
    try:
        with torch.no_grad(), evaluator.runner.mode():
            same = _called(evaluator, point, laid.laid(batch))
    except InputError:  # a view of a tensor that is not contiguous
        return pieces
    tolerance = TOLERANCE[torch.float32]
    return laid if torch.allclose(same, output, rtol=tolerance, atol=tolerance, equal_nan=True) else pieces


def _completed(evaluator: Evaluator, state: ModelState) -> Params:
    """All tensors of the point.

    Raises:
        InputError: if the network fails where its statistics are recomputed.
    """
    try:
        return evaluator.completed_point(state)
    except InputError:
        raise
    except Exception as error:  # user code
        raise InputError(f"the network fails on the data in training mode: {reason(error)}") from error


def _called(evaluator: Evaluator, point: Params, batch: Batch) -> Any:
    """The first output.

    Raises:
        InputError: if the network fails.
    """
    tensors = {**evaluator.copies(), **point}
    try:
        return evaluator.runner.call(tensors, batch.inputs)
    except InputError:
        raise
    except Exception as error:  # user code
        raise InputError(f"the network fails on the first batch: {reason(error)}") from error


def _check_weights(evaluator: Evaluator, point: Params, batch: Batch, output: Any) -> None:
    """Refuse a network that uses its own weights instead of those it is given."""
    other = {name: OTHER * tensor + MORE if name not in evaluator.held else tensor for name, tensor in point.items()}
    with torch.no_grad(), evaluator.runner.mode():
        changed = _called(evaluator, other, batch)
    if isinstance(output, Tensor) and torch.equal(output, changed):
        raise InputError(
            "the network gives the same output with other weights: its forward does not use the parameters it is "
            "handed (torch.func.functional_call); call its layers in forward, without copies of their weights"
        )


def _stacks(evaluator: Evaluator, point: Params, batch: Batch) -> bool:
    """Whether two points give the same by `vmap` as one after the other (else do not stack)."""
    pair = tree.stack([point, {name: tensor * OTHER if tensor.is_floating_point() else tensor
                               for name, tensor in point.items()}])  # fmt: skip
    loss = evaluator.criterion

    def single(tensors: Params) -> Tensor:
        output = _called(evaluator, tensors, batch)
        return loss.total(output, batch.target, batch.examples)

    with torch.no_grad(), evaluator.runner.mode():
        alone = torch.stack([single(tree.unstack(pair, place)) for place in range(2)])
        try:
            together = vmapped(single, pair)
        except Exception:  # whatever vmap does not support
            return False
    tolerance = TOLERANCE.get(alone.dtype, 1e-2)
    return bool(torch.allclose(alone, together, rtol=tolerance, atol=tolerance, equal_nan=True))
