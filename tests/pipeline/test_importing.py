"""Imported checkpoints as a study: the same weights predict the same, whichever program wrote them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stand_ins import no_figures

import modescape as ms
from modescape import tree
from modescape.analyses.sampling import neighbourhood
from modescape.analyses.stored import groups_of
from modescape.context import StudyContext
from modescape.errors import InputError, WorkError
from modescape.progress import Progress
from modescape.study import Study, summary, verify

DATA = ["data.train=120", "data.validation=40", "data.test=60", "compute.engine=here", "subspace.choosing=2"]
EPOCHS = (0, 1, 2)


@pytest.fixture(scope="module")
def own(made_once) -> Study:
    """A small study of ours, and its checkpoints as another program would write them."""
    torch.set_num_threads(1)

    def make(folder: Path) -> None:
        settings = [*DATA, "train.members=2", "train.epochs=2", "train.trajectories=2", "analyses=[]"]
        with no_figures():
            study = ms.run("digits", folder / "own", overrides=settings)
        for member in study.trained:
            for epoch in EPOCHS:
                state = study.params(member, epoch) | study.buffers(member, epoch)
                path = folder / f"runs/{'ab'[member]}/epoch_{epoch}.pt"
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)

    return Study.open(made_once("to import", make) / "own")


def runs(own: Study) -> str:
    return str(own.path.parent / "runs/{member}/epoch_{epoch}.pt")


@pytest.fixture(scope="module")
def imported(own: Study, made_once) -> Study:
    """The same networks, imported, with two analyses. Read-only."""

    def make(folder: Path) -> None:
        settings = [*DATA, "analyses=[training, trajectory_similarity, ensemble_size, kinship]"]
        with no_figures():
            ms.import_study(runs(own), folder, data="digits", overrides=settings)

    return Study.open(made_once("imported", make))


@pytest.mark.ci
def test_imported_networks_have_the_bits_and_say_what_they_said(own: Study, imported: Study):
    assert imported.trained == [0, 1]
    for member in (0, 1):
        for epoch in EPOCHS:
            assert all(
                torch.equal(own.params(member, epoch)[name], one)
                for name, one in imported.params(member, epoch).items()
            )
        there, here = (study.predictions("test").log_prob(member=member, epoch=2) for study in (own, imported))
        assert np.array_equal(there, here)
    assert imported.result("ensemble_size")["score"].sizes["size"] == 2
    assert imported.result("trajectory_similarity").sizes["epoch"] == len(EPOCHS)
    assert imported.result("kinship")["model"].values.tolist() == ["a", "b"]


@pytest.mark.ci
def test_what_nobody_knows_is_said_and_nothing_is_damaged(imported: Study):
    assert "needs histories" in imported.result("training").attrs["not_enough"]
    assert verify(imported.path) == []
    status = summary(imported.path)
    assert status.complete
    assert status.predictions["test"].done == 2 * len(EPOCHS)
    page = (imported.path / "report.html").read_text()
    assert "These networks were trained elsewhere" in page
    assert "2\N{NO-BREAK SPACE}networks imported" in page
    assert "is removed from the names of tensors" in page
    assert ">2 imported<" in page


@pytest.mark.ci
def test_the_card_of_imported_networks_has_their_scores_and_says_that_they_were_imported(
    imported: Study, tmp_path: Path
):
    ms.export(imported.path, out=tmp_path / "ensemble")
    card = (tmp_path / "ensemble/README.md").read_text()
    assert "imported, and run on `digits`" in card
    assert "Scores: not measured" not in card
    about = json.loads((tmp_path / "ensemble/ensemble.json").read_text())
    size = imported.result("ensemble_size")["score"].sel({"approach": "independent", "metric": "accuracy", "size": 2})
    assert about["figures"]["ensemble"]["scores"]["accuracy"]["value"] == float(size)


@pytest.mark.ci
def test_checkpoints_of_every_other_epoch_are_those_of_their_files(own: Study, tmp_path: Path):
    for epoch in EPOCHS:
        path = tmp_path / f"files/a/epoch_{2 * epoch}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(own.path.parent / f"runs/a/epoch_{epoch}.pt", path)
    pattern = str(tmp_path / "files/{member}/epoch_{epoch}.pt")
    study = ms.import_study(pattern, tmp_path / "study", data="digits", overrides=[*DATA, "analyses=[]"])
    context = StudyContext(Study.open(study.path))
    (group,) = groups_of(context, 0, "trajectory", None, 3, purpose="", accept=True, epochs=(0, 2, 4))
    weights = neighbourhood(context, 0).weights_of(group)
    for row, epoch in zip(weights, EPOCHS, strict=True):
        assert torch.equal(row, tree.ravel(own.params(0, epoch)))


@pytest.mark.ci
def test_run_and_import_go_on_and_repeat_nothing(imported: Study, own: Study, tmp_path: Path):
    copy = shutil.copytree(imported.path, tmp_path / "study")
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.safetensors")}
    with no_figures():
        ms.run(copy)
    (copy / "members/001/epoch-002.safetensors").write_bytes(b"broken")
    with pytest.raises(WorkError, match=r"epoch-002.safetensors' is damaged; give the same modescape import again"):
        ms.run(copy)
    settings = [*DATA, "analyses=[training, trajectory_similarity, ensemble_size, kinship]"]
    with no_figures():
        ms.import_study(runs(own), copy, data="digits", overrides=settings)
    assert verify(copy) == []
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert {path.parent.name for path in changed} == {"001"}
    with pytest.raises(InputError, match="nothing in it is trained"):
        ms.pipeline.train(copy)
    with pytest.raises(InputError, match=r"of imported checkpoints, and '.*elsewhere' does not hold them; import them"):
        ms.run(copy / "study.yaml", tmp_path / "elsewhere")
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "Settings of this import" in page
    assert "modescape run study.yaml" not in page
    with pytest.raises(InputError, match="is a study of another recipe"):
        ms.import_study(runs(own).replace("{member}", "a"), copy, data="digits", overrides=settings)


def test_weights_alone_make_a_study_of_what_weights_show(tmp_path: Path):
    for name, seed in (("one", 0), ("other", 1), ("again", 0)):
        stream = torch.Generator().manual_seed(seed)
        shapes = {"first.weight": (20, 30), "first.bias": (20,), "dense.weight": (9, 20)}
        state = {key: torch.randn(shape, generator=stream) for key, shape in shapes.items()}
        save_file(state, tmp_path / f"{name}.safetensors")
    bad = load_file(tmp_path / "one.safetensors")
    bad["dense.weight"] = bad["dense.weight"] * float("nan")
    save_file(bad, tmp_path / "bad.safetensors")
    lines = Told()
    files = [tmp_path / f"{name}.safetensors" for name in ("one", "other", "again", "bad")]
    with no_figures():
        study = ms.import_study(files, tmp_path / "study", progress=lines)
    assert study.recipe.analyses is not None
    assert "ensemble_size" not in study.recipe.analyses
    assert [member.status for member in study.members] == ["trained", "trained", "trained", "diverged"]
    assert "not finite" in study.member(3).message
    assert any("again.safetensors holds the same weights as" in line for line in lines.said)
    with pytest.raises(InputError, match="was imported without a network"):
        ms.export(study, out=tmp_path / "exported")
    result = study.result("kinship")
    assert result["model"].values.tolist() == ["one", "other", "again"]
    assert float(result["cosine"][0, 2]) == pytest.approx(1, abs=1e-12)
    assert result["family"].values.tolist() == [0, 1, 0]
    assert verify(study.path) == []
    assert summary(study.path).complete
    assert ms.pipeline.report(study.path).is_file()
    ms.pipeline.analyse(study.path, ["ensemble_size", "radial", "randomness"])
    for name in ("ensemble_size", "radial", "randomness"):
        assert "this study has none" in study.result(name).attrs["not_enough"]


class Told(Progress):
    """Records the lines that a user sees."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text)

    def notice(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"factory": "small_cnn"}, "a factory needs data"),
        ({"format": "onnx"}, "no format 'onnx'"),
        ({"data": "digits", "factory": "mlp"}, "takes rows of a table"),
        ({"data": "digits", "factory": "notebook_small_cnn"}, "belongs to another network: it lacks"),
        ({"data": "digits", "factory": "medium_cnn"}, "belongs to another network|the network's is"),
        ({"weights": "ema"}, "holds no averaged weights"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    own: Study, tmp_path: Path, settings: dict, sentence: str
):
    with pytest.raises(InputError, match=sentence):
        ms.import_study(runs(own), tmp_path / "study", overrides=DATA, **settings)
    assert not (tmp_path / "study").exists()
