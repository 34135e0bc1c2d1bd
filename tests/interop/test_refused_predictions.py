"""Bad predictions are refused plainly, naming file, row and value, before anything is unpacked or run."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from modescape.errors import InputError
from modescape.interop.predictions import Options, gather
from modescape.interop.predictions.lazy import Scratch, check_room

EXAMPLES, CLASSES = 30, 3
DEFLATED = zipfile.ZIP_DEFLATED


class Program:
    """An object whose pickle runs a program when it is loaded."""

    def __reduce__(self):
        return os.system, ("echo ran",)


def declared(shape, there=100):
    """A NumPy file that declares more than it holds."""
    head = io.BytesIO()
    np.lib.format.write_array_header_2_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return head.getvalue() + bytes(there)


def changed(values, row, value):
    values = values.copy()
    values[row] = value
    return values


def table(path, columns):
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    here, stream = tmp_path_factory.mktemp("refused"), np.random.default_rng(2)
    label = stream.integers(0, CLASSES, EXAMPLES)
    prob = stream.dirichlet(np.ones(CLASSES), EXAMPLES)
    arrays = {
        **{
            "label": label,
            "prob": prob,
            "logit": np.log(prob) + 3,
            "short": prob[:20],
            "wide": np.full((EXAMPLES, 4), 0.25),
        },
        **{"sum": changed(prob, 7, [0.5, 0.5, 0.1]), "nan": changed(prob, 7, np.nan), "inf": changed(prob, 8, np.inf)},
        **{"label-high": changed(label, 3, 5), "label-nan": changed(label.astype(float), 3, np.nan)},
        **{
            "one-class": np.zeros(EXAMPLES, int),
            "answer-high": changed(label, 4, 9),
            "answer-low": changed(label, 4, -1),
        },
        **{"objects": np.array([{}], dtype=object), "complex": prob.astype(complex), "wrong": (label + 1) % CLASSES},
    }
    for name, values in arrays.items():
        np.save(here / f"{name}.npy", values)
    np.savez(here / "a.npz", prob=prob)
    np.savez(here / "b.npz", prob=prob)
    np.savez(here / "two.npz", probs=prob, logits=prob)
    np.save(here / "wrong-again.npy", (label + 1) % CLASSES)
    (here / "long.npy").write_bytes(declared((10**9, 10)))
    for name, content in (("long.npz", declared((10**9, 10))), ("bomb.npz", declared((10**12, 10)))):
        with zipfile.ZipFile(here / name, "w", DEFLATED) as packed:
            packed.writestr("p.npy", content)
    with (here / "program.pt").open("wb") as file:
        pickle.dump(Program(), file)
    torch.save({"logits": Program()}, here / "program2.pt")
    torch.save(torch.zeros(1 << 20), here / "prob.pt")
    with (
        zipfile.ZipFile(here / "prob.pt") as whole,
        zipfile.ZipFile(here / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as cut,
    ):
        for name in whole.namelist():
            cut.writestr(name, whole.read(name))
    rows = [f"{row},{one}" for row, one in enumerate(label)]
    (here / "truth.csv").write_text("\n".join(["id,label", *rows]))
    (here / "twice.csv").write_text("\n".join(["id,prediction", *rows[:9], "3,0", *rows[10:]]))
    (here / "lacks.csv").write_text("\n".join(["id,prediction", *rows[:9], "99,0", *rows[10:]]))
    (here / "more.csv").write_text("\n".join(["id,prediction", *rows, "99,0"]))
    (here / "ragged.csv").write_text("a,b,c\n1,2,3\n1,2\n")
    (here / "ragged.json").write_text(json.dumps([[0.5, 0.5], [1]]))
    (here / "cut.json").write_text("[1, 2")
    (here / "text.npy").write_text("hello")
    (here / "text.parquet").write_text("hello")
    (here / "empty.npy").touch()
    (here / "text.csv").write_bytes(b"id,prediction\n\xe9,1\n")
    (here / "notes.md").write_text("hello")
    np.save(here / "percent.npy", 100 * prob)
    np.save(here / "one-hot.npy", np.eye(CLASSES, dtype=int)[label])
    np.save(here / "nothing.npy", prob[:, :0])
    np.save(here / "impossible.npy", changed(np.log(prob) + 3, 5, -np.inf))
    commas = [";".join(f"{one:.6f}".replace(".", ",") for one in row) for row in prob]
    (here / "commas.csv").write_text("\n".join(["prob_0;prob_1;prob_2", *commas]))
    np.save(here / "numbers.npy", prob[:, 0])
    np.save(here / "whole-numbers.npy", 7 * label)
    np.save(here / "binary.npy", label % 2)
    table(here / "one-class.csv", {"prob_0": prob[:, 0]})
    table(here / "deviation.csv", {"mean": prob[:, 0], "std": prob[:, 1]})
    table(here / "sigma.csv", {"prediction": prob[:, 0], "sigma": prob[:, 1]})
    for name, order in (("in-order", range(EXAMPLES)), ("turned", range(EXAMPLES - 1, -1, -1))):
        columns = {f"prob_{'abc'[at]}": prob[order, at] for at in ((0, 1, 2) if name == "in-order" else (2, 0, 1))}
        table(here / f"{name}.csv", {"id": [f"r{row}" for row in order], **columns})
    table(here / "order.csv", {"id": [f"r{row}" for row in range(EXAMPLES)], "label": label})
    table(here / "letters.csv", {"id": [f"r{row}" for row in range(EXAMPLES)], "label": ["abc"[one] for one in label]})
    said = [{"doc_id": 0, "filter": kind, "filtered_resps": [[-1.0, False]] * 2, "target": 0} for kind in "ab"]
    said.append({"doc_id": 1, "filter": "a", "filtered_resps": [[-1.0, False]], "target": 0})
    (here / "samples.jsonl").write_text("\n\n".join(map(json.dumps, said)))
    (here / "names.csv").write_text("\n".join(["id,label", *(f"{row},{'abc'[one]}" for row, one in enumerate(label))]))
    return here


REFUSED = {  # files, labels -> the message
    ("sum.npy", "label.npy"): "sum.npy, row 7: probabilities sum to 1.1, expected 1",
    ("nan.npy", "label.npy"): "nan.npy, row 7: nan is not a number",
    ("inf.npy", "label.npy"): "inf.npy, row 8: inf is not a number",
    ("prob.npy short.npy", "label.npy"): "short.npy' has 20 rows and .*label.npy' has 30",
    ("prob.npy wide.npy", "label.npy"): "prob.npy' has 3 classes and .*wide.npy' has 4",
    ("a.npz b.npz", "label.npy"): "b.npz is .*a.npz: the same predictions",
    ("prob.npy prob.npy", "label.npy"): "prob.npy' is named twice; leave one of them out",
    ("prob.npy a.npz", "label.npy"): "a.npz is .*prob.npy",
    ("wrong.npy wrong-again.npy", "label.npy"): "wrong-again.npy is .*wrong.npy",
    ("two.npz", "label.npy"): "two.npz' holds probs and logits; name one: .*two.npz:probs",
    ("two.npz:prob", "label.npy"): "no column 'prob'; did you mean 'probs'",
    ("prob.npy", "label-high.npy"): "label-high.npy', row 3: the label is 5, expected 0 to 2",
    ("prob.npy", "label-nan.npy"): "label-nan.npy', row 3: the label is missing",
    ("prob.npy", "one-class.npy"): "all labels of .* are 0; expected two classes",
    ("answer-high.npy", "label.npy"): "answer-high.npy', row 4: the prediction is 9, expected 0 to 2",
    ("answer-low.npy", "label.npy"): "answer-low.npy', row 4: the prediction is -1",
    ("objects.npy", "label.npy"): "^'[^']*objects.npy' holds Python objects",
    ("complex.npy", "label.npy"): "complex.npy' holds complex128",
    ("samples.jsonl", "label.npy"): "samples.jsonl', line 5: neither an answer",
    ("bomb.pt", "label.npy"): "bomb.pt' has .* bytes and declares .* inside; save it without compression",
    ("program.pt", "label.npy"): "program.pt' holds more than tensors",
    ("program2.pt", "label.npy"): "program2.pt' holds more than tensors",
    ("long.npy", "label.npy"): r"declares \[1000000000, 10\] numbers, 40,000,000,000 bytes, and holds 100",
    ("long.npz", "label.npy"): "declares .* 40,000,000,000 bytes, and holds 100",
    ("bomb.npz", "label.npy"): "declares .* bytes, and holds 100",
    ("twice.csv", "truth.csv"): "twice.csv' has the id 3 twice, in rows 3 and 9",
    ("lacks.csv", "truth.csv"): "lacks.csv' lacks 1 of the 30 ids of .*truth.csv', such as 9",
    ("more.csv", "truth.csv"): "more.csv' has 1 ids that .*truth.csv' lacks, such as 99",
    ("ragged.csv", "label.npy"): "ragged.csv' cannot be read as a table: .*Expected 3 columns, got 2",
    ("ragged.json", "label.npy"): "ragged.json', row 1: 1 numbers where row 0 has 2",
    ("cut.json", "label.npy"): "cut.json' is not JSON",
    ("text.npy", "label.npy"): "text.npy' cannot be read",
    ("text.parquet", "label.npy"): "text.parquet' cannot be read",
    ("text.csv", "label.npy"): "text.csv' is not UTF-8 text",
    ("empty.npy", "label.npy"): "empty.npy' is empty",
    ("notes.md", "label.npy"): "notes.md' has a format that cannot be read here",
    ("none.npy", "label.npy"): "there is no file '.*none.npy'",
    ("", "label.npy"): "is a folder; expected files",
    ("prob.npy", "truth.csv:lable"): "truth.csv' has no column 'lable'; did you mean 'label'",
    ("wrong.npy", "names.csv"): "wrong.npy' predicts 0, 1, 2, none of which is a label \\(a, b, c\\)",
    ("in-order.csv turned.csv", "label.npy"): "turned.csv' and .*in-order.csv' have different ids, or .* another order",
    ("turned.csv prob.npy", "letters.csv"): "prob.npy' has no names of classes, and .* its own \\(c, a, b\\)",
    ("in-order.csv turned.csv", "order.csv"): "labels are numbers, and .* have their classes in different orders",
    ("one-class.csv", "binary.npy"): "has the probability of '0' alone, and a single one is taken for that of '1'",
    ("one-hot.npy", "label.npy"): "one-hot rows; give the number of the class",
    ("percent.npy", "label.npy"): "sum to 100; divide percentages by 100; for logits, give --kind logits",
    ("deviation.csv", "numbers.npy"): "deviation.csv' has a column 'std'; .* 'mean' and 'variance' are expected",
    ("sigma.csv", "numbers.npy"): "sigma.csv' has a column 'sigma'",
    ("numbers.npy", "whole-numbers.npy"): "expected 0 to 1; .*for a regression give --task regression",
    ("nothing.npy", "label.npy"): "nothing.npy' has shape \\[30, 0\\]: no numbers of any class",
    ("impossible.npy", "label.npy"): "impossible.npy, row 5: -inf is not a number that a prediction may have",
    ("commas.csv", "label.npy"): "commas.csv.* predicts 0,.*, none of which is a label \\(0, 1, 2\\)",
    ("x" * 300 + ".npy", "label.npy"): "there is no file '.*xxx",
    ("prob.npy", None): "prob.npy' holds no labels; give them with --labels",
}


@pytest.mark.parametrize("asked", REFUSED, ids=lambda asked: f"{asked[0] or 'folder'}-{asked[1]}")
def test_bad_input_is_refused_by_file_row_and_value(folder, asked, capfd):
    names, labels = asked
    files = [str(folder / name) for name in names.split(" ")]
    with pytest.raises(InputError, match=REFUSED[asked]) as refused:
        gather(files, Options(labels=None if labels is None else str(folder / labels)), Scratch(None))
    assert len(str(refused.value).splitlines()) == 1
    assert "ran" not in capfd.readouterr().out


def test_what_does_not_fit_is_refused_before_it_is_unpacked(tmp_path):
    with pytest.raises(InputError, match=r"unpacks to 1,000.0 GB and .* GB memory may be taken"):
        check_room(10**12, "large.npz")
    with pytest.raises(InputError, match=r"unpacks to 1,000,000.0 GB and .* are free on the disk"):
        check_room(10**15, "large.csv", tmp_path)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kind": "probs"}, "no kind 'probs'"),
        ({"kind": "labels"}, "--kind labels expects one class per example"),
        ({"kind": "means"}, "is for regression"),
        ({"task": "ranking"}, "no task 'ranking'"),
        ({"groups": {"a": "prop"}}, "no model is called 'prop' .*did you mean 'prob'"),
        ({"groups": {"a": "prob", "b": "pro*"}}, "'prob' is in the groups 'a' and 'b'"),
        ({"parts": "reggion"}, "has no column 'reggion'"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder, said, message):
    with pytest.raises(InputError, match=message):
        gather([str(folder / "prob.npy")], Options(labels=str(folder / "truth.csv"), **said), Scratch(None))


def test_equal_answers_are_no_copy_where_few_are_wrong():
    label = np.arange(20) % 2
    right = {"one": label, "other": label.copy()}
    assert gather(right, Options(), Scratch(None), label).names == ["one", "other"]
    with pytest.raises(InputError, match="other is one"):
        gather({name: 1 - values for name, values in right.items()}, Options(), Scratch(None), label)
