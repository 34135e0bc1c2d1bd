"""Small networks with every kind of unit that can be permuted, and a batch for each."""

from __future__ import annotations

import torch
from torch import nn

from modescape import rng
from modescape.models import resnet, transformer


class Tied(nn.Module):
    """torch's own encoder between an embedding and an output that share their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.output = nn.Embedding(11, 8), nn.Linear(8, 11)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.output.weight = self.token.weight

    def forward(self, tokens):
        return self.output(self.encoder(self.token(tokens)))


class Joined(nn.Module):
    """Units pass through concatenation, channel padding, a gate, ``chunk`` and indexing."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 1)
        self.three, self.gate = nn.Conv2d(10, 8, 1, bias=False), nn.Linear(8, 10)
        self.query, self.out = nn.Linear(5, 12), nn.Linear(4, 3)

    def forward(self, images):
        x = self.one(images).relu()
        x = torch.cat([x, self.two(x)], 1)
        x = self.three(x) + nn.functional.pad(x[:, :4], (0, 0, 0, 0, 0, 4))
        x = nn.functional.glu(self.gate(x.mean((-2, -1))))
        query, key, value = self.query(x).view(len(x), 3, 4).permute(1, 0, 2)
        one, two, three = self.query(x).chunk(3, -1)
        return self.out(value * (query @ key.T).softmax(-1).sum(-1, keepdim=True) + one * two.tanh() + three)


def mlp():
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6), nn.LayerNorm(6), nn.Dropout(0.5), nn.GELU(), nn.Linear(6, 3)
    )


def cnn():
    first = (nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(54, 7), nn.Tanh(), nn.Linear(7, 3))


def grouped():
    first = (nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.ReLU(), nn.Conv2d(8, 12, 3, groups=4), nn.PReLU(12))
    depthwise = (nn.Conv2d(12, 12, 3, groups=12), nn.InstanceNorm2d(12, affine=True))
    return nn.Sequential(*first, *depthwise, nn.ConvTranspose2d(12, 4, 2), nn.Flatten(), nn.Linear(36, 3))


IMAGES = (3, 8, 8)
NETWORKS = {
    "mlp": (mlp, lambda stream: torch.randn(12, 5, generator=stream)),
    "cnn": (cnn, lambda stream: torch.randn(12, *IMAGES, generator=stream)),
    "resnet": (lambda: resnet.notebook_resnet20(IMAGES, 3), lambda stream: torch.randn(8, *IMAGES, generator=stream)),
    "grouped": (grouped, lambda stream: torch.randn(12, *IMAGES, generator=stream)),
    "transformer": (
        lambda: transformer.text_transformer(11, 6, 3, width=8, blocks=2, heads=2),
        lambda stream: (torch.randint(11, (12, 6), generator=stream), torch.ones(12, 6, dtype=torch.bool)),
    ),
    "tied": (Tied, lambda stream: torch.randint(11, (12, 6), generator=stream)),
    "joined": (Joined, lambda stream: torch.randn(12, *IMAGES, generator=stream)),
}


def made(name):
    """A network with random biases, norms and running statistics, and its inputs."""
    make, inputs = NETWORKS[name]
    stream = rng.stream(0, "network", len(name))
    with rng.seeded(1):
        model = make()
    with torch.no_grad():
        for tensor in model.parameters():
            tensor += 0.2 * torch.randn(tensor.shape, generator=stream)
        drawn = inputs(stream)
        norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
        if norms:  # running statistics near the batch's, as outputs of deep networks explode otherwise
            for layer in norms:
                layer.momentum = 1.0
            model.train()(drawn)
            for layer in norms:
                layer.running_mean += 0.1 * torch.randn(layer.running_mean.shape, generator=stream)
                layer.running_var *= 1 + 0.5 * torch.rand(layer.running_var.shape, generator=stream)
    return model.eval(), drawn
