"""A comparison from files to a page: what is written, said and left out; a refused one leaves nothing behind."""

import json
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from shared_data import shared_data  # noqa: F401 - a fixture
from test_cli import called

import modescape as ms
from modescape.analyses.decomposition import draw
from modescape.analyses.diversity_map import draw as diversity_map
from modescape.analyses.diversity_plane import draw as diversity_plane
from modescape.answers import as_json, schema
from modescape.errors import InputError
from modescape.interop.predictions import Options, gather
from modescape.interop.predictions.lazy import Scratch
from modescape.metrics.scoring import VOTES
from modescape.offered import stacked
from modescape.pipeline.comparison import given_of
from modescape.pipeline.comparison_answer import answer_of
from modescape.pipeline.comparison_offered import most_examples, offered_of, sample_of
from modescape.printing import print_comparison
from modescape.study.results import read_dataset
from modescape.wording.numbers import listing

EXAMPLES = 120


@pytest.fixture(scope="module")
def made(made_once):
    """A folder with predictions of four networks, as logits and as classes only."""

    def make(folder):
        folder.mkdir()
        stream = np.random.default_rng(5)
        label = stream.integers(0, 3, EXAMPLES)
        common = stream.normal(size=(EXAMPLES, 3))
        np.save(folder / "label.npy", label)
        for net in range(4):
            logits = common + stream.normal(size=(EXAMPLES, 3))
            logits[np.arange(EXAMPLES), label] += 1.5
            np.save(folder / f"net-{net}.npy", logits)
            (folder / f"hard-{net}.json").write_text(json.dumps(logits.argmax(1).tolist()))

    folder = made_once("predictions-of-others", make)
    return SimpleNamespace(path=folder, label=np.load(folder / "label.npy"))


@pytest.fixture(scope="module")
def compared(made, made_once):
    """The folder of a comparison, as the command writes it, and its answer."""

    def make(folder):
        folder.mkdir()
        names = sorted(map(str, made.path.glob("net-*")))
        done = called(
            *("compare", *names, "--labels", f"{made.path / 'label.npy'}", "--out", f"{folder / 'net'}", "--quiet"),
            *("--group", "a=net-0,net-1", "--json"),
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, schema("compare"), jsonschema.Draft202012Validator)
        (folder / "net.json").write_text(done.stdout)

    return made_once("comparison-of-four", make)


def logits_of(made):
    return np.stack([np.load(made.path / f"net-{net}.npy") for net in range(4)])


@pytest.fixture(scope="module")
def soft(made):
    return ms.compare({f"net-{net}": one for net, one in enumerate(logits_of(made))}, made.label)


def test_scores_are_those_of_plain_loops(made, soft):
    sizes = soft.results["ensemble_size"].sel(approach="independent")
    prob = np.exp(logits_of(made))
    prob /= prob.sum(-1, keepdims=True)
    right = [(one.argmax(1) == made.label).mean() for one in prob]
    assert sizes["score"].sel(metric="accuracy", size=1).item() == pytest.approx(np.mean(right), abs=1e-6)
    nll = -np.log(prob.mean(0)[np.arange(EXAMPLES), made.label]).mean()
    assert sizes["score"].sel(metric="nll", size=4).item() == pytest.approx(nll, rel=1e-5)
    answer = answer_of(soft)
    assert answer["sizes"][3]["scores"]["nll"]["value"] == pytest.approx(nll, rel=1e-5)
    jsonschema.validate(json.loads(as_json(answer)), schema("compare"), jsonschema.Draft202012Validator)
    assert (answer["examples"], answer["page"], len(answer["models"])) == (EXAMPLES, None, 4)
    assert soft.page is None
    for at, one in enumerate(answer["models"]):
        assert one["scores"]["accuracy"]["value"] == pytest.approx(right[at], abs=1e-6)
    assert answer["ensemble"]["scores"]["nll"]["value"] == pytest.approx(nll, rel=1e-5)
    pair = answer["pairs"][1]
    assert (len(answer["pairs"]), pair["model"], pair["other_model"]) == (6, "net-0", "net-2")
    assert pair["differences"]["accuracy"]["value"] == pytest.approx(right[0] - right[2], abs=1e-6)


def test_what_a_file_is_called_cannot_move_the_cursor(capsys):
    said = SimpleNamespace(notes=["a\x1b[2J.jsonl: logits"])
    found = SimpleNamespace(results={}, given=said, warnings=["\x1b[1m"], verdict=["\x1b[0m"], page=None)
    print_comparison(found)
    assert "\x1b" not in capsys.readouterr().out


def test_hard_labels_vote_and_what_needs_probabilities_says_so(made):
    files = sorted(made.path.glob("hard-*"))
    found = ms.compare(files, made.path / "label.npy")
    sizes = found.results["ensemble_size"].sel(approach="independent")
    votes = np.stack([json.loads(file.read_text()) for file in files])
    counts = np.stack([(votes == one).sum(0) for one in range(3)], 1)
    assert sizes["metric"].values.tolist() == ["accuracy"]
    assert sizes["score"].sel(size=4).item() == pytest.approx((counts.argmax(1) == made.label).mean())
    assert "needs probabilities" in found.notes["decomposition"]
    assert "they vote" in found.given.notes[1]


def test_probabilities_of_zero_are_compared_without_a_complaint(made):
    certain = np.eye(3)[logits_of(made).argmax(-1)]
    probabilities = {"sure": 0.85 * certain[0] + 0.05, "rash": certain[1], "bold": certain[2]}
    found = ms.compare(probabilities, made.label, kind="probabilities")  # warnings are errors
    assert found.results["model_scores"]["score"].sel({"model": "rash", "metric": "nll"}) == np.inf
    assert draw.panels(found.results["decomposition"])
    kept = found.results["subset_choice"]["kept"].sel({"approach": "exact", "other_metric": "nll"})
    names = [str(name) for name, own in zip(kept["model"].values, kept.values, strict=True) if own]
    assert any(f"of them, {listing(names)}, chosen by NLL" in line for line in found.verdict)


def test_maps_of_given_networks_speak_of_no_training(soft):
    plane, sets = soft.results["diversity_plane"], soft.results["diversity_map"]
    said = [diversity_plane.caption(plane), *(one.name for one in diversity_plane.panels(plane)[0].series)]
    said += [diversity_map.caption(sets), *(one.title for one in diversity_map.panels(sets))]
    for word in ("trained", "training", "member 0", "sweep", "around the baseline"):
        assert not [text for text in said if word in text], word


def test_large_predictions_are_looked_at_in_part_where_all_models_are_held():
    stream = np.random.default_rng(0)
    label = stream.integers(0, 50, 900)
    gathered = gather({name: stream.normal(size=(900, 50)) for name in "ab"}, Options(), Scratch(None), label)
    offered = offered_of(gathered, given_of("c", gathered, Options()), 0)
    assert sample_of(offered, gathered) is offered
    some = sample_of(offered, gathered, most=600)
    whole, part = offered.predictions["test"], some.predictions["test"]
    assert (some.examples["test"], len(part.label)) == (600, 600)
    places = [np.flatnonzero((whole.log_prob(1) == row).all(1)).item() for row in part.log_prob(1)]
    assert places == sorted(set(places))
    np.testing.assert_array_equal(part.label, label[places])
    assert most_examples(100, 10) < most_examples(10, 10)


@pytest.mark.ci
def test_the_page_tells_of_files_and_not_of_training(compared):
    page = (compared / "net/report.html").read_text(encoding="utf-8")
    for told in (
        "4\N{NO-BREAK SPACE}networks given",
        "120\N{NO-BREAK SPACE}test examples",
        "SHA-256",
        "modescape compare",
    ):
        assert told in page
    for untold in ("modescape run study.yaml", "of this recipe", "networks trained", "snapshots of one run"):
        assert untold not in page.partition("</main>")[0].rpartition("<script")[0]
    about = json.loads((compared / "net/comparison.json").read_text())
    assert [one["name"] for one in about["models"]] == [f"net-{net}" for net in range(4)]
    assert about["groups_of_models"] == {"a": ["net-0", "net-1"]}
    assert {one.suffix for one in (compared / "net/figures").glob("ensemble_size.*")} >= {".png", ".svg", ".html"}
    assert not list(compared.glob(".modescape-*"))


@pytest.mark.ci
def test_python_gives_the_same_as_the_command(made, compared, soft):
    sizes = read_dataset(compared / "net/results/ensemble_size.nc")
    np.testing.assert_array_equal(soft.results["ensemble_size"]["score"], sizes["score"])
    assert soft.verdict == json.loads((compared / "net.json").read_text())["verdict"]


def test_an_array_twice_is_refused(made):
    one = logits_of(made)[0]
    with pytest.raises(InputError, match="net-1 is net-0"):
        ms.compare({"net-0": one, "net-1": one}, made.label)


@pytest.mark.long
def test_a_second_run_writes_the_same_bytes_and_takes_away_what_is_no_longer_there(made, tmp_path):
    files = [str(made.path / f"net-{net}.npy") for net in range(4)]
    labels = str(made.path / "label.npy")
    first, again = (ms.compare(files, labels, out=tmp_path / "c", command="x").path for _ in range(2))
    assert first == again
    before = {path.name: path.read_bytes() for path in (tmp_path / "c/results").iterdir()}
    hard = [str(made.path / f"hard-{net}.json") for net in range(4)]
    ms.compare(hard, labels, out=tmp_path / "c")
    assert not (tmp_path / "c/results/decomposition.nc").exists()
    assert not list((tmp_path / "c/figures").glob("decomposition.*"))
    ms.compare(files, labels, out=tmp_path / "c", command="x")
    assert {path.name: path.read_bytes() for path in (tmp_path / "c/results").iterdir()} == before


def test_nothing_is_left_of_what_is_refused(made, tmp_path):
    done = called("compare", str(made.path / "net-0.npy"), "--labels", str(made.path / "none.npy"), cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert done.stderr.strip().endswith(f"there is no file '{made.path / 'none.npy'}'")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    with pytest.raises(InputError, match="holds files that are not of a comparison"):
        ms.compare([made.path / "net-0.npy"], made.path / "label.npy", out=tmp_path / "mine")
    with pytest.raises(InputError, match="is a file; choose another folder"):
        ms.compare([made.path / "net-0.npy"], made.path / "label.npy", out=tmp_path / "mine/notes.txt/below")
    done = called("compare", "x.npy", "--group", "a", cwd=tmp_path)
    assert "expected METHOD=NAMES" in done.stderr


def test_thirty_published_networks_have_their_published_accuracies(shared_data):  # noqa: F811
    folder = shared_data / "predictions/cifar10"
    files = sorted(map(str, folder.glob("*.json")))
    found = gather(files, Options(labels=str(folder / "labels.npy")), Scratch(None))
    predictions = found.predictions
    votes = stacked(predictions, range(len(files)))
    accuracy = VOTES.scores["accuracy"](votes, predictions.label)
    assert (len(files), found.bare, found.names[int(accuracy.argmax())]) == (
        *(30, True, "shake_shake_26_2x64d_SSI_cutout16"),
    )
    assert accuracy.max() == pytest.approx(0.9711)
    assert VOTES.scores["accuracy"](VOTES.combine(votes), predictions.label) == pytest.approx(0.97)
    one = gather(
        [str(folder / "out_of_sample_probabilities.npy")], Options(labels=str(folder / "labels.npy")), Scratch(None)
    )
    assert one.kinds == ["probabilities"]
    assert (one.predictions.log_prob(0).argmax(1) == predictions.label).mean() == pytest.approx(0.9294)
