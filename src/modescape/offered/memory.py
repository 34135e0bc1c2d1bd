"""Predictions that are in memory, as what analyses take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.arrays import check_log_prob, group_codes
from modescape.errors import InputError
from modescape.offered.facts import Offered, Sampling
from modescape.offered.protocols import INDEPENDENT, LABELLED, SNAPSHOTS, TRAJECTORY, Predictions
from modescape.offered.reading import runs

SUM_ROUNDING = 4e-3  # deviation from 1 of an example's probabilities that 16-bit logarithms explain


@dataclass(frozen=True, kw_only=True)
class InMemory:
    """`Sampled` predictions in memory."""

    values: np.ndarray  # log-probabilities [model, example, class]
    label: np.ndarray
    class_names: Sequence[str]
    members: np.ndarray
    epochs: np.ndarray
    groups: Mapping[str, Sequence[int]]
    scales: np.ndarray
    steps: np.ndarray
    distance: np.ndarray
    example_group: np.ndarray | None = None

    def log_prob(self, model: int, /) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]."""
        return self.values[model].astype(np.float32, copy=False)

    def distances(self, models: Sequence[int], /) -> np.ndarray:
        """As they were given, float64 [model]."""
        return self.distance[list(models)]


def arrays(
    log_prob: Mapping[str, np.ndarray],
    label: Mapping[str, np.ndarray],
    *,
    groups: Mapping[str, Sequence[int]] | None = None,
    members: Sequence[int] | np.ndarray | None = None,
    epochs: Sequence[int] | np.ndarray | None = None,
    scales: Sequence[float] | np.ndarray | None = None,
    steps: Sequence[int] | np.ndarray | None = None,
    distances: Sequence[float] | np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    example_groups: Mapping[str, Any] | None = None,
) -> Offered:
    """Offer predictions that are in memory.

    Args:
        log_prob: split or other set of examples -> log-probabilities [model, example, class]; all are of the same
            models.
        label: the same -> true classes [example]; absent for other data.
        groups: approach -> its models; default: all are `INDEPENDENT`.
        members: the member to which each model belongs; default: each is a member of its own.
        epochs: the training step of each model; default: 0.
        scales: the setting of its approach that each model was drawn with; default: not known.
        steps: index of that setting; default: 0.
        distances: of each model from its run's solution, over the length of the weights; default: not known.
        class_names: default: "0", "1", ...
        example_groups: split or other set of examples -> what names the group of each example, such as a patient, texts
            or whole numbers [example]: intervals are then for new groups.

    Raises:
        InputError: if shapes do not fit, if log-probabilities are NaN or an example's probabilities do not sum to 1, if
            a group names a model that does not exist or names one twice, or if the independent ones name a member
            twice.
    """
    sizes = {len(values) for values in log_prob.values()}
    if len(sizes) != 1:
        raise InputError(f"the splits hold {sorted(sizes)} models; expected one split or more, of the same models")
    (models,) = sizes
    groups = {INDEPENDENT: range(models)} if groups is None else groups
    about = {
        "members": np.arange(models) if members is None else np.asarray(members, dtype=np.int64),
        "epochs": np.zeros(models, dtype=np.int64) if epochs is None else np.asarray(epochs, dtype=np.int64),
        "scales": np.full(models, np.nan) if scales is None else np.asarray(scales, dtype=np.float64),
        "steps": np.zeros(models, dtype=np.int64) if steps is None else np.asarray(steps, dtype=np.int64),
        "distance": np.full(models, np.nan) if distances is None else np.asarray(distances, dtype=np.float64),
    }
    if wrong := [name for name, values in about.items() if len(values) != models]:
        raise InputError(f"there are {models} models and {len(about[wrong[0]])} {wrong[0]}; expected one per model")
    if wrong := [name for name, group in groups.items() if any(not 0 <= model < models for model in group)]:
        raise InputError(f"group {wrong[0]!r} names models that are not there; they are 0 to {models - 1}")
    if wrong := [name for name, group in groups.items() if _repeated(group)]:
        raise InputError(f"group {wrong[0]!r} names model {_repeated(groups[wrong[0]])[0]} twice; expected it once")
    alone = about["members"][list(groups.get(INDEPENDENT, ()))].tolist()
    if _repeated(alone):
        raise InputError(f"group {INDEPENDENT!r} has member {_repeated(alone)[0]} twice; expected one model per member")
    found: dict[str, InMemory] = {}
    for split, values in log_prob.items():
        own = group_codes((example_groups or {}).get(split), np.shape(values)[1])
        found[split] = _in_memory(split, values, label, class_names, groups=groups, example_group=own, **about)
    any_one = next(iter(found.values()))
    return Offered(
        members=alone,
        predictions=found,
        sampled=found,
        sampling=_counted(any_one),
        examples={split: len(one.label) for split, one in found.items()},
        group_counts={
            split: int(one.example_group.max()) + 1 for split, one in found.items() if one.example_group is not None
        },
    )


def _counted(predictions: Predictions) -> Sampling:
    """Networks that are compared, from how many there are of each approach around a solution."""
    around = [name for name in predictions.groups if name not in (INDEPENDENT, SNAPSHOTS)]
    counts = {name: [len(models) for models in runs(predictions, name).values()] for name in around}
    every = [len(predictions.groups.get(INDEPENDENT, ())), *(count for own in counts.values() for count in own)]
    drawn = [count for name, own in counts.items() if name != TRAJECTORY for count in own]
    return Sampling(samples=max(drawn, default=1), networks=min((one for one in every if one > 1), default=1))


def _repeated(numbers: Sequence[int]) -> list[int]:
    """Those that stand there more than once."""
    return [number for number, times in Counter(numbers).items() if times > 1]


def _check_models(split: str, values: np.ndarray) -> None:
    """Check log-probabilities [model, example, class]; errors name the first model and example at fault."""
    for model, log_prob in enumerate(values):
        total = np.exp(log_prob.astype(np.float64)).sum(-1)
        wrong = np.flatnonzero(~(np.abs(total - 1) <= SUM_ROUNDING))  # NaN too
        if not len(wrong):
            continue
        place = f"model {model} on {split!r}, example {wrong[0]},"
        if np.isnan(log_prob[wrong[0]]).any():
            raise InputError(f"log_prob of {place} holds NaN; leave out what diverged")
        raise InputError(
            f"probabilities of {place} sum to {total[wrong[0]]:.4g}, expected 1: take log_softmax over the classes"
        )


def _in_memory(
    split: str, values: np.ndarray, label: Mapping[str, np.ndarray], class_names: Sequence[str] | None, **about: Any
) -> InMemory:
    """One split of `arrays`, looked at."""
    values, truth = np.asarray(values), np.asarray(label.get(split, ()))
    check_log_prob(values, "[model, example, class]", 3)
    _check_models(split, values)
    classes = values.shape[2]
    if split not in label and split not in LABELLED:
        truth = np.full(values.shape[1], -1)
    elif truth.shape != values.shape[1:2] or truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= classes:
        raise InputError(
            f"label of {split!r} is {truth.dtype} {list(truth.shape)}; expected {values.shape[1]} whole numbers, "
            f"0 to {classes - 1}"
        )
    names = [str(number) for number in range(classes)] if class_names is None else list(class_names)
    if len(names) != classes:
        raise InputError(f"there are {len(names)} class names and {classes} classes")
    return InMemory(values=values, label=truth.astype(np.int64), class_names=names, **about)
