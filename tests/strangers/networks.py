"""Ten networks as users write them, small enough for digits, with factories for ``model.factory``."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

ImageShape = tuple[int, int, int]


class VisionTransformer(nn.Module):
    """Patches, a class token, pre-norm encoder layers with dropout in attention and in the block (Dosovitskiy 2020)."""

    def __init__(self, image_shape: ImageShape, num_classes: int, patch: int = 4, width: int = 16) -> None:
        super().__init__()
        channels, height, _ = image_shape
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, (height // patch) ** 2 + 1, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 2, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.head(self.norm(self.encoder(x))[:, 0])


class GroupNormBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(2, width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(2, width)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(x + self.norm2(self.conv2(y)))


class GroupNormResNet(nn.Module):
    """A residual network with group normalisation (Wu and He 2018), pooled with ``view``."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], width, 3, padding=1)
        self.blocks = nn.Sequential(GroupNormBlock(width), GroupNormBlock(width))
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1)
        return self.fc(x.view(x.size(0), -1))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, channels-last layer norm, an inverted bottleneck, layer scale, stochastic depth."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(1e-2 * torch.ones(width))
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = (self.gamma * self.narrow(functional.gelu(self.wide(y)))).permute(0, 3, 1, 2)
        if self.training:
            keep = 1 - self.drop_path
            y = y * torch.empty(len(x), 1, 1, 1, device=x.device).bernoulli_(keep) / keep
        return x + y


class ConvNeXt(nn.Module):
    """A miniature ConvNeXt (Liu et al. 2022)."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], width, 2, stride=2)
        self.blocks = nn.Sequential(ConvNeXtBlock(width, 0.1), ConvNeXtBlock(width, 0.2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.stem(x)).mean((2, 3))))


class AuxiliaryHead(nn.Module):
    """Two outputs in training, one in evaluation, as GoogLeNet (Szegedy 2014)."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(image_shape[0], width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.auxiliary = nn.Linear(width, num_classes)
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor):
        early = self.stem(x)
        logits = self.fc(self.body(early).mean((2, 3)))
        return (logits, self.auxiliary(early.mean((2, 3)))) if self.training else logits


def weight_normed(image_shape: ImageShape, num_classes: int) -> nn.Module:
    """Weight normalisation (Salimans and Kingma 2016) as torch's parametrization."""
    channels, height, width = image_shape
    return nn.Sequential(
        parametrizations.weight_norm(nn.Conv2d(channels, 6, 3, padding=1)),
        nn.ReLU(),
        nn.Flatten(),
        parametrizations.weight_norm(nn.Linear(6 * height * width, num_classes)),
    )


class Checkpointed(nn.Module):
    """Blocks whose activations are computed again in the backward pass (Chen 2016), dropout inside."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Dropout(0.1)) for _ in range(2)
        )
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return self.fc(x.mean((2, 3)))


class RowsLSTM(nn.Module):
    """A recurrent network that reads an image row by row."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 12) -> None:
        super().__init__()
        self.rnn = nn.LSTM(image_shape[0] * image_shape[2], width, 2, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.rnn(x.permute(0, 2, 1, 3).flatten(2))
        return self.fc(out[:, -1])


class Autoencoding(nn.Module):
    """Tied weights: a dense layer is used twice, once transposed."""

    def __init__(self, image_shape: ImageShape, num_classes: int, width: int = 16) -> None:
        super().__init__()
        inputs = image_shape[0] * image_shape[1] * image_shape[2]
        self.encoder = nn.Linear(inputs, width)
        self.middle, self.again = nn.Linear(width, width), nn.Linear(width, width)
        self.again.weight = self.middle.weight
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.again(torch.relu(self.middle(torch.relu(self.encoder(x.flatten(1)))))))
        return self.head(functional.linear(hidden, self.encoder.weight.t()))


class ReturnsDict(nn.Module):
    """A dictionary of outputs, as in transformers; a learned scalar; and an in-place change of the input."""

    def __init__(self, image_shape: ImageShape, num_classes: int) -> None:
        super().__init__()
        inputs = image_shape[0] * image_shape[1] * image_shape[2]
        self.hidden, self.head = nn.Linear(inputs, 16), nn.Linear(16, num_classes)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = torch.relu(self.hidden(x.sub_(0.3).div_(0.35).flatten(1)))
        return {"features": hidden, "logits": self.scale * self.head(hidden)}


class Frozen(nn.Module):
    """A frozen random stem, batch norm of vectors, a layer that no output depends on."""

    def __init__(self, image_shape: ImageShape, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], 8, 3, stride=2).requires_grad_(False)
        self.norm, self.unused = nn.BatchNorm1d(8), nn.Linear(3, 3)
        self.head = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(torch.relu(self.stem(x)).mean((2, 3))))


NETWORKS = {
    "a Vision Transformer": VisionTransformer,
    "a ResNet with group norm": GroupNormResNet,
    "a ConvNeXt with layer scale and stochastic depth": ConvNeXt,
    "an auxiliary head": AuxiliaryHead,
    "weight norm": weight_normed,
    "checkpointed blocks around dropout": Checkpointed,
    "an LSTM over rows": RowsLSTM,
    "tied weights": Autoencoding,
    "a dictionary, a scalar, an input changed in place": ReturnsDict,
    "a frozen stem and a layer that nothing uses": Frozen,
}
