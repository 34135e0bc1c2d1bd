"""What members say of examples, for the explorer, which averages and recalibrates any of them in the browser."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots.explored import Explored
from modescape.plots.packed import plain

if TYPE_CHECKING:
    import xarray as xr

STEP = 1000  # parts of a nat in which log-probabilities are written
LOWEST = -32.0  # nats, of what is written


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Log-probabilities in thousandths of a nat, labels, names, and pictures in one sheet."""
    dataset = results["member_predictions"]
    log_prob = dataset["log_prob"].transpose("member", "example", "class").values
    parts = np.round(STEP * np.clip(log_prob, LOWEST, 0.0)).astype(np.int16)
    networks: dict[str, Any] = {
        "members": [str(member) for member in dataset["member"].values],
        "examples": [str(name) for name in dataset["example"].values],
        "classes": [str(name) for name in dataset["class"].values],
        "of": int(dataset.attrs["of_examples"]),
        "step": STEP,
        "label": dataset["label"].values.astype(np.int16),
        "log_prob": parts.reshape(len(parts), -1),
    }
    if "picture" in dataset:
        networks |= _sheet(dataset["picture"].values)
    if "text" in dataset:
        networks["texts"] = [str(text) for text in dataset["text"].values]
    return Explored(networks=plain(networks))


def _sheet(pictures: np.ndarray) -> dict[str, Any]:
    """All pictures side by side in rows, as a PNG; [picture, y, x, channel]."""
    from PIL import Image

    count, high, wide, channels = pictures.shape
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    whole = np.zeros((rows * columns, high, wide, channels), dtype=np.uint8)
    whole[:count] = pictures
    tiled = whole.reshape(rows, columns, high, wide, channels).transpose(0, 2, 1, 3, 4)
    flat = tiled.reshape(rows * high, columns * wide, channels)
    image = Image.fromarray(flat[..., 0] if channels not in (3, 4) else flat[..., :3])
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    address = f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
    return {"pictures": {"address": address, "count": count, "columns": columns, "wide": wide, "high": high}}
