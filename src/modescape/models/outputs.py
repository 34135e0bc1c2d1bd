"""From a network's return value to logits: which output is used, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from modescape.errors import InputError

OutputKind: TypeAlias = Literal["logits", "probabilities", "log_probabilities"]

MOST_NAMES = 8  # of outputs that a message lists
ROUNDING = 1e-3  # tolerance for probabilities that sum to 1; more in coarser dtypes


class Reading:
    """A forward hook that turns whatever a network returns into logits [example, class].

    It inspects each output, since a network may return different structures in training and evaluation.

    Args:
        output: `modescape.recipe.Model.output`.
        kind: `modescape.recipe.Model.output_kind`.
    """

    def __init__(self, output: str | int | None, kind: OutputKind) -> None:
        self.output, self.kind = output, kind
        self.seen = "a tensor"  # what the last call returned, and which part of it is used

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """The logits, in place of the network's return value."""
        chosen, self.seen = choose(output, self.output)
        if isinstance(chosen, Tensor):
            if chosen.dim() == 1 and (not inputs or len(inputs[0]) == 1):  # none by position: refused later
                chosen = chosen[None]  # a ``squeeze`` in the network took the only example for nothing
            elif chosen.dim() > 2 and chosen.shape[2:].numel() == 1:
                chosen = chosen.flatten(1)  # pooled to one pixel
        return log_of(chosen) if self.kind == "probabilities" and isinstance(chosen, Tensor) else chosen


def reading_of(module: nn.Module) -> Reading | None:
    """The `Reading` that a network was built with."""
    return next((hook for hook in module._forward_hooks.values() if isinstance(hook, Reading)), None)


def log_of(probabilities: Tensor) -> Tensor:
    """Log-probabilities, at least float32; a probability of 0 counts as the smallest normal number."""
    wide = probabilities.to(torch.promote_types(probabilities.dtype, torch.float32))
    return wide.clamp_min(torch.finfo(wide.dtype).tiny).log()


def choose(output: Any, which: str | int | None) -> tuple[Any, str]:
    """The output that is used, and a description of what was returned.

    A tensor is used as it is. Of several outputs ``which`` gives a name or an index; by default it is
    ``logits`` (a key or an attribute), the first of a tuple or a list, or the only one of a dictionary.

    Raises:
        InputError: if that output does not exist, or the choice is ambiguous.
    """
    if isinstance(output, Tensor):
        return output, "a tensor"
    named = _named(output)
    if isinstance(which, str):
        if which not in named and not isinstance(getattr(output, which, None), Tensor):
            raise InputError(f"model.output is '{which}', but the network returns {_words(output, named)}")
        return named.get(which, getattr(output, which, None)), f"'{which}' of {_words(output, named)}"
    if which is None and isinstance(logits := named.get("logits", getattr(output, "logits", None)), Tensor):
        return logits, f"'logits' of {_words(output, named)}"
    row = list(output) if isinstance(output, tuple | list) else []
    number = which or 0
    if number < len(row):
        return row[number], f"number {number} of {_words(output, named)}"
    if which is not None:
        raise InputError(f"model.output is {which}, but the network returns {_words(output, named)}")
    if len(named) == 1:
        name, value = next(iter(named.items()))
        return value, f"'{name}' of {_words(output, named)}"
    hint = "; name the logits with model.output" if named else ""
    raise InputError(f"the network returns {_words(output, named)}, expected a tensor [example, class]{hint}")


def check_kind(logits: Tensor, kind: OutputKind) -> None:
    """Refuse outputs that are clearly not of the kind that the recipe states.

    Args:
        logits: what `Reading` gives, [example, class].
        kind: `modescape.recipe.Model.output_kind`.

    Raises:
        InputError: naming the setting that interprets them correctly.
    """
    if logits.shape[-1] < 2:
        return
    values = logits.detach().double()
    rounding = max(ROUNDING, 4 * torch.finfo(logits.dtype).eps if logits.is_floating_point() else 0.0)
    if kind == "logits":
        if bool((values >= 0).all()) and _sums_to_one(values, rounding):
            raise InputError(
                "the network returns probabilities (never negative, each row sums to 1), and logits are expected; "
                "take the softmax out of the network, or set model.output_kind=probabilities"
            )
    elif not _sums_to_one(values.exp(), rounding):
        raise InputError(
            f"model.output_kind is {kind}, but the rows that the network returns are none: "
            "their probabilities do not sum to 1; use model.output_kind=logits for a network without softmax"
        )


def _sums_to_one(values: Tensor, rounding: float) -> bool:
    return bool(((values.sum(-1) - 1).abs() <= rounding).all())


def _named(output: Any) -> dict[str, Any]:
    """Outputs with a name: of a mapping, a named tuple, or an object's attributes."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items()}
    if hasattr(output, "_fields"):  # a named tuple
        return {name: getattr(output, name) for name in output._fields}
    held = getattr(output, "__dict__", {})
    return {name: value for name, value in held.items() if isinstance(value, Tensor)}


def _words(output: Any, named: Mapping[str, Any]) -> str:
    """What came, for a message."""
    kind = type(output).__name__
    if named:
        return f"a {kind} with {', '.join(list(named)[:MOST_NAMES])}"
    if isinstance(output, tuple | list):
        return f"a {kind} of {len(output)}"
    return f"a {kind}"
