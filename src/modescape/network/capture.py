"""Activations of a network's layers, captured by name while it runs.

A captured layer runs on its own, not within a fused block (`modescape.network.fuse`), so any name of
`nn.Module.named_modules` can be asked for. Unfused layers sum in another order: in float32, logits may differ in their
last bits from those of a call without captures.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modescape.errors import InputError

MOST_NAMES = 5  # that a message lists
SIMILARITY = 0.4  # of names that a message proposes; 1 for the same


class Capture:
    """Within this block the outputs of layers are kept.

    Args:
        module: the network.
        names: of layers, as `nn.Module.named_modules` has them: "stem.conv"; "" is the network itself.

    Raises:
        InputError: if there is no such layer, naming the nearest.
    """

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        layers = dict(module.named_modules(remove_duplicate=False))
        for name in names:
            if name not in layers:
                raise InputError(f"the network has no layer '{name}'; {_proposal(name, list(layers))}")
        self._layers = {name: layers[name] for name in names}
        self._seen: dict[str, list[Any]] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for name, layer in self._layers.items():
            self._seen[name] = []
            self._handles.append(layer.register_forward_hook(_keeper(self._seen[name])))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._seen.clear()

    def taken(self) -> dict[str, Tensor]:
        """The outputs of the layers since the last call of this method: one forward pass.

        Raises:
            InputError: if a layer was not called, was called several times, or returned anything but a tensor.
        """
        found = {}
        for name, outputs in self._seen.items():
            if len(outputs) != 1:
                times = f"was called {len(outputs)} times" if outputs else "was not called"
                raise InputError(
                    f"layer '{name}' {times} in one forward pass, expected once; capture the layer around it"
                )
            if not isinstance(outputs[0], Tensor):
                raise InputError(
                    f"layer '{name}' returns {type(outputs[0]).__name__}, expected a tensor; capture a layer within it"
                )
            found[name] = outputs[0]
            outputs.clear()
        return found


def _keeper(seen: list[Any]) -> Any:
    def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
        # a copy: later layers may work in place
        seen.append(output.detach().clone() if isinstance(output, Tensor) else output)

    return keep


def _proposal(name: str, names: list[str]) -> str:
    """The nearest names, or the first ones."""
    near = difflib.get_close_matches(name, names, n=MOST_NAMES, cutoff=SIMILARITY)
    listed = ", ".join(f"'{one}'" for one in near or [one for one in names if one][:MOST_NAMES])
    return f"nearest are {listed}" if near else f"it has {listed}, ..."
