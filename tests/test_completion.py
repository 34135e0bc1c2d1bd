"""Shell completion: recipes, studies and analyses are offered through click's protocol, without heavy imports."""

import contextlib
import os
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete

from modescape.analyses.registry import ANALYSES
from modescape.cli import cli, completing
from modescape.study import layout


def offered(*words: str) -> set[str]:
    *before, last = words
    completer = BashComplete(cli, {}, "modescape", "_MODESCAPE_COMPLETE")
    return {item.value for item in completer.get_completions(list(before), last) if item.type == "plain"}


@pytest.fixture
def folder(tmp_path):
    for name in ("studies/digits", "studies/wines", "elsewhere"):
        (tmp_path / name / "results").mkdir(parents=True)
        (tmp_path / name / "manifest.json").touch()
    (tmp_path / "studies/empty").mkdir()
    (tmp_path / "studies/digits/results/tsne.nc").touch()
    (tmp_path / "studies/digits/results/net-mine.nc").touch()
    with contextlib.chdir(tmp_path):
        yield


@pytest.mark.usefixtures("folder")
def test_what_is_offered():
    assert offered("run", "") >= {"digits", "cifar10-smallcnn", "studies/digits", "studies/wines", "elsewhere"}
    assert offered("run", "cifar10-s") == {"cifar10-smallcnn"}
    assert offered("status", "") == {"studies/digits", "studies/wines", "elsewhere"}
    assert offered("decide", "studies/d") == {"studies/digits"}
    assert offered("decide", "nowhere/") == set()
    assert offered("analyse", "studies/digits", "") == {*ANALYSES, "net-mine"}
    assert offered("figures", "studies/digits", "t") == {"tsne"}
    assert offered("recipes", "show", "dia") == {"diabetes"}
    assert offered("bench", "dig") == {"digits"}
    assert offered("run", "digits", "--engine", "p") == {"processes"}


def test_names_of_files_are_those_of_a_study():
    assert (completing.MANIFEST, completing.RESULTS) == (layout.MANIFEST, layout.RESULTS)


def test_bash_is_answered_by_the_program_itself():
    asked = {"_MODESCAPE_COMPLETE": "bash_complete", "COMP_WORDS": "modescape analyse x ts", "COMP_CWORD": "3"}
    code = (
        "import sys; from modescape.cli import main\ntry: main()\nfinally: print({'torch','numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    *names, heavy = done.stdout.splitlines()
    assert set(names) == {f"plain,{name}" for name in ANALYSES if name.startswith("ts")}
    assert heavy == "set()", "completing imports what takes seconds"
