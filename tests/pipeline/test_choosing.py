"""Which recipe a run uses: built-in names, files, folders of studies; nothing shadows a name silently."""

from pathlib import Path

import pytest

from modescape import recipe as recipes
from modescape.data.ood import EMBEDDED
from modescape.errors import InputError
from modescape.pipeline.choosing import choose
from modescape.pipeline.quick import quick_recipe, quick_words
from modescape.recipe import BUILTIN_OOD, BUILTIN_SOURCES
from modescape.study import layout


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(folder: Path, *overrides: str) -> Path:
    """A folder with the recipe of a study, as an interrupted run leaves it."""
    folder.mkdir(parents=True)
    (folder / layout.RECIPE).write_text(recipes.load("digits", overrides).to_yaml())
    return folder


def test_the_folder_of_a_study_means_its_own_recipe_and_takes_overrides(here):
    begun(here / "s", "train.epochs=7", "train.members=2")
    for found in (choose("s", None), choose("./s", None), choose(Path("s"), None), choose(None, "s"), choose("s", "s")):
        assert (found.path, found.recipe.train.epochs, found.recipe.train.members) == (Path("s"), 7, 2)
    assert choose("s", None, ["train.members=5"]).recipe.train.members == 5


def test_without_a_study_a_name_means_a_recipe(here):
    assert choose(None, None).path == Path("studies/digits")
    assert choose(None, "new").recipe == recipes.load("digits")
    begun(here / "s", "train.epochs=7")
    assert choose("digits", "s").recipe.train.epochs == 40  # refused later, with the difference


def test_a_built_in_name_is_not_shadowed_without_a_word(here):
    begun(here / "digits", "train.epochs=7")
    found = choose("digits", None)
    assert found.recipe.train.epochs == 40
    assert found.lines == (
        "'digits' means the built-in recipe and images; the file or folder of that name here is written ./digits",
    )
    assert choose("./digits", None).recipe.train.epochs == 7
    assert choose(Path("digits"), None).recipe.train.epochs == 7
    assert choose("digits", "digits").lines == ()  # the study itself
    (here / "noise").touch()
    assert [line.split()[0] for line in choose("digits", None).lines] == ["'digits'", "'noise'"]
    assert tuple(EMBEDDED) == BUILTIN_OOD
    assert BUILTIN_SOURCES == ("digits",)


@pytest.mark.parametrize(
    ("recipe", "out", "quick", "sentence"),
    [
        ("empty", None, False, "holds no study"),
        ("nowhere/s", None, False, "there is nothing at 'nowhere/s'"),
        ("s", "other", False, "goes on where it is"),
        ("s", None, True, "was made without --quick"),
        ("digit", None, False, "did you mean 'digits'"),
    ],
)
def test_what_names_no_run_is_refused(here, recipe, out, quick, sentence):
    (here / "empty").mkdir()
    begun(here / "s")
    with pytest.raises(InputError, match=sentence):
        choose(recipe, out, quick=quick)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("s", "modescape run ./s"),
        ("-x", "modescape run ./-x"),
        ("a b/c", "modescape run 'a b/c'"),
        ("/tmp/s", "modescape run /tmp/s"),
        (".", "modescape run ."),
    ],
)
def test_the_command_that_goes_on_is_quoted_and_no_name(path, command):
    assert layout.run_again(Path(path)) == command
    assert layout.run_again(Path("s"), "train") == "modescape train ./s"


@pytest.mark.parametrize("name", recipes.builtin_names())
def test_quick_is_a_tenth_of_the_training_under_another_name(name):
    whole, small = recipes.load(name), quick_recipe(name)
    share = small.train.members * small.train.epochs / (whole.train.members * whole.train.epochs)
    assert share == pytest.approx(0.1, rel=0.2)
    assert small.name == f"{name}-quick"
    assert choose(name, None, quick=True).path == Path("studies") / small.name
    assert set(small.analyses or ()) - {"gradient_boosting", "member_predictions"} == {
        "training",
        "solution_similarity",
        "tsne",
        "equal_cost",
        "ensemble_size",
    }
    assert small.content_hash("data") != whole.content_hash("data")
    schedule, shortened = whole.train.schedule.model_dump(), small.train.schedule.model_dump()
    if "epochs" in schedule:  # plateaus keep their order, and the last one its factor
        assert schedule["factors"][-1] == shortened["factors"][-1]
        assert max(shortened["epochs"]) < small.train.epochs


def test_overrides_win_over_quick_and_the_words_follow(here):
    small = quick_recipe("digits", ["train.members=10", "analyses=[training, tunnel]", "name=mine"])
    assert (small.name, small.train.members, small.analyses) == ("mine", 10, ["training", "tunnel"])
    assert quick_words(small) == "A quick look (--quick): 10 of 40 epochs."
    few = quick_recipe("digits", ["train.members=2"])
    assert quick_words(few).startswith("A quick look (--quick): 10 of 40 epochs; without confusion, ")
    assert quick_words(recipes.load("digits")) == ""
    assert quick_recipe("digits", ["analyses=[shift]"]).analyses == ["shift"]
    own = here / "own.yaml"
    own.write_text("analyses: [shift]\ntrain: {members: 1, epochs: 3}\n")
    only = quick_recipe(own)
    assert (only.analyses, only.train.members, only.train.epochs) == (["shift"], 1, 2)
    begun(here / "q", "train.epochs=7")
    (here / "q" / layout.RECIPE).write_text(small.to_yaml())
    assert choose("q", None, quick=True).recipe == small  # continues the study
