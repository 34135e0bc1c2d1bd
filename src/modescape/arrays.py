"""The edge of the array functions: NumPy arrays or tensors in, the same kind out; everything between is NumPy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from modescape.errors import InputError

Array: TypeAlias = Any
"""A NumPy array (or what `numpy.asarray` takes) or a torch tensor on any device."""


def to_numpy(*values: Array) -> tuple[list[np.ndarray], Callable[[Any], Array]]:
    """Arrays for the work inside, and the way back for its result.

    Torch is never imported here: no tensor can come in before somebody else has imported it. Gradients stop here.

    Returns:
        The values as NumPy arrays, and a function that turns a result into the kind that came in: a tensor (on the
        first tensor's device) if any value was one, else an array, or a float or int where it has no dimensions.

    Raises:
        InputError: on what is no array of real numbers, such as complex ones or text: NumPy would take their real part.
    """
    torch = sys.modules.get("torch")
    tensors = [value for value in values if torch is not None and isinstance(value, torch.Tensor)]
    arrays = []
    for value in values:
        if torch is not None and isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()  # NumPy has no bfloat16
        arrays.append(np.asarray(value))
        if arrays[-1].dtype.kind not in "biuf":
            raise InputError(f"the input has dtype {arrays[-1].dtype}; expected real numbers")

    def restore(result: Any) -> Array:
        if torch is not None and tensors:
            return torch.as_tensor(result, device=tensors[0].device)
        return result if np.ndim(result) else np.asarray(result).item()

    return arrays, restore
