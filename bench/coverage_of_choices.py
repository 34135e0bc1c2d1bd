"""Coverage and width of intervals for given models, in simulations with known truth.

Models and test examples are drawn repeatedly from the populations of `coverage.py`; the truth is what the same models,
the chosen models, or averages of them score on 20 times as many examples. Quantities: the subset of models selected by
NLL and by accuracy, scored on parts it was not chosen on, and its gain over all of them; the best single model; the
weighted average; differences of two models, each alone and all at once; Shapley values; and the difference of two
methods with several runs each, which is 0. Coverage is the share of draws whose interval contains the truth, width the
mean length over that of the ideal interval, 2 x 1.96 standard deviations of the error over the draws.

Usage: python bench/coverage_of_choices.py [--draws 300] [--seed 0] [--only NAME ...] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import coverage
import numpy as np
from coverage import SOURCES, Z

from modescape.analyses.averaging import Averages, as_mean, averages_of
from modescape.analyses.contributions.measure import measure as contributions
from modescape.analyses.model_groups.measure import measure as model_groups
from modescape.analyses.model_pairs.measure import measure as model_pairs
from modescape.analyses.model_scores.measure import measure as model_scores
from modescape.analyses.subset_choice.crossed import EXACT, GREEDY, Procedure, choices, weighted
from modescape.metrics.choosing import factor_of
from modescape.metrics.folds import folds
from modescape.metrics.scoring import CLASSES
from modescape.metrics.weights import mixture_weights
from modescape.offered import Offered, arrays

SETTINGS = {  # name -> population, models, examples
    f"{source}-{models}-{examples}": (source, models, examples)
    for source, models, examples in (
        ("alike", 10, 300),
        ("alike", 10, 1000),
        ("unlike", 10, 300),
        ("unlike", 10, 1000),
        ("alike", 20, 300),
    )
}
PARTS, METRICS = 5, ("accuracy", "nll")
POPULATION = 20  # size of the population as a multiple of the test set
Row = tuple[str, str, float, float, float, float]  # quantity, score, estimate, truth, both ends


def offered(log_prob: np.ndarray, label: np.ndarray) -> Offered:
    """Models in two groups of equal size."""
    half = len(log_prob) // 2
    groups = {"one": list(range(half)), "other": list(range(half, 2 * half))}
    return replace(arrays({"test": log_prob}, {"test": label}), name_groups=groups)


def of_choices(test: Averages, truth: Averages, part: np.ndarray, exact: bool) -> Iterator[Row]:
    """The selected models, their gain over all models, and the weighted average."""
    procedure = Procedure(test, CLASSES, factor_of(PARTS))
    whole = np.ones((1, next(iter(test.losses.values())).models))
    every = {name: as_mean(name, one.example(whole).mean()) for name, one in truth.losses.items()}
    for selector in METRICS:
        choice = choices(test, part, selector, EXACT if exact else GREEDY)
        masks = choice.masks[np.arange(PARTS), choice.best]
        own = procedure.scored(choice.of_best())
        gain = own.minus(procedure.everything)
        for at, metric in enumerate(METRICS):
            true = float(np.mean([as_mean(metric, one.mean()) for one in truth.losses[metric].example(masks)]))
            for name, found, value in (("kept", own, true), ("kept, gain", gain, true - every[metric])):
                low, high = found.these()
                yield f"{name} by {selector}", metric, float(found.score[at]), float(value), low[at], high[at]
    log = test.log_likelihood
    assert log is not None
    weight = np.stack([mixture_weights(log[:, part != left]).weight for left in range(PARTS)])
    gain = procedure.scored(weighted(test, part)[0]).minus(procedure.everything)
    low, high = gain.these()
    for at, metric in enumerate(METRICS):
        true = np.mean([as_mean(metric, one.mean()) for one in truth.losses[metric].example(weight)]) - every[metric]
        yield "weights, gain", metric, float(gain.score[at]), float(true), low[at], high[at]


def of_models(test: Offered, truth: Offered) -> Iterator[Row]:
    """The best single model, pairs, Shapley values, groups."""
    scores, test_of_truth = model_scores(test), truth.predictions["test"]
    values = np.stack([test_of_truth.log_prob(model) for model in range(len(truth.members))])
    true_score = {metric: CLASSES.scores[metric](values, test_of_truth.label) for metric in METRICS}
    for metric in METRICS:
        chosen, where = scores["chosen"].sel(metric=metric).values, {"approach": "best alone", "metric": metric}
        estimate, low, high = (float(scores[f"together{end}"].sel(where)) for end in ("", "_low", "_high"))
        yield "best alone", metric, estimate, float(chosen @ true_score[metric]), low, high
    pairs = model_pairs(test)
    first, second = np.triu_indices(pairs.sizes["model"], 1)
    for metric in METRICS:
        own, value = pairs.sel(metric=metric), true_score[metric][first] - true_score[metric][second]
        estimate = own["difference"].values[first, second]
        low, high = (own[f"difference_{end}"].values[first, second] for end in ("low", "high"))
        yield from (("pair", metric, *row) for row in zip(estimate, value, low, high, strict=True))
        low, high = (own[f"difference_{end}_all"].values[first, second] for end in ("low", "high"))
        held = bool(((low <= value) & (value <= high)).all())
        yield "all pairs at once", metric, 0.0, 0.0 if held else 2.0, -1.0, 1.0
    groups = model_groups(test)
    where = {"approach": "one", "other_approach": "other"}
    for metric in METRICS:
        place = where | {"metric": metric}
        value, low, high = (float(groups[f"difference{end}"].sel(place)) for end in ("", "_low", "_high"))
        yield "two methods", metric, value, 0.0, low, high
    if test.predictions["test"].log_prob(0).shape[0] <= 300 and len(test.members) <= 10:
        shares, true = contributions(test), contributions(truth)
        for metric in METRICS:
            rows = (one.sel(metric=metric).values for one in (shares["shapley"], true["shapley"]))
            ends = (shares[f"shapley{end}"].sel(metric=metric).values for end in ("_low", "_high"))
            yield from (("Shapley value", metric, *row) for row in zip(*rows, *ends, strict=True))


def simulate(name: str, draws: int, seed: int) -> list[dict[str, object]]:
    """Coverage and width of every quantity of a setting."""
    source, models, examples = SETTINGS[name]
    draw = SOURCES[source]()
    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for number in range(draws):
        random = np.random.default_rng([seed, number])
        (log_prob, label, _), (of_truth, true_label, _), _ = draw(random, models, examples)
        test, truth = (offered(one.astype(np.float32), own) for one, own in ((log_prob, label), (of_truth, true_label)))
        part = folds(examples, PARTS, number)
        own, other = (averages_of(one.predictions["test"], range(models), CLASSES, 10**9, 0) for one in (test, truth))
        for quantity, metric, *values in (*of_choices(own, other, part, models <= 10), *of_models(test, truth)):
            rows.setdefault((quantity, metric), []).append(tuple(values))
    return [_judged(name, *key, np.array(values, dtype=float)) for key, values in rows.items()]


def _judged(name: str, quantity: str, metric: str, rows: np.ndarray) -> dict[str, object]:
    estimate, truth, low, high = rows.T
    error = (truth - estimate).std(ddof=1)
    single = quantity == "all pairs at once"  # one yes-or-no answer for all pairs, without an interval
    width = float("nan") if single or not error > 0 else float((high - low).mean() / (2 * Z * error))
    held = float(((low <= truth) & (truth <= high)).mean())
    return {
        "setting": name,
        "quantity": quantity,
        "metric": metric,
        "coverage": round(held, 4),
        "width": round(width, 3),
    }


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: coverage and, in brackets, width."""
    names = list(dict.fromkeys(str(row["setting"]) for row in rows))
    cells = {(row["quantity"], row["metric"], row["setting"]): row for row in rows}
    lines = [f"| quantity | score | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for quantity, metric in dict.fromkeys((row["quantity"], row["metric"]) for row in rows):
        texts = []
        for name in names:
            own = cells.get((quantity, metric, name))
            width = "" if own is None or np.isnan(float(str(own["width"]))) else f" ({own['width']:.2f})"
            texts.append("" if own is None else f"{own['coverage']:.2f}".removeprefix("0") + width)
        lines.append(f"| {quantity} | {metric} | {' | '.join(texts)} |")
    return "\n".join(lines)


def main() -> None:
    """Simulate, write the numbers and print the table; results of other settings in the file are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage_choices.json")
    options = parser.parse_args()
    coverage.POPULATION = POPULATION
    for name in options.only:
        own = simulate(name, options.draws, options.seed)
        kept = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
        rows = [row for row in kept if row["setting"] != name] + own
        record = {"draws": options.draws, "seed": options.seed, "rows": rows}
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(table(json.loads(options.out.read_text())["rows"]))


if __name__ == "__main__":
    main()
