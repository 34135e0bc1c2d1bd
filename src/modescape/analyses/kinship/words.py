"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plain import shown
from modescape.wording.numbers import ABSENT, count, listing, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Kinship",
    "For every pair of networks, at their last checkpoints: the cosine similarity of their weights, that of their "
    "weight matrices with the mean over a layer's units subtracted, and their distance; and a tree of which network "
    "descends from which.",
    "Networks from independent starts have a cosine near 0, fine-tuned ones a cosine near 1 with their origin. "
    "Training moves weights nearly orthogonally to where they were, so cosines multiply along a tree of descent, and "
    "the shortest tree is that tree. A percentage says in how many resamples of the parameters two networks are "
    "joined. Which came first is known where three or more are far apart and their norms grow: of two alone, the "
    "weights do not say (settings.kinship.start names it). Two networks that compute the same function may have their "
    "hidden units in different orders: a cosine near 0 means that neither was made from the other, not that their "
    "predictions differ.",
)
NUMBERS = TEXT
RELATIONS = {
    -1: "no relative here",
    0: "first of its family",
    1: "descends from",
    2: "shares a start that is not here with",
    3: "related, order unknown, to",
}
MOST_NAMES = 4  # that a sentence lists


def families(dataset: xr.Dataset) -> list[np.ndarray]:
    """Places of the networks of each family, the largest first."""
    family = dataset["family"].values
    found = [np.flatnonzero(family == number) for number in np.unique(family)]
    return sorted(found, key=lambda own: (-len(own), int(own[0])))


def said(dataset: xr.Dataset) -> str:
    """What the tree shows, in a sentence or two."""
    names = [shown(name, 60) for name in dataset["model"].values]
    related = [own for own in families(dataset) if len(own) > 1]
    alone = [names[int(own[0])] for own in families(dataset) if len(own) == 1]
    if not related:
        return f"None of the {count(len(names), 'network')} descends from another one, or shares a start with it."
    inside = sum(map(len, related))
    text = f"{count(inside, 'network')} of {len(names)} are related, in {count(len(related), 'family', 'families')}"
    if sum(map(len, related)) <= 2 * MOST_NAMES:
        text += f" ({'; '.join(listing([names[model] for model in own]) for own in related)})"
    rest = f"{listing(alone[:MOST_NAMES])}{' and others' if len(alone) > MOST_NAMES else ''}"
    return f"{text}." + (f" Without relatives here: {rest}." if alone else "")


def spread(dataset: xr.Dataset) -> str:
    """Cosines within families and between them."""
    cosine, family = dataset["cosine"].values, dataset["family"].values
    same = (family[:, None] == family[None, :]) & ~np.eye(len(family), dtype=bool)
    parts = []
    for name, where in (("within a family", same), ("between families", family[:, None] != family[None, :])):
        values = cosine[where]
        if values.size:
            low, high = significant(float(values.min()), 3), significant(float(values.max()), 3)
            parts.append(f"{name} {low} to {high}")
    return f"Cosines of weights: {'; '.join(parts)}." if parts else ""


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    names = [shown(name, 60) for name in dataset["model"].values]
    rows = []
    for model, name in enumerate(names):
        relative, relation = int(dataset["relative"].values[model]), int(dataset["relation"].values[model])
        other = names[relative] if relative >= 0 else ABSENT
        cosine = significant(float(dataset["cosine"].values[model, relative]), 4) if relative >= 0 else ABSENT
        away = significant(float(dataset["distance"].values[model, relative]), 3) if relative >= 0 else ABSENT
        support = percent(float(dataset["support"].values[model]), 3) if relative >= 0 else ABSENT
        sure = percent(float(dataset["relation_support"].values[model]), 3) if relation >= 0 else ABSENT
        words = RELATIONS[relation] if relative >= 0 else RELATIONS[relation].removesuffix(", to")
        rows.append((name, words, other, cosine, away, support, sure))
    text = " ".join(filter(None, (said(dataset), spread(dataset))))
    header = ("network", "relation", "to", "cosine", "distance / length", "joined in", "relation in")
    return Summary(text, header, tuple(rows), takeaway=said(dataset))
