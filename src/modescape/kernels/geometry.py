"""Stride, padding, dilation and groups of a convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """The settings of a convolution, height before width."""

    stride: Pair = (1, 1)  # pixels between two places of the kernel
    padding: Pair = (0, 0)  # zeros on each side
    dilation: Pair = (1, 1)  # pixels between two taps
    groups: int = 1

    @classmethod
    def of(
        cls, stride: int | Sequence[int], padding: int | Sequence[int], dilation: int | Sequence[int], groups: int
    ) -> Self:
        """From what ``torch.conv2d`` takes."""
        return cls(_pair(stride), _pair(padding), _pair(dilation), groups)

    def output_size(self, image: Sequence[int], kernel: Sequence[int]) -> Pair:
        """Height and width of the result."""
        height, width = (
            (size + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
            for size, taps, stride, padding, dilation in zip(
                image, kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        return height, width


def _pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
