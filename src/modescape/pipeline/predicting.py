"""The prediction stage: every kept checkpoint on validation and test, a member at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from modescape import data, tree
from modescape.context import StudyContext, StudyRef
from modescape.data.dataset import Dataset
from modescape.engines import Engine
from modescape.errors import ModescapeError, WorkError
from modescape.progress import Progress
from modescape.study import Study, layout
from modescape.study.layout import SPLITS
from modescape.study.writing import PredictionWriter
from modescape.types import ModelState

TOGETHER = {"cpu": 1, "cuda": 8}  # checkpoints evaluated at a time; on a CPU one is as fast as many


@dataclass(frozen=True)
class PredictTask:
    """Predictions of one member's checkpoints: (split, row, epoch) of each."""

    study: StudyRef
    member: int
    rows: tuple[tuple[str, int, int], ...]
    images: int

    def __str__(self) -> str:
        return f"member {self.member}, prediction"


def predict_missing(study: Study, engine: Engine, progress: Progress, dataset: Dataset | None = None) -> None:
    """Predict what is not there yet, or is damaged.

    Args:
        study: the study, held by the caller.
        engine: where the work runs.
        progress: what is said.
        dataset: its data; without it, it is loaded only where a prediction is absent.

    Raises:
        WorkError: if no member is trained, or, once all others are predicted, for members whose prediction failed.
    """
    if not study.trained:
        raise WorkError(f"no member of '{study.path}' is trained; train first: {layout.run_again(study.path)}")
    tasks = predict_tasks(study, dataset)
    if not tasks:
        return
    progress.stage("predicting", sum(task.images for task in tasks), study.word)
    failures = carry_out(tasks, engine, progress)
    progress.finish()
    if failures:
        raise WorkError("\n".join(failures.values()))


def predict_tasks(study: Study, dataset: Dataset | None = None) -> list[PredictTask]:
    """The remaining predictions of a study, whose writer gives every model its row; arguments as above."""
    wanted = [(member, epoch) for member in study.trained for epoch in study.recipe.kept_epochs(member)]
    rows: dict[int, list[tuple[str, int, int]]] = {}
    if dataset is None:
        if all(_whole(study, split, wanted) for split in SPLITS):
            return []
        dataset = data.load(study.recipe.data, study.recipe.seed, task=study.recipe.task)
    for split in SPLITS:
        own = getattr(dataset, split)
        writer = PredictionWriter(study, split)
        for row, member, epoch in writer.create_or_extend(wanted, own.label.numpy(), dataset.task.predicted, own.group):
            rows.setdefault(member, []).append((split, row, epoch))
    ref, examples = StudyRef.of(study), study.manifest["examples"]
    return [
        PredictTask(ref, member, tuple(own), sum(examples[split] for split, _, _ in own))
        for member, own in sorted(rows.items())
    ]


def carry_out(tasks: Sequence[PredictTask], engine: Engine, progress: Progress) -> dict[tuple[str, int], str]:
    """Predict, of one study or of several at a time.

    Returns:
        (folder of the study, member) -> a line on why its prediction failed, in this order.
    """
    failures = {}
    for outcome in engine.map(
        predict_task,
        tasks,
        context=lambda task: task.study,
        on_event=lambda task, event: progress.advance(*event),
    ):
        if outcome.error is not None:
            progress.detail(outcome.traceback)
            failures[outcome.item.study.path, outcome.item.member] = f"{outcome.item}: {outcome.error}"
    return dict(sorted(failures.items()))


def _whole(study: Study, split: str, wanted: list[tuple[int, int]]) -> bool:
    """Whether the predictions of every wanted model are there and as they were written."""
    try:
        predictions = study.predictions(split)
        for model in wanted:
            predictions.predictive(predictions.index(*model))
    except ModescapeError:
        return False
    return True


def predict_task(context: StudyContext, task: PredictTask, report: Callable[[Any], None]) -> None:
    """Carry out a `PredictTask`; on a GPU several checkpoints go through the network together."""
    together = TOGETHER[context.device]
    with context.at_work():
        for split in SPLITS:
            rows = [(row, epoch) for where, row, epoch in task.rows if where == split]
            writer = PredictionWriter(context.study, split)
            while rows:
                try:
                    _predict(context, task.member, writer, rows[:together], report)
                except torch.OutOfMemoryError:
                    if together == 1:
                        raise
                    together //= 2
                else:
                    rows = rows[together:]


def _predict(
    context: StudyContext,
    member: int,
    writer: PredictionWriter,
    rows: list[tuple[int, int]],
    report: Callable[[Any], None],
) -> None:
    """Predict the checkpoints (row, epoch) of a member on the writer's split and write them."""
    states = [context.study.state(member, epoch) for _, epoch in rows]
    parts = (tree.stack([state.params for state in states]), tree.stack([state.buffers for state in states]))
    stacked = ModelState(*({name: tensor.to(context.device) for name, tensor in part.items()} for part in parts))
    predicted = context.evaluator(stacked, getattr(context.dataset, writer.split).inputs).cpu().numpy()
    for (row, epoch), one in zip(rows, predicted, strict=True):
        writer.write(row, one)
        report((len(one), f"member {member}, epoch {epoch}"))
