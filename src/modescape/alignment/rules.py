"""What each of torch's operations does to axes: which axes are equal, and which can no longer be permuted.

A rule is a function (tracer, arguments, output) -> axes of the output, or of each output. An operation without a rule
holds all axes of its inputs. Operations that torch tags as pointwise need no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from torch import Tensor

from modescape.alignment.axes import ONE, Axes, Axis

Found: TypeAlias = "list[Axis] | list[list[Axis]]"


class Tracer(Protocol):
    """What a rule may ask of the forward pass that is being traced."""

    axes: Axes
    where: str  # layer and operation

    def of(self, tensor: Tensor) -> list[Axis]:
        """Axes of a tensor."""
        ...

    def statistic(self, tensor: Tensor) -> list[Axis]:
        """Axes of running statistics, which follow their channels."""
        ...

    def spoil(self, tensor: Tensor, axes: Sequence[Axis]) -> None:
        """Mark that anything computed from the tensor depends on the order along these axes."""
        ...

    def note(self, axes: Sequence[Axis]) -> None:
        """Record that the operation creates an internal tensor with these axes."""
        ...

    def seen(self) -> list[list[Axis]]:
        """Axes of all tensors so far."""
        ...


Rule: TypeAlias = "Callable[[Tracer, dict[str, Any], Any], Found]"
"""(tracer, arguments by name, output) -> axes of the output, or a list for each output."""


def pointwise(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Elementwise operations, with broadcasting."""
    given = [value for value in arguments.values() if isinstance(value, Tensor)]
    given += [one for value in arguments.values() if isinstance(value, list | tuple) for one in value if _tensor(one)]
    return [broadcast(tracer, [tracer.of(tensor) for tensor in given], output.dim())]


def broadcast(tracer: Tracer, tensors: Sequence[Sequence[Axis]], rank: int) -> list[Axis]:
    """Axes of a tensor of ``rank`` dimensions that is computed elementwise from others."""
    found: list[Axis] = [ONE] * rank
    for axes in tensors:
        for place, axis in enumerate(axes, start=rank - len(axes)):
            if tracer.axes.length(axis) == 1:
                continue
            if tracer.axes.length(found[place]) != 1:
                tracer.axes.unify(axis, found[place], tracer.where)
            found[place] = axis
    return found


def copy(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """One tensor written into another."""
    return [broadcast(tracer, [tracer.of(arguments["self"]), tracer.of(arguments["src"])], output.dim())]


def product(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Matrix products, single or batched, with an optional addend."""
    names = next(names for names in FACTORS if all(name in arguments for name in names))
    one, two = (tracer.of(arguments[name]) for name in names)
    tracer.axes.unify(one[-1], two[0 if len(two) == 1 else -2], tracer.where)
    for left, right in zip(one[:-2], two[:-2], strict=False):
        tracer.axes.unify(left, right, tracer.where)
    found = [*one[:-1], *([] if len(two) == 1 else two[-1:])]
    if "self" not in names:  # the addend
        found = broadcast(tracer, [found, tracer.of(arguments["self"])], len(found))
    return [found]


FACTORS = (
    ("mat1", "mat2"),
    ("batch1", "batch2"),
    ("mat", "vec"),
    ("self", "mat2"),
    ("self", "vec"),
    ("self", "tensor"),
)


def convolution(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Convolutions of any dimension, also grouped and transposed."""
    axes, groups = tracer.axes, arguments["groups"]
    data, weight = tracer.of(arguments["input"]), tracer.of(arguments["weight"])
    given, made = (0, 1) if arguments["transposed"] else (1, 0)
    if groups == 1:
        axes.unify(data[1], weight[given], tracer.where)
        channels = weight[made]
    else:
        sizes = list(arguments["weight"].shape)
        group = axes.product(groups)
        sizes[0] //= groups
        parts = [axes.product(size) for size in sizes[:2]]
        axes.unify(weight[0], (group + parts[0],), tracer.where)
        axes.unify(weight[1], (parts[1],), tracer.where)
        axes.unify(data[1], (group + parts[given],), tracer.where)
        channels = (group + parts[made],)
    if arguments["bias"] is not None:
        axes.unify(tracer.of(arguments["bias"])[0], channels, tracer.where)
    for axis in (*data[2:], *weight[2:]):
        axes.hold(axis, PLACES)
    return [[data[0], channels, *(axes.new(size, PLACES) for size in output.shape[2:])]]


PLACES = "is a place in space or time"


def batch_norm(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Normalisation by statistics of each channel."""
    data = tracer.of(arguments["input"])
    for name in ("weight", "bias"):
        if arguments[name] is not None:
            tracer.axes.unify(tracer.of(arguments[name])[0], data[1], tracer.where)
    for name in ("running_mean", "running_var"):
        if arguments.get(name) is not None:
            tracer.axes.unify(tracer.statistic(arguments[name])[0], data[1], tracer.where)
    return [data if index == 0 else _channels(tracer, data, out) for index, out in enumerate(output)]


def _channels(tracer: Tracer, data: list[Axis], output: Tensor) -> list[Axis]:
    if output.dim() == 1 and len(output) == tracer.axes.length(data[1]):
        return [data[1]]
    return [tracer.axes.new(size, tracer.where) for size in output.shape]


def layer_norm(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Normalisation over the last axes (also RMS norm)."""
    data = tracer.of(arguments["input"])
    own = data[len(data) - len(arguments["normalized_shape"]) :]
    for name in ("weight", "bias"):
        if arguments.get(name) is not None:
            for axis, other in zip(tracer.of(arguments[name]), own, strict=True):
                tracer.axes.unify(axis, other, tracer.where)
    inside = [*data[: len(data) - len(own)], *([ONE] * len(own))]
    tracer.note(inside)
    return [data, *([inside] * (len(output) - 1))]


def group_norm(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Normalisation by statistics of each group of channels."""
    data, groups = tracer.of(arguments["input"]), arguments["group"]
    group = tracer.axes.product(groups)
    within = tracer.axes.product(arguments["C"] // groups)
    tracer.axes.unify(data[1], (group + within,), tracer.where)
    for name in ("weight", "bias"):
        if arguments[name] is not None:
            tracer.axes.unify(tracer.of(arguments[name])[0], data[1], tracer.where)
    inside = [data[0], (group,)]
    tracer.note(inside)
    return [data, inside, inside]


def reduce(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Sums, means and extremes over axes, which do not depend on the order along them."""
    data = tracer.of(arguments["self"])
    dims = _dims(arguments.get("dim"), len(data))
    kept = arguments.get("keepdim", False)
    found = [ONE if place in dims else axis for place, axis in enumerate(data) if kept or place not in dims]
    outputs = [output] if _tensor(output) else output
    return [
        found if one.is_floating_point() or one.dtype == bool else _places(tracer, data, dims, one) for one in outputs
    ]


def _places(tracer: Tracer, data: list[Axis], dims: set[int], output: Tensor) -> list[Axis]:
    """Indices along an axis (argmax): anything computed from them depends on the order along it."""
    tracer.spoil(output, [data[place] for place in dims])
    return [tracer.axes.new(size, tracer.where) for size in output.shape]


def softmax(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Softmax and its kin: normalised over one axis."""
    data = tracer.of(arguments["self"])
    dims = _dims(arguments["dim"], len(data))
    tracer.note([axis for place, axis in enumerate(data) if place not in dims])
    return [data]


def pool(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Operations over positions (pooling, resizing) that treat all channels alike."""
    data = tracer.of(arguments["self"] if "self" in arguments else arguments["input"])
    first = output if _tensor(output) else output[0]
    places = tracer.where.rpartition("d")[0][-1:]
    count = int(places) if places.isdigit() else first.dim() - 2
    for axis in data[len(data) - count :]:
        tracer.axes.hold(axis, PLACES)
    found = [*data[: len(data) - count], *(tracer.axes.new(size, PLACES) for size in first.shape[len(data) - count :])]
    return [found for _ in range(1 if _tensor(output) else len(output))]


def embedding(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Rows looked up by index."""
    weight = tracer.of(arguments["weight"])
    tracer.axes.hold(weight[0], "is looked up by number")
    return [[*tracer.of(arguments["indices"]), weight[1]]]


def along(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Operations that depend on the order along some axes and pass all others through."""
    data = tracer.of(arguments["self"])
    for place in _dims(arguments.get("dim", arguments.get("dims")), len(data)):
        tracer.axes.hold(data[place], f"{tracer.where} depends on the order along it")
    return [data for _ in range(1 if _tensor(output) else len(output))]


def weight_norm(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """Weight normalisation: directions and lengths of filters."""
    data = tracer.of(arguments["v"])
    axes = broadcast(tracer, [data, tracer.of(arguments["g"])], len(data))
    tracer.note(tracer.of(arguments["g"]))
    return [axes, tracer.of(arguments["g"])]


def glu(tracer: Tracer, arguments: dict[str, Any], output: Any) -> Found:
    """One half of an axis gates the other."""
    data = list(tracer.of(arguments["self"]))
    place = arguments["dim"] % len(data)
    half = tracer.axes.product(output.shape[place])
    tracer.axes.unify(data[place], (tracer.axes.product(2, f"{tracer.where} tells halves apart") + half,), tracer.where)
    return [[*data[:place], (half,), *data[place + 1 :]]]


def _dims(dim: Any, rank: int) -> set[int]:
    if dim is None or dim == []:
        return set(range(rank))
    return {one % max(rank, 1) for one in ([dim] if isinstance(dim, int) else dim)}


def _tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


RULES: dict[str, Rule] = {
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot"), product),
    **dict.fromkeys(("native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"), batch_norm),
    **dict.fromkeys(("_native_batch_norm_legit", "_native_batch_norm_legit_no_training"), batch_norm),
    **dict.fromkeys(("_batch_norm_with_update", "_batch_norm_no_update"), batch_norm),
    **dict.fromkeys(("native_layer_norm", "_fused_rms_norm"), layer_norm),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean"), reduce),
    **dict.fromkeys(("logsumexp", "linalg_vector_norm", "any", "all", "prod", "norm"), reduce),
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax"), softmax),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d"), pool),
    **dict.fromkeys(("avg_pool1d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d"), pool),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d"), pool),
    **dict.fromkeys(("upsample_linear1d", "reflection_pad1d", "reflection_pad2d", "replication_pad2d"), pool),
    **dict.fromkeys(("cumsum", "cumprod", "flip", "roll", "sort"), along),
    "convolution": convolution,
    "native_group_norm": group_norm,
    "embedding": embedding,
    "copy_": copy,
    "glu": glu,
    "_weight_norm_interface": weight_norm,
}
