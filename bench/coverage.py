"""Coverage and width of intervals of an ensemble's scores, in simulations with known truth.

Members and test examples are drawn repeatedly, from a synthetic population or from small networks trained on
scikit-learn's digits; examples of "patients" come in groups, and groups are drawn. Coverage is the share of draws whose
interval contains the population's score, either of these members or of new members. Width is the mean length divided by
that of the ideal interval, 2 x 1.96 standard deviations of the estimate over the draws.

Usage: python bench/coverage.py [--draws 1000] [--seed 0] [--only NAME ...] [--out bench/results/coverage.json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from scipy.special import log_softmax

from modescape.metrics import SCORES
from modescape.metrics.crossed import Estimate, size_estimates, size_masks, subset_estimate

Groups = np.ndarray | None  # index of each example's group [example]
Predictions = tuple[np.ndarray, np.ndarray, Groups]  # log-probabilities [member, example, class], labels [example]
Z = NormalDist().inv_cdf(0.975)
VISITS = 5  # mean number of examples per patient, which has 1 to 9
POPULATION = 3  # synthetic: size of the population as a multiple of the test set
NETWORKS, TRAINED_ON = 200, 500  # digits: networks in the population, and the images they are trained on


@dataclass(frozen=True)
class Setting:
    """The settings of a simulation."""

    source: str  # key of SOURCES
    members: int
    examples: int  # the average number, where examples come in groups

    @property
    def name(self) -> str:
        return f"{self.source}-{self.members}-{self.examples}"

    @property
    def subsets(self) -> int:
        """Largest number of subsets per size; 40 would be too few for the accuracy of 20 members."""
        return 40 if self.members <= 10 else 200


def synthetic(spread: float) -> Callable[[np.random.Generator, int, int], tuple[Predictions, Predictions, float]]:
    """Five classes: a signal and an error that all members share, and deviations of each member.

    Each member has its own skill and confidence (logits 30 % x `spread` stronger or weaker), errors along four features
    that the examples have in common, and errors on each example.
    """

    def draw(numbers: np.random.Generator, members: int, examples: int) -> tuple[Predictions, Predictions, float]:
        own = numbers.normal(size=(members, 4, 5))
        skill, confidence = numbers.normal(size=(2, members, 1, 1))

        def predict(count: int) -> Predictions:
            feature, signal = numbers.normal(size=(count, 4)), 1.5 * numbers.normal(size=(count, 5))
            label = (signal + 0.6 * numbers.gumbel(size=signal.shape)).argmax(-1)
            logit = (1 + 0.3 * spread * skill) * signal + 0.5 * numbers.normal(size=signal.shape)
            logit = logit + spread / 2 * (feature @ own) + numbers.normal(size=(members, count, 5))
            return log_softmax(np.exp(0.3 * spread * confidence) * logit, axis=-1), label, None

        # Relative to a finite population, errors are larger than to an infinite one by a factor of sqrt(1 + N / P).
        return predict(examples), predict(POPULATION * examples), (1 + 1 / POPULATION) ** -0.5

    return draw


def patients(known: bool) -> Callable[[np.random.Generator, int, int], tuple[Predictions, Predictions, float]]:
    """The population "alike" in groups of 1 to 9 examples, which share most of the signal and of all errors.

    Args:
        known: whether intervals use the groups.
    """

    def draw(numbers: np.random.Generator, members: int, examples: int) -> tuple[Predictions, Predictions, float]:
        own = numbers.normal(size=(members, 4, 5))
        skill, confidence = numbers.normal(size=(2, members, 1, 1))

        def predict(count: int) -> Predictions:
            group = np.repeat(np.arange(count), numbers.integers(1, 2 * VISITS, count))

            def shared(*shape: int) -> np.ndarray:
                """Standard normal draws, nine tenths of whose variance a group shares; [..., example, number]."""
                of_group, alone = (numbers.normal(size=(*shape[:-1], n, shape[-1])) for n in (count, len(group)))
                return 0.9**0.5 * of_group[..., group, :] + 0.1**0.5 * alone

            feature, signal = shared(4), 1.5 * shared(5)
            label = (signal + 0.6 * numbers.gumbel(size=signal.shape)).argmax(-1)
            logit = (1 + 0.09 * skill) * signal + 0.5 * shared(5) + 0.15 * (feature @ own) + shared(members, 5)
            return log_softmax(np.exp(0.09 * confidence) * logit, axis=-1), label, group if known else None

        return predict(examples // VISITS), predict(POPULATION * examples // VISITS), (1 + 1 / POPULATION) ** -0.5

    return draw


def digits() -> Callable[[np.random.Generator, int, int], tuple[Predictions, Predictions, float]]:
    """Networks of one hidden layer, trained on 500 of scikit-learn's digits; drawn with replacement, images too."""
    import torch
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    image, label = torch.tensor(images[order] / 16, dtype=torch.float32), torch.tensor(labels[order])
    stream = torch.Generator().manual_seed(0)
    shapes = ((64, 32), (1, 32), (32, 10), (1, 10))
    weights = [torch.randn(NETWORKS, *shape, generator=stream) * 0.15 for shape in shapes]
    for weight in weights:
        weight.requires_grad_()
    optimizer = torch.optim.Adam(weights, lr=5e-3)

    def logits(batch: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(batch @ weights[0] + weights[1])
        return torch.log_softmax(hidden @ weights[2] + weights[3], -1)

    for _ in range(300):
        chosen = torch.randint(TRAINED_ON, (NETWORKS, 32), generator=stream)
        found = logits(image[chosen]).gather(2, label[chosen][..., None])
        optimizer.zero_grad()
        (-found.mean((1, 2)).sum()).backward()
        optimizer.step()
    with torch.no_grad():
        log_prob = logits(image[TRAINED_ON:].expand(NETWORKS, -1, -1)).double().numpy()
    truth = label[TRAINED_ON:].numpy()

    def draw(numbers: np.random.Generator, members: int, examples: int) -> tuple[Predictions, Predictions, float]:
        own = log_prob[numbers.integers(NETWORKS, size=members)]
        at = numbers.integers(len(truth), size=examples)
        return (own[:, at], truth[at], None), (own, truth, None), 1.0

    return draw


SOURCES = {
    "alike": lambda: synthetic(0.3),
    "unlike": lambda: synthetic(1.0),
    "digits": digits,
    "patients": lambda: patients(True),
    "patients_ignored": lambda: patients(False),
}
ALONE = ("alike", "unlike", "digits")
SETTINGS = [
    *(Setting(source, members, 300) for source in ALONE for members in (2, 5, 10, 20)),
    *(Setting(source, members, 1000) for source in ALONE for members in (5, 10)),
    *(Setting("patients", members, examples) for members, examples in ((5, 300), (10, 150), (10, 300), (10, 1000))),
    *(Setting("patients_ignored", 10, examples) for examples in (300, 1000)),
]


def both(score: Estimate, alone: Estimate) -> dict[str, Estimate]:
    """The two quantities of a size."""
    return {"score": score, "gain": score.gain(alone)}


def simulate(setting: Setting, draws: int, seed: int) -> list[dict[str, object]]:
    """Coverage and width of every metric, size, quantity and target."""
    source = SOURCES[setting.source]()
    sizes = sorted({1, 2, (setting.members + 1) // 2, setting.members})
    masks = size_masks(setting.members, sizes, setting.subsets, key=0)
    held: dict[tuple[int, str], list[np.ndarray]] = {}  # [row, metric]: score, population's score, both intervals
    shrink = 1.0
    for number in range(draws):
        test, population, shrink = source(np.random.default_rng([seed, number]), setting.members, setting.examples)
        estimates = dict(size_estimates(*test[:2], masks, group=test[2]))
        truths = {size: subset_estimate(*population[:2], masks[size], None) for size in sizes}
        for size in sizes:
            true = both(truths[size], truths[1])
            for quantity, own in both(estimates[size], estimates[1]).items():
                row = np.stack([own.score, true[quantity].score, *own.new(), *own.these()])
                held.setdefault((size, quantity), []).append(row)
    return [
        {"setting": setting.name, **key, **row}
        for (size, quantity), rows in held.items()
        if (size, quantity) != (1, "gain")
        for key, row in judged(np.stack(rows), shrink, {"size": size, "quantity": quantity})
    ]


def judged(rows: np.ndarray, shrink: float, key: dict[str, object]) -> list[tuple[dict[str, object], dict[str, float]]]:
    """Coverage and width for new and for these members, from [draw, row, metric]."""
    estimate, of_population, low, high, low_these, high_these = np.moveaxis(rows, 1, 0)
    out = []
    for at, metric in enumerate(SCORES):
        value, apart = estimate[:, at], shrink * (of_population - estimate)[:, at]
        truth = np.mean([value.mean(), of_population[:, at].mean()])
        if metric == "ece":  # depends on the number of examples: the truth is its mean over test sets of this size
            truth, apart = value.mean(), apart - apart.mean()
        ends = {
            "new": (low[:, at], high[:, at], truth - value, value.std(ddof=1)),
            "these": (low_these[:, at], high_these[:, at], apart, apart.std(ddof=1)),
        }
        for target, (lower, upper, error, deviation) in ends.items():
            inside = (lower - value <= error) & (error <= upper - value)
            width = np.mean(upper - lower) / (2 * Z * deviation)
            found = {"coverage": round(float(inside.mean()), 4), "width": round(float(width), 3)}
            out.append(({**key, "metric": metric, "target": target, "truth": round(float(truth), 5)}, found))
    return out


def table(rows: list[dict[str, object]]) -> str:
    """Markdown table: coverage at every size, and the largest width in brackets."""
    cells: dict[tuple[object, ...], dict[object, list[dict[str, object]]]] = {}
    for row in rows:
        key = row["setting"], row["quantity"], row["target"]
        cells.setdefault(key, {}).setdefault(row["metric"], []).append(row)
    lines = [f"| population-n-N | | for | sizes | {' | '.join(SCORES)} |", "|---|---|---|---|" + "---|" * len(SCORES)]
    for (setting, quantity, target), by_metric in cells.items():
        sizes = ", ".join(str(row["size"]) for row in by_metric["accuracy"])
        texts = []
        for name in SCORES:
            held = " ".join(f"{row['coverage']:.2f}".removeprefix("0") for row in by_metric[name])
            widest = max(float(str(row["width"])) for row in by_metric[name])
            texts.append(f"{held} ({widest:.2f})")
        lines.append(f"| {setting} | {quantity} | {target} | {sizes} | {' | '.join(texts)} |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, write the numbers and print the table; results of other settings in the file are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    names = [setting.name for setting in SETTINGS]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME", help="names of settings")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage.json")
    options = parser.parse_args()
    if options.draws < 2:
        parser.error(f"--draws is {options.draws}; expected 2 or more, to compare widths with a spread over draws")
    for setting in SETTINGS:
        if setting.name not in options.only:
            continue
        rows = simulate(setting, options.draws, options.seed)
        kept = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
        kept = [row for row in kept if row["setting"] != setting.name] + rows
        record = {"draws": options.draws, "seed": options.seed, "rows": kept}
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(table(json.loads(options.out.read_text())["rows"]))


if __name__ == "__main__":
    main()
