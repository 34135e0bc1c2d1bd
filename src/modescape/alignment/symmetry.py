"""The permutations that leave a network's function unchanged, and tensors split along what they permute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor, nn

from modescape.alignment.axes import Axis
from modescape.alignment.trace import Watch, watch
from modescape.errors import InputError
from modescape.types import Inputs, ModelState, Params

Permutations: TypeAlias = "dict[int, Tensor]"
"""Group -> the unit that moves to each position, int64 [unit]; for units inside a host [host, unit]."""


@dataclass(frozen=True)
class Piece:
    """A piece of a tensor whose dimensions are groups of units, or not permuted."""

    name: str
    index: tuple[slice, ...]  # where in the tensor
    shape: tuple[int, ...]  # of the piece as it is read, one dimension per label
    labels: tuple[int | None, ...]  # group of each dimension; None: not permuted
    dims: tuple[int, ...]  # how many dimensions of the shape come from each axis of the tensor

    def of(self, tensor: Tensor) -> Tensor:
        """The piece of a tensor, one dimension per label."""
        return tensor[self.index].reshape(self.shape)


@dataclass(frozen=True)
class Symmetry:
    """Groups of units that are permuted together, and where they occur.

    A group may have a host: attention heads host the features of each head, groups of a convolution the channels of
    each group. The units inside a host are permuted separately within each of its units.
    """

    sizes: Mapping[int, int]  # group -> units
    names: Mapping[int, str]  # group -> the tensor and axis that produce it
    hosts: Mapping[int, int]  # group -> the group that hosts it
    pieces: Mapping[str, tuple[Piece, ...]]  # of each tensor that is permuted
    unknown: Mapping[str, str]  # layer -> operation without a rule that held units which might be permutable
    activations: Mapping[int, tuple[Piece, ...]]  # number of an operation -> how its output is split

    def identity(self) -> Permutations:
        """The identity permutations."""
        return {
            group: torch.arange(size).expand(self.sizes[self.hosts[group]], size).clone()
            if group in self.hosts
            else torch.arange(size)
            for group, size in self.sizes.items()
        }

    def random(self, generator: torch.Generator) -> Permutations:
        """Permutations drawn uniformly."""
        return {group: torch.rand(own.shape, generator=generator).argsort(-1) for group, own in self.identity().items()}

    def permute(self, state: Params, permutations: Permutations) -> Params:
        """All tensors of a network with permuted units; tensors without any are returned as they are."""
        found = dict(state)
        for name, pieces in self.pieces.items():
            if name in state:
                found[name] = state[name].detach().clone()
                for piece in pieces:
                    moved = arranged(piece.of(state[name].detach()), piece.labels, permutations, self.hosts)
                    found[name][piece.index] = moved.reshape(found[name][piece.index].shape)
        return found

    def by_name(self, permutations: Permutations) -> dict[str, Tensor]:
        """Permutations by the names of their groups."""
        return {self.names[group]: permutation for group, permutation in permutations.items()}


def arranged(
    tensor: Tensor,
    labels: Sequence[int | None],
    permutations: Permutations,
    hosts: Mapping[int, int],
    skip: Iterable[int] = (),
) -> Tensor:
    """A piece of a tensor with its units permuted, except along the dimensions ``skip``."""
    skipped = set(skip)
    places = [place for place, label in enumerate(labels) if label in permutations and place not in skipped]
    for place in places:
        label = labels[place]
        if label is not None and label not in hosts:
            tensor = tensor.index_select(place, permutations[label].to(tensor.device))
    for place in places:
        label = labels[place]
        if label is not None and label in hosts:
            host = list(labels).index(hosts[label])
            shape = [size if other in (place, host) else 1 for other, size in enumerate(tensor.shape)]
            own = permutations[label].to(tensor.device)
            index = (own if host < place else own.T).reshape(shape).expand(tensor.shape)
            tensor = tensor.gather(place, index)
    return tensor


def symmetry(model: nn.Module, state: ModelState, inputs: Inputs, partial: bool = False) -> Symmetry:
    """Find the permutation symmetry of a network by tracing it on one batch in evaluation mode.

    Args:
        model: any network, in evaluation mode.
        state: weights to run it with.
        inputs: one batch; two examples are enough.
        partial: accept that an operation without a rule holds some of the units.

    Raises:
        InputError: naming the layer, if an operation without a rule holds units, or if no unit can be permuted.
    """
    seen, _ = watch(model, state.params, state.buffers, inputs)
    if seen.unknown and not partial:
        layer, operation = next(iter(seen.unknown.items()))
        raise InputError(
            f"no permutation is known for layer '{layer}': there is no rule for its operation {operation}; "
            "partial=True aligns the units of the other layers"
        )
    tensors = {**state.params, **state.buffers}
    axes = {name: [seen.axes.resolve(axis) for axis in seen.of(tensor)] for name, tensor in tensors.items()}
    used = seen.axes.atoms(axis for one in seen.computed for axis in one)
    free = [
        atom
        for atom in dict.fromkeys(atom for one in axes.values() for axis in one for part in axis for atom in part)
        if atom in used and atom not in seen.axes.fixed
    ]
    if not free:
        name, (first, *_) = next((name, one) for name, one in axes.items() if one)
        why = next(
            (seen.axes.fixed[atom] for atom in seen.axes.atoms([first]) if atom in seen.axes.fixed), "is not used"
        )
        raise InputError(
            f"the units of layer '{name.rpartition('.')[0] or name}' cannot be permuted, nor those of any other: its "
            f"output {why}; expected a network with hidden units"
        )
    pieces = {name: tuple(_pieces(seen, name, one, set(free))) for name, one in axes.items()}
    return Symmetry(
        sizes={atom: seen.axes.sizes[atom] for atom in free},
        names=_names(free, axes),
        hosts=_hosts(seen, free, axes),
        pieces={name: parts for name, parts in pieces.items() if any(_moves(part) for part in parts)},
        unknown=dict(seen.unknown),
        activations={
            number: tuple(part for part in _pieces(seen, str(number), one, set(free)) if _moves(part))
            for number, one in seen.bases
        },
    )


def _moves(piece: Piece) -> bool:
    return any(label is not None for label in piece.labels)


def _pieces(seen: Watch, name: str, axes: Sequence[Axis], free: set[int]) -> Iterator[Piece]:
    """Split a tensor into pieces that are products of groups along each axis."""
    ways: list[list[tuple[slice, list[int], list[int | None]]]] = []
    for axis in axes:
        if not seen.axes.atoms([axis]) & free:  # of any length, which may be the batch's
            ways.append([(slice(None), [seen.axes.length(axis)], [None])])
            continue
        start, way = 0, []
        for part in seen.axes.resolve(axis):
            size = seen.axes.size(part)
            shape = [seen.axes.sizes[atom] for atom in part] or [1]
            labels: list[int | None] = [atom if atom in free else None for atom in part] or [None]
            way.append((slice(start, start + size), shape, labels))
            start += size
        ways.append(way)
    for chosen in product(*ways):
        shape = [size for _, sizes, _ in chosen for size in sizes]
        labels = [label for _, _, own in chosen for label in own]
        dims = tuple(len(own) for _, _, own in chosen)
        yield Piece(name, tuple(index for index, _, _ in chosen), tuple(shape), tuple(labels), dims)


def _names(free: Sequence[int], axes: Mapping[str, Sequence[Axis]]) -> dict[int, str]:
    """Name each group after the first tensor whose first axis contains it, that of the layer that produces it."""
    places: dict[int, list[str]] = {atom: [] for atom in free}
    for first in (True, False):
        for name, one in axes.items():
            for place, axis in enumerate(one):
                for atom in {atom for part in axis for atom in part} & set(free):
                    if first == (place == 0):
                        places[atom].append(name if first else f"{name} axis {place}")
    found: dict[int, str] = {}
    for atom, (name, *_) in places.items():
        again = sum(other.partition(" part ")[0] == name for other in found.values())
        found[atom] = f"{name} part {again + 1}" if again else name
    return found


def _hosts(seen: Watch, free: Sequence[int], axes: Mapping[str, Sequence[Axis]]) -> dict[int, int]:
    """Groups that occur only inside each unit of one other group, wherever they occur -> that group."""
    blocks = [block for one in seen.seen() for block in _blocks(seen, one)]
    outer: dict[int, set[int]] = {atom: set() for atom in free}
    for part in (part for one in axes.values() for axis in one for part in axis):
        for place, atom in enumerate(part):
            if atom in outer:
                outer[atom].update(part[:place])
    hosts: dict[int, int] = {}
    for atom in free:
        beside = [block for block in blocks if atom in block]
        for host in free:
            if host not in outer[atom] or host in hosts or atom in hosts.values():
                continue
            if all(block.count(host) == 1 == block.count(atom) for block in beside):
                hosts[atom] = host
                break
    return hosts


def _blocks(seen: Watch, axes: Sequence[Axis]) -> Iterator[list[int]]:
    for chosen in product(*(seen.axes.resolve(axis) for axis in axes)):
        yield [atom for part in chosen for atom in part]
