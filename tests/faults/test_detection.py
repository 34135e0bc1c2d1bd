"""Faults, line 3: corrupted, truncated or missing files are detected on reading and named; only they are made again."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from contents import CLOCK, contents, differences

from modescape import pipeline
from modescape.errors import InputError, ModescapeError
from modescape.progress import Progress
from modescape.study import Study, layout, read_resume, verify

from .conftest import TINY

pytestmark = pytest.mark.faults

HERE = ["compute.engine=here", *TINY]
CYCLIC = "variants/cyclic-independent"  # a study within the study
PIECES = [  # one of every kind of file
    "members/000/epoch-000.safetensors",
    "members/001/epoch-002.safetensors",
    "members/001/epoch-003.safetensors",
    "members/000/resume.safetensors",
    "members/000/state.json",
    "members/001/history.csv",
    "predictions.zarr/test/log_prob/c/2/0/0",
    "predictions.zarr/validation/label/c/0",
    "predictions.zarr/test/member/c/0",
    "predictions.zarr/test/log_prob/zarr.json",
    "results/ensemble_size.nc",
    "study.yaml",
    f"{CYCLIC}/members/000/epoch-001.safetensors",
    f"{CYCLIC}/predictions.zarr/test/log_prob/c/0/0/0",
    f"{CYCLIC}/manifest.json",
]
NOT_NEEDED = {"members/000/resume.safetensors"}  # of a trained member: it is deleted, not made again
WHOLE_SPLIT = {"label", "member", "epoch", "zarr.json"}  # without these, the chunks of a split have no meaning


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    study = tmp_path_factory.mktemp("finished") / "study"
    pipeline.run("digits", study, overrides=HERE)
    assert set(PIECES) <= {str(path.relative_to(study)) for path in study.rglob("*")}, sorted(study.rglob("*"))
    return study


@pytest.fixture
def study(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "study"))


def flipped(data: bytes, place: int | None = None) -> bytes:
    """The data with one bit flipped."""
    place = 8 * len(data) // 2 + 3 if place is None else place
    return data[: place // 8] + bytes([data[place // 8] ^ (1 << place % 8)]) + data[place // 8 + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "flipped": flipped,
    "cut": lambda data: data[: len(data) // 2],
    "gone": lambda data: None,
}


def read_all(folder: Path) -> dict[str, object]:
    """Everything that a reader gets from a study.

    Raises:
        ModescapeError: if something is not as it was written.
    """
    study, found = Study.open(folder), {}
    found["manifest"], found["recipe"] = study.manifest, study.recipe
    for member in study.members:
        about = (member.status, member.epochs_done, member.message, member.checksums, member.timings, member.group)
        found[f"{member.number}"] = about
        found[f"{member.number} history"] = {name: column.tolist() for name, column in member.history().items()}
        resume = read_resume(study, member.number)
        found[f"{member.number} resume"] = resume and (resume.epoch, resume.record, hashed(resume.tensors))
        for epoch in study.recipe.kept_epochs(member.number):
            found[f"{member.number} {epoch}"] = [hashed(part) for part in study.state(member.number, epoch)]
    for split in layout.SPLITS:
        predictions = study.predictions(split)
        found[split] = (predictions.label.tolist(), predictions.class_names, predictions.members.tolist())
        for row in range(len(predictions)):
            whose = (int(predictions.members[row]), int(predictions.epochs[row]))
            found[f"{split} {whose}"] = np.asarray(predictions.log_prob(row)).tobytes()
    for name in layout.names(folder / layout.RESULTS):
        found[name] = str(study.result(name.removesuffix(".nc")).to_dict())
    return found


def hashed(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


class Lines(Progress):
    """Records messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


EVERY = [(piece, how) for piece in PIECES for how in DAMAGE]
USUAL = {(piece, list(DAMAGE)[at % len(DAMAGE)]) for at, piece in enumerate(PIECES)}  # one damage each, in rotation


@pytest.mark.parametrize(
    ("piece", "how"), [pair if pair in USUAL else pytest.param(*pair, marks=pytest.mark.long) for pair in EVERY]
)
def test_damage_is_named_and_that_piece_alone_is_made_again(study, finished, piece, how):
    path, before = study / piece, {file: file.stat().st_mtime_ns for file in study.rglob("*") if file.is_file()}
    damaged = DAMAGE[how](path.read_bytes())
    if damaged is None:
        path.unlink()
    else:
        path.write_bytes(damaged)
    problems = verify(study)
    if how != "gone":
        assert len(problems) == 1
        assert any(part in problems[0] for part in (path.name, "predictions.zarr/", "predictions of member"))
        if not piece.startswith(CYCLIC):
            with pytest.raises(ModescapeError):
                read_all(study)
    heard = Lines()
    pipeline.run("digits", study, overrides=HERE, progress=heard)
    assert verify(study) == []
    lost = {piece} & NOT_NEEDED
    assert set(differences(contents(study), contents(finished))) == lost
    kept = {file: time for file, time in before.items() if file.exists() and file.name not in (".lock", "report.html")}
    written = {str(file.relative_to(study)) for file, time in kept.items() if file.stat().st_mtime_ns != time}
    if piece == f"{CYCLIC}/manifest.json":
        assert all(name.startswith(CYCLIC) for name in written)
    elif set(Path(piece).parts) & WHOLE_SPLIT:
        assert all(name.startswith(str(Path(*Path(piece).parts[:2]))) for name in written)
    else:
        beside = {str(Path(piece).with_name(name)) for name in CLOCK} if Path(piece).name in CLOCK else set()
        assert written <= {piece, *beside, *figures(piece)}


def figures(piece: str) -> set[str]:
    """The figures of a result."""
    name = Path(piece).stem
    return {f"figures/{name}.{suffix}" for suffix in ("png", "svg", "html", "csv")} if piece.endswith(".nc") else set()


def test_a_checkpoint_of_another_recipe_is_found_and_made_again(study, finished, tmp_path):
    other = pipeline.train("digits", tmp_path / "other", overrides=[*HERE, "seed=1"])
    piece = study / "members/001/epoch-002.safetensors"
    shutil.copy(other.path / "members/001/epoch-002.safetensors", piece)
    shutil.copy(other.path / "members/000/resume.safetensors", study / "members/000/resume.safetensors")
    assert [str(piece) in problem or "belongs to another" in problem for problem in verify(study)] == [True, True]
    with pytest.raises(ModescapeError, match=r"epoch-002.safetensors' is damaged"):
        Study.open(study).params(1, 2)
    pipeline.run("digits", study, overrides=HERE)
    assert set(differences(contents(study), contents(finished))) == NOT_NEEDED
    shutil.copy(other.path / "study.yaml", study / "study.yaml")
    with pytest.raises(InputError, match="is not what this study was made from"):
        _ = Study.open(study).recipe


def test_a_member_that_comes_out_with_other_bits_is_trained_again_whole(study, finished, monkeypatch):
    """As on another machine: trajectories are never mixed from two machines, and no old prediction is kept."""
    (study / "members/001/epoch-002.safetensors").unlink()
    before = contents(study, ("members", "predictions.zarr", "results"))
    from modescape.pipeline import mending

    original = mending.model_state

    def other_bits(study, tensors):
        state = original(study, tensors)
        next(iter(state.params.values())).view(-1)[0] += 1e-3
        return state

    heard = Lines()
    monkeypatch.setattr(mending, "model_state", other_bits)  # as another machine's arithmetic would give
    pipeline.run("digits", study, overrides=HERE, progress=heard)
    assert any("member 1 is not bit-identical" in line for line in heard.lines)
    assert verify(study) == []
    after = contents(study, ("members", "predictions.zarr", "results"))
    assert differences(after, contents(finished, ("members", "predictions.zarr", "results"))) == []
    assert before != after


@pytest.mark.parametrize("count", [60, pytest.param(4000, marks=pytest.mark.long)])
def test_no_flipped_bit_is_read_as_another_number(study, count):
    """Flip any bit of any file: either it is detected, or what is read is what was written."""
    draw, expected = random.Random(0), read_all(study)
    skipped = ("figures/", "report.html", ".lock", "variants/")
    names = sorted(str(path.relative_to(study)) for path in study.rglob("*") if path.is_file())
    names = [name for name in names if not name.startswith(skipped)]
    harmless, found = [], 0
    for _ in range(count):
        path = study / draw.choice(names)
        data = path.read_bytes()
        path.write_bytes(flipped(data, draw.randrange(8 * len(data))))
        try:
            got = read_all(study)
        except ModescapeError:
            found += 1
        else:
            harmless.append(path.name)
            assert equal(got, expected), path
        path.write_bytes(data)
    assert found > count / 2
    assert set(harmless) <= {"study.yaml", "zarr.json"}, harmless  # settings of analyses; unused attributes


def equal(got: dict[str, object], expected: dict[str, object]) -> bool:
    """Whether the same was read; settings that do not identify a study may differ."""
    return {name: value for name, value in got.items() if name != "recipe"} == {
        name: value for name, value in expected.items() if name != "recipe"
    }
