"""The registry: each analysis has one folder and one line, and is named nowhere else."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from modescape import analyses, recipe, results
from modescape.analyses import ANALYSES, OFFERED, PARTS, loading
from modescape.analyses.analysis import THEMES
from modescape.analyses.costs import Cost, Sizes, cost_of
from modescape.analyses.sampled_costs import draws
from modescape.errors import InputError
from modescape.runtime import one_thread_environment
from modescape.wording.head import Part
from modescape.wording.summary import Summary
from modescape.wording.text import Text

SOURCE = Path(analyses.__file__).parents[1]
MORE = {"verdict", "cost", "auxiliary", "explore"}
OTHER_MEANINGS = {  # names of analyses that are also words with another meaning
    "training": "a member's status, a stage, a benchmark, a mode of a network, where networks of a method come from, "
    "what a candidate of the decision costs",
    "cyclic": "a kind of schedule",
    "shift": "a setting of the data",
    "ood": "a setting of the data",
    "calibration": "an option of exports, and what a model card and the answer of a decision say of them; a term of "
    "the glossary",
    "tunnel": "a term of the glossary",
}
WHERE = {  # files in which they have that meaning
    *(f"{file}.py training" for file in ("bench/__init__", "bench/training", "data/tables", "data/targets", "methods")),
    "models/state.py training",
    *(f"pipeline/{file}.py training" for file in ("estimate", "mending", "training", "writing")),
    *(
        "study/layout.py training",
        "study/offering.py training",
        "recipe/loading.py cyclic",
        "recipe/training.py cyclic",
    ),
    *("data/shift.py shift", "recipe/identity.py shift", "recipe/identity.py ood", "data/unlike.py ood"),
    *("decision/labelled.py training", "pipeline/deciding.py training", "pipeline/deciding.py calibration"),
    *("pipeline/model_card.py calibration", "pipeline/model_card.py training", "cli/export.py calibration"),
    *("wording/glossary.py calibration", "wording/glossary.py tunnel"),
}


@pytest.fixture(params=ANALYSES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_folder_has_its_line_and_every_line_its_folder():
    folders = {path.parent.name for path in (SOURCE / "analyses").glob("*/measure.py")}
    assert folders == set(ANALYSES)
    assert all(one.where == f"modescape.analyses.{name}" for name, one in ANALYSES.items())


def test_a_folder_holds_what_its_line_says(name: str):
    one = ANALYSES[name]
    files = {path.stem for path in (SOURCE / "analyses" / name).glob("*.py")}
    assert set(PARTS) <= files
    assert files & MORE == set(one.also)
    assert set(one.needs) <= set(OFFERED)
    assert one.needs
    with pytest.raises(FrozenInstanceError):
        one.quick = True  # type: ignore[misc]


def test_every_part_is_of_its_shape(name: str):
    one = ANALYSES[name]
    example = one.part("example").example(2, 3)
    results.validate(example)
    taken, *settings = inspect.signature(one.part("measure").measure).parameters.values()
    assert taken.name == ("context" if analyses.NETWORK in one.needs else "offered")
    assert all(setting.kind is setting.KEYWORD_ONLY for setting in settings)
    words = one.part("words")
    assert isinstance(words.TEXT, Text)
    assert isinstance(words.summarize(example), Summary)
    assert "approach" not in words.summarize(example).header  # the page says "method"
    drawn = vars(one.part("draw"))
    assert callable(drawn["caption"])
    assert callable(drawn["describe"])
    if "verdict" in one.also:
        assert one.part("verdict").verdict({}) is not None
        assert isinstance(one.part("verdict").verdict({name: example}), Part)
    if "auxiliary" in one.also:
        wanted = one.part("auxiliary").auxiliary(recipe.load("digits"), 100)
        assert all(isinstance(own, recipe.Recipe) for own in wanted.values())


def test_what_an_analysis_costs_follows_from_its_line(name: str):
    sizes = Sizes(recipe.load("digits"), 10, 1000, 100, 400)
    cost = cost_of(name, sizes)
    assert isinstance(cost, Cost)
    assert (cost == Cost()) == ("cost" not in ANALYSES[name].also)
    runs = analyses.NETWORK in ANALYSES[name].needs or analyses.AVERAGED in ANALYSES[name].uses
    if not runs and not draws(sizes, name):
        assert cost.images == cost.steps == 0


def test_parts_of_the_recipe_that_are_used_are_parts_of_a_recipe(name: str):
    values = recipe.load("digits").model_dump(mode="json")
    for part in ANALYSES[name].uses:
        for key, inner in part.items():
            assert key in values
            assert inner is True or set(inner) <= set(values[key])


def test_a_line_has_the_parts_of_the_recipe_that_its_networks_are_predicted_on(name: str):
    """Otherwise a change of them would not make its result outdated."""
    measure, uses = ANALYSES[name].part("measure"), ANALYSES[name].uses
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(inspect.getsource(measure)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert ("shifted" in calls) == (analyses.SHIFTED in uses)
    assert ("other" in calls) == (analyses.OTHER in uses)
    assert not hasattr(measure, "draws") or analyses.AROUND in uses


@pytest.mark.parametrize("name", ANALYSES)
def test_settings_that_are_read_in_a_folder_make_its_result_anew(name: str):
    """Settings a folder reads beside those of training must be declared, or an outdated result would be kept."""
    files = (SOURCE / "analyses" / name).rglob("*.py")
    texts = [file.read_text(encoding="utf-8") for file in files if file.stem != "cost"]
    read = {tuple(found) for text in texts for found in re.findall(r"recipe\.(subspace|variants)\.(\w+)", text)}
    used = [(section, fields) for part in ANALYSES[name].uses for section, fields in part.items()]
    for section, field in read:
        if field != "members" or section != "variants":  # `variants.members` counts as a setting of training
            assert any(part == section and (fields is True or field in fields) for part, fields in used), field


def test_every_theme_has_analyses_and_every_analysis_a_theme():
    assert {one.theme for one in ANALYSES.values()} == set(THEMES)


def test_an_analysis_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no analysis 'tnse'; did you mean 'tsne'"):
        analyses.defaults("tnse")


def strings(text: str) -> set[str]:
    return {
        node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and type(node.value) is str
    }


def test_nothing_outside_the_registry_names_an_analysis():
    named = set()
    for path in SOURCE.rglob("*.py"):
        file = path.relative_to(SOURCE).as_posix()
        if not file.startswith("analyses/"):
            text = path.read_text(encoding="utf-8")
            named |= {f"{file} {name}" for name in strings(text) & set(ANALYSES)}
            named |= {f"{file} imports {name}" for name in ANALYSES if f"modescape.analyses.{name}" in text}
    assert named - WHERE == set()
    assert {where.split()[1] for where in WHERE} <= set(OTHER_MEANINGS)


def test_within_the_room_of_analyses_the_kit_names_none_either():
    named = {
        f"{path.name} {name}"
        for path in (SOURCE / "analyses").glob("*.py")
        for name in strings(path.read_text(encoding="utf-8")) & set(ANALYSES)
        if path.name != "registry.py"
    }
    # other meanings: a member's status; a kind of images, settings of the data; a kind of schedule
    assert named <= {
        *("requirements.py training", "image_sets.py shift", "sampled.py shift", "auxiliary.py cyclic"),
        *("analysis.py shift", "analysis.py ood"),
    }


def test_a_folder_imports_and_names_no_other_analysis(name: str):
    """Shared code is in the kit; a verdict finds other results by their variables (`reading.holding`)."""
    others = set(ANALYSES) - {name}
    for path in (SOURCE / "analyses" / name).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        imported = {other for other in others if re.search(rf"modescape\.analyses\.{other}\b", text)}
        assert (path.name, imported) == (path.name, set())
        assert (path.name, strings(text) & (others - set(OTHER_MEANINGS))) == (path.name, set())
        assert not re.search(rf"""results(\.get\(|\[)["']({"|".join(others)})["']""", text), path.name


def test_what_workers_are_forked_with_starts_no_thread():
    """A process that has used threads must not be forked: locks stay locked in the child."""
    wanted = loading.modules(["tsne", "no.module:of_others", "training"])
    assert {"modescape.analyses.tsne.measure", "modescape.analyses.training.draw"} <= {*wanted}
    assert loading.slow_modules(["tsne", "training"]) == ["xarray", "sklearn.manifold"]
    assert loading.modules([]) == loading.slow_modules([]) == []


@pytest.mark.ci
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux lists them")
def test_the_server_of_workers_has_one_thread():
    listed = ["modescape.pipeline.training", "modescape.pipeline.predicting", *loading.modules(None)]
    code = (
        "import importlib, os\n[importlib.import_module(one) for one in {}]\nprint(len(os.listdir('/proc/self/task')))"
    )
    with one_thread_environment():
        done = subprocess.run([sys.executable, "-c", code.format(listed)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
