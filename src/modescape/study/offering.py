"""A study as the input of analyses: predictions, checkpoints and auxiliary networks, each read lazily."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modescape.arrays import group_codes
from modescape.offered import INDEPENDENT, SNAPSHOTS, TRAJECTORY, Offered, Sampling, Training
from modescape.study import layout
from modescape.study.study import Study

if TYPE_CHECKING:
    from modescape.offered import Predictions as PredictionsOf
    from modescape.study.predictions import Predictions
    from modescape.types import ModelState

REASONS = {  # status of a member -> why it is left out
    "missing": "not trained yet",
    "training": "not trained to the end yet",
    "diverged": "diverged at epoch {epoch}",
    "failed": "failed after epoch {epoch}",
}


def offer(study: Study, context: object | None = None) -> Offered:
    """Offer a study to analyses.

    Args:
        study: the study.
        context: its `StudyContext`, for analyses that run networks.
    """
    recipe, members = study.recipe, study.trained
    kept = {member for member in members if member < recipe.train.trajectories}
    counts = recipe.train.trajectories
    imported, weights_alone = recipe.imported is not None, not has_network(study)
    none = "the recipe keeps none (train.trajectories: 0)" if not counts else "none of those members is trained"
    if imported and not counts:
        none = "one checkpoint of each was imported"
    return Offered(
        members=members,
        predictions={} if weights_alone else _Splits(study, members),
        checkpoints=StudyCheckpoints(study, members),
        sampling=Sampling(
            variant=recipe.subspace.variant,
            batch_norm=recipe.subspace.batch_norm,
            samples=recipe.subspace.samples,
            networks=networks_compared(study),
        ),
        context=None if weights_alone else context,
        auxiliary={} if imported else _Auxiliary(study),
        training=Training(
            members=recipe.train.members,
            epochs=recipe.train.epochs,
            optimizer="" if imported else recipe.train.optimizer,
            learning_rate=0.0 if imported else recipe.train.learning_rate,
            starts_equal=bool(study.manifest.get("network", {}).get("starts_equal")),
            start=frozenset(study.manifest.get("start", {}).get("taken", ())),
            auxiliary_members=recipe.variants.members,
            auxiliary_epochs=recipe.auxiliary_epochs(),
            cycles=recipe.variants.cycles,
            long_runs=recipe.variants.long_runs,
        ),
        examples=study.manifest.get("examples", {}),
        names=[recipe.imported.names[member] for member in members] if recipe.imported is not None else (),
        task=study.task.kind,
        word=study.word,
        target_unit=getattr(study.task, "unit", ""),
        group_name=study.manifest.get("groups", {}).get("name", ""),
        group_counts=study.manifest.get("groups", {}).get("counts", {}),
        seed=study.manifest["seed"],
        origin={"recipe_hash": study.recipe_hash, "recipe_name": recipe.name},
        left_out=left_out(study),
        reasons={} if kept else {TRAJECTORY: none},
        named="this study",
        unit="trained member",
    )


def has_network(study: Study) -> bool:
    """Whether a study's weights can be run on examples: not if weights were imported without a network."""
    imported = study.recipe.imported
    return imported is None or imported.network


def last_epochs(study: Study, at_most: int) -> list[int]:
    """The last epochs that every member keeps, ascending: the snapshots of a run; never its initialisation."""
    train = study.recipe.train
    if study.recipe.imported is not None:
        return [epoch for epoch in study.recipe.imported.epochs if epoch][-at_most:]
    count = min(at_most, train.keep_last, train.epochs)
    return list(range(train.epochs - count + 1, train.epochs + 1))


def networks_compared(study: Study) -> int:
    """Number of networks in every Jensen-Shannon column: ``subspace.samples``, or as many as the scarcest method has.

    The divergence of M networks is at most ln M, so M must be the same for all. There are as many solutions as members
    (of ``subspace.runs``), and as many checkpoints of one run as are kept.
    """
    wanted, runs = study.recipe.subspace.samples, min(len(study.trained), study.recipe.subspace.runs)
    scarce = [count for count in (runs, len(last_epochs(study, wanted))) if count >= 2]
    return min([wanted, *scarce])


def left_out(study: Study) -> dict[str, str]:
    """Approach -> which of the recipe's members are not in its results, and why; "" when all are."""
    train, members = study.recipe.train, study.members
    expected = {INDEPENDENT: train.members, TRAJECTORY: min(train.members, train.trajectories)}
    return {
        approach: "; ".join(
            f"member {member.number}: {REASONS[member.status].format(epoch=member.epochs_done)}"
            for member in members
            if member.status in REASONS and member.number < count
        )
        for approach, count in expected.items()
    }


@dataclass(frozen=True)
class StudyCheckpoints:
    """The checkpoints of a study's trained members, as `modescape.offered.Checkpoints`."""

    study: Study
    members: Sequence[int]

    @property
    def normalization(self) -> Collection[str]:
        """Names of the parameters of normalisation layers."""
        return self.study.manifest["model"].get("normalization", ())

    def steps(self, member: int) -> list[int]:
        """Epochs of a member that are kept."""
        return list(self.study.recipe.kept_epochs(member))

    def state(self, member: int, step: int) -> ModelState:
        """Parameters and buffers after an epoch; see `Study.state`."""
        return self.study.state(member, step)

    def solution(self, member: int) -> ModelState:
        """Parameters and buffers after the last epoch."""
        return self.study.state(member, self.study.recipe.train.epochs)

    def history(self, member: int) -> dict[str, np.ndarray]:
        """Columns of the member's ``history.csv``."""
        return self.study.member(member).history()


class StudyPredictions:
    """The predictions of one split of a study, as `modescape.offered.Predictions`."""

    def __init__(self, study: Study, split: str, trained: Sequence[int]) -> None:
        """Open for reading.

        Raises:
            InputError: if there are none yet.
            WorkError: if the store is damaged.
        """
        self._study, self._trained, self._stored = study, trained, study.predictions(split)
        self._split = split

    @property
    def label(self) -> np.ndarray:
        """True classes, int64 [example]; of a regression targets, float64 [example, output]."""
        return self._stored.label

    @functools.cached_property
    def example_group(self) -> np.ndarray | None:
        """The number of each example's group, int64 [example]; None where each stands for itself."""
        return group_codes(self._stored.group, len(self.label))

    @property
    def class_names(self) -> list[str]:
        """Names, [class]."""
        return self._stored.class_names

    @property
    def members(self) -> np.ndarray:
        """The member of each model, int64 [model]."""
        return self._stored.members

    @property
    def epochs(self) -> np.ndarray:
        """The epoch of each model, int64 [model]."""
        return self._stored.epochs

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """Approach -> rows of the store, looked up when they are asked for.

        Raises:
            InputError: from its items, if a checkpoint that belongs there was not predicted.
        """
        train = self._study.recipe.train
        kept = [member for member in self._trained if member < train.trajectories]
        return _Groups(
            self._stored,
            {
                INDEPENDENT: (self._trained, [train.epochs]),
                SNAPSHOTS: (self._trained, last_epochs(self._study, train.keep_last)),
                TRAJECTORY: (kept, self._study.recipe.kept_epochs(kept[0]) if kept else []),
            },
        )

    def log_prob(self, model: int, /) -> np.ndarray:
        """One model's prediction, float32 [example, width], completed from validation examples if its task needs it."""
        found, member, epoch = self._stored.predictive(model), int(self.members[model]), int(self.epochs[model])
        return completed(self._study, found, member, epoch, self._stored if self._split == "validation" else None)

    def log_prob_of(self, model: int, examples: slice, /) -> np.ndarray:
        """See `modescape.offered.InBlocks`."""
        if self._study.task.needs_validation:
            return self.log_prob(model)[examples]
        return self._stored.predictive_of(model, examples)


def completed(
    study: Study, found: np.ndarray, member: int, epoch: int, validation: Predictions | None = None
) -> np.ndarray:
    """A member's prediction at an epoch, completed from its predictions on validation examples if the task needs it.

    Args:
        study: the study.
        found: the network's prediction, [example, width].
        member: its number.
        epoch: of the checkpoint.
        validation: predictions of validation examples, if already open.
    """
    if not study.task.needs_validation:
        return found
    others = study.predictions("validation") if validation is None else validation
    return study.task.completed(found, others.predictive(others.index(member, epoch)), others.label)


@dataclass(frozen=True)
class _Groups(Mapping[str, Sequence[int]]):
    """Approach -> rows of each member's epochs, one member after another."""

    stored: Predictions
    models: Mapping[str, tuple[Sequence[int], Sequence[int]]]  # approach -> members, epochs of each

    def __getitem__(self, approach: str) -> list[int]:
        members, epochs = self.models[approach]
        return [self.stored.index(member, epoch) for member in members for epoch in epochs]

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)


@dataclass(frozen=True)
class _Splits(Mapping[str, "PredictionsOf"]):
    """Split -> its predictions, opened when they are asked for."""

    study: Study
    trained: Sequence[int]

    def __getitem__(self, split: str) -> StudyPredictions:
        if split not in layout.SPLITS:
            raise KeyError(split)
        return StudyPredictions(self.study, split, self.trained)

    def __contains__(self, split: object) -> bool:
        return split in layout.SPLITS

    def __iter__(self) -> Iterator[str]:
        return iter(layout.SPLITS)

    def __len__(self) -> int:
        return len(layout.SPLITS)


@dataclass(frozen=True)
class _Auxiliary(Mapping[str, Offered]):
    """Folder under ``variants/`` -> what its networks offer.

    Raises:
        InputError: on a folder whose networks were not trained yet.
    """

    study: Study

    def __getitem__(self, folder: str) -> Offered:
        return offer(self.study.auxiliary(folder))

    def __iter__(self) -> Iterator[str]:
        return iter(layout.auxiliary(self.study.path))

    def __len__(self) -> int:
        return len(layout.auxiliary(self.study.path))
