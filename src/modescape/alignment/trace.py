"""Tracing a network on a batch: which axes of its weights are units that can be permuted together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from modescape.alignment.axes import Axes, Axis
from modescape.alignment.rules import RULES, Rule, pointwise
from modescape.alignment.views import LOOSE, VIEWS
from modescape.batches import leaves
from modescape.models import call_with
from modescape.types import Inputs, Params

BASES = {
    "convolution",
    "mm",
    "addmm",
    "native_batch_norm",
    "cudnn_batch_norm",
    "native_layer_norm",
    "native_group_norm",
}
"""Operations whose outputs are the units' activations: before the nonlinearity, where no unit is dead."""


class _Mode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes seconds, just to exclude these classes from it


class Watch(_Mode):
    """Follows axes through every torch operation that runs inside the block."""

    def __init__(self, params: Params, buffers: Params) -> None:
        super().__init__()
        self.axes, self.where = Axes(), ""
        self.stack: list[str] = [""]  # layers that are running
        self.known: dict[tuple[Any, ...], list[Axis]] = {}
        self.alive: list[Tensor] = []  # keeps tensors alive, so that no storage is reused
        self.computed: list[list[Axis]] = []  # axes of all tensors that are not just views
        self.bases: list[tuple[int, list[Axis]]] = []  # number of the operation, axes of its output
        self.spoilt: dict[tuple[Any, ...], Sequence[Axis]] = {}
        self.unknown: dict[str, str] = {}  # layer -> operation without a rule
        self.constant = {_key(tensor) for tensor in buffers.values()}
        self.count = 0
        for tensor in (*params.values(), *buffers.values()):
            if _key(tensor) not in self.known:
                self.set(tensor, [self.axes.new(size) for size in tensor.shape])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and its rule."""
        output = func(*args, **(kwargs or {}))
        outputs = list(output) if isinstance(output, tuple | list) else [output]
        if not any(isinstance(one, Tensor) for one in outputs):
            return output
        name = func._schema.name.rpartition("::")[2]
        self.where = f"{self.stack[-1] or 'the network'} ({name})"
        arguments = _named(func, args, kwargs or {})
        rule = _rule(func, name)
        given = [tensor for tensor in _tensors(arguments.values()) if _key(tensor) in self.known]
        if name not in LOOSE and self.axes.copies:
            self.axes.close([axis for tensor in given for axis in self.known[_key(tensor)]])
        found = self._held(name, given, outputs) if rule is None else rule(self, arguments, output)
        for tensor, axes in zip(outputs, found, strict=False):
            if isinstance(tensor, Tensor):
                self.set(tensor, axes)  # type: ignore[arg-type] - one list an output
                if name not in VIEWS:
                    self.computed.append(axes)  # type: ignore[arg-type]
        if name in BASES:
            self.bases.append((self.count, found[0]))  # type: ignore[arg-type]
        self.count += 1
        return output

    def set(self, tensor: Tensor, axes: list[Axis]) -> None:
        """Set the axes of a tensor from here on."""
        self.known[_key(tensor)] = axes
        self.alive.append(tensor)

    def of(self, tensor: Tensor) -> list[Axis]:
        """Axes of a tensor; those of constants and of tensors from elsewhere are held."""
        found = self.known.get(_key(tensor))
        if found is None:
            found = [self.axes.new(size, "is an axis of the inputs or of a constant") for size in tensor.shape]
            self.set(tensor, found)
        if _key(tensor) in self.constant:
            for axis in found:
                self.axes.hold(axis, "is an axis of a constant")
        for axis in self.spoilt.get(_key(tensor), ()):
            self.axes.hold(axis, f"{self.where} reads places along it")
        return found

    def statistic(self, tensor: Tensor) -> list[Axis]:
        """Axes of running statistics, which go with their channels."""
        self.constant.discard(_key(tensor))
        return self.of(tensor)

    def spoil(self, tensor: Tensor, axes: Sequence[Axis]) -> None:
        """Mark that anything computed from the tensor depends on the order along these axes."""
        self.spoilt[_key(tensor)] = axes

    def note(self, axes: Sequence[Axis]) -> None:
        """Record that the operation creates an internal tensor with these axes."""
        self.computed.append(list(axes))

    def seen(self) -> list[list[Axis]]:
        """Axes of all tensors so far."""
        return [*self.known.values(), *self.computed]

    def _held(self, name: str, given: Sequence[Tensor], outputs: Sequence[Any]) -> list[list[Axis]]:
        """An operation without a rule: none of its inputs and outputs can be permuted."""
        why = f"{self.where} has no rule"
        for tensor in given:
            for axis in self.of(tensor):
                if self.axes.atoms([axis]) - set(self.axes.fixed):
                    self.unknown.setdefault(self.stack[-1] or "the network", name)
                self.axes.hold(axis, why)
        return [[self.axes.new(size, why) for size in one.shape] if isinstance(one, Tensor) else [] for one in outputs]


class Listen(_Mode):
    """Keeps the outputs of operations, by operation number."""

    def __init__(self, numbers: set[int]) -> None:
        super().__init__()
        self.numbers, self.count = numbers, 0
        self.heard: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and keep its output if it was asked for."""
        output = func(*args, **(kwargs or {}))
        outputs = list(output) if isinstance(output, tuple | list) else [output]
        if any(isinstance(one, Tensor) for one in outputs):
            if self.count in self.numbers:
                self.heard[self.count] = outputs[0].detach().clone()
            self.count += 1
        return output


@contextlib.contextmanager
def named_layers(model: nn.Module, stack: list[str]) -> Iterator[None]:
    """Context in which ``stack`` holds the names of the layers that are running."""
    hooks = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda module, inputs, name=name: stack.append(name)))
        hooks.append(module.register_forward_hook(lambda module, inputs, output: _pop(stack)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _pop(stack: list[str]) -> None:
    stack.pop()  # not returned: a hook's return value would replace the output


def run(model: nn.Module, params: Params, buffers: Params, inputs: Inputs, mode: TorchDispatchMode) -> Any:
    """The network's output on a batch in evaluation mode, with every operation visible to a dispatch mode."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    state = {name: tensor.detach().requires_grad_(tensor.is_floating_point()) for name, tensor in params.items()}
    # with gradients enabled, torch's layers do not use their fused fast paths
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), mode:
        return call_with(model, {**state, **buffers}, inputs)


def watch(model: nn.Module, params: Params, buffers: Params, inputs: Inputs) -> tuple[Watch, Any]:
    """Follow the axes of a network's weights through one batch.

    Returns:
        the trace, with the axes of inputs and outputs held, and the outputs.
    """
    params = {name: tensor.detach() for name, tensor in params.items()}
    mode = Watch(params, buffers)
    for leaf in leaves(inputs):
        mode.of(leaf)
    with named_layers(model, mode.stack):
        output = run(model, params, buffers, inputs, mode)
    mode.where = "the output"
    for tensor in _tensors([output]):
        for axis in mode.of(tensor):
            mode.axes.hold(axis, "is an axis of the output")
    return mode, output


def _key(tensor: Tensor) -> tuple[Any, ...]:
    """Key of a tensor by its place in memory, as views and aliases are different Python objects."""
    return (
        tensor.untyped_storage().data_ptr(),
        tensor.storage_offset(),
        tuple(tensor.shape),
        tensor.stride(),
        tensor.dtype,
    )


def _named(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name, defaults included."""
    found = {}
    for place, argument in enumerate(func._schema.arguments):
        if place < len(args):
            found[argument.name] = args[place]
        else:
            found[argument.name] = kwargs.get(argument.name, argument.default_value)
    return found


def _rule(func: Any, name: str) -> Rule | None:
    for known in (name, name.removesuffix("_")):
        if known in VIEWS or known in RULES:
            return VIEWS.get(known) or RULES[known]
    tags = set(func.tags)
    if name.endswith("_"):  # in-place variants carry no tags of their own
        other = getattr(torch.ops.aten, name[:-1], None)
        tags |= set(getattr(getattr(other, func._overloadname, None), "tags", ()))
    return pointwise if torch.Tag.pointwise in tags or name.rstrip("_") in POINTWISE else None


POINTWISE = {"hardswish", "_prelu_kernel", "log_sigmoid_forward", "rrelu_with_noise", "polar", "floor_divide"}
"""Elementwise operations that torch does not tag as pointwise."""


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping):
            yield from _tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
