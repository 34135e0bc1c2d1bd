"""Checkpoints, resume files, states and histories."""

import hashlib
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch

from modescape.errors import DamageError, InputError, WorkError
from modescape.study import (
    Study,
    drop_resume_before,
    read_resume,
    write_checkpoint,
    write_history,
    write_member_state,
    write_resume,
)
from modescape.tree import stack, unstack
from modescape.types import ModelState

SPECIAL = [0.1, 1e-308, 5e-324, float("inf"), float("nan"), 1 / 3]


def header(path) -> dict:
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def test_a_checkpoint_comes_back_bit_for_bit(study, make_state):
    state = make_state(3)
    write_checkpoint(study, 1, 4, state)
    back = Study.open(study.path).state(1, 4)
    for old, new in zip(state, back, strict=True):
        assert list(new) == list(old)  # the manifest's order, which is not the alphabet's
        assert all(torch.equal(new[name], old[name]) and new[name].dtype == old[name].dtype for name in old)
    assert list(study.params(1, 4)) == list(state.params)
    assert list(study.buffers(1, 4)) == list(state.buffers)
    assert study.kept(1) == [4]


def test_the_file_is_the_one_of_the_contract(study, make_state):
    checksum = write_checkpoint(study, 3, 10, make_state(0))
    path = study.path / "members" / "003" / "epoch-010.safetensors"
    assert checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    metadata = {"modescape": f'{{"epoch": 10, "member": 3, "recipe_hash": "{study.recipe_hash}"}}'}
    assert header(path)["__metadata__"] == metadata
    write_checkpoint(study, 1234, 5678, make_state(0))
    assert (study.path / "members" / "1234" / "epoch-5678.safetensors").is_file()
    assert [member.number for member in study.members] == [0, 1, 3, 1234]


def test_equal_tensors_give_equal_bytes_however_they_lie_in_memory(study, make_state):
    state = make_state(7)
    first = write_checkpoint(study, 0, 1, state)
    weight = state.params["stem.weight"]
    strided = torch.empty(3, 1, 2, 4)[..., ::2].copy_(weight)
    assert not strided.is_contiguous()
    backwards = dict(reversed(state.params.items()))
    stacked = unstack(stack([make_state(6).params, state.params]), 1)
    for params in (
        {**state.params, "stem.weight": strided},
        {**state.params, "stem.weight": weight.to(memory_format=torch.channels_last)},
        {**state.params, "head.weight": state.params["head.weight"].t().contiguous().t()},
        {name: tensor.clone().requires_grad_() for name, tensor in backwards.items()},
        stacked,
    ):
        assert write_checkpoint(study, 0, 1, ModelState(params, state.buffers)) == first


def test_another_process_writes_the_same_bytes(study, make_state):
    code = """
import sys, torch
from modescape.study import Study, write_checkpoint
study = Study.open(sys.argv[1])
print(write_checkpoint(study, 0, 1, study.state(0, 1)))
"""
    checksum = write_checkpoint(study, 0, 1, make_state(2))
    done = subprocess.run([sys.executable, "-c", code, study.path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == checksum


def test_flattened_weights_follow_the_manifest(study, make_state):
    state = make_state(1)
    write_checkpoint(study, 0, 0, state)
    names = ["stem.weight", "norm.weight", "head.weight", "head.bias"]
    expected = np.concatenate([state.params[name].numpy().ravel() for name in names])
    weights = study.weights(0, 0)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, expected)
    np.testing.assert_array_equal(study.weights(0, 0, normalization=False), np.delete(expected, [12, 13, 14]))


def test_absent_and_damaged_checkpoints_are_named(study, make_state, flip):
    with pytest.raises(InputError, match="member 0 has no checkpoint of epoch 2; it has none"):
        study.state(0, 2)
    checksum = write_checkpoint(study, 0, 1, make_state(0))
    write_checkpoint(study, 0, 4, make_state(0))
    with pytest.raises(InputError, match="no checkpoint of epoch 2; it has epochs 1, 4"):
        study.state(0, 2)
    name = "epoch-001.safetensors"
    write_member_state(study, 0, status="trained", epochs_done=4, checksums={name: checksum}, timings={})
    study.state(0, 1)
    with pytest.raises(DamageError, match=r"epoch-004.safetensors' is damaged: its SHA-256"):  # in no list
        study.state(0, 4)
    path = study.path / "members" / "000" / name
    flip(path, -1)  # only the checksum detects a flipped bit of a weight
    with pytest.raises(DamageError, match=r"epoch-001.safetensors' is damaged: its SHA-256.*modescape run .*/s$"):
        study.state(0, 1)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(WorkError, match=r"epoch-001.safetensors' is damaged"):
        study.state(0, 1)
    path.write_bytes(b"")
    with pytest.raises(WorkError, match=r"epoch-001.safetensors' is damaged"):
        study.state(0, 1)


@pytest.mark.parametrize(("member", "epoch"), [(0, 2), (1, 1)])
def test_a_checkpoint_of_another_member_or_epoch_is_refused(study, make_state, member, epoch):
    write_checkpoint(study, 0, 1, make_state(0))
    write_checkpoint(study, member, epoch, make_state(0))
    data = (study.path / "members" / "000" / "epoch-001.safetensors").read_bytes()
    (study.path / "members" / f"{member:03d}" / f"epoch-{epoch:03d}.safetensors").write_bytes(data)
    with pytest.raises(DamageError, match="belongs to another study, member or epoch"):
        study.state(member, epoch)


def test_a_checkpoint_of_another_network_is_refused(study, make_state):
    state = make_state(0)
    write_checkpoint(study, 0, 1, ModelState({**state.params, "head.bias": torch.zeros(9)}, state.buffers))
    with pytest.raises(WorkError, match=r"does not fit the manifest: 'head.bias' holds \[9\], expected \[4\]"):
        study.state(0, 1)
    write_checkpoint(study, 0, 1, ModelState(state.params, {}))
    with pytest.raises(WorkError, match=r"'norm.running_mean' holds nothing, expected \[3\]"):
        study.state(0, 1)


def test_resume_comes_back_bit_for_bit_or_not_at_all(study, flip):
    assert read_resume(study, 1) is None
    tensors = {
        "b/moment": torch.tensor(SPECIAL, dtype=torch.float64),
        "a/step": torch.tensor(7),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "eighth": torch.tensor([0.5, -2.0]).to(torch.float8_e5m2),
        "turn": torch.tensor([1 + 2j, -1j], dtype=torch.complex64),
        "levels": torch.tensor([-3, 7], dtype=torch.int16),
        "counts": torch.tensor([1, 65535], dtype=torch.uint16),
        "empty": torch.zeros(0),
        "mask": torch.tensor([True, False]),
    }
    write_resume(study, 1, 3, tensors)
    write_resume(study, 1, 4, tensors, {"rows": [[1, 0.1]]})
    resume = read_resume(study, 1)
    assert resume is not None
    assert resume.epoch == 4
    assert resume.record == {"rows": [[1, 0.1]]}
    back = resume.tensors
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        assert bytes(back[name].reshape(-1).view(torch.uint8)) == bytes(tensor.reshape(-1).view(torch.uint8))
    path = study.path / "members" / "001" / "resume.safetensors"
    assert list(header(path)["__metadata__"]) == ["modescape"]
    (study.path / "members" / "000").mkdir()
    (study.path / "members" / "000" / "resume.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(WorkError, match="belongs to another member or study"):
        read_resume(study, 0)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"[[1, 0.1]]", b"[[1, 0.2]]"))
    with pytest.raises(WorkError, match="its checksum does not match"):
        read_resume(study, 1)
    path.write_bytes(good)
    flip(path, -1)
    with pytest.raises(WorkError, match=r"resume.safetensors' is damaged.*trains member 1 again"):
        read_resume(study, 1)


def test_a_member_state_comes_back(study):
    checksums = {"epoch-001.safetensors": "b", "epoch-000.safetensors": "a"}
    write_member_state(
        *(study, 1),
        status="diverged",
        epochs_done=3,
        message="loss is not finite (Ü)",
        checksums=checksums,
        timings={"seconds": 0.1},
    )
    path = study.path / "members" / "001" / "state.json"
    keys = list(json.loads(path.read_text(encoding="utf-8")))
    assert keys == ["checksums", "epochs_done", "history_checksum", "message", "status", "timings", "sha256"]
    member = study.member(1)
    assert (member.number, member.path, member.status, member.epochs_done) == (1, path.parent, "diverged", 3)
    assert (member.message, member.checksums, member.timings) == ("loss is not finite (Ü)", checksums, {"seconds": 0.1})
    write_member_state(study, 0, status="trained", epochs_done=4, checksums={}, timings={})
    write_member_state(study, 7, status="trained", epochs_done=4, checksums={}, timings={})  # beyond the recipe's 2
    assert study.trained == [0]
    assert [member.number for member in study.members] == [0, 1, 7]
    with pytest.raises(ValueError, match="status 'done' is not one of"):
        write_member_state(study, 1, status="done", epochs_done=3, checksums={}, timings={})


@pytest.mark.parametrize("text", ["{", "[]", '{"status": "good", "epochs_done": 1}', '{"status": "trained"}'])
def test_a_damaged_state_is_named(study, text):
    path = study.path / "members" / "000" / "state.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(WorkError, match=r"members/000/state.json' is damaged"):
        study.member(0)


def test_a_history_comes_back_bit_for_bit(study):
    header_line = "epoch,lr,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds"
    names = header_line.split(",")
    assert study.member(0).history()["epoch"].shape == (0,)
    rows = [{"epoch": epoch, **dict(zip(names[1:], SPECIAL, strict=True))} for epoch in (1, 2)]
    rows[1]["lr"] = np.float32(0.1)  # 0.1 in single precision is a different number
    write_history(study, 0, rows)
    text = (study.path / "members" / "000" / "history.csv").read_text()
    assert text.splitlines()[0] == header_line
    assert text.endswith("\n")
    history = study.member(0).history()
    assert list(history) == names
    assert history["epoch"].dtype == np.int64
    assert history["epoch"].tolist() == [1, 2]
    for name in names[1:]:
        np.testing.assert_array_equal(history[name], np.array([float(row[name]) for row in rows]))


@pytest.mark.parametrize(
    "change", [lambda text: text[:-60], lambda text: "x" + text, lambda text: "", lambda t: t + "\xff"]
)
def test_a_damaged_history_is_named(study, change):
    names = ["epoch", "lr", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"]
    write_history(study, 0, [dict.fromkeys(names, 1 / 3)])
    path = study.path / "members" / "000" / "history.csv"
    path.write_bytes(change(path.read_text()).encode("latin-1"))
    with pytest.raises(WorkError, match=r"history.csv' is damaged"):
        study.member(0).history()


def test_the_resume_file_of_the_epoch_before_is_kept_where_it_is_asked_for(study):
    for epoch in (3, 4, 5):
        write_resume(study, 1, epoch, {"a": torch.full((2,), float(epoch))}, keep_before=True)
    assert [read_resume(study, 1, before=before).epoch for before in (False, True)] == [5, 4]
    drop_resume_before(study, 1)
    drop_resume_before(study, 1)
    assert read_resume(study, 1, before=True) is None
    assert read_resume(study, 1).epoch == 5
