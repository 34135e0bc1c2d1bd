"""Faults, line 5: code that a recipe names: reading a study does not import it, training says so first."""

import subprocess
import sys

import pytest
import yaml

from modescape import recipe as recipes
from modescape.errors import InputError
from modescape.models import build
from modescape.named import foreign_module
from modescape.recipe import Model
from modescape.study import Study

from .hostile import change_json, copied, modescape, plain_error

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

EVIL = """
import pathlib
pathlib.Path(__file__).with_name("imported").write_text("")
from torch import nn
def make(image_shape, num_classes):
    print("made", flush=True)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module that prints when it is imported."""
    (tmp_path / "evil_module.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_factory(study, factory, **arguments):
    values = yaml.safe_load((study / "study.yaml").read_text())
    values["model"] = {"factory": factory, "arguments": arguments}
    (study / "study.yaml").write_text(yaml.safe_dump(values))
    # as an attacker would: the hash matches the recipe, so that it is not the reason to refuse
    fingerprint = Study.open(study).manifest["fingerprint"]
    recipe_hash = recipes.load(study / "study.yaml").content_hash(fingerprint)
    change_json(study / "manifest.json", recipe_hash=recipe_hash)


LOOK = """
import sys
from modescape.cli import cli
from modescape.study import Study
study = Study.open("study")
study.members, study.trained, study.recipe, study.result("confusion"), study.figure("confusion")
study.predictions("test").log_prob(0)
assert "evil_module" not in sys.modules
for words in (["status", "study"], ["status", "--verify", "study"], ["report", "study"], ["recipes"]):
    try:
        cli.main(words, standalone_mode=False)
    except SystemExit:
        pass
    assert "evil_module" not in sys.modules, words
print("LOOKED")
"""


@pytest.mark.parametrize("factory", ["evil_module:make", "os:system"])
def test_looking_at_a_study_imports_nothing_of_its_recipe(folder, factory):
    copied(folder)
    set_factory(folder / "study", factory, command="touch hit")
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "LOOKED" in done.stdout
    assert "evil_module" not in done.stderr
    assert not (folder / "imported").exists()
    assert not (folder / "hit").exists()
    (folder / "study" / "report.html").unlink()


@pytest.mark.parametrize("quiet", [pytest.param([], marks=pytest.mark.long), ["--quiet"]])
def test_training_says_what_it_is_about_to_import(folder, quiet):
    settings = ["--set=train.members=1", "--set=train.epochs=1", "--set=data.train=20", "--engine=here"]
    words = ["train", "digits", "--set=model.factory=evil_module:make", *settings, *quiet]
    # one stream: the line comes before the module's output
    done = modescape(*words, gigabytes=32, seconds=60)
    line = "importing 'evil_module' for model.factory 'evil_module:make' (code of the recipe, not of modescape)"
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(line) == 1
    assert (folder / "imported").exists()
    (folder / "imported").unlink()
    (folder / "evil_module.py").write_text("raise SystemError('imported')")
    done = modescape("run", "digits", "--out", "new", "--set=model.factory=evil_module:make", *settings, gigabytes=32)
    assert done.returncode == 2
    assert done.stderr.index(line) < done.stderr.index("cannot import 'evil_module' (SystemError: imported)")


def test_a_function_that_gives_the_examples_is_named_before_it_is_imported(folder):
    (folder / "evil_module.py").write_text("raise SystemError('imported')")
    done = modescape("run", "table", "--set=data.inputs=tree", "--set=data.source=evil_module:load", gigabytes=32)
    line = "importing 'evil_module' for data.source 'evil_module:load' (code of the recipe, not of modescape)"
    assert done.returncode == 2
    assert done.stderr.index(line) < done.stderr.index("cannot import 'evil_module' (SystemError: imported)")


def test_analysing_says_so_too(folder):
    copied(folder)
    set_factory(folder / "study", "evil_module:make")
    done = modescape("analyse", "study", "confusion", "--engine", "here", "--quiet", gigabytes=32, seconds=60)
    assert "importing 'evil_module' for model.factory 'evil_module:make'" in done.stderr


def test_built_in_networks_are_no_news():
    assert foreign_module("small_cnn") is foreign_module("modescape.models.cnn:small_cnn") is None
    assert foreign_module("os:system") is None  # it is refused, hence never imported
    assert foreign_module("unknown") is None
    assert foreign_module("a.b:c.d") == "a.b"


def test_a_command_is_not_run(folder):
    words = ["--set=model.factory=os:system", "--set=model.arguments={command: touch hit}", "--engine=here"]
    done = modescape("train", "digits", *words, gigabytes=32, seconds=60)
    plain_error(
        done, 2, "model.factory 'os:system' belongs to Python's standard library, expected a Python function or class"
    )
    assert list(folder.iterdir()) == [folder / "evil_module.py"]


REFUSED = {
    "os:system": "standard library",
    "builtins:eval": "standard library",
    "subprocess:Popen": "standard library",
    "shutil:rmtree": "standard library",
    "torch:os.system": "is a builtin function",
    "torch:os.popen": "standard library",
    "torch.serialization:shutil.rmtree": "standard library",
    "modescape.cli:sys.exit": "is a builtin function",
    "torch:Tensor": "is the class Tensor",
    "pathlib:Path": "standard library",
    "numpy:ndarray": "is the class ndarray",
    "modescape:study": "is of type module",
}


@pytest.mark.parametrize("factory", REFUSED)
def test_what_makes_no_network_is_not_called(factory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"model.factory '{factory}'.*{REFUSED[factory]}"):
        build(Model(factory=factory, arguments={"command": "touch hit"}), (1, 8, 8), 10, 0)
    assert list(tmp_path.iterdir()) == []
