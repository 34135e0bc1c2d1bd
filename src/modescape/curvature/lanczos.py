"""The Lanczos process with full reorthogonalisation: a few matrix products give the ends of the spectrum."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from modescape import rng
from modescape.errors import InputError

ZERO = {torch.float64: 1e-10, torch.float32: 1e-6}
"""Relative to the largest entry of T: a smaller step means that the Krylov space is exhausted."""


class Matrix(Protocol):
    """Any symmetric matrix with ``shape`` and ``@``: an operator, a tensor."""

    @property
    def shape(self) -> Any:
        """(size, size)."""
        ...

    def __matmul__(self, vectors: Tensor, /) -> Tensor: ...


class Columns(Protocol):
    """Several matrices of one shape that each multiply their own vectors, at once."""

    @property
    def shape(self) -> Any:
        """(size, size) of each."""
        ...

    def __len__(self) -> int:
        """Number of matrices."""
        ...

    def columns(self, vectors: int, /) -> Matrix:
        """An operator on [size, matrix x vectors]: ``vectors`` columns for the first matrix, then for the next."""
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
        """The matrix's shape."""
        return self.matrix.shape

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of products."""
        return getattr(self.matrix, "dtype", torch.float64)

    @property
    def device(self) -> torch.device:
        """The device of products."""
        return getattr(self.matrix, "device", torch.device("cpu"))

    def __len__(self) -> int:
        return 1

    def columns(self, vectors: int, /) -> Matrix:
        """The matrix."""
        return self.matrix


def kept(matrix: Matrix) -> AbstractContextManager[Any]:
    """Context in which a matrix may keep graphs from one product to the next (`Operator.kept`)."""
    own: Any = getattr(matrix, "kept", nullcontext)
    return own()


@dataclass(eq=False)
class Process:
    """Lanczos processes from several starting vectors at once: one product with all of them per step.

    Attributes:
        matrix: symmetric.
        basis: orthonormal Krylov vectors of each process so far, [step, process, size].
        diagonal: of each process's tridiagonal T, [step][process].
        beside: its off-diagonal, one entry fewer; 0 where a process had exhausted its space.
    """

    matrix: Matrix
    basis: Tensor
    diagonal: list[Tensor]
    beside: list[Tensor]

    @classmethod
    def begin(cls, matrix: Matrix, start: Tensor) -> Process:
        """Start processes from vectors [process, size]."""
        unit = start / start.norm(dim=1, keepdim=True)
        return cls(matrix, unit[None], [], [])

    def step(self, fresh: Tensor | None = None) -> None:
        """Take one product; each basis grows by one vector.

        Args:
            fresh: vectors [process, size] to continue with where a space is exhausted; without them such a process
                stops, and its further vectors are 0.
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
        """The component of vectors orthogonal to the basis; Gram-Schmidt twice is enough."""
        for _ in range(2):
            along = torch.einsum("spn,pn->sp", self.basis, vectors)
            vectors = vectors - torch.einsum("spn,sp->pn", self.basis, along)
        return vectors

    def tridiagonal(self) -> Tensor:
        """T of each process, float64 [process, step, step]."""
        matrix = torch.diag_embed(torch.stack(self.diagonal, 1))
        if len(self.diagonal) > 1:
            beside = torch.stack(self.beside[: len(self.diagonal) - 1], 1)
            matrix = matrix + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
        return matrix

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues [process, step], ascending, and eigenvectors [process, step, eigenvalue] of each T; float64.

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
    """Eigenvalues at the ends of a spectrum, with eigenvectors.

    Attributes:
        values: descending, float64 [eigenvalue].
        vectors: unit vectors, [eigenvalue, parameter].
        error: |A v - value v| of each, from the process, [eigenvalue]; a true eigenvalue is within this distance.
        products: how many products with the matrix it took.
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
    """Compute the largest or smallest eigenvalues, or both ends, with their eigenvectors.

    Lanczos with full reorthogonalisation, from a random vector, until the wanted pairs are known to the tolerance. When
    the Krylov space is exhausted it continues from a new random vector, so repeated eigenvalues are found repeatedly
    once all others are known; otherwise a repeated eigenvalue may be found only once.

    Args:
        matrix: symmetric, anything with ``shape`` and ``@``; memory grows by one vector per step.
        count: number of eigenvalues, at each end for "both".
        which: "top" (largest), "bottom" (smallest), "both".
        tolerance: of the error, relative to the eigenvalue of largest magnitude.
        steps: most products; default: 10 x count + 50.
        seed: of the random vectors.

    Raises:
        InputError: if the matrix has fewer eigenvalues, ``steps`` is below ``count``, or ``which`` is unknown.

    >>> eigenvalues(torch.diag(torch.arange(5.0)), 2).values.round()
    tensor([4., 3.], dtype=torch.float64)
    """
    own: dict[str, Any] = {"which": which, "tolerance": tolerance, "steps": steps, "seed": seed}
    with kept(matrix):
        return eigenvalues_of_several(Same(matrix), count, **own)[0]


def eigenvalues_of_several(
    matrices: Columns, count: int, *, which: str, tolerance: float, steps: int | None, seed: int
) -> list[Eigenpairs]:
    """`eigenvalues` of several matrices at once; each stops when it would stop alone."""
    size, several = int(matrices.shape[0]), len(matrices)
    if which not in ("top", "bottom", "both"):
        raise InputError(f"which is {which!r}; choose top, bottom or both")
    if not 0 < count <= size:
        raise InputError(f"{count} eigenvalues of a matrix of {size} x {size}; expected 1 to {size}")
    most = min(size, 10 * count + 50 if steps is None else steps)
    if most < count:
        raise InputError(f"{most} steps for {count} eigenvalues; expected {count} steps or more")
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
    """Whether the last step exhausted a space, outside which another copy of an eigenvalue may still lie."""
    last = [float(beside[place]) == 0 for beside in process.beside[-2:]]
    return last[-1] and not all(last)


def _ends(number: int, count: int, which: str) -> list[int]:
    """Indices of the wanted ones among ``number`` ascending values, in descending order of value."""
    places = list(range(number))[::-1]
    if which == "both":
        return places if number <= 2 * count else places[:count] + places[-count:]
    return places[:count] if which == "top" else places[-count:]


def _random(size: int, seed: int, number: int) -> Tensor:
    return rng.normal(torch.tensor(rng.key(seed, "lanczos", number)), size)
