"""What a network does, as plain values for the manifest: found by a trial, and read by whatever runs the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modescape.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a network does in forward passes; the defaults are those of a network that does nothing unusual.

    Every field is a plain value of JSON with a default, so that records of studies that were begun before it was added
    can be read. `modescape.train.trial` finds them.
    """

    draws: bool = False  # in training from the global generator, other than by dropout
    calls_dropout: bool = False  # by itself, not through layers
    replaces_buffers: bool = False  # puts new tensors in the place of its buffers
    cumulative: bool = False  # has batch norm whose weight of a batch depends on how many there were
    remembers: bool = False  # changes numbers of its own (a count of calls, a probability): a recording would not
    recomputes: bool = False  # runs parts of itself again in the backward pass, as checkpointed blocks do
    without_gradient: tuple[str, ...] = ()  # parameters that the loss did not depend on
    least_batch: int = 1  # examples that a forward pass in training takes at least: 2 under batch norm over features
    unstackable: str | None = None  # why two members in one step are not what each is alone

    @property
    def can_stack(self) -> bool:
        """Whether several members may share one step: their numbers must not depend on the group."""
        found = (self.draws, self.replaces_buffers, self.cumulative, self.recomputes, self.unstackable)
        return not any(found)

    @property
    def can_replay(self) -> bool:
        """Whether a recorded step does what the next step would do."""
        return self.can_stack and not self.remembers

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Habits:
        """The record that a manifest holds.

        Raises:
            InputError: if it holds what no record holds.
        """
        try:
            return TypeAdapter(cls).validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["network", *map(str, first["loc"])])
            raise InputError(f"the manifest's {where} is wrong: {first['msg'].lower()}") from error

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self)
