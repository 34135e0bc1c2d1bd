"""From the graph of one network to that of all members, stacked: `rules` transforms each operation."""

from __future__ import annotations

import contextlib
import logging
import operator
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import GraphAppendingTracer

from modescape.interop.ensemble.rules import FOLD, LEAD, NotStackableError, Value, aten, lead, rule_of

OWN = "network"  # name of the network inside what is traced
ASSERTIONS = {aten._assert_tensor_metadata.default, aten._assert_scalar.default, aten._assert_async.msg}


class _Called(nn.Module):
    """A network that takes its leaves by position."""

    def __init__(self, network: nn.Module, names: tuple[str, ...] | None) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *leaves: Tensor) -> Tensor:
        """Whatever the network says."""
        if self.names is None:
            return self.network(*leaves)
        return self.network(**dict(zip(self.names, leaves, strict=True)))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence torch's exporter, which reports missing packages and its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def traced(network: nn.Module, leaves: tuple[Tensor, ...], names: tuple[str, ...] | None = None) -> fx.GraphModule:
    """The graph of a network in evaluation, for any number of examples.

    Args:
        network: of torch's operations alone.
        leaves: of a batch, [example, ...].
        names: under which the network takes them; None: by position.
    """
    every = ({0: torch.export.Dim.DYNAMIC},) * len(leaves)
    with torch.no_grad(), quiet():
        program = torch.export.export(
            _Called(network, names).eval(), leaves, dynamic_shapes={"leaves": every}, strict=False
        )
        return program.run_decompositions({}).module(check_guards=False)  # type: ignore[return-value]


def holding(tensors: Mapping[str, Tensor]) -> nn.Module:
    """A module that has tensors under their dotted names, as buffers."""
    root = nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        at = root
        for step in path:
            if step not in at._modules:
                at.add_module(step, nn.Module())
            at = at._modules[step]
            assert at is not None
        at.register_buffer(last, tensor)
    return root


def stacked(graph: fx.GraphModule, tensors: Mapping[str, Tensor], members: int) -> fx.GraphModule:
    """The graph of all members: leaves [example, ...] -> [member, example, ...].

    Args:
        graph: of one network, as `traced` gives it.
        tensors: of all members, [member, ...], under the names of the network.
        members: how many.

    Raises:
        NotStackableError: if the network has an operation without a rule.
    """
    new = fx.Graph()
    known: dict[fx.Node, Value] = {}
    tracer = GraphAppendingTracer(new)
    held: dict[str, Tensor] = {}
    for node in graph.graph.nodes:
        if node.op == "output":
            (result,) = node.args[0]
            value = known[result]
            if value.layout is None:
                raise NotStackableError("an output that does not depend on the weights")
            new.output(lead(value, members).node)
        elif node.op == "get_attr":
            name = node.target.removeprefix(f"{OWN}.")
            own = name in tensors
            held[name] = tensors[name] if own else _constant(graph, node.target)
            proxy = fx.Proxy(new.get_attr(name), tracer)
            known[node] = Value(proxy, LEAD if own else None, held[name].dim() - own)
        elif node.op == "placeholder":
            known[node] = Value(fx.Proxy(new.placeholder(node.name), tracer), None, node.meta["val"].dim())
        elif node.target not in ASSERTIONS:
            known[node] = _carried(node, known, members)
    return fx.GraphModule(holding(held), new)


def _constant(graph: fx.GraphModule, name: str) -> Tensor:
    found: Any = graph
    for step in name.split("."):
        found = getattr(found, step)
    if not isinstance(found, Tensor):
        raise NotStackableError(name)
    return found.detach()


def _carried(node: fx.Node, known: Mapping[fx.Node, Value], members: int) -> Value:
    """One operation in the new graph."""
    rank = _rank(node)
    args: Any = fx.map_arg(node.args, lambda one: known[one])  # type: ignore[arg-type,return-value]
    kwargs: Any = fx.map_arg(node.kwargs, lambda one: known[one])  # type: ignore[arg-type,return-value]
    layouts = {value.layout for value in _values((args, kwargs))}
    if layouts <= {None}:
        plain = _proxies((args, kwargs))
        return Value(node.target(*plain[0], **plain[1]), None, rank)  # type: ignore[operator]
    if node.target is operator.getitem:
        source: Any = args[0]
        single = source.rank >= 0  # one tensor stands for a tuple of outputs
        return Value(source.proxy if single else source.proxy[args[1]], source.layout, rank)
    if node.target is aten.sym_size.int:
        value, dim = args
        return Value(_size(node, value, dim), None, 0)
    inner, named = _numbers(args), _numbers(kwargs)
    proxy, layout = rule_of(node.target)(members, node.target, inner, named)
    several = isinstance(node.meta.get("val"), list | tuple) and node.target not in SINGLE
    return Value(proxy, layout, -1 if several else _rank(node, first=True))


SINGLE = {aten._native_batch_norm_legit_no_training.default}
"""Operations of which the first output alone is made."""


def _size(node: fx.Node, value: Value, dim: int) -> Any:
    if isinstance(node.meta["val"], int):
        return node.meta["val"]
    return aten.sym_size.int(value.proxy, dim if value.layout == FOLD else dim + (dim >= 0))


def _rank(node: fx.Node, first: bool = False) -> int:
    found = node.meta.get("val")
    if isinstance(found, list | tuple):
        if not first:
            return -1
        found = found[0]
    return found.dim() if isinstance(found, Tensor) else 0


def _values(tree: Any) -> list[Value]:
    if isinstance(tree, Value):
        return [tree]
    parts = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    return [value for part in parts for value in _values(part)]


def _proxies(tree: Any) -> Any:
    return _changed(tree, lambda value: value.proxy)


def _numbers(tree: Any) -> Any:
    """Sizes, which no member changes, as themselves."""
    return _changed(tree, lambda value: value.proxy if value.layout is None and value.rank == 0 else value)


def _changed(tree: Any, change: Any) -> Any:
    if isinstance(tree, Value):
        return change(tree)
    if isinstance(tree, Mapping):
        return {name: _changed(inner, change) for name, inner in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [_changed(inner, change) for inner in tree]
        return parts if isinstance(tree, list) else tuple(parts)
    return tree
