"""The plan: how members are grouped and which arithmetic they use; made once, written down, reused on resume."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modescape.errors import InputError
from modescape.kernels.convolution import Choices, Pass
from modescape.kernels.forms import Arithmetic
from modescape.kernels.implementation import Implementation
from modescape.kernels.native import Build
from modescape.network.member_ops import ComputePolicy, MemoryFormat

NO_PLAN = "such a study can be read but not trained; start another with --out"


@dataclass(frozen=True, order=True)
class Group:
    """Neighbouring members that share a step: at the same positions whoever else is trained, and so with the same bits.

    A position whose member is already trained, or was not asked for, is filled and its results are dropped.
    """

    first: int  # member number
    size: int

    @property
    def members(self) -> list[int]:
        """Member numbers of all positions."""
        return list(range(self.first, self.first + self.size))

    def halves(self) -> list[Group]:
        """Two groups that need half the memory."""
        front = self.size - self.size // 2
        return [Group(self.first, front), Group(self.first + front, self.size - front)]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the members of a study are trained on one kind of device."""

    device: str  # "cpu" or "cuda"
    group_size: int  # members per step
    threads: int = 1  # CPU threads of each worker
    memory_format: MemoryFormat = "channels_last"
    kernels: Implementation = "torch"  # "native": in C, "triton", or "torch": torch's operations
    build: Build | None = None  # of the C kernels: compiled on this machine, or prebuilt in the wheel
    replayed: bool = False  # a step is recorded once and replayed (a CUDA graph)
    convolution: str = "each"  # default form of the stacked convolution
    convolutions: dict[str, dict[Pass, str]] = field(default_factory=dict)  # layer -> form of each pass
    measured: bool = False  # groups and forms come from measurements: a study begun again may get other ones

    @classmethod
    def of(cls, values: Any) -> Plan:
        """The plan that a manifest holds.

        Raises:
            InputError: if it is not a plan of this version, or has invalid entries.
        """
        try:
            plan = TypeAdapter(cls).validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["plan", *map(str, first["loc"])])
            raise InputError(f"the manifest's {where} is wrong: {first['msg'].lower()}; {NO_PLAN}") from error
        known = asdict(plan)
        if plan.device not in ("cpu", "cuda") or plan.group_size < 1 or plan.threads < 1:
            raise InputError(f"the manifest's plan is wrong: {known}; {NO_PLAN}")
        if unknown := values.keys() - known.keys():
            raise InputError(f"the manifest's plan is wrong: it has {', '.join(sorted(unknown))}; {NO_PLAN}")
        return plan

    def groups(self, members: Iterable[int], begun: Mapping[int, Group] | None = None) -> dict[Group, list[int]]:
        """Assign members to groups.

        Args:
            members: the members to train.
            begun: the groups in which some of them were begun; smaller ones if memory ran out.

        Returns:
            group -> those of its members to train, in order.
        """
        dealt: dict[Group, list[int]] = {}
        for member in sorted(members):
            usual = Group(member // self.group_size * self.group_size, self.group_size)
            dealt.setdefault((begun or {}).get(member, usual), []).append(member)
        return dealt

    def policy(self, arithmetic: Arithmetic) -> ComputePolicy:
        """How products are computed under this plan."""
        return ComputePolicy(arithmetic, Choices(self.convolution, self.convolutions), self.memory_format)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self)
