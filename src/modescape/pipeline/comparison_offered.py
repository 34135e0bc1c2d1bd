"""The input of analyses in a comparison: all examples, or as many as fit in memory for all models."""

from __future__ import annotations

from dataclasses import replace

from modescape import rng
from modescape.interop.predictions import Gathered
from modescape.metrics.folds import sample_units
from modescape.offered import Offered, Sampling
from modescape.pipeline.comparison_page import WORD, Given

MOST_NUMBERS = 20_000_000  # of all models that analyses which hold them all are handed
MOST_WORK = 3e11  # multiplications of subsets of models with them, about
LEAST_EXAMPLES = 500
SUBSETS = 200  # of a size, as `ensemble_size` averages


def offered_of(gathered: Gathered, given: Given, seed: int) -> Offered:
    """The input of analyses."""
    predictions = gathered.predictions
    group = predictions.example_group
    return Offered(
        members=list(range(len(predictions.models))),
        predictions={"test": predictions},
        sampled={"test": predictions},
        sampling=Sampling(networks=max(1, len(predictions.models))),
        examples={"test": len(predictions.label)},
        task=gathered.task,
        word=WORD,
        group_name=str(given.manifest.get("groups", {}).get("name", "")),
        group_counts={} if group is None else {"test": int(group.max()) + 1},
        names=gathered.names,
        name_groups=gathered.groups,
        example_ids={"test": gathered.ids} if gathered.ids else {},
        example_parts={} if gathered.parts is None else {"test": gathered.parts},
        bare=gathered.bare,
        seed=seed,
        origin={"recipe_hash": given.manifest["identity"], "recipe_name": given.manifest["name"]},
        named="this comparison",
    )


def most_examples(models: int, classes: int) -> int:
    """The number of examples for analyses that keep the predictions of all models in memory."""
    width = models * classes
    work = 2 * models * max(SUBSETS, models) * width
    return max(LEAST_EXAMPLES, min(MOST_NUMBERS // width, int(MOST_WORK // work)))


def sample_of(offered: Offered, gathered: Gathered, most: int | None = None) -> Offered:
    """The input restricted to randomly drawn examples; all where there are no more than ``most``.

    Args:
        offered: all examples.
        gathered: the same.
        most: of them; default: `most_examples`.
    """
    predictions = gathered.predictions
    count = len(predictions.label)
    most = most or most_examples(len(predictions.models), len(predictions.class_names))
    if count <= most:
        return offered
    key = rng.key(offered.seed, "comparison")
    rows = sample_units(predictions.example_group, count, most, key)
    some = predictions.sample(rows)
    group = some.example_group
    return replace(
        offered,
        predictions={"test": some},
        sampled={"test": some},
        examples={"test": len(rows)},
        group_counts={} if group is None else {"test": int(group.max()) + 1},
        example_ids={split: [ids[row] for row in rows] for split, ids in offered.example_ids.items()},
        example_parts={split: part[rows] for split, part in offered.example_parts.items()},
    )
