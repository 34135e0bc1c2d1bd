"""How many points go through the data at once: what fits in memory."""

from __future__ import annotations

import torch

from modescape.runtime import free_memory
from modescape.types import ModelState

SHARE = 0.25  # of what is free
MOST_ON_CPU = 1 << 30  # bytes; more is no faster there
MOST = 4096  # points
ALONE = 16  # points of a pass that go one after the other: more is no faster, and what is done is kept after each
COPIES = 4  # of the largest output that a pass without gradients holds at once: in, out, and what lies between


def points_at_once(point: ModelState, activations: int, device: torch.device, stack: bool) -> int:
    """Points whose weights, and activations where they are stacked, fit in a quarter of the free memory.

    Args:
        point: one of them.
        activations: bytes of the largest output of a layer, of one point and batch.
        device: where they run.
        stack: whether they run at once.
    """
    own = sum(tensor.numel() * tensor.element_size() for part in point for tensor in part.values())
    each = 3 * own + (COPIES * activations if stack else 0)  # float64 on the way to a point's own type
    return max(1, min(MOST, int(SHARE * _free(device)) // max(each, 1)))


def _free(device: torch.device) -> int:
    """Bytes; on a CPU at most what one pass makes use of."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(free_memory(), int(MOST_ON_CPU / SHARE))
