"""Shift and out-of-distribution data for rows, sentences and a regression, through the whole pipeline."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from modescape import pipeline
from modescape.study import Study, layout
from modescape.study.offering import offer
from modescape.wording.examples import in_words_of

FEW = ["train.members=2", "train.epochs=2", "train.trajectories=0", "analyses=[shift, ood]"]
FEW_DRAWS = ["subspace.samples=2", "subspace.choosing=2", "subspace.runs=2", "subspace.variant=paper"]


def page_of(study: Study) -> str:
    return (study.path / layout.REPORT).read_text(encoding="utf-8")


@pytest.mark.ci
@pytest.mark.long
@pytest.mark.parametrize("variance", ["true", "false"])
def test_a_regression_under_shift_and_on_other_data(tmp_path, variance):
    small = ["data.test=120", "data.validation=60", f"task.variance={variance}", *FEW]
    study = pipeline.run("diabetes", tmp_path / "here", overrides=[*small, "compute.engine=here"])
    shift, ood = study.result("shift"), study.result("ood")
    assert shift["score"].dims == ("approach", "metric", "severity")
    assert shift.attrs["task"] == "regression"
    assert np.isfinite(shift["score"]).all()
    assert (shift["score"].sel(metric="rmse").diff("severity")[:, -1] > 0).all()
    known, sampled = offer(study).predictions["test"], study.sampled_predictions("test")
    assert len(sampled) == 2
    if variance == "false":  # one variance for all rows, from validation errors, independent of the row
        assert np.ptp(shift["within"].values) == pytest.approx(0, abs=1e-6)
        assert np.isnan(ood["auroc"].sel(metric="within")).all()
        assert float(shift["within"][0]) == pytest.approx(
            np.sqrt(np.mean([np.exp(known.log_prob(row)[0, 1].astype(float)) for row in known.groups["independent"]])),
            rel=1e-6,
        )
    else:
        assert np.ptp(shift["within"].values) > 0
        assert np.isfinite(ood["auroc"].sel(metric="variance")[:, 1:]).all()
    assert "unit of the target" in page_of(study)
    assert study.recipe.data.ood == ["permuted", "noise"]
    # the same bytes from worker processes, and after a prediction was lost
    other = pipeline.run("diabetes", tmp_path / "there", overrides=[*small, "compute.engine=processes"])
    assert results(other) == results(study)
    shutil.rmtree(study.path / layout.PREDICTIONS / layout.SAMPLED / "shift-3")
    (study.path / layout.RESULTS / "shift.nc").unlink()
    assert results(pipeline.run(study.path)) == results(other)
    # with another column, `shift` is measured again from existing predictions
    assert "values of bmi" not in shift.attrs["selected_words"]
    again = pipeline.run("diabetes", tmp_path / "here", overrides=[*small, "data.shift_column=bmi"])
    assert "values of bmi" in again.result("shift").attrs["selected_words"]
    assert results(again)["ood"] == results(other)["ood"]


def results(study: Study) -> dict[str, bytes]:
    return {name: (study.path / layout.RESULTS / f"{name}.nc").read_bytes() for name in ("shift", "ood")}


@pytest.mark.ci
@pytest.mark.parametrize(("recipe", "word", "kinds", "other"), [
    ("table", "rows", ["noise", "missing_cells", "covariate_shift"], ["permuted", "noise"]),
    pytest.param("text", "sentences", ["typos", "dropped_words"], ["shuffled", "noise"], marks=pytest.mark.long),
])  # fmt: skip
def test_classes_of_rows_and_sentences_under_shift_and_on_other_data(tmp_path, recipe, word, kinds, other):
    small = ["model.arguments={width: 16, blocks: 1, heads: 2, dropout: 0.1}"] if recipe == "text" else []
    settings = [*FEW, *FEW_DRAWS, *small, "data.test=60", "data.train=150", "compute.engine=here"]
    study = pipeline.run(recipe, tmp_path / "study", overrides=settings)
    shift, ood = study.result("shift"), study.result("ood")
    assert shift["corruption"].values.tolist() == kinds
    assert not shift["without_effect"].any()
    assert ood["corruption"].values.tolist() == ["in distribution", *other]
    assert np.isfinite(shift["score"]).all()
    assert shift.attrs["examples_word"] == study.manifest["inputs"]["word"] == word
    text = page_of(study)
    assert in_words_of(word, "Under corrupted images") in text
    assert " an row" not in text
    assert "a image" not in text
    for figure in ("shift", "ood"):
        assert "mages" not in study.figure_path(figure, "svg").read_text(encoding="utf-8")
