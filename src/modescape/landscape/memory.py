"""How many points go through the data at once: what fits in memory."""

from __future__ import annotations

from pathlib import Path

import torch

from modescape.types import ModelState

SHARE = 0.25  # of what is free
MOST_ON_CPU = 1 << 30  # bytes; more is no faster there
MOST = 4096  # points
ALONE = 16  # points of a pass that go one after the other: more is no faster, and what is done is kept after each
COPIES = 4  # of the largest output that a pass without gradients holds at once: in, out, and what lies between
UNKNOWN = 4 << 30  # bytes, where the system does not say what is free


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
    return max(1, min(MOST, int(SHARE * free_memory(device)) // max(each, 1)))


def free_memory(device: torch.device) -> int:
    """Bytes; on a CPU at most what one pass makes use of."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return min(UNKNOWN, int(MOST_ON_CPU / SHARE))
    kibibytes = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), UNKNOWN >> 10)
    return min(kibibytes << 10, int(MOST_ON_CPU / SHARE))
