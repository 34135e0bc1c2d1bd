"""The Python code of docs/landscape.md is run with networks from outside this package."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from landscape_networks import CLASSES, numbers, seeded
from torch import nn

from modescape import rng

WHOLE = "### Complete examples: a ResNet and a transformer"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "landscape.md").read_text(encoding="utf-8")
LINES, REST = DOCUMENT.split(WHOLE)
COMPLETE, REST = REST.split("\n## ", 1)


class Residual(nn.Module):
    """A small ResNet of two blocks with batch norm."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Linear(4, CLASSES)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
                          nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
            for _ in range(2)
        )  # fmt: skip

    def forward(self, pictures):
        hidden = self.stem(pictures)
        for block in self.blocks:
            hidden = (hidden + block(hidden)).relu()
        return self.head(hidden.mean((2, 3)))


class Transformer(nn.Module):
    """Torch's own encoder, which classifies every token."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embed, self.head = nn.Embedding(5, 8), nn.Linear(8, CLASSES)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens)))


def pictures():
    return numbers(6, 1, 4, 4), torch.arange(6) % CLASSES


def sentences():
    tokens = torch.arange(12).view(3, 4)
    return tokens % 5, tokens % CLASSES


def blocks_of(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


SMALLER = {"epochs=20": "epochs=1", "[:300]": "[:40]", "split(100)": "split(20)", "steps=200": "steps=3",
           "surface(tolerance=": "surface(None, [-1, 0, 1], tolerance="}  # fmt: skip


@pytest.mark.ci
def test_a_resnet_and_a_transformer_are_complete(capsys):
    """The document's own code on fewer pictures and with fewer steps."""
    begin, *networks = blocks_of(COMPLETE)
    names = {}
    with rng.seeded(0):
        for block in (begin, *networks):
            for what, small in SMALLER.items():
                block = block.replace(what, small)
            exec(block, names)
            if block is not begin and "surface" in names:
                assert names["surface"].loss[1, 1] == pytest.approx(names["field"].value(), rel=1e-6)
                assert names["found"].raw_low <= names["found"].raw <= names["found"].raw_high
    assert all(one.split("\na, b = ")[1].count("\n") <= 10 for one in networks)
    assert len(networks) == 2
    assert torch.isfinite(names["sharpest"]).all()
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.ci
@pytest.mark.parametrize(("make", "examples"), [(Residual, pictures), (Transformer, sentences)])
def test_ten_lines_are_enough(make, examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(LINES + REST)
    assert len([line for line in blocks[0].splitlines() if line]) <= 10
    models = [seeded(make(), number) for number in range(3)]
    before = copy.deepcopy(models[0].state_dict())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*examples()), batch_size=3)
    first, second, third = (model.state_dict() for model in models)
    line = np.linspace(-0.5, 1.5, 3)
    names = {
        "model": models[0],
        "loader": loader,
        "first": first,
        "second": second,
        "third": third,
        "x": line,
        "y": line,
    }
    small = [
        block.replace("field.surface(tolerance=0.02)", "field.surface(None, x, tolerance=0.02)") for block in blocks
    ]
    for block in small:
        exec(block.replace("top.vectors[:2])", "top.vectors[:2]), x"), names)
    assert small[0] != blocks[0]
    assert (tmp_path / "plane.npz").exists()
    assert np.isfinite(names["plane"].loss).all()
    corners = names["field"].values([first, second])
    np.testing.assert_allclose(
        names["field"].values(names["cut"].points(np.array(names["cut"].solutions[:2]))), corners
    )
    assert all(torch.equal(tensor, models[0].state_dict()[name]) for name, tensor in before.items())
    assert len(names["top"].values) == 10
