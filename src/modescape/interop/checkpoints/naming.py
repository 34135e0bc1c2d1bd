"""Finding a network's tensors in a dictionary: nested dictionaries, prefixes, copies with averaged weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from modescape.types import Params

PREFIXES = ("module.", "model.", "_orig_mod.", "network.", "net.")
"""Put before all names by wrappers: of several GPUs, of Lightning, of `torch.compile`, and of habit."""
STATES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module")
"""Keys under which checkpoints keep the network's own weights; the first that is there counts."""
AVERAGES = (
    *("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "params_ema"),
    *("swa", "swa_model", "model_swa", "averaged_model"),
)
"""And those under which they keep running averages of them."""
MOST_DEPTH = 3  # of dictionaries inside each other
EPOCHS = ("epoch", "epochs", "last_epoch")


def is_state(values: Any) -> bool:
    """Whether this is a dictionary of tensors by name."""
    return (
        isinstance(values, Mapping)
        and bool(values)
        and all(isinstance(name, str) for name in values)
        and any(isinstance(value, Tensor) for value in values.values())
    )


def state_in(
    values: Any, depth: int = MOST_DEPTH
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[str]] | None:
    """The network's weights in what a file holds.

    Args:
        values: of the file.
        depth: of dictionaries that are looked into.

    Returns:
        weights, copies with averaged weights by the key that they stand under, and the keys on the way to the weights;
        None where there are no weights.
    """
    if not isinstance(values, Mapping) or not depth:
        return None
    copies: dict[str, dict[str, Any]] = {}
    for key in AVERAGES:
        inner = state_in(values.get(key), depth - 1)
        if inner is not None:
            copies[key] = inner[0]
    for key in STATES:
        inner = state_in(values.get(key), depth - 1)
        if inner is not None:
            return inner[0], {**inner[1], **copies}, [key, *inner[2]]
    if copies and not is_state(values):  # averaged weights alone
        key = next(iter(copies))
        return copies[key], {}, [key]
    if not is_state(values):
        return None
    own = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    for key in AVERAGES:
        inside = {name: value for name, value in own.items() if name.startswith(f"{key}.")}
        if inside and len(inside) < len(own):
            own = {name: value for name, value in own.items() if name not in inside}
            copies[key] = {name.removeprefix(f"{key}."): value for name, value in inside.items()}
    return own, copies, []


def stripped(tensors: Params) -> tuple[Params, str]:
    """The tensors without what wrappers put before all their names, and that prefix."""
    found, taken = {_plain(name): tensor for name, tensor in tensors.items()}, ""
    found = found if len(found) == len(tensors) else dict(tensors)
    counted = [name for name in found if name != "n_averaged"]  # of torch's own averaged model
    while counted:
        prefix = next((one for one in PREFIXES if all(name.startswith(one) for name in counted)), "")
        if not prefix:
            break
        taken += prefix
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
        counted = [name.removeprefix(prefix) for name in counted]
    if taken:
        found.pop("n_averaged", None)
    return found, taken


def under(tensors: Params, expected: list[str]) -> str | None:
    """The prefix under which all expected names stand in a file; None where there is none.

    The shortest one counts; names are compared without what `torch.compile` puts inside them.
    """
    plain = {_plain(name) for name in tensors}
    if not expected:
        return None
    ends = {name.removesuffix(expected[0]) for name in plain if name.endswith(expected[0])}
    fits = [one for one in ends if one == "" or one.endswith(".")]
    whole = [one for one in fits if all(one + name in plain for name in expected)]
    return min(whole, key=lambda one: (_averaged(one), len(one), one), default=None)


def _averaged(prefix: str) -> bool:
    """Whether a prefix is that of averaged weights: a network's own are taken before."""
    return any(part in AVERAGES for part in prefix.split("."))


def _plain(name: str) -> str:
    """A name without the mark of `torch.compile`."""
    return name.replace("_orig_mod.", "")


def without_prefix(tensors: Params, prefix: str) -> Params:
    """The tensors under a prefix, with the prefix removed."""
    named = {_plain(name): tensor for name, tensor in tensors.items()}
    return {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}


def epoch_in(values: Any) -> int | None:
    """The epoch that a checkpoint names itself."""
    if isinstance(values, Mapping):
        for key in EPOCHS:
            value = values.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
    return None
