"""Sentences of the page claim no more than the results: what intervals cover, what was measured, what is unknown."""

from __future__ import annotations

import re

import pytest
import xarray as xr

from modescape import analyses
from modescape.analyses.ensemble_size import explore, words
from modescape.wording.numbers import SPACE

BOUNDS = re.compile(r"\([^()]*? to [^()]*\)")


def example(name: str) -> xr.Dataset:
    return analyses.ANALYSES[name].part("example").example()


def told(name: str) -> str:
    sentences = analyses.ANALYSES[name].part("verdict").verdict({name: example(name)}).sentences
    return " ".join(sentences.values()).replace(SPACE, " ")


@pytest.mark.parametrize(
    ("name", "whom", "least"),
    [
        ("model_scores", "for these models", 3),
        ("subset_choice", "for these models", 3),
        ("fine_tuning", "for new members", 2),
    ],
)
def test_every_interval_of_the_evidence_names_what_it_is_for(name: str, whom: str, least: int) -> None:
    found = BOUNDS.findall(told(name))
    assert len(found) >= least
    assert all(bounds.endswith(f"{whom})") for bounds in found), found


def sizes(given: bool = False, of_before: bool = False) -> xr.Dataset:
    found = example("ensemble_size")
    found.attrs.update({"given": 1} if given else {})
    if of_before:
        found.attrs["intervals"] = "independent networks: 95 %"
        for name in found.data_vars:
            found[name].attrs.pop("covers", None)
            found[name].attrs.pop("covers_apart", None)
    return found


def test_the_price_of_given_models_is_their_forward_passes_alone() -> None:
    for given in (False, True):
        (view,) = explore.explore({"ensemble_size": sizes(given)}).views
        assert view.sentences
        for sentence in view.sentences.values():
            assert ("times the training" in sentence) is not given
            assert "per prediction" in sentence


def test_a_longer_run_is_named_only_where_there_is_one() -> None:
    (view,) = explore.explore({"ensemble_size": sizes()}).views
    assert "longer run" not in view.about


def test_results_that_do_not_say_what_intervals_are_for_leave_no_gap() -> None:
    before = sizes(of_before=True)
    (view,) = explore.explore({"ensemble_size": before}).views
    summary = words.summarize(before)
    for text in (*view.sentences.values(), summary.text, *summary.header):
        assert not re.search(r", [);]|\( ?;|for ,", text), text
