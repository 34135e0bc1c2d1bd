"""Files of weights: what is read from them, under which names, and what is refused before it does harm."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from modescape.cli import importing
from modescape.errors import InputError
from modescape.interop.checkpoints.aligned import aligned
from modescape.interop.checkpoints.found import find
from modescape.interop.checkpoints.held import FORMATS
from modescape.interop.checkpoints.matching import bare, chosen, fitted, in_common
from modescape.interop.checkpoints.reading import READERS, read
from modescape.plain import MOST_EPOCHS


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPED = {  # how training programs wrap a network's weights
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 7, "optimizer": {"state": {}, "lr": 0.1}},
    "model": lambda state: {"model": prefixed(state, "module."), "args": {"lr": 1}},
    "compiled": lambda state: {"model_state_dict": prefixed(state, "_orig_mod.module.")},
    "compiled inside": lambda state: {name.replace("0.", "0._orig_mod.", 1): tensor for name, tensor in state.items()},
    "lightning": lambda state: {
        "state_dict": prefixed(state, "model.") | {"loss.weight": torch.ones(2)},
        "epoch": 3,
        "pytorch-lightning_version": "2.5",
    },
    "averaged beside": lambda state: {"model": state, "ema": {name: 2 * tensor for name, tensor in state.items()}},
    "averaged inside": lambda state: prefixed(state, "net.") | prefixed(state, "model_ema."),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_networks_own_weights_are_found_however_they_are_wrapped(name: str, tmp_path: Path):
    module = network(1)
    torch.save(WRAPPED[name](module.state_dict()), tmp_path / "a.pt")
    found = fitted(read(tmp_path / "a.pt"), network(0), list(module.state_dict()))
    assert found.state.keys() == module.state_dict().keys()
    for key, tensor in module.state_dict().items():
        assert torch.equal(found.state[key], tensor), key
    if name not in ("lightning", "averaged inside"):  # without a network to compare with, prefixes stay
        assert bare(read(tmp_path / "a.pt")).state.keys() == module.state_dict().keys()


def test_an_averaged_copy_is_taken_where_it_is_asked_for_and_said(tmp_path: Path):
    state = network(1).state_dict()
    torch.save(WRAPPED["averaged beside"](state), tmp_path / "a.pt")
    held = read(tmp_path / "a.pt")
    assert torch.equal(chosen(held, "ema").tensors["0.weight"], 2 * state["0.weight"])
    assert "averaged weights are used, 'ema'" in chosen(held, "ema").notes[-1]
    assert torch.equal(chosen(held, "raw").tensors["0.weight"], state["0.weight"])
    assert "its own are used" in chosen(held, "raw").notes[-1]
    torch.save(state, tmp_path / "b.pt")
    with pytest.raises(InputError, match="holds no averaged weights"):
        chosen(read(tmp_path / "b.pt"), "ema")


def test_old_files_and_a_count_of_batches_that_was_not_saved(tmp_path: Path):
    state = network(1).state_dict()
    del state["1.num_batches_tracked"]
    torch.save({"epoch": 4, "net": state}, tmp_path / "a.th", _use_new_zipfile_serialization=False)
    held = read(tmp_path / "a.th")
    assert held.epoch == 4
    assert fitted(held, network(), list(network().state_dict())).state["1.num_batches_tracked"] == 0


def test_a_file_of_another_network_is_refused_with_what_differs(tmp_path: Path):
    torch.save(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).state_dict(), tmp_path / "a.pt")
    kept = list(network().state_dict())
    with pytest.raises(InputError, match=re.escape("'0.weight' is [5, 3], the network's is [4, 3]")):
        fitted(read(tmp_path / "a.pt"), network(), kept)
    torch.save({"conv.weight": torch.ones(2)}, tmp_path / "b.pt")
    with pytest.raises(InputError, match="belongs to another network: it lacks 9 of 9 tensors"):
        fitted(read(tmp_path / "b.pt"), network(), kept)


def test_shards_are_read_by_their_index(tmp_path: Path):
    state = network(1).state_dict()
    first, second = dict(list(state.items())[:3]), dict(list(state.items())[3:])
    save_file(first, tmp_path / "model-00001-of-00002.safetensors")
    torch.save(second, tmp_path / "model-00002-of-00002.bin")
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.bin")
    places = {name: file for part, file in zip((first, second), names, strict=True) for name in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    found = find([tmp_path])
    assert list(found.members.values()) == [{None: index}]
    tensors = read(index).tensors
    assert all(torch.equal(tensors[name], tensor) for name, tensor in state.items())
    for wrong in ("../secret.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ""):
        index.write_text(json.dumps({"weight_map": {"0.weight": wrong}}))
        with pytest.raises(InputError, match="expected the name of a file beside it"):
            read(index)
    index.write_text(json.dumps({"weight_map": {"other": names[0]}}))
    with pytest.raises(InputError, match="lacks 'other'"):
        read(index)


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_files_that_would_run_code_are_refused_and_run_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, zipped in (("zip.pt", True), ("old.pt", False)):
        torch.save({"state_dict": Evil()}, tmp_path / name, _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match="would run code when it is opened"):
            read(tmp_path / name)
    torch.save(network(), tmp_path / "whole.pt")
    with pytest.raises(InputError, match="it is a whole object, not weights"):
        read(tmp_path / "whole.pt")
    assert "code ran" not in capsys.readouterr().out


def test_files_that_are_larger_than_they_are_are_refused(tmp_path: Path):
    torch.save({"weight": torch.zeros(1).expand(1 << 20, 1 << 20)}, tmp_path / "expanded.pt")
    with pytest.raises(InputError, match="more than a file of"):
        read(tmp_path / "expanded.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 24))
    with pytest.raises(InputError, match="save it without compression"):
        read(tmp_path / "bomb.pt")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    (tmp_path / "giant.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(InputError, match=re.escape("is not a .safetensors file")):
        read(tmp_path / "giant.safetensors")
    with h5py.File(tmp_path / "giant.h5", "w") as file:
        layer = file.create_group("dense")
        layer.create_dataset("kernel", shape=(1 << 16, 1 << 16), dtype="f4", chunks=(64, 64))
        layer.attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["dense"]
    with pytest.raises(InputError, match="that the file does not hold"):
        read(tmp_path / "giant.h5")


def test_links_out_of_a_keras_file_are_refused(tmp_path: Path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = np.ones((2, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        layer = file.create_group("dense")
        layer["kernel"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "kernel")
        layer.attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["dense"]
    with pytest.raises(InputError, match="link to elsewhere"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "data", [b"", b"no weights", b"PK\x03\x04broken", b"\x80\x02}q\x00.", b"\x89HDF\r\n\x1a\n" + bytes(40)]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".h5", ".keras", ""])
def test_broken_files_are_refused_in_a_line(data: bytes, suffix: str, tmp_path: Path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError, match=re.escape(f"'{path}'")) as said:
        read(path)
    assert len(str(said.value)) < 500


def names_of(tmp_path: Path, *files: str, ask: list[str] | None = None) -> dict[str, list[int | None]]:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.ones(1)}, tmp_path / file)
    found = find([str(tmp_path / one) for one in (ask or files)])
    return {name: list(own) for name, own in found.members.items()}


def test_members_and_steps_are_read_from_names(tmp_path: Path):
    of_pattern = names_of(
        tmp_path, "runs/b/epoch_10.pt", "runs/b/epoch_2.pt", "runs/a/epoch_2.pt", ask=["runs/{member}/epoch_{epoch}.pt"]
    )
    assert of_pattern == {"a": [2], "b": [2, 10]}
    assert names_of(
        tmp_path, "hf/checkpoint-500/model.safetensors", "hf/checkpoint-1000/model.safetensors", ask=["hf"]
    ) == {"hf": [500, 1000]}
    assert names_of(tmp_path, "net_epoch_01.pt", "net_epoch_02.pt") == {"net": [1, 2]}
    assert names_of(tmp_path, "k/net_epoch_1.pt", "k/net_epoch_2.pt", ask=["k/*.pt"]) == {"net": [1, 2]}
    assert names_of(tmp_path, "parent-0.pt", "tuned-0.pt") == {"parent-0": [None], "tuned-0": [None]}
    assert names_of(tmp_path, "x/best.pt", "y/best.pt") == {"x": [None], "y": [None]}
    assert names_of(tmp_path, "l/epoch=3-step=1000.ckpt", "l/epoch=4-step=1250.ckpt") == {"l": [3, 4]}
    assert names_of(tmp_path, "seeds/0/last.pt", "seeds/1/last.pt", ask=["seeds"]) == {"0": [None], "1": [None]}


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="are both 'net' at step 1"):
        names_of(tmp_path, "net_epoch_1.pt", "net_epoch_01.pt")
    with pytest.raises(InputError, match="there is nothing at"):
        find([tmp_path / "absent.pt"])
    with pytest.raises(InputError, match="no file fits the pattern"):
        find([str(tmp_path / "{member}.safetensors")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file of weights"):
        find([tmp_path / "empty"])


def test_members_are_brought_to_common_steps(tmp_path: Path):
    names_of(tmp_path, *(f"r/{member}/epoch_{epoch}.pt" for member in "ab" for epoch in (0, 1, 2)), "r/b/epoch_7.pt")
    given = aligned(find([str(tmp_path / "r/{member}/epoch_{epoch}.pt")]))
    assert given.steps == (1,)
    assert [own[0].name for own in given.paths] == ["epoch_2.pt", "epoch_7.pt"]
    assert "end at different steps" in given.notes[0]
    (tmp_path / "r/b/epoch_7.pt").unlink()
    (tmp_path / "r/b/epoch_1.pt").unlink()
    given = aligned(find([str(tmp_path / "r/{member}/epoch_{epoch}.pt")]))
    assert (given.steps, len(given.files)) == ((0, 2), 4)
    assert given.notes[0] == "checkpoints of steps that not all members have are left out: 1"
    assert aligned(find([str(tmp_path / "r/{member}/epoch_{epoch}.pt")]), first=0).steps == (1, 3)
    names_of(tmp_path, *(f"s/step_{MOST_EPOCHS * place}.pt" for place in (1, 2)))
    given = aligned(find([tmp_path / "s"]))
    assert given.steps == (1, 2)
    assert "steps are counted" in given.notes[0]


def test_the_command_knows_every_format():
    assert importing.FORMATS == FORMATS
    assert {*FORMATS} == {"auto", *READERS}


def test_what_files_have_in_common_is_by_name_and_shape():
    common = in_common({"a": {"x": (2,), "y": (3,), "z": (1,)}, "b": {"x": (2,), "y": (4,)}})
    assert common.names == ("x",)
    assert "left out: y, z" in common.left_out[0]
    with pytest.raises(InputError, match="to different networks"):
        in_common({"a": {"x": (2,)}, "b": {"x": (3,)}})
