"""Analyses that sample or train networks, on a trained study: identities and known limits."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import torch
import xarray as xr
from stand_ins import no_figures

from modescape import analyses, pipeline, tree
from modescape.analyses import sampling
from modescape.analyses.scales import scales
from modescape.context import StudyContext
from modescape.data.shift import Shift
from modescape.errors import NotEnough
from modescape.methods import METHODS
from modescape.metrics import SCORES, BrierLaw, brier, brier_equivalent, brier_law, combine, fit_temperature, rescale
from modescape.progress import Progress
from modescape.study import Study, write_member_state

from .conftest import NETWORKS, SIZES

pytestmark = pytest.mark.ci  # making the study takes longer than all other tests of this folder


class Hearing(Progress):
    """Records messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def solutions(networks: Study) -> np.ndarray:
    """Log-probabilities of the solutions on the test images, as the prediction stage wrote them."""
    predictions = networks.predictions("test")
    return predictions.log_probs([predictions.index(member, 4) for member in networks.trained])


@pytest.fixture(scope="module")
def truth(networks: Study) -> np.ndarray:
    return networks.predictions("test").label


@pytest.fixture(scope="module")
def context(networks: Study) -> StudyContext:
    return StudyContext(networks)


def measured(networks: Study, name: str, **settings):
    return analyses.measure(name, networks, **SIZES.get(name, {}), **settings)


def test_the_single_networks_row_is_its_deterministic_evaluation(networks, solutions, truth):
    found = networks.result("ensemble_methods").sel({"approach": "independent", "size": 1})
    for name, metric in SCORES.items():
        wanted = np.mean(metric(solutions, truth))
        assert float(found["score"].sel(metric=name)) == pytest.approx(wanted, abs=1e-6), name
    under_shift = networks.result("shift").sel({"approach": "single", "severity": 0})
    np.testing.assert_allclose(under_shift["score"], found["score"], atol=1e-6)


def test_the_average_is_evaluated_as_a_network(networks, context):
    around = sampling.neighbourhood(context, 1)
    images = context.dataset.test.inputs[:20]
    found = around.log_prob("weight_average", None, 5, {"": images})[""]
    rows = [tree.ravel(networks.params(1, epoch)).double() for epoch in (2, 3, 4)]  # the last, as many as samples
    network = networks.model()
    network.load_state_dict(tree.unravel(torch.stack(rows).mean(0).float(), networks.params(1, 4)))
    with torch.no_grad():
        wanted = torch.log_softmax(network(images.float() / 255), 1)
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)
    assert len(found) == 1


def test_the_same_samples_whatever_else_is_drawn(context):
    around = sampling.neighbourhood(context, 0)
    images = {"": context.dataset.test.inputs[:10]}
    for method in ("random", "dropout", "mc_dropout", "diagonal", "low_rank", "pca_random", "swag"):
        scale = METHODS[method].base_scale
        many, few = (around.log_prob(method, scale, count, images)[""] for count in (7, 2))
        np.testing.assert_allclose(many[:2], few, atol=1e-6)
        assert not np.allclose(many[0], many[1]), method
        assert len(many) == 7


def test_random_samples_keep_to_the_threshold(context):
    around = sampling.neighbourhood(context, 0)
    split = context.dataset.validation
    found = around.log_prob("random", 0.4, 10, {"": split.inputs})[""]
    right = (found.argmax(-1) == split.label.numpy()).mean(1)
    assert (right >= around.threshold - 1e-9).mean() >= 0.8  # after six tries, a rejected sample is used
    solution = around.log_prob("single", None, 1, {"": split.inputs})[""]
    assert around.threshold == pytest.approx(0.9 * (solution.argmax(-1) == split.label.numpy()).mean())


def test_scales_are_those_with_the_lowest_validation_loss(networks, context):
    result = networks.result("subspace_scales")
    chosen = scales(context)
    for method in result["approach"].values:
        own = result.sel({"approach": method})
        assert float(own["scale"][int(own["chosen"])]) == chosen[str(method)]
        assert float(own["nll"][int(own["chosen"])]) == float(own["nll"].min())


def test_published_scales_are_the_papers_and_the_notebooks(networks, tmp_path):
    copy = shutil.copytree(networks.path, tmp_path / "study")
    study = pipeline.analyse(copy, overrides=["subspace.variant=official", "analyses=[training]"])
    settings = study.recipe.subspace
    assert (settings.rank, settings.samples, settings.acceptance) == (4, 3, 0.9)  # set in the study's recipe
    around = sampling.Neighbourhood(StudyContext(study), 0)
    chosen = scales(around.context)
    assert around.sampler("random", chosen["random"]).radius == pytest.approx(10)
    assert around.sampler("low_rank", chosen["low_rank"]).scale == pytest.approx(1)
    assert not around.sampler("pca_random", chosen["pca_random"]).scaled


def test_the_bounds_of_the_diversity_plane_are_never_crossed(networks, solutions, truth):
    plane = networks.result("diversity_plane")
    best = plane.attrs["baseline_accuracy"]
    a, d = plane["accuracy"].values, plane["disagreement"].values
    there = np.isfinite(a)
    assert (d[there] >= np.abs(a[there] - best) - 1e-12).all()
    assert (d[there] <= np.minimum(1, 2 - a[there] - best) + 1e-12).all()
    labels = solutions.argmax(-1)
    own = plane.sel({"approach": "independent"})
    np.testing.assert_allclose(own["disagreement"][:2], (labels[1:] != labels[0]).mean(1))
    np.testing.assert_allclose(own["diversity"][:2], (labels[1:] != labels[0]).sum(1) / (labels[1:] != truth).sum(1))


@pytest.mark.ci
def test_all_methods_of_a_figure_are_of_the_same_members(networks, solutions, truth, tmp_path):
    copy = shutil.copytree(networks.path, tmp_path / "study")
    study = pipeline.analyse(copy, ["training"], overrides=["subspace.runs=2", "subspace.samples=2"])
    names = ["shift", "calibration", "decomposition", "ood", "diversity_map"]
    found = {name: analyses.measure(name, study, **study.recipe.settings.get(name, {})) for name in names}
    wanted = {name: float(np.mean(metric(solutions[:2], truth))) for name, metric in SCORES.items()}
    single = found["shift"]["score"].sel({"approach": "single", "severity": 0})
    np.testing.assert_allclose(single, [wanted[name] for name in single["metric"].values], atol=1e-6)
    together = found["decomposition"].sel({"approach": "independent", "metric": "nll"})
    assert float(together["mean_score"]) == pytest.approx(wanted["nll"], abs=1e-6)
    assert found["calibration"].sizes["member"] == 2
    assert float(found["calibration"]["ece"].sel({"approach": "single"})) == pytest.approx(wanted["ece"], abs=1e-6)
    assert found["ood"].attrs["members"] == 2
    first = solutions[:2, :80]
    law = found["diversity_map"].sel({"metric": "raw", "approach": "independent", "draw": 0})
    assert float(law["mean_brier"]) == pytest.approx(float(np.mean(brier(first, truth[:80]))), abs=1e-6)


def test_means_under_shift_are_over_the_corruptions_that_have_an_effect(networks, context, solutions, truth):
    """On digits five corruptions have no effect at some severity; the others share all test images."""
    found = networks.result("shift")
    test = context.dataset.test
    shift = Shift.of(test, None, networks.manifest["seed"])
    left_out = found["without_effect"].any("severity")
    assert set(found["corruption"].values[left_out]) == {
        *("defocus_blur", "motion_blur", "zoom_blur", "gaussian_blur", "saturate"),
    }
    each = found["score_of_corruption"].sel({"approach": "single", "metric": ["accuracy", "nll", "brier"]})
    assert bool(each.sel(corruption=left_out).isnull().all())
    there = each.sel(corruption=~left_out)
    sizes = xr.DataArray([len(shift.parts[str(name)]) for name in there["corruption"].values], dims="corruption")
    assert int(sizes.sum()) == len(truth)
    whole = found["score"].sel({"approach": "single", "metric": ["accuracy", "nll", "brier"]})
    np.testing.assert_allclose((there * sizes).sum("corruption") / len(truth), whole, atol=1e-6)
    spread = there.std("corruption", ddof=1)
    np.testing.assert_allclose(spread, found["score_spread"].sel({"approach": "single", "metric": spread["metric"]}))
    np.testing.assert_allclose(found["effect"][:, 1:], shift.effect.change)


def test_every_divergence_is_of_as_many_networks(networks):
    for name in ("ensemble_methods", "shift", "ood", "decomposition", "diversity_map"):
        assert networks.result(name).attrs["networks"] == 3, name
    found = networks.result("ensemble_methods")["jensen_shannon"]
    assert np.nanmax(found) <= np.log(3)


def test_decompositions_are_identities(networks):
    found = networks.result("decomposition")
    np.testing.assert_allclose(found["ensemble_score"], found["mean_score"] - found["diversity"], atol=1e-12)


def test_the_map_obeys_the_exact_law(networks, solutions, truth):
    found = networks.result("diversity_map").sel({"metric": "raw", "approach": "independent", "draw": 0})
    law = brier_law(solutions[:, :80], truth[:80])
    assert float(found["diversity"]) == pytest.approx(law.diversity, abs=1e-6)
    assert float(found["ensemble_brier"]) == pytest.approx(
        float(brier(combine(solutions[:, :80]), truth[:80])), abs=1e-6
    )
    assert float(found["equivalent"]) == pytest.approx(3)
    average = networks.result("diversity_map").sel({"approach": "weight_average", "draw": 0})
    assert (average["diversity"] == 0).all()


def test_reliability_adds_up_to_the_calibration_error(networks, solutions, truth):
    found = networks.result("calibration").sel({"approach": "independent"})
    gap = np.nansum(found["share"] * np.abs(found["accuracy"] - found["confidence"]))
    assert gap == pytest.approx(float(found["ece"]), abs=1e-12)
    assert float(found["ece"]) == pytest.approx(float(SCORES["ece"](combine(solutions), truth)), abs=1e-6)


def test_equivalents_of_independent_networks_are_their_number(networks):
    found = networks.result("calibration").sel({"other_approach": "independent"})
    falling = np.diff(found["calibrated_nll"]) < 0
    assert (found["equivalent"].values[1:][falling] == found["size"].values[1:][falling]).all()


def test_methods_worse_than_one_network_have_no_equivalent(networks):
    found = networks.result("calibration")
    loss = found["calibrated_nll"]
    one = loss.sel({"other_approach": "independent", "size": 1})
    np.testing.assert_allclose(found["behind"], loss - one, atol=1e-15)
    worse = (loss - one > 1e-6 * one).values
    assert worse.any()
    np.testing.assert_array_equal(found["equivalent_below"], worse)
    np.testing.assert_array_equal(np.isnan(found["equivalent"]), worse | np.isnan(loss))
    assert not (found["equivalent"] < 1).any()
    assert not (found["equivalent_low"] > found["equivalent"]).any()
    assert not (found["equivalent_high"] < found["equivalent"]).any()
    clearly = (found["behind_low"] > 1e-5).values
    assert np.isnan(found["equivalent_high"].values[clearly]).all()


def test_the_radial_cut_goes_through_both_solutions(networks, solutions, truth):
    found = networks.result("radial")
    labels = solutions[:, :60].argmax(-1)
    one = found.sel(x=1.0, y=0.0)
    assert float(one["accuracy"]) == pytest.approx((labels[0] == truth[:60]).mean())
    assert float(one["agreement"][0]) == float(one["similarity"][0]) == 1
    origin = found.sel(x=0.0)
    assert len(np.unique(origin["accuracy"])) == 1  # at radius 0, all angles are the same point
    assert float(found["path_x"].sel(member=0, epoch=4)) == pytest.approx(1)
    assert float(found["path_y"].sel(member=1, epoch=4)) == pytest.approx(1)
    assert (found["nll_best_temperature"] <= np.minimum(found["nll"], np.log(10)) + 1e-9).all()


def test_both_ways_of_the_tunnel_have_the_solutions_at_their_ends(networks, solutions, truth):
    found = networks.result("tunnel")
    for end, t in ((0, 0.0), (1, 1.0)):
        wanted = float(SCORES["nll"](solutions[end, :60], truth[:60]))
        np.testing.assert_allclose(found["loss"].sel(t=t), wanted, atol=1e-5)
        np.testing.assert_allclose(found["agreement"].isel(member=end).sel(t=t), 1)
    np.testing.assert_allclose(found["triangle_accuracy"].sel(y=1.25, x=0.0), 0, atol=1)
    assert (found["barrier"] >= 0).all()


def test_shared_streams_give_the_same_networks_and_a_last_bit_does_not(networks):
    found = networks.result("randomness")
    same = found.sel({"approach": "same initialisation, same order, same dropout"})
    assert (same["disagreement"] == 0).all()
    assert (same["distance"] == 0).all()
    bit = found.sel({"approach": "same initialisation, same order, same dropout, last bit"})
    assert 0 < float(bit["distance"][0]) < 1e-7
    assert float(bit["distance"][-1]) > float(bit["distance"][0])
    apart = found.sel({"approach": "different initialisation, different order, different dropout"})
    assert float(apart["distance"][0]) > 0.5
    start = found.sel({"approach": "same initialisation, different order, same dropout"})["distance"]
    assert float(start[0]) == 0
    assert float(start[-1]) > 0


def test_cyclic_runs_are_compared_at_equal_training(networks):
    found = networks.result("cyclic")
    assert found.attrs["networks"] == 2
    assert (found["training_epochs"][found["reference"] == "independent"] == 4).all()
    snapshots = networks.auxiliary("cyclic-snapshots")
    predictions = snapshots.predictions("test")
    ensembles = [
        combine(predictions.log_probs([predictions.index(member, epoch) for epoch in (2, 4)])) for member in (0, 1)
    ]
    wanted = np.mean([SCORES["nll"](one, predictions.label) for one in ensembles])
    assert float(found["score"].sel({"approach": "snapshots", "metric": "nll"})) == pytest.approx(wanted)
    hot = networks.auxiliary("cyclic-csgmcmc-hot")
    assert not np.array_equal(hot.weights(0, 4), snapshots.weights(0, 4))
    assert np.array_equal(hot.weights(0, 0), snapshots.weights(0, 0))
    assert snapshots.kept(1) == [0, 2, 4]  # the ends of cycles


def test_the_ensemble_is_compared_with_a_run_that_was_trained_as_long(networks, solutions, truth):
    """By hand: both scores, the paired difference and its closed-form interval, and the temperature from validation."""
    found = networks.result("cyclic")
    runs = networks.auxiliary("equal-cost-long-run")
    assert (runs.trained, runs.recipe.train.epochs) == ([0], 12)  # 3 members of 4 epochs
    assert runs.kept(0) == [0, 12]
    assert runs.manifest["fingerprint"] == networks.manifest["fingerprint"]
    assert (found["training_epochs"][found["reference"] == "ensemble"] == 12).all()
    assert found["forward_passes"].sel({"approach": ["ensemble", "whole long run"]}).values.tolist() == [3, 1]
    long = runs.predictions("test").log_prob(member=0, epoch=12)
    ensemble = combine(solutions)
    for name, metric in SCORES.items():
        scores = [float(metric(one, truth)) for one in (long, ensemble)]
        for method, score in zip(("whole long run", "ensemble"), scores, strict=True):
            assert float(found["score"].sel({"approach": method, "metric": name})) == pytest.approx(score, abs=1e-6)
        than = found["difference"].sel({"approach": "whole long run", "metric": name})
        assert float(than) == pytest.approx(scores[0] - scores[1], abs=1e-6)
    right = (long.argmax(1) == truth) * 1.0 - (ensemble.argmax(1) == truth)
    low, high = (
        float(found[f"difference_{end}"].sel({"approach": "whole long run", "metric": "accuracy"}))
        for end in ("low", "high")
    )
    half = 1.96 * right.std(ddof=1) / 200**0.5  # a single run against a single ensemble: paired test sampling only
    assert (low, high) == pytest.approx((right.mean() - half, right.mean() + half), abs=1e-5)
    validation = networks.predictions("validation")
    chosen = combine(validation.log_probs([validation.index(member, 4) for member in networks.trained]))
    own = rescale(ensemble, fit_temperature(chosen, validation.label))
    wanted = float(SCORES["nll"](own, truth))
    calibrated = found["score"].sel({"approach": "ensemble", "metric": "calibrated_nll"})
    assert float(calibrated) == pytest.approx(wanted, abs=1e-6)


def test_a_long_run_that_diverged_is_left_out_and_named(networks, tmp_path):
    study = Study.open(shutil.copytree(networks.path, tmp_path / "study"))
    runs = study.auxiliary("equal-cost-long-run")
    write_member_state(runs, 0, status="diverged", epochs_done=3, checksums={}, timings={})
    found = analyses.measure("cyclic", study)
    assert "whole long run" not in found["approach"].values
    assert found.attrs["left_out"] == "member 0: diverged at epoch 3 (of: whole long run)"
    assert found.attrs["long_runs"] == 0
    kept = networks.result("cyclic").sel({"approach": found["approach"].values})
    np.testing.assert_array_equal(found["score"], kept["score"])


def test_an_ensemble_without_some_of_its_members_cost_less_than_the_long_run(networks, tmp_path):
    """Two of three members cost 8 epochs, so a run of 12 epochs is not of equal training cost."""
    study = Study.open(shutil.copytree(networks.path, tmp_path / "study"))
    write_member_state(study, 2, status="diverged", epochs_done=1, checksums={}, timings={})
    found = analyses.measure("cyclic", study)
    assert "whole long run" not in found["approach"].values
    assert found["training_epochs"].sel({"approach": "ensemble"}) == 8


@pytest.mark.ci
def test_the_long_run_grows_with_the_members_and_nothing_else_is_trained_again(networks, tmp_path):
    copy = shutil.copytree(networks.path, tmp_path / "study")
    kept = {path: path.stat().st_mtime_ns for path in (copy / "variants").rglob("*.safetensors")}
    said, overrides = Hearing(), [*NETWORKS, "train.members=4", "analyses=[cyclic]"]
    with no_figures():
        grown = pipeline.run("digits", copy, overrides=overrides, progress=said)
    (line,) = [line for line in said.lines if "trained again" in line]
    assert line.startswith(
        "networks that analyses trained with other settings are trained again: "
        "equal-cost-long-run (train.epochs 12 -> 16"
    )
    changed = {path for path, when in kept.items() if not path.exists() or path.stat().st_mtime_ns != when}
    assert {path.parts[-4] for path in changed} <= {"equal-cost-long-run"}
    assert grown.result("cyclic")["training_epochs"].sel({"approach": "ensemble"}) == 16
    assert grown.result("cyclic").attrs["ensemble_members"] == 4


@pytest.mark.ci
def test_a_finished_variant_is_not_trained_again(networks, tmp_path):
    copy = shutil.copytree(networks.path, tmp_path / "study")
    before = {path: path.stat().st_mtime_ns for path in (copy / "variants").rglob("*.safetensors")}
    pipeline.analyse(copy, ["cyclic"])
    assert {path: path.stat().st_mtime_ns for path in (copy / "variants").rglob("*.safetensors")} == before
    assert before


@pytest.mark.ci
def test_a_study_that_is_too_small_says_what_each_analysis_needs(tmp_path):
    overrides = [*NETWORKS, "train.members=1", "train.keep_last=1", "train.trajectories=0", "train.epochs=2"]
    study = pipeline.run("digits", tmp_path / "study", overrides=[*overrides, "analyses=[training]"])
    sentences = {
        "radial": "the radial cut needs 2 trained members or more; this study has 1",
        "tunnel": "a tunnel between solutions needs 2 trained members or more; this study has 1",
        "tsne_subspace": "the recipe keeps none (train.trajectories: 0)",
    }
    for name, sentence in sentences.items():
        with pytest.raises(NotEnough, match=re.escape(sentence)):
            analyses.measure(name, study)
    for name in ("ensemble_methods", "calibration", "diversity_plane", "shift", "ood", "subspace_scales"):
        assert analyses.measure(name, study, **SIZES.get(name, {})).data_vars, name


def test_equivalents_of_the_map_are_those_of_the_law_with_intervals(networks):
    found = networks.result("diversity_map")
    own = found.sel({"approach": "independent", "draw": 0})
    law = BrierLaw(*(own[name].values[:, None, None] for name in ("mean_brier", "diversity")))
    together = found["ensemble_brier"].transpose("metric", "approach", "draw").values
    np.testing.assert_allclose(found["equivalent"], brier_equivalent(together, law), rtol=1e-5)
    sampled = found.drop_sel(approach="independent")
    number, known = sampled["equivalent"], sampled["equivalent"].notnull()
    assert known.any()
    for ends in ("", "_these"):
        low, high = (sampled[f"equivalent_{end}{ends}"] for end in ("low", "high"))
        assert ((low <= number) & (number <= high) | ~known).all()
    assert (sampled["equivalent_low"] <= sampled["equivalent_low_these"] * (1 + 1e-9)).where(known, True).all()
