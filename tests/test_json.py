"""JSON output of commands: every answer is one object that follows its schema."""

import json
import shutil
import zipfile
from pathlib import Path

import click
import jsonschema
import pytest
from test_cli import called, commands

from modescape.answers import schema
from modescape.cli import bench
from modescape.study import Study

SMALL = ["--engine=here", "--set=train.members=2", "--set=train.epochs=1", "--set=analyses=[ensemble_size]"]
SCHEMAS = Path(bench.__file__).parents[1] / "schemas"
ALL = [words.removeprefix("modescape").strip() for words, _ in commands()][1:]  # the first is the bare program


def answered(*arguments, code=0):
    """The single object that a command prints, validated against its schema, which lists every key."""
    done = called(*arguments, "--json")
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1
    return checked(json.loads(done.stdout))


def checked(answer):
    own = schema(answer["command"])
    jsonschema.Draft202012Validator.check_schema(own)
    jsonschema.validate(answer, own, jsonschema.Draft202012Validator)
    assert set(answer) <= {*own["$defs"]["head"]["properties"], *own["properties"]}
    return answer


@pytest.fixture(scope="module")
def kept(made_once):
    """A folder with a study, and the answer of `run`."""

    def make(folder):
        done = called("run", "digits", f"--out={folder / 'study'}", *SMALL, "--quiet", "--json")
        (folder / "run.json").write_text(done.stdout)

    return made_once("answered", make)


def test_run_answers_with_scores_and_what_there_is(kept):
    answer = checked(json.loads((kept / "run.json").read_text()))
    study = Study.open(kept / "study")
    assert (answer["command"], answer["study"]) == ("run", str(study.path))
    assert Path(answer["page"]).is_file()
    assert [member["status"] for member in answer["members"]] == ["trained", "trained"]
    assert [(one["name"], one["done"]) for one in answer["analyses"]] == [("ensemble_size", True)]
    assert all(Path(path).is_file() for path in [answer["analyses"][0]["result"], *answer["analyses"][0]["figures"]])
    assert answer["verdict"][0].startswith(("Inconclusive", "Averaging"))
    result = study.result("ensemble_size").sel(approach="independent", metric="nll", size=2)
    assert answer["ensemble"]["size"] == 2
    for place, variable in (("ensemble", "score"), ("gain", "gain")):
        found = answer[place]["scores"]["nll"] if place == "ensemble" else answer[place]["nll"]
        assert [found["value"], found["low"], found["high"]] == [
            result[f"{variable}{end}"].item() for end in ("", "_low", "_high")
        ]


def test_status_answers_also_of_damage(kept, tmp_path):
    answer = answered("status", str(kept / "study"), "--verify")
    assert (answer["complete"], answer["again"], answer["problems"]) == (True, None, [])
    assert answer["predictions"]["test"] == {"done": 4, "expected": 4}
    study = shutil.copytree(kept / "study", tmp_path / "study")
    (study / "members/001/history.csv").write_text("epoch\n")
    answer = answered("status", str(study), "--verify", code=1)
    assert "history.csv" in answer["problems"][0]
    assert answer["again"] == f"modescape run {study}"
    (study / "study.yaml").write_text("name: [")
    answer = answered("status", str(study), "--verify", code=1)
    assert answer["error"]["exit_code"] == 1
    assert answer["problems"]


def test_the_stages_alone_answer(kept, tmp_path):
    study = shutil.copytree(kept / "study", tmp_path / "study")
    assert answered("report", str(study))["page"] == str(study / "report.html")
    assert answered("train", str(study), "--quiet")["verdict"] == ["2 of 2 networks are trained."]
    answer = answered("analyse", str(study), "--quiet")
    assert {"study", "page", "members", "analyses", "ensemble"} <= set(answer)


@pytest.mark.ci
def test_a_member_that_fails_is_answered_beside_the_others(tmp_path):
    (tmp_path / "failing.py").write_text(
        "import torch\n"
        "from torch.nn import Flatten, Linear, Sequential\n"
        "from modescape import rng\n"
        "def net(num_classes):\n"
        "    if torch.initial_seed() == rng.key(0, 'initialisation', 1) & (1 << 63) - 1:\n"
        "        raise ValueError('no such network')\n"
        "    return Sequential(Flatten(), Linear(64, num_classes))\n"
    )
    settings = [*SMALL, "--set=model.factory=failing:net", f"--out={tmp_path / 'study'}", "--quiet"]
    done = called("train", "digits", *settings, "--json", cwd=tmp_path)
    answer = checked(json.loads(done.stdout))
    assert (done.returncode, answer["error"]["exit_code"]) == (1, 1)
    assert answer["error"]["message"].splitlines()[0].endswith("ValueError: no such network")
    assert [member["status"] for member in answer["members"]] == ["trained", "failed"]
    assert answer["verdict"] == ["1 of 2 networks are trained."]
    assert "no such network" in answer["warnings"][0]


def test_recipes_are_answered():
    listed = answered("recipes")["recipes"]
    assert "digits" in [one["name"] for one in listed]
    shown = answered("recipes", "show", "digits")
    assert shown["recipe"]["data"]["source"] == "digits"
    assert shown["recipe"]["name"] in shown["yaml"]


@pytest.mark.ci
def test_figures_are_answered_and_lie_where_it_says(kept, tmp_path):
    answer = answered("figures", str(kept / "study"), "--width=8cm", f"--out={tmp_path / 'drawn'}", "--quiet")
    (figure,) = answer["figures"]
    assert (figure["name"], figure["paper"], len(figure["panels"])) == ("ensemble_size", None, 6)
    assert all(Path(path).is_file() for path in answer["files"])
    captions = (tmp_path / "drawn" / "captions.tex").read_text()
    assert r"test examples; bands: 95 \% intervals" in captions
    assert captions.count(r"\begin{figure}") == captions.count(r"\end{figure}") == 1
    with zipfile.ZipFile(tmp_path / "drawn" / "data.zip") as packed:
        assert packed.namelist() == ["dictionary.csv", "ensemble_size.csv", "figures.csv"]
        (lines,) = [packed.read(name).decode() for name in packed.namelist() if name.startswith("ensemble_size")]
        explained = packed.read("dictionary.csv").decode()
    drawn = (kept / "study" / "figures" / "ensemble_size.csv").read_text()
    assert lines == drawn
    assert [line.split(",")[0] for line in explained.splitlines()[1:]] == drawn.splitlines()[0].split(",")
    again = answered("figures", str(kept / "study"), "ensemble_size", f"--out={tmp_path / 'drawn'}")
    assert again["out"] == answer["out"]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "captions.tex").write_text("% mine")
    refused = answered("figures", str(kept / "study"), f"--out={tmp_path / 'own'}", code=2)
    assert "is not of the figures of this study; choose another folder" in refused["error"]["message"]
    assert captions.startswith('% Figures of the study "study" by modescape')  # named after its folder
    (verdict,) = answer["verdict"]
    assert " ".join(verdict.split()) == "1 figure and 6 single panels, as PDF and SVG."


INSIDE = "lies in the study"
URL = "'s3://bucket/out' is a URL, and this is written to a disk; choose a folder with --out"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["figures", "STUDY", "--width=3km"],
            "--width is '3km', expected a length such as 5.5in, 14cm, 140mm or 397pt",
        ),
        (["figures", "STUDY", "--width=2in"], "--width is 2 inches (5.08 cm), expected 3 to 40 inches"),
        (["figures", "STUDY", "--width=13cm", "--style=slides"], "--width is 5.12 inches (13 cm), expected 6 to 40"),
        (["figures", "STUDY", "--out=s3://bucket/out"], URL),
        (["export", "STUDY", "--out=s3://bucket/out"], URL),
        (["compare", "STUDY/manifest.json", "--out=s3://bucket/out"], URL),
        (["figures", "STUDY", "--out=STUDY/drawn"], INSIDE),
        (["export", "STUDY", "--out=file://STUDY/deployed"], INSIDE),
        (["figures", ""], "is not a study"),
        (["decide", ""], "is not a study"),
    ],
)
def test_what_is_wrong_about_a_folder_or_a_width_is_said(kept, words, expected, tmp_path):
    """For "", as for the current folder."""
    before = sorted(kept.rglob("*"))
    done = called(*(word.replace("STUDY", str(kept / "study")) for word in words), "--json", cwd=tmp_path)
    answer = checked(json.loads(done.stdout))
    assert (done.returncode, answer["error"]["exit_code"]) == (2, 2)
    assert expected in answer["error"]["message"]
    assert (sorted(kept.rglob("*")), list(tmp_path.iterdir())) == (before, [])


def test_an_export_is_answered(kept, tmp_path):
    answer = answered("export", str(kept / "study"), "--to=safetensors", f"--out={tmp_path / 'deployed'}")
    assert [Path(path).name for path in answer["files"]] == ["ensemble.safetensors", "README.md", "ensemble.json"]
    assert all(Path(path).is_file() for path in answer["files"])
    assert answer["ensemble"]["figures"]["ensemble"]["size"] == 2
    wrong = answered("export", str(kept / "study"), "--members=0,x", code=2)
    assert "0,1,2" in wrong["error"]["message"]


def test_a_decision_is_answered_within_its_budget(kept):
    """For a study analysed without candidates; nothing is written."""
    before = sorted(kept.rglob("*"))
    answer = answered("decide", str(kept / "study"), "--set", "pass_price=0")
    assert answer["study"] == str(kept / "study")
    assert answer["rules"]["pass_price"] == 0
    (two,) = [one for one in answer["candidates"] if one["name"] == "2 networks"]
    assert (two["advice"], two["size"], two["allowed"]) == ("ensemble", 2, True)
    assert (two["cost"]["training"], two["cost"]["passes"]) == (2, 2)
    size = Study.open(kept / "study").result("ensemble_size").sel(approach="independent", metric="nll", size=2)
    ends = [size[f"gain{end}"].item() for end in ("", "_low_these", "_high_these")]
    assert two["scores"]["nll"]["gain"] == pytest.approx(ends, rel=0.02)  # two ways to compute the same interval
    (one,) = [one for one in answer["candidates"] if one["name"] == "one network"]
    assert one["cost"]["memory"] == two["cost"]["memory"] / 2 > 0
    assert 0 < one["cost"]["seconds"] < 1
    tight = answered("decide", str(kept / "study"), "--passes=1", f"--memory={one['cost']['memory']}")
    assert not any(each["allowed"] for each in tight["candidates"] if each["cost"]["passes"] > 1)
    assert tight["cost"]["passes"] == 1
    assert sorted(kept.rglob("*")) == before


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--memory=much", "expected bytes, such as 5000000 or 5MB"),
        ("--memory=1", "--memory is 1 byte, and one network alone takes"),
        ("--memory=1kB", "--memory is 1,000 bytes, and one network alone takes"),
        ("--passes=0", "--passes is 0; expected a number above 0"),
        ("--passes=nan", "--passes is nan; expected a number above 0"),
        ("--passes=0.5", "one network alone takes 1 forward pass; allow at least that"),
        ("--set=price=1", "no threshold 'price'; there are least_gain, pass_price"),
        ("--set=pass_price", "expected NAME=SHARE"),
        ("--set=pass_price=7", "expected a share from 0 to 1"),
    ],
)
def test_what_is_wrong_about_a_decision_is_said(kept, option, words):
    answer = answered("decide", str(kept / "study"), option, code=2)
    assert words in answer["error"]["message"]


@pytest.mark.long
def test_a_benchmark_is_answered():
    answer = answered("bench", "startup", "--repeats=1", "--quiet")
    assert [one["name"] for one in answer["results"]] == ["startup"]
    assert answer["verdict"]


WRONG = {
    "recipe": (["run", "digit"], "run", "did you mean 'digits'"),
    "option": (["train", "digits", "--oout", "x"], "train", "--out"),
    "study": (["status", "nothing"], "status", "not a study"),
    "name": (["recipes", "show", "nothing"], "recipes show", "nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_answered_too(case):
    arguments, command, words = WRONG[case]
    done = called(*arguments, "--json")
    answer = checked(json.loads(done.stdout))
    assert (done.returncode, answer["error"]["exit_code"], answer["command"]) == (2, 2, command)
    assert words in answer["error"]["message"]
    assert answer["error"]["message"].splitlines()[0] in done.stderr


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_the_option_and_a_schema(name):
    command = {words.removeprefix("modescape").strip(): one for words, one in commands()}[name]
    assert any(isinstance(one, click.Option) and one.is_flag and "--json" in one.opts for one in command.params), name
    own = schema(name)
    jsonschema.Draft202012Validator.check_schema(own)
    assert own["properties"]["command"] == {"const": name}
    assert f"`{name}`" in (SCHEMAS.parents[2] / "docs/json.md").read_text(), "docs/json.md says what it answers"


def test_every_schema_is_of_a_command():
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {"shared", *(name.replace(" ", "-") for name in ALL)}
