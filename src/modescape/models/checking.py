"""Checks before a network's trial: its parameters, and its output for two examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from modescape import rng
from modescape.batches import InputShape
from modescape.errors import InputError, UnsupportedError
from modescape.models.outputs import reading_of
from modescape.models.state import attributes, call_with, copies, differing, working_dtype
from modescape.named import reason
from modescape.types import Inputs

TRAINED = (torch.float32, torch.float64)
"""Dtypes that can be trained."""


class NetworkError(InputError):
    """A factory was called but returned no network for these examples and classes."""


@contextmanager
def settings_kept(who: str) -> Iterator[None]:
    """Refuse code that changes a global setting of torch, and restore the setting.

    Raises:
        NetworkError: naming the setting, and what to do.
    """
    before = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield
        after = torch.get_default_dtype(), torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(before[0])
        torch.set_grad_enabled(before[1])
    if after[0] != before[0]:
        advice = f"calls torch.set_default_dtype({after[0]}), which changes all numbers here; make the network .to() it"
    elif after[1] != before[1]:
        advice = "calls torch.set_grad_enabled, which changes all networks here; use `with torch.no_grad():`"
    else:
        return
    raise NetworkError(f"{who} {advice}")


def wrapper_of(module: nn.Module) -> str:
    """In words, a wrapper around a network that cannot run with given weights (DataParallel, ...); "" for none."""
    if isinstance(module, torch.jit.ScriptModule):
        return "makes a TorchScript network (torch.jit.script or trace)"
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return f"makes an nn.{type(module).__name__}"
    for layer in module.modules():
        if "_orig_mod" in layer._modules or getattr(layer, "_compiled_call_impl", None) is not None:
            return "makes a network with torch.compile"
    return ""


def check_output(module: nn.Module, shape: InputShape | Sequence[int], num_classes: int) -> None:
    """Check that a network turns two examples into an output [2, num_classes].

    Weights, buffers, the training mode and the global generators are not changed.

    Raises:
        InputError: if it has nothing to train, fails on the examples, or returns another shape.
    """
    parameters: dict[str, Tensor] = dict(module.named_parameters())
    if any(is_lazy(tensor) for tensor in [*parameters.values(), *module.buffers()]):
        raise InputError("the network has lazy layers without shapes; run one forward pass in model.factory")
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise InputError("the network has no trainable parameters; expected at least one")
    check_numbers(parameters)
    expected = [2, num_classes]
    device = next(iter(parameters.values())).device
    shape = InputShape.of(shape)
    inputs = shape.blank(2, working_dtype(parameters), device)
    sizes = [2, *inputs.shape[1:]] if isinstance(inputs, Tensor) else f"2 x {shape}"
    before, tensors = _plain_numbers(module), copies(parameters | dict(module.named_buffers()))
    try:
        with settings_kept("the network"):
            output = _evaluate(module, tensors, inputs)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"the network fails on {shape.word} of shape {sizes}: {reason(error)}") from error
    if not isinstance(output, Tensor):
        raise InputError(f"the network returns {type(output).__name__}, expected a tensor of shape {expected}")
    if output.ndim == 4 and output.shape[:2] == (2, num_classes):
        raise UnsupportedError(f"the network gives a class for each pixel: {list(output.shape)}, expected {expected}")
    if list(output.shape) != expected:
        reading, hint = reading_of(module), ""
        if num_classes == 2 and output.numel() == 2:
            hint = "; one logit z for two classes is written torch.stack([-z, z], 1) / 2, of z [example]"
        elif reading is not None and reading.seen != "a tensor":
            hint = f"; that is {reading.seen}, and model.output chooses another"
        raise InputError(
            f"the network turns {shape.word} {sizes} into {list(output.shape)}, expected {expected}: "
            f"one number for each of the {num_classes} classes{hint}"
        )
    if gone := [name for name in parameters if not isinstance(tensors[name], Tensor)]:
        raise InputError(
            f"evaluation removes the parameter '{gone[0]}' from the network; keep it, even where it is not used"
        )
    changed = differing(parameters, {name: tensors[name] for name in parameters})
    if changed and _plain_numbers(module) != before:
        raise InputError(
            f"the network's first forward pass sets '{changed[0]}'; give it that value in model.factory, "
            "or in its first pass in training, remembered in a buffer"
        )


def _plain_numbers(module: nn.Module) -> dict[str, Any]:
    """Plain numbers that layers hold as attributes."""
    return {name: value for name, value in attributes(module).items() if not isinstance(value, Tensor)}


def check_numbers(parameters: Mapping[str, Tensor]) -> None:
    """Check that parameters have dtypes that can be trained.

    Raises:
        InputError: naming the first, and what to do.
    """
    for name, parameter in parameters.items():
        if parameter.device.type == "meta":
            raise InputError(f"parameter '{name}' is on the device meta, and has no numbers; make it on the CPU")
        if parameter.is_inference():
            raise InputError(f"parameter '{name}' was made within torch.inference_mode, and cannot be trained")
        if parameter.requires_grad and getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise InputError(
                f"parameter '{name}' has a hook by register_post_accumulate_grad_hook, which is not called here; "
                "use register_hook"
            )
        if parameter.is_complex():
            advice = "hold its real and its imaginary part (torch.view_as_real)"
        elif not parameter.is_floating_point():
            advice = "make it a buffer"
        elif parameter.requires_grad and parameter.dtype not in TRAINED:
            advice = (
                "leave out .half() or .bfloat16(); train.arithmetic=bf16 multiplies in half precision, "
                "and keeps the weights in float32"
            )
        else:
            continue
        raise InputError(f"parameter '{name}' is {parameter.dtype}, expected floats of 32 or 64 bits; {advice}")


def _evaluate(module: nn.Module, tensors: dict[str, Tensor], inputs: Inputs) -> Any:
    """The network's output in evaluation mode, with these parameters and buffers, which it may change or replace."""
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        with rng.seeded(0), torch.no_grad():
            return call_with(module, tensors, inputs)
    finally:
        for layer, training in modes.items():
            layer.training = training
