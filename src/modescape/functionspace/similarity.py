"""Similarity of networks: of the labels they predict, and of their weights."""

from __future__ import annotations

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError

BLOCK = 1 << 22  # values held in memory at a time, besides the input


def check_predicted(predicted: np.ndarray, name: str, dimensions: str, ndim: int) -> None:
    """Check that an array can hold predicted labels.

    Raises:
        InputError: on wrong dimensions, an empty one, or values that are not integers.
    """
    if predicted.ndim != ndim or not predicted.size:
        hint = "; take argmax(-1) of log-probabilities first" if predicted.ndim > ndim else ""
        raise InputError(f"{name} has shape {list(predicted.shape)}; expected {dimensions}, none of them empty{hint}")
    if predicted.dtype.kind not in "iu":
        raise InputError(f"{name} has dtype {predicted.dtype}; expected whole numbers, the predicted classes")


def disagreement(predicted: Array) -> Array:
    """Share of examples to which two models give different labels, mean_n 1[f_i(x_n) != f_j(x_n)], for every pair.

    Counts are integers, so the matrix is exactly symmetric with zeros on its diagonal. Labels are compared bitwise, 64
    examples at a time: two labels differ if any of their ceil(log2 C) bits does. Besides the input, memory does not
    grow with the number of examples.

    Args:
        predicted: predicted classes, integers, [model, example].

    Returns:
        float64 [model, model], 0 to 1.

    Raises:
        InputError: (a ValueError) on a wrong shape or dtype.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 2b.

    >>> import numpy as np
    >>> disagreement(np.array([[0, 1, 2, 2], [0, 1, 2, 0], [1, 1, 0, 0]])).tolist()
    [[0.0, 0.25, 0.75], [0.25, 0.0, 0.5], [0.75, 0.5, 0.0]]
    """
    (predicted,), restore = to_numpy(predicted)
    check_predicted(predicted, "predicted", "[model, example]", 2)
    models, examples = predicted.shape
    low = int(predicted.min())
    bits = max((int(predicted.max()) - low).bit_length(), 1)
    count = np.zeros((models, models), dtype=np.int64)
    step = max(64, BLOCK // models)
    for start in range(0, examples, step):
        planes = _bit_planes(predicted[:, start : start + step], low, bits)
        for model in range(models - 1):
            differ = planes[0, model] ^ planes[0, model + 1 :]
            for plane in planes[1:]:
                differ |= plane[model] ^ plane[model + 1 :]
            count[model, model + 1 :] += np.bitwise_count(differ).sum(1, dtype=np.int64)
    return restore((count + count.T) / examples)


def _bit_planes(block: np.ndarray, low: int, bits: int) -> np.ndarray:
    """Bits of label - ``low``, packed: [model, example] -> uint64 [bit, model, 64 examples], padded with 0."""
    kind = np.min_scalar_type((1 << bits) - 1)  # packing is fastest with one byte per label
    above = (block - block.dtype.type(low)).astype(kind, copy=False)
    packed = np.packbits([(above >> bit) & 1 for bit in range(bits)], axis=2)
    return np.pad(packed, ((0, 0), (0, 0), (0, -packed.shape[2] % 8))).view(np.uint64)


def cosine_similarity(weights: Array) -> Array:
    """Cosine of the angle between the weights of every two models, ``w_i . w_j / (|w_i| |w_j|)``.

    Sums are taken in float64, over blocks of parameters. The diagonal is exactly 1. A model of norm 0 has no
    direction: its row and column are NaN, as they are for weights that are not finite.

    Args:
        weights: flattened weights, [model, parameter].

    Returns:
        float64 [model, model], -1 to 1.

    Raises:
        InputError: (a ValueError) on a wrong shape.

    >>> import numpy as np
    >>> cosine_similarity(np.array([[3.0, 4.0], [4.0, -3.0], [6.0, 8.0]])).round(4).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    (weights,), restore = to_numpy(weights)
    if weights.ndim != 2 or not weights.size:
        raise InputError(f"weights has shape {list(weights.shape)}; expected [model, parameter], none of them empty")
    models, parameters = weights.shape
    product = np.zeros((models, models))
    step = max(1, BLOCK // models)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for start in range(0, parameters, step):
            block = weights[:, start : start + step].astype(np.float64)
            product += block @ block.T
        length = np.sqrt(np.diagonal(product))
        cosine = np.clip(product / (length[:, None] * length[None, :]), -1.0, 1.0)
    cosine = (cosine + cosine.T) / 2  # a matrix product may round the two halves differently
    diagonal = np.einsum("ii->i", cosine)
    diagonal[~np.isnan(diagonal)] = 1.0
    return restore(cosine)
