"""The simulation behind docs/seeds.md: its main results at small size, and that the script runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "seeds.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_seeds", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def normal(numbers, shape):
    return numbers.normal(size=shape)


@pytest.mark.long
def test_intervals_cover_tests_keep_their_level_and_ranges_hold_what_it_takes(bench):
    numbers = np.random.default_rng(0)
    for share in bench.coverage(normal, 0.0, 1000, numbers)["t"].values():
        assert share == pytest.approx(0.95, abs=0.021)  # 3 standard errors of 1,000 draws
    wrong = bench.differences(normal, 400, numbers)
    assert max(wrong["Welch"].values()) <= 0.05 + 0.033
    assert max(wrong["permutation"].values()) <= 0.05 + 0.033
    looked = bench.looking(normal, 0.0, 1000, numbers)
    assert looked["e process"] <= 0.05
    assert looked["t test after every run"] > 0.3
    assert looked["asymptotic sequence"] > 0.1  # the reason for the exact sequence
    planned = bench.planning(300, numbers)
    assert planned["power with these"] == pytest.approx(0.8, abs=0.07)
    assert planned["range from 5 pilot runs holds it"] == pytest.approx(0.95, abs=0.04)
