"""Small real studies of made-up weights and predictions, written through the study's own functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from modescape.recipe import parse
from modescape.study import PredictionWriter, Study, write_checkpoint, write_history, write_member_state
from modescape.types import ModelState

CLASSES, EXAMPLES = 3, 200
NAMES = ["cat", "dog", "<b>rat</b>"]
SHAPES = {"conv.weight": [4, 1, 3, 3], "norm.weight": [4], "norm.bias": [4], "head.weight": [3, 4]}


def build_study(
    path: Path,
    *,
    members: int = 4,
    epochs: int = 6,
    trajectories: int = 2,
    keep_last: int = 4,
    broken: dict[int, str] | None = None,
) -> Study:
    """A study whose members learn: predictions drift within a run and differ between runs.

    Args:
        path: a new folder.
        members, epochs, trajectories, keep_last: as in a recipe.
        broken: status of members that are not trained; each stopped in epoch 3.
    """
    train = {"members": members, "epochs": epochs, "trajectories": trajectories, "keep_last": keep_last}
    recipe = parse({"name": "tiny", "seed": 7, "train": train}, "the test")
    study = Study.create(path, recipe, _manifest(recipe.content_hash("")))
    random = np.random.default_rng(5)
    label = random.integers(0, CLASSES, EXAMPLES)
    truth, trained = np.eye(CLASSES)[label], []
    for member in range(members):
        status = (broken or {}).get(member, "trained")
        done = epochs if status == "trained" else 3
        if status != "missing":
            _write_member(study, member, status, done, random)
        if status == "trained":
            trained.append(member)
    own = {member: random.normal(0, 1.5, (EXAMPLES, CLASSES)) for member in trained}
    wanted = [(member, epoch) for member in trained for epoch in recipe.kept_epochs(member)]
    writer = PredictionWriter(study, "test")
    for row, member, epoch in writer.create_or_extend(wanted, label, CLASSES):
        noise = random.normal(0, 0.4, (EXAMPLES, CLASSES))
        logits = (own[member] + 1.5 * truth) * epoch / epochs + noise
        writer.write(row, torch.log_softmax(torch.from_numpy(logits), -1).numpy())
    return study


def _write_member(study: Study, member: int, status: str, done: int, random: np.random.Generator) -> None:
    start = {name: torch.from_numpy(random.normal(0, 1, shape)).float() for name, shape in SHAPES.items()}
    checksums = {}
    for epoch in study.recipe.kept_epochs(member):
        if epoch <= done:
            step = {
                name: value + epoch * torch.from_numpy(random.normal(0, 0.2, value.shape)).float()
                for name, value in start.items()
            }
            step["norm.weight"] = step["norm.weight"] * 0.05 + 1  # scales stay near 1, as in real networks
            state = ModelState(step, {"norm.running_mean": torch.zeros(4)})
            checksums[f"epoch-{epoch:03d}.safetensors"] = write_checkpoint(study, member, epoch, state)
    names = ("lr", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
    rows = [
        {"epoch": epoch, **{name: member + epoch / 10 + at / 100 for at, name in enumerate(names)}}
        for epoch in range(1, done + 1)
    ]
    known = {"checksums": checksums, "history_checksum": write_history(study, member, rows)}
    write_member_state(study, member, status=status, epochs_done=done, timings={}, **known)


def _manifest(recipe_hash: str) -> dict:
    return {
        "version": "0.1.0",
        "format": 1,
        "recipe_hash": recipe_hash,
        "fingerprint": "",
        "seed": 7,
        "image_shape": [1, 3, 3],
        "num_classes": CLASSES,
        "class_names": NAMES,
        "examples": {"train": 50, "validation": 20, "test": EXAMPLES},
        "model": {
            "parameters": SHAPES,
            "buffers": {"norm.running_mean": [4]},
            "normalization": ["norm.weight", "norm.bias"],
        },
    }
