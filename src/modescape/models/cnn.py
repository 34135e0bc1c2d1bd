"""The convolutional networks: those of the paper's official code and those of the notebooks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from modescape.models.layers import GlobalAveragePool, ImageShape, initialize, require_size


def small_cnn(
    image_shape: ImageShape, num_classes: int, channels: Sequence[int] = (16, 32, 32), dropout: float = 0.1
) -> nn.Sequential:
    """The paper's SmallCNN: 19,466 parameters at [3, 32, 32] and 10 classes.

    Blocks of 3x3 convolution, dropout, 2x2 pooling and ReLU (none after the last block), then one dense layer. Padding
    is "same" everywhere, so images of any size pass.

    Args:
        image_shape: (channels, height, width).
        num_classes: outputs.
        channels: filters of each block.
        dropout: share of activations dropped, after each convolution.

    Source: Fort et al. 2019, arXiv 1912.02757, with the layer order of the authors' published MediumCNN notebook.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs, height, width = image_shape
    for number, filters in enumerate(channels, start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, filters, 3, padding=1)
        layers[f"dropout{number}"] = nn.Dropout(dropout)
        layers[f"pool{number}"] = nn.MaxPool2d(2, ceil_mode=True)  # "same": an odd last row is pooled alone
        if number < len(channels):
            layers[f"relu{number}"] = nn.ReLU()
        inputs, height, width = filters, -(-height // 2), -(-width // 2)
    layers["flatten"] = nn.Flatten()
    layers["dense"] = nn.Linear(inputs * height * width, num_classes)
    module = nn.Sequential(layers)
    initialize(module, kernel="glorot_uniform", bias="glorot_uniform")  # biases too, as in the official code
    return module


def medium_cnn(
    image_shape: ImageShape, num_classes: int, channels: Sequence[int] = (64, 128, 256, 256), dropout: float = 0.1
) -> nn.Sequential:
    """The paper's MediumCNN: `small_cnn` with four wider blocks, 971,146 parameters at [3, 32, 32] and 10 classes.

    Source: the authors' published notebook (google-deepmind/deepmind-research, ensemble_loss_landscape).
    """
    return small_cnn(image_shape, num_classes, channels, dropout)


def notebook_small_cnn(image_shape: ImageShape, num_classes: int, dropout: float = 0.1) -> nn.Sequential:
    """The notebooks' SmallCNN: 15,722 parameters at [3, 32, 32] and 10 classes.

    Three blocks of 3x3 convolution, ReLU and 2x2 pooling (16, 32, 32), the mean of each map, a dense layer of 32 with
    ReLU, dropout, and the output layer.

    Raises:
        InputError: if the image is smaller than 8 pixels (three halvings).

    Source: ayulockin/LossLandscape, with Keras' default initialisation.
    """
    require_size("notebook_small_cnn", image_shape, 8)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = image_shape[0]
    for number, filters in enumerate((16, 32, 32), start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, filters, 3, padding=1)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        inputs = filters
    return _notebook_head(layers, inputs, num_classes, dropout)


def notebook_medium_cnn(image_shape: ImageShape, num_classes: int, dropout: float = 0.1) -> nn.Sequential:
    """The notebooks' MediumCNN: 245,290 parameters at [3, 32, 32] and 10 classes.

    Four blocks of 3x3 convolution, ReLU, dropout and 2x2 pooling (32, 64, 128, 128), the second without padding, then
    the head of `notebook_small_cnn`.

    Raises:
        InputError: if the image is smaller than 20 pixels: 20 -> 10 -> 8 without padding -> 4 -> 2 -> 1.

    Source: ayulockin/LossLandscape, with Keras' default initialisation.
    """
    require_size("notebook_medium_cnn", image_shape, 20)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = image_shape[0]
    for number, filters in enumerate((32, 64, 128, 128), start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, filters, 3, padding=0 if number == 2 else 1)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"dropout{number}"] = nn.Dropout(dropout)
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        inputs = filters
    return _notebook_head(layers, inputs, num_classes, dropout)


def _notebook_head(layers: OrderedDict[str, nn.Module], inputs: int, num_classes: int, dropout: float) -> nn.Sequential:
    layers["average"] = GlobalAveragePool()
    layers["hidden"] = nn.Linear(inputs, 32)
    layers["hidden_relu"] = nn.ReLU()
    layers["hidden_dropout"] = nn.Dropout(dropout)
    layers["dense"] = nn.Linear(32, num_classes)
    module = nn.Sequential(layers)
    initialize(module, kernel="glorot_uniform")
    return module
