"""Compare learning-rate schedules for the recipe digits: members, their ensemble and one long run, as Markdown.

Usage: python bench/schedules.py FOLDER [--seeds 0 1 2] [--schedules cosine-1e-2] [--epochs 40] > table.md

The choice is made on validation images (first columns); test images only report. A study that is already in FOLDER is
not trained again.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from modescape import pipeline, rng
from modescape.metrics import accuracy, calibrated_nll, combine, fit_temperature, nll
from modescape.metrics.convergence import ending
from modescape.study import Study

SCHEDULES = {
    "halving-1.6e-3": ["train.learning_rate=1.6e-3", "train.schedule={kind: halving, every: 10}"],
    "cosine-1.6e-3": ["train.learning_rate=1.6e-3", "train.schedule={kind: cosine}"],
    "cosine-3e-3": ["train.learning_rate=3.0e-3", "train.schedule={kind: cosine}"],
    "cosine-1e-2": ["train.learning_rate=1.0e-2", "train.schedule={kind: cosine}"],
    "cosine-2e-2": ["train.learning_rate=2.0e-2", "train.schedule={kind: cosine}"],
}
SPLITS = {"300 / 200": ["data.validation=200"], "200 / 300": ["data.validation=300"]}  # training / validation images
LONG_RUNS = 2  # networks trained as long as all members together
ANALYSES = ["training", "ensemble_size", "solution_similarity"]
COLUMNS = {
    "training, s": "of one core, all members",
    "validation NLL": "mean member, ensemble",
    "end": "members by how their validation loss ends, and its mean change over the last quarter of the epochs",
    "test NLL": "mean member, ensemble",
    "accuracy": "mean member, ensemble",
    "gain, points": "95 % interval",
    "T": "members' temperatures on validation, least to greatest",
    "disagreement / error": "mean pair",
    "snapshots, points": "gain of the last ten",
    "long run": "accuracy, NLL, calibrated NLL on test images; the ensemble's calibrated NLL",
}


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--schedules", nargs="+", choices=SCHEDULES, default=list(SCHEDULES))
    parser.add_argument("--epochs", type=int, nargs="+", default=[40, 60])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=list(SPLITS))
    chosen = parser.parse_args()
    print(f"| {' | '.join(['images', 'epochs', 'schedule', 'seed', *COLUMNS])} |\n|{'---|' * (len(COLUMNS) + 4)}")
    for split, epochs, name, seed in product(chosen.splits, chosen.epochs, chosen.schedules, chosen.seeds):
        folder = chosen.folder / f"{split.split()[0]}-{epochs}-{name}-{seed}"
        cells = row(folder, [f"seed={seed}", f"train.epochs={epochs}", *SPLITS[split], *SCHEDULES[name]])
        print(f"| {' | '.join([split, str(epochs), name, str(seed), *cells])} |", flush=True)


def row(folder: Path, overrides: list[str]) -> list[str]:
    """One row of the table: a cell for each of `COLUMNS`."""
    study = made(folder, overrides, ANALYSES)
    epochs, members = study.recipe.train.epochs, study.trained
    seconds = sum(study.member(member).history()["seconds"].sum() for member in members)
    as_long = [f"train.members={LONG_RUNS}", f"train.epochs={epochs * len(members)}", "train.trajectories=0"]
    long = made(folder / "long", [*overrides, *as_long], ["training"])
    found = {split: final(study, split) for split in ("validation", "test")}
    scores = {
        split: (float(np.mean(nll(*pair))), float(nll(combine(pair[0]), pair[1]))) for split, pair in found.items()
    }
    log_prob, label = found["test"]
    temperature = np.asarray(fit_temperature(*found["validation"]))
    curve, pairs = study.result("ensemble_size"), study.result("solution_similarity")
    gain = curve.sel({"metric": "accuracy", "approach": "independent"}).isel(size=-1)
    snapshots = curve.sel({"metric": "accuracy", "approach": "snapshots"}).isel(size=-1)
    key = rng.key(0, "calibration")
    run, _ = final(long, "test")
    together = float(calibrated_nll(combine(log_prob), label, key=key).score)
    calibrated = calibrated_nll(run, label, key=key).score
    lone = [float(np.mean(score)) for score in (accuracy(run, label), nll(run, label), calibrated)]
    ends = ending(np.stack([study.member(member).history()["validation_loss"] for member in members]))
    states = [f"{(ends.state == state).sum()} {state}" for state in ("falling", "flat", "rising")]
    return [
        f"{seconds:.1f}",
        "{:.3f}, {:.3f}".format(*scores["validation"]),
        f"{', '.join(state for state in states if state[0] != '0')}; {100 * ends.change.mean():+.0f} %",
        "{:.3f}, {:.3f}".format(*scores["test"]),
        f"{np.mean(accuracy(log_prob, label)):.3f}, {float(accuracy(combine(log_prob), label)):.3f}",
        "{:+.2f} ({:.2f} to {:.2f})".format(*(100 * float(gain[name]) for name in ("gain", "gain_low", "gain_high"))),
        f"{temperature.min():.2f} to {temperature.max():.2f}",
        f"{float(pairs['pair_mean'].sel(metric='normalized_disagreement')):.2f}",
        f"{100 * float(snapshots['gain']):+.2f}",
        "{:.3f}, {:.3f}, {:.3f}; {:.3f}".format(*lone, together),
    ]


def made(folder: Path, overrides: list[str], names: list[str]) -> Study:
    """A trained study with these analyses; existing parts are not made again."""
    study = pipeline.train("digits", folder, overrides=overrides)
    missing = [name for name in names if not study.has_result(name)]
    return pipeline.analyse(folder, missing) if missing else study


def final(study: Study, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities of the members' last epochs, [member, example, class], and labels."""
    predictions = study.predictions(split)
    rows = [predictions.index(member, study.recipe.train.epochs) for member in study.trained]
    return predictions.log_probs(rows), predictions.label


if __name__ == "__main__":
    main()
