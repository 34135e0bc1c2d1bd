"""Centred kernel alignment of layers: between members, inside one, and along one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from modescape import rng
from modescape.analyses.cka.aligned import Interval, Same, between, every_two, inside, to_last
from modescape.analyses.cka.layers import Looked
from modescape.analyses.requirements import enough_units, left_out, trained, weights_of
from modescape.context import StudyContext
from modescape.covers import new_if
from modescape.data.dataset import Split
from modescape.errors import NotEnough
from modescape.functionspace.cka import LEAST
from modescape.network.statistics import batch_norm_layers
from modescape.results import make_result
from modescape.types import Inputs

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables
    from modescape.offered import Checkpoints

WHAT = "the similarity of layers"
INTERVALS = (
    "95 %, of means over pairs: new members on new examples; Student's t with Satterthwaite's degrees of freedom on "
    "the variance over batches of examples, by a jackknife of the ratio, and that between networks, from leaving each "
    "out, without what the same batches made of it; with 2 members, batches alone"
)
BATCHES, FEW = 8, 16  # batches behind an interval, and examples of a batch that is made smaller for it
SAME = "CKA of a layer in two members"


def measure(
    context: StudyContext,
    *,
    examples: int = 1024,
    batch: int = 128,
    layers: int = 12,
    members: int = 20,
    trajectories: int = 3,
    epochs: int = 21,
) -> xr.Dataset:
    """Unbiased linear CKA (`modescape.functionspace.linear_cka`) of the layers of members, and of epochs of one run.

    Every checkpoint has the batch-norm statistics that it holds. All positions of an image's feature map are used, and
    for a sentence the mean over the positions that hold a token.

    Args:
        context: the study's data, network and evaluator.
        examples: test examples, drawn at random; where examples have groups, one of each.
        batch: examples of a batch, about; fewer where there would be less than eight batches.
        layers: that are compared, at most: those with weights, or blocks of them.
        members: from the first on, at most.
        trajectories: members of which epochs are compared, at most: of those that keep most.
        epochs: of each, evenly, the first and the last kept among them.

    Raises:
        NotEnough: with fewer than two trained members, 8 test examples (or groups), or no layer that gives a tensor.

    Source: Kornblith et al. 2019, arXiv 1905.00414; Nguyen et al. 2021, arXiv 2010.15327.
    """
    offered = context.offered
    chosen = trained(offered, 2, WHAT)[:members]
    checkpoints = weights_of(offered, WHAT)
    index = drawn(context.dataset.test, examples, offered.seed)
    enough_units(offered, len(index), 2 * LEAST, WHAT)
    looked = Looked.at(context, in_batches(context.dataset.test, index, batch), checkpoints.solution(chosen[0]), layers)
    if not looked.names:
        raise NotEnough(
            f"{WHAT} needs a layer with weights that returns one tensor per forward pass; the network has none"
        )
    solutions = {member: looked.grams(checkpoints.solution(member)) for member in chosen}
    value, same = every_two(list(solutions.values()))
    along, steps = _along(looked, checkpoints, solutions, trajectories, epochs)
    pair = ("layer", "other_layer")
    return make_result(
        {
            "cka": (pair, between(value), "1", "CKA of two layers of different members, mean over pairs"),
            "cka_within": (pair, inside(value), "1", "CKA of two layers of one member, mean over members"),
            "same_layer": (("member", "other_member", "layer"), same.value, "1", SAME),
            **_means(same, _first(looked, checkpoints, chosen)),
            "along": (("member", "epoch", "layer"), along, "1", "CKA with the same layer at the last checkpoint"),
        },
        {
            **{"member": chosen, "other_member": chosen, "epoch": steps},
            **{"layer": looked.names, "other_layer": looked.names, "kind": ("layer", looked.kinds)},
        },
        title="Centred kernel alignment of layers",
        intervals=INTERVALS,
        covers=new_if(len(chosen) - 1),
        provenance=offered.provenance(examples=looked.examples, members=len(chosen), repeats=1),
        left_out=left_out(offered),
        split="test",
        batches=len(looked.batches),
        batch_norm="stored" if batch_norm_layers(context.module) else "none",
        tokens=int(looked.of_tokens),
    )


def drawn(split: Split, examples: int, seed: int) -> torch.Tensor:
    """Which examples are used, int64 [example]: drawn at random, one of each group where these have groups.

    Batches in the order of the data could hold one class each; two examples of one group are no independent pair.
    """
    order = rng.permutation(torch.tensor(rng.key(seed, "cka")), len(split.label))
    if split.group is not None:
        _, first = np.unique(split.group[order.numpy()], return_index=True)
        order = order[torch.from_numpy(np.sort(first))]
    return order[:examples]


def in_batches(split: Split, index: torch.Tensor, batch: int) -> list[Inputs]:
    """Examples in two batches or more of equal size, for intervals in eight where that leaves enough in each.

    Remaining examples are left out.
    """
    count = max(2, min(BATCHES, len(index) // FEW), round(len(index) / max(batch, LEAST)))
    size = len(index) // count
    return [split.at(part.to(split.label.device)).inputs for part in index[: count * size].split(size)]


def _first(looked: Looked, checkpoints: Checkpoints, members: list[int]) -> Same | None:
    """The same layer in every two members before training; None where that is not kept."""
    if any(checkpoints.steps(member)[0] for member in members):
        return None
    return every_two([looked.grams(checkpoints.state(member, 0)) for member in members])[1]


def _means(same: Same, first: Same | None) -> Variables:
    """Means over pairs, after and before training, and what training changed."""
    nothing = np.full(same.value.shape[-1], np.nan)
    absent = Interval(nothing, nothing, nothing)
    names = {
        "same_layer_mean": (same.mean, f"{SAME}, mean over pairs"),
        "same_layer_start": (absent if first is None else first.mean, "the same before training"),
        "same_layer_change": (absent if first is None else same.over(first), "after training less before"),
    }
    return {
        f"{name}{end}": (("layer",), values, "1", f"{words}{said}")
        for name, (found, words) in names.items()
        for end, values, said in (
            ("", found.value, ""),
            ("_low", found.low, ", lower end of the 95 % interval"),
            ("_high", found.high, ", upper end of the 95 % interval"),
        )
    }


def _along(
    looked: Looked, checkpoints: Checkpoints, solutions: dict[int, np.ndarray], most: int, epochs: int
) -> tuple[np.ndarray, list[int]]:
    """Layers along runs against the same at their end, [member, epoch, layer], NaN where none is kept; and the epochs.

    The runs are the first of those that keep the most checkpoints.
    """
    kept = {member: list(checkpoints.steps(member)) for member in solutions}
    longest = max(kept.values(), key=len)
    steps = [longest[at] for at in np.unique(np.linspace(0, len(longest) - 1, max(epochs, 2)).round().astype(int))]
    runs = [member for member in solutions if kept[member] == longest][:most]
    found = np.full((len(solutions), len(steps), len(looked.names)), np.nan)
    for row, (member, last) in enumerate(solutions.items()):
        for column, step in enumerate(steps if member in runs else []):
            grams = last if step == longest[-1] else looked.grams(checkpoints.state(member, step))
            found[row, column] = to_last(grams, last)
    return found, steps
