"""Analyses of the user's own, ``package.module:analysis`` in a recipe's list."""

from __future__ import annotations

import importlib
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from charted import figure_of, of

from modescape import analyses, pipeline, recipe
from modescape.analyses import figures
from modescape.analyses.own import load
from modescape.errors import InputError, WorkError
from modescape.named import importable
from modescape.pipeline.reporting import page_content
from modescape.plain import file_name, is_name, is_own
from modescape.report.sections import parameters, text_of
from modescape.study import Study
from modescape.study.status import summary

SMALL = [
    *("train.members=2", "train.epochs=2", "train.trajectories=1", "data.train=60", "data.validation=20"),
    *("data.test=20", "model.arguments={channels: [4, 4, 8]}", "compute.engine=here"),
]
CODE = '''
"""Mine."""
from modescape.results import make_result


def norms(offered, *, power=2.0):
    """Lengths of the weights.

    The length of each member's weights,
    in the norm that `power` names.
    """
    values = []
    for member in offered.members:
        weights = offered.checkpoints.solution(member).params.values()
        values.append(sum(float((w.double().abs() ** power).sum()) for w in weights) ** (1 / power))
    return make_result(
        {"length": (("member",), values, "1", "length of the weights")}, {"member": list(offered.members)},
        title="Lengths of the weights", intervals="none", left_out="", power=power,
        provenance=offered.provenance(examples=0, members=len(offered.members), repeats=1),
    )


def nothing(offered):
    return 3


class drawn:
    measure = staticmethod(norms)

    @staticmethod
    def draw(dataset):
        import matplotlib.figure
        figure = matplotlib.figure.Figure()
        figure.subplots().plot(dataset["length"])
        return figure


class described:
    measure = staticmethod(norms)

    @staticmethod
    def describe(dataset):
        import numpy as np
        from modescape.plots.charts import Chart, Panel, Series
        length = dataset["length"].values
        series = [Series(name="Length", x=np.arange(len(length)), y=length)]
        panel = Panel(title="Lengths", x_label="Member", y_label="Length (1)", series=series)
        return Chart(title="Lengths of the weights", panels=[panel], columns=1)


drawn, described = drawn(), described()
other = type("Other", (), {"measure": staticmethod(norms), "draw": staticmethod(lambda dataset: "a figure")})()
number = 3
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a module of analyses."""
    (tmp_path / "my_norms.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_norms", None)


def test_names_and_files_of_own_analyses():
    assert is_own("a.b:c")
    assert not any(is_own(name) for name in ("tsne", "a:b:c", "../a:b", "a-b:c", ":a", "a:", 3))
    assert file_name("a.b:c") == "a.b-c"
    assert is_own("a._b:_c")
    assert is_name(file_name("a._b:_c"))
    assert file_name("tsne") == "tsne"
    for name in ("../x:y", "a:b/c", "a b:c", "_mine:measure"):
        with pytest.raises(InputError):
            recipe.load("digits", [f"analyses=['{name}']"])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my_norms:norm", "analysis 'my_norms:norm': 'my_norms' has no 'norm'; did you mean 'norms'?"),
        ("not_there:norms", "cannot import 'not_there'"),
        ("my_norms:number", "is of type int, expected a function measure"),
        ("os.path:join", "belongs to Python's standard library"),
        ("__main__:norms", "put it into a file"),
    ],
)
def test_what_is_no_analysis_is_refused_in_plain_words(mine: Path, name: str, sentence: str):
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        analyses.check_settings(name, {})


@pytest.mark.ci
def test_a_bad_name_ends_the_command_with_2(mine: Path):
    command = [sys.executable, "-m", "modescape", "run", "digits", "--out", "study", "--set", "analyses=['my_norms:x']"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "importing 'my_norms' for the analysis 'my_norms:x' (code of the recipe)" in done.stderr
    assert "analysis 'my_norms:x': 'my_norms' has no 'x'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (mine / "study" / "manifest.json").exists()


def test_a_figure_that_is_described_is_drawn_by_the_kit(mine: Path):
    name, lengths = "my_norms:described", np.array([3.0, 1.0, 2.0])
    dataset = xr.Dataset({"length": ("member", lengths)}, attrs={"title": "Lengths"})
    assert figures.has_figure(name)
    np.testing.assert_array_equal(figures.draw(name, dataset).axes[0].lines[0].get_ydata(), lengths)
    np.testing.assert_array_equal(of(figure_of(name, dataset))[0]["y"], lengths)
    written = figures.save(name, dataset, mine / "figures")
    assert [path.name for path in written] == [f"my_norms-described.{end}" for end in ("png", "svg", "html", "csv")]


def test_a_figure_that_is_drawn_by_hand_is_shown_as_it_is(mine: Path):
    name = "my_norms:drawn"
    dataset = xr.Dataset({"length": ("member", np.array([3.0, 1.0]))}, attrs={"title": "Lengths"})
    assert figures.has_figure(name)
    assert figures.interactive(name, dataset) is None
    written = figures.save(name, dataset, mine / "figures")
    assert {path.name for path in (mine / "figures").iterdir()} == {path.name for path in written}  # no script
    assert 'src="my_norms-drawn.svg"' in written[2].read_text()
    with pytest.raises(WorkError, match="drew a str; expected a figure of matplotlib"):
        figures.draw("my_norms:other", dataset)


def test_settings_of_own_analyses_are_keyword_arguments(mine: Path):
    assert analyses.defaults("my_norms:norms") == {"power": 2.0}
    with pytest.raises(InputError, match="has no setting 'pover'; did you mean 'power'"):
        analyses.check_settings("my_norms:norms", {"pover": 1})


TWO_FILES = """
from my_helper import number


def measure(offered):
    return number


def caption(dataset):
    import my_later
    return my_later.WORDS


def describe(dataset):
    import my_later
    from modescape.plots.charts import Chart, Panel, Series
    series = [Series(name=my_later.WORDS, x=dataset["length"].values, y=dataset["length"].values)]
    panel = Panel(title="Lengths", x_label="Member", y_label="Length (1)", series=series)
    return Chart(title="Lengths", panels=[panel], columns=1)


def draws(context, **settings):
    return [context]
"""


@pytest.fixture
def two_files(mine: Path) -> Iterator[Path]:
    """A module `my_two` that imports its neighbours: one above, one when its figure is drawn."""
    (mine / "my_two.py").write_text(TWO_FILES)
    (mine / "my_helper.py").write_text("number = 1\n")
    (mine / "my_later.py").write_text("WORDS = 'Mine.'\n")
    (mine / "my_folder.py").write_text("import my_two\nanalysis = my_two\n")
    yield mine
    for name in ("my_two", "my_helper", "my_later", "my_folder"):
        sys.modules.pop(name, None)


def test_code_that_changed_within_a_session_is_imported_again(two_files: Path):
    def now(number: int) -> str:
        (two_files / "my_helper.py").write_text(f"number = {number}\n")
        one = load("my_folder:analysis")
        assert one.part("measure").measure(None) == number
        return one.code

    assert len({now(1), now(2), now(3)}) == 3  # though changed within one second and equal in size
    assert now(1) == now(1)


def test_code_that_somebody_else_imported_is_compared_with_its_file(two_files: Path):
    for name in ("my_two", "my_helper"):
        py_compile.compile(str(two_files / f"{name}.py"))  # as importing does, unless bytecode is off
    with importable("my_two:measure"):
        before = importlib.import_module("my_two")
    assert load("my_folder:analysis").found is before

    for name in ("my_two", "my_helper", "my_folder"):
        del sys.modules[name]
    with importable("my_two:measure"):
        importlib.import_module("my_two")
    (two_files / "my_helper.py").write_text("number = 100\n")
    assert load("my_folder:analysis").part("measure").measure(None) == 100


@pytest.mark.parametrize("file", ["my_two.py", "my_helper.py", "my_later.py", "my_folder.py"])
def test_each_of_its_files_makes_a_result_outdated(two_files: Path, file: str):
    before = load("my_folder:analysis").code
    path = two_files / file
    path.write_text(f"{path.read_text()}\n# changed\n")
    assert load("my_folder:analysis").code != before


def test_a_folder_of_its_own_is_read_whole(mine: Path):
    folder = mine / "my_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from modescape.analyses import Analysis, PREDICTIONS\nanalysis = Analysis('my_package', (PREDICTIONS,))\n"
    )
    parts = {"measure": "def measure(offered):\n    return 1\n", "draw": "", "words": "from . import title\n"}
    for name, code in {**parts, "title": "", "stranger": ""}.items():
        (folder / f"{name}.py").write_text(code)
    try:
        codes = [load("my_package:analysis").code]
        for name in ("measure", "draw", "words", "title"):
            (folder / f"{name}.py").write_text(f"{parts.get(name, '')}# changed\n")
            codes.append(load("my_package:analysis").code)
        assert len(set(codes)) == 5
        (folder / "stranger.py").write_text("# nobody imports it\n")
        assert load("my_package:analysis").code == codes[-1]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
            del sys.modules[name]


def test_networks_that_a_module_announces_are_drawn(two_files: Path):
    assert load("my_folder:analysis").part("measure").draws("context") == ["context"]
    assert not hasattr(load("my_norms:drawn").part("measure"), "draws")


def test_a_figure_may_import_its_neighbours_when_it_is_drawn(two_files: Path):
    name = "my_folder:analysis"
    dataset = xr.Dataset({"length": ("member", np.array([3.0, 1.0]))}, attrs={"title": "Lengths"})
    for function in (figures.caption, figures.draw, figures.interactive):
        sys.modules.pop("my_later", None)
        function(name, dataset)
    assert figures.caption(name, dataset) == "Mine."


@pytest.mark.ci
def test_a_run_measures_them_and_the_page_needs_none_of_their_code(mine: Path):
    names = ["training", "my_norms:norms", "my_norms:drawn"]
    study = pipeline.run("digits", mine / "study", overrides=[*SMALL, f"analyses={names}"])
    result = study.result("my_norms:norms")
    assert (mine / "study" / "results" / "my_norms-norms.nc").is_file()
    for member in study.trained:
        squares = sum(float((weight.double() ** 2).sum()) for weight in study.params(member, 2).values())
        assert float(result["length"].sel(member=member)) == pytest.approx(squares**0.5, rel=1e-12)
    assert not figures.has_figure("my_norms:norms")
    assert [study.figure_path("my_norms:drawn", end).is_file() for end in ("png", "svg", "html")] == [True] * 3
    text = text_of("my_norms:norms", result)
    assert text.title == "Lengths of the weights"
    assert text.shown == "The length of each member's weights, in the norm that `power` names."
    assert parameters(result) == [("power", "2"), *[one for one in parameters(result) if one[0] != "power"]]
    before = (mine / "study" / "report.html").read_text()
    assert 'id="my_norms-norms"' in before

    (mine / "my_norms.py").write_text("raise SystemExit('imported')")  # a study may be passed on without its code
    sys.modules.pop("my_norms")
    again = Study.open(mine / "study")
    assert summary(again.path).missing_results == ()
    assert set(page_content(again).results) == set(names)
    code = "import sys; from modescape.cli import cli; cli(sys.argv[1:])"
    for command in (["report", "study"], ["status", "--verify", "study"]):
        done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (mine / "study" / "report.html").read_text() == before


@pytest.mark.ci
def test_changed_code_is_measured_again_and_wrong_results_are_named(mine: Path):
    pipeline.run("digits", mine / "study", overrides=[*SMALL, "analyses=['my_norms:norms']"])
    path = mine / "study" / "results" / "my_norms-norms.nc"
    first = path.stat().st_mtime_ns
    pipeline.run(mine / "study")
    assert path.stat().st_mtime_ns == first
    (mine / "my_norms.py").write_text(CODE.replace("1 / power", "2 / power"))
    sys.modules.pop("my_norms")
    before = float(Study.open(mine / "study").result("my_norms:norms")["length"][0])
    study = pipeline.run(mine / "study")
    assert float(study.result("my_norms:norms")["length"][0]) == pytest.approx(before**2)
    with pytest.raises(WorkError, match="returned a int; expected the Dataset of make_result"):
        analyses.measure("my_norms:nothing", study)
