"""The cost of sampling networks for analyses; a network that several analyses need is counted once.

The counts are those of `costs`, by kinds of networks and the sets on which they are predicted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modescape.analyses.costs import Draws, Sizes, cost_module

SECONDS = 0.0005  # to write and read a network's predictions on a set


def draws(sizes: Sizes, name: str) -> Mapping[str, Draws]:
    """Kind of networks -> the number that an analysis draws; empty for analyses that store none."""
    drawn = getattr(cost_module(name, sizes), "drawn", None)
    return drawn(sizes) if drawn is not None else {}


def together(sizes: Sizes, names: Sequence[str]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """The union of the networks that analyses draw: kind -> set -> networks, examples, asked."""
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name in names:
        for kind, own in draws(sizes, name).items():
            sets = found.setdefault(kind, {})
            for images, examples in own.sets.items():
                sets[images] = max(sets.get(images, (0.0, 0.0, 0.0)), (own.networks, examples, own.asked))
    return found


def sampled_images(sizes: Sizes, names: Sequence[str]) -> float:
    """Forward passes through the networks that these analyses draw."""
    total = 0.0
    for sets in together(sizes, names).values():
        networks, _, asked = max(sets.values())
        total += sizes.of(networks, 0, asked) + sum(count * examples for count, examples, _ in sets.values())
    return total


def sampled_files(sizes: Sizes, names: Sequence[str]) -> float:
    """Number of stored predictions, each of one network on one set."""
    return sum(count for sets in together(sizes, names).values() for count, _, _ in sets.values())


def sampled_bytes(sizes: Sizes, names: Sequence[str], num_classes: int) -> float:
    """Bytes of the stored predictions, whatever the budget."""
    numbers = sum(count * rows for sets in together(sizes, names).values() for count, rows, _ in sets.values())
    return 4 * numbers * num_classes
