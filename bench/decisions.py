"""How often the advice of `modescape decide` is right: many small studies against the truth on a large held-out set.

Each study draws a data set, its sizes, noise in its labels, a network, and how long it is trained; trains members (two
layers, Adam, all of them stacked), one network as long as all of them, one wider and as many shorter ones; averages the
weights of each run's end, and those of members, aligned first unless they had one start; and is decided on as a study
of the command line is, from its validation and test examples. Some studies are of networks that are given: an import
of a soup's ingredients, each trained by settings of its own. The truth are the same candidates
(those that the study has) on examples that it never sees: the one with the most left of its gain after its price.

Advice is *right* where it leaves at most `least_gain` of the loss less than the best candidate would (the threshold
below which the rule itself calls a gain nothing), and *exact* where it is of the best candidate's kind.

A study's result is appended to the file as it is made; what is there is not made again, so that a run that was stopped
goes on. The rule was settled on studies of seed 1; the figures are of those of seed 2.

Usage: python bench/decisions.py [--studies 240] [--seed 2] [--minutes 60] [--cifar FOLDER] [--published FOLDER]
       [--diamonds FILE] [--out bench/results/decisions.json]
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape.alignment import align_many
from modescape.analyses.auxiliary import LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.kinds import table_of
from modescape.decision import Rules, Table, decide
from modescape.decision.rules import Ending, price_of, scale_of
from modescape.metrics.convergence import ending
from modescape.offered import INDEPENDENT, SNAPSHOTS, InMemory, Offered, Training

LEAST = Rules().least_gain  # regret up to which advice is right
EPOCHS, KEPT = 20, 5  # parts of a training, and the last of them that are snapshots
HELD = 4000  # examples of the truth, at most
Rows = tuple[np.ndarray, np.ndarray]  # features [example, feature], targets [example]


@dataclass(frozen=True)
class Setting:
    """One study."""

    data: str
    train: int
    validation: int
    test: int
    noise: float  # share of training labels that are drawn at random; of a regression, in sd of the targets
    members: int
    width: int
    steps: int  # of one member's training
    rate: float
    long: bool  # whether the longer, wider and shorter networks are there to decide on
    seed: int
    kind: str = "own"  # starts of the members: "own", "common" (one network, trained before), or "given", an import


def of_sklearn(name: str) -> Rows:
    """A data set that lies in scikit-learn."""
    from sklearn import datasets

    features, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    return features.astype(float), target


def friedman(_: str) -> Rows:
    """Friedman's first regression, which has any number of rows."""
    from sklearn.datasets import make_friedman1

    made: Any = make_friedman1(6000, 10, noise=1.0, random_state=0)
    return made


def clusters(_: str) -> Rows:
    """Clusters on corners of a cube, which overlap."""
    from sklearn.datasets import make_classification

    about: dict[str, Any] = {"n_informative": 8, "n_redundant": 4, "n_classes": 4, "class_sep": 0.8, "flip_y": 0.05}
    made: Any = make_classification(6000, 20, random_state=0, **about)
    return made


def bands(_: str) -> Rows:
    """Three classes by the value of a curved function, with wrong labels at the borders."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (6000, 6))
    height = np.sin(2 * features[:, 0]) + features[:, 1] * features[:, 2] + 0.4 * random.normal(0, 1, 6000)
    return features, np.digitize(height, [-0.5, 0.5])


def pictures(folder: str, count: int = 8000) -> Rows:
    """CIFAR-10 in 8 x 8 greys."""
    import pandas
    from PIL import Image

    table = pandas.read_parquet(next(Path(folder).rglob("train-*.parquet"))).iloc[:count]
    greys = [np.asarray(Image.open(io.BytesIO(one["bytes"])).convert("L").resize((8, 8))) for one in table["img"]]
    return np.stack(greys).reshape(len(greys), -1).astype(float), table["label"].to_numpy()


def hastie(_: str) -> Rows:
    """Ten normal numbers, and whether their squares add up to more than 9.34 (Hastie et al. 2009, section 10.2)."""
    from sklearn.datasets import make_hastie_10_2

    features, target = make_hastie_10_2(12_000, random_state=0)
    return features, (target > 0).astype(int)


def diamonds(file: str) -> Rows:
    """Log of the price of diamonds by weight, cut, colour, clarity and size; a table of ggplot2 and plotnine."""
    import pandas

    table = pandas.read_csv(file).sample(12_000, random_state=0)
    target = np.log(table.pop("price").to_numpy(float))
    numbers = table.select_dtypes("number").to_numpy(float)
    kinds = pandas.get_dummies(table.select_dtypes(exclude="number")).to_numpy(float)
    return np.concatenate([numbers, kinds], 1), target


REGRESSIONS = ("diamonds", "friedman")
SOURCES: dict[str, Callable[[str], Rows]] = {
    "digits": of_sklearn,
    "hastie": hastie,
    "diamonds": diamonds,
    "friedman": friedman,
    "clusters": clusters,
    "bands": bands,
}


@dataclass
class Stack:
    """Several networks of two layers: their weights, and Adam's moments."""

    weights: list[np.ndarray]

    @classmethod
    def drawn(cls, members: int, inputs: int, width: int, outputs: int, random: np.random.Generator) -> Stack:
        """Networks before training."""
        first = random.normal(0, inputs**-0.5, (members, inputs, width))
        last = random.normal(0, width**-0.5, (members, width, outputs))
        return cls([first, np.zeros((members, 1, width)), last, np.zeros((members, 1, outputs))])

    def forward(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden units and outputs, [member, example, ...]."""
        hidden = np.maximum(features @ self.weights[0] + self.weights[1], 0)
        return hidden, hidden @ self.weights[2] + self.weights[3]

    def gradients(self, features: np.ndarray, target: np.ndarray, numbers: bool) -> list[np.ndarray]:
        """Of the mean loss of a batch."""
        hidden, out = self.forward(features)
        own = _slope(out, target, numbers) / features.shape[1]
        back = (own @ self.weights[2].transpose(0, 2, 1)) * (hidden > 0)
        transposed = features.transpose(0, 2, 1)
        return [
            transposed @ back,
            back.sum(1, keepdims=True),
            hidden.transpose(0, 2, 1) @ own,
            own.sum(1, keepdims=True),
        ]


def _slope(out: np.ndarray, target: np.ndarray, numbers: bool) -> np.ndarray:
    """Of the loss by the outputs, of each example."""
    if numbers:
        mean, log_variance = out[..., :1], np.clip(out[..., 1:], -6, 6)
        residual, precision = mean - target[..., None], np.exp(-log_variance)
        return np.concatenate([residual * precision, 0.5 - 0.5 * residual**2 * precision], -1)
    share = np.exp(out - out.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    np.put_along_axis(share, target[..., None], np.take_along_axis(share, target[..., None], -1) - 1, -1)
    return share


def said(stack: Stack, features: np.ndarray, numbers: bool) -> np.ndarray:
    """Log-probabilities, or mean and log-variance, [member, example, width]."""
    out = stack.forward(features[None])[1]
    if numbers:
        return np.concatenate([out[..., :1], np.clip(out[..., 1:], -6, 6)], -1)
    top = out.max(-1, keepdims=True)
    return out - top - np.log(np.exp(out - top).sum(-1, keepdims=True))


def trained(
    members: int,
    width: int,
    steps: int,
    one: Setting,
    split: dict[str, Rows],
    seed: int,
    start: Stack | None = None,
) -> Iterator[Stack]:
    """Networks after each of `EPOCHS` parts of their training; the rate falls by a cosine to 0.

    Given networks have a rate each, from a third to three times the setting's.
    """
    random = np.random.default_rng((one.seed, seed))
    features, target = split["train"]
    numbers = one.data in REGRESSIONS
    outputs = 2 if numbers else int(max(rows[1].max() for rows in split.values())) + 1
    stack = Stack.drawn(members, features.shape[1], width, outputs, random)
    if start is not None:
        stack = Stack([np.repeat(weight, members, 0) for weight in start.weights])
    own = 3 ** random.uniform(-1, 1, (members, 1, 1)) if one.kind == "given" else 1.0
    moments = [[np.zeros_like(weight) for weight in stack.weights] for _ in range(2)]
    ends = set(np.linspace(0, steps, EPOCHS + 1).round().astype(int)[1:])
    for step in range(1, steps + 1):
        chosen = random.integers(0, len(features), (members, min(32, len(features))))
        rate = one.rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps))
        for place, gradient in enumerate(stack.gradients(features[chosen], target[chosen], numbers)):
            first, second = moments[0][place], moments[1][place]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            moved = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
            stack.weights[place] -= own * rate * moved
        if step in ends:
            yield stack


class Weights:
    """As much of checkpoints as says how many weights a network has."""

    def __init__(self, count: int) -> None:
        self.count = count

    def solution(self, member: int) -> Any:
        """Its weights, as numbers of them."""
        from modescape.types import ModelState

        return ModelState({"weights": torch.empty(self.count, device="meta")}, {})


@dataclass
class Averages:
    """Averages of weights of networks [kept, member], run on features; as `modescape decide` asks for them."""

    stacks: list[Stack]  # the last ones
    sets: dict[str, np.ndarray]  # set of examples -> features
    numbers: bool
    aligned: list[list[np.ndarray]] | None = None  # weights of each member

    def of_run(self, member: int) -> dict[str, np.ndarray] | None:
        """The mean of a run's last weights."""
        if len(self.stacks) < 2:
            return None
        return self._said([[weight[member] for weight in stack.weights] for stack in self.stacks])

    def of_members(self, members: Sequence[int], aligned: bool) -> dict[str, np.ndarray] | None:
        """The mean weights of members."""
        every = self._in_one_order() if aligned else self._alone()
        return self._said([every[member] for member in members])

    def _alone(self) -> list[list[np.ndarray]]:
        last = self.stacks[-1].weights
        return [[weight[member] for weight in last] for member in range(len(last[0]))]

    def _in_one_order(self) -> list[list[np.ndarray]]:
        """Members with their units in one order, by `modescape.align_many`."""
        if self.aligned is None:
            every, names = self._alone(), ("0.weight", "0.bias", "2.weight", "2.bias")
            inputs, width, outputs = *every[0][0].shape, every[0][2].shape[1]
            net = torch.nn.Sequential(
                torch.nn.Linear(inputs, width), torch.nn.ReLU(), torch.nn.Linear(width, outputs)
            ).double()
            states = [
                {
                    name: torch.from_numpy(one.squeeze(0) if one.shape[0] == 1 and "bias" in name else one.T.copy())
                    for name, one in zip(names, own, strict=True)
                }
                for own in every
            ]
            found = align_many(net, states, [(torch.zeros(2, inputs).double(), torch.zeros(2).long())])
            self.aligned = [
                [one.state[name].numpy()[None] if "bias" in name else one.state[name].numpy().T for name in names]
                for one in found
            ]
        return self.aligned

    def _said(self, every: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
        mean = Stack([np.mean(weights, 0)[None] for weights in zip(*every, strict=True)])
        return {name: said(mean, features, self.numbers)[0] for name, features in self.sets.items()}


def offered_of(
    parts: dict[str, np.ndarray], split: dict[str, Rows], epochs: np.ndarray, one: Setting, **more: Any
) -> Offered:
    """Networks [epoch, member] of which predictions are there, with their last ones as solutions."""
    kept, members = len(epochs), parts["test"].shape[1]
    models = np.arange(kept * members).reshape(kept, members)
    groups = {INDEPENDENT: models[-1].tolist()}
    if kept > 1:
        groups[SNAPSHOTS] = models.T.ravel().tolist()
    numbers = one.data in REGRESSIONS
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
    """Members and what costs as much as they do, on sets of examples; how training ended; the members' last weights.

    Args:
        one: the study.
        split: examples of every part.
        sets: name that a study gives examples -> their part.
    """
    own = {name: split[of] for name, of in sets.items()}
    numbers, inputs = one.data in REGRESSIONS, split["train"][0].shape[1]
    outputs = 2 if numbers else int(max(rows[1].max() for rows in split.values())) + 1

    def run(members: int, width: int, steps: int, seed: int, keep: int, last: int, **more: Any) -> Offered:
        held: dict[str, list[np.ndarray]] = {name: [] for name in own}
        losses: list[np.ndarray] = []
        weights: list[Stack] = []
        made = trained(members, width, steps, one, split, seed, start if width == one.width else None)
        for epoch, stack in enumerate(made, start=1):
            losses.append(loss(said(stack, own["validation"][0], numbers), own["validation"][1], numbers))
            if epoch > EPOCHS - keep:
                weights.append(Stack([weight.copy() for weight in stack.weights]))
                for name, (features, _) in own.items():
                    held[name].append(said(stack, features, numbers))
        curves.append(np.array(losses).T)
        ends.append(weights)
        count = width * (inputs + 1) + outputs * (width + 1)
        parts = {name: np.stack(values) for name, values in held.items()}
        return offered_of(parts, own, np.arange(last - keep + 1, last + 1), one, checkpoints=Weights(count), **more)

    curves: list[np.ndarray] = []
    ends: list[list[Stack]] = []
    start = _start(one, split)
    about = Training(members=one.members, epochs=EPOCHS, long_runs=1, starts_equal=start is not None)
    members = run(one.members, one.width, one.steps, 0, KEPT, EPOCHS)
    found = ending(curves[0])
    others = {}
    if one.kind == "given":
        names = [f"network {number}" for number in range(one.members)]
        return replace(members, names=names), Ending(), ends[0]
    if one.long:
        short = EPOCHS // one.members
        wide = round(one.width * one.members)  # a network of one hidden layer grows with its width
        others = {
            LONG_RUN: run(1, one.width, one.steps * one.members, 1, 1, EPOCHS * one.members),
            **({} if start else {WIDE: run(1, wide, one.steps, 2, 1, EPOCHS)}),
            SHORT: run(one.members, one.width, max(one.steps * short // EPOCHS, EPOCHS), 3, 1, short),
        }
        lengths = {LONG_RUN: EPOCHS * one.members, WIDE: EPOCHS, SHORT: short}
        others = {
            name: replace(other, training=Training(members=len(other.members), epochs=lengths[name]))
            for name, other in others.items()
        }
    falling = sum(str(state) == "falling" for state in np.atleast_1d(found.state))
    return replace(members, training=about, auxiliary=others), Ending(falling=falling, members=one.members), ends[0]


def _start(one: Setting, split: dict[str, Rows]) -> Stack | None:
    """A network that was trained on half of the examples, from which members begin; given ones half of the time."""
    if one.kind == "own" or (one.kind == "given" and one.seed % 2):
        return None
    half = {**split, "train": tuple(part[: one.train // 2] for part in split["train"])}
    *_, last = trained(1, one.width, one.steps, replace(one, kind="own"), half, 9)  # type: ignore[arg-type]
    return last


def loss(predicted: np.ndarray, target: np.ndarray, numbers: bool) -> np.ndarray:
    """Mean loss of each member, [member]."""
    if numbers:
        mean, log_variance = predicted[..., 0], predicted[..., 1]
        return (0.5 * log_variance + 0.5 * (mean - target) ** 2 * np.exp(-log_variance)).mean(-1)
    return -predicted[:, np.arange(len(target)), target].mean(-1)


def split_of(one: Setting, rows: Rows) -> dict[str, Rows]:
    """Examples for training, validation and test, and those of the truth; scaled on the training ones."""
    random = np.random.default_rng(one.seed)
    order = random.permutation(len(rows[0]))
    ends = np.cumsum([one.train, one.validation, one.test, HELD])
    parts = np.split(order, ends[:-1])
    parts[3] = parts[3][:HELD]
    features = (rows[0] - rows[0][parts[0]].mean(0)) / (rows[0][parts[0]].std(0) + 1e-6)
    features = np.clip(features, -5, 5)
    target = rows[1].copy()
    if one.data in REGRESSIONS:
        target = (target - target[parts[0]].mean()) / target[parts[0]].std()
        target[parts[0]] += one.noise * random.normal(0, 1, one.train)
    else:
        wrong = random.random(one.train) < one.noise
        target[parts[0]] = np.where(wrong, random.integers(0, target.max() + 1, one.train), target[parts[0]])
    names = ("train", "validation", "test", "held")
    return {name: (features[part], target[part]) for name, part in zip(names, parts, strict=True)}


def setting(number: int, seed: int, sources: dict[str, Rows]) -> Setting:
    """The settings of one study; data sets take turns."""
    random = np.random.default_rng((seed, number))
    name = list(sources)[number % len(sources)]
    rows = len(sources[name][0])
    train = int(min(random.choice([60, 150, 400, 1000]), 0.35 * rows))
    validation = int(min(random.choice([50, 150, 400]), 0.12 * rows))
    test = int(min(random.choice([200, 500, 1000, 2000]), 0.23 * rows))
    return Setting(
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


def judged(one: Setting, rows: Rows) -> dict[str, Any]:
    """The advice of one study, and the truth."""
    split = split_of(one, rows)
    both = {"validation": "validation", "test": "test", "held": "held"}
    every, falling, ends = networks(one, split, both)
    tables, averages = [], Averages(ends, {}, one.data in REGRESSIONS)
    for name in ("test", "held"):
        averages.sets = {"validation": split["validation"][0], "test": split[name][0]}
        tables.append(table_of(_judged_on(every, name), averages))
    return {**one.__dict__, "held": len(split["held"][1]), **_against(tables[0], tables[1], falling)}


def _judged_on(every: Offered, name: str) -> Offered:
    """The same networks, with one of the sets as their test examples."""
    sets = {"validation": every.predictions["validation"], "test": every.predictions[name]}
    auxiliary = {folder: _judged_on(one, name) for folder, one in every.auxiliary.items()}
    return replace(every, predictions=sets, auxiliary=auxiliary)


def _against(table: Table, true: Table, falling: Ending) -> dict[str, Any]:
    rules = Rules()
    found = decide(table, rules, ending=falling)
    left = {
        one.label: float(true.gain(place).value - price_of(true, place, rules)) / scale_of(true)
        for place, one in enumerate(true.candidates)
    }
    left = {name: value for name, value in left.items() if np.isfinite(value)}
    kinds = {one.label: one.advice for one in true.candidates}
    best = max(left, key=lambda name: left[name])
    chosen = found.candidate(table)
    label = chosen.label
    if found.advice == "train_longer" and chosen.advice != "train_longer":  # nothing longer was measured
        longer = [name for name in left if kinds[name] == "train_longer"]
        label = max(longer, key=lambda name: left[name]) if longer else label
    return {
        "advice": found.advice,
        "candidate": label,
        "needed": found.needed,
        "unconverged": found.unconverged,
        "best": best,
        "best_advice": kinds[best],
        "left": left.get(label, float("nan")),
        "left_of_best": left[best],
        "regret": left[best] - left.get(label, float("nan")),
    }


def published(folder: str, number: int, seed: int) -> dict[str, Any]:
    """Some of the published classifiers of CIFAR-10, which say one class alone, on some of its test images."""
    files = sorted(Path(folder).glob("*_predictions.json"))
    random = np.random.default_rng((seed, number, 1))
    label = np.load(Path(folder) / "labels.npy").astype(int).ravel()
    count, test = int(random.choice([3, 6, 10])), int(random.choice([400, 1000, 3000]))
    chosen = random.choice(len(files), count, replace=False)
    classes = np.stack([np.array(json.loads(files[place].read_text())).ravel() for place in chosen])
    values = np.log(np.where(np.eye(10)[classes] > 0, 1.0, 1e-300))
    order = random.permutation(len(label))
    parts = {"seen": order[:test], "held": order[test:]}

    def offer(first: np.ndarray, rest: np.ndarray) -> Offered:
        """Half of the study's examples choose; of the truth all of them choose, and those held back judge."""
        nothing = {name: np.zeros(count) for name in ("epochs", "scales", "steps", "distance")}
        sets = {
            name: InMemory(
                values=values[:, rows],
                label=label[rows],
                class_names=[str(one) for one in range(10)],
                members=np.arange(count),
                groups={INDEPENDENT: list(range(count))},
                **nothing,
            )
            for name, rows in {"validation": first, "test": rest}.items()
            if len(rows)
        }
        names = [files[place].stem for place in chosen]
        counts = {"test": len(rest)}
        return Offered(members=list(range(count)), predictions=sets, names=names, examples=counts, bare=True)

    half = test // 2
    seen, truth = offer(parts["seen"][:half], parts["seen"][half:]), offer(parts["seen"][:half], parts["held"])
    about = {
        "data": "published classifiers",
        "kind": "given",
        "members": count,
        "test": test,
        "held": len(parts["held"]),
    }
    return {**about, "seed": seed, **_against(table_of(seen), table_of(truth), Ending())}


def summary(rows: list[dict[str, Any]], least: float) -> dict[str, Any]:
    """Shares of the studies, those with an interval by Wilson's."""
    decided = [row for row in rows if row["advice"] != "undecided"]
    right = [row for row in decided if row["regret"] <= least]
    exact = [row for row in decided if row["advice"] == row["best_advice"]]
    return {
        "studies": len(rows),
        "decided": len(decided),
        "right": len(right),
        "undecided_share": 1 - len(decided) / max(len(rows), 1),
        "undecided_interval": wilson(len(rows) - len(decided), len(rows)),
        "right_share": len(right) / max(len(decided), 1),
        "right_interval": wilson(len(right), len(decided)),
        "exact_share": len(exact) / max(len(decided), 1),
        "mean_regret": float(np.mean([row["regret"] for row in decided])) if decided else None,
        "advice": dict(Counter(row["advice"] for row in rows)),
        "truth": dict(Counter(row["best_advice"] for row in rows)),
        "by_data": counts(rows, "data", least),
        "by_kind": counts(rows, "kind", least),
        "by_advice": counts(rows, "advice", least),
    }


def counts(rows: list[dict[str, Any]], name: str, least: float) -> dict[str, list[int]]:
    """Value of a column -> studies, those decided, and those of them that were right."""
    found: dict[str, list[int]] = {}
    for value in dict.fromkeys(row[name] for row in rows):
        own = [row for row in rows if row[name] == value]
        told = [row for row in own if row["advice"] != "undecided"]
        found[value] = [len(own), len(told), sum(row["regret"] <= least for row in told)]
    return found


def wilson(hits: int, count: int, z: float = 1.959964) -> list[float] | None:
    """95 % interval of a share (Wilson 1927); None of nothing."""
    if not count:
        return None
    share, weight = hits / count, z**2 / count
    middle, half = (share + weight / 2) / (1 + weight), z * (share * (1 - share) / count + weight / count / 4) ** 0.5
    return [middle - half / (1 + weight), middle + half / (1 + weight)]


def made(number: int, options: argparse.Namespace, sources: dict[str, Rows]) -> dict[str, Any]:
    """One study, its number, and the processor seconds that it took."""
    start, kinds = time.process_time(), len(sources) + bool(options.published)
    if options.published and number % kinds == kinds - 1:
        found = published(options.published, number, options.seed)
    else:
        one = setting(number - number // kinds if options.published else number, options.seed, sources)
        found = judged(one, sources[one.data])
    return {"number": number, "cpu_seconds": round(time.process_time() - start, 2), **found}


def main() -> None:
    """Run studies until there are enough of them, or the time is over; those that are there are not run again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=240)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cifar", default="")
    parser.add_argument("--published", default="")
    parser.add_argument("--diamonds", default="", help="plotnine/data/diamonds.csv of the wheel of plotnine")
    parser.add_argument("--out", type=Path, default=Path("bench/results/decisions.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = {"diamonds": options.diamonds}
    wanted = {name: source for name, source in SOURCES.items() if files.get(name, name)}
    sources = {name: source(files.get(name, name)) for name, source in wanted.items()}
    if options.cifar:
        sources["CIFAR-10, 8 x 8 greys"] = pictures(options.cifar)
    rows = begun(options.out)
    start = time.monotonic()
    for number in range(len(rows), options.studies):
        if time.monotonic() - start > 60 * options.minutes:
            break
        rows.append(made(number, options, sources))
        write(options.out, rows)
        print(json.dumps({name: rows[-1][name] for name in ("data", "advice", "best_advice", "regret")}), flush=True)
    print(json.dumps(summary(rows, LEAST), indent=1))


def begun(path: Path) -> list[dict[str, Any]]:
    """Studies that were made with the same rules; none where there is no such file."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text())
    return found["studies"] if found.get("rules") == Rules().__dict__ else []


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """All studies so far, whole or not at all."""
    found = {"summary": summary(rows, LEAST), "rules": Rules().__dict__, "studies": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(found, indent=1, default=float) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
