"""Input and output of the array functions: NumPy arrays or tensors in, the same kind out, NumPy in between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from modescape.errors import InputError

Array: TypeAlias = Any
"""A NumPy array (or what `numpy.asarray` takes) or a torch tensor on any device."""

ROUNDING = 1e-3  # log-probabilities in 16 bits may exceed 0 by this much; logits and probabilities exceed it by more


def to_numpy(*values: Array) -> tuple[list[np.ndarray], Callable[[Any], Array]]:
    """Convert the inputs to NumPy, and return the function that converts the result back.

    Torch is never imported here: whoever passes a tensor has imported it already. Gradients stop here.

    Returns:
        The values as NumPy arrays, and a function that turns a result into the kind that came in: a tensor (on the
        first tensor's device) if any value was one, else an array, or a float or int where it has no dimensions.

    Raises:
        InputError: on anything but real numbers, such as text or complex numbers (of which NumPy would drop a part).
    """
    torch = sys.modules.get("torch")
    tensors = [value for value in values if torch is not None and isinstance(value, torch.Tensor)]
    arrays: list[np.ndarray] = []
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


def group_codes(group: Any, examples: int) -> np.ndarray | None:
    """The number of each example's group, in the order in which groups first occur.

    Args:
        group: name of each example's group, strings or integers [example]; None: every example is its own group.
        examples: how many there are.

    Returns:
        int64 [example], 0 to G - 1; None if no group has two examples.

    Raises:
        InputError: (a ValueError) if the length is not that of the examples, or a name is missing.

    >>> group_codes(["b", "a", "b"], 3).tolist()
    [0, 1, 0]
    >>> group_codes([3, 1, 2], 3) is None
    True
    """
    if group is None:
        return None
    names: list[Any] = list(group.tolist() if hasattr(group, "tolist") else group)
    if np.ndim(names) != 1 or len(names) != examples:
        raise InputError(f"group has shape {list(np.shape(names))}; expected [{examples}], one for each example")
    missing = [place for place, name in enumerate(names) if name is None or name != name]
    if missing:
        raise InputError(f"group of example {missing[0]} is missing; expected a text or a whole number")
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
    return None if len(numbers) == examples else codes


def check_log_prob(log_prob: np.ndarray, dimensions: str = "[..., example, class]", ndim: int = 2) -> None:
    """Check that an array can hold log-probabilities.

    Raises:
        InputError: if there are too few dimensions, one of them is empty, or values are above 0.
    """
    if log_prob.ndim < ndim or (not dimensions.startswith("[...") and log_prob.ndim != ndim) or not log_prob.size:
        raise InputError(f"log_prob has shape {list(log_prob.shape)}; expected {dimensions}, none of them empty")
    if log_prob.dtype.kind not in "fiu":
        raise InputError(f"log_prob has dtype {log_prob.dtype}; expected real numbers")
    largest = np.fmax.reduce(log_prob, axis=None)  # NaN is ignored
    if largest > ROUNDING:
        raise InputError(
            f"log_prob holds values above 0 (largest {largest:.3g}); expected log-probabilities: "
            "take log_softmax of logits, or the logarithm of probabilities"
        )
