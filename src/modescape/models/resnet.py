"""The residual networks: the Keras example's ResNet20v1 and the notebooks' bottleneck network of that name."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from modescape.models.layers import GlobalAveragePool, ImageShape, SameConv2d, batch_norm, initialize


class Residual(nn.Module):
    """relu(body(x) + shortcut(x)); the shortcut is the identity or a 1x1 projection without batch normalisation."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.relu = nn.ReLU()

    def forward(self, input: Tensor) -> Tensor:
        """[example, channel, height, width] -> [example, filter, height / stride, width / stride]."""
        return self.relu(self.body(input) + self.shortcut(input))


def resnet20(image_shape: ImageShape, num_classes: int) -> nn.Sequential:
    """ResNet20v1: 273,066 parameters and 1,376 running statistics at [3, 32, 32] and 10 classes.

    A 3x3 stem, three stages (16, 32, 64) of three basic blocks, the mean of each map, one dense layer. Convolutions
    have biases; the first block of stages two and three halves the size and has a 1x1 projection.

    The example's 8x8 average pooling sees one 8x8 map at 32 pixels: the global mean, here at any size.

    Source: He et al. 2015, arXiv 1512.03385, as in the Keras example `cifar10_resnet.py`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Sequential(_stem(image_shape[0])))
    inputs = 16
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(1, 4):
            stride = 2 if stage > 1 and block == 1 else 1
            layers[f"stage{stage}_block{block}"] = _basic(inputs, filters, stride)
            inputs = filters
    return _finish(layers, inputs, num_classes)


def notebook_resnet20(image_shape: ImageShape, num_classes: int) -> nn.Sequential:
    """The notebooks' "ResNet20v1": 571,114 parameters and 4,000 running statistics at [3, 32, 32] and 10 classes.

    A 3x3 stem, three stages of two bottleneck blocks (16 -> 64, 64 -> 128, 128 -> 256 filters), each stage opened by a
    projection block, one more batch normalisation and ReLU, the mean of each map (8x8 pooling at 32 pixels), one dense
    layer. Not the network of He et al.: that is `resnet20`.

    Source: `resnet_cifar10.py` of the zoo that ayulockin/LossLandscape downloads.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Sequential(_stem(image_shape[0])))
    inputs = 16
    for stage, (filters, outputs) in enumerate(((16, 64), (64, 128), (128, 256)), start=1):
        for block in range(1, 3):
            stride = 2 if stage > 1 and block == 1 else 1
            layers[f"stage{stage}_block{block}"] = _bottleneck(inputs, filters, outputs, stride)
            inputs = outputs
    layers["norm"] = batch_norm(inputs)
    layers["relu"] = nn.ReLU()
    return _finish(layers, inputs, num_classes)


def _stem(inputs: int) -> OrderedDict[str, nn.Module]:
    return OrderedDict(conv=nn.Conv2d(inputs, 16, 3, padding=1), norm=batch_norm(16), relu=nn.ReLU())


def _finish(layers: OrderedDict[str, nn.Module], inputs: int, num_classes: int) -> nn.Sequential:
    layers["average"] = GlobalAveragePool()
    layers["dense"] = nn.Linear(inputs, num_classes)
    module = nn.Sequential(layers)
    initialize(module, kernel="he_normal")
    return module


def _basic(inputs: int, filters: int, stride: int) -> Residual:
    """conv3x3 - BN - ReLU - conv3x3 - BN."""
    body: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=_conv3(inputs, filters, stride),
        norm1=batch_norm(filters),
        relu1=nn.ReLU(),
        conv2=_conv3(filters, filters, 1),
        norm2=batch_norm(filters),
    )
    projected = stride > 1
    return Residual(nn.Sequential(body), nn.Conv2d(inputs, filters, 1, stride) if projected else None)


def _bottleneck(inputs: int, filters: int, outputs: int, stride: int) -> Residual:
    """conv1x1 - BN - ReLU - conv3x3 - BN - ReLU - conv1x1 - BN; the 3x3 carries the stride."""
    body: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(inputs, filters, 1),
        norm1=batch_norm(filters),
        relu1=nn.ReLU(),
        conv2=_conv3(filters, filters, stride),
        norm2=batch_norm(filters),
        relu2=nn.ReLU(),
        conv3=nn.Conv2d(filters, outputs, 1),
        norm3=batch_norm(outputs),
    )
    projected = inputs != outputs
    return Residual(nn.Sequential(body), nn.Conv2d(inputs, outputs, 1, stride) if projected else None)


def _conv3(inputs: int, filters: int, stride: int) -> nn.Conv2d:
    if stride == 1:  # torch's own padding is the same thing there, and a copy of the image cheaper
        return nn.Conv2d(inputs, filters, 3, padding=1)
    return SameConv2d(inputs, filters, 3, stride)
