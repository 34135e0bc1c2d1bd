"""Running statistics of batch norm: which layers have them, and recomputing them over batches."""

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
    """Within `averaging`: the weight of the next batch."""

    def __init__(self, layers: Mapping[str, BatchNorm]) -> None:
        self._layers, self._seen = list(layers.values()), 0

    @property
    def begun(self) -> bool:
        """Whether a batch has been counted."""
        return self._seen > 0

    def next(self, examples: int = 1) -> None:
        """Set the weight of the coming batch in the mean over all batches; the first replaces the old statistics.

        Args:
            examples: weight of the batch; with 1 each, batches are weighted equally.
        """
        self._seen += examples
        for layer in self._layers:
            layer.momentum = examples / self._seen


@contextmanager
def averaging(layers: Mapping[str, BatchNorm]) -> Iterator[Averaging]:
    """Context in which running statistics become the mean over the batches of its forward passes.

    mean = mean of the batches' means, variance = mean of the batches' unbiased variances, as torch's own cumulative
    average (``momentum=None``). The caller sets the layers' mode.
    """
    momenta = [layer.momentum for layer in layers.values()]
    try:
        yield Averaging(layers)
    finally:
        for layer, momentum in zip(layers.values(), momenta, strict=True):
            layer.momentum = momentum
