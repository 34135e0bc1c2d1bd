"""How often the advice of `modescape decide` is right: many small studies against the truth on a large held-out set.

Each study draws a data set, its sizes, noise in its labels, a network, and how long it is trained; trains members (two
layers, Adam, all of them stacked), one network as long as all of them, one wider and as many shorter ones; and is
decided on as a study of the command line is, from its validation and test examples. The truth are the same candidates
(those that the study has) on examples that it never sees: the one with the most left of its gain after its price.

Advice is *right* where it leaves at most `least_gain` of the loss less than the best candidate would (the threshold
below which the rule itself calls a gain nothing), and *exact* where it is of the best candidate's kind.

Usage: python bench/decisions.py [--studies 200] [--seed 0] [--minutes 60] [--cifar FOLDER] [--published FOLDER]
       [--out bench/results/decisions.json]
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape.analyses.auxiliary import LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.kinds import table_of
from modescape.decision import Rules, decide
from modescape.decision.rules import Ending, price_of, scale_of
from modescape.metrics.convergence import ending
from modescape.offered import INDEPENDENT, SNAPSHOTS, InMemory, Offered, Training

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


REGRESSIONS = ("diabetes", "friedman")
SOURCES: dict[str, Callable[[str], Rows]] = {
    **dict.fromkeys(("digits", "breast_cancer", "diabetes"), of_sklearn),
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


def trained(members: int, width: int, steps: int, one: Setting, split: dict[str, Rows], seed: int) -> Iterator[Stack]:
    """Networks after each of `EPOCHS` parts of their training; the rate falls by a cosine to 0."""
    random = np.random.default_rng((one.seed, seed))
    features, target = split["train"]
    numbers = one.data in REGRESSIONS
    outputs = 2 if numbers else int(max(rows[1].max() for rows in split.values())) + 1
    stack = Stack.drawn(members, features.shape[1], width, outputs, random)
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
            stack.weights[place] -= rate * moved
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


def networks(one: Setting, split: dict[str, Rows], sets: dict[str, str]) -> tuple[Offered, Ending]:
    """Members and what costs as much as they do, on sets of examples under the names that a study gives them."""
    own = {name: split[of] for name, of in sets.items()}
    numbers, inputs = one.data in REGRESSIONS, split["train"][0].shape[1]
    outputs = 2 if numbers else int(max(rows[1].max() for rows in split.values())) + 1

    def run(members: int, width: int, steps: int, seed: int, keep: int, last: int, **more: Any) -> Offered:
        held: dict[str, list[np.ndarray]] = {name: [] for name in own}
        losses = []
        for stack in trained(members, width, steps, one, split, seed):
            for name, (features, _) in own.items():
                held[name] = [*held[name], said(stack, features, numbers)][-keep:]
            losses.append(loss(held["validation"][-1], own["validation"][1], numbers))
        curves.append(np.array(losses).T)
        count = width * (inputs + 1) + outputs * (width + 1)
        parts = {name: np.stack(values) for name, values in held.items()}
        return offered_of(parts, own, np.arange(last - keep + 1, last + 1), one, checkpoints=Weights(count), **more)

    curves: list[np.ndarray] = []
    about = Training(members=one.members, epochs=EPOCHS, long_runs=1)
    members = run(one.members, one.width, one.steps, 0, KEPT, EPOCHS)
    found = ending(curves[0])
    others = {}
    if one.long:
        short = EPOCHS // one.members
        wide = round(one.width * one.members)  # a network of one hidden layer grows with its width
        others = {
            LONG_RUN: run(1, one.width, one.steps * one.members, 1, 1, EPOCHS * one.members),
            WIDE: run(1, wide, one.steps, 2, 1, EPOCHS),
            SHORT: run(one.members, one.width, max(one.steps * short // EPOCHS, EPOCHS), 3, 1, short),
        }
        lengths = {LONG_RUN: EPOCHS * one.members, WIDE: EPOCHS, SHORT: short}
        others = {
            name: replace(other, training=Training(members=len(other.members), epochs=lengths[name]))
            for name, other in others.items()
        }
    falling = sum(str(state) == "falling" for state in np.atleast_1d(found.state))
    return replace(members, training=about, auxiliary=others), Ending(falling=falling, members=one.members)


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
    )


def judged(one: Setting, rows: Rows) -> dict[str, Any]:
    """The advice of one study, and the truth."""
    split = split_of(one, rows)
    both = {"validation": "validation", "test": "test", "held": "held"}
    every, falling = networks(one, split, both)
    seen, truth = (_judged_on(every, name) for name in ("test", "held"))
    return {**one.__dict__, "held": len(split["held"][1]), **_against(seen, truth, falling)}


def _judged_on(every: Offered, name: str) -> Offered:
    """The same networks, with one of the sets as their test examples."""
    sets = {"validation": every.predictions["validation"], "test": every.predictions[name]}
    auxiliary = {folder: _judged_on(one, name) for folder, one in every.auxiliary.items()}
    return replace(every, predictions=sets, auxiliary=auxiliary)


def _against(seen: Offered, truth: Offered, falling: Ending) -> dict[str, Any]:
    table, true, rules = table_of(seen), table_of(truth), Rules()
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
    about = {"data": "published classifiers", "members": count, "test": test, "held": len(parts["held"])}
    return {**about, "seed": seed, **_against(seen, truth, Ending())}


def summary(rows: list[dict[str, Any]], least: float) -> dict[str, Any]:
    """Shares of the studies."""
    decided = [row for row in rows if row["advice"] != "undecided"]
    right = [row for row in decided if row["regret"] <= least]
    exact = [row for row in decided if row["advice"] == row["best_advice"]]
    by_data: dict[str, Any] = {}
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        told = [row for row in own if row["advice"] != "undecided"]
        by_data[name] = [len(own), len(told), sum(row["regret"] <= least for row in told)]
    return {
        "studies": len(rows),
        "decided": len(decided),
        "undecided_share": 1 - len(decided) / len(rows),
        "right_share": len(right) / max(len(decided), 1),
        "exact_share": len(exact) / max(len(decided), 1),
        "mean_regret": float(np.mean([row["regret"] for row in decided])) if decided else None,
        "advice": dict(Counter(row["advice"] for row in rows)),
        "truth": dict(Counter(row["best_advice"] for row in rows)),
        "by_data": by_data,
    }


def main() -> None:
    """Run studies until there are enough of them, or the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cifar", default="")
    parser.add_argument("--published", default="")
    parser.add_argument("--out", type=Path, default=Path("bench/results/decisions.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = {name: source(name) for name, source in SOURCES.items()}
    if options.cifar:
        sources["CIFAR-10, 8 x 8 greys"] = pictures(options.cifar)
    start, rows = time.monotonic(), []
    kinds = len(sources) + bool(options.published)
    for number in range(options.studies):
        if time.monotonic() - start > 60 * options.minutes:
            break
        if options.published and number % kinds == kinds - 1:
            rows.append(published(options.published, number, options.seed))
        else:
            one = setting(number - number // kinds if options.published else number, options.seed, sources)
            rows.append(judged(one, sources[one.data]))
        found = {"summary": summary(rows, Rules().least_gain), "rules": Rules().__dict__, "studies": rows}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1, default=float) + "\n")
        print(json.dumps({name: rows[-1][name] for name in ("data", "advice", "best_advice", "regret")}), flush=True)
    print(json.dumps(found["summary"], indent=1))


if __name__ == "__main__":
    main()
