"""From a recipe to a page: bit-identical however it is run, resumed or enlarged; nothing is done twice."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modescape import analyses, pipeline
from modescape import recipe as recipes
from modescape.errors import InputError, WorkError
from modescape.kernels import native
from modescape.pipeline import training, writing
from modescape.pipeline.analysing import inputs_digest
from modescape.progress import Progress
from modescape.study import Study, read_resume
from modescape.train.plan import Plan

NAMES = ["training", "confusion", "trajectory_similarity", "solution_similarity", "tsne", "ensemble_size"]
SMALL = [
    *("train.epochs=4", "train.keep_last=2", "train.trajectories=1", "data.train=200", "data.test=300"),
    f"analyses=[{', '.join(NAMES)}]",  # the others sample or train networks; see tests/analyses
]
HERE = [*SMALL, "compute.engine=here"]


def digests(folder: Path, *parts: str) -> dict[str, str]:
    """SHA-256 of every file in the parts of a study that contain no durations."""
    files = [file for part in parts for file in sorted((folder / part).rglob("*")) if file.is_file()]
    timed = {"state.json", "history.csv"}
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name not in timed
    }


@pytest.fixture(scope="session")
def finished(made_once) -> Study:
    """Three members, analysed. Read-only."""
    made = made_once("pipeline", lambda out: pipeline.run("digits", out, overrides=[*HERE, "train.members=3"]))
    return Study.open(made)


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(finished.path, tmp_path / "copy"))


def test_everything_of_the_contract_is_there(finished):
    files = {str(file.relative_to(finished.path)) for file in finished.path.rglob("*") if file.is_file()}
    expected = {"study.yaml", "manifest.json", "report.html"}
    expected |= {f"results/{name}.nc" for name in NAMES}
    expected |= {f"figures/{name}.{suffix}" for name in NAMES for suffix in ("png", "svg", "html")}
    for member in range(3):
        folder = f"members/{member:03d}"
        expected |= {f"{folder}/{name}" for name in ("state.json", "history.csv", "resume.safetensors")}
        expected |= {f"{folder}/epoch-{epoch:03d}.safetensors" for epoch in finished.recipe.kept_epochs(member)}
    assert expected <= files
    assert finished.kept(0) == [0, 1, 2, 3, 4]
    assert finished.kept(1) == [0, 3, 4]


@pytest.mark.ci
def test_processes_give_the_same_bytes(finished, tmp_path):
    overrides = [*SMALL, "train.members=3", "compute.engine=processes", "analyses=[tsne, ensemble_size]"]
    other = pipeline.run("digits", tmp_path / "s", overrides=overrides)
    complete = ("members", "predictions.zarr")
    assert digests(other.path, *complete) == digests(finished.path, *complete)
    chosen = digests(other.path, "results", "figures")
    assert {"results/tsne.nc", "results/ensemble_size.nc", "figures/tsne.svg"} <= chosen.keys()
    assert chosen.items() <= digests(finished.path, "results", "figures").items()


def test_a_member_is_the_same_in_a_larger_study_and_growth_repeats_nothing(finished, tmp_path):
    out = tmp_path / "s"
    pipeline.run("digits", out, overrides=[*HERE, "train.members=2", "analyses=[ensemble_size]"])
    before = {path: path.stat().st_mtime_ns for path in (out / "members").rglob("*.*")}
    row = out / "predictions.zarr" / "test" / "log_prob" / "c" / "0" / "0" / "0"
    chunk = row.stat().st_mtime_ns
    grown = pipeline.run("digits", out, overrides=[*HERE, "train.members=3", "analyses=[ensemble_size]"])
    assert grown.trained == [0, 1, 2]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert row.stat().st_mtime_ns == chunk
    assert digests(out, "members", "results").items() <= digests(finished.path, "members", "results").items()
    assert grown.result("ensemble_size").sizes["size"] >= 3


def test_a_second_run_does_nothing(copy):
    watched = [path for path in copy.rglob("*") if path.is_file() and path.name not in (".lock", "report.html")]
    before = {path: path.stat().st_mtime_ns for path in watched}
    page = (copy / "report.html").read_bytes()
    pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert {path: path.stat().st_mtime_ns for path in watched} == before
    assert (copy / "report.html").read_bytes() == page


def test_figures_that_are_gone_are_drawn_from_the_result(copy):
    """Nothing is measured again, and the files have the same bytes as before."""
    gone = [copy / f"figures/tsne.{suffix}" for suffix in ("svg", "csv")]
    before = [path.read_bytes() for path in gone]
    measured = (copy / "results/tsne.nc").stat().st_mtime_ns
    for path in gone:
        path.unlink()
    pipeline.analyse(copy)
    assert [path.read_bytes() for path in gone] == before
    assert (copy / "results/tsne.nc").stat().st_mtime_ns == measured


def test_interrupted_and_resumed_equals_uninterrupted(finished, tmp_path, monkeypatch):
    """Stopped after 3, 6, 5 and 1 files (4 per epoch) and resumed each time, then run to the end."""
    out, writes = tmp_path / "s", []
    overrides = [*HERE, "train.members=1"]
    functions = ["write_checkpoint", "write_history", "write_member_state", "write_resume"]

    def stopping(name, original, limit):
        def write(*arguments, **settings):
            result = original(*arguments, **settings)
            writes.append(name)
            if len(writes) >= limit:
                raise KeyboardInterrupt
            return result

        return write

    for limit in (3, 6, 5, 1):
        writes.clear()
        with monkeypatch.context() as patch:
            for name in ("SHOW_SECONDS", "AHEAD_BYTES"):
                patch.setattr(writing, name, 0)  # all four files after every epoch, one epoch at a time
            for name in functions:
                # stop at every file in turn, where no signal could be timed
                patch.setattr(writing, name, stopping(name, getattr(writing, name), limit))
            with pytest.raises(KeyboardInterrupt):
                pipeline.train("digits", out, overrides=overrides)
    assert Study.open(out).member(0).status == "training"
    resume = read_resume(Study.open(out), 0)
    assert resume.epoch == 2
    assert any(name.startswith("optimizer/") for name in resume.tensors)
    study = pipeline.train("digits", out, overrides=overrides)
    assert digests(out, "members/000") == digests(finished.path, "members/000")
    history, whole = study.member(0).history(), finished.member(0).history()
    for column in set(history) - {"seconds"}:
        assert np.array_equal(history[column], whole[column])


def test_what_people_look_at_may_lag_behind_what_the_next_epoch_needs(finished, tmp_path, monkeypatch):
    """State and history are written only now and then; a stop in between loses neither rows nor checksums."""
    out, done = tmp_path / "s", []

    def stopping(study, member, epoch, *arguments, **settings):
        write(study, member, epoch, *arguments, **settings)
        done.append(epoch)
        if epoch == 3:
            raise KeyboardInterrupt

    write = writing.write_resume
    with monkeypatch.context() as patch:
        for name, value in {"SHOW_SECONDS": 1e9, "AHEAD_BYTES": 0}.items():
            patch.setattr(writing, name, value)  # epochs are written singly, without state and history in between
        patch.setattr(writing, "write_resume", stopping)  # stop right after one file, where no signal could be timed
        with pytest.raises(KeyboardInterrupt):
            pipeline.train("digits", out, overrides=[*HERE, "train.members=1"])
    assert done == [0, 1, 2, 3]
    member = Study.open(out).member(0)
    assert member.epochs_done == 0  # written once, at the start
    study = pipeline.train("digits", out, overrides=[*HERE, "train.members=1"])
    assert digests(out, "members/000") == digests(finished.path, "members/000")
    history, whole = study.member(0).history(), finished.member(0).history()
    assert all(np.array_equal(history[name], whole[name]) for name in set(history) - {"seconds"})
    assert study.member(0).checksums == finished.member(0).checksums


@pytest.mark.ci
def test_a_killed_worker_costs_its_member_only_and_run_heals_it(finished, tmp_path, monkeypatch):
    out = tmp_path / "s"
    overrides = [*SMALL, "train.members=2", "compute.engine=processes", "compute.workers=1"]
    monkeypatch.setenv("MODESCAPE_TEST_KILL", "1")
    monkeypatch.setattr(training, "train_task", killing_task)  # a worker that dies at a known place
    study = pipeline.train("digits", out, overrides=overrides)
    assert study.trained == [0]
    assert study.member(1).status == "failed"
    assert "SIGKILL" in study.member(1).message or "signal 9" in study.member(1).message
    monkeypatch.undo()
    healed = pipeline.train("digits", out, overrides=overrides)
    assert healed.trained == [0, 1]
    assert digests(out, "members/001") == digests(finished.path, "members/001")


def killing_task(context, task, report):
    """Member 1's worker dies without a message."""
    if task.members == (1,):
        os.kill(os.getpid(), signal.SIGKILL)
    return training.train_task(context, task, report)


def test_a_diverged_member_is_left_out_and_not_tried_again(tmp_path):
    out = tmp_path / "s"
    overrides = [*HERE, "train.members=2", "train.learning_rate=1e30", "train.optimizer=sgd"]
    with pytest.raises(WorkError, match=r"no member of .* could be trained"):
        pipeline.run("digits", out, overrides=overrides)
    study = Study.open(out)
    assert [member.status for member in study.members] == ["diverged"] * 2
    assert "not finite in epoch" in study.member(0).message
    stamp = (out / "members/000/state.json").stat().st_mtime_ns
    with pytest.raises(WorkError):
        pipeline.run("digits", out, overrides=overrides)
    assert (out / "members/000/state.json").stat().st_mtime_ns == stamp


def test_one_member_says_what_it_lacks_and_the_rest_goes_on(tmp_path):
    study = pipeline.run(
        "digits", tmp_path / "s", overrides=[*HERE, "train.members=1", "analyses=[training, solution_similarity]"]
    )
    page = (study.path / "report.html").read_text()
    assert "not_enough" in study.result("solution_similarity").attrs
    assert study.result("solution_similarity").attrs["not_enough"] in page
    assert study.has_result("training")
    assert not study.figure_path("solution_similarity", "png").exists()


def test_a_study_of_another_recipe_is_refused_with_the_difference(finished):
    before = digests(finished.path, ".")
    with pytest.raises(InputError, match=r"train\.epochs is 4 there and 5 here") as error:
        pipeline.run("digits", finished.path, overrides=[*HERE, "train.epochs=5"])
    assert "--out" in str(error.value)
    assert digests(finished.path, ".") == before


def test_images_that_changed_since_are_told_from_another_recipe(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    source = tmp_path / "a.npz"
    np.savez(source, image=image, label=np.arange(40) % 2)
    wanted = [f"data.source={source}", "train.members=1", "train.epochs=1", "compute.engine=here"]
    pipeline.train("images", tmp_path / "study", overrides=[*wanted, "data.size=8"])
    np.savez(source, image=image[::-1], label=np.arange(40) % 2)
    with pytest.raises(InputError, match=r"the images of .*a\.npz' are not those that the study .* was begun with"):
        pipeline.train("images", tmp_path / "study", overrides=[*wanted, "data.size=8"])


def test_a_study_in_use_is_refused(copy):
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import time; from modescape.study import Study\n"
         f"with Study.open({str(copy)!r}).lock(): print('held', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(InputError, match=rf"in use.*{holder.pid}"):
            pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_factory_that_fails_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"cannot be imported|cannot import"):
        pipeline.run("digits", tmp_path / "s", overrides=["model.factory=no_such_package:net"])
    assert not (tmp_path / "s").exists()


@pytest.mark.ci
def test_an_own_network_with_batch_norm_runs_to_the_page(tmp_path):
    overrides = [*HERE, "train.members=2", f"model.factory={__name__}:own_network", "model.arguments={width: 6}"]
    overrides += ["analyses=[solution_similarity]"]
    study = pipeline.run("digits", tmp_path / "s", overrides=overrides)
    assert study.manifest["model"]["normalization"] == ["1.weight", "1.bias"]
    result = study.result("solution_similarity")
    assert not np.allclose(result["cosine"], result["cosine_without_batch_norm"])
    assert study.weights(0, 4).size == study.weights(0, 4, normalization=False).size + 12
    assert study.model().training is False


def own_network(num_classes: int, width: int):
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Linear(36 * width, num_classes)
    )


def test_predictions_are_the_deterministic_evaluation(finished):
    """Against a plain forward pass in eval mode, checkpoint by checkpoint."""
    import torch

    from modescape import data

    images = data.load(finished.recipe.data, 0).test.inputs.float() / 255
    predictions, module = finished.predictions("test"), finished.model()
    for member, epoch in ((0, 0), (0, 2), (2, 4)):
        module.load_state_dict(finished.params(member, epoch))
        with torch.no_grad():
            expected = torch.log_softmax(module(images), 1).numpy()
        assert np.allclose(predictions.log_prob(predictions.index(member, epoch)), expected, atol=1e-5)


@pytest.mark.parametrize("most", [3, *(pytest.param(most, marks=pytest.mark.ci) for most in (2, 1))])
def test_several_checkpoints_at_a_time_give_the_same_predictions(finished, copy, monkeypatch, most):
    """As on a GPU, whose memory may hold fewer checkpoints than are tried."""
    import torch

    from modescape.pipeline import predicting
    from modescape.predict import Evaluator

    original, sizes = Evaluator.__call__, []

    def evaluate(self, state, images, *arguments):
        models = len(next(iter(state.params.values())))
        if models > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(models)
        return original(self, state, images, *arguments)

    shutil.rmtree(copy / "predictions.zarr")
    monkeypatch.setattr(predicting, "TOGETHER", {"cpu": 4})  # as on a GPU
    monkeypatch.setattr(Evaluator, "__call__", evaluate)  # a GPU with little memory
    pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert max(sizes) == most  # member 0 has five: 4 are too many, so they are halved; the others have three
    assert digests(copy, "predictions.zarr") == digests(finished.path, "predictions.zarr")


@pytest.mark.ci
def test_a_damaged_prediction_is_made_again(copy):
    from modescape.study.layout import chunk_path

    path = chunk_path(copy, "test", 1)
    good = path.read_bytes()
    path.write_bytes(good[:50] + bytes([good[50] ^ 1]) + good[51:])
    pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("data.shift=no/such/folder", "data.shift 'no/such/folder' is not a folder"),
        ("data.frost=no/such/folder", "data.frost 'no/such/folder' is not a folder"),
        ("data.ood=[noise, nothing.npz]", "data.ood: 'nothing.npz' does not exist; choose from rotated, noise, digits"),
        ("data.ood=[rotatd]", "data.ood: 'rotatd' does not exist"),
    ],
)
def test_shifted_and_other_data_are_looked_for_before_any_work(tmp_path, setting, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        pipeline.run("digits", tmp_path / "s", overrides=[*SMALL, "analyses=[shift, ood]", setting])
    assert not (tmp_path / "s").exists()


def test_results_under_shift_are_out_of_date_with_other_frost(copy):
    study = Study.open(copy)
    before = {name: inputs_digest(study, study.members, name) for name in analyses.ANALYSES}
    with study.lock():
        study.update_recipe(recipes.load(study.recipe, ["data.frost=pictures"]))
    changed = [name for name, digest in before.items() if inputs_digest(study, study.members, name) != digest]
    assert sorted(changed) == ["connectivity", "diversity_map", "shift"]


def test_changed_data_is_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    source = tmp_path / "d.npz"
    np.savez(source, image=images, label=np.arange(60) % 3)
    overrides = ["train.epochs=1", "train.members=1", "compute.engine=here", f"data.source={source}", "data.test=10"]
    overrides += ["data.validation=10", "analyses=[training]"]
    pipeline.run("digits", tmp_path / "s", overrides=overrides)
    np.savez(source, image=images[::-1], label=np.arange(60) % 3)
    with pytest.raises(InputError, match="files were added, removed or changed"):
        pipeline.run("digits", tmp_path / "s", overrides=overrides)


def test_analyse_makes_named_analyses_anew_with_new_settings(copy):
    before = (copy / "results/ensemble_size.nc").stat().st_mtime_ns
    study = pipeline.analyse(copy, ["tsne"], overrides=["settings.tsne.examples=50", "compute.engine=here"])
    assert study.result("tsne").attrs["examples"] == 50
    assert (copy / "results/ensemble_size.nc").stat().st_mtime_ns == before
    assert study.recipe.settings["tsne"]["examples"] == 50
    with pytest.raises(InputError, match=r"train\.epochs"):
        pipeline.analyse(copy, overrides=["train.epochs=9"])
    with pytest.raises(InputError, match="did you mean 'tsne'"):
        pipeline.analyse(copy, ["tsn"])


def test_manifest_holds_provenance_and_no_clock(finished):
    manifest = json.loads((finished.path / "manifest.json").read_text())
    kernels = "native" if native.library() else "torch"
    assert manifest["plan"] == Plan(device="cpu", group_size=1, kernels=kernels, build=native.build()).as_dict()
    assert manifest["examples"] == {"train": 200, "validation": 200, "test": 300}
    assert manifest["seed"] == 0
    assert not any("time" in key or "date" in key for key in manifest)


def test_progress_counts_every_image(tmp_path):
    class Counting(Progress):
        def __init__(self):
            self.stages, self.done = {}, 0.0

        def stage(self, name, total, unit):
            self.current, self.stages[name] = name, [total, 0.0]

        def advance(self, amount, note=""):
            self.stages[self.current][1] += amount

    progress = Counting()
    pipeline.run(
        "digits", tmp_path / "s", overrides=[*HERE, "train.members=2", "analyses=[training]"], progress=progress
    )
    assert set(progress.stages) == {"training", "predicting", "analysing"}
    for total, done in progress.stages.values():
        assert done == total


def test_a_study_cut_off_while_it_was_made_is_made_again(tmp_path):
    out = tmp_path / "s"
    out.mkdir()
    (out / ".lock").touch()
    (out / "study.yaml").write_text("name: half")
    assert pipeline.train("digits", out, overrides=[*HERE, "train.members=1"]).trained == [0]


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"nor empty \(it holds 'thesis\.tex'\)"):
        pipeline.train("digits", tmp_path, overrides=HERE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_resume_file_starts_the_member_over(finished, tmp_path):
    out = tmp_path / "s"
    overrides = [*HERE, "train.members=1"]
    pipeline.train("digits", out, overrides=overrides)
    resume, state = out / "members/000/resume.safetensors", out / "members/000/state.json"
    resume.write_bytes(resume.read_bytes()[:-9])
    state.unlink()
    pipeline.train("digits", out, overrides=overrides)
    assert digests(out, "members/000") == digests(finished.path, "members/000")


@pytest.mark.parametrize("lost", ["state.json", "epoch-003.safetensors"])
def test_a_lost_file_of_a_finished_member_is_made_again(finished, copy, lost):
    from modescape.study import summary

    (copy / "members/000" / lost).unlink()
    assert not summary(copy).complete
    study = pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert study.trained == [0, 1, 2]
    assert summary(copy).complete
    assert digests(copy, "members") == digests(finished.path, "members")


@pytest.mark.parametrize("name", ["resume.safetensors", "epoch-003.safetensors", "history.csv", "state.json"])
def test_a_file_that_cannot_be_read_is_left_alone(copy, monkeypatch, name):
    """A disk that fails for a while, or missing permission: the file may be intact."""
    from modescape.study import layout

    before, read = digests(copy, "members"), layout.read_regular

    def failing(path, most=None):
        if path.name == name:
            raise OSError(5, "Input/output error", str(path))
        return read(path, most)

    monkeypatch.setattr(layout, "read_regular", failing)  # a disk that fails for a while
    with pytest.raises(WorkError, match=f"cannot read .*{name}': Input/output error"):
        pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert digests(copy, "members") == before


def test_a_damaged_result_is_made_again(finished, copy):
    path = copy / "results/tsne.nc"
    path.write_bytes(path.read_bytes()[:300])
    assert f"make it again with: modescape run {copy}" in pipeline.report(copy).read_text()
    pipeline.run("digits", copy, overrides=[*HERE, "train.members=3"])
    assert path.read_bytes() == (finished.path / "results/tsne.nc").read_bytes()


@pytest.mark.ci
def test_a_result_of_another_version_is_left_out_of_the_page_by_its_version(copy):
    study = Study.open(copy)
    old = study.result("ensemble_size").assign_attrs(version="0.1.0", inputs="of another version")
    study.write_result("ensemble_size", old[["score"]])  # it had different variables
    words = "Measured by modescape 0.1.0, whose results this version cannot show"
    assert words in pipeline.report(copy).read_text(encoding="utf-8")
    pipeline.analyse(copy)
    assert words not in pipeline.report(copy).read_text(encoding="utf-8")


@pytest.mark.ci
def test_a_member_that_blows_up_in_its_last_step_is_diverged(tmp_path):
    """A single step, so that its loss, computed before the step, is finite."""
    overrides = ["compute.engine=here", "train.members=1", "train.epochs=1", "train.batch_size=300"]
    with pytest.raises(WorkError, match="not finite in epoch 1"):
        pipeline.run("digits", tmp_path / "s", overrides=[*overrides, "train.learning_rate=1e30"])
    assert Study.open(tmp_path / "s").member(0).status == "diverged"


def test_analyse_refuses_what_it_does_not_carry_out(finished):
    before = (finished.path / "study.yaml").read_bytes()
    for override in ("train.members=9", "compute.engine=ray"):
        with pytest.raises(InputError):
            pipeline.analyse(finished.path, overrides=[override])
    assert (finished.path / "study.yaml").read_bytes() == before
