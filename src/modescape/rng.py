"""Named streams of random numbers: the only place that seeds.

A stream is named by purpose and numbers, ``("order", member, epoch)``, and is the same in every process, on every
device and for every grouping of members: its 64-bit key is a digest of the name, and its numbers are a hash of
(key, counter) in integer arithmetic, so element i can be computed anywhere without the elements before it.

The hash is the finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
generators") applied to ``key + i * golden``; a test compares it with exact integer arithmetic.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
BLOCK = 32_768  # words hashed at a time: 256 KiB stay in a core's cache (3 times faster than all at once, n = 20)

PURPOSES = ("initialisation", "order", "augmentation", "dropout", "mixup")  # purposes whose streams members may share


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def key(seed: int, purpose: str, *numbers: int) -> int:
    """The stream's key: a signed 64-bit digest (BLAKE2b) of its name."""
    name = f"{seed}/{purpose}/" + "/".join(str(int(number)) for number in numbers)
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)


def stream(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    """A CPU generator seeded by the stream's key, for code that wants torch's own distributions."""
    return torch.Generator().manual_seed(key(seed, purpose, *numbers) & (1 << 63) - 1)


@contextlib.contextmanager
def seeded(value: int) -> Iterator[None]:
    """Run a block with the global generators of torch, NumPy and ``random`` seeded by a key, then restore them.

    For code of others (module factories, networks with random operations of their own).
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng():
        torch.manual_seed(value & (1 << 63) - 1)
        np.random.seed(value & (1 << 32) - 1)
        random.seed(value)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


@contextlib.contextmanager
def watched() -> Iterator[Callable[[], bool]]:
    """A block that yields a function: has anything been drawn from the CPU's global generators since it began?"""

    def states() -> tuple[object, ...]:
        return torch.get_rng_state().numpy().tobytes(), *_numpy_state(), random.getstate()

    before = states()
    yield lambda: states() != before


def _numpy_state() -> tuple[object, ...]:
    name, words, *rest = np.random.get_state(legacy=True)
    return name, np.asarray(words).tobytes(), *rest


def _mix(z: Tensor) -> Tensor:
    """Finaliser of SplitMix64, in place; torch's right shift of int64 is arithmetic, hence the masks."""
    z.bitwise_xor_((z >> 30).bitwise_and_((1 << 34) - 1)).mul_(_signed(MIX_1))
    z.bitwise_xor_((z >> 27).bitwise_and_((1 << 37) - 1)).mul_(_signed(MIX_2))
    return z.bitwise_xor_((z >> 31).bitwise_and_((1 << 33) - 1))


def words(keys: Tensor, count: int) -> Tensor:
    """Random 64-bit words 0 .. count - 1 of each stream.

    Args:
        keys: int64 keys, shape [...].
        count: words of each stream.

    Returns:
        int64, shape [..., count], uniform over all 64-bit patterns.
    """
    flat = keys.reshape(-1, 1)
    out = torch.empty(flat.shape[0], count, dtype=torch.int64, device=keys.device)
    block = BLOCK if keys.device.type == "cpu" else max(count, 1)
    for start in range(0, count, block):
        counter = torch.arange(start + 1, min(start + block, count) + 1, device=keys.device)
        out[:, start : start + block] = _mix(counter.mul_(_signed(GOLDEN)) + flat)
    return out.view(*keys.shape, count)


def uniform(keys: Tensor, count: int) -> Tensor:
    """Uniform float64 in [0, 1) with 53 random bits, shape [..., count]."""
    return ((words(keys, count) >> 11) & ((1 << 53) - 1)).double() * 2.0**-53


def normal(keys: Tensor, count: int) -> Tensor:
    """Standard normal float64, shape [..., count], by the Box-Muller method: element i depends on i alone.

    The largest value is below 8.6, since the smallest uniform number is 2^-53.
    """
    pairs = -(-count // 2)
    drawn = uniform(keys, 2 * pairs).unflatten(-1, (pairs, 2))
    radius = (-2 * torch.log1p(-drawn[..., 0])).sqrt()
    angle = 2 * math.pi * drawn[..., 1]
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1).flatten(-2)[..., :count]


def integers(keys: Tensor, count: int, high: int) -> Tensor:
    """Uniform int64 in [0, high), shape [..., count]; the bias is below high / 2^53."""
    return (uniform(keys, count) * high).long()


def permutation(keys: Tensor, count: int) -> Tensor:
    """A random order of 0 .. count - 1 for each stream, int64 [..., count].

    Two equal words (probability below count^2 / 2^65) are kept in order by a stable sort.
    """
    return words(keys, count).argsort(dim=-1, stable=True)


@dataclass(frozen=True, kw_only=True)
class MemberStreams:
    """The streams of the members of one study: separate for each member, or shared by all, purpose by purpose.

    Members 1, 2, ... may branch off member 0: they draw its numbers in the first epochs, then their own.
    """

    seed: int
    shared: frozenset[str] = frozenset()  # purposes for which every member uses member 0's stream
    branches: tuple[int, ...] = ()  # epochs that members 1, 2, ... share with member 0; members beyond share none

    def key(self, purpose: str, member: int, *numbers: int) -> int:
        """Key of a member's stream; purposes outside `PURPOSES` are never shared."""
        return key(self.seed, purpose, 0 if purpose in self.shared else member, *numbers)

    def keys(self, purpose: str, members: list[int], epoch: int) -> Tensor:
        """Keys of several members' streams in an epoch (from 0), int64 [member]."""
        drawn = [0 if epoch < self.common(member) else member for member in members]
        return torch.tensor([self.key(purpose, member, epoch) for member in drawn], dtype=torch.int64)

    def common(self, member: int) -> int:
        """After how many epochs a member leaves member 0; 0: it draws its own numbers from the beginning."""
        return self.branches[member - 1] if 1 <= member <= len(self.branches) else 0
