"""Two networks' activations on the same examples, split along the units that can be permuted."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor, nn

from modescape.alignment.matching import Pair
from modescape.alignment.symmetry import Piece, Symmetry
from modescape.alignment.trace import Listen, run
from modescape.landscape.source import Batch
from modescape.types import ModelState

ROWS = 2048  # most examples and positions per tensor and batch: correlations are then accurate to about 0.02


@torch.no_grad()
def activation_pairs(
    model: nn.Module, symmetry: Symmetry, a: ModelState, b: ModelState, batches: Iterable[Batch]
) -> list[Pair]:
    """Standardised outputs of both networks' convolutions, linear layers and normalisation layers.

    Args:
        model: any network, in evaluation mode.
        symmetry: its permutation symmetry.
        a: one network's weights.
        b: the other's weights.
        batches: of examples; per tensor and batch, `ROWS` equally spaced examples and positions are used.

    Returns:
        pairs whose inner products are correlations, unit by unit.
    """
    heard: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
    cuts = {number: pieces for number, pieces in symmetry.activations.items() if pieces}
    for batch in batches:
        outputs = []
        for state in (a, b):
            mode = Listen(set(cuts))
            run(model, state.params, state.buffers, batch.inputs, mode)
            outputs.append(mode.heard)
        for number, pieces in cuts.items():
            for place, piece in enumerate(pieces):
                one, two = (_rows(piece, output[number]) for output in outputs)
                if one is not None and two is not None:
                    heard.setdefault((number, place), []).append((one, two))
    found = []
    for (number, place), parts in heard.items():
        labels = tuple(label for label in cuts[number][place].labels if label is not None)
        one, two = (_standard(torch.cat(side, -1)) for side in zip(*parts, strict=True))
        found.append(Pair(one, two, (*labels, None)))
    return found


def _rows(piece: Piece, output: Tensor) -> Tensor | None:
    """A piece of an output with its units first and everything else flattened into rows: [unit, ..., row].

    None if units share an axis with the examples of the batch, and this batch has another size.
    """
    cut = output[piece.index]
    sizes = list(piece.shape)
    for number, index in enumerate(piece.index):
        if index == slice(None):  # the traced batch may have had fewer examples
            sizes[sum(piece.dims[:number])] = output.shape[number]
    if cut.numel() != prod(sizes):
        return None
    order = [place for place, label in enumerate(piece.labels) if label is not None]
    rest = [place for place, label in enumerate(piece.labels) if label is None]
    data = cut.reshape(sizes).permute(*order, *rest).reshape(*(sizes[place] for place in order), -1)
    return data[..., :: max(1, -(-data.shape[-1] // ROWS))].cpu()


def _standard(data: Tensor) -> Tensor:
    """Each unit's row scaled to mean 0 and norm 1; a constant row becomes 0."""
    data = data.double()
    data = data - data.mean(-1, keepdim=True)
    length = data.norm(dim=-1, keepdim=True)
    return torch.where(length > 1e-12, data / length.clamp_min(1e-300), torch.zeros_like(data))
