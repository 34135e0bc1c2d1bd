"""Rows, sentences and trees, shifted and out of distribution: stated strengths, draws from the seed alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from modescape import data, recipe
from modescape.batches import leaves
from modescape.data.inputs.row_shifts import EMPTIED, NOISE, UNKNOWN, UPPER, shift_column
from modescape.data.inputs.word_shifts import DROPPED, MISSPELT, chosen_places, misspelt, without_words
from modescape.data.shift import Shift
from modescape.data.unlike import check_other, load_other, sources_of
from modescape.errors import InputError, NotEnough
from modescape.pipeline.fitting import refuse_other_task
from modescape.recipe import parse
from modescape.rng import key, words

SEVERITIES = (1, 2, 3, 4, 5)


def table(path, rows=600, seed=0, colours=("red", "blue", "green")):
    """Three numbers, of which the first two are correlated, a category, and a class."""
    stream = np.random.default_rng(seed)
    a, c = stream.normal(50, 10, rows), stream.normal(size=rows)
    b = a / 10 + stream.normal(0, 0.2, rows)
    colour = np.array(colours)[stream.integers(0, len(colours), rows)]
    lines = ["a,b,c,colour,kind"]
    lines += [
        f"{x},{y},{z},{own},{'high' if x + 10 * z > 50 else 'low'}"
        for x, y, z, own in zip(a, b, c, colour, strict=True)
    ]
    path.write_text("\n".join(lines))
    return recipe.Data(source=str(path), target="kind", test=300, validation=50)


@pytest.fixture
def rows(tmp_path):
    settings = table(tmp_path / "t.csv")
    return settings, data.load(settings, 0)


def under(dataset, name, severity, seed=0):
    """All test examples under one corruption."""
    made = Shift.of(dataset.test, None, seed).made
    return made.images(name, severity, torch.arange(len(dataset.test.label)))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_the_stated_deviation_in_that_of_the_training_rows(rows, severity):
    _, found = rows
    noise = under(found, "noise", severity)["number"] - found.test.inputs["number"]
    over = (noise / found.train.inputs["number"].std(0, correction=0)).numpy() / NOISE[severity - 1]
    # 900 numbers: the standard error of the deviation is 1 / sqrt(1800) = .024, of the mean .033
    assert over.std() == pytest.approx(1, abs=0.1)
    assert over.mean() == pytest.approx(0, abs=0.14)
    assert torch.equal(under(found, "noise", severity)["category"], found.test.inputs["category"])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_the_share_of_missing_cells_is_exact(rows, severity):
    _, found = rows
    made = under(found, "missing_cells", severity)
    emptied = torch.cat([made["number"].isnan(), made["category"] == UNKNOWN], 1)
    wanted = 4 * EMPTIED[severity - 1]
    count = emptied.sum(1)
    assert set(count.tolist()) <= {int(wanted), int(np.ceil(wanted - 1e-9))}
    # a whole number of cells per row, the share on average: 4 standard errors of 21,000 rows, 4 x .5 / sqrt(21,000)
    many = {name: leaf.repeat(70, 1) for name, leaf in found.test.inputs.items()}
    keys = words(torch.tensor(1), 21_000)
    made_of_many = found.test.kind.shifts.corruptions["missing_cells"].change(found.test.kind, many, severity, keys)
    emptied = made_of_many["number"].isnan().sum(1) + (made_of_many["category"] == UNKNOWN).sum(1)
    assert float(emptied.double().mean()) == pytest.approx(wanted, abs=0.014)
    prepared = found.train.preparation(recipe.Data())
    medians = torch.from_numpy(np.median(found.train.inputs["number"].numpy(), 0))
    filled = {"number": torch.where(made["number"].isnan(), medians, made["number"]), "category": made["category"]}
    assert torch.equal(prepared(made), prepared(filled))  # the stated rule for missing numbers
    emptied_category = made["category"][:, 0] == UNKNOWN
    assert not prepared(made)[emptied_category, 3:].any()  # no category is set
    assert torch.equal(prepared(made)[~emptied_category, 3:].sum(1), torch.ones(int((~emptied_category).sum())))


def test_a_stronger_shift_empties_the_same_cells_and_more(rows):
    _, found = rows
    gone = [under(found, "missing_cells", severity)["number"].isnan() for severity in SEVERITIES]
    assert all(bool((weak <= strong).all()) for weak, strong in pairwise(gone))


def test_covariate_shift_moves_the_mean_of_its_column_up_with_every_severity(rows):
    _, found = rows
    shift = Shift.of(found.test, None, 0)
    chosen = shift.selections["covariate_shift"].chosen
    assert chosen.sum(1).tolist() == [round(300 * share) for share in UPPER]
    column = found.test.inputs["number"][:, 0]
    means = [float(column.mean()), *(float(column[one].mean()) for one in chosen)]
    assert means == sorted(means)
    assert means[-1] == pytest.approx(float(column.sort(descending=True).values[:75].mean()))
    assert all(bool((strong <= weak).all()) for weak, strong in pairwise(chosen))


def test_the_column_of_the_covariate_shift_is_the_most_correlated_one_or_the_named_one(rows):
    settings, found = rows
    kind, inputs = found.test.kind, found.test.inputs
    apart = np.abs(np.corrcoef(inputs["number"].numpy().T)) - np.eye(3)
    assert shift_column(kind, inputs) == apart.mean(0).round(12).argmax()
    named = Shift.of(found.test, None, 0, column="c").selections["covariate_shift"]
    assert "highest values of c" in named.words
    assert named.chosen[4].nonzero()[:, 0].tolist() == sorted(inputs["number"][:, 2].argsort()[-75:].tolist())
    with pytest.raises(InputError, match=r"data\.shift_column is 'colour', and columns of numbers are a, b, c"):
        Shift.of(found.test, None, 0, column="colour")
    made = parse({"name": "t", "data": settings.model_dump() | {"shift_column": "d"}}, "a test")
    with pytest.raises(InputError, match=r"data\.shift_column is 'd'"):
        refuse_other_task(made, found)


def test_every_row_has_one_corruption_at_all_severities_from_the_seed_alone(rows):
    _, found = rows
    shift, again, other = (Shift.of(found.test, None, seed) for seed in (0, 0, 1))
    assert sorted(torch.cat(list(shift.parts.values())).tolist()) == list(range(300))
    assert shift.effect.there.all()
    for severity in SEVERITIES:
        first, second, third = (one.inputs(severity) for one in (shift, again, other))
        assert all(map(same, leaves(first), leaves(second)))
        assert not all(map(same, leaves(first), leaves(third)))
        part = shift.parts["noise"]
        assert same(first["number"][part], under(found, "noise", severity)["number"][part])
    assert all(map(same, leaves(shift.inputs(0)), leaves(found.test.inputs)))
    assert not found.test.inputs["number"].isnan().any()


def same(one, other):
    return torch.equal(one.nan_to_num(nan=-999.0), other.nan_to_num(nan=-999.0))


def test_permuted_columns_keep_their_values_and_lose_what_they_have_to_do_with_others(rows):
    settings, found = rows
    made = load_other("permuted", found.test, None, 0, settings)
    for name in ("number", "category"):
        assert torch.equal(made[name].sort(0).values, found.test.inputs[name].sort(0).values)
    apart = np.corrcoef(made["number"].numpy().T)[0, 1]
    assert abs(apart) < 4 / np.sqrt(300) < np.corrcoef(found.test.inputs["number"].numpy().T)[0, 1]
    again, other = (load_other("permuted", found.test, None, seed, settings) for seed in (0, 1))
    assert torch.equal(made["number"], again["number"])
    assert not torch.equal(made["number"], other["number"])


def test_rows_of_noise_are_three_deviations_wide(rows):
    settings, found = rows
    made = load_other("noise", found.test, 200, 0, settings)
    train = found.train.inputs["number"]
    over = ((made["number"] - train.mean(0)) / train.std(0, correction=0)).numpy()
    assert len(over) == 200
    assert over.std() == pytest.approx(3, abs=0.35)  # 4 standard errors of 600 numbers
    assert set(made["category"][:, 0].tolist()) == {0, 1, 2}


def test_another_file_of_the_same_columns_is_other_data(rows, tmp_path):
    settings, found = rows
    table(tmp_path / "other.csv", rows=80, seed=3, colours=("red", "violet"))
    made = load_other(str(tmp_path / "other.csv"), found.test, 50, 0, settings)
    assert made["number"].shape == (50, 3)
    assert set(made["category"][:, 0].tolist()) == {UNKNOWN, found.test.kind.values[0].index("red")}
    prepared = found.train.preparation(settings)(made)
    assert set(prepared[:, 3:].sum(1).tolist()) == {0, 1}
    (tmp_path / "less.csv").write_text("a,b,kind\n1,2,low\n2,3,high\n")
    with pytest.raises(InputError, match="lacks the column 'c', which the training rows have"):
        load_other(str(tmp_path / "less.csv"), found.test, None, 0, settings)
    (tmp_path / "bad.csv").write_text("a,b,c,colour\n1,2,3,red\n4,5,no number,red\n7,8,9,red\n")
    with pytest.raises(InputError, match="row 1, column 'c': 'no number' is not a finite number"):
        load_other(str(tmp_path / "bad.csv"), found.test, None, 0, settings)
    check_other(str(tmp_path / "other.csv"), found.test, settings)
    with pytest.raises(InputError, match="lacks the column 'c'"):
        check_other(str(tmp_path / "less.csv"), found.test, settings)
    with pytest.raises(InputError, match=r"'gone.csv' does not exist; choose from permuted, noise, or give .* rows"):
        check_other("gone.csv", found.test, settings)


def test_what_the_default_means_for_other_examples_than_images(rows):
    settings, found = rows
    assert sources_of(settings, found.kind) == ["permuted", "noise"]
    assert sources_of(recipe.Data(ood=["permuted"]), found.kind) == ["permuted"]
    assert sources_of(recipe.Data(), data.load(recipe.Data(), 0).kind) == ["rotated", "noise"]


SENTENCE = "It gives back the longest of all lines that were read before the end of the file"


@pytest.mark.parametrize("share", MISSPELT)
def test_the_rate_of_typos_is_exact(share):
    letters = sum(sign.isalpha() for sign in SENTENCE)
    keys = [torch.tensor(key(0, "a test", number)) for number in range(200)]
    counts = [len(chosen_places(letters, share, one)) for one in keys]
    assert set(counts) <= {int(share * letters), int(np.ceil(share * letters))}
    assert np.mean(counts) == pytest.approx(share * letters, abs=4 * 0.5 / np.sqrt(200))
    for count, one in zip(counts[:12], keys, strict=False):
        # each typo is one edit: a swap, a deletion or a replacement
        assert (count > 0) == (distance(SENTENCE, misspelt(SENTENCE, share, one)) > 0)
        assert distance(SENTENCE, misspelt(SENTENCE, share, one)) <= count
    # equal neighbours are not swapped, which would change nothing
    assert all(distance("aaaa", misspelt("aaaa", 0.25, one)) == 1 for one in keys[:60])


def distance(one, other):
    """Damerau's edit distance: fewest insertions, deletions, replacements and swaps of neighbours."""
    table = np.zeros((len(one) + 1, len(other) + 1), dtype=int)
    table[:, 0], table[0] = range(len(one) + 1), range(len(other) + 1)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            steps = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b)]
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                steps.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(steps)
    return table[-1, -1]


def test_dropped_words_leave_the_others_in_their_order():
    every = SENTENCE.split()
    for share in DROPPED:
        for number in range(30):
            left = without_words(SENTENCE, share, torch.tensor(key(1, "a test", number))).split()
            assert len(every) - len(left) in {int(share * len(every)), int(np.ceil(share * len(every)))}
            rest = iter(every)
            assert all(word in rest for word in left)
    assert without_words("alone", 0.5, torch.tensor(7)) == "alone"


@pytest.mark.parametrize("tool", ["bytes", "vocab.txt"])
def test_sentences_are_changed_before_they_are_cut_into_tokens(tmp_path, tool):
    texts = ["ice and more snow", "a sunny day", "hot sand and sun", "frost in the morning"] * 12
    (tmp_path / "t.tsv").write_text("review\tkind\n" + "".join(f"{one}\t{len(one) % 2}\n" for one in texts))
    (tmp_path / "vocab.txt").write_text("\n".join(sorted({word for one in texts for word in one.split()})))
    settings = recipe.Data(
        source=str(tmp_path / "t.tsv"), text="review", target="kind", test=20, validation=8, length=24,
        tokenizer=tool if tool == "bytes" else str(tmp_path / tool),
    )  # fmt: skip
    found = data.load(settings, 0)
    shift, again = Shift.of(found.test, None, 0), Shift.of(found.test, None, 0)
    assert shift.corruptions == ("typos", "dropped_words")
    assert not shift.selections
    for severity in SEVERITIES:
        made = shift.inputs(severity)["token"]
        assert torch.equal(made, again.inputs(severity)["token"])
        assert made.shape == found.test.inputs["token"].shape
        changed = (made != found.test.inputs["token"]).any(1)
        assert changed[shift.parts["dropped_words"]].double().mean() >= (0 if severity < 5 else 0.9)
    kind, part = found.test.kind, shift.parts["dropped_words"]
    own = [kind.texts[number] for number in found.test.inputs["text"][part].tolist()]
    dropped = (shift.inputs(5)["token"][part] != 0).sum(1)
    assert all(int(now) < len(kind.tool.tokens(text)) for now, text in zip(dropped, own, strict=True))
    shuffled = load_other("shuffled", found.test, None, 0, settings)["token"]
    if tool != "bytes":  # the same words in a different order
        assert torch.equal(shuffled.sort(1).values, found.test.inputs["token"].sort(1).values)
    noise = load_other("noise", found.test, None, 0, settings)["token"]
    assert torch.equal(noise != 0, found.test.inputs["token"] != 0)
    assert load_other(str(tmp_path / "t.tsv"), found.test, 5, 0, settings)["token"].shape == (5, 24)


MODULE = """
import numpy as np

def load(seed=0):
    stream = np.random.default_rng(seed)
    x, label = stream.normal(0, [1, 2, 5], size=(400, 3)), np.arange(400) % 2
    return {"train": ({"x": x, "code": label % 2}, label)}

def other():
    return load(1)

def whole():
    inputs, label = load()["train"]
    return {"train": ({"code": label % 2}, label)}
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trees_to_shift.py").write_text(MODULE)
    return "trees_to_shift"


def test_trees_have_noise_on_floating_leaves_and_others_say_that_nothing_shifts_them(module):
    settings = recipe.Data(inputs="tree", source=f"{module}:load", test=200, validation=20)
    found = data.load(settings, 0)
    made = under(found, "noise", 3)
    over = (made["x"] - found.test.inputs["x"]) / found.train.inputs["x"].std(0, correction=0) / NOISE[2]
    assert float(over.std()) == pytest.approx(1, abs=0.12)  # 4 standard errors of 600 numbers
    assert torch.equal(made["code"], found.test.inputs["code"])
    permuted = load_other("permuted", found.test, None, 0, settings)
    assert torch.equal(permuted["x"].sort(0).values, found.test.inputs["x"].sort(0).values)
    assert not torch.equal(permuted["x"], found.test.inputs["x"])
    assert load_other(f"{module}:other", found.test, 10, 0, settings)["x"].shape == (10, 3)
    whole = data.load(settings.model_copy(update={"source": f"{module}:whole"}), 0)
    with pytest.raises(NotEnough, match="nothing shifts these examples: noise changes none of their values"):
        Shift.of(whole.test, None, 0)
    with pytest.raises(InputError, match=r"data\.shift_column is for tables, and the examples are examples"):
        Shift.of(found.test, None, 0, column="x")
    with pytest.raises(InputError, match="examples of 'trees_to_shift:whole' are"):
        load_other(f"{module}:whole", found.test, None, 0, settings)
