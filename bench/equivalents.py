"""Coverage of the intervals of equivalents, on synthetic members and examples whose true equivalents are known.

Usage: python bench/equivalents.py [--draws 1000] [--seed 0] > table.md

The logits of a member are skill x strength of the label, plus noise that all members share on an example, plus the
member's own noise. A method has, around each member, a network with a share of that member's own noise: with all of it,
it is worth one network; with little, more than infinitely many. A skill is one of five values, so the expected scores
of any set of members are means over tables of these, which many examples make exact.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product

import numpy as np

from modescape.metrics import brier_equivalent_interval

CLASSES = 4
STRENGTH, SHARED, OWN = 2.5, 1.0, 1.5  # logits of the label, sd of the shared noise and of each member's own
KEPT = (0.9, 0.75, 0.6, 0.4)  # share of the member's own noise in the method's networks
BLOCK, BLOCKS = 20_000, 25  # examples behind the tables, in blocks
MEMBERS, EXAMPLES = (3, 5, 10, 20), (300, 1297)
SPREADS = {"alike": 0.02, "unlike": 0.15}  # approximate standard deviation of skills


@dataclass(frozen=True)
class Population:
    """Skills, and the exact expected scores of networks that have them."""

    skills: np.ndarray  # equally frequent, [skill]
    brier: np.ndarray  # Brier score of one network, [skill]
    method: np.ndarray  # Brier score of the method's network around it, [kept, skill]
    apart: np.ndarray  # half the mean squared distance of two networks, [skill, skill]

    def number(self, chosen: np.ndarray | None) -> np.ndarray:
        """True equivalents, [kept], for members with these skills; with None, for all possible members."""
        rows = np.arange(len(self.skills)) if chosen is None else chosen
        pairs = self.apart[np.ix_(rows, rows)]
        others = (pairs.sum() - np.trace(pairs)) / (len(rows) * (len(rows) - 1))
        diversity = pairs.mean() if chosen is None else others  # two of all possible members may have the same skill
        ratio = 1 + (self.method[:, rows].mean(1) - self.brier[rows].mean()) / diversity
        return np.where(ratio > 0, 1 / np.where(ratio > 0, ratio, 1), np.inf)


def population(spread: float, stream: np.random.Generator, blocks: int = BLOCKS) -> Population:
    """Tables of expected scores, means over many examples."""
    skills = 1 + spread * np.sqrt(2) * np.array([-1, -0.5, 0, 0.5, 1.0])
    brier, method = np.zeros(len(skills)), np.zeros((len(KEPT), len(skills)))
    apart = np.zeros((len(skills), len(skills)))
    for _ in range(blocks):
        label, shared = examples_of(BLOCK, stream)
        noise = own(len(skills), BLOCK, stream)
        one = probabilities(skills, label, shared, noise)
        other = probabilities(skills, label, shared, own(len(skills), BLOCK, stream))
        brier += score(one, label).mean(1) / blocks
        for at, kept in enumerate(KEPT):
            method[at] += score(probabilities(skills, label, shared, kept * noise), label).mean(1) / blocks
        apart += np.array([[np.square(a - b).sum(-1).mean() / 2 for b in other] for a in one]) / blocks
    return Population(skills, brier, method, (apart + apart.T) / 2)


def examples_of(count: int, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels and the noise that members share, [example] and [example, class]."""
    return stream.integers(0, CLASSES, count), SHARED * stream.normal(size=(count, CLASSES))


def own(members: int, count: int, stream: np.random.Generator) -> np.ndarray:
    """Noise of each member, [member, example, class]."""
    return OWN * stream.normal(size=(members, count, CLASSES))


def probabilities(skill: np.ndarray, label: np.ndarray, shared: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Softmax of the logits, [member, example, class]."""
    logits = skill[:, None, None] * STRENGTH * np.eye(CLASSES)[label] + shared + noise
    weight = np.exp(logits - logits.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


def score(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Brier score of each example, [..., example]."""
    return np.square(prob - np.eye(CLASSES)[label]).sum(-1)


def coverage(draws: int, seed: int) -> list[dict[str, str | float]]:
    """A row for each population, number of members, number of examples, and method.

    Each has the true number for new members, the coverage of its interval and of that for these members, and the mean
    width of both divided by the ideal one, 2 x 1.96 standard deviations of 1 / number over the draws; widths only where
    no end is infinite, as 1 / number is cut off there.
    """
    rows = []
    for name, spread in SPREADS.items():
        stream = np.random.default_rng([seed, len(rows)])
        truth = population(spread, stream)
        for members, examples in product(MEMBERS, EXAMPLES):
            found = np.empty((draws, 5, len(KEPT)))  # number, low, high, low_these, high_these
            these = np.empty((draws, len(KEPT)))
            for draw in range(draws):
                chosen = stream.integers(0, len(truth.skills), members)
                found[draw], these[draw] = one_draw(truth, chosen, examples, stream)
            rows += _rows(found, these, truth.number(None), {"members are": name, "n": members, "examples": examples})
    return rows


def one_draw(
    truth: Population, chosen: np.ndarray, examples: int, stream: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and ends, [5, kept], and the true numbers of these members, [kept]."""
    label, shared = examples_of(examples, stream)
    noise, skill = own(len(chosen), examples, stream), truth.skills[chosen]
    log_prob = np.log(probabilities(skill, label, shared, noise))
    brier = np.stack([score(probabilities(skill, label, shared, kept * noise), label) for kept in KEPT])
    return np.stack(brier_equivalent_interval(brier, log_prob, label)), truth.number(chosen)


def _rows(found: np.ndarray, these: np.ndarray, new: np.ndarray, labels: dict) -> list[dict[str, str | float]]:
    rows = []
    for at, kept in enumerate(KEPT):
        number, low, high, low_these, high_these = found[:, :, at].T
        ratio = 1 / number
        widths = {
            "new": ((low, high), 2 * 1.96 * ratio.std(ddof=1)),
            "these": ((low_these, high_these), 2 * 1.96 * (ratio - 1 / these[:, at]).std(ddof=1)),
        }
        row = {**labels, "own noise kept": kept, "number": float(new[at])}
        row["coverage, new"] = float(((low <= new[at]) & (new[at] <= high)).mean())
        row["coverage, these"] = float(((low_these <= these[:, at]) & (these[:, at] <= high_these)).mean())
        for target, ((start, end), ideal) in widths.items():
            row[f"width, {target}"] = float((1 / start - 1 / end).mean() / ideal) if np.isfinite(end).all() else np.nan
        row["open above"] = float(np.isinf(high).mean())
        rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.draws < 1:
        parser.error(f"--draws is {chosen.draws}; expected 1 or more")
    rows = coverage(chosen.draws, chosen.seed)
    print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
    for row in rows:
        cells = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row.values()]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
