"""The order in which members see their examples, and the batches."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from modescape import rng
from modescape.errors import InputError
from modescape.recipe import Train

Kind = Literal["permutation", "replacement"]


def batch_sizes(train: Train, num_examples: int, least: int = 1) -> list[int]:
    """Examples of each batch of an epoch.

    With a permutation the last batch may be smaller; if it has one example and the network needs two,
    ``train.last_batch_of_one`` decides. With replacement all batches are full, and there is at least one: a
    ``batch_size`` above ``num_examples`` gives one batch with repeated examples.

    Args:
        train: settings.
        num_examples: of the training split.
        least: fewest examples that the network takes, 1 or 2.
    """
    size = train.batch_size
    if train.batches == "replacement":
        return [size] * max(1, num_examples // size)
    whole, rest = divmod(num_examples, size)
    if rest and whole and rest < least:
        return [size] * whole if train.last_batch_of_one == "drop" else [*[size] * (whole - 1), size + rest]
    return [size] * whole + [rest] * (rest > 0)


def check_batches(train: Train, num_examples: int, least: int) -> list[str]:
    """Messages for the user about batches of one example.

    Raises:
        InputError: if the network takes no single example and some batch would have one.
    """
    sizes = batch_sizes(train, num_examples, least)
    if min(sizes) < least:
        remedy = (
            "choose train.batch_size=2 or larger" if train.batch_size < least else "train on 2 or more (data.train)"
        )
        raise InputError(f"this network cannot be trained on a batch of one example, as with batch norm; {remedy}")
    if train.last_batch_of_one == "drop" and sum(sizes) < num_examples and train.batches == "permutation":
        return ["in training this network takes no batch of one example: the last one of an epoch is left out"]
    if sizes[-1] > train.batch_size:
        return ["in training this network takes no batch of one example: the last one joins the batch before it"]
    return []


def epoch_order(num_examples: int, examples: int, kind: Kind, keys: Tensor) -> Tensor:
    """Indices of the examples of one epoch, batch after batch.

    Args:
        num_examples: of the training split.
        examples: of all batches together.
        kind: "permutation" (each example once) or "replacement" (independent draws).
        keys: the members' order keys of this epoch, int64 [member].

    Returns:
        int64 [member, example].
    """
    if kind == "permutation":
        return rng.permutation(keys, num_examples)[:, :examples]
    return rng.integers(keys, examples, num_examples)
