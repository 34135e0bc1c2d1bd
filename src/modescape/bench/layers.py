"""How close is each layer of a training step on one core to what the core can do at most?"""

from __future__ import annotations

import torch
import torch.nn.functional as functional

from modescape import runtime
from modescape.bench.harness import Options, Result, median_seconds, turns
from modescape.kernels.block import Block, blocks
from modescape.kernels.implementation import usual

BATCH = 128
LAYERS = [(3, 16, 32), (16, 32, 16), (32, 32, 8)]  # channels, filters, edge: the paper's SmallCNN on CIFAR-10
DROP = 6554  # a tenth of 65,536 levels


def measure(options: Options) -> Result:
    """Milliseconds of each block (convolution, dropout, pooling, ReLU), forward and backward, on one thread."""
    batch = 4 if options.small else BATCH
    with runtime.one_thread(), runtime.kept_memory():
        rows = turns(options, lambda: _turn(batch, options.small).items())
    return Result(
        name="layers",
        question="How close is each layer to what a core can do at most?",
        unit="unit as named",
        setting=f"blocks of SmallCNN (3x3 convolution, dropout 0.1, 2x2 pooling, ReLU), batch {batch}, one thread; a "
        "share above 1 is possible: gradients behind a pooling layer are taken over the quarter that is not 0",
        rows=rows,
        digits=2,
    )


def _turn(batch: int, small: bool) -> dict[str, float]:
    """Every figure once."""
    size, repeats = (64, 2) if small else (1024, 20)
    peak = _rate(size, repeats)
    found = {f"a product of {size:,} x {size:,} matrices, GFLOP/s": peak}
    totals: dict[str, float] = {}
    for channels, filters, edge in LAYERS:
        operations = 2 * batch * edge * edge * 9 * channels * filters
        name = f"{channels} x {edge} x {edge} to {filters}"
        found[f"{name}: product of its shape, GFLOP/s"] = (
            operations / _product(batch, channels, filters, edge, repeats) / 1e9
        )
        for version in dict.fromkeys(("torch", usual("cpu"))):
            forward, both = _block(version, batch, channels, filters, edge, repeats)
            passes = 2 if channels == 3 else 3  # nobody asks for the gradient of the first layer's images
            own = f"{name}: {NAMES[version]}"
            found[f"{own}, forward, ms"] = 1000 * forward
            found[f"{own}, both ways, ms"] = 1000 * both
            found[f"{own}, share of the best product"] = passes * operations / both / 1e9 / peak
            totals[version] = totals.get(version, 0.0) + 1000 * both
    return found | {f"all three: {NAMES[version]}, both ways, ms": total for version, total in totals.items()}


NAMES = {"torch": "torch", "native": "ours"}


def _rate(size: int, repeats: int) -> float:
    """GFLOP/s of a large product."""
    a, b = torch.randn(2, size, size)
    return 2 * size**3 / median_seconds(lambda: a @ b, repeats) / 1e9


def _product(batch: int, channels: int, filters: int, edge: int, repeats: int) -> float:
    """Seconds of the matrix product that a convolution is, its patches written out before."""
    patches, kernels = torch.randn(batch * edge * edge, 9 * channels), torch.randn(9 * channels, filters)
    return median_seconds(lambda: patches @ kernels, repeats)


def _block(version: str, batch: int, channels: int, filters: int, edge: int, repeats: int) -> tuple[float, float]:
    """Seconds of a block forward, and forward and backward."""
    x = torch.randn(batch, edge, edge, channels).movedim(-1, 1).requires_grad_(channels > 3)
    weight, bias = torch.randn(filters, channels, 3, 3).requires_grad_(), torch.randn(filters).requires_grad_()
    key = torch.tensor(1)

    def forward() -> torch.Tensor:
        if version == "native":
            return blocks(x, [Block(weight, bias, 1, 0, DROP, 2, False, True)], key)
        dropped = functional.dropout(functional.conv2d(x, weight, bias, padding=1), 0.1)
        return functional.relu(functional.max_pool2d(dropped, 2))

    gradient = torch.randn_like(forward())
    wanted = [weight, bias, *([x] if channels > 3 else [])]
    both = median_seconds(lambda: torch.autograd.grad(forward(), wanted, gradient), repeats)
    return median_seconds(forward, repeats), both
