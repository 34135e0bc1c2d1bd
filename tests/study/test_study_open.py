"""Creating and opening studies, refusals, and what opening imports."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

import modescape
from modescape.analyses import figures
from modescape.batches import InputShape
from modescape.errors import InputError
from modescape.keeping import kept_epochs
from modescape.study import Study, layout
from modescape.study.sealed import sealed_text


def test_a_study_is_what_was_put_in(study, recipe, manifest):
    again = Study.open(str(study.path))
    assert again.manifest == manifest
    assert list(again.manifest["model"]["parameters"]) == list(manifest["model"]["parameters"])
    assert again.recipe == recipe
    assert again.recipe_hash == manifest["recipe_hash"]
    assert [member.number for member in again.members] == [0, 1]
    assert {member.status for member in again.members} == {"missing"}
    assert again.trained == []
    assert again.kept(0) == []
    assert again.figure_path("tsne", "png") == study.path / "figures" / "tsne.png"
    assert pickle.loads(pickle.dumps(again)).recipe == recipe


def test_every_default_is_spelled_out(study, recipe):
    values = yaml.safe_load((study.path / "study.yaml").read_text(encoding="utf-8"))
    assert values == recipe.model_dump(mode="json")
    assert layout.read_recipe_values(study.path) == values


def test_provenance(study):
    assert study.provenance(examples=7, members=2, repeats=1) == {
        "recipe_hash": study.recipe_hash,
        "recipe_name": "small",
        "version": modescape.__version__,  # the version that measures, not the one that created the study ("9.9")
        "seed": 5,
        "examples": 7,
        "members": 2,
        "repeats": 1,
    }


def test_members_may_grow_and_nothing_else_may_change(study, recipe):
    grown = recipe.model_copy(update={"train": recipe.train.model_copy(update={"members": 5}), "analyses": None})
    study.update_recipe(grown)
    assert Study.open(study.path).recipe == grown
    assert study.recipe == grown
    assert len(study.members) == 5
    other = recipe.model_copy(update={"seed": 6})
    with pytest.raises(InputError, match="another recipe"):
        study.update_recipe(other)
    assert Study.open(study.path).recipe == grown


def test_no_second_study_in_one_folder(study, recipe, manifest):
    before = (study.path / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="is a study already"):
        Study.create(study.path, recipe, {**manifest, "seed": 6})
    assert (study.path / "manifest.json").read_bytes() == before


def test_an_incomplete_manifest_is_not_written(tmp_path, recipe, manifest):
    del manifest["model"]
    with pytest.raises(ValueError, match="lacks model"):
        Study.create(tmp_path / "s", recipe, manifest)
    assert not (tmp_path / "s").exists()


def test_a_folder_that_cannot_be_written(tmp_path, recipe, manifest):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot make the study .*Not a directory; choose a folder"):
        Study.create(tmp_path / "file" / "s", recipe, manifest)


def test_what_is_no_study_is_refused_in_plain_words(tmp_path, study):
    absent = tmp_path / "absent"
    made = f"there is no such folder; make one with: modescape run digits --out {absent}"
    with pytest.raises(InputError, match=made):
        Study.open(absent)
    with pytest.raises(InputError, match=r"is not a study: it has no manifest.json; make one with: modescape run"):
        Study.open(tmp_path)
    with pytest.raises(InputError, match="it is a file"):
        Study.open(study.path / "study.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged: it is not JSON"),
        (b"\xff\x00", "damaged: it is not JSON"),
        ("[1]", "holds list, expected an object"),
        ("{}", "damaged: its checksum does not match"),
        (sealed_text({}), "lacks version, format, recipe_hash"),
        (None, "has format 99, this modescape reads up to 1"),
    ],
)
def test_a_bad_manifest_is_refused(study, manifest, text, message):
    text = sealed_text({**manifest, "format": 99}) if text is None else text
    (study.path / "manifest.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        Study.open(study.path)


@pytest.mark.parametrize("text", ["a: [", "train: 3", "train: {members: many}", "", "\x00"])
def test_a_bad_recipe_is_refused(study, text):
    (study.path / "study.yaml").write_text(text)
    with pytest.raises(InputError, match=r"study.yaml' is damaged"):
        _ = Study.open(study.path).members


def test_a_missing_recipe_is_refused(study):
    (study.path / "study.yaml").unlink()
    with pytest.raises(InputError, match=r"cannot read .*study.yaml': No such file"):
        _ = study.members
    with pytest.raises(InputError, match=r"study.yaml"):
        _ = Study.open(study.path).recipe


def test_kept_epochs_are_the_rule_of_the_contract(recipe):
    assert recipe.kept_epochs(0) == [0, 1, 2, 3, 4]
    assert recipe.kept_epochs(1) == [0, 3, 4]
    assert kept_epochs(3, 2, 3, 10) == [0, 1, 2]
    assert kept_epochs(3, 40, 3, 10) == [0, *range(31, 41)]


def test_opening_and_status_import_nothing_heavy(study):
    code = """
import sys
from modescape.study import Study, summary
study = Study.open(sys.argv[1])
study.members, study.trained, study.kept(0), study.has_result("tsne")
with study.lock():
    pass
summary(sys.argv[1])
print([name for name in ("torch", "numpy", "xarray", "zarr", "pydantic", "h5py", "safetensors") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, study.path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_model_is_built_from_the_recipe(study, recipe, monkeypatch):
    from modescape.rng import key

    calls = []

    class Net:
        def eval(self):
            return "in evaluation mode"

    def build(*arguments):
        calls.append(arguments)
        return Net()

    # shows that the study builds the recipe's network
    monkeypatch.setitem(sys.modules, "modescape.models", SimpleNamespace(build=build))
    assert study.model() == "in evaluation mode"
    assert calls == [(recipe.model, InputShape.image((1, 8, 8)), 4, key(5, "initialisation", 0))]


def test_a_figure_is_drawn_from_its_result(study, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda name, dataset: (name, dataset))  # nothing needs to be drawn
    monkeypatch.setattr(study, "result", lambda name: f"result of {name}")  # no result is needed for it
    assert study.figure("tsne") == ("tsne", "result of tsne")
