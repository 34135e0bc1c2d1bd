"""How many points are evaluated at once: as many as fit in memory."""

from __future__ import annotations

import torch

from modescape.runtime import free_memory
from modescape.types import ModelState

SHARE = 0.25  # of the free memory
MOST_ON_CPU = 1 << 30  # bytes; more is no faster there
MOST = 4096  # points
ALONE = 16  # points per pass if not stacked: more is no faster, and results are saved after each pass
COPIES = 4  # of the largest output that a pass without gradients holds at once: input, output, intermediates


def points_at_once(point: ModelState, activations: int, device: torch.device, stack: bool) -> int:
    """Number of points whose weights (and activations, if stacked) fit in a quarter of the free memory.

    Args:
        point: one of them.
        activations: bytes of the largest output of a layer, of one point and batch.
        device: where they run.
        stack: whether they run at once.
    """
    own = sum(tensor.numel() * tensor.element_size() for part in point for tensor in part.values())
    each = 3 * own + (COPIES * activations if stack else 0)  # float64 before the conversion to a point's own dtype
    return max(1, min(MOST, int(SHARE * _free(device)) // max(each, 1)))


def _free(device: torch.device) -> int:
    """Free memory in bytes; on a CPU at most what speeds up a pass."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(free_memory(), int(MOST_ON_CPU / SHARE))
