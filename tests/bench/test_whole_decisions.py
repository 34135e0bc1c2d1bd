"""Studies of the benchmark of decisions that go through the whole pipeline."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modescape.cli import cli

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def whole():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        yield importlib.import_module("decisions_pipeline")


@pytest.fixture
def tiny(whole):
    return replace(whole.STUDIES[4], train=60, validation=40, test=60, members=2, epochs=2)


def rows(count=360):
    random = np.random.default_rng(0)
    features = random.normal(size=(count, 5))
    return features, (features[:, 0] + random.normal(size=count) > 0).astype(int)


def test_what_is_held_back_is_in_no_part_of_the_study(whole, tiny):
    features, target = np.arange(400.0)[:, None], np.arange(400)
    parts = whole.parts_of(tiny, (features, target), 0)
    seen, truth = parts["seen"], parts["truth"]
    np.testing.assert_array_equal(seen["x"], truth["x"])
    assert [len(seen["x"]), len(seen["test_x"]), len(truth["test_x"])] == [100, 60, 240]
    every = np.concatenate([seen["x"], seen["test_x"], truth["test_x"]])
    np.testing.assert_array_equal(np.sort(every[:, 0]), target)
    np.testing.assert_array_equal(truth["test_x"][:, 0], truth["test_y"])


@pytest.mark.ci
def test_a_whole_study_is_decided_and_judged(whole, tiny, tmp_path, monkeypatch):
    """Through the commands, in this process."""

    def command(*arguments):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            cli.main(list(arguments), standalone_mode=False)
        return said.getvalue()

    monkeypatch.setattr(whole, "run_command", command)  # in this process: a new one imports everything again
    found = whole.carried_out(tiny, rows(), 0, tmp_path)
    assert found["held"] == 200
    shares = sys.modules["decisions_truth"].summary([found], 0.01)
    assert (shares["studies"], list(shares["by_network"]), list(shares["by_kind"])) == (1, ["mlp"], ["own"])
    assert found["regret"] >= 0
    assert found["left_of_best"] >= found["left"]
    monkeypatch.setattr(whole, "same_weights", lambda *_: False)  # differing weights would be a bug of ours
    with pytest.raises(RuntimeError, match="differ"):
        whole.carried_out(tiny, rows(), 0, tmp_path)
