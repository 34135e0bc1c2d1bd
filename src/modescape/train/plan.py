"""The plan: how members are grouped and which arithmetic they use; made once, written down, reused on resume."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from modescape.kernels.implementation import Implementation, implementation


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the members of a study are trained on one kind of device."""

    device: str  # "cpu" or "cuda"
    group_size: int  # members per step
    threads: int  # CPU threads of each worker
    memory_format: str = "channels_last"
    kernels: Implementation = "torch"  # "native": in C, "triton", or torch's operations alone

    def groups(self, members: list[int]) -> list[list[int]]:
        """Deal members into groups: consecutive members together."""
        size = self.group_size
        return [members[start : start + size] for start in range(0, len(members), size)]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self)


def make_plan(device: str, members: int, stackable: bool) -> Plan:
    """One member at a time on one thread on a CPU (grouped convolutions are slower there); stacked on a GPU."""
    group_size = members if device == "cuda" and stackable else 1
    kernels = implementation(torch.empty(0, device=device))
    return Plan(device=device, group_size=group_size, threads=1, kernels=kernels)
