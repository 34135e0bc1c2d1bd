"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CLASSES, about

if TYPE_CHECKING:
    import xarray as xr

LISTED, SHOWN, SIDE = 40, 12, 6


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Members that are right on most examples, and pictures of noise."""
    random = np.random.default_rng(4)
    label = np.arange(LISTED) % CLASSES
    logits = random.normal(size=(members, LISTED, CLASSES)) + 3.0 * (label[:, None] == np.arange(CLASSES))
    log_prob = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picture = random.integers(0, 256, (SHOWN, SIDE, SIDE, 3), dtype=np.uint8)
    return results.make_result(
        {
            "log_prob": (("member", "example", "class"), log_prob.astype(np.float32), "nats", "log-probability"),
            "label": (("example",), label, "1", "number of the true class"),
            "mutual_information": (("example",), np.linspace(0.5, 0, LISTED), "nats", "of prediction and member"),
            "picture": (("other_example", "y", "x", "layer"), picture, "levels of 255", "picture, channels last"),
        },
        {
            "member": np.arange(members),
            "example": ["<b>img</b> & $x$", *map(str, range(1, LISTED))],
            "class": [f"class {number}" for number in range(CLASSES)],
        },
        title="What each member says of test examples",
        **about(members),
        split="test",
        of_examples=1000,
    )
