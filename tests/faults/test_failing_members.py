"""Faults, line 4: failing members: the others are unaffected, and analyses leave the failed ones out and say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import markupsafe
import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text
from stand_ins import no_figures, stacked
from test_cli import called

from modescape import pipeline, recipe
from modescape.analyses import ANALYSES, figures
from modescape.analyses.settings import usual
from modescape.errors import InputError, WorkError
from modescape.progress import Progress
from modescape.study import Study

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]
SIZES = {  # small settings, so that analyses run quickly
    "tsne_subspace": {"samples": 3, "examples": 20},
    "radial": {"radii": 3, "angles": 5, "examples": 20, "samples": 3},
    "surface": {"points": 5, "examples": 20},
    "tunnel": {"levels": 1, "steps": 2, "points": 3, "radii": 2, "examples": 20},
    "connectivity": {"points": 3, "examples": 20, "train_examples": 20, "steps": 2},
    "ensemble_methods": {"subsets": 10},
    "calibration": {"resamples": 20, "splits": 1},
    "diversity_plane": {"draws": 3},
    "diversity_map": {"examples": 20, "train_examples": 20, "points": 3},
    "ood": {"examples": 20},
    "curvature": {"examples": 20, "probes": 3, "steps": 3, "epochs": 2, "climbs": 1},
}
SMALL = [
    *("train.epochs=2", "train.keep_last=2", "train.trajectories=4", "train.batch_size=32"),
    *("data.train=100", "data.validation=20", "data.test=40"),
]
WHOLE = [
    *SMALL,
    *("subspace.samples=2", "subspace.choosing=4", "subspace.runs=3"),
    *("variants.members=3", "variants.epochs=1", "variants.cycles=2", "variants.train=60", "variants.long_runs=0"),
    *(f"settings.{name}.{key}={value}" for name, sizes in SIZES.items() for key, value in sizes.items()),
]
VARIANTS = ("randomness", "cyclic")
NAMES = usual(recipe.load("digits"))  # the analyses of the recipe


def network(name: str, *members: int) -> list[str]:
    return [f"model.factory=faults.networks:{name}", f"model.arguments={{members: [{', '.join(map(str, members))}]}}"]


def modescape(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, with the networks of this folder importable."""
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "modescape", *arguments]
    environment = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=250)


def with_set(settings: list[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


class Hearing(Progress):
    """Records messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


# ---- one member diverges ----


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four members, none of which diverges, with the same factory: the recipe differs in one argument only."""
    overrides = [*SMALL, *network("exploding"), "train.members=4", "compute.engine=here"]
    return pipeline.train("digits", tmp_path_factory.mktemp("healthy") / "s", overrides=overrides)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, subprocess.CompletedProcess[str]]:
    """Four members, of which the second diverges; all analyses, as a user runs them."""
    out = tmp_path_factory.mktemp("diverged") / "s"
    settings = [*WHOLE, *network("exploding", 1), "train.members=4"]
    done = modescape("run", "digits", "--out", str(out), "--engine", "processes", *with_set(settings))
    return Study.open(out), done


def says_who_diverged(study: Study) -> None:
    assert [member.status for member in study.members] == ["trained", "diverged", "trained", "trained"]
    assert study.trained == [0, 2, 3]
    assert study.member(1).message == "the training loss or the weights were not finite in epoch 1"
    assert study.member(1).epochs_done == 1
    assert json.loads((study.path / "members/001/state.json").read_text())["status"] == "diverged"


def without_hash(study: Study, *members: int) -> list[bytes]:
    """Checkpoints without the recipe's hash, which depends on the factory's argument."""
    files = [file for member in members for file in sorted((study.path / f"members/{member:03d}").glob("epoch-*"))]
    assert len(files) == 3 * len(members)
    return [file.read_bytes().replace(study.recipe_hash.encode(), b"") for file in files]


def test_the_others_of_a_diverged_member_are_untouched_here(healthy, tmp_path):
    overrides = [*SMALL, *network("exploding", 1), "train.members=4", "compute.engine=here"]
    heard = Hearing()
    study = pipeline.train("digits", tmp_path / "s", overrides=overrides, progress=heard)
    says_who_diverged(study)
    assert without_hash(study, 0, 2, 3) == without_hash(healthy, 0, 2, 3)
    assert [line for line in heard.lines if "diverged" in line] == [
        "member 1 diverged: the training loss or the weights were not finite in epoch 1; the analyses leave it out"
    ]


def test_the_others_of_a_diverged_member_are_untouched_in_processes(healthy, diverged):
    study, _ = diverged
    says_who_diverged(study)
    assert without_hash(study, 0, 2, 3) == without_hash(healthy, 0, 2, 3)


def test_the_others_of_a_diverged_member_are_untouched_in_a_stack(tmp_path):
    common = [*SMALL, "train.members=4", "compute.engine=here"]
    with stacked([4]):
        whole = pipeline.train("digits", tmp_path / "whole", overrides=[*common, *network("exploding")])
        study = pipeline.train("digits", tmp_path / "s", overrides=[*common, *network("exploding", 1)])
    assert {member.group for member in study.members} == {(0, 4)}
    says_who_diverged(study)
    assert without_hash(study, 0, 2, 3) == without_hash(whole, 0, 2, 3)


def test_a_run_with_a_diverged_member_is_done_and_warns(diverged):
    _, done = diverged
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("member 1 diverged")]
    assert warnings == [
        "member 1 diverged: the training loss or the weights were not finite in epoch 1; the analyses leave it out"
    ]
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_analysis_leaves_a_diverged_member_out_and_says_so(diverged, name):
    """In the result, both figures, the saved page and the report; and the numbers are not affected by it."""
    study, _ = diverged
    result = study.result(name)
    assert "not_enough" not in result.attrs
    why = "member 1: diverged at epoch 1"
    assert why in result.attrs["left_out"]
    for coordinate in ("member", "other_member"):
        if coordinate in result.coords:
            assert 1 not in result[coordinate].values
    for key, values in result.data_vars.items():
        # NaN: too few epochs for the end of the loss curves, too few members for intervals of rank correlations
        few = key in ("end_change", "trend", "correlation_low", "correlation_high")
        assert few or np.isfinite(values).any(), key
    assert why in figures.caption(name, result)
    if name in NAMES[::5]:  # a sample is enough: all captions come from one function
        texts = [text.get_text() for text in figures.draw(name, result).findobj(Text)]
        assert why in " ".join(" ".join(texts).split())
    assert why in study.figure_path(name, "html").read_text()
    page = (study.path / "report.html").read_text()
    lead = ANALYSES[name].told_with or name
    section = page.partition(f'<details class="analysis wide" id="{lead}"')[2].partition('<details class="analysis')[0]
    assert section.count(f"Left out: {why}") >= (2 if lead == name else 4)  # under each figure, and beside its n
    assert "<li>member 1: diverged (<bdi>the training loss or the weights were not finite in epoch 1" in page


def in_order(result: xr.Dataset) -> xr.Dataset:
    """Methods by name, as which one is the best, and used within all members, may differ."""
    if "approach" not in result.coords:
        return result
    names = [str(name).partition(" + ")[0] + " +" * (" + " in str(name)) for name in result["approach"].values]
    return result.assign_coords(approach=names).sortby("approach")


@pytest.mark.long
def test_numbers_of_the_healthy_are_those_of_a_study_of_three(diverged, tmp_path):
    """Three healthy members give the same shapes and gaps: no NaN comes from the diverged member."""
    study, _ = diverged
    names = [name for name in NAMES if name not in VARIANTS]
    overrides = [*WHOLE, *network("exploding"), "train.members=3", "compute.engine=here"]
    with no_figures():
        three = pipeline.run("digits", tmp_path / "s", overrides=[*overrides, f"analyses=[{', '.join(names)}]"])
    for name in names:
        found, like = in_order(study.result(name)), in_order(three.result(name))
        assert dict(found.sizes) == dict(like.sizes), name
        for key, values in found.data_vars.items():
            if (name, key) in (("calibration", "confidence"), ("calibration", "accuracy")):
                assert np.array_equal(np.isnan(values), found["share"] == 0)  # empty bins
            elif (name, key) == ("diversity_plane", "lower"):  # NaN where the baseline is less accurate
                assert not np.isnan(values).all()
            else:
                assert np.array_equal(np.isnan(values), np.isnan(like[key])), (name, key)
    for name in VARIANTS:
        expected = {"randomness": set(), "cyclic": {"jensen_shannon", "accuracy", "diversity"}}[
            name
        ]  # NaN for the long run, and as padding
        result = study.result(name)
        gaps = {key for key, values in result.data_vars.items() if np.isnan(values).any()}
        assert gaps <= expected, name
    cyclic = study.result("cyclic")
    alone = ["long run"]
    assert [str(method) for method in cyclic["approach"].values[np.isnan(cyclic["jensen_shannon"])]] == alone


# ---- something raises ----


@pytest.mark.parametrize("engine", ["here", pytest.param("processes", marks=pytest.mark.long)])
def test_a_factory_that_raises_for_one_member(tmp_path, engine):
    settings = [*SMALL, *network("refusing", 2), "train.members=3", "analyses=[training, ensemble_size]"]
    done = (called if engine == "here" else modescape)(
        "run", "digits", "--out", str(tmp_path / "s"), "--engine", engine, *with_set(settings)
    )
    why = "member 2, training: model.factory 'faults.networks:refusing' failed: ValueError: no such network"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        f"modescape: {why}",
        "The others are done; the same command tries these again.",
    ]
    assert "Traceback" not in done.stderr
    study = Study.open(tmp_path / "s")
    assert [member.status for member in study.members] == ["trained", "trained", "failed"]
    assert study.result("ensemble_size").attrs["left_out"] == "member 2: failed after epoch 0"
    assert "ValueError: no such network" in (study.path / "report.html").read_text()


@pytest.mark.long
def test_the_traceback_is_shown_when_asked_for(tmp_path):
    settings = [*SMALL, *network("refusing", 1), "train.members=2", "analyses=[training]"]
    out = ["--out", str(tmp_path / "s"), "--engine", "processes", "--quiet"]
    done = modescape("--debug", "run", "digits", *out, *with_set(settings))
    assert done.returncode == 1
    assert 'raise ValueError("no such network")' in done.stderr  # the worker's traceback
    assert "WorkError: member 1, training: model.factory" in done.stderr


def test_a_factory_that_raises_for_one_member_of_a_stack(tmp_path):
    """Members 1 and 2, the second and the first of a pair: their neighbours are trained to the same bytes."""
    common = [*SMALL, "train.members=6", "compute.engine=here"]
    heard = Hearing()
    broken = [*common, *network("refusing", 1, 2, 4, 5)]
    with stacked([2]):
        whole = pipeline.train("digits", tmp_path / "whole", overrides=[*common, *network("refusing")])
        study = pipeline.train("digits", tmp_path / "s", overrides=broken, progress=heard)
    assert study.trained == [0, 3]
    assert without_hash(study, 0, 3) == without_hash(whole, 0, 3)
    why = "model.factory 'faults.networks:refusing' failed: ValueError: no such network"
    assert [line for line in heard.lines if "training" in line] == [
        f"member {n}, training: {why}" for n in (1, 2, 4, 5)
    ]
    assert pipeline.failures(study) == [f"member {n}, training: {why}" for n in (1, 2, 4, 5)]


def test_a_factory_that_raises_for_the_first_member_writes_nothing(tmp_path):
    settings = [*SMALL, *network("refusing", 0), "train.members=2"]
    done = called("run", "digits", "--out", str(tmp_path / "s"), *with_set(settings))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "modescape: member 0, initialisation: model.factory 'faults.networks:refusing' failed: "
        "ValueError: no such network"
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_dataset_that_raises_writes_nothing(tmp_path, monkeypatch):
    from modescape.data import sources

    def digits():
        raise RuntimeError("row 3 cannot be decoded")

    monkeypatch.setattr(sources, "digits", digits)  # loading the embedded images never fails
    message = "data.source 'digits' cannot be loaded: RuntimeError: row 3 cannot be decoded"
    with pytest.raises(InputError, match=message):
        pipeline.run("digits", tmp_path / "s", overrides=[*SMALL, "compute.engine=here"])
    assert not (tmp_path / "s").exists()


def test_a_dataset_that_raises_in_a_worker_names_member_and_stage(tmp_path, monkeypatch):
    """The dataset exists when the run starts, and is gone when a worker reads it."""
    from modescape import data

    load = data.load

    def lost(*arguments):
        raise InputError("data.source 'digits' cannot be loaded: OSError: the disk is gone")

    # a disk that is lost during a run
    monkeypatch.setattr(data, "load", lambda *a, **named: load(*a, **named) if begun(a) else lost())
    calls: list[int] = []

    def begun(arguments) -> bool:
        calls.append(1)
        return len(calls) == 1

    heard = Hearing()
    overrides = [*SMALL, "train.members=2", "compute.engine=here"]
    with pytest.raises(WorkError, match=r"no member of .* could be trained: data.source 'digits' cannot be loaded"):
        pipeline.run("digits", tmp_path / "s", overrides=overrides, progress=heard)
    why = "data.source 'digits' cannot be loaded: OSError: the disk is gone"
    assert [f"member {member}, training: {why}" for member in (0, 1)] == [
        line for line in heard.lines if "training:" in line
    ]


@pytest.mark.parametrize("engine", ["here", "processes"])
def test_a_step_that_raises_costs_its_member_only(tmp_path, engine):
    heard = Hearing()
    overrides = [*SMALL, *network("touchy", 1), "train.members=3", f"compute.engine={engine}"]
    study = pipeline.train("digits", tmp_path / "s", overrides=overrides, progress=heard)
    assert study.trained == [0, 2]
    assert "member 1, training: ArithmeticError: a step went wrong" in heard.lines
    assert study.member(1).message == "ArithmeticError: a step went wrong"


def test_a_prediction_that_raises_costs_its_member_only(tmp_path, monkeypatch):
    state = Study.state

    def raising(self, member, epoch):
        if member == 1:
            raise ArithmeticError("no prediction")
        return state(self, member, epoch)

    overrides = [*SMALL, "train.members=3", "compute.engine=here", "analyses=[training]"]
    with monkeypatch.context() as patch:
        patch.setattr(Study, "state", raising)  # the first step of a prediction, and the only one that reads files
        with pytest.raises(WorkError) as error:
            pipeline.run("digits", tmp_path / "s", overrides=overrides)
    assert str(error.value) == "member 1, prediction: ArithmeticError: no prediction"
    made = sorted((tmp_path / "s/predictions.zarr/test/log_prob/c").iterdir())
    assert [path.name for path in made] == ["0", "1", "2", "6", "7", "8"]  # predictions of members 0 and 2
    study = pipeline.run("digits", tmp_path / "s", overrides=overrides)
    assert len(study.predictions("test")) == 9
    assert study.has_result("training")


def test_work_that_raises_in_prediction_and_in_analysis_ends_plainly(tmp_path):
    out = str(tmp_path / "s")
    flag = tmp_path / "raise"
    settings = [*SMALL, *network("touchy"), "train.members=2", "analyses=[subspace_scales, training]"]
    settings += ["data.validation=30"]
    command = ["digits", "--out", out, "--engine", "processes", "--quiet", *with_set(settings)]
    environment = {"MODESCAPE_TEST_RAISE": str(flag)}
    pipeline.train("digits", out, overrides=[*settings, "compute.engine=here"])
    flag.touch()
    done = modescape("run", *command, **environment)
    said = [line for line in done.stderr.splitlines() if not line.startswith("importing ")]
    assert (done.returncode, said) == (1, [
        "modescape: member 0, prediction: ArithmeticError: a prediction went wrong",
        "member 1, prediction: ArithmeticError: a prediction went wrong",
    ])  # fmt: skip
    assert "Not analysed yet" in (tmp_path / "s/report.html").read_text()
    flag.unlink()
    pipeline.run("digits", out, overrides=[*settings, "analyses=[]", "compute.engine=here"])
    flag.touch()
    done = modescape("run", *command, "--debug", **environment)
    why = "subspace_scales, analysis: ArithmeticError: a prediction went wrong"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"modescape.errors.WorkError: {why}"
    assert 'raise ArithmeticError("a prediction went wrong")' in done.stderr  # the worker's traceback
    assert Study.open(out).has_result("training")


def test_networks_of_an_analysis_that_failed_are_tried_again(tmp_path, monkeypatch):
    """A failure there is not stored as a result."""
    from modescape.pipeline import training

    train = training.train_task
    overrides = [*SMALL, "train.members=1", "compute.engine=here", "analyses=[cyclic]", "variants.epochs=1"]
    overrides += ["variants.cycles=2", "variants.train=60", "variants.long_runs=0"]

    def failing(context, task, report):
        if context.study.path.name == "cyclic-long-run":
            raise ArithmeticError("no cycle")
        return train(context, task, report)

    with monkeypatch.context() as patch, no_figures():
        patch.setattr(training, "train_task", failing)  # training fails for one kind of network only
        study = pipeline.run("digits", tmp_path / "s", overrides=overrides)
    assert "there are none of 'long run'" in study.result("cyclic").attrs["not_enough"]
    assert pipeline.failures(study) == [
        f"cyclic-long-run: member {member}, training: ArithmeticError: no cycle" for member in (0, 1)
    ]
    study = pipeline.run("digits", tmp_path / "s", overrides=overrides)
    assert "not_enough" not in study.result("cyclic").attrs
    assert pipeline.failures(study) == []


# ---- fewer than two healthy members ----

NEED_TWO = {  # analysis -> its message for a study of one member
    "solution_similarity": "the similarity of solutions needs 2 trained members or more; this study has 1",
    "member_predictions": "the comparison of members example by example needs 2 trained members or more; this study "
    "has 1",
    "connectivity": "the matrix of barriers between solutions needs 2 trained members or more; this study has 1",
    "cka": "the similarity of layers needs 2 trained members or more; this study has 1",
    "radial": "the radial cut needs 2 trained members or more; this study has 1",
    "tunnel": "a tunnel between solutions needs 2 trained members or more; this study has 1",
}


def test_with_one_healthy_member_those_that_need_two_say_so(tmp_path):
    names = [name for name in NAMES if name not in VARIANTS]
    overrides = [*WHOLE, *network("exploding", 1), "train.members=2", "compute.engine=here", "train.epochs=3"]
    with no_figures():
        study = pipeline.run("digits", tmp_path / "s", overrides=[*overrides, f"analyses=[{', '.join(names)}]"])
    assert study.trained == [0]
    page = (study.path / "report.html").read_text()
    said = {name: study.result(name).attrs["not_enough"] for name in names if "not_enough" in study.result(name).attrs}
    assert said == NEED_TWO
    for sentence in said.values():
        assert f"Not shown: <bdi>{sentence}" in page
    for name in set(names) - set(NEED_TWO):
        assert "member 1: diverged at epoch 1" in study.result(name).attrs["left_out"]


def test_with_no_healthy_member_every_analysis_says_so(tmp_path):
    settings = [*WHOLE, *network("exploding", 0, 1), "train.members=2"]
    done = called("run", "digits", "--out", str(tmp_path / "s"), "--engine", "here", *with_set(settings))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"modescape: no member of '{tmp_path / 's'}' could be trained: "
        "the training loss or the weights were not finite in epoch 1"
    )
    assert "Traceback" not in done.stderr
    study = Study.open(tmp_path / "s")
    page = (study.path / "report.html").read_text()
    for name in NAMES:
        sentence = study.result(name).attrs["not_enough"]
        assert "this study has none" in sentence or "none of those members is trained" in sentence
        assert f"Not shown: <bdi>{markupsafe.escape(sentence)}" in page
    assert not (study.path / "variants").exists()
