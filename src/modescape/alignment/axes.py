"""The composition of the axes of a network's tensors, found by unification.

An axis is a direct sum of products of *atoms*: [C] is one atom, a flattened [C, H, W] is a product of three, and the
channels after a concatenation are a sum of two. Layers determine which axes are equal (the outputs of one layer are the
inputs of the next; both operands of a residual sum have the same axis). An atom that nothing holds may be permuted, in
all tensors at once, without changing the function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import TypeAlias

Product: TypeAlias = "tuple[int, ...]"
"""Atoms, outermost first; the empty product is an axis of length 1."""
Axis: TypeAlias = "tuple[Product, ...]"
"""Products concatenated along an axis."""

ONE: Axis = ((),)  # an axis of length 1


class Axes:
    """The atoms, what they consist of, and which of them are held."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.fixed: dict[int, str] = {}  # atom -> what holds it
        self.meaning: dict[int, Axis] = {}  # atom -> the atoms it consists of
        self.copies: dict[int, dict[int, list[int]]] = {}  # selected atom -> atoms beside it -> one for each index

    def new(self, size: int, held: str | None = None) -> Axis:
        """An axis of one new atom; ``held`` is the reason if it cannot be permuted."""
        return (self.product(size, held),)

    def product(self, size: int, held: str | None = None) -> Product:
        """A product of one new atom; empty for size 1."""
        if size == 1:
            return ()
        self.sizes.append(size)
        atom = len(self.sizes) - 1
        if held is not None:
            self.fixed[atom] = held
        return (atom,)

    def size(self, product: Product) -> int:
        """Length of a product."""
        return prod(self.sizes[atom] for atom in product)

    def length(self, axis: Axis) -> int:
        """Length of an axis."""
        return sum(self.size(product) for product in axis)

    def resolve(self, axis: Axis) -> Axis:
        """The axis in atoms that do not consist of others."""
        return tuple(part for product in axis for part in self._spread(product))

    def atoms(self, axes: Iterable[Axis]) -> set[int]:
        """Atoms of several axes."""
        return {atom for axis in axes for product in self.resolve(axis) for atom in product}

    def hold(self, axis: Axis, why: str) -> None:
        """Hold the axis: none of its atoms may be permuted."""
        for atom in self.atoms([axis]):
            self.fixed.setdefault(atom, why)

    def unify(self, one: Axis, two: Axis, why: str) -> None:
        """Make both the same axis; ``why`` is the reason given for atoms that do not fit and are held."""
        left, right = list(self.resolve(one)), list(self.resolve(two))
        while left and right:
            small, big = left.pop(0), right.pop(0)
            swapped = self.size(small) > self.size(big)
            if swapped:
                small, big = big, small
            if self.size(small) < self.size(big):
                pieces = self._cut(big, self.size(small))
                if pieces is None:
                    for product in (small, big, *left, *right):
                        self.hold((product,), why)
                    return
                big, rest = pieces
                (left if swapped else right).insert(0, rest)
            self._match(small, big, why)
            left, right = list(self.resolve(tuple(left))), list(self.resolve(tuple(right)))

    def join(self, axes: Sequence[Axis], why: str) -> Axis:
        """Flatten several axes into one, the last varying fastest."""
        first, *others = [self.resolve(axis) for axis in axes]
        for other in others:
            if len(other) > 1:  # a sum inside a product is not a sum of products here
                self.hold(other, why)
                other = self.new(self.length(other), why)
            first = tuple(product + last for product in first for last in other)
        return first

    def split(self, axis: Axis, sizes: Sequence[int], why: str) -> list[Axis]:
        """Split one axis into several, the last varying fastest."""
        axis = self.resolve(axis)
        if len(axis) == 1 and len(axis[0]) == 1 and axis[0][0] not in self.fixed:
            parts = [self.product(size) for size in sizes]
            self.meaning[axis[0][0]] = (tuple(atom for part in parts for atom in part),)
            return [(part,) for part in parts]
        found: list[Axis] = []
        parts = list(axis)
        rest: Product | None = parts[0] if len(parts) == 1 else None
        for size in reversed(sizes):
            taken = None if rest is None else self._take(rest, size)
            if taken is None:
                self.hold(axis, why)
                return [self.new(size, why) for size in sizes]
            rest, piece = taken
            found.insert(0, (piece,))
        return found

    def reshape(self, axes: Sequence[Axis], shape: Sequence[int], why: str) -> list[Axis]:
        """Axes of a tensor after a reshape."""
        old = [axis for axis in axes if self.length(axis) != 1]
        found: list[Axis] = []
        sizes: list[int] = []
        group: list[Axis] = []
        for size in shape:
            if size == 1 and not sizes:
                found.append(ONE)
                continue
            sizes.append(size)
            while prod(self.length(axis) for axis in group) < prod(sizes):
                group.append(old.pop(0))
            if prod(self.length(axis) for axis in group) == prod(sizes):
                joined = self.join(group, why) if group else ONE
                found += [joined] if len(sizes) == 1 else self.split(joined, sizes, why)
                group, sizes = [], []
        return found

    def select(self, axis: Axis, index: int, others: Sequence[Axis], seen: Iterable[Sequence[Axis]]) -> list[Axis]:
        """Axes of a tensor selected at one index of ``axis``: ``others``, or copies of them.

        Where one layer produces several things at once (query, key, value), told apart by an index, the units of each
        are atoms of their own if every tensor in ``seen`` has these axes together.
        """
        axis = self.resolve(axis)
        atom = axis[0][0] if len(axis) == 1 and len(axis[0]) == 1 else -1
        if atom >= 0 and atom not in self.copies:
            self._open(atom, seen)
        copies = self.copies.get(atom)
        self.hold(axis, "is read index by index")
        if copies is None:
            return list(others)
        resolved = [self.resolve(other) for other in others]
        return [
            tuple(tuple(copies[one][index] if one in copies else one for one in part) for part in other)
            for other in resolved
        ]

    def close(self, axes: Iterable[Axis]) -> None:
        """Axes told apart by an index are used whole: the atoms of all indices become one again."""
        present = self.atoms(axes)
        for copies in self.copies.values():
            for atom in present & set(copies):
                for copy in copies[atom]:
                    self.unify(((copy,),), ((atom,),), "is used in parts and whole")

    def _open(self, atom: int, seen: Iterable[Sequence[Axis]]) -> None:
        owners = [
            (whole, axis[0])
            for whole, axis in self.meaning.items()
            if len(axis) == 1 and axis[0][:1] == (atom,) and not set(axis[0]) & set(self.meaning)
        ]
        if len(owners) != 1:
            return
        whole, (_, *beside) = owners[0]
        if not beside or len(set(beside)) < len(beside) or any(one in self.fixed for one in beside):
            return
        for axes in seen:
            present = self.atoms(axes)
            if present & set(beside) and atom not in present:
                return
        count = self.sizes[atom]
        copies = {one: [self.product(self.sizes[one])[0] for _ in range(count)] for one in beside}
        self.meaning[whole] = tuple(tuple(copies[one][index] for one in beside) for index in range(count))
        self.copies[atom] = copies

    def _spread(self, product: Product) -> list[Product]:
        found: list[Product] = [()]
        for place, given in enumerate(product):
            atom = self._root(given)
            parts = list(self.resolve(self.meaning[atom])) if atom in self.meaning else [(atom,)]
            if len(parts) > 1 and place:
                why = "is a sum inside a product"
                self.hold(tuple(parts), why)
                parts = [self.product(self.sizes[atom], why)]
            found = [one + part for one in found for part in parts]
        return found

    def _root(self, atom: int) -> int:
        """The representative of an atom's equivalence class, with path compression."""
        chain = []
        while len(meaning := self.meaning.get(atom, ())) == 1 and len(meaning[0]) == 1:
            chain.append(atom)
            atom = meaning[0][0]
        for one in chain:
            self.meaning[one] = ((atom,),)
        return atom

    def _cut(self, product: Product, size: int) -> tuple[Product, Product] | None:
        """Split a product after a leading part of a given size; None if no atom ends there."""
        first, rest = product[0], product[1:]
        inner = self.size(rest)
        if size % inner:
            return None
        held = self.fixed.get(first)
        head = self.product(size // inner, held)
        tail = self.product(self.sizes[first] - size // inner, held)
        self.meaning[first] = (head, tail)
        return head + rest, tail + rest

    def _take(self, product: Product, size: int) -> tuple[Product, Product] | None:
        """Split off the innermost part of a given size: the rest, and that part."""
        piece: Product = ()
        while size > 1:
            (*left, last) = product
            length = self.sizes[last]
            if size % length == 0:
                product, piece, size = tuple(left), (last, *piece), size // length
            elif length % size == 0:
                held = self.fixed.get(last)
                self.meaning[last] = (self.product(length // size, held) + self.product(size, held),)
                product = self._spread(product)[0]
            else:
                return None
        return product, piece

    def _match(self, one: Product, two: Product, why: str) -> None:
        """Unify two products of one size."""
        while one and two:
            ones, twos = self._spread(one), self._spread(two)
            if len(ones) + len(twos) > 2:  # an axis that would contain itself
                self.hold((*ones, *twos), why)
                return
            one, two = ones[0], twos[0]
            small, big = one[-1], two[-1]
            if self.sizes[small] > self.sizes[big]:
                small, big = big, small
            if self.sizes[small] == self.sizes[big]:
                self._same(small, big)
                one, two = one[:-1], two[:-1]
            elif self.sizes[big] % self.sizes[small]:
                self.hold((one, two), why)
                return
            else:
                held = self.fixed.get(big)
                if held is not None:
                    self.fixed.setdefault(small, held)
                outer = self.product(self.sizes[big] // self.sizes[small], held)
                self.meaning[big] = ((*outer, small),)

    def _same(self, one: int, two: int) -> None:
        if one == two:
            return
        if one in self.fixed or two in self.fixed:
            why = self.fixed.get(one) or self.fixed[two]
            self.fixed.setdefault(one, why)
            self.fixed.setdefault(two, why)
        else:
            self.meaning[one] = ((two,),)
