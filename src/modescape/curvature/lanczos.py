"""The Lanczos process with full reorthogonalisation: a few products with a matrix show the ends of its spectrum."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from modescape import rng
from modescape.errors import InputError

ZERO = {torch.float64: 1e-10, torch.float32: 1e-6}
"""Of the largest entry of T: a smaller step means that the space is exhausted."""


class Matrix(Protocol):
    """Anything symmetric with a shape and products: an operator, a tensor."""

    @property
    def shape(self) -> Any:
        """(size, size)."""
        ...

    def __matmul__(self, vectors: Tensor, /) -> Tensor: ...


class Columns(Protocol):
    """Several matrices of one shape, which multiply vectors of their own at once."""

    @property
    def shape(self) -> Any:
        """(size, size) of each."""
        ...

    def __len__(self) -> int:
        """Matrices."""
        ...

    def columns(self, vectors: int, /) -> Matrix:
        """What multiplies [size, matrix x vectors]: so many columns of the first matrix, then of the next."""
        ...


def times(matrices: Columns, vectors: Tensor) -> Tensor:
    """Products with vectors of each matrix, [matrix, size, vector]."""
    several, _, count = vectors.shape
    columns = matrices.columns(count) @ vectors.movedim(0, 1).flatten(1)
    return columns.unflatten(1, (several, count)).movedim(1, 0)


@dataclass(frozen=True, eq=False)
class Same:
    """One matrix, as `Columns`."""

    matrix: Matrix

    @property
    def shape(self) -> Any:
        """Of the matrix."""
        return self.matrix.shape

    @property
    def dtype(self) -> torch.dtype:
        """Of products."""
        return getattr(self.matrix, "dtype", torch.float64)

    @property
    def device(self) -> torch.device:
        """Of products."""
        return getattr(self.matrix, "device", torch.device("cpu"))

    def __len__(self) -> int:
        return 1

    def columns(self, vectors: int, /) -> Matrix:
        """The matrix."""
        return self.matrix


def kept(matrix: Matrix) -> AbstractContextManager[Any]:
    """A block in which a matrix may keep between products what it would make anew (`Operator.kept`)."""
    own: Any = getattr(matrix, "kept", nullcontext)
    return own()


@dataclass(eq=False)
class Process:
    """Lanczos processes of several starting vectors at once: one product with all of them a step.

    Attributes:
        matrix: symmetric.
        basis: orthonormal vectors of each process so far, [step, process, size].
        diagonal: of each tridiagonal T, [step][process].
        beside: its second diagonal, one fewer; 0 where a process had exhausted its space.
    """

    matrix: Matrix
    basis: Tensor
    diagonal: list[Tensor]
    beside: list[Tensor]

    @classmethod
    def begin(cls, matrix: Matrix, start: Tensor) -> Process:
        """Processes that start from vectors [process, size]."""
        unit = start / start.norm(dim=1, keepdim=True)
        return cls(matrix, unit[None], [], [])

    def step(self, fresh: Tensor | None = None) -> None:
        """One product; the basis grows by a vector each.

        Args:
            fresh: vectors [process, size] to go on with where a space is exhausted; without them a process stops there,
                and its further vectors are 0.
        """
        last = self.basis[-1]
        image = (self.matrix @ last.T).T
        self.diagonal.append((image * last).sum(1).double())
        rest = self._orthogonal(image)
        length = rest.norm(dim=1)
        scale = torch.stack(self.diagonal).abs().amax(0).to(length)
        if self.beside:
            scale = torch.maximum(scale, torch.stack(self.beside).abs().amax(0).to(length))
        over = length <= ZERO.get(length.dtype, 1e-6) * scale.clamp_min(torch.finfo(length.dtype).tiny)
        self.beside.append(torch.where(over, 0, length).double())
        following = torch.where(over[:, None], 0, rest / length.clamp_min(torch.finfo(length.dtype).tiny)[:, None])
        if fresh is not None and bool(over.any()) and len(self.basis) < self.basis.shape[2]:
            anew = self._orthogonal(fresh)
            following = torch.where(over[:, None], anew / anew.norm(dim=1, keepdim=True), following)
        self.basis = torch.cat([self.basis, following[None]])

    def _orthogonal(self, vectors: Tensor) -> Tensor:
        """What is left of vectors at right angles to the basis; twice is enough."""
        for _ in range(2):
            along = torch.einsum("spn,pn->sp", self.basis, vectors)
            vectors = vectors - torch.einsum("spn,sp->pn", self.basis, along)
        return vectors

    def tridiagonal(self) -> Tensor:
        """The T of each, float64 [process, step, step]."""
        matrix = torch.diag_embed(torch.stack(self.diagonal, 1))
        if len(self.diagonal) > 1:
            beside = torch.stack(self.beside[: len(self.diagonal) - 1], 1)
            matrix = matrix + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
        return matrix

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues [process, step], rising, and eigenvectors [process, step, eigenvalue] of each T; float64.

        Raises:
            InputError: if a product was NaN or infinite.
        """
        matrix = self.tridiagonal()
        if not bool(matrix.isfinite().all()):
            raise InputError("a product with the matrix is NaN or infinite; expected derivatives that are finite there")
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Ends of a spectrum.

    Attributes:
        values: falling, float64 [eigenvalue].
        vectors: of length 1, [eigenvalue, parameter].
        error: length of (A v - value v) of each, as the process knows it, [eigenvalue]; a true eigenvalue is that near.
        products: with the matrix.
    """

    values: Tensor
    vectors: Tensor
    error: Tensor
    products: int


def eigenvalues(
    matrix: Matrix,
    count: int = 10,
    *,
    which: str = "top",
    tolerance: float = 1e-4,
    steps: int | None = None,
    seed: int = 0,
) -> Eigenpairs:
    """The largest or smallest eigenvalues, or both ends, with their vectors.

    Lanczos with full reorthogonalisation, from a random vector, until the wanted pairs are known to the tolerance. An
    exhausted space is left by a new random vector, so that eigenvalues that come several times come several times once
    all others are found; one that is sought from a single vector may count once.

    Args:
        matrix: symmetric, anything with ``shape`` and ``@``; memory is a vector a step.
        count: eigenvalues, of each end where both are wanted.
        which: "top" (largest), "bottom" (smallest), "both".
        tolerance: of the error, relative to the largest eigenvalue in size.
        steps: products at most; default: 10 x count + 50.
        seed: of the stream of random vectors.

    Raises:
        InputError: if there are fewer, or the end is none.

    >>> eigenvalues(torch.diag(torch.arange(5.0)), 2).values.round()
    tensor([4., 3.], dtype=torch.float64)
    """
    own: dict[str, Any] = {"which": which, "tolerance": tolerance, "steps": steps, "seed": seed}
    with kept(matrix):
        return eigenvalues_of_several(Same(matrix), count, **own)[0]


def eigenvalues_of_several(
    matrices: Columns, count: int, *, which: str, tolerance: float, steps: int | None, seed: int
) -> list[Eigenpairs]:
    """`eigenvalues` of several matrices, which go on together; each is done when it would be done alone."""
    size, several = int(matrices.shape[0]), len(matrices)
    if which not in ("top", "bottom", "both"):
        raise InputError(f"which is {which!r}; choose top, bottom or both")
    if not 0 < count <= size:
        raise InputError(f"{count} eigenvalues of a matrix of {size} x {size}; expected 1 to {size}")
    most = min(size, steps or 10 * count + 50)
    like = torch.zeros(0, dtype=getattr(matrices, "dtype", torch.float64), device=getattr(matrices, "device", "cpu"))
    process = Process.begin(matrices.columns(1), _random(size, seed, 0).to(like).expand(several, -1))
    found: list[Eigenpairs | None] = [None] * several
    for number in range(1, most + 1):
        process.step(_random(size, seed, number).to(like).expand(several, -1))
        if number < count or (number % 5 and number < most):
            continue
        values, vectors = process.ritz()
        wanted = _ends(number, count, which)
        error = (process.beside[-1][:, None] * vectors[:, -1]).abs()[:, wanted]
        for place in (place for place in range(several) if found[place] is None):
            known = bool((error[place] <= tolerance * values[place].abs().max()).all())
            if number == most or (known and not _just_exhausted(process, place)):
                basis = process.basis[:number, place]
                rows = vectors[place][:, wanted].T.to(basis) @ basis
                found[place] = Eigenpairs(values[place, wanted], rows, error[place], number)
        if None not in found:
            break
    return [pairs for pairs in found if pairs is not None]


def _just_exhausted(process: Process, place: int) -> bool:
    """Whether the last step left a space: another copy of an eigenvalue may lie outside, unless that is empty, too."""
    last = [float(beside[place]) == 0 for beside in process.beside[-2:]]
    return last[-1] and not all(last)


def _ends(number: int, count: int, which: str) -> list[int]:
    """Places of the wanted ones among ``number`` rising values, in falling order."""
    places = list(range(number))[::-1]
    if which == "both":
        return places if number <= 2 * count else places[:count] + places[-count:]
    return places[:count] if which == "top" else places[-count:]


def _random(size: int, seed: int, number: int) -> Tensor:
    return rng.normal(torch.tensor(rng.key(seed, "lanczos", number)), size)
