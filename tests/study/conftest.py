"""A small study: 2 members, 4 epochs, one full trajectory; a network with a normalisation layer."""

from pathlib import Path

import pytest
import torch

from modescape.recipe import Recipe, parse
from modescape.study import Study
from modescape.types import ModelState

torch.set_num_threads(1)

# deliberately not alphabetical: flattened weights follow this order
PARAMETERS = {"stem.weight": [3, 1, 2, 2], "norm.weight": [3], "head.weight": [4, 3], "head.bias": [4]}
BUFFERS = {"norm.running_mean": [3], "norm.num_batches_tracked": []}


@pytest.fixture
def recipe() -> Recipe:
    train = {"members": 2, "epochs": 4, "trajectories": 1, "keep_last": 2}
    return parse({"name": "small", "seed": 5, "train": train, "analyses": ["training", "tsne"]}, "test")


@pytest.fixture
def manifest(recipe: Recipe) -> dict:
    return {
        "version": "9.9",
        "format": 1,
        "recipe_hash": recipe.content_hash("f"),
        "fingerprint": "f",
        "seed": 5,
        "image_shape": [1, 8, 8],
        "num_classes": 4,
        "class_names": ["Katze", "犬", "é 'quoted'", "a,b"],
        "examples": {"train": 10, "validation": 6, "test": 7},
        "model": {"parameters": PARAMETERS, "buffers": BUFFERS, "normalization": ["norm.weight"]},
    }


@pytest.fixture
def study(tmp_path: Path, recipe: Recipe, manifest: dict) -> Study:
    return Study.create(tmp_path / "s", recipe, manifest)


@pytest.fixture
def make_state():
    def make(seed: int) -> ModelState:
        generator = torch.Generator().manual_seed(seed)
        params = {name: torch.randn(shape, generator=generator) for name, shape in PARAMETERS.items()}
        mean = torch.randn(3, generator=generator)
        return ModelState(params, {"norm.running_mean": mean, "norm.num_batches_tracked": torch.tensor(seed)})

    return make


@pytest.fixture
def flip():
    """Flip one bit in the middle of a file, or at the given position."""

    def change(path: Path, place: int | None = None) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2 if place is None else place] ^= 1
        path.write_bytes(data)

    return change
