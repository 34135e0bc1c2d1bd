"""Given predictions in every format: the same numbers from every file, rows matched, kinds recognised."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
import zarr
from pyarrow import feather, parquet

from modescape.errors import InputError
from modescape.interop.predictions import Options, gather
from modescape.interop.predictions.columns import read_parquet, standard_input, table
from modescape.interop.predictions.content import told_apart
from modescape.interop.predictions.given import GivenPredictions
from modescape.interop.predictions.lazy import NpyFile, Scratch
from modescape.interop.predictions.opening import names_of
from modescape.offered import InBlocks, of_examples, stacked

EXAMPLES, CLASSES = 40, 3


def rows_of(path, columns, separator=","):
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def samples(path, order, logits, label):
    """Samples as lm-evaluation-harness logs them: numbers as text, targets as numbers or text, in any order."""
    with path.open("w", encoding="utf-8") as file:
        for row in order:
            chosen = [[str(value), "False"] for value in logits[row]]
            target = int(label[row]) if row % 2 else str(label[row])
            said = {"doc_id": int(row), "doc": {}, "target": target, "filtered_resps": chosen, "acc": 1.0}
            file.write(json.dumps(said) + "\n")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One network's predictions in every format, and the labels."""
    here, stream = tmp_path_factory.mktemp("predictions"), np.random.default_rng(4)
    label = stream.integers(0, CLASSES, EXAMPLES)
    logits = stream.normal(size=(EXAMPLES, CLASSES))
    logits[np.arange(EXAMPLES), label] += 1
    exact = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    prob, order = np.exp(exact), stream.permutation(EXAMPLES)
    ids = [f"r{row}" for row in range(EXAMPLES)]
    named = {f"prob_{name}": prob[:, at] for at, name in enumerate("abc")}
    saved = {"label": label, "prob": prob, "logit": logits.astype(np.float32), "fortran": np.asfortranarray(exact)}
    for name, values in saved.items():
        np.save(here / f"{name}.npy", values)
    np.save(here / "cube.npy", np.stack([prob, prob[::-1]]))
    np.savez_compressed(here / "packed.npz", probs=prob)
    np.savez(here / "trainer.npz", predictions=logits, label_ids=label)
    np.savetxt(here / "bare.csv", prob, delimiter=",")
    rows_of(
        here / "shuffled.csv", {"id": [ids[row] for row in order], **{key: one[order] for key, one in named.items()}}
    )
    rows_of(here / "turned.csv", {"id": ids, **{key: named[key] for key in ("prob_c", "prob_a", "prob_b")}})
    part = ["ab"[row % 2] for row in range(EXAMPLES)]
    rows_of(here / "truth.csv", {"id": ids, "label": ["abc"[one] for one in label], "part": part})
    rows_of(
        here / "predict.txt", {"index": range(EXAMPLES), "prediction": ["abc"[one] for one in exact.argmax(1)]}, "\t"
    )
    (here / "list.json").write_text(json.dumps(prob.tolist()))
    (here / "two.json").write_text(json.dumps({"one": exact.argmax(1).tolist(), "two": ((label + 1) % 3).tolist()}))
    lines = [json.dumps({"id": row, "probs": prob[row].tolist(), "text": "x" * 300}) for row in range(EXAMPLES)]
    (here / "lines.jsonl").write_text("\n".join(lines))
    parquet.write_table(pa.table({"id": range(EXAMPLES), "probs": list(prob)}), here / "table.parquet")
    feather.write_feather(pa.table({f"p{at}": prob[:, at] for at in range(CLASSES)}), here / "table.feather")
    zarr.save(str(here / "array.zarr"), prob)
    halves = [torch.tensor(logits[:16]), torch.tensor(logits[16:])]
    torch.save(halves, here / "batches.pt")
    torch.save(
        [{"logits": half, "id": torch.arange(16 * at, 16 * at + len(half))} for at, half in enumerate(halves)],
        here / "named.pt",
    )
    samples(here / "samples_task.jsonl", order, logits, label)
    return SimpleNamespace(path=here, label=label, exact=exact, part=part)


def gathered(files, *names, labels: str | None = "label.npy", **said):
    spec = None if labels is None else str(files.path / labels)
    return gather([str(files.path / name) for name in names], Options(labels=spec, **said), Scratch(None))


FORMATS = {
    **dict.fromkeys(
        ["prob.npy", "packed.npz", "bare.csv", "list.json", "lines.jsonl", "table.parquet"], "probabilities"
    ),
    **dict.fromkeys(["table.feather", "array.zarr"], "probabilities"),
    **dict.fromkeys(["logit.npy", "trainer.npz", "batches.pt", "named.pt", "samples_task.jsonl"], "logits"),
    "fortran.npy": "log-probabilities",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_log_probabilities(files, name):
    found = gathered(files, name)
    assert list(found.kinds) == [FORMATS[name]]
    np.testing.assert_allclose(found.predictions.log_prob(0), files.exact, atol=1e-6)
    np.testing.assert_array_equal(found.predictions.label, files.label)
    assert found.names == [name.rpartition(".")[0]]


@pytest.mark.parametrize("name", ["shuffled.csv", "turned.csv"])
def test_rows_are_matched_by_ids_and_columns_by_the_names_of_classes(files, name):
    found = gathered(files, "turned.csv", name, labels="truth.csv") if name != "turned.csv" else None
    found = found or gathered(files, "shuffled.csv", name, labels="truth.csv:label")
    assert list(found.predictions.class_names) == (["c", "a", "b"] if name == "shuffled.csv" else ["a", "b", "c"])
    classes = [("abc").index(one) for one in found.predictions.class_names]
    for model in (0, 1):
        np.testing.assert_allclose(found.predictions.log_prob(model), files.exact[:, classes], atol=1e-6)
    assert [found.predictions.class_names[one] for one in found.predictions.label] == [*np.array([*"abc"])[files.label]]
    assert found.ids[3] == "r3"


def test_files_without_ids_are_named_where_labels_have_some(files):
    (note,) = [note for note in gathered(files, "prob.npy", labels="truth.csv").notes if note.startswith("Without ids")]
    assert "prob.npy; their rows are assumed to be in the order of" in note
    assert not [note for note in gathered(files, "shuffled.csv", labels="truth.csv").notes if "Without ids" in note]


def test_classes_may_be_texts_and_several_models_lie_in_one_file(files):
    found = gathered(files, "predict.txt", labels="truth.csv:label")
    assert (found.bare, list(found.predictions.class_names)) == (True, ["a", "b", "c"])
    votes = found.predictions.log_prob(0)
    np.testing.assert_array_equal(votes.argmax(1), files.exact.argmax(1))
    assert set(np.exp(votes).ravel().tolist()) == {0.0, 1.0}
    assert gathered(files, "two.json").names == ["one", "two"]
    assert gathered(files, "cube.npy").names == ["0", "1"]
    assert gathered(files, "two.json:one").names == ["two"]


@pytest.mark.parametrize("name", ["trainer.npz", "samples_task.jsonl"])
def test_labels_are_taken_from_the_files_where_they_hold_them(files, name):
    found = gathered(files, name, labels=None)
    order = np.arange(EXAMPLES) if name == "trainer.npz" else np.array(found.ids, dtype=int)
    np.testing.assert_array_equal(found.predictions.label, files.label[order])
    np.testing.assert_allclose(found.predictions.log_prob(0), files.exact[order], atol=1e-6)


def test_probabilities_beside_classes_vote_and_it_is_said(files):
    found = gathered(files, "prob.npy", "predict.txt", labels="truth.csv:label")
    assert (found.bare, list(found.kinds)) == (True, ["probabilities", "labels"])
    assert "its confidence is left out" in found.warnings[0]
    np.testing.assert_array_equal(found.predictions.log_prob(0), found.predictions.log_prob(1))


def test_one_number_is_of_the_second_class_where_there_are_two():
    label, one = np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.4, 0.6])
    for values, kind in ((one, ""), (one[:, None], ""), (np.log(one / (1 - one)), "logits")):
        found = gather({"net": values}, Options(kind=kind), Scratch(None), label)
        np.testing.assert_allclose(np.exp(found.predictions.log_prob(0)), np.stack([1 - one, one], 1), atol=1e-6)


def test_a_probability_of_0_for_the_truth_is_warned_of():
    label, prob = np.array([0, 1, 1]), np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
    found = gather({"net": prob, "log": np.log(prob * 0.98 + 0.01)}, Options(), Scratch(None), label)
    assert list(found.warnings) == [
        "net gives the class of 2 examples probability 0: its log-likelihood is infinite, and has no interval"
    ]
    with np.errstate(divide="ignore"):
        found = gather({"log": np.log(prob)}, Options(), Scratch(None), label)
    assert len(found.warnings) == 1


def test_what_is_beside_the_labels_is_parts_and_groups(files):
    found = gathered(files, "shuffled.csv", labels="truth.csv:label", parts="part", examples_group="part")
    assert np.asarray(found.parts).tolist() == files.part
    assert np.asarray(found.predictions.example_group)[:4].tolist() == [0, 1, 0, 1]
    found = gathered(files, "prob.npy", "logit.npy", "fortran.npy", groups={"a": "p*,logit", "b": "fortran"})
    assert found.groups == {"a": [0, 1], "b": [2]}


def test_a_regression_has_means_or_means_and_variances():
    target, stream = np.linspace(0.1, 2.2, 9), np.random.default_rng(0)
    mean, variance = target + stream.normal(size=9), stream.uniform(0.5, 2, 9)
    found = gather({"a": np.stack([mean, variance], 1)}, Options(), Scratch(None), target)
    assert (found.task, found.bare) == ("regression", False)
    np.testing.assert_allclose(found.predictions.log_prob(0), np.stack([mean, np.log(variance)], 1), rtol=1e-6)
    found = gather({"a": mean}, Options(), Scratch(None), target)
    assert (found.task, found.bare, found.predictions.label.shape) == ("regression", True, (9, 1))
    variance[4] = -1
    with pytest.raises(InputError, match="row 4: variance -1, expected above 0"):
        gather({"a": np.stack([mean, variance], 1)}, Options(), Scratch(None), target)


@pytest.mark.parametrize("kind", ["lines", "object", "table"])
def test_standard_input_is_told_by_how_it_begins(kind):
    label, one, two = [0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 0]
    rows = [dict(zip(("label", "one", "two"), row, strict=True)) for row in zip(label, one, two, strict=True)]
    said = {
        "lines": "\n".join(map(json.dumps, rows)),
        "object": json.dumps({"label": label, "one": one, "two": two}),
        "table": "label,one,two\n" + "\n".join(",".join(map(str, row.values())) for row in rows),
    }[kind]
    read = told_apart(standard_input(said.encode()), examples=None, numbers=False)
    assert {name: list(rows[:]) for name, rows in read.models.items()} == {"one": one, "two": two}
    assert np.asarray(read.label).tolist() == label


def test_columns_of_probabilities_are_models_where_they_do_not_sum_to_1():
    rows = ["label,net,other,id", "0,.1,.3,a", "1,.9,.6,b", "1,.8,.7,c", "0,.2,.4,d"]
    read = told_apart(standard_input("\n".join(rows).encode()), examples=4, numbers=False)
    assert {name: list(values[:]) for name, values in read.models.items()} == {
        **{"net": [0.1, 0.9, 0.8, 0.2], "other": [0.3, 0.6, 0.7, 0.4]},
    }
    rows = [",".join([*row.split(",")[:2], f"{1 - float(row.split(',')[1]):.1f}"]) for row in rows[1:]]
    read = told_apart(standard_input("\n".join(["label,no,yes", *rows]).encode()), examples=4, numbers=False)
    assert (list(read.models), read.class_names) == ([""], ("no", "yes"))


def test_models_are_called_after_their_files():
    assert names_of(["x/a.npy", "y/a.npy", "b.csv", "model.v2", "-"]) == ["x/a", "y/a", "b", "model.v2", "stdin"]
    assert names_of(["x/a.npy", "x/a.csv", "b.npz"]) == ["x/a.npy", "x/a.csv", "b"]
    assert names_of(["all.csv:one", "all.csv:two"]) == ["all.csv:one", "all.csv:two"]


@pytest.mark.parametrize(
    ("first", "turned"), [(0, [0, 1, 2]), (0, [1, 2, 0]), (1, [0, 1, 2]), (1, [2, 0, 1]), (7, [1, 0, 2])]
)
def test_labels_that_are_numbers_are_those_in_the_names_of_columns(files, tmp_path, first, turned):
    prob = np.exp(files.exact)
    rows_of(tmp_path / "numbered.csv", {f"prob_{first + at}": prob[:, at] for at in turned})
    label = np.where(files.label == 2, 1, files.label) + first  # the last class has no example
    found = gather([str(tmp_path / "numbered.csv")], Options(), Scratch(None), label)
    assert found.predictions.class_names == [str(first + at) for at in range(CLASSES)]
    np.testing.assert_array_equal(found.predictions.label, label - first)
    said = np.exp(found.predictions.log_prob_of(0, slice(0, EXAMPLES)))
    np.testing.assert_allclose(said, prob, rtol=1e-5)


def test_some_examples_are_read_without_the_others(files, tmp_path):
    predictions = gathered(files, "prob.npy", "logit.npy").predictions
    assert isinstance(predictions, InBlocks)
    np.testing.assert_array_equal(of_examples(predictions, 1, slice(5, 9)), predictions.log_prob(1)[5:9])
    np.testing.assert_array_equal(stacked(predictions, [0, 1], slice(30, None))[1], predictions.log_prob(1)[30:])
    rows = np.array([2, 7, 33])
    some = predictions.sample(rows)
    assert isinstance(some, GivenPredictions)
    np.testing.assert_array_equal(some.log_prob(0), predictions.log_prob(0)[rows])
    large = np.random.default_rng(0).normal(size=(300_000, 8))
    kept = Scratch(tmp_path / "scratch").keep(large, "large.csv")
    assert isinstance(kept, NpyFile)
    np.testing.assert_array_equal(kept[7:9], large[7:9].astype(np.float32))


def test_a_small_parquet_file_that_repeats_a_long_text_takes_no_room(tmp_path):
    texts = pa.DictionaryArray.from_arrays(np.zeros(2_000, dtype=np.int32), ["x" * 100_000])
    raw = pa.DictionaryArray.from_arrays(texts.indices, [b"x" * 100_000])
    name = pa.array([f"r{row}" for row in range(2_000)])
    whole = pa.table({"id": name, "prediction": np.arange(2_000) % 3, "note": texts, "raw": raw})
    parquet.write_table(whole, tmp_path / "a.parquet", store_schema=False)  # not dictionary-encoded for readers
    before = pa.default_memory_pool().max_memory()
    found = read_parquet(tmp_path / "a.parquet")
    assert pa.default_memory_pool().max_memory() < before + 50_000_000  # 400 MB as plain texts
    assert list(found.arrays) == ["id", "prediction"]
    assert found.arrays["id"][:2].tolist() == ["r0", "r1"]
    coded = pa.DictionaryArray.from_arrays([0, 1, 0], [5, 7])
    long = ["x" * 200, "y", "y"]
    kept = table(pa.table({"coded": coded, "long": long, "longer": [one + "z" for one in long]}), "here").arrays
    assert (list(kept), kept["coded"].tolist()) == (["coded", "long"], [5, 7, 5])
