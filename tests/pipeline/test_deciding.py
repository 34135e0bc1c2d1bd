"""The decision on a stored comparison."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import no_figures

import modescape as ms
from modescape.errors import InputError, WorkError
from modescape.pipeline.deciding import decide


def models(examples: int, count: int = 4) -> tuple[dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, examples)
    logits = 1.5 * np.eye(3)[label] + random.normal(0, 1, (count, examples, 3))
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return {f"net {number}": own for number, own in enumerate(share)}, label


@pytest.mark.ci
def test_a_comparison_is_decided_on(tmp_path):
    given, label = models(2000, 3)
    with no_figures():
        ms.compare(given, label, out=tmp_path / "kept")
    found = decide(tmp_path / "kept")
    assert found.decision.advice == "ensemble"
    assert found.table.candidates[0].name == "the best network"
    assert found.decision.candidate(found.table).size > 1
    assert "training" not in found.sentences[0]  # it is already paid for
    assert "the other 1,000 test" in found.sentences[-1]
    given, label = models(15, 2)
    with no_figures():
        ms.compare(given, label, out=tmp_path / "few")
    with pytest.raises(
        InputError, match=r"holds no result to decide on: .* compare the files again: modescape compare"
    ):
        decide(tmp_path / "few")
    result = tmp_path / "kept" / "results" / "model_scores.nc"
    result.write_bytes(result.read_bytes()[:-1])
    with pytest.raises(
        WorkError, match=r"model_scores\.nc' .* has changed since it was written; .*: modescape compare FILE"
    ):
        decide(tmp_path / "kept")


@pytest.mark.ci
def test_the_network_that_is_kept_of_a_comparison_has_a_name(tmp_path):
    given, label = models(1000, 2)
    given |= {"sure": 0.9 * given["net 0"] + 0.1 * np.eye(3)[label]}  # more probability on the label
    with no_figures():
        ms.compare(given, label, out=tmp_path / "kept")
    found = decide(tmp_path / "kept", thresholds={"pass_price": 1.0})
    assert found.decision.candidate(found.table).size == 1
    (named,) = [one for one in found.sentences if one.startswith("The best by its NLL is")]
    assert " ".join(named.split()) == (
        "The best by its NLL is 'sure'; it is the best on 100 % of random halves of the examples."
    )
