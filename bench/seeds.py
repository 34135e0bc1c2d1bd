"""Coverage of intervals over runs, error rates of tests and suggested numbers of runs, in simulations with known truth.

Runs are drawn repeatedly from normal and skewed scores, and with replacement from tables of many runs (--table).
Optional stopping is simulated as people do it: a test after each new run, up to 200, stopping at the first p < .05.

Usage: python bench/seeds.py [--draws 5000] [--table scores.csv --score COLUMN ...] [--out bench/results/seeds.json]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import ndtri, stdtrit

from modescape.metrics import seeds

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SIZES = (3, 5, 10, 20, 50)
LOOKS = 200


def populations(args: argparse.Namespace) -> dict[str, tuple[Draw, float]]:
    """Scores to draw from, and their mean."""
    found: dict[str, tuple[Draw, float]] = {
        "normal": (lambda numbers, shape: numbers.normal(size=shape), 0.0),
        "skewed (exponential)": (lambda numbers, shape: numbers.exponential(size=shape), 1.0),
    }
    if args.table is not None:
        from modescape.interop.scores import Columns, read_scores

        runs, _ = read_scores([args.table], Columns(scores=tuple(args.score)))
        for one in runs:
            scores = np.array(one.scores)
            found[one.label] = (
                (lambda numbers, shape, scores=scores: scores[numbers.integers(len(scores), size=shape)]),
                float(scores.mean()),
            )
    return found


def coverage(draw: Draw, mean: float, draws: int, numbers: np.random.Generator) -> dict[str, dict[str, float]]:
    """Coverage of Student's t and, in a tenth of the draws, of BCa intervals, by the number of runs."""
    found: dict[str, dict[str, float]] = {"t": {}, "BCa": {}}
    for runs in SIZES:
        scores = draw(numbers, (draws, runs))
        half = stdtrit(runs - 1, 0.975) * scores.std(-1, ddof=1) / math.sqrt(runs)
        found["t"][str(runs)] = float((np.abs(scores.mean(-1) - mean) <= half).mean())
        if runs >= 20:
            held = [low <= mean <= high for low, high in map(seeds.bca_interval, scores[: draws // 10])]
            found["BCa"][str(runs)] = float(np.mean(held))
    return found


def differences(draw: Draw, draws: int, numbers: np.random.Generator) -> dict[str, dict[str, float]]:
    """How often two equal methods are said to differ (false positives): at most .05 is wanted."""
    found: dict[str, dict[str, float]] = {"Welch": {}, "paired t": {}, "permutation": {}, "Holm, 6 methods": {}}
    for runs in SIZES:
        one, two = draw(numbers, (2, draws, runs))
        pairs = [
            (seeds.welch_difference(a, b), seeds.paired_difference(a, b))
            for a, b in zip(one[:1500], two[:1500], strict=True)
        ]
        found["Welch"][str(runs)] = float(np.mean([pair.p <= 0.05 for pair, _ in pairs if pair]))
        found["paired t"][str(runs)] = float(np.mean([pair.p <= 0.05 for _, pair in pairs if pair]))
        if pairs[0][0] and pairs[0][0].permutation and runs < 10:
            exact = [pair.permutation.p <= 0.05 for pair, _ in pairs if pair and pair.permutation]
            found["permutation"][str(runs)] = float(np.mean(exact))
        if runs == 5:
            six = draw(numbers, (400, 6, runs))
            wrong = []
            for methods in six:
                p = [
                    found_.p
                    for i in range(6)
                    for j in range(i)
                    if (found_ := seeds.welch_difference(methods[i], methods[j]))
                ]
                wrong.append(min(seeds.holm(p)) <= 0.05)
            found["Holm, 6 methods"]["5"] = float(np.mean(wrong))
    return found


def looking(draw: Draw, mean: float, draws: int, numbers: np.random.Generator) -> dict[str, float]:
    """Tests after every run: how often they stop without a true difference, and how soon with one."""
    scores = draw(numbers, (2, draws, LOOKS))
    none = scores[0] - scores[1]
    runs = np.arange(1, LOOKS + 1)
    total, squares = np.cumsum(none, -1), np.cumsum(none**2, -1)
    spread = np.sqrt(np.maximum(squares - total**2 / runs, 0)[:, 1:] / np.arange(1, LOOKS))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(total / np.sqrt(runs))[:, 1:] / spread
    rho = 0.25  # of the asymptotic sequence of Waudby-Smith et al. 2021, at its best near 5 runs
    grown = runs[1:] * rho + 1
    asymptotic = t * np.sqrt(np.arange(1, LOOKS) / runs[1:]) ** -1 >= np.sqrt(
        grown / (runs[1:] * rho) * np.log(grown / 0.05**2)
    )
    low, high = seeds.confidence_sequence(none[:1000])
    effect = none / none.std() + 1.5
    stopped = seeds.e_values(effect) >= 20
    return {
        "e process": float((seeds.e_values(none) >= 20).any(-1).mean()),
        "intervals at all times": float(((low <= 0) & (high >= 0)).all(-1).mean()),
        "t test after every run": float((t > stdtrit(np.arange(1, LOOKS), 0.975)).any(-1).mean()),
        "asymptotic sequence": float(asymptotic.any(-1).mean()),
        "runs to stop at an effect of 1.5 sd (median)": float(np.median(stopped.argmax(-1) + 1)),
        "runs to stop at an effect of 1.5 sd (90 %)": float(np.quantile(stopped.argmax(-1) + 1, 0.9)),
        "stopped at an effect of 1.5 sd": float(stopped.any(-1).mean()),
    }


def planning(draws: int, numbers: np.random.Generator) -> dict[str, float]:
    """Runs suggested for a power from five pilot runs of each method: how often the range contains the true number."""
    truth = seeds.runs_for_power(seeds.Noise(2.0, 2.0), 1e9, 1.0).runs or 0
    held, points = [], []
    for pilot in numbers.normal(size=(draws, 2, 5)):
        found = seeds.welch_difference(*pilot)
        if found is None:
            continue
        sds = pilot.std(-1, ddof=1)
        needed = seeds.runs_for_power(*seeds.noise_of(found, (float(sds[0]), float(sds[1]))), 1.0)
        held.append((needed.low or 0) <= truth <= (needed.high or math.inf))
        points.append(needed.runs or math.inf)
    fresh = numbers.normal(size=(draws, 2, truth))
    fresh[:, 0] += 1.0
    error = np.sqrt(fresh.var(-1, ddof=1).sum(-1) / truth)
    found = np.abs(fresh.mean(-1) @ [1, -1]) / error > stdtrit(2 * truth - 2, 0.975)
    return {
        "runs it takes": float(truth),
        "power with these": float(found.mean()),
        "range from 5 pilot runs holds it": float(np.mean(held)),
        "median wanted from 5 pilot runs": float(np.median(points)),
    }


def main() -> None:
    """Simulate, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--score", action="append", default=[])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    numbers = np.random.default_rng(args.seed)
    results: dict[str, object] = {
        "draws": args.draws,
        "error of a share of .05": float(ndtri(0.975) * math.sqrt(0.05 * 0.95 / args.draws)),
    }
    for name, (draw, mean) in populations(args).items():
        results[name] = {
            "coverage": coverage(draw, mean, args.draws, numbers),
            "wrongly different": differences(draw, args.draws, numbers),
            "looking": looking(draw, mean, args.draws, numbers),
        }
        print(json.dumps({name: results[name]}, indent=1), flush=True)
    results["planning"] = planning(args.draws, numbers)
    print(json.dumps(results["planning"], indent=1))
    if args.out is not None:
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
