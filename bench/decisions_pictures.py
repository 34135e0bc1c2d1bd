"""Layers of pictures, [member, example, row, column, filter]; see `decisions_layers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from decisions_layers import Parts, Plain, Run
from torch import nn


@dataclass(frozen=True)
class Conv:
    """Convolution by 3 x 3 filters with zero padding."""

    inputs: int
    outputs: int

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of weight and bias."""
        return (9 * self.inputs, self.outputs), (1, self.outputs)

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        *shape, rows, columns, filters = hidden.shape
        wide = np.zeros((*shape, rows + 2, columns + 2, filters), hidden.dtype)
        wide[:, :, 1:-1, 1:-1] = hidden
        around = np.empty((*hidden.shape[:-1], 9, filters), hidden.dtype)
        for place in range(9):
            y, x = divmod(place, 3)
            around[..., place, :] = wide[:, :, y : y + rows, x : x + columns]
        inputs = around.reshape(len(hidden), -1, 9 * filters)
        out = inputs @ parts[0] + parts[1]
        return out.reshape(-1, *hidden.shape[1:-1], self.outputs), inputs

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        members, examples, rows, columns, _ = slope.shape
        flat = slope.reshape(members, -1, self.outputs)
        own = kept.swapaxes(1, 2) @ flat, flat.sum(1, keepdims=True)
        if first:
            return slope, own
        back = (flat @ parts[0].swapaxes(1, 2)).reshape(members, examples, rows, columns, 9, self.inputs)
        wide = np.zeros((members, examples, rows + 2, columns + 2, self.inputs), slope.dtype)
        for place in range(9):
            y, x = divmod(place, 3)
            wide[:, :, y : y + rows, x : x + columns] += back[..., place, :]
        return wide[:, :, 1:-1, 1:-1], own

    def torch(self) -> nn.Module:
        return nn.Conv2d(self.inputs, self.outputs, 3, padding=1)

    def turned(self, parts: Parts) -> Parts:
        weight, bias = parts
        if weight.ndim == 2:
            return weight.reshape(3, 3, self.inputs, self.outputs).transpose(3, 2, 0, 1), bias[0]
        return weight.transpose(2, 3, 1, 0).reshape(9 * self.inputs, self.outputs), bias[None]


@dataclass(frozen=True)
class Pool(Plain):
    """Max pooling over 2 x 2 pixels."""

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        out = np.maximum(hidden[:, :, ::2], hidden[:, :, 1::2])
        out = np.maximum(out[..., ::2, :], out[..., 1::2, :])
        return out, (hidden, out)

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        # where pixels tie for the largest, they share the gradient equally
        hidden, out = kept
        places = [(..., slice(y, None, 2), slice(x, None, 2), slice(None)) for y in range(2) for x in range(2)]
        largest = [hidden[place] == out for place in places]
        share = slope / sum(one.astype(slope.dtype) for one in largest)
        back = np.empty_like(hidden)
        for place, one in zip(places, largest, strict=True):
            back[place] = one * share
        return back, ()

    def torch(self) -> nn.Module:
        return nn.MaxPool2d(2)


@dataclass(frozen=True)
class Flat(Plain):
    """Pictures as units, filter by filter as in PyTorch."""

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        turned = np.moveaxis(hidden, -1, 2)
        return turned.reshape(*hidden.shape[:2], -1), turned.shape

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        return np.moveaxis(slope.reshape(kept), 2, -1), ()

    def torch(self) -> nn.Module:
        return nn.Flatten()
