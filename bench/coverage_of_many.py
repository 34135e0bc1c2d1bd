"""Coverage of intervals of curves of many networks: python bench/coverage_of_many.py [--draws 200].

The population of docs/intervals.md, "alike" and "unlike", with more members than the limit up to which every size is
scored: the truth is the mean over many other members and examples. Prints coverage, and width divided by the ideal, of
scores and gains, for new networks on new examples.
"""

import argparse

import numpy as np
from scipy.special import log_softmax

import modescape as ms
from modescape.metrics import SCORES

CLASSES, OWN, SKILL = 4, 1.5, 2.5
SKILLS = {"alike": 0.02, "unlike": 0.15}
SIZES = (4, 24, 48)


def predictions(stream: np.random.Generator, spread: float, members: int, examples: int) -> tuple:
    """Log-probabilities and labels of members whose skills differ."""
    label = stream.integers(0, CLASSES, examples)
    skill = SKILL * (1 + spread * stream.standard_normal(members))
    logits = stream.standard_normal((examples, CLASSES)) + OWN * stream.standard_normal((members, examples, CLASSES))
    logits[:, np.arange(examples), label] += skill[:, None]
    return log_softmax(logits, axis=-1), label


def main() -> None:
    """Draw members and examples repeatedly, and print coverage and width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--members", type=int, default=48)
    parser.add_argument("--examples", type=int, default=200)
    said = parser.parse_args()
    for name, spread in SKILLS.items():
        stream = np.random.default_rng(0)
        many = [ms.ensemble_curve(*predictions(stream, spread, 48, 4000)).sel(size=list(SIZES)) for _ in range(6)]
        drawn = [predictions(stream, spread, said.members, said.examples) for _ in range(said.draws)]
        curves = [ms.ensemble_curve(*one).sel(size=list(SIZES)) for one in drawn]
        for quantity in ("score", "gain"):
            truth = np.mean([one[quantity] for one in many], 0)
            value, low, high = (np.stack([one[f"{quantity}{end}"] for one in curves]) for end in ("", "_low", "_high"))
            held = ((low <= truth) & (truth <= high)).mean(0)
            width = (high - low).mean(0) / (2 * 1.96 * value.std(0, ddof=1))
            for place, score in enumerate(SCORES):
                if score == "ece":  # depends on the size of the test set, so that its truth differs
                    continue
                cells = (f"{held[place, at]:.3f} ({width[place, at]:.2f})" for at in range(len(SIZES)))
                print(f"| {name} | {quantity}, {score} | {' | '.join(cells)} |", flush=True)
    print(f"sizes {SIZES}, {said.members} members, {said.examples} examples, {said.draws} draws")


if __name__ == "__main__":
    main()
