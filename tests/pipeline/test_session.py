"""Networks and progress in a notebook: a session without a file, whose network other processes cannot import."""

import re
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.ci

SESSION = """
import sys, types
shell = types.SimpleNamespace(kernel=object())
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)  # as in the kernel of a notebook

import modescape as ms
from modescape.errors import InputError
from torch import nn

def make(image_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))

small = ["model.factory=__main__:make", "train.members=1", "train.epochs=2", "analyses=[]", "compute.workers=2"]
for engine in ("processes", "auto"):
    try:
        study = ms.run("digits", out="s", overrides=[*small, f"compute.engine={engine}"])
        print(engine, study.trained)
    except InputError as error:
        print(engine, error)

def make(image_shape, num_classes):  # another cell, the same names
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.Linear(7, num_classes))

import shutil
shutil.rmtree("s")
study = ms.run("digits", out="s", overrides=[*small, "compute.engine=here"])
print(list(study.params(0, 2)))
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("session")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SESSION)], capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert done.returncode == 0, done.stderr
    again = [sys.executable, "-m", "modescape"]
    status = subprocess.run([*again, "status", "s"], capture_output=True, text=True, cwd=folder, timeout=60)
    run = subprocess.run(
        [*again, "run", "s", "--set=train.members=2"], capture_output=True, text=True, cwd=folder, timeout=60
    )
    done.stdout += status.stdout + run.stderr
    assert run.returncode == 2
    return done


def test_a_network_of_a_cell_is_trained_here_and_refused_for_processes(session):
    assert "processes model.factory '__main__:make' is defined in this session" in session.stdout
    assert "use compute.engine=here" in session.stdout
    assert "auto [0]" in session.stdout
    assert "model.factory '__main__:make' is defined in this session: all work runs here" in session.stderr


def test_a_network_that_is_defined_anew_is_the_one_that_is_trained(session):
    assert "['1.weight', '1.bias', '2.weight', '2.bias']" in session.stdout


def test_progress_shows_in_a_notebook(session):
    assert "training  600 images in" in session.stderr
    assert re.search(r"training +\d+ %  member 0, epoch", session.stderr)  # the line that is updated
    assert "\x1b" not in session.stderr  # no cursor movement


def test_elsewhere_the_network_is_said_to_be_of_a_session(session):
    assert "this session defines no 'make'; define it before the run, or put it into a file" in session.stdout
