"""Which of a network's tensors are coordinates of its landscape, and reading points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor, nn

from modescape.errors import InputError
from modescape.types import ModelState, Params

Point: TypeAlias = "Mapping[str, Tensor] | ModelState"
"""A point of the landscape: tensors by their ``state_dict`` names, with or without buffers."""


@dataclass(frozen=True)
class Layout:
    """The names and shapes of one architecture.

    Attributes:
        params: trainable parameters, the coordinates; a shared tensor occurs once, under its first name.
        held: frozen parameters and buffers.
        frozen: names of the frozen parameters; points with equal values need not contain them.
        aliases: other names of shared tensors -> the first.
    """

    params: Params
    held: Params
    aliases: dict[str, str] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()

    @classmethod
    def of(cls, module: nn.Module) -> Layout:
        """The layout of a network; its tensors are not copied.

        Raises:
            InputError: if nothing is trainable, or a weight is not finite.
        """
        first: dict[int, str] = {}
        aliases = {}
        for name, tensor in module.named_parameters(remove_duplicate=False):
            if first.setdefault(id(tensor), name) != name:
                aliases[name] = first[id(tensor)]
        named = dict(module.named_parameters())
        params = {name: tensor.detach() for name, tensor in named.items() if tensor.requires_grad}
        frozen = {name: tensor.detach() for name, tensor in named.items() if not tensor.requires_grad}
        if not params:
            raise InputError("the network has no trainable parameters; expected at least one")
        for name, tensor in params.items():
            if not tensor.is_floating_point():
                raise InputError(f"parameter '{name}' is {tensor.dtype}, expected floating-point numbers")
            if not bool(tensor.isfinite().all()):
                raise InputError(f"parameter '{name}' holds NaN or infinity; expected a network that did not diverge")
        return cls(
            params,
            frozen | {name: tensor.detach() for name, tensor in module.named_buffers()},
            aliases,
            frozenset(frozen),
        )

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return sum(tensor.numel() for tensor in self.params.values())

    def state(self, point: Point, ndim: int = 0) -> ModelState:
        """A point's coordinates and other tensors, checked, on the network's device and in its dtypes.

        Args:
            point: by the names of ``state_dict``; a shared tensor may have any of its names.
            ndim: number of leading axes, for stacked points.

        Raises:
            InputError: if a coordinate is missing, a name is unknown, or a shape differs.
        """
        given = {**point.params, **point.buffers} if isinstance(point, ModelState) else dict(point)
        for alias, name in self.aliases.items():
            if alias in given:
                tensor = given.pop(alias)
                given.setdefault(name, tensor)
        if missing := [name for name in self.params if name not in given]:
            raise InputError(f"the point has no '{missing[0]}'; expected every parameter of the network{_hint(given)}")
        known = self.params | self.held
        if odd := [name for name in given if name not in known]:
            raise InputError(
                f"the point has '{odd[0]}', which the network does not have; expected a point of its architecture"
            )
        for name, tensor in given.items():
            if tensor.shape[ndim:] != known[name].shape:
                raise InputError(
                    f"'{name}' of the point has shape {list(tensor.shape[ndim:])}, of the network "
                    f"{list(known[name].shape)}; expected a point of its architecture"
                )
        placed = {name: tensor.detach().to(known[name]) for name, tensor in given.items()}
        rest = {name: placed[name] for name in placed if name in self.held and not self._as_ever(name, placed[name])}
        return ModelState({name: placed[name] for name in self.params}, rest)

    def _as_ever(self, name: str, tensor: Tensor) -> bool:
        return name in self.frozen and bool((tensor == self.held[name]).all())


def _hint(given: Mapping[str, Tensor]) -> str:
    """The probable reason why names do not match."""
    prefixes = {name.partition(".")[0] for name in given}
    return f"; all its names begin with '{prefixes.pop()}.'" if len(prefixes) == 1 and len(given) > 1 else ""
