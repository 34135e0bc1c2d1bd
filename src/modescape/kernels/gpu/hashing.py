"""Random words on the GPU: `modescape.rng.words`, one word or one element at a time."""

from __future__ import annotations

import triton
import triton.language as tl

# Triton takes only these from outside a kernel
GOLDEN = tl.constexpr(0x9E3779B97F4A7C15)
MIX_1 = tl.constexpr(0xBF58476D1CE4E5B9)
MIX_2 = tl.constexpr(0x94D049BB133111EB)


@triton.jit
def word(key, number):
    """Word ``number`` of the stream ``key``, both uint64."""
    z = key + (number + 1) * GOLDEN
    z = (z ^ (z >> 30)) * MIX_1
    z = (z ^ (z >> 27)) * MIX_2
    return z ^ (z >> 31)


@triton.jit
def call_key(keys, member, call):
    """Key of one dropout call of a member."""
    return word(tl.load(keys + member).to(tl.uint64), call.to(tl.uint64))


@triton.jit
def kept(words, element, drop):
    """Whether elements are kept: each has 16 bits of its word, read as a signed number plus 32768."""
    level = (words >> ((element & 3) * 16).to(tl.uint64)) & 0xFFFF
    return (level.to(tl.int32) ^ 0x8000) >= drop
