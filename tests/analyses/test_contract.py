"""Properties of every listed analysis: the schema of docs/results.md, provenance, equal bytes, settings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from modescape import analyses, recipe, results
from modescape.analyses.auxiliary import variants
from modescape.errors import InputError, NotEnough, WorkError
from modescape.study import Study

from .building import build_study

DATA = shutil.ignore_patterns("members", "predictions.zarr", "variants")  # not needed to write a result
DOCUMENT = Path(__file__).parents[2] / "docs" / "results.md"


def documented(task: str = "classification") -> dict[str, dict[str, tuple[tuple[str, ...], str]]]:
    """The table of docs/results.md for a task: analysis -> variable -> (dimensions, units)."""
    table, analysis = {}, ""
    of_classes, of_numbers = DOCUMENT.read_text(encoding="utf-8").split("\n## Regressions\n")
    for line in (of_classes if task == "classification" else of_numbers).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 5 or not cells[1].startswith("`"):
            continue
        analysis = cells[0].strip("`") or analysis
        dims = tuple(filter(None, (cell.strip() for cell in cells[2].split(","))))  # no dimensions: a single number
        for name in re.findall(r"`(\w+)`", cells[1]):
            table.setdefault(analysis, {})[name] = (dims, cells[3])
    return table


MADE_UP = (
    "training",
    "confusion",
    "trajectory_similarity",
    "solution_similarity",
    "tsne",
    "ensemble_size",
    "equal_cost",
    "kinship",
    "weight_spectra",
)
OF_ITS_OWN = {
    "fine_tuning": "tuned",
    "gradient_boosting": "boosted",
}  # analyses that need a special study -> its fixture
UNKNOWN = {"curvature": ("correlation_low", "correlation_high")}  # NaN for three members
NAMES = [  # analyses of given models have a contract of their own, in test_given.py
    pytest.param(name, marks=[] if name in MADE_UP else [pytest.mark.ci])
    for name, one in analyses.ANALYSES.items()
    if one.only_for != analyses.GIVEN
]


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def own(request: pytest.FixtureRequest, name: str) -> Study:
    """The made-up study where predictions are enough, the trained one where networks are needed."""
    return request.getfixturevalue("study" if name in MADE_UP else OF_ITS_OWN.get(name, "networks"))


@pytest.fixture(scope="module")
def result(own: Study, name: str) -> xr.Dataset:
    return analyses.measure(name, own) if name in MADE_UP else own.result(name)


def test_the_document_lists_every_analysis_and_no_other():
    assert set(documented()) == set(analyses.ANALYSES)


def test_the_result_has_the_documented_variables_and_no_others(name: str, result: xr.Dataset):
    assert {str(key): value.dims for key, value in result.data_vars.items()} == {
        key: dims for key, (dims, _) in documented()[name].items()
    }
    for key, (_, units) in documented()[name].items():
        assert result[key].attrs["units"] == units


def test_the_result_follows_the_schema_and_has_values(name: str, result: xr.Dataset):
    results.validate(result)
    for key, values in result.data_vars.items():
        assert np.isfinite(values).any() or key in UNKNOWN.get(name, ()), key


@pytest.mark.parametrize(
    "name", [name for name in MADE_UP if name not in ("kinship", "weight_spectra")], scope="module"
)  # these two use no examples
def test_the_result_says_who_is_left_out_and_of_what_it_is(name: str, result: xr.Dataset):
    assert result.attrs["left_out"] == "member 1: diverged at epoch 3"
    assert (result.attrs["seed"], result.attrs["recipe_name"], result.attrs["repeats"]) == (7, "tiny", 1)
    assert result.attrs["members"] == (2 if name in ("tsne", "trajectory_similarity") else 4)
    assert result.attrs["examples"] == (20 if name == "training" else 200)
    if "member" in result.coords:
        assert 1 not in result["member"]


@pytest.mark.ci
def test_a_second_run_gives_the_same_bytes(own: Study, name: str, result: xr.Dataset, tmp_path: Path):
    copy = Study.open(shutil.copytree(own.path, tmp_path / "study", ignore=DATA))
    path = copy.path / "results" / f"{name}.nc"
    copy.write_result(name, result)
    first = path.read_bytes()
    again = analyses.measure(name, own, **own.recipe.settings.get(name, {}))
    if "inputs" in result.attrs:  # written by the pipeline
        again.attrs["inputs"] = result.attrs["inputs"]
    copy.write_result(name, again)
    assert path.read_bytes() == first
    xr.testing.assert_identical(copy.result(name), result)


def test_defaults_are_plain_and_accepted(name: str):
    settings = analyses.defaults(name)
    assert json.loads(json.dumps(settings)) == settings
    analyses.check_settings(name, settings)


def test_settings_reach_the_analysis(study: Study):
    assert analyses.measure("tsne", study, examples=50, perplexity=2.5).attrs["examples"] == 50
    assert analyses.measure("ensemble_size", study, snapshots=2).attrs["snapshots"] == 2
    with pytest.raises(InputError, match="no setting 'example'"):
        analyses.measure("tsne", study, example=50)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("tnse", {}, "no analysis 'tnse'; did you mean 'tsne'?"),
        ("quux", {}, "no analysis 'quux'; known: training, model_scores"),
        ("tsne", {"exampels": 3}, "analysis 'tsne' has no setting 'exampels'; did you mean 'examples'?"),
        ("confusion", {"examples": 3}, "analysis 'confusion' has no setting 'examples'; it has none"),
        ("tsne", {"examples": "many"}, "tsne.examples is 'many'; expected a whole number, 1 or more"),
        ("tsne", {"examples": True}, "tsne.examples is True; expected a whole number, 1 or more"),
        ("tsne", {"examples": 0}, "tsne.examples is 0; expected a whole number, 1 or more"),
        ("tsne", {"examples": None}, "tsne.examples is None; expected a whole number, 1 or more"),
        ("tsne", {"perplexity": -1.0}, "tsne.perplexity is -1.0; expected a number above 0, or null"),
        ("tsne", {"perplexity": float("nan")}, "tsne.perplexity is nan; expected a number above 0, or null"),
    ],
)
def test_wrong_names_and_values_are_refused(name: str, settings: dict, sentence: str):
    with pytest.raises(InputError, match=re.escape(sentence)):
        analyses.check_settings(name, settings)


def test_settings_are_of_the_kind_of_their_defaults():
    """Text and truth values too, although no analysis has such a setting yet."""

    def measured(offered, *, kind: str = "plain", paired: bool = True, power: float = 2.0) -> None: ...

    @dataclass(frozen=True)
    class Trial(analyses.Analysis):
        def part(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(measure=measured)

    analyses.ANALYSES["trial"] = Trial("nowhere", ())
    try:
        for fine in ({"kind": "odd", "paired": False, "power": None}, analyses.defaults("trial")):
            analyses.check_settings("trial", fine)
        for wrong, expected in (
            ({"kind": 3}, "trial.kind is 3; expected text"),
            ({"paired": 1}, "trial.paired is 1; expected true or false"),
            ({"paired": "yes"}, "trial.paired is 'yes'; expected true or false"),
            ({"power": True}, "trial.power is True; expected a number above 0, or null"),
        ):
            with pytest.raises(InputError, match=re.escape(expected)):
                analyses.check_settings("trial", wrong)
    finally:
        del analyses.ANALYSES["trial"]


def test_importing_the_room_is_light():
    code = "import sys, modescape.analyses; print(*{'torch', 'numpy', 'xarray', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_each_condition_of_randomness_shares_the_streams_that_it_names():
    made = variants("randomness", recipe.load("digits"), 100)
    assert len(made) == 9
    for folder, one in made.items():
        words = folder.removeprefix("randomness-").split("-")
        wanted = [{"same": "shared", "different": "separate"}[word] for word in words[:3]]
        assert [one.streams.initialisation, one.streams.order, one.streams.dropout] == wanted, folder
        assert one.streams.augmentation == one.streams.order
        assert one.streams.last_bit == folder.endswith("last-bit")


def test_nothing_trained_is_not_enough_for_any(tmp_path: Path):
    study = build_study(tmp_path / "study", members=2, epochs=3, broken={0: "failed", 1: "missing"})
    for name in analyses.ANALYSES:
        with pytest.raises(NotEnough, match=r"needs .* trained member"):
            analyses.measure(name, study)
    assert issubclass(NotEnough, WorkError)


def test_too_few_members_or_epochs(tmp_path: Path):
    study = build_study(tmp_path / "study", members=1, epochs=2, trajectories=1, keep_last=1)
    sentences = {
        "solution_similarity": "the similarity of solutions needs 2 trained members or more; this study has 1",
        "tsne": "the embedding needs 4 checkpoints or more; the kept trajectories have 3",
        "ensemble_size": "needs 2 trained members, or 2 kept epochs of one; this study has 1 trained member",
        "kinship": "kinship needs 2 trained members or more; this study has 1",
    }
    for name, sentence in sentences.items():
        with pytest.raises(NotEnough, match=re.escape(sentence)):
            analyses.measure(name, study)
    for name in set(MADE_UP) - set(sentences):
        analyses.measure(name, study)


def test_no_trajectories(tmp_path: Path):
    study = build_study(tmp_path / "study", members=2, epochs=2, trajectories=0)
    for name in ("trajectory_similarity", "tsne"):
        with pytest.raises(NotEnough, match=re.escape("the recipe keeps none (train.trajectories: 0)")):
            analyses.measure(name, study)


def test_every_reason_to_leave_a_member_out(tmp_path: Path):
    broken = {0: "failed", 1: "missing", 2: "training", 3: "diverged"}
    study = build_study(tmp_path / "study", members=5, epochs=4, trajectories=1, broken=broken)
    assert analyses.measure("training", study).attrs["left_out"] == (
        "member 0: failed after epoch 3; member 1: not trained yet; member 2: not trained to the end yet; "
        "member 3: diverged at epoch 3"
    )
