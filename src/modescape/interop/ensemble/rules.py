"""Rules to run each operation of a network on all members at once, in torch's operations only.

`torch.vmap` does the same but fixes the number of examples when traced, so that exported networks would take batches of
one size only. A value of the graph has one of three layouts:

* None: the same for all members, as it was for one;
* LEAD: [member, ...];
* FOLD: [example, member x channel, ...], which convolutions and what follows them take without moving a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

LEAD, FOLD = "lead", "fold"
aten = torch.ops.aten


class NotStackableError(Exception):
    """An operation has no rule; the members run one after another then."""


@dataclass(frozen=True)
class Value:
    """A value of the new graph."""

    proxy: Any
    layout: str | None  # None, LEAD or FOLD
    rank: int  # dimensions that it has for one member


Rule: TypeAlias = Callable[..., Any]  # (members, op, args, kwargs) -> (proxy, layout)


def lead(value: Value, members: int) -> Any:
    """Give a tensor the axis [member, ...]; tensors shared by all members stay without it."""
    return value.proxy.unflatten(1, (members, -1)).movedim(1, 0) if value.layout == FOLD else value.proxy


def fold(value: Value, members: int) -> Any:
    """As [example, member x channel, ...]."""
    if value.layout == FOLD:
        return value.proxy
    proxy = value.proxy if value.layout == LEAD else value.proxy.unsqueeze(0).expand(members, *[-1] * value.rank)
    return proxy.movedim(0, 1).flatten(1, 2)


def aligned(value: Any, members: int, rank: int) -> Any:
    """For broadcasting against others of a rank: axes of size 1 behind that of the members."""
    if not isinstance(value, Value):
        return value
    proxy = lead(value, members)
    if value.layout is None:
        return proxy
    for _ in range(rank - value.rank):
        proxy = proxy.unsqueeze(1)
    return proxy


def pointwise(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Number by number: folded where all are, else with the members first."""
    values = [value for value in args if isinstance(value, Value)]
    if all(value.layout == FOLD and value.rank == values[0].rank for value in values):
        return op(*[value.proxy if isinstance(value, Value) else value for value in args], **kwargs), FOLD
    rank = max(value.rank for value in values)
    return op(*[aligned(value, members, rank) for value in args], **kwargs), LEAD


def along(*places: int) -> Rule:
    """An operation along dimensions of its first argument; ``places`` are the arguments that count them."""

    def rule(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
        def shifted(dim: Any) -> Any:
            return [shifted(one) for one in dim] if isinstance(dim, list | tuple) else dim + (dim >= 0)

        value, *others = args
        if kwargs.get("dim") is not None or any(place <= len(others) and not _is_dim(args[place]) for place in places):
            raise NotStackableError(str(op))
        found = [shifted(arg) if number in places else arg for number, arg in enumerate(others, 1)]
        if len(others) < max(places):  # the default counts from the front
            raise NotStackableError(str(op))
        dims = found[places[0] - 1]
        spatial = value.layout == FOLD and all(dim % value.rank >= 2 for dim in _listed(dims))
        if spatial and op in REDUCTIONS:
            return op(value.proxy, *others, **kwargs), FOLD
        return op(lead(value, members), *found, **kwargs), LEAD

    return rule


def _is_dim(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, list | tuple) and len(value) > 0)


def _listed(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]


def unbind(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Along its dimension, the first one by default."""
    dim = args[1] if len(args) > 1 else 0
    return op(lead(args[0], members), dim + (dim >= 0)), LEAD


def permute(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """The members stay in front."""
    rank = args[0].rank
    return op(lead(args[0], members), [0, *(dim % rank + 1 for dim in args[1])]), LEAD


def reshape(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """To a shape, with the members in front of it."""
    return aten.reshape.default(lead(args[0], members), [members, *args[1]]), LEAD


def expand(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """To a shape, which may have more dimensions."""
    return op(aligned(args[0], members, len(args[1])), [members, *args[1]], **kwargs), LEAD


def joined(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """`cat` and `stack`: all parts with the members in front."""
    dim = args[1] if len(args) > 1 else 0
    parts = [
        lead(part, members) if part.layout else part.proxy.unsqueeze(0).expand(members, *[-1] * part.rank)
        for part in args[0]
    ]
    return op(parts, dim + (dim >= 0)), LEAD


def _completed(args: Sequence[Any], defaults: Sequence[Any]) -> tuple[Any, ...]:
    """Arguments, and the defaults of those that are left out at the end."""
    return (*args, *defaults[len(args) :])


def linear(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """One batched product: [member, row, feature] by [member, feature, output]."""
    value, weight, bias = _completed(args, (None, None, None))
    if weight.layout != LEAD or value.rank < 2:
        raise NotStackableError(str(op))
    rows = lead(value, members)
    start = 1 if value.layout else 0
    flat = rows.flatten(start, -2) if value.rank > 2 else rows
    weights = weight.proxy.transpose(-1, -2)
    if value.layout is None:
        flat = flat.unsqueeze(0).expand(members, -1, -1)
    product = torch.bmm(flat, weights) if bias is None else torch.baddbmm(bias.proxy.unsqueeze(1), flat, weights)
    if value.rank == 2:
        return product, LEAD
    sizes = [aten.sym_size.int(rows, start + place) for place in range(value.rank - 1)]
    return aten.reshape.default(product, [members, *sizes, aten.sym_size.int(product, 2)]), LEAD


def convolution(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Examples that all members see through the filters of all; then in one group a member."""
    value, weight, *given = args
    ones, zeros = [1] * (weight.rank - 2), [0] * (weight.rank - 2)
    bias, stride, padding, dilation, groups = _completed(given, (None, ones, zeros, ones, 1))
    if weight.layout != LEAD or (bias is not None and bias.layout != LEAD):
        raise NotStackableError(str(op))
    filters, offsets = weight.proxy.flatten(0, 1), None if bias is None else bias.proxy.flatten()
    if value.layout is None and groups == 1:
        return op(value.proxy, filters, offsets, stride, padding, dilation, 1), FOLD
    return op(fold(value, members), filters, offsets, stride, padding, dilation, groups * members), FOLD


def folded(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Channel by channel: pooling, and padding at the borders of images."""
    value, *others = args
    if op is aten.pad.default and len(others[0]) // 2 > value.rank - 2:
        return op(lead(value, members), *others, **kwargs), LEAD
    if value.rank < 3:
        raise NotStackableError(str(op))
    return op(fold(value, members), *others, **kwargs), FOLD


def batch_norm(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """With the statistics of training, channel by channel; the first of three outputs, the only one that is used."""
    value, weight, bias, mean, variance, momentum, eps = args
    weight, bias, mean, variance = (
        None if one is None else aligned(one, members, 1).flatten() for one in (weight, bias, mean, variance)
    )
    return torch.batch_norm(fold(value, members), weight, bias, mean, variance, False, momentum, eps, False), FOLD


def layer_norm(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Torch's own without weights, then each member's."""
    value, shape, weight, bias, eps = _completed(args[:5], (None, None, None, None, 1e-5))
    found = aten.layer_norm.default(lead(value, members), shape, None, None, eps)
    for one, apply in ((weight, torch.mul), (bias, torch.add)):
        found = found if one is None else apply(found, aligned(one, members, value.rank))
    return found, LEAD


def embedding(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Look up the same rows in each member's embedding table."""
    weight, index = args[:2]
    if weight.layout != LEAD or index.layout is not None:
        raise NotStackableError(str(op))
    return aten.index.Tensor(weight.proxy, [None, index.proxy]), LEAD


def attention(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Members beside examples."""

    def flat(value: Any) -> Any:
        if not isinstance(value, Value):
            return value
        if value.rank != 4:
            raise NotStackableError(str(op))
        proxy = lead(value, members)
        return (proxy if value.layout else proxy.unsqueeze(0).expand(members, -1, -1, -1, -1)).flatten(0, 1)

    found = op(*map(flat, args), **{name: flat(value) for name, value in kwargs.items()})
    return found.unflatten(0, (members, -1)), LEAD


def product(members: int, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, str]:
    """Matrices, with the members in front."""
    if any(value.rank < 2 for value in args):
        raise NotStackableError(str(op))
    rank = max(value.rank for value in args)
    return torch.matmul(*(aligned(value, members, rank) for value in args)), LEAD


REDUCTIONS = {aten.mean.dim, aten.sum.dim_IntList, aten.amax.default, aten.amin.default}
RULES: dict[Any, Rule] = {
    **dict.fromkeys((aten.clone.default, aten._to_copy.default, aten.dropout.default, aten.alias.default), pointwise),
    **dict.fromkeys((aten.contiguous.default, aten.to.dtype, aten.detach.default), pointwise),
    **dict.fromkeys((aten.view.default, aten.reshape.default, aten._unsafe_view.default), reshape),
    **dict.fromkeys((aten.cat.default, aten.stack.default), joined),
    **dict.fromkeys((aten.conv1d.default, aten.conv2d.default, aten.conv3d.default), convolution),
    **dict.fromkeys((aten.max_pool1d.default, aten.max_pool2d.default, aten.avg_pool1d.default), folded),
    **dict.fromkeys((aten.avg_pool2d.default, aten.adaptive_avg_pool1d.default), folded),
    **dict.fromkeys((aten.adaptive_avg_pool2d.default, aten.pad.default), folded),
    **dict.fromkeys((aten.matmul.default, aten.bmm.default, aten.mm.default), product),
    **dict.fromkeys(
        (aten.softmax.int, aten.log_softmax.int, aten._softmax.default, aten._log_softmax.default), along(1)
    ),
    **dict.fromkeys(REDUCTIONS, along(1)),
    **dict.fromkeys((aten.any.dim, aten.all.dim, aten.select.int, aten.unsqueeze.default, aten.squeeze.dim), along(1)),
    **dict.fromkeys((aten.slice.Tensor, aten.squeeze.dims, aten.cumsum.default, aten.logsumexp.default), along(1)),
    **dict.fromkeys((aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default), along(2)),
    aten.transpose.int: along(1, 2),
    aten.flatten.using_ints: along(1, 2),
    aten.unflatten.int: along(1),
    aten.unbind.int: unbind,
    aten.permute.default: permute,
    aten.expand.default: expand,
    aten.linear.default: linear,
    aten._native_batch_norm_legit_no_training.default: batch_norm,
    aten.layer_norm.default: layer_norm,
    aten.embedding.default: embedding,
    aten.scaled_dot_product_attention.default: attention,
}


def rule_of(op: Any) -> Rule:
    """The rule of an operation.

    Raises:
        NotStackableError: if it has none.
    """
    if op in RULES:
        return RULES[op]
    if torch.Tag.pointwise in getattr(op, "tags", ()):
        return pointwise
    raise NotStackableError(str(op))
