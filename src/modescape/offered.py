"""What an analysis takes: predictions, checkpoints, a network with data; of a study, of files or arrays alike.

The protocols say what is asked for and nothing of where it comes from. `arrays` offers predictions that are in memory;
a study offers all three (`modescape.study.offering`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from modescape.arrays import check_log_prob
from modescape.errors import InputError
from modescape.version import __version__

if TYPE_CHECKING:
    from modescape.types import ModelState

INDEPENDENT = "independent"  # approach: the solutions of independent members, in the order of `Offered.members`
SNAPSHOTS = "snapshots"  # approach: the last checkpoints of every such member, each member's together and in order
TRAJECTORY = "trajectory"  # approach: all checkpoints of the members that keep all, likewise


class Predictions(Protocol):
    """What each model says on each example of one split; lazy, so that one model is in memory at a time."""

    @property
    def label(self) -> np.ndarray:
        """True classes, int64 [example]."""
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """Names, [class]."""
        ...

    @property
    def members(self) -> np.ndarray:
        """The member that each model is of, int64 [model]."""
        ...

    @property
    def epochs(self) -> np.ndarray:
        """The step of its training at which each model was, int64 [model]."""
        ...

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """Approach -> its models, such as `INDEPENDENT`."""
        ...

    def log_prob(self, model: int, /) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]."""
        ...


class Checkpoints(Protocol):
    """Weights of each member at each step that was kept, and the course of its training."""

    @property
    def members(self) -> Sequence[int]:
        """Numbers of the members, ascending."""
        ...

    @property
    def normalization(self) -> Collection[str]:
        """Names of the parameters of normalisation layers."""
        ...

    def steps(self, member: int) -> Sequence[int]:
        """Steps of a member that are kept, ascending; 0 is the initialisation, the last one the solution."""
        ...

    def state(self, member: int, step: int) -> ModelState:
        """Parameters and buffers at a step, on the CPU."""
        ...

    def solution(self, member: int) -> ModelState:
        """The same at the last step."""
        ...

    def history(self, member: int) -> Mapping[str, np.ndarray]:
        """Columns "epoch", "lr" and of losses and accuracies, one entry an epoch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the networks were trained, as far as it is known: what results state, and auxiliary networks follow."""

    members: int = 0  # that were asked for
    epochs: int = 0
    optimizer: str = ""
    starts_equal: bool = False  # whether two seeds make the same initial weights
    auxiliary_members: int = 0  # repeats of each kind of auxiliary networks
    auxiliary_epochs: int = 0
    cycles: int = 0  # of auxiliary networks with a cyclic schedule
    long_runs: int = 0  # auxiliary networks at the cost of all members


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What there is for analyses to look at; what is absent is None or empty."""

    members: Sequence[int]  # of the independent networks, ascending
    predictions: Mapping[str, Predictions] = field(default_factory=dict)  # split -> predictions
    checkpoints: Checkpoints | None = None
    context: object | None = None  # `modescape.context.StudyContext`: a network and data
    auxiliary: Mapping[str, Offered] = field(default_factory=dict)  # networks that were trained for one analysis
    training: Training = Training()
    examples: Mapping[str, int] = field(default_factory=dict)  # split -> examples, "train" too
    seed: int = 0  # of the streams that analyses draw from
    origin: Mapping[str, str] = field(default_factory=lambda: {"recipe_hash": "", "recipe_name": "arrays"})
    left_out: Mapping[str, str] = field(default_factory=dict)  # approach -> who is not among its models, and why
    reasons: Mapping[str, str] = field(default_factory=dict)  # approach -> why it has no models
    named: str = "what is offered"  # the subject of messages
    unit: str = "network"  # what its members are called there

    def provenance(self, *, examples: int, members: int, repeats: int) -> dict[str, Any]:
        """What `modescape.results.make_result` records."""
        counts = {"examples": examples, "members": members, "repeats": repeats}
        return {**self.origin, "version": __version__, "seed": self.seed, **counts}


@dataclass(frozen=True, kw_only=True)
class InMemory:
    """`Predictions` that are there already."""

    values: np.ndarray  # log-probabilities [model, example, class]
    label: np.ndarray
    class_names: Sequence[str]
    members: np.ndarray
    epochs: np.ndarray
    groups: Mapping[str, Sequence[int]]

    def log_prob(self, model: int, /) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]."""
        return self.values[model].astype(np.float32, copy=False)


def arrays(
    log_prob: Mapping[str, np.ndarray],
    label: Mapping[str, np.ndarray],
    *,
    groups: Mapping[str, Sequence[int]] | None = None,
    members: Sequence[int] | None = None,
    epochs: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
) -> Offered:
    """Offer predictions that are in memory.

    Args:
        log_prob: split -> log-probabilities [model, example, class]; all splits are of the same models.
        label: split -> true classes [example].
        groups: approach -> its models; default: all of them are `INDEPENDENT`.
        members: the member that each model is of; default: each is its own.
        epochs: the step of its training at which each model was; default: 0.
        class_names: default: "0", "1", ...

    Raises:
        InputError: if shapes do not fit each other, or a group names a model that is not there.
    """
    sizes = {len(values) for values in log_prob.values()}
    if len(sizes) != 1:
        raise InputError(f"the splits hold {sorted(sizes)} models; expected one split or more, of the same models")
    (models,) = sizes
    groups = {INDEPENDENT: range(models)} if groups is None else groups
    who = np.arange(models) if members is None else np.asarray(members, dtype=np.int64)
    when = np.zeros(models, dtype=np.int64) if epochs is None else np.asarray(epochs, dtype=np.int64)
    if len(who) != models or len(when) != models:
        raise InputError(f"there are {models} models, {len(who)} members and {len(when)} epochs; expected one a model")
    if wrong := [name for name, group in groups.items() if any(not 0 <= model < models for model in group)]:
        raise InputError(f"group {wrong[0]!r} names models that are not there; they are 0 to {models - 1}")
    found: dict[str, Predictions] = {}
    for split, values in log_prob.items():
        found[split] = _in_memory(split, values, label, class_names, members=who, epochs=when, groups=groups)
    return Offered(
        members=[int(who[model]) for model in groups.get(INDEPENDENT, ())],
        predictions=found,
        examples={split: len(one.label) for split, one in found.items()},
    )


def _in_memory(
    split: str, values: np.ndarray, label: Mapping[str, np.ndarray], class_names: Sequence[str] | None, **about: Any
) -> InMemory:
    """One split of `arrays`, looked at."""
    values, truth = np.asarray(values), np.asarray(label.get(split, ()))
    check_log_prob(values, "[model, example, class]", 3)
    classes = values.shape[2]
    if truth.shape != values.shape[1:2] or truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= classes:
        raise InputError(
            f"label of {split!r} is {truth.dtype} {list(truth.shape)}; expected {values.shape[1]} whole numbers, "
            f"0 to {classes - 1}"
        )
    names = [str(number) for number in range(classes)] if class_names is None else list(class_names)
    if len(names) != classes:
        raise InputError(f"there are {len(names)} class names and {classes} classes")
    return InMemory(values=values, label=truth.astype(np.int64), class_names=names, **about)


def stacked(predictions: Predictions, models: Sequence[int], examples: slice | None = None) -> np.ndarray:
    """Log-probabilities of several models, float32 [model, example, class]; beside them one model is in memory."""
    wanted = slice(None) if examples is None else examples
    count = len(range(*wanted.indices(len(predictions.label))))
    out = np.empty((len(models), count, len(predictions.class_names)), dtype=np.float32)
    for position, model in enumerate(models):
        out[position] = predictions.log_prob(int(model))[wanted]
    return out


def runs(predictions: Predictions, approach: str, last: int | None = None) -> dict[int, list[int]]:
    """Member -> its models of an approach, in order.

    Args:
        predictions: of a split.
        approach: `SNAPSHOTS` or `TRAJECTORY`; of networks without snapshots each solution is its own run.
        last: at most so many, from the end.
    """
    groups, found = predictions.groups, {}
    if approach == SNAPSHOTS and SNAPSHOTS not in groups:
        approach = INDEPENDENT
    for model in groups.get(approach, ()):
        found.setdefault(int(predictions.members[model]), []).append(int(model))
    return {member: models if last is None else models[-last:] for member, models in found.items()}


def model_of(predictions: Predictions, member: int, epoch: int) -> int:
    """The model that a member was at an epoch.

    Raises:
        InputError: if it was not predicted.
    """
    found = np.flatnonzero((predictions.members == member) & (predictions.epochs == epoch))
    if not len(found):
        raise InputError(f"there are no predictions of member {member} at epoch {epoch}")
    return int(found[0])
