"""Figures and what else a page holds, of what JSON knows: numbers of arrays as bytes, text that ends no script."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from modescape.plain import visible

NUMBERS = {"float32": "f4", "float64": "f8", "int8": "i1", "int16": "i2", "int32": "i4"}  # as `page/kit.js` reads them


def plain(value: Any) -> Any:
    """A value of what JSON knows: what does not exist (NaN, infinity) is null; properties that are None are left out.

    An array of numbers becomes ``{"dtype": "f4", "bdata": base 64 of its bytes}``, with ``"shape": "rows, columns"`` if
    it is a matrix; whole numbers are of the narrowest kind that holds them. Any other array becomes a list.
    """
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, np.ndarray):
        return _packed(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packed(values: np.ndarray) -> Any:
    if values.dtype.kind in "iu":
        ends = (int(values.min()), int(values.max())) if values.size else (0, 0)
        fits = (kind for kind in ("int8", "int16", "int32") if all(abs(end) <= np.iinfo(kind).max for end in ends))
        values = values.astype(next(fits, "float64"))
    if str(values.dtype) not in NUMBERS or values.ndim > 2:
        return plain(values.tolist())
    ordered = values.astype(values.dtype.newbyteorder("<"))  # as browsers' machines have them
    packed = {"dtype": NUMBERS[str(values.dtype)], "bdata": base64.b64encode(ordered.tobytes()).decode()}
    return packed | ({"shape": ", ".join(map(str, values.shape))} if values.ndim > 1 else {})


def script_json(value: Any) -> str:
    """JSON that no HTML parser mistakes for markup: <, >, & and everything beyond ASCII are written as escapes.

    Unseen and direction-changing characters inside text are written out, as everywhere on the page.
    """
    text = json.dumps(_visible(value), ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        return {_visible(key): _visible(item) for key, item in value.items()}
    return value
