"""The interfaces that analyses use: predictions, sampled networks, and checkpoints, of any origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from modescape.types import ModelState

INDEPENDENT = "independent"  # approach: the solutions of independent members, in the order of `Offered.members`
SNAPSHOTS = "snapshots"  # approach: the last checkpoints of every such member, each member's together and in order
LABELLED = ("test", "validation")  # sets that must have labels
TRAJECTORY = "trajectory"  # approach: all checkpoints of the members that keep all, likewise


class Predictions(Protocol):
    """Each model's predictions on one split; lazy, one model in memory at a time."""

    @property
    def label(self) -> np.ndarray:
        """True classes, int64 [example]; of a regression targets, float64 [example, output]."""
        ...

    @property
    def example_group(self) -> np.ndarray | None:
        """Number of each example's group, int64 [example] (`modescape.arrays.group_codes`); None: each its own.

        Intervals resample groups.
        """
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """Names, [class]; of a regression those of its outputs."""
        ...

    @property
    def members(self) -> np.ndarray:
        """The member to which each model belongs, int64 [model]."""
        ...

    @property
    def epochs(self) -> np.ndarray:
        """The training step of each model, int64 [model]."""
        ...

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """Approach -> its models, such as `INDEPENDENT`."""
        ...

    def log_prob(self, model: int, /) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]; or another task's predictions, [example, width].

        For a regression these are means, then log-variances, [example, 2 x output].
        """
        ...


@runtime_checkable
class InBlocks(Protocol):
    """Predictions of which some examples are read without the others, such as those of large files."""

    def log_prob_of(self, model: int, examples: slice, /) -> np.ndarray:
        """`Predictions.log_prob` of these examples alone."""
        ...


class Sampled(Predictions, Protocol):
    """Predictions of several networks of each approach on one set of examples, with facts about the networks.

    Approaches are those of `modescape.methods.METHODS` or any other name; `INDEPENDENT` holds the solution of each run
    used. Models have the same numbers on every set.
    """

    @property
    def scales(self) -> np.ndarray:
        """The setting of its approach that a model was drawn with, in the approach's unit, float64 [model] or NaN."""
        ...

    @property
    def steps(self) -> np.ndarray:
        """Which setting of its approach that is, int64 [model]; 0 where there is one."""
        ...

    def distances(self, models: Sequence[int], /) -> np.ndarray:
        """Distances from the run's solution over the length of its weights, float64 [model]; NaN where not known."""
        ...


class Drawing(Protocol):
    """Facts about sampled networks that need their weights and the network."""

    def scale(self, approach: str, /) -> float | None:
        """The setting with which an approach is compared with others."""
        ...

    def distance(self, approach: str, /) -> float | None:
        """Root mean square distance of its networks from the solution over the length of the weights."""
        ...

    def control(self, approach: str, on: str, baseline: np.ndarray, /) -> float:
        """Largest difference of probabilities between an approach's network at distance 0 and the first solution.

        Args:
            approach: one of those around a solution.
            on: name of the set of examples.
            baseline: the first solution's log-probabilities there, [example, class].
        """
        ...

    def level(self) -> float:
        """The common distance of the groups at one distance, over the length of the solution's weights."""
        ...

    def has_batch_norm(self) -> bool:
        """Whether the network has batch-norm layers with running statistics."""
        ...

    def two_statistics(self, member: int, on: str, /) -> np.ndarray:
        """A member's solution with its stored batch-norm statistics and with recomputed ones, [2, example, class]."""
        ...

    def barriers(self, models: Sequence[int], /, *, examples: int, points: int) -> np.ndarray:
        """Barriers of the training loss on straight lines from the first solution to models, nats, float64 [model].

        Args:
            models: numbers of sampled models.
            examples: training examples, from the first on.
            points: positions on each line.
        """
        ...

    def best(self) -> str:
        """The approach with the lowest validation NLL."""
        ...


class Checkpoints(Protocol):
    """Weights of each member at each kept step, and its training history."""

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
