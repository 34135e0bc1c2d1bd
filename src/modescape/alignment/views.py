"""What operations that only rearrange a tensor do to its axes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from modescape.alignment.axes import ONE, Axis
from modescape.alignment.rules import Found, Rule, Tracer, along, broadcast


def same(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """A copy, or the tensor under another name."""
    return [tracer.of(next(value for value in arguments.values() if isinstance(value, Tensor)))]


def view(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """The same values in another shape."""
    return [tracer.axes.reshape(tracer.of(arguments["self"]), output.shape, tracer.where)]


def permute(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Axes in another order."""
    data = tracer.of(arguments["self"])
    return [[data[place] for place in arguments["dims"]]]


def transpose(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Two axes swapped; for a matrix, its two."""
    data = list(tracer.of(arguments["self"]))
    if len(data) > 1:
        one, two = arguments.get("dim0", 0), arguments.get("dim1", 1)
        data[one], data[two] = data[two], data[one]
    return [data]


def unsqueeze(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """A new axis of length 1."""
    data = list(tracer.of(arguments["self"]))
    data.insert(arguments["dim"] % (len(data) + 1), ONE)
    return [data]


def expand(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Copies along new axes; their order does not matter, as they are equal."""
    data = tracer.of(arguments["self"])
    found = [tracer.axes.new(size) for size in output.shape]
    for place, axis in enumerate(data, start=len(found) - len(data)):
        if tracer.axes.length(axis) == output.shape[place]:
            found[place] = axis
    return [found]


def repeat(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Copies concatenated along axes."""
    data = tracer.of(arguments["self"])
    padded = [ONE] * (output.dim() - len(data)) + list(data)
    return [
        [
            tracer.axes.join([tracer.axes.new(times), axis], tracer.where) if times > 1 else axis
            for times, axis in zip(arguments["repeats"], padded, strict=True)
        ]
    ]


def select(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """One index of an axis, or all of them one by one."""
    data = list(tracer.of(arguments["self"]))
    axis = data.pop(arguments["dim"] % len(data))
    if isinstance(output, Tensor):
        index = arguments["index"] % tracer.axes.length(axis)
        return [tracer.axes.select(axis, index, data, tracer.seen())]
    return [tracer.axes.select(axis, index, data, tracer.seen()) for index in range(len(output))]


def cut(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Consecutive pieces of an axis."""
    data, place = list(tracer.of(arguments["self"])), arguments["dim"] % arguments["self"].dim()
    parts = [tracer.axes.product(piece.shape[place]) for piece in output]
    tracer.axes.unify(data[place], tuple(parts), tracer.where)
    return [[*data[:place], (part,), *data[place + 1 :]] for part in parts]


def piece(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """A slice of an axis, with or without a step."""
    data, place = list(tracer.of(arguments["self"])), arguments["dim"] % arguments["self"].dim()
    length, made = arguments["self"].shape[place], output.shape[place]
    if made == length:
        return [data]
    if arguments["step"] != 1:
        tracer.axes.hold(data[place], f"{tracer.where} takes every {arguments['step']}th")
        return [[*data[:place], tracer.axes.new(made, tracer.where), *data[place + 1 :]]]
    start = min(max(arguments["start"] or 0, -length) % length, length) if arguments["start"] else 0
    parts = [tracer.axes.product(size) for size in (start, made, length - start - made) if size]
    tracer.axes.unify(data[place], tuple(parts), tracer.where)
    return [[*data[:place], (parts[1 if start else 0],), *data[place + 1 :]]]


def cat(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Tensors concatenated along an axis."""
    given = [tracer.of(tensor) for tensor in arguments["tensors"] if tensor.numel() or tensor.dim() > 1]
    place = arguments["dim"] % output.dim()
    rest = [[ONE if number == place else axis for number, axis in enumerate(axes)] for axes in given]
    found = broadcast(tracer, rest, output.dim())
    found[place] = tuple(product for axes in given for product in axes[place])
    return [found]


def stack(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Tensors stacked along a new axis."""
    found = broadcast(tracer, [tracer.of(tensor) for tensor in arguments["tensors"]], output.dim() - 1)
    place = arguments["dim"] % output.dim()
    found.insert(place, tracer.axes.new(output.shape[place], f"{tracer.where} makes it"))
    return [found]


def pad(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """A constant padded before and after an axis: units of their own, all equal."""
    data, sizes = list(tracer.of(arguments["self"])), arguments["pad"]
    for number in range(len(sizes) // 2):
        place, before, behind = len(data) - 1 - number, sizes[2 * number], sizes[2 * number + 1]
        if before < 0 or behind < 0:
            tracer.axes.hold(data[place], f"{tracer.where} cuts it")
            data[place] = tracer.axes.new(output.shape[place], tracer.where)
            continue
        ends: list[Axis] = [tracer.axes.new(size) if size else () for size in (before, behind)]
        data[place] = (*ends[0], *data[place], *ends[1])
    return [data]


def look_up(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Values gathered at given indices along one axis."""
    data = list(tracer.of(arguments["self"]))
    given = arguments.get("indices", arguments.get("index"))
    listed = list(given) if isinstance(given, list | tuple) else [None] * arguments.get("dim", 0) + [given]
    used = [place for place, index in enumerate(listed) if index is not None]
    if len(used) != 1 or not isinstance(listed[used[0]], Tensor) or listed[used[0]].dtype.is_floating_point:
        for axis in data:
            tracer.axes.hold(axis, f"{tracer.where} looks up places along it")
        return [[tracer.axes.new(size, tracer.where) for size in output.shape]]
    place = used[0]
    tracer.axes.hold(data[place], f"{tracer.where} looks up places along it")
    inner = [tracer.axes.new(size, tracer.where) for size in output.shape[place : place + 1 + output.dim() - len(data)]]
    return [[*data[:place], *inner, *data[place + 1 :]]]


def uniform(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Constant or uninitialised tensors, for which the order does not matter."""
    return [[tracer.axes.new(size) for size in output.shape]]


VIEWS: dict[str, Rule] = {
    **dict.fromkeys(("clone", "detach", "alias", "_to_copy", "contiguous", "lift_fresh", "native_dropout"), same),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze"), view),
    **dict.fromkeys(("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes"), cut),
    **dict.fromkeys(("zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty"), uniform),
    **dict.fromkeys(("zeros_like", "ones_like", "full_like", "empty_like", "scalar_tensor"), uniform),
    **dict.fromkeys(("select", "unbind"), select),
    **dict.fromkeys(("index", "index_select"), look_up),
    **dict.fromkeys(("transpose", "t"), transpose),
    **dict.fromkeys(("fill_", "zero_"), same),
    **dict.fromkeys(("tril", "triu"), along),
    "permute": permute,
    "unsqueeze": unsqueeze,
    "expand": expand,
    "repeat": repeat,
    "slice": piece,
    "cat": cat,
    "stack": stack,
    "constant_pad_nd": pad,
}
LOOSE = {"select", "unbind", "permute", "transpose", "clone", "detach", "alias", "unsqueeze", "squeeze", "t"}
"""Operations that may read a tensor whose parts are later told apart by an index."""
