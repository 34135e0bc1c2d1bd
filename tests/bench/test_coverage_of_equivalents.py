"""The simulation behind docs/intervals.md: its tables are right, and intervals of equivalents cover."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from modescape.metrics import brier_law

SCRIPT = Path(__file__).parents[2] / "bench" / "equivalents.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_equivalents", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def population(bench: ModuleType, spread: str, blocks: int):
    stream = np.random.default_rng(1)
    return bench.population(bench.SPREADS[spread], stream, blocks), stream


def test_its_tables_are_the_law_of_members_with_these_skills(bench):
    truth, stream = population(bench, "unlike", 2)
    chosen = np.array([0, 0, 2, 4])
    label, shared = bench.examples_of(20_000, stream)
    noise, skill = bench.own(4, 20_000, stream), truth.skills[chosen]
    law = brier_law(np.log(bench.probabilities(skill, label, shared, noise)), label)
    method = bench.score(bench.probabilities(skill, label, shared, bench.KEPT[0] * noise), label).mean()
    measured = law.diversity / (method - law.mean_member + law.diversity)
    assert truth.number(chosen)[0] == pytest.approx(measured, rel=0.01)  # 20,000 examples


@pytest.mark.long
@pytest.mark.parametrize("spread", ["alike", "unlike"])
def test_intervals_of_brier_equivalents_cover(bench, spread):
    """The target is .93 to .97, widened by 3 standard errors of 400 draws of 5 members and 300 examples."""
    truth, stream = population(bench, spread, 10)
    new, hits = truth.number(None), np.empty((2, 400, len(bench.KEPT)))
    for draw in range(400):
        chosen = stream.integers(0, len(truth.skills), 5)
        (_, low, high, low_these, high_these), these = bench.one_draw(truth, chosen, 300, stream)
        hits[:, draw] = (low <= new) & (new <= high), (low_these <= these) & (these <= high_these)
    cover = hits.mean(1)[:, np.isfinite(new)]
    assert (cover > 0.93 - 0.038).all()
    assert (cover < 0.97 + 0.026).all()
