"""What the stage of samples will cost: networks that analyses draw, counted once however many of them ask.

The counts are those of `costs`, by kinds of networks and the sets on which they are predicted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modescape.analyses.stored import SWEEP_MEMBERS
from modescape.data.corruptions import SEVERITIES
from modescape.methods import AROUND, SCALED
from modescape.pipeline.costs import DRAWN_AGAIN, SPANNED, Sizes

SECONDS = 0.0005  # of writing a network's predictions on a set, and of reading them again


@dataclass(frozen=True)
class Draws:
    """Networks of a kind, and examples of each set that they predict."""

    networks: float
    sets: Mapping[str, float]
    asked: float = DRAWN_AGAIN  # see `Sizes.of`


def draws(sizes: Sizes, name: str) -> dict[str, Draws]:
    """Kind of networks -> what an analysis draws of it; nothing for those that draw none that are stored."""
    recipe, own, test = sizes.recipe, sizes.settings(name), {"test": float(sizes.test)}
    both = {**test, "validation": float(sizes.validation)}
    runs = sizes.runs * sizes.drawn
    if name in ("decomposition", "calibration"):
        return {"tested": Draws(runs, test)}
    if name == "ensemble_methods":
        at_one = sizes.runs * len(SCALED) * recipe.subspace.samples
        return {"tested": Draws(sizes.members * sizes.drawn, both), "at one distance": Draws(at_one, test, asked=0)}
    if name == "shift":
        return {"tested": Draws(runs, {**both, **{f"shift-{one}": float(sizes.test) for one in SEVERITIES}})}
    if name == "ood":
        some = float(sizes.test_at_most(own["examples"]))
        cut = f"test-first-{own['examples']}" if some < sizes.test else "test"
        return {"tested": Draws(runs, {cut: some, **dict.fromkeys(recipe.data.ood, some)})}
    if name == "diversity_map":
        some, networks = float(sizes.test_at_most(own["examples"])), len(SCALED) * SPANNED * recipe.subspace.samples
        seen = {"test": some, "shifted": some, "validation": float(sizes.validation)}
        return {"map": Draws(networks * sizes.runs, seen)}
    if name == "diversity_plane":
        return {"plane": Draws(len(AROUND) * own["draws"], test, asked=0)}
    if name == "tsne_subspace":
        members = min(sizes.members, recipe.train.trajectories)
        some = float(sizes.test_at_most(own["examples"]))
        return {"embedding": Draws(members * len(AROUND) * own["samples"], {"test": some}, asked=0)}
    if name == "subspace_scales":
        return {"chosen from": Draws(min(sizes.members, SWEEP_MEMBERS), {"validation": both["validation"]}, asked=0)}
    return {}


def together(sizes: Sizes, names: Sequence[str]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """What analyses draw, once: kind -> set -> networks, examples, asked."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name in names:
        for kind, own in draws(sizes, name).items():
            sets = found.setdefault(kind, {})
            for images, examples in own.sets.items():
                sets[images] = max(sets.get(images, (0.0, 0.0, 0.0)), (own.networks, examples, own.asked))
    return found


def sampled_images(sizes: Sizes, names: Sequence[str]) -> float:
    """Images that go through the networks that these analyses draw."""
    total = 0.0
    for sets in together(sizes, names).values():
        networks, _, asked = max(sets.values())
        total += sizes.of(networks, 0, asked) + sum(count * examples for count, examples, _ in sets.values())
    return total


def sampled_files(sizes: Sizes, names: Sequence[str]) -> float:
    """Predictions that are stored: of a network on a set."""
    return sum(count for sets in together(sizes, names).values() for count, _, _ in sets.values())


def sampled_bytes(sizes: Sizes, names: Sequence[str], num_classes: int) -> float:
    """Bytes that they take, whatever the budget."""
    numbers = sum(count * rows for sets in together(sizes, names).values() for count, rows, _ in sets.values())
    return 4 * numbers * num_classes
