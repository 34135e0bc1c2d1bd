"""A network's behaviour as plain values for the manifest: found by a trial, read by everything that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from modescape.errors import InputError
from modescape.network.member_ops import MemoryFormat

MOST_NAMES = 4  # that a line lists


@dataclass(frozen=True, kw_only=True)
class Habits:
    """A network's behaviour in forward passes; the defaults are those of a network that does nothing unusual.

    Every field is a plain value of JSON with a default, so that records of studies begun before it was added
    can be read. `modescape.network.trial` finds them.
    """

    draws: bool = False  # random numbers in training from the global generator, other than by dropout
    calls_dropout: bool = False  # as a function, not through layers
    replaces_buffers: bool = False  # assigns new tensors to buffers, or to the data of parameters
    cumulative: bool = False  # has batch norm with a cumulative average (``momentum=None``)
    remembers: tuple[str, ...] = ()  # plain attributes that change in training (a call counter): not saved
    draws_in_evaluation: bool = False  # from a global generator: its predictions are a sample
    mixes_examples: bool = False  # in evaluation: the output for an example depends on the others in the batch
    starts_equal: bool = False  # two seeds give the same trained weights: the factory seeds itself, or draws nothing
    memory_format: MemoryFormat = "channels_last"  # of images; contiguous if a `view` in the network needs it
    dtype: str = "float32"  # of its inputs and most of its weights
    kept_buffers: tuple[str, ...] = ()  # not in ``state_dict``, but saved because they change or differ
    training_output: str = "a tensor"  # what it returns in training, and which part of it is trained
    evaluation_output: str = "a tensor"  # the same in evaluation
    recomputes: bool = False  # runs parts of itself again in the backward pass, as checkpointed blocks do
    without_gradient: tuple[str, ...] = ()  # parameters that the loss did not depend on
    constant: tuple[str, ...] = ()  # frozen parameters that are equal in all members and do not change
    least_batch: int = 1  # fewest examples of a forward pass in training: 2 under batch norm over features
    cannot_stack: str = ""  # why `vmap` fails on two members, or gives other values than alone

    @property
    def trains_alone_because(self) -> str:
        """Why members cannot share a step; "" if they can."""
        reasons = {
            "it draws its own random numbers": self.draws,
            "it replaces its tensors with new ones": self.replaces_buffers,
            "its batch norm averages over all batches": self.cumulative,
            "it recomputes blocks in the backward pass": self.recomputes,
            self.cannot_stack: bool(self.cannot_stack),
        }
        return next((reason for reason, found in reasons.items() if found), "")

    @property
    def can_stack(self) -> bool:
        """Whether several members may share one step: their results must not depend on the group."""
        return not self.trains_alone_because

    @property
    def can_stack_in_evaluation(self) -> bool:
        """Whether several networks may be evaluated in one call."""
        return not (self.draws_in_evaluation or self.cannot_stack)

    @property
    def can_replay(self) -> bool:
        """Whether replaying a recorded step is the same as running the next step."""
        return self.can_stack and not self.remembers

    def said(self, device: str) -> list[str]:
        """Lines for the user, once, when a study is begun on a device."""
        lines = []
        if self.draws_in_evaluation:
            lines.append("this network draws random numbers when it is evaluated: its predictions are a sample")
        if self.mixes_examples:
            lines.append(
                "in evaluation this network's prediction for an image depends on the other images of the batch, as in "
                "batch norm without running statistics: its predictions hold for these batches alone"
            )
        if self.training_output not in ("a tensor", self.evaluation_output):
            lines.append(
                f"in training the network returns more than in evaluation; the loss uses {self.training_output}"
            )
        if self.without_gradient:
            names = _listed(self.without_gradient)
            lines.append(f"no gradient reaches these parameters; they are not updated: {names}")
        if self.remembers:
            lines.append(
                "in training the network changes plain Python numbers, which are not saved: "
                f"{_listed(self.remembers)}; a resumed run resets them, so keep whatever training depends on in a "
                "buffer (register_buffer)"
            )
        if device == "cuda" and self.trains_alone_because:
            done = "trained" if self.can_stack_in_evaluation else "trained and evaluated"
            lines.append(f"members are {done} one at a time, which is slower: {self.trains_alone_because}")
        return lines

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Habits:
        """The record that a manifest holds.

        Raises:
            InputError: if an entry is unknown or of the wrong type.
        """
        try:
            known = {field.name for field in fields(cls)}
            if unknown := values.keys() - known:
                raise InputError(f"the manifest's network is wrong: it has {', '.join(sorted(unknown))}")
            return TypeAdapter(cls).validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["network", *map(str, first["loc"])])
            raise InputError(f"the manifest's {where} is wrong: {first['msg'].lower()}") from error

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        values = json.loads(json.dumps(asdict(self)))
        if not self.constant:  # most networks freeze nothing, and their records stay as they were
            del values["constant"]
        return values


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
