"""Faults, line 2: one study is killed repeatedly, in every stage and with both engines, and loses nothing.

After each kill the study opens, its status is that of its files, and what was finished is never done again; in the end
its weights, predictions, results and figures are bit-identical to those of an undisturbed run.
"""

import functools
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contents import contents, differences

from modescape import pipeline
from modescape.study import Study, layout, read_resume, summary, verify

from .conftest import TINY, settings
from .disk import Disk, Run

pytestmark = pytest.mark.faults

ANALYSES = ("training", "ensemble_size", "solution_similarity", "cyclic")  # enough to be killed between two of them
STUDY = ("train.members=4", "train.epochs=5", "train.keep_last=3", f"analyses=[{', '.join(ANALYSES)}]", *TINY[3:])
STAGES = {  # stage -> files that are written in it
    "training": ("members/",),
    "prediction": ("predictions.zarr/",),
    "networks of an analysis": ("variants/",),
    "analysis": ("results/", "figures/"),
    "page": (".report.html", "report.html"),
}
ENOUGH = 0.8  # share of kills that must take place: the rest wait for more operations than their stage has left
KILLS = [  # stage, engine, which process; applied to one study in this order
    *[("training", engine, whom) for engine in ("here", "processes") for whom in ("run", "run", "run", "run")],
    *[("training", "processes", "worker")] * 4,
    *[("prediction", "here", "run"), ("prediction", "processes", "run"), ("prediction", "processes", "worker")],
    *[("networks of an analysis", "processes", "run"), ("networks of an analysis", "processes", "worker")],
    *[("analysis", "processes", "run"), ("analysis", "processes", "worker"), ("analysis", "here", "run")] * 2,
    *[("page", "here", "run"), ("page", "processes", "run")],
]
FEW = [  # every stage once; each engine and each kind of process at least once
    *[("training", "processes", "worker"), ("prediction", "processes", "run")],
    *[("networks of an analysis", "processes", "worker"), ("analysis", "here", "run"), ("page", "here", "run")],
]
OTHERS = [("training", "here", "run"), ("training", "processes", "worker"), ("prediction", "processes", "run")]
OTHERS += [("analysis", "processes", "worker")]
SIZES = (
    "data.train=64",
    "data.test=60",
    "data.validation=40",
    "train.members=4",
    "train.epochs=5",
    "train.keep_last=3",
)
RECIPES = {  # other inputs, tasks and starts, with few examples and the analyses that all support
    "digits": STUDY,
    **dict.fromkeys(("table", "text", "diabetes"), (*SIZES, "analyses=[training, ensemble_size, solution_similarity]")),
}
RECIPES["finetune"] = (*RECIPES["table"], "train.batch_size=16")
OPERATIONS = {"training": 40, "prediction": 8, "networks of an analysis": 100, "analysis": 8, "page": 2}  # per stage


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Callable[[str], dict[str, str]]:
    """A function (recipe) -> contents of a study that ran without interruption, in this process."""

    @functools.cache
    def made(recipe: str) -> dict[str, str]:
        study = tmp_path_factory.mktemp("undisturbed") / "study"
        pipeline.run(recipe, study, overrides=["compute.engine=here", *RECIPES[recipe]])
        return contents(study)

    return made


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("recipe", "seed", "kills"),
    [
        pytest.param("digits", 0, FEW, id="few"),
        *(pytest.param("digits", n, KILLS, marks=pytest.mark.long, id=f"many-{n}") for n in range(3)),
        *(pytest.param(name, 0, OTHERS, marks=pytest.mark.long, id=name) for name in RECIPES if name != "digits"),
    ],
)
def test_kills_lose_nothing(undisturbed, disk, recipe, seed, kills):
    draw, study, done, killed = random.Random(seed), disk.root, {}, []
    for stage, engine, whom in kills:
        command = "train" if (stage, whom) == ("training", "worker") else "run"  # `train` ends after its stage
        run = disk.start(command, recipe, "--out", str(study), "--engine", engine, *settings(*RECIPES[recipe]))
        if strike(run, disk, stage, whom, draw):
            killed.append((stage, engine, whom))
        look_at(study)
        assert not_done_again(done, finished(study)) == []
        done = finished(study)
    assert len(killed) >= ENOUGH * len(kills), killed
    if kills is KILLS:  # if a kill comes too late, another hits the same stage
        assert {stage for stage, _, _ in killed} == set(STAGES)
    assert {(engine, whom) for _, engine, whom in killed} == {(engine, whom) for _, engine, whom in kills}
    code, text = disk.run("run", recipe, "--out", str(study), *settings(*RECIPES[recipe]))
    assert code == 0, text
    assert not_done_again(done, finished(study)) == []
    assert differences(contents(study), undisturbed(recipe)) == []
    assert verify(study) == []
    assert summary(study).complete


def strike(run: Run, disk: Disk, stage: str, whom: str, draw: random.Random) -> bool:
    """Kill the run, or the writing worker, at a random operation of a stage; whether the stage got that far."""
    number = 1 + draw.randrange(OPERATIONS[stage])
    disk.await_operation(STAGES[stage], number, spared=0 if whom == "run" else run.process.pid)
    if not run.held(disk):
        run.end()
        return False
    if whom == "run":
        run.process.send_signal(signal.SIGKILL)
        disk.set("held", 0)  # a held worker continues until it notices that the run is gone
        code, _ = run.kill()
        return code == -signal.SIGKILL
    os.kill(disk.get("held"), signal.SIGKILL)
    disk.set("held", 0)
    code, text = run.end()
    assert "Traceback" not in text
    return "died (killed by signal 9)" in text


def look_at(study: Path) -> None:
    """Check that the study opens, is sound, and that its status matches its files."""
    assert verify(study) == []
    status, opened = summary(study), Study.open(study)
    assert not status.complete or (study / "report.html").exists()
    for member in status.members:
        folder = layout.member_folder(study, member.number)
        files = {int(path.stem[6:]) for path in folder.glob("epoch-*.safetensors")}
        assert member.checkpoints == len(files & set(opened.recipe.kept_epochs(member.number)))
        resume = read_resume(opened, member.number)
        assert member.epochs_done <= (resume.epoch if resume else 0)
        assert (member.status == "trained") <= (member.checkpoints == member.expected_checkpoints)
    assert status.results == tuple(sorted(path.stem for path in (study / "results").glob("[a-z]*.nc")))
    for split, progress in status.predictions.items():
        rows = [{path.parts[-3] for path in one} for one in stored(study, split)]  # a regression stores two arrays
        assert progress.done == len(set.intersection(*rows) if rows else [])
        long = opened.recipe.train.trajectories  # members that keep all 6 checkpoints; the others keep 4
        there = [one.number for one in status.members if one.status != "failed"]
        assert progress.expected == sum(6 if number < long else 4 for number in there)


def stored(study: Path, split: str) -> list[list[Path]]:
    """The files with the rows of each existing array of predictions."""
    fields = [layout.chunk_folder(study, split, name) for name in ("log_prob", "mean", "log_variance")]
    return [list(field.glob("[0-9]*/0/0")) for field in fields if field.parent.is_dir()]


def finished(study: Path) -> dict[str, tuple[int, int]]:
    """Every file that a later run must not touch -> its inode and modification time."""
    opened, found = Study.open(study), []
    for folder in [study, *(study / "variants").glob("*")]:
        if (folder / layout.MANIFEST).exists():
            found += list(_safe_checkpoints(Study.open(folder)))
            found += [path for split in layout.SPLITS for rows in stored(folder, split) for path in rows]
    whole = all(member.status == "trained" for member in opened.members)  # otherwise results will change
    for name in opened.recipe.analyses if whole else []:
        figures = [opened.figure_path(name, suffix) for suffix in layout.FIGURE_SUFFIXES]
        if opened.has_result(name) and all(path.exists() for path in figures):
            found += [layout.result_path(study, name), *figures]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def _safe_checkpoints(study: Study) -> Iterator[Path]:
    """Checkpoints of finished epochs; the one in progress may be lost, and the start (epoch 0) is written again."""
    for number in layout.member_numbers(study.path):
        resume = read_resume(study, number)
        for epoch in study.kept(number):
            if resume is not None and 0 < resume.epoch >= epoch:
                yield layout.member_folder(study.path, number) / layout.checkpoint_name(epoch)


def not_done_again(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """Finished files that were deleted or written again."""
    return [path for path, about in before.items() if after.get(path) != about]
