"""Work on a GPU that is recorded once and replayed without Python or single kernel launches (a CUDA graph)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

TRIALS = 3  # runs before the recording, to compile kernels and allocate workspaces


class Replay:
    """A recording of ``work``, made at once; calling it does the work again on the same memory.

    Whatever changes from call to call has to be in tensors that ``work`` reads. On a CPU nothing can be recorded: the
    trial runs are made, and a call runs ``work`` itself.

    Args:
        work: changes tensors in place and never waits for the GPU.
        changed: every tensor that outlives ``work`` and that it changes; the trial runs restore them.
        device: where it runs.
        pool: memory pool of an earlier recording to share; the two must never be replayed at once.

    Raises:
        RuntimeError: if the work cannot be recorded; the tensors are restored.
    """

    def __init__(
        self, work: Callable[[], None], changed: Sequence[Tensor], device: torch.device, pool: Any = None
    ) -> None:
        self.pool: Any = None
        before = [tensor.detach().clone() for tensor in changed]

        def trials() -> None:
            for _ in range(TRIALS):
                try:
                    work()
                finally:
                    _put_back(changed, before)

        if device.type != "cuda":
            trials()
            self._replay = work
            return
        aside = torch.cuda.Stream(device)  # trial runs on a side stream, as a recording requires
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            trials()
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # recording computes nothing; a thread that writes files may use the driver meanwhile
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            work()
        self.pool, self._replay = graph.pool(), graph.replay

    def __call__(self) -> None:
        """Run the work once more."""
        self._replay()


@torch.no_grad()
def _put_back(tensors: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    for tensor, saved in zip(tensors, before, strict=True):
        tensor.copy_(saved)
