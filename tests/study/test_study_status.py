"""Present, missing and damaged parts of a study."""

import time

import numpy as np
import pytest
from test_study_results import make

from modescape import durable
from modescape.errors import InputError
from modescape.study import (
    PredictionWriter,
    Study,
    layout,
    summary,
    verify,
    write_checkpoint,
    write_history,
    write_member_state,
    write_resume,
)
from modescape.study.members import HISTORY_COLUMNS
from modescape.study.status import MemberStatus, Progress


@pytest.fixture
def full(study, make_state) -> Study:
    """A finished study."""
    wanted = []
    for member in (0, 1):
        checksums = {}
        for epoch in study.recipe.kept_epochs(member):
            checksums[layout.checkpoint_name(epoch)] = write_checkpoint(study, member, epoch, make_state(epoch))
            wanted.append((member, epoch))
        write_resume(study, member, 4, make_state(4).params)
        write_history(study, member, [dict.fromkeys(HISTORY_COLUMNS, epoch) for epoch in (1, 2, 3, 4)])
        write_member_state(study, member, status="trained", epochs_done=4, checksums=checksums, timings={})
    for split in ("validation", "test"):
        writer = PredictionWriter(study, split)
        for row, _, _ in writer.create_or_extend(wanted, np.arange(7) % 4, 4):
            writer.write(row, np.random.default_rng(row).normal(size=(7, 4)))
    for name in ("training", "tsne"):
        study.write_result(name, make(study))
    durable.write_text(study.path / "report.html", "<p>")
    return study


def test_an_empty_study(study):
    status = summary(study.path)
    assert (status.name, status.path, status.recipe_hash) == ("small", study.path, study.recipe_hash)
    assert [member.expected_checkpoints for member in status.members] == [5, 3]
    assert [member.checkpoints for member in status.members] == [0, 0]
    assert status.predictions == {split: Progress(done=0, expected=8) for split in ("validation", "test")}
    assert status.results == ()
    assert status.missing_results == status.expected_results == ("training", "tsne")
    assert not status.report
    assert not status.complete
    assert verify(study.path) == []


def test_a_finished_study(full):
    status = summary(str(full.path))
    assert status.complete
    assert status.predictions["test"] == Progress(done=8, expected=8)
    assert status.results == ("training", "tsne")
    assert status.missing_results == ()
    assert status.report
    assert status.members[1] == MemberStatus(
        number=1, status="trained", epochs_done=4, epochs=4, checkpoints=3, expected_checkpoints=3, message=""
    )
    assert verify(full.path) == []


def test_what_is_lacking_is_counted(full, make_state):
    grown = full.recipe.train.model_copy(update={"members": 4})
    full.update_recipe(full.recipe.model_copy(update={"train": grown, "analyses": ["training", "tsne", "confusion"]}))
    (full.path / "members" / "000" / "epoch-002.safetensors").unlink()
    write_checkpoint(full, 1, 1, make_state(1))  # not an epoch that is kept
    write_member_state(full, 2, status="diverged", epochs_done=1, message="loss", checksums={}, timings={})
    layout.chunk_path(full.path, "test", 3).unlink()  # its folder is left
    (full.path / "results" / "tsne.nc").unlink()
    (full.path / "results" / ".tsne.nc.5.tmp").write_text("")
    status = summary(full.path)
    assert [(member.status, member.checkpoints) for member in status.members] == [
        ("trained", 4),
        ("trained", 3),
        ("diverged", 0),
        ("missing", 0),
    ]
    assert status.members[2].message == "loss"
    assert status.predictions == {
        "validation": Progress(done=8, expected=11),  # none expected of the diverged member
        "test": Progress(done=7, expected=11),
    }
    assert status.missing_results == ("tsne", "confusion")
    assert not status.complete


def test_a_damaged_state_does_not_hide_the_rest(full):
    (full.path / "members" / "000" / "state.json").write_text("{")
    status = summary(full.path)
    assert [member.status for member in status.members] == ["damaged", "trained"]
    assert "state.json' is damaged" in status.members[0].message
    assert not status.complete


@pytest.mark.parametrize(
    "name",
    [
        "members/000/epoch-002.safetensors",
        "members/001/resume.safetensors",
        "predictions.zarr/test/log_prob/c/3/0/0",
        "predictions.zarr/validation/label/c/0",
        "results/tsne.nc",
    ],
)
def test_verify_finds_a_flipped_bit(full, flip, name):
    path = full.path / name
    flip(path, -6)
    problems = verify(full.path)
    assert len(problems) == 1
    assert name.removesuffix("/label/c/0") in problems[0]
    assert "damaged" in problems[0]
    assert "\n" not in problems[0]


@pytest.mark.parametrize("name", ["study.yaml", "members/000/state.json", "members/000/history.csv"])
def test_verify_finds_damaged_text(full, name):
    (full.path / name).write_text("{,")
    problems = verify(full.path)
    assert len(problems) == 1
    assert name in problems[0]


def test_verify_finds_a_missing_checkpoint_and_looks_into_variants(full, recipe, manifest, make_state):
    (full.path / "members" / "000" / "epoch-002.safetensors").unlink()
    variant = Study.create(full.path / "variants" / "cyclic", recipe, manifest)
    write_checkpoint(variant, 0, 0, make_state(0))
    write_member_state(
        *(variant, 0), status="training", epochs_done=0, checksums={"epoch-000.safetensors": "0"}, timings={}
    )
    first, second = verify(full.path)
    assert "members/000/epoch-002.safetensors' is missing" in first
    assert "variants/cyclic/members/000/epoch-000.safetensors' is damaged" in second
    assert summary(full.path).variants == ("cyclic",)


def test_no_study_no_status(tmp_path):
    with pytest.raises(InputError, match="is not a study"):
        summary(tmp_path)
    with pytest.raises(InputError, match="is not a study"):
        verify(tmp_path)


def test_status_of_many_members_is_quick(study):
    train = study.recipe.train.model_copy(update={"members": 300, "epochs": 50, "keep_last": 49})
    # written directly: with another number of epochs, it would be another study
    durable.write_text(study.path / "study.yaml", study.recipe.model_copy(update={"train": train}).to_yaml())
    text = '{"status": "trained", "epochs_done": 50, "checksums": {%s}}'
    text %= ", ".join(f'"{layout.checkpoint_name(epoch)}": "{"0" * 64}"' for epoch in range(51))
    for member in range(300):
        folder = layout.member_folder(study.path, member)
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(text)
        for epoch in range(0, 51, 10):
            (folder / layout.checkpoint_name(epoch)).touch()
    start = time.perf_counter()
    status = summary(study.path)
    assert time.perf_counter() - start < 1  # .03 s here
    assert status.members[299].checkpoints == 6
    assert status.predictions["test"].expected == 51 + 299 * 50
