"""Faults, line 1: after each stage the disk has the files that docs/durability.md promises, and no others."""

import re
from pathlib import Path

import pytest

from modescape import data, pipeline
from modescape.engines import make_engine
from modescape.methods import SCALED
from modescape.pipeline.predicting import predict_missing
from modescape.progress import Progress
from modescape.study import Study, verify
from modescape.study.predictions import CHECKPOINTS
from modescape.study.sampled import COLUMNS as SAMPLED

from .conftest import TINY

pytestmark = pytest.mark.faults

DRAWING = ["analyses=[training, ensemble_size, cyclic, decomposition]", "subspace.samples=2", "subspace.choosing=2"]
PAGE = Path(__file__).parents[2] / "docs" / "durability.md"
PLACES = {"member": r"\d{3}", "epoch": r"\d{3}", "split": "test|validation", "row": r"\d+", "name": r"[a-z-]+"}
WORDS = {
    "array": "|".join(("label", "log_prob", *CHECKPOINTS, *SAMPLED)),
    "analysis": "training|ensemble_size|cyclic|decomposition",
    "choice": "|".join((r"reach-\d+", *SCALED)),
    "set": "test",
}


def promised() -> dict[str, list[str]]:
    """Stage -> patterns of its files, from the first table of the document."""
    rows = re.findall(
        r"^\| ([a-z ]+) \| (.*) \|$", PAGE.read_text(encoding="utf-8").split("## What a crash costs")[0], re.M
    )
    found = {stage: re.findall(r"`([^`]+)`", text) for stage, text in rows if stage != "stage"}
    places = {**PLACES, **WORDS}
    return {
        stage: [re.sub(r"<(\w+)>", lambda place: f"({places[place[1]]})", re.escape(name)) for name in names]
        for stage, names in found.items()
    }


def files(study: Path) -> set[str]:
    """Names of all files except the lock."""
    return {str(path.relative_to(study)) for path in study.rglob("*") if path.is_file() and path.name != ".lock"}


def test_after_each_stage_the_files_are_those_of_the_page(tmp_path):
    settings, out = ["compute.engine=here", *TINY, *DRAWING], tmp_path / "study"
    table, seen = promised(), set()
    stages = ["begun", "training", "prediction", "networks of an analysis", "samples", "analysis", "page"]
    assert list(table) == stages

    def check(*stages: str) -> None:
        nonlocal seen
        names = [name for stage in stages for name in table[stage]]
        new, seen = files(out) - seen, files(out)
        own = {name for name in new if not name.startswith("variants/")}
        for name in own:
            assert any(re.fullmatch(pattern, name) for pattern in names), f"{name} is not promised after {stages}"
        for pattern in names:
            inner = pattern.startswith("variants/")
            found = any(re.match(pattern, name) if inner else re.fullmatch(pattern, name) for name in new)
            assert found, f"{pattern} is promised after {stages} and absent"
        assert verify(out) == []

    pipeline.train("digits", out, overrides=settings)
    check("begun", "training")
    study = Study.open(out)
    with study.lock(), make_engine("here", "cpu", 1) as engine:
        predict_missing(study, engine, Progress(), data.load(study.recipe.data, study.recipe.seed))
    check("prediction")
    pipeline.analyse(out)
    inside = [name.partition("/")[2].partition("/")[2] for name in files(out) if name.startswith("variants/")]
    patterns = [pattern for stage in ("begun", "training", "prediction") for pattern in table[stage]]
    assert all(any(re.fullmatch(pattern, name) for pattern in patterns) for name in inside)
    check("networks of an analysis", "samples", "analysis")
    pipeline.report(out)
    check("page")
