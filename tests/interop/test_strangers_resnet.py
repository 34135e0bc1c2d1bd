"""A published ResNet20: its checkpoint with prefixed names, and its error on a JPEG copy of the test images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch.nn.functional as functional
from shared_data import shared_data  # noqa: F401 - a fixture
from stand_ins import no_figures
from torch import Tensor, nn

import modescape as ms

SETTINGS = [
    *("data.mean=[.485,.456,.406]", "data.deviation=[.229,.224,.225]", "data.train=200", "data.validation=100"),
    *("compute.engine=here", "analyses=[ensemble_size, kinship]"),
]


class Block(nn.Module):
    """Two convolutions and a parameter-free shortcut: every second pixel, zero-padded channels (He's option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.added = (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.added:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return functional.relu(y + x)


class Net(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        sizes = ((16, 16, 1), (16, 32, 2), (32, 64, 2))
        stages = [nn.Sequential(Block(a, b, s), Block(b, b, 1), Block(b, b, 1)) for a, b, s in sizes]
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def make(num_classes: int) -> nn.Module:
    return Net(num_classes)


@pytest.mark.long
def test_its_error_on_the_jpeg_copy_and_what_the_page_says_of_it(shared_data: Path, tmp_path: Path):  # noqa: F811
    file = shared_data / "checkpoints/resnet20/resnet20-12fca82f.th"
    with no_figures():
        study = ms.import_study(
            file,
            tmp_path / "study",
            format="torch",
            factory=f"{__name__}:make",
            data=str(shared_data / "cifar10"),
            overrides=SETTINGS,
        )
    predictions = study.predictions("test")
    wrong = predictions.log_prob(member=0).argmax(-1) != predictions.label
    assert (wrong.size, round(100 * wrong.mean(), 2)) == (10_000, 18.97)
    page = (study.path / "report.html").read_text()
    assert "These networks were trained elsewhere" in page
    assert "&#39;module.&#39; is removed from the names of tensors" in page
