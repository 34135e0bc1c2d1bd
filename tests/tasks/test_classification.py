"""Classification as a task: its loss against torch's, class weights, ignored labels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch.nn.functional import cross_entropy

import modescape as ms
from modescape import data, recipe
from modescape.data.dataset import Dataset
from modescape.errors import InputError
from modescape.study.members import KNOWN_COLUMNS, history_columns
from modescape.tasks import CLASSES, TASKS, Classification, scoring_of, task_class, task_of
from modescape.tasks.classification import balanced

MEMBERS, EXAMPLES, COUNT = 3, 20, 4
random = torch.Generator().manual_seed(0)
OUTPUT = torch.randn(MEMBERS, EXAMPLES, COUNT, generator=random, dtype=torch.float64)
LABEL = torch.randint(0, COUNT, (MEMBERS, EXAMPLES), generator=random)
SHARES = torch.rand(MEMBERS, EXAMPLES, COUNT, generator=random, dtype=torch.float64).softmax(-1)
WEIGHTS = (0.5, 2.0, 1.0, 0.0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("target", [LABEL, SHARES], ids=["classes", "shares"])
def test_the_mean_loss_is_that_of_torch_alone_and_stacked(weights, target, smoothing):
    task = Classification(COUNT, weights).smoothed(smoothing)
    more = {"weight": None if weights is None else torch.tensor(weights).double(), "label_smoothing": smoothing}
    expected = torch.stack([cross_entropy(*one, **more) for one in zip(OUTPUT, target, strict=True)])
    torch.testing.assert_close(task.mean_loss(OUTPUT, target), expected, rtol=1e-13, atol=0)
    alone = torch.stack([task.mean_loss(*one) for one in zip(OUTPUT, target, strict=True)])
    torch.testing.assert_close(alone, expected, rtol=1e-13, atol=0)


def test_the_loss_of_examples():
    expected = -OUTPUT.log_softmax(-1).gather(2, LABEL[..., None])[..., 0]
    torch.testing.assert_close(CLASSES.loss(OUTPUT, LABEL), expected, rtol=1e-13, atol=0)
    weighted = Classification(COUNT, WEIGHTS).loss(OUTPUT, LABEL)
    torch.testing.assert_close(weighted, expected * torch.tensor(WEIGHTS)[LABEL].double(), rtol=1e-13, atol=0)
    assert CLASSES.loss(OUTPUT.bfloat16(), LABEL).dtype == torch.float32


def test_correct_predictions_are_counted_for_classes_and_for_the_largest_share():
    mixed = torch.nn.functional.one_hot(LABEL, COUNT) * 0.6 + 0.1
    expected = [
        sum(int(row.argmax() == label) for row, label in zip(*one, strict=True))
        for one in zip(OUTPUT, LABEL, strict=True)
    ]
    assert CLASSES.tally(OUTPUT, LABEL).tolist() == CLASSES.tally(OUTPUT, mixed).tolist() == expected


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    label = np.array([0, 0, 0, 2, 2, 3])
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=label)
    np.testing.assert_allclose(balanced(label, 4), [expected[0], 0, *expected[1:]], rtol=1e-14)


def test_targets_are_refused_by_row():
    with pytest.raises(InputError, match="the label of row 2 is 4, expected 0 to 3"):
        Classification(COUNT).check(np.array([0, 3, 4]), "x")
    with pytest.raises(InputError, match="expected whole numbers"):
        Classification(COUNT).check(np.array([0.5]), "x")


def test_the_manifest_gives_the_task_back():
    for task in (Classification(7), Classification(2, (1.0, 0.25))):
        about = task.as_dict()
        assert task_of({"num_classes": task.classes, **({"task": about} if about else {})}) == task
    assert set(TASKS) >= {"classification"}
    for about in ({"kind": "ranking"}, {"kind": "classification"}, [], {"kind": ["classification"]}):
        with pytest.raises(InputError, match="none that this version"):
            task_of({"num_classes": 2, "task": about})


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """30 noisy pictures: 10 of each of two classes, 10 with the label -1."""
    label = np.arange(30) % 3 - 1
    image = np.random.default_rng(0).integers(0, 256, (30, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", image=image, label=label)
    return tmp_path / "some.npz"


def loaded(path: Path, **settings: object) -> Dataset:
    return data.load(recipe.Data(source=str(path), test=4, validation=4), 0, task=recipe.Task(**settings))


def test_ignored_labels_are_left_out_of_every_split(labelled):
    with pytest.raises(InputError, match="the label of row 0 is -1"):
        loaded(labelled)
    found = loaded(labelled, ignore=-1)
    assert sum(len(split.label) for split in (found.train, found.validation, found.test)) == 20
    assert "10 examples with the ignored label -1 were left out." in found.notes
    with pytest.raises(InputError, match="no example has the label 5"):
        loaded(labelled, ignore=5)


def test_an_ignored_class_is_no_class_any_more(tmp_path):
    label, image = np.arange(30) % 3, np.random.default_rng(0).integers(0, 256, (30, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "named.npz", image=image, label=label, class_names=np.array(["a", "unknown", "b"]))
    found = loaded(tmp_path / "named.npz", ignore="unknown")
    assert found.class_names == ("a", "b")
    assert sorted(np.bincount(torch.cat([found.train.label, found.validation.label, found.test.label]))) == [10, 10]


def test_weights_of_classes_that_do_not_fit_are_refused(labelled):
    with pytest.raises(InputError, match="has 3 numbers and there are 2 classes"):
        loaded(labelled, ignore=-1, class_weights=[1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="is 0 for every class"):
        loaded(labelled, ignore=-1, class_weights=[0.0, 0.0])
    with pytest.raises(InputError, match="is regression, and the targets are classes"):
        data.load(recipe.Data(), 0, task=recipe.Task(kind="regression"))


@pytest.mark.ci
def test_a_study_with_weighted_classes(labelled, tmp_path):
    settings = [f"data.source={labelled}", "data.test=4", "data.validation=4", "task.ignore=-1"]
    settings += ["train.members=2", "train.epochs=2", "analyses=[training]", "compute.engine=here"]
    plain = ms.run("digits", tmp_path / "plain", overrides=settings)
    study = ms.run("digits", tmp_path / "weighted", overrides=[*settings, "task.class_weights=[3, 1]"])
    assert "task" not in plain.manifest
    assert study.manifest["task"] == {"kind": "classification", "classes": 2, "weights": [3.0, 1.0]}
    assert study.recipe_hash != plain.recipe_hash
    assert study.predictions("test").log_prob(member=1).shape == (4, 2)
    assert not np.array_equal(study.weights(0, 2), plain.weights(0, 2))
    np.testing.assert_array_equal(study.weights(0, 0), plain.weights(0, 0))


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_known_of_a_task_is_what_it_says(kind):
    """Readers of studies do not import tasks, so the registry must agree with the class."""
    known, columns = TASKS[kind], history_columns(TASKS[kind].column)
    target = np.arange(12.0)[:, None] if known.numbers else np.arange(12) % 3
    task = task_class(kind).of_targets(recipe.Task(), target, ("a",) if known.numbers else ("a", "b", "c"))
    assert (task.kind, task.column, task.stored.fields[-1].name) == (kind, known.column, known.last)
    assert (task.stored.target_kind == "float64") == known.numbers
    assert columns in KNOWN_COLUMNS
    scoring = scoring_of(kind)
    assert scoring.of_law in scoring.scores


@pytest.mark.parametrize("seed", range(3))
def test_losses_and_scores_with_weights_and_ignored_labels_equal_scikit_learn(seed, tmp_path):
    """The loss weights classes; scores, without ignored labels, do not. To 1e-9 in float64."""
    draws = np.random.default_rng(seed)
    logits, label = torch.tensor(draws.normal(size=(60, 3))), draws.integers(0, 3, 60)
    weights = (0.5, 2.0, 1.0)
    probability = logits.softmax(-1).numpy()
    weighted = sklearn_metrics.log_loss(label, probability, sample_weight=np.array(weights)[label], labels=range(3))
    found = Classification(3, weights).mean_loss(logits, torch.tensor(label))
    assert float(found) == pytest.approx(weighted, abs=1e-9)
    image = draws.integers(0, 256, (60, 4, 4), dtype=np.uint8)
    image[:, 0, 0] = np.arange(60)
    np.savez(tmp_path / "x.npz", image=image, label=np.where(np.arange(60) % 7 == 0, -1, label))
    section = recipe.Data(source=str(tmp_path / "x.npz"), test=20, validation=10)
    test = data.load(section, 0, task=recipe.Task(ignore=-1, class_weights=list(weights))).test
    rows = test.images[:, 0, 0, 0].long().numpy()  # row numbers in the file
    assert (rows % 7 != 0).all()
    assert test.label.tolist() == label[rows].tolist()
    log_prob = Classification(3, weights).predictive(logits[rows]).numpy()
    every = {"labels": range(3)}
    assert ms.nll(log_prob, test.label.numpy()) == pytest.approx(
        sklearn_metrics.log_loss(label[rows], probability[rows], **every), abs=1e-9
    )
    chosen = sklearn_metrics.accuracy_score(label[rows], probability[rows].argmax(1))
    assert ms.accuracy(log_prob, test.label.numpy()) == pytest.approx(chosen, abs=1e-9)
