r"""Barriers, alignment and fitted paths of pairs of networks trained on CIFAR-10: "On CIFAR-10" in docs/paths.md.

Train studies of two members or more, then measure (channels: [8, 16, 16], [16, 32, 32], [32, 64, 64], [64, 128, 128]):

    modescape train cifar10-smallcnn --out STUDY --set data.source=path/to/cifar10 --set data.train=25000 \
        --set data.scaling=unit --set train.members=6 --set train.epochs=10 --set train.batch_size=64 \
        --set train.learning_rate=2e-3 --set 'train.schedule={kind: cosine}' --set train.batches=permutation \
        --set 'model.arguments={channels: [16, 32, 32], dropout: 0.0}'
    python bench/cifar_paths.py FIGURES STUDY [STUDY ...] [--pairs 3]

The pairs are members 0 and 1, 2 and 3, ...: no network belongs to two pairs. Each pair's figures are written to FIGURES
as JSON after every part; parts already measured are skipped. At the end, tables are printed from all files. Barriers
are measured on test images; batch norm, REPAIR, matching and fits see training images only. Intervals are 95 %: "±"
over pairs (Student's t, three pairs or more), "[]" over images for one pair. A pair of SmallCNN takes two to ten
minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

import modescape as ms
from modescape import rng, tree
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.paths import Path as Way
from modescape.paths import Tunnel
from modescape.paths.between import KINDS, Barrier, heights
from modescape.study import Study
from modescape.types import ModelState

BATCH = 64  # images per step of a fit
LEVELS = 4  # recursion levels of a tunnel: fifteen corners
WHOLE = 250  # images per batch where networks are only evaluated
AGREED = ("a", "b", "unrelated")


@dataclass(frozen=True)
class Measured:
    """A study's networks and data, and how much of them is used."""

    context: StudyContext
    test: list[tuple[Tensor, Tensor]]
    train: list[tuple[Tensor, Tensor]]
    steps: int  # of the fit of a Bezier curve; all corners of a tunnel together take as many
    rate: float  # learning rate of the fit of a Bezier curve

    @classmethod
    def of(cls, path: Path, test: int, train: int, steps: int, rate: float) -> Measured:
        context = StudyContext(Study.open(path))
        data = context.dataset
        parts = cls.batches(context, data.test.first(test)), cls.batches(context, data.train.first(train))
        return cls(context, *parts, steps, rate)

    @staticmethod
    def batches(context: StudyContext, split: Split) -> list[tuple[Tensor, Tensor]]:
        prepared = context.preparation(split.inputs)
        assert isinstance(prepared, Tensor)
        return list(zip(prepared.split(WHOLE), split.label.split(WHOLE), strict=True))

    def drawn(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless training batches, augmented as in training."""
        split = self.context.dataset.train
        for step in range(10**9):
            index = rng.integers(torch.tensor([rng.key(0, "path order", step)]), BATCH, len(split.label))
            keys = torch.tensor([rng.key(0, "path augmentation", step)])
            images = self.context.preparation.pick(split.inputs, index, keys)
            assert isinstance(images, Tensor)
            yield images[0], split.label[index[0]]

    def state(self, member: int) -> ModelState:
        return self.context.study.state(member, self.context.study.recipe.train.epochs)


@dataclass(frozen=True)
class Pair:
    """Two members, and an unrelated one."""

    data: Measured
    members: tuple[int, int]
    unrelated: int | None

    @property
    def states(self) -> tuple[ModelState, ModelState]:
        return self.data.state(self.members[0]), self.data.state(self.members[1])

    def facts(self) -> dict[str, Any]:
        study = self.data.context.study
        return {
            "study": study.path.name,
            "network": study.recipe.model.model_dump(),
            "parameters": sum(tensor.numel() for tensor in self.states[0].params.values()),
            "members": self.members,
            "test": sum(len(target) for _, target in self.data.test),
            "train": sum(len(target) for _, target in self.data.train),
            "fit": {"steps": self.data.steps, "batch": BATCH, "rate": self.data.rate, "tunnel_levels": LEVELS},
        }

    def weights(self) -> dict[str, Any]:
        data, model = self.data, self.data.context.study.model()
        found = ms.barrier(model, *self.states, data.test, reset_batches=data.train)
        assert found.alignment is not None
        return line(found, KINDS) | {"cosine": [found.alignment.before, found.alignment.after]}

    def activations(self) -> dict[str, Any]:
        data, model = self.data, self.data.context.study.model()
        one, two = self.states
        moved = ms.align(model, one, two, data.train, "activations")
        found = ms.barrier(model, one, moved.state, data.test, reset_batches=data.train, aligned=False)
        return line(found, KINDS[:2], "aligned") | {"cosine": [moved.before, moved.after]}

    def bezier(self) -> dict[str, Any]:
        data, model = self.data, self.data.context.study.model()
        way = ms.fit_path(model, *self.states, data.drawn, steps=data.steps, learning_rate=data.rate)
        return along(data, way, self.unrelated, 9)

    def tunnel(self) -> dict[str, Any]:
        return along(self.data, tunnel(self.data, *self.states), self.unrelated, 33)  # ends and middles

    def write(self, file: Path) -> None:
        """Measure the parts that the file lacks, and write the file after each."""
        found = json.loads(file.read_text()) if file.exists() else self.facts()
        for part in (self.weights, self.activations, self.bezier, self.tunnel):
            name, clock = part.__name__, time.process_time()
            if name in found:
                continue
            found[name] = part() | {"processor_seconds": time.process_time() - clock}
            file.with_suffix(".part").write_text(json.dumps(found))
            file.with_suffix(".part").rename(file)
            print(f"{file.name}: {name}, {found[name]['processor_seconds']:.0f} processor seconds", flush=True)


def line(found: Barrier, kinds: tuple[str, ...], called: str = "") -> dict[str, Any]:
    """Barriers of the straight line with their intervals, and its profile; ``called`` replaces "raw" in the names."""
    figures = {}
    for kind in kinds:
        profile, ends = found.profiles[kind], [f"{kind}{end}" for end in ("", "_low", "_high")]
        figures[kind.replace("raw", called) if called else kind] = {
            "loss": [getattr(found, end) for end in ends],
            "error": [getattr(found.error, end) for end in ends],
            "t": profile.t.tolist(),
            "losses": profile.loss.tolist(),
            "accuracies": (1 - profile.error).tolist(),
        }
    return figures


def tunnel(data: Measured, one: ModelState, two: ModelState, rate: float = 3e-3) -> Way:
    """The tunnel as a path of straight pieces."""
    model, stream = data.context.study.model(), data.drawn()
    seen = ms.Landscape(model, one, data.train[:4], check=False)
    down = ms.Landscape(model, one, lambda: [next(stream)], batch_norm="batch", check=False)

    def loss(weights: Tensor) -> Tensor:
        return torch.from_numpy(seen.values([tree.unravel(row.float(), one.params) for row in weights]))

    def gradient(weights: Tensor, step: int) -> Tensor:
        return tree.ravel(down.gradient(tree.unravel(weights.float(), one.params))).to(weights)

    search = Tunnel(levels=LEVELS, steps=data.steps // (2**LEVELS - 1), learning_rate=rate)
    corners = search.connect(tree.ravel(one.params), tree.ravel(two.params), loss, gradient)
    points = tree.stack([tree.unravel(corner, one.params) for corner in corners])
    return Way(model, "polychain", points, (one.buffers, two.buffers))


def along(data: Measured, way: Way, other: int | None, places: int) -> dict[str, Any]:
    """Barrier of a path, and agreement with its ends and an unrelated network at t = 0, 1/8, ..., 1."""
    model = data.context.study.model()
    profile = way.profile(data.test, t=places, reset="batch_norm", reset_batches=data.train)
    assert profile.errors is not None
    states = {"a": way.at(0.0), "b": way.at(1.0)}
    if other is not None:
        state = data.state(other)
        states["unrelated"] = {**state.params, **state.buffers}
    labels = {name: said(model, state, data.test) for name, state in states.items()}
    field = ms.Landscape(model, batches=data.test, predictions=labels, batch_norm_batches=data.train, check=False)
    met = field.evaluate([way.at(t) for t in np.linspace(0, 1, 9)])
    return {
        "loss": list(heights("", profile.t, profile.losses, 0.95).values()),
        "error": list(heights("", profile.t, profile.errors, 0.95).values()),
        "t": profile.t.tolist(),
        "losses": profile.loss.tolist(),
        "accuracies": (1 - profile.error).tolist(),
        "agreement": {name: shares.tolist() for name, shares in met.agreement.items()},
    }


def said(model: torch.nn.Module, state: dict[str, Tensor], batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Predicted classes of a network, with its own running statistics."""
    with torch.no_grad():
        outputs = [torch.func.functional_call(model.eval(), state, (inputs,)) for inputs, _ in batches]
    return torch.cat(outputs).argmax(-1)


def over_pairs(values: list[float], ends: list[list[float]], factor: float, digits: int) -> str:
    """Mean over pairs and its interval: Student's t for three pairs or more, else each pair's own over images."""
    mean = factor * float(np.mean(values))
    if len(values) > 2:
        width = float(student.ppf(0.975, len(values) - 1)) * factor * float(np.std(values, ddof=1)) / len(values) ** 0.5
        return f"{mean:.{digits}f} ± {width:.{digits}f}"
    each = [
        f"{factor * one:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]" for one, low, high in ends
    ]
    return " and ".join(each)


def cell(rows: list[dict[str, Any]]) -> str:
    """A barrier in nats and in points of the error."""
    return ", ".join(
        over_pairs([row[unit][0] for row in rows], [row[unit] for row in rows], *scale) + after
        for unit, scale, after in (("loss", (1, 2), ""), ("error", (100, 1), " %"))
    )


def mean(values: list[float]) -> float:
    return float(np.mean(values))


def rows(pairs: list[dict[str, Any]]) -> list[list[str]]:
    """The rows of both tables for a network."""
    network = pairs[0]["network"]
    name = " ".join([network["factory"], *map(str, network["arguments"].get("channels", []))])
    head, lines = f"{name}; {pairs[0]['parameters']:,}", []
    for method in ("weights", "activations"):
        if of := [one["weights"] | one[method] for one in pairs if method in one]:
            half = " / ".join(f"{100 * mean([one[kind]['accuracies'][5] for one in of]):.1f}" for kind in KINDS)
            found = [cell([one[kind] for one in of]) for kind in KINDS]
            lines.append([head, str(len(of)), method, f"{mean([one['cosine'][1] for one in of]):.2f}", *found, half])
    for way in ("bezier", "tunnel"):
        if of := [one[way] for one in pairs if way in one]:
            ends = 100 * mean([one["accuracies"][place] for one in of for place in (0, -1)])
            worst = 100 * mean([min(one["accuracies"]) for one in of])
            agreed = [[one["agreement"][label] for one in of if label in one["agreement"]] for label in AGREED]
            shares = [
                " ".join(f"{100 * share:.0f}" for share in np.mean(each, 0)[::2]) if each else "-" for each in agreed
            ]
            lines.append([head, str(len(of)), way, f"{ends:.1f}", f"{worst:.1f}", cell(of), *shares])
    return lines


def tables(folder: Path) -> None:
    """Print the figures in the folder as Markdown tables, with means over pairs."""
    studies: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*-*.json")):
        found = json.loads(file.read_text())
        studies.setdefault(found["study"], []).append(found)
    ordered = sorted(studies.values(), key=lambda pairs: pairs[0]["parameters"])
    lines = [line for pairs in ordered for line in rows(pairs)]
    first = ["network; parameters", "pairs", "matched by", "cosine", *KINDS, "accuracy half way: " + " / ".join(KINDS)]
    second = ["network; parameters", "pairs", "path", "accuracy of the ends", "lowest accuracy", "barrier"]
    second += [f"agreement with {what} at t = 0, .25, .5, .75, 1" for what in ("a", "b", "an unrelated network")]
    for head in (first, second):
        own = [line for line in lines if (line[2] in ("bezier", "tunnel")) == (head is second)]
        print("\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *own]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("studies", type=Path, nargs="*")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--test", type=int, default=5000, help="test images")
    parser.add_argument("--train", type=int, default=2000, help="training images for the reset and for matching")
    parser.add_argument("--steps", type=int, default=2000, help="of a fit")
    parser.add_argument("--rate", type=float, default=1e-2, help="of the fit of a Bezier; 3e-3 for ResNet20")
    options = parser.parse_args()
    options.figures.mkdir(parents=True, exist_ok=True)
    for path in options.studies:
        members = Study.open(path).trained
        data = Measured.of(path, options.test, options.train, options.steps, options.rate)
        for a, b in list(zip(members[::2], members[1::2], strict=False))[: options.pairs]:
            unrelated = next((member for member in members if member not in (a, b)), None)
            Pair(data, (a, b), unrelated).write(options.figures / f"{path.name}-{a}-{b}.json")
    tables(options.figures)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
