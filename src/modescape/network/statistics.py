"""Running statistics of batch norm: which layers have them, and how they are averaged anew over batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

BatchNorm = nn.modules.batchnorm._BatchNorm


def batch_norm_layers(module: nn.Module) -> dict[str, BatchNorm]:
    """The layers with running statistics, by their names."""
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, BatchNorm)}
    return {name: layer for name, layer in layers.items() if layer.track_running_stats}


def statistics_of(layers: Mapping[str, BatchNorm]) -> list[str]:
    """Names of the buffers of these layers, as ``state_dict`` has them."""
    return [f"{name}." * bool(name) + own for name, layer in layers.items() for own in layer._buffers]


class Averaging:
    """Within `averaging`: how much the next batch counts."""

    def __init__(self, layers: Mapping[str, BatchNorm]) -> None:
        self._layers, self._seen = list(layers.values()), 0

    @property
    def begun(self) -> bool:
        """Whether a batch has been counted."""
        return self._seen > 0

    def next(self, examples: int = 1) -> None:
        """Give the coming batch its share in the mean over all batches; the first replaces what was there.

        Args:
            examples: what the batch counts; with 1 each, batches count alike.
        """
        self._seen += examples
        for layer in self._layers:
            layer.momentum = examples / self._seen


@contextmanager
def averaging(layers: Mapping[str, BatchNorm]) -> Iterator[Averaging]:
    """A block in which running statistics become the mean over the batches that go through.

    mean = mean of the batches' means, variance = mean of the batches' unbiased variances, as torch's own cumulative
    average (``momentum=None``). The mode of the layers is the caller's.
    """
    momenta = [layer.momentum for layer in layers.values()]
    try:
        yield Averaging(layers)
    finally:
        for layer, momentum in zip(layers.values(), momenta, strict=True):
            layer.momentum = momentum
