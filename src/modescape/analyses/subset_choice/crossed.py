"""Choices on all folds but one, scored on that one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modescape.analyses.averaging import Averages, as_mean
from modescape.metrics.choosing import Chosen, exact, greedy, widened
from modescape.metrics.crossed import Estimate
from modescape.metrics.scoring import Scoring
from modescape.metrics.weights import Weights, mixture_weights

GREEDY, EXACT = "greedy", "exact"


class Procedure:
    """Scores what was chosen without each part, on that part.

    Args:
        found: losses of averages.
        scoring: of the task.
        factor: see `modescape.metrics.choosing.widened`.
    """

    def __init__(self, found: Averages, scoring: Scoring, factor: float) -> None:
        self.found, self.scoring, self.factor = found, scoring, factor
        models = next(iter(found.losses.values())).models
        whole, each = np.ones((1, models)), np.eye(models)
        self.everything = found.estimates({name: one.example(whole)[0] for name, one in found.losses.items()}, scoring)
        self.single = found.estimates({name: one.example(each).mean(0) for name, one in found.losses.items()}, scoring)

    def scored(self, loss: dict[str, np.ndarray]) -> Estimate:
        """Scores of what was chosen, from its loss on each example."""
        own = self.found.estimates(loss, self.scoring)
        steady = [self.everything.example, self.single.example]
        return replace(own, example=widened(own.example, steady, self.factor))


@dataclass(frozen=True)
class Choice:
    """Subsets of every size, chosen by one score."""

    masks: np.ndarray  # chosen without each part, bool [part, size, model]
    best: np.ndarray  # index of the size that is best where it was chosen, [part]
    loss: dict[str, np.ndarray]  # score -> loss of them on all examples, [part, size, example]
    part: np.ndarray  # of each example
    final: Chosen  # chosen on all examples

    @property
    def share(self) -> np.ndarray:
        """Share of the parts without which each model is in the best subset of any size, [model]."""
        return self.masks[np.arange(len(self.best)), self.best].mean(0)

    def of_size(self, size: int) -> dict[str, np.ndarray]:
        """Score -> loss of each example, of the subset of a size (from 0 on) chosen without its part."""
        at = np.arange(len(self.part))
        return {name: one[self.part, size, at] for name, one in self.loss.items()}

    def of_best(self) -> dict[str, np.ndarray]:
        """Score -> loss of each example, for the size that is best where it was chosen."""
        at = np.arange(len(self.part))
        return {name: one[self.part, self.best[self.part], at] for name, one in self.loss.items()}

    def chosen_on(self, found: Averages, size: int | None) -> np.ndarray:
        """Scores on the examples that were chosen on, mean over the parts; of a size, or of the best one; [metric]."""
        rows = []
        for left, best in enumerate(self.best):
            place = int(best) if size is None else size
            rows.append([one[left, place, self.part != left].mean() for one in self.loss.values()])
        means = np.array(rows)
        return np.array([as_mean(name, means[:, at]).mean() for at, name in enumerate(found.losses)])


def choices(found: Averages, part: np.ndarray, metric: str, approach: str) -> Choice:
    """Choose by one score, without each part and on all examples.

    Args:
        found: losses of averages.
        part: of each example.
        metric: the score that chooses.
        approach: `GREEDY` or `EXACT`.
    """
    losses, parts = found.losses[metric], int(part.max()) + 1
    without = ~np.eye(parts, dtype=bool)
    if approach == EXACT:
        choose = exact(losses, part)
        made, final = [choose(kept) for kept in without], choose(np.ones(parts, dtype=bool))
    else:
        made = [greedy(losses, kept[part].astype(np.float64)) for kept in without]
        final = greedy(losses, np.ones(len(part)))
    masks = np.stack([one.masks for one in made])
    rows = masks.reshape(-1, masks.shape[2])
    loss = {name: one.example(rows).reshape(*masks.shape[:2], -1) for name, one in found.losses.items()}
    return Choice(masks, np.array([one.best for one in made]), loss, part, final)


def weighted(found: Averages, part: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray, Weights]:
    """Weighted averages, weights fitted without each part.

    Returns:
        Score -> loss of each example with weights of the other parts; scores where they were fitted, mean over the
        parts, [metric]; weights fitted on all examples.
    """
    log_likelihood = found.log_likelihood
    assert log_likelihood is not None
    parts = int(part.max()) + 1
    weight = np.stack([mixture_weights(log_likelihood[:, part != left]).weight for left in range(parts)])
    loss = {name: one.example(weight) for name, one in found.losses.items()}
    means = [[as_mean(name, one[left, part != left].mean()) for name, one in loss.items()] for left in range(parts)]
    at = np.arange(len(part))
    own = {name: one[part, at] for name, one in loss.items()}
    return own, np.mean(means, 0), mixture_weights(log_likelihood)
