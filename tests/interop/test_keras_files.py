"""Keras networks as ours: files that Keras writes, files in the layout of Keras 2, and equal predictions."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from modescape.errors import InputError
from modescape.interop.checkpoints.keras_layout import as_state, plain_tensors, recognised
from modescape.interop.checkpoints.reading import read
from modescape.models import build
from modescape.recipe import Model

NETWORKS = {
    "small": "notebook_small_cnn",
    "medium": "notebook_medium_cnn",
    "residual": "notebook_resnet20",
    "paper": "small_cnn",
}
ENDINGS = (".h5", ".keras", ".weights.h5", "-keras2.h5")


@pytest.fixture(scope="module")
def made(made_once) -> Path:
    """Keras files, made in a process of its own."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is not installed (pip install modescape[keras])")

    def make(folder: Path) -> None:
        folder.mkdir()
        script = Path(__file__).with_name("keras_files.py")
        environment = {**os.environ, "KERAS_BACKEND": "torch"}
        done = subprocess.run(
            [sys.executable, str(script), str(folder)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    return made_once("keras", make)


@pytest.mark.ci
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_keras_says_the_same_as_ours(made: Path, name: str, ending: str):
    held = read(made / f"{name}{ending}")
    assert recognised(held.layers) == NETWORKS[name]
    module = build(Model(factory=NETWORKS[name]), (3, 32, 32), 10, 0).eval()
    module.load_state_dict(as_state(held.layers, module, held.path))
    with np.load(made / f"{name}.npz") as stored:
        images, said = torch.from_numpy(stored["images"]), stored["said"]
    with torch.no_grad():
        own = module(images.movedim(-1, 1)).softmax(-1).numpy()
    assert np.abs(own - said).max() < 1e-5
    assert np.abs(np.log(own) - np.log(said)).max() < 1e-3  # near-certain predictions have to agree, too
    assert np.ptp(np.log(said), axis=0).max() > 0.02  # the outputs are not constant


def keras_2(path: Path, layers: dict[str, dict[str, np.ndarray]]) -> Path:
    """A file in the layout of ``model.save`` of Keras 2, without a description of the network."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, arrays in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{kind}:0".encode() for kind in arrays])
            for kind, array in arrays.items():
                group[f"{name}/{kind}:0"] = array
        file.create_group("optimizer_weights")["training/Adam/iter:0"] = np.array(1)
    return path


def small_cnn(seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Random arrays of the notebooks' SmallCNN for grey images, as Keras lays them out."""
    random = np.random.default_rng(seed)

    def layer(*shape: int) -> dict[str, np.ndarray]:
        kernel = random.normal(scale=0.3, size=shape).astype(np.float32)
        return {"kernel": kernel, "bias": random.normal(scale=0.1, size=shape[-1]).astype(np.float32)}

    convolutions = {f"conv2d_{n}": layer(3, 3, c, f) for n, (c, f) in enumerate(((1, 16), (16, 32), (32, 32)))}
    return {**convolutions, "dense": layer(32, 32), "dense_1": layer(32, 3)}


def said_by_hand(layers: dict[str, dict[str, np.ndarray]], images: np.ndarray) -> np.ndarray:
    """The network's logits with Keras's order of axes, by sums over shifted images."""
    x = images.astype(np.float64)  # [example, row, column, channel]
    for name in list(layers)[:3]:
        kernel, padded = layers[name]["kernel"], np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows, columns = x.shape[1:3]
        x = sum(
            padded[:, i : i + rows, j : j + columns] @ kernel[i, j].astype(np.float64)
            for i in range(3)
            for j in range(3)
        )
        x = np.maximum(x + layers[name]["bias"], 0)
        x = x.reshape(len(x), rows // 2, 2, columns // 2, 2, -1).max((2, 4))
    x = np.maximum(x.mean((1, 2)) @ layers["dense"]["kernel"] + layers["dense"]["bias"], 0)
    return x @ layers["dense_1"]["kernel"] + layers["dense_1"]["bias"]


def test_a_file_in_the_layout_of_keras_2_says_what_sums_by_hand_say(tmp_path: Path):
    layers = small_cnn()
    held = read(keras_2(tmp_path / "a.h5", layers))
    assert recognised(held.layers) == "notebook_small_cnn"
    module = build(Model(factory="notebook_small_cnn"), (1, 16, 16), 3, 0).eval()
    module.load_state_dict(as_state(held.layers, module, held.path))
    images = np.random.default_rng(1).random((4, 16, 16, 1))
    with torch.no_grad():
        own = module(torch.from_numpy(images).float().movedim(-1, 1)).numpy()
    assert np.abs(own - said_by_hand(layers, images)).max() < 1e-5


def test_rows_behind_a_flattened_map_are_put_in_order(tmp_path: Path):
    random = np.random.default_rng(0)
    kernel, dense = random.normal(size=(1, 1, 2, 3)), random.normal(size=(4 * 5 * 3, 2))
    layers = {"conv": {"kernel": kernel}, "dense": {"kernel": dense}}
    held = read(keras_2(tmp_path / "a.h5", layers))
    module = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.Flatten(), nn.Linear(60, 2, bias=False)).double()
    module.load_state_dict({name: one.double() for name, one in as_state(held.layers, module, held.path).items()})
    images = random.normal(size=(3, 4, 5, 2))
    by_hand = (images @ kernel[0, 0]).reshape(3, -1) @ dense
    own = module(torch.from_numpy(images).movedim(-1, 1)).detach().numpy()
    assert np.abs(own - by_hand).max() < 1e-5


def test_files_of_other_networks_are_compared_by_their_own_names_or_refused(tmp_path: Path):
    held = read(keras_2(tmp_path / "a.h5", {"block/dense": {"kernel": np.ones((2, 3)), "bias": np.zeros(3)}}))
    assert recognised(held.layers) == ""
    assert {name: list(one.shape) for name, one in plain_tensors(held.layers).items()} == {
        "block/dense.weight": [3, 2],
        "block/dense.bias": [3],
    }
    with pytest.raises(InputError, match="has no layer for 'conv1'"):
        as_state(held.layers, build(Model(factory="notebook_small_cnn"), (3, 32, 32), 10, 0), held.path)
    layers = small_cnn() | {"extra": {"kernel": np.ones((2, 2), np.float32)}}
    more, module = (
        read(keras_2(tmp_path / "b.h5", layers)),
        build(Model(factory="notebook_small_cnn"), (1, 32, 32), 3, 0),
    )
    with pytest.raises(InputError, match=r"layer 'extra' .* has no place in the network"):
        as_state(more.layers, module, more.path)
