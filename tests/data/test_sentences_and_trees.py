"""Sentences as tokens, and trees from a user's function: what is read, and what is refused."""

import sys

import numpy as np
import pytest
import torch

from modescape import data, recipe
from modescape.data import docstrings
from modescape.data.tokenizer import UNKNOWN, Tokenizer, tokenizer
from modescape.errors import InputError

TEXTS = ["ice and snow", "sun", "hot sand", "frost"] * 8
LINES = ["review\tkind", *(f"{text}\t{'cold' if 'ice' in text or 'frost' in text else 'warm'}" for text in TEXTS)]


def settings(source, **more):
    return recipe.Data(source=str(source), **{"test": 8, "validation": 8, "text": "review", "target": "kind", **more})


def test_bytes_are_padded_and_masked(tmp_path):
    (tmp_path / "t.tsv").write_text("\n".join(LINES))
    found = data.load(settings(tmp_path / "t.tsv", length=12), 0)
    tokens, mask = found.train.preparation(recipe.Data()).pick(found.train.inputs, torch.arange(4)[None])
    for row, keep in zip(tokens[0], mask[0], strict=True):
        assert bytes((row[keep] - 2).tolist()).decode() in TEXTS
        assert not row[~keep].any()
        assert keep.tolist() == sorted(keep.tolist(), reverse=True)
    assert (tokens.dtype, mask.dtype, found.shape.offered) == (
        torch.int64,
        torch.bool,
        {"vocabulary": 258, "length": 12},
    )


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (
            {},
            {"length": 11},
            r"row 0, column 'review': the text has 12 tokens, data.length is 11; .*data\.truncate=true",
        ),
        ({3: "\twarm"}, {}, "row 2, column 'review': the text is missing"),
        ({}, {"text": "words"}, "no column 'words'; name it with --set data.text=COLUMN; its columns: review, kind"),
        ({}, {"tokenizer": "none.txt"}, "data.tokenizer 'none.txt' is neither 'bytes' nor a UTF-8 file"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path, change, more, message):
    lines = [change.get(number, line) for number, line in enumerate(LINES)]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        data.load(settings(tmp_path / "t.tsv", **more), 0)


def test_longer_sentences_are_cut_where_that_is_asked_for(tmp_path):
    (tmp_path / "t.tsv").write_text("\n".join(LINES))
    found = data.load(settings(tmp_path / "t.tsv", length=5, truncate=True), 0)
    assert found.notes == ("16 sentences are cut off after 5 tokens (data.length).",)
    assert found.train.inputs["token"].shape[1] == 5


def test_tokens_of_a_file_are_the_longest_that_fit(tmp_path):
    (tmp_path / "vocab.txt").write_text("sun\nsunny\nday\nd\n")
    tool = tokenizer(str(tmp_path / "vocab.txt"))
    assert tool.tokens("sunny sunday dax") == [3, 2, 4, 5, UNKNOWN, UNKNOWN]
    assert tool.size == 6
    assert Tokenizer().tokens("é") == [2 + byte for byte in "é".encode()]


def test_docstrings_are_sentences_of_three_subjects():
    found = docstrings.docstrings()
    assert set(found["subject"]) == set(docstrings.SUBJECTS)
    assert len({*found["text"]}) == len(found["text"]) > 2400  # validation and test leave 950 for training
    counts = [found["subject"].count(subject) for subject in docstrings.SUBJECTS]
    assert max(counts) <= docstrings.MOST_SENTENCES < 1.2 * min(counts)
    assert max(map(len, found["text"])) <= recipe.Data().length


MODULE = """
import numpy as np

def load():
    stream = np.random.default_rng(0)
    x, label = stream.normal(size=(60, 3)), np.arange(60) % 2
    return {"train": ({"x": x, "mask": x[:, 0] > 0}, label), "test": ({"x": x[:9], "mask": x[:9, 0] > 0}, label[:9])}

def odd():
    (inputs, label) = load()["train"]
    inputs["x"][7, 1] = np.nan
    return {"train": (inputs, label)}

def short():
    (inputs, label) = load()["train"]
    return {"train": (inputs, label[:-1])}

def nothing():
    return [1]

def failing():
    raise ImportError("no such neighbour")

COUNT = 1
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_examples.py").write_text(MODULE)
    yield "their_examples"
    sys.modules.pop("their_examples", None)


def test_a_function_gives_a_tree(module):
    found = data.load(recipe.Data(inputs="tree", source=f"{module}:load", validation=10), 0)
    prepared = found.train.preparation(recipe.Data()).pick(found.train.inputs, torch.arange(6).view(2, 3))
    assert {name: (leaf.dtype, tuple(leaf.shape)) for name, leaf in prepared.items()} == {
        "x": (torch.float32, (2, 3, 3)),
        "mask": (torch.bool, (2, 3)),
    }
    assert found.shape.offered == {"input_shapes": [[3], []]}
    assert [len(one.label) for one in (found.train, found.validation, found.test)] == [50, 10, 9]
    assert np.isfinite(found.train.inputs["x"].numpy()).all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("their_examples:odd", "train: row 7 of the inputs holds a number that is not finite"),
        ("their_examples:short", "59 examples, as many as targets"),
        ("their_examples:nothing", "gives list, expected a dictionary"),
        ("their_examples:absent", "'their_examples' has no 'absent'"),
        ("their_example:load", "cannot import 'their_example' .*; it must be installed or lie in the current folder"),
        ("their_examples", "is incomplete, expected package.module:callable"),
        ("their_examples:COUNT", "is int, expected a function"),
        ("their_examples:failing", "failed: ImportError: no such neighbour"),
        ("os:getcwd", "belongs to Python's standard library"),
    ],
)
def test_functions_that_give_something_else(module, source, message):
    with pytest.raises(InputError, match=message):
        data.load(recipe.Data(inputs="tree", source=source), 0)
