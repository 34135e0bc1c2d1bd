"""A fifth score, added by one entry for the tests: results, figures, tables and the page's scores show it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr
from charted import texts
from example_results import example_result

from modescape.analyses import figures
from modescape.metrics import SCORES, Score
from modescape.report.sections import summarize
from modescape.report.verdict import judge

TOP = Score(
    label="Top-5 accuracy",
    short="top-5 accuracy",
    higher_is_better=True,
    per_example=lambda log_prob, label: ((-log_prob).argsort(-1)[..., :5] == label[:, None]).any(-1).astype(np.float64),
    percent=True,
)
SHOWING = [
    "ensemble_size",
    "cyclic",
    *(pytest.param(name, marks=pytest.mark.ci) for name in ("ensemble_methods", "shift")),
]


@pytest.fixture(autouse=True)
def fifth() -> Iterator[None]:
    """The scores and a fifth one, added by a single line."""
    SCORES["top5"] = TOP
    yield
    del SCORES["top5"]


def with_fifth(name: str) -> xr.Dataset:
    """A made-up result whose fifth score is a copy of its accuracy."""
    dataset = example_result(name)
    more = dataset.sel({"metric": ["accuracy"]}).assign_coords(metric=["top5"])
    grown = xr.concat([dataset, more], "metric", data_vars="minimal", coords="minimal", compat="equals", join="outer")
    return grown.assign_attrs(dataset.attrs)


PAIRED = ("ensemble_methods", "shift")  # their figures draw differences from one network


@pytest.mark.parametrize("name", SHOWING)
def test_figures_show_it(name: str) -> None:
    dataset = with_fifth(name)
    paper = figures.draw(name, dataset)
    words = {text for axes in paper.axes for text in (axes.get_ylabel(), axes.get_xlabel())}
    page = set(texts(figures.interactive(name, dataset)))
    if name in PAIRED:
        assert "Minus one network's (points)" in words
        assert "Top-5 accuracy, paired: above 0 is better" in page
        return
    assert "Top-5 accuracy (%)" in words
    assert {"Top-5 accuracy (%)", "Top-5 accuracy: higher is better"} <= page


@pytest.mark.parametrize("name", SHOWING)
def test_tables_show_it_as_a_percentage(name: str) -> None:
    summary = summarize(name, with_fifth(name))
    ours, known = (
        [at for at, text in enumerate(summary.header) if text.split(", 95 %")[0] in (start, f"ensemble: {start}")]
        for start in ("top-5 accuracy", "accuracy")
    )
    assert len(ours) == len(known) == 1
    for row in summary.rows:
        assert row[ours[0]] == row[known[0]]
    if name == "cyclic":
        assert any(head.startswith("difference: top-5 accuracy (points)") for head in summary.header)


def test_the_scores_of_the_page_show_it() -> None:
    rows = {row[0]: row for row in judge({"ensemble_size": with_fifth("ensemble_size")}).scores}
    assert list(rows) == [
        "Negative log-likelihood (nats)",
        "Brier score",
        "Expected calibration error",
        "Top-5 accuracy",
    ]
    assert all("%" in cell for cell in rows["Top-5 accuracy"][2:4])
    assert rows["Top-5 accuracy"][4].endswith("points")
    assert [row[1] for row in rows.values()] == ["lower", "lower", "lower", "higher"]
