"""The small studies of `bench/decisions.py`: networks trained here, decided on as a study of the command line is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from decisions_data import PICTURES, REGRESSIONS, Rows
from decisions_networks import CONVOLUTIONAL, NETWORKS, ONE_LAYER, Fit, Kind, Stack, loss
from decisions_truth import against

from modescape.analyses.auxiliary import LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.kinds import table_of
from modescape.decision.rules import Ending
from modescape.metrics.convergence import ending
from modescape.offered import INDEPENDENT, SNAPSHOTS, InMemory, Offered, Training

EPOCHS, KEPT = 20, 5  # parts of the training, and how many of the last ones end with a snapshot
HELD = 4000  # largest number of examples of the truth


@dataclass(frozen=True)
class Setting:
    """The settings of one study."""

    data: str
    train: int
    validation: int
    test: int
    noise: float  # share of labels drawn at random in training; for a regression, in sd of the targets
    members: int
    width: int
    steps: int  # training steps of one member
    rate: float
    long: bool  # whether longer, wider and shorter networks are candidates
    seed: int
    kind: str = "own"  # starts of the members: "own", "common" (one network, trained before), or "given", an import
    network: str = ONE_LAYER  # of `NETWORKS`

    @property
    def numbers(self) -> bool:
        """Whether it is a regression."""
        return self.data in REGRESSIONS

    def kind_of(self, split: Mapping[str, Rows]) -> Kind:
        """The members' networks."""
        outputs = 2 if self.numbers else int(max(rows[1].max() for rows in split.values())) + 1
        return Kind(self.network, split["train"][0].shape[1], self.width, outputs)


def trained(
    members: int, kind: Kind, steps: int, one: Setting, split: dict[str, Rows], seed: int, start: Stack | None = None
) -> Iterator[Stack]:
    """Networks after each of `EPOCHS` parts of their training; given ones have a learning rate each."""
    random = np.random.default_rng((one.seed, seed))
    stack = Stack.drawn(kind, members, random)
    if start is not None:
        stack = Stack(kind, np.repeat(start.rows, members, 0))
    return Fit(steps, one.rate, EPOCHS, one.numbers, one.kind == "given")(stack, *split["train"], random)


class Weights:
    """Stub checkpoints that only know the number of weights."""

    def __init__(self, count: int) -> None:
        self.count = count

    def solution(self, member: int) -> Any:
        """A solution in which only the number of weights counts."""
        from modescape.types import ModelState

        return ModelState({"weights": torch.empty(self.count, device="meta")}, {})


@dataclass
class Averages:
    """Averages of weights evaluated on features, with the interface that `modescape decide` expects."""

    stacks: list[Stack]  # of the last parts of the training
    sets: dict[str, np.ndarray]  # set of examples -> features
    known: np.ndarray  # features of the training examples
    numbers: bool
    aligned: Stack | None = None
    asked: bool = False  # whether alignment was tried already

    def of_run(self, member: int) -> dict[str, np.ndarray] | None:
        """The mean of a run's last weights."""
        if len(self.stacks) < 2:
            return None
        every = Stack(self.stacks[0].kind, np.stack([stack.rows[member] for stack in self.stacks]))
        return self._said(every.averaged(range(len(every.rows))))

    def of_members(self, members: Sequence[int], aligned: bool) -> dict[str, np.ndarray] | None:
        """The mean weights of members; None where they cannot be aligned."""
        if aligned and not self.asked:
            self.aligned, self.asked = self.stacks[-1].in_one_order(), True
        every = self.aligned if aligned else self.stacks[-1]
        return None if every is None else self._said(every.averaged(members))

    def _said(self, mean: Stack) -> dict[str, np.ndarray]:
        return {name: mean.said(features, self.known, self.numbers)[0] for name, features in self.sets.items()}


def offered_of(
    parts: dict[str, np.ndarray], split: dict[str, Rows], epochs: np.ndarray, one: Setting, **more: Any
) -> Offered:
    """What a study offers of networks [epoch, member], the last of which are the solutions."""
    kept, members = len(epochs), parts["test"].shape[1]
    models = np.arange(kept * members).reshape(kept, members)
    groups = {INDEPENDENT: models[-1].tolist()}
    if kept > 1:
        groups[SNAPSHOTS] = models.T.ravel().tolist()
    numbers = one.numbers
    nothing = {name: np.zeros(kept * members) for name in ("scales", "steps", "distance")}
    predictions = {
        name: InMemory(
            values=values.reshape(-1, *values.shape[2:]),
            label=split[name][1][:, None] if numbers else split[name][1],
            class_names=["y"] if numbers else [str(label) for label in range(values.shape[-1])],
            members=np.tile(np.arange(members), kept),
            epochs=np.repeat(epochs, members),
            groups=groups,
            **nothing,
        )
        for name, values in parts.items()
    }
    counts = {name: len(rows[1]) for name, rows in split.items()}
    task = "regression" if numbers else "classification"
    return Offered(members=list(range(members)), predictions=predictions, examples=counts, task=task, **more)


def networks(one: Setting, split: dict[str, Rows], sets: dict[str, str]) -> tuple[Offered, Ending, list[Stack]]:
    """Members and networks of equal cost on sets of examples; how training ended; the members' last weights.

    Args:
        one: the study.
        split: examples of every part.
        sets: a study's name for a set of examples -> the part of the split that it is.
    """
    own, known, kind = {name: split[of] for name, of in sets.items()}, split["train"][0], one.kind_of(split)

    def run(members: int, kind: Kind, steps: int, seed: int, keep: int, last: int, **more: Any) -> Offered:
        held: dict[str, list[np.ndarray]] = {name: [] for name in own}
        losses: list[np.ndarray] = []
        weights: list[Stack] = []
        made = trained(members, kind, steps, one, split, seed, start if kind.width == one.width else None)
        for epoch, stack in enumerate(made, start=1):
            features, target = own["validation"]
            losses.append(loss(stack.said(features, known, one.numbers), target, one.numbers))
            if epoch > EPOCHS - keep:
                weights.append(Stack(kind, stack.rows.copy()))
                for name, (features, _) in own.items():
                    held[name].append(stack.said(features, known, one.numbers))
        curves.append(np.array(losses).T)
        ends.append(weights)
        parts = {name: np.stack(values) for name, values in held.items()}
        epochs = np.arange(last - keep + 1, last + 1)
        return offered_of(parts, own, epochs, one, checkpoints=Weights(kind.weights), **more)

    curves: list[np.ndarray] = []
    ends: list[list[Stack]] = []
    start = _start(one, split)
    about = Training(members=one.members, epochs=EPOCHS, long_runs=1, starts_equal=start is not None)
    members = run(one.members, kind, one.steps, 0, KEPT, EPOCHS)
    found = ending(curves[0])
    others = {}
    if one.kind == "given":
        names = [f"network {number}" for number in range(one.members)]
        return replace(members, names=names), Ending(), ends[0]
    if one.long:
        short = EPOCHS // one.members
        others = {
            LONG_RUN: run(1, kind, one.steps * one.members, 1, 1, EPOCHS * one.members),
            **({} if start else {WIDE: run(1, kind.wider(one.members), one.steps, 2, 1, EPOCHS)}),
            SHORT: run(one.members, kind, max(one.steps * short // EPOCHS, EPOCHS), 3, 1, short),
        }
        lengths = {LONG_RUN: EPOCHS * one.members, WIDE: EPOCHS, SHORT: short}
        others = {
            name: replace(other, training=Training(members=len(other.members), epochs=lengths[name]))
            for name, other in others.items()
        }
    falling = sum(str(state) == "falling" for state in np.atleast_1d(found.state))
    return replace(members, training=about, auxiliary=others), Ending(falling=falling, members=one.members), ends[0]


def _start(one: Setting, split: dict[str, Rows]) -> Stack | None:
    """A network trained on half of the examples, from which members start; half of the given ones do."""
    if one.kind == "own" or (one.kind == "given" and one.seed % 2):
        return None
    half = {**split, "train": (split["train"][0][: one.train // 2], split["train"][1][: one.train // 2])}
    *_, last = trained(1, one.kind_of(split), one.steps, replace(one, kind="own"), half, 9)
    return last


def split_of(one: Setting, rows: Rows) -> dict[str, Rows]:
    """Examples for training, validation, test and the truth, scaled by the statistics of the training set."""
    random = np.random.default_rng(one.seed)
    order = random.permutation(len(rows[0]))
    ends = np.cumsum([one.train, one.validation, one.test, HELD])
    parts = np.split(order, ends[:-1])
    parts[3] = parts[3][:HELD]
    features = (rows[0] - rows[0][parts[0]].mean(0)) / (rows[0][parts[0]].std(0) + 1e-6)
    features = np.clip(features, -5, 5)
    target = rows[1].copy()
    if one.numbers:
        target = (target - target[parts[0]].mean()) / target[parts[0]].std()
        target[parts[0]] += one.noise * random.normal(0, 1, one.train)
    else:
        wrong = random.random(one.train) < one.noise
        target[parts[0]] = np.where(wrong, random.integers(0, target.max() + 1, one.train), target[parts[0]])
    names = ("train", "validation", "test", "held")
    return {name: (features[part], target[part]) for name, part in zip(names, parts, strict=True)}


def setting(number: int, seed: int, sources: dict[str, Rows], only: str = "") -> Setting:
    """The settings of one study; data sets take turns.

    Args:
        number: of the study.
        seed: of all studies.
        sources: data sets by name.
        only: the network of all studies; by default each draws one, for pictures a convolutional one half of the time.
    """
    random = np.random.default_rng((seed, number))
    name = list(sources)[number % len(sources)]
    rows = len(sources[name][0])
    train = int(min(random.choice([60, 150, 400, 1000]), 0.35 * rows))
    validation = int(min(random.choice([50, 150, 400]), 0.12 * rows))
    test = int(min(random.choice([200, 500, 1000, 2000]), 0.23 * rows))
    one = Setting(
        data=name,
        train=train,
        validation=max(validation, 20),
        test=test,
        noise=float(random.choice([0.0, 0.0, 0.1, 0.3])),
        members=int(random.choice([3, 5, 8])),
        width=int(random.choice([8, 32, 128])),
        steps=int(random.choice([40, 150, 500, 1500])),
        rate=float(random.choice([1e-3, 5e-3, 2e-2])),
        long=bool(random.random() < 0.75),
        seed=1000 * seed + number,
        kind=str(random.choice(["own", "own", "own", "common", "given"])),
    )
    if only:
        return replace(one, network=only)
    one = replace(one, steps=int(random.choice([40, 120, 360])))  # deeper networks cost more a step
    if name in PICTURES and random.random() < 0.5:
        return replace(one, network=str(random.choice(CONVOLUTIONAL)), width=int(random.choice([2, 4, 8])))
    dense = [kind for kind in NETWORKS if kind not in CONVOLUTIONAL]
    return replace(one, network=str(random.choice(dense)), width=int(random.choice([8, 32, 64])))


def judged(one: Setting, rows: Rows) -> dict[str, Any]:
    """Judge the advice of one study against the truth."""
    split = split_of(one, rows)
    both = {"validation": "validation", "test": "test", "held": "held"}
    every, falling, ends = networks(one, split, both)
    tables, averages = [], Averages(ends, {}, split["train"][0], one.numbers)
    for name in ("test", "held"):
        averages.sets = {"validation": split["validation"][0], "test": split[name][0]}
        tables.append(table_of(_judged_on(every, name), averages))
    return {**one.__dict__, "held": len(split["held"][1]), **against(tables[0], tables[1], falling)}


def _judged_on(every: Offered, name: str) -> Offered:
    """The same networks, with one of the sets as their test examples."""
    sets = {"validation": every.predictions["validation"], "test": every.predictions[name]}
    auxiliary = {folder: _judged_on(one, name) for folder, one in every.auxiliary.items()}
    return replace(every, predictions=sets, auxiliary=auxiliary)
