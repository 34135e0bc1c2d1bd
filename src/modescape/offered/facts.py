"""All that is offered to analyses in one object, with what is known of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modescape.offered.protocols import Checkpoints, Drawing, Predictions, Sampled
from modescape.version import __version__


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the networks were trained, as far as it is known; results state it, and auxiliary networks use the same."""

    members: int = 0  # number that was asked for
    epochs: int = 0
    optimizer: str = ""
    learning_rate: float = 0.0
    starts_equal: bool = False  # whether two seeds make the same initial weights
    start: frozenset[str] = frozenset()  # tensors that all members start from, read from one checkpoint
    auxiliary_members: int = 0  # repeats of each kind of auxiliary networks
    auxiliary_epochs: int = 0
    cycles: int = 0  # of auxiliary networks with a cyclic schedule
    long_runs: int = 0  # auxiliary networks at the cost of all members


@dataclass(frozen=True, kw_only=True)
class Shifted:
    """How test examples are corrupted; each has one corruption, the same at every severity. Severities from 1 on."""

    parts: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """Corruption -> its examples; none of one left out."""
    selections: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """What is looked at by itself and in no mean: name -> test examples as they are, bool [severity, example]."""
    selected: str = ""  # which examples these are, in words
    unit: str = "levels of 255"  # of ``change``
    change: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))  # [corruption, severity]
    share: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))  # of values that change, likewise
    there: np.ndarray = field(default_factory=lambda: np.zeros((0, 5), bool))  # whether anything comes of it, likewise
    images: int = 0  # that the effect was measured on
    source: str = "given"
    lacking: str = ""  # corruptions and severities without effect


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How networks around solutions were drawn, as far as it is known; results state it."""

    variant: str = "given"  # where their scales are from
    batch_norm: str = "given"  # whose batch-norm statistics they have
    samples: int = 1  # networks of an approach around a solution, at most
    networks: int = 1  # in every group whose divergence is compared: as many as the scarcest approach has


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Everything that analyses can use; what is absent is None or empty."""

    members: Sequence[int]  # of the independent networks, ascending
    predictions: Mapping[str, Predictions] = field(default_factory=dict[str, Predictions])  # split -> predictions
    sampled: Mapping[str, Sampled] = field(default_factory=dict[str, Sampled])  # set of examples -> those of groups
    drawing: Drawing | None = None
    shifted: Shifted = Shifted()
    other_words: str = ""  # what sets of other data are that were made from test examples
    sampling: Sampling = Sampling()
    checkpoints: Checkpoints | None = None
    context: object | None = None  # `modescape.context.StudyContext`: a network and data
    auxiliary: Mapping[str, Offered] = field(default_factory=dict[str, "Offered"])  # trained for one analysis
    training: Training = Training()
    examples: Mapping[str, int] = field(default_factory=dict[str, int])  # split -> examples, "train" too
    task: str = "classification"  # what targets are: a name of `modescape.tasks.TASKS`
    word: str = "images"  # plural noun for its examples
    target_unit: str = ""  # of a regression's targets, where it is known
    group_name: str = ""  # of the column with each example's group
    group_counts: Mapping[str, int] = field(default_factory=dict[str, int])  # split -> groups; empty: there are none
    names: Sequence[str] = ()  # of the models of `INDEPENDENT`, in their order; (): their numbers
    name_groups: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    """What belongs together, such as runs of one method -> places among ``names``; empty: nothing is said."""
    example_ids: Mapping[str, Sequence[str]] = field(
        default_factory=dict[str, Sequence[str]]
    )  # split -> names of examples
    example_parts: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    """Split -> the part of the data that each example is of, texts [example]; parts are reported one by one."""
    bare: bool = False  # predictions without confidence: a class, stored as log 1 and log 0; or a mean
    seed: int = 0  # of the streams that analyses draw from
    origin: Mapping[str, str] = field(default_factory=lambda: {"recipe_hash": "", "recipe_name": "arrays"})
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])  # approach -> who is not in it, and why
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])  # approach -> why it has no models
    named: str = "what is offered"  # the subject of messages
    unit: str = "network"  # noun for its members

    @property
    def given(self) -> bool:
        """Whether predictions of named models were given, without a study."""
        return bool(self.names)

    def provenance(self, *, examples: int, members: int, repeats: int, split: str = "test") -> dict[str, Any]:
        """The provenance that `modescape.results.make_result` records."""
        counts = {"examples": examples, "members": members, "repeats": repeats}
        about: dict[str, Any] = {}
        if self.task != "classification":
            about = {"task": self.task, "target_unit": self.target_unit}
        if self.word != "images":
            about["examples_word"] = self.word
        if self.given:
            about["given"] = 1
        if self.bare:
            about["bare"] = 1
        if groups := self.group_counts.get(split):
            about |= {"group_name": self.group_name, "groups": groups}
        return {**self.origin, "version": __version__, "seed": self.seed, **counts, **about}
