"""Faults, line 7: two runs of a recipe on one machine give the same bytes: networks, results, figures, the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modescape import analyses
from modescape.study import Study

from .test_failing_members import WHOLE, with_set

pytestmark = pytest.mark.faults

SETTINGS = [*WHOLE, "train.members=2", "variants.members=2", "compute.workers=2"]
RUNS = {"once": 1, "again": 2}  # name -> PYTHONHASHSEED; test_crashes checks that both engines give the same
SOME = ["training", "ensemble_size", "tsne", "radial", "subspace_scales", "cyclic"]  # each kind of work once
CLOCKS = {"state.json", "history.csv"}  # contain durations, which are not compared


@pytest.fixture(
    scope="module",
    params=[pytest.param(SOME, id="some"), pytest.param(list(analyses.ANALYSES), id="all", marks=pytest.mark.long)],
)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Complete runs of one recipe, each in a process of its own with another hash seed."""
    folder = tmp_path_factory.mktemp("runs")
    started = {}
    for number, (name, seed) in enumerate(RUNS.items()):
        out = folder / f"run {number}"
        command = [sys.executable, "-m", "modescape", "run", "digits", "--quiet", "--out", str(out)]
        command += ["--engine", "processes", *with_set([*SETTINGS, f"analyses=[{', '.join(request.param)}]"])]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        started[name] = out, subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    for _, process in started.values():
        assert process.wait(timeout=500) == 0
    return {name: out for name, (out, _) in started.items()}


def files(study: Path) -> set[str]:
    return {path.relative_to(study).as_posix() for path in study.rglob("*") if path.is_file() and path.name != ".lock"}


def without_clock(path: Path) -> object:
    """The content of a file without its timings."""
    if path.name == "state.json":
        return {**json.loads(path.read_bytes()), "timings": None, "history_checksum": None, "sha256": None}
    if path.name == "history.csv":
        header, *rows = [line.split(",") for line in path.read_text().splitlines()]
        assert header[-1] == "seconds"
        return [header, *(row[:-1] for row in rows)]
    return path.read_bytes()


@pytest.mark.timeout(600)
def test_a_study_is_whole(runs):
    study = Study.open(runs["once"])
    assert study.trained == [0, 1]
    assert all("not_enough" not in study.result(name).attrs for name in study.recipe.analyses)
    found = files(study.path)
    assert len([name for name in found if name.endswith(".png")]) == len(study.recipe.analyses)
    assert (
        len([name for name in found if name.startswith("variants/") and name.endswith("epoch-001.safetensors")]) >= 10
    )


@pytest.mark.timeout(600)
def test_two_runs_give_the_same_bytes(runs):
    """Every file of the study, apart from durations."""
    one, other = runs["once"], runs["again"]
    names = files(one)
    assert names == files(other)
    differing = [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]
    assert {Path(name).name for name in differing} <= CLOCKS
    for name in differing:
        assert without_clock(one / name) == without_clock(other / name), name


@pytest.mark.timeout(600)
def test_nothing_is_said_of_other_bits_where_there_are_none(runs):
    assert "last bits" not in (runs["once"] / "report.html").read_text()
