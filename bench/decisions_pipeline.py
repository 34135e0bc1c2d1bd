"""Studies of `bench/decisions.py` that go through the whole pipeline: `modescape run`, then `modescape decide`.

The truth is the same study run again with test examples that were held back from the first run: its networks must be
bit-identical, as no test example takes part in training.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from decisions_data import Rows
from decisions_truth import judged_by

import modescape as ms
from modescape.decision.labelled import table_of_result

ANALYSES = ("training", "equal_cost")  # all analyses that the advice uses
HELD = 4000  # largest number of examples of the truth


@dataclass(frozen=True)
class Whole:
    """One study: a data set, how much of it the study sees, and a recipe of the package with overrides."""

    data: str
    recipe: str
    train: int
    validation: int
    test: int
    members: int
    epochs: int
    settings: Mapping[str, str]

    def overrides(self, source: Path) -> list[str]:
        """Overrides of the recipe."""
        own = {
            "data.source": source,
            "data.validation": self.validation,
            "train.members": self.members,
            "train.epochs": self.epochs,
            "train.trajectories": 0,
            "train.keep_last": 5,
            "analyses": f"[{', '.join(ANALYSES)}]",
            **self.settings,
        }
        return [f"{name}={value}" for name, value in own.items()]


MLP = "{widths: [%s]}"
STUDIES = (
    Whole("digits", "digits", 200, 150, 300, 4, 15, {}),
    Whole("digits", "digits", 400, 100, 200, 3, 4, {"model.factory": "notebook_small_cnn"}),
    Whole("CIFAR-10", "cifar10-smallcnn", 1000, 200, 500, 3, 6, {"data.scaling": "unit"}),
    Whole("diamonds", "diabetes", 500, 150, 500, 4, 10, {"model.arguments": MLP % "32, 32"}),
    Whole("clusters", "table", 300, 150, 500, 5, 20, {"model.arguments": MLP % "64"}),
    Whole("bands", "table", 300, 100, 1000, 4, 12, {"model.arguments": MLP % "32, 32, 32"}),
    Whole("hastie", "table", 500, 200, 500, 4, 15, {"streams.initialisation": "shared"}),
    Whole("CIFAR-10", "cifar10-smallcnn", 1500, 300, 1000, 3, 8, {"data.scaling": "unit", "train.batch_size": "32"}),
)


def parts_of(one: Whole, rows: Rows, seed: int) -> dict[str, dict[str, Any]]:
    """Arrays of two .npz files: what a study sees, and the same with the held-back examples as test set."""
    order = np.random.default_rng(seed).permutation(len(rows[1]))
    ends = np.cumsum([one.train + one.validation, one.test, HELD])
    train, test, held = np.split(order, ends)[:3]
    inputs, target = ("image", "label") if rows[0].ndim > 2 else ("x", "y")
    known = {inputs: rows[0][train], target: rows[1][train]}
    return {
        name: {**known, f"test_{inputs}": rows[0][own], f"test_{target}": rows[1][own]}
        for name, own in {"seen": test, "truth": held}.items()
    }


def carried_out(one: Whole, rows: Rows, seed: int, folder: Path) -> dict[str, Any]:
    """Run and decide one study, and judge the advice on what was held back.

    Raises:
        RuntimeError: if a command fails, or the networks of the truth differ.
    """
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    parts = parts_of(one, rows, seed)
    for name, arrays in parts.items():
        source = folder / f"{name}.npz"
        if not source.exists():
            np.savez(source, **arrays)
        sets = [part for override in (f"seed={seed}", *one.overrides(source)) for part in ("--set", override)]
        run_command("run", one.recipe, "--out", str(folder / name), "--engine", "here", "--quiet", *sets)
    studies = [ms.Study.open(folder / name) for name in parts]
    if not same_weights(*studies):
        raise RuntimeError(f"the networks of the two studies in '{folder}' differ")
    answer = json.loads(run_command("decide", str(folder / "seen"), "--json"))
    true = table_of_result(studies[1].result("equal_cost"))
    return {
        "data": one.data,
        "recipe": one.recipe,
        "network": studies[0].recipe.model.factory,
        "kind": "common" if one.settings.get("streams.initialisation") == "shared" else "own",
        "settings": dict(one.settings),
        **{name: getattr(one, name) for name in ("train", "validation", "test", "members", "epochs")},
        "held": true.examples,
        "seconds": round(time.monotonic() - start, 1),
        "needed": answer["examples"]["needed"],
        **judged_by(true, answer["advice"], answer["candidate"]),
    }


def _weights(study: ms.Study) -> Iterator[tuple[str, int, str, np.ndarray]]:
    """The last weights of all networks of a study."""
    folders = sorted(path.name for path in (Path(study.path) / "variants").glob("*"))
    for name, one in {"": study, **{name: study.auxiliary(name) for name in folders}}.items():
        for member in one.trained:
            params = one.state(member, one.recipe.train.epochs).params
            yield from ((name, member, part, tensor.numpy()) for part, tensor in sorted(params.items()))


def same_weights(one: ms.Study, other: ms.Study) -> bool:
    """Whether the networks of two studies have the same weights."""
    pairs = itertools.zip_longest(_weights(one), _weights(other))
    return all(a and b and a[:3] == b[:3] and np.array_equal(a[3], b[3]) for a, b in pairs)


def run_command(*arguments: str) -> str:
    """Run a modescape command, and return what it prints."""
    done = subprocess.run([sys.executable, "-m", "modescape", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"modescape {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
