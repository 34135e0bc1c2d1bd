"""Figures of weights and functions, against the values they were given."""

import numpy as np
import pytest
from charted import entries, figure_of
from example_results import example_result

from modescape.analyses import figures
from modescape.analyses.diversity_map import draw as diversity_map
from modescape.analyses.diversity_plane import draw as diversity_plane
from modescape.analyses.ood import draw as ood
from modescape.analyses.radial import draw as radial
from modescape.analyses.tsne_subspace import draw as tsne_subspace
from modescape.analyses.tunnel import draw as tunnel
from modescape.plots import files, style


def by_name(panel, name):
    return [series for series in panel.series if series.name == name and len(series.x)]


def test_limit_curves_and_bounds_are_those_of_the_result():
    dataset = example_result("diversity_plane")
    for panel in diversity_plane.panels(dataset):
        for variable, (name, _, _, _) in diversity_plane.CURVES.items():
            drawn = [series.y for series in by_name(panel, name)]
            assert any(np.array_equal(y, dataset[variable].values, equal_nan=True) for y in drawn), variable
    axes = figures.draw("diversity_plane", dataset).axes[0]
    lines = [line.get_xydata() for line in axes.lines]
    upper = np.stack([100 * dataset["x"].values, dataset["upper"].values], axis=1)
    assert any(line.shape == upper.shape and np.allclose(line, upper) for line in lines)


def test_networks_stand_at_their_accuracy_and_the_baseline_at_no_diversity():
    dataset = example_result("diversity_plane", members=5)
    whole, near = diversity_plane.panels(dataset)
    (stars,) = by_name(whole, "Independent")
    assert np.isfinite(stars.x).sum() == 4
    np.testing.assert_array_equal(stars.x, 100 * dataset["accuracy"].sel({"approach": "independent"}))
    (baseline,) = by_name(whole, "Baseline: member 0")
    assert (baseline.x[0], baseline.y[0], baseline.colour) == (pytest.approx(76.2), 0, style.NEUTRAL)
    assert whole.x_range[0] < near.x_range[0] < np.nanmin(stars.x)
    assert whole.x_range[1] == near.x_range[1] > np.nanmax(stars.x)


def test_networks_far_above_the_plane_are_counted():
    dataset = example_result("diversity_plane")
    assert "Not drawn" not in figures.caption("diversity_plane", dataset)
    dataset["diversity"][0, :2] = np.array([30.0, np.inf])
    assert "Not drawn: 2 networks above" in figures.caption("diversity_plane", dataset)
    assert diversity_plane.panels(dataset)[0].y_range[1] < 4


@pytest.mark.parametrize("members", [2, 10])
def test_iso_lines_are_the_brier_law(members):
    dataset = example_result("diversity_map", members=members)
    networks = dataset.attrs["networks"]
    for panel in diversity_map.panels(dataset):
        lines = by_name(panel, diversity_map.ISO)
        assert 3 <= len(lines) <= 20
        scores = np.array([line.y - (1 - 1 / networks) * line.x for line in lines])
        assert np.ptp(scores, axis=1) == pytest.approx(np.zeros(len(lines)), abs=1e-12)  # straight lines of equal score
        steps = np.diff(scores[:, 0])
        assert steps == pytest.approx(np.full(len(steps), steps[0]))
        for x, y, text in panel.notes:  # just above the line with that score
            above = y - (1 - 1 / networks) * x - float(text)
            assert above == pytest.approx(0.03 * np.diff(panel.y_range).item(), abs=1e-9)
            assert panel.x_range[0] < x < panel.x_range[1]
            assert panel.y_range[0] < y < panel.y_range[1]


def test_the_map_names_corruptions_without_effect():
    dataset = example_result("diversity_map")
    assert "corruptions" not in diversity_map.caption(dataset)
    told = diversity_map.caption(dataset.assign_attrs(without_effect="zoom_blur (1), saturate (1-5)"))
    assert "at the severities in parentheses: zoom blur (1), saturate (1-5)." in told


def test_marks_of_the_map_are_coloured_by_barrier_and_sized_by_cost():
    dataset = example_result("diversity_map")
    panel = diversity_map.panels(dataset)[0]
    (star,) = by_name(panel, "Independent")
    (path,) = by_name(panel, "Random subspace")
    assert path.values == pytest.approx(dataset["barrier"].sel({"approach": "random"}).values)
    assert star.size[0] == pytest.approx(1.4 * diversity_map.LARGEST)
    assert path.size == pytest.approx(np.full(len(path.x), diversity_map.SMALLEST))
    assert "average of 5: Brier 0.3250, deep ensemble equivalent: 5 (4.5 to 5.5)" in star.hover[0]
    every = np.array([10.0, 50.0])
    area = diversity_map.mark_sizes(np.array([10.0, 30.0, 50.0]), every) ** 2
    assert np.diff(area) == pytest.approx([24.0, 24.0])  # 64 - 16 in two steps


def test_as_trained_and_calibrated_have_the_same_axes():
    drawn = diversity_map.panels(example_result("diversity_map"))
    assert [panel.x_range for panel in drawn[::2]] == [panel.x_range for panel in drawn[1::2]]
    assert [panel.y_range for panel in drawn[::2]] == [panel.y_range for panel in drawn[1::2]]


def test_shares_have_one_scale_and_losses_their_own():
    dataset = example_result("radial")
    figure = figure_of("radial", dataset)
    for scale in (figure["scales"][at] for at in (0, 1, 3)):
        assert (scale["low"], scale["high"]) == (0, 1)
    assert figure["scales"][2]["high"] >= dataset["nll_best_temperature"].max()
    assert [panel["field"]["scale"] for panel in figure["panels"]] == [0, 1, 1, 2, 3, 3]


def test_the_sector_of_the_page_is_that_of_the_result():
    dataset = example_result("radial")
    field = figure_of("radial", dataset)["panels"][0]["field"]
    np.testing.assert_array_equal(field["values"], dataset["accuracy"].values.astype(np.float32))
    np.testing.assert_allclose(field["y"], np.radians(dataset["y"].values), rtol=1e-6)


def test_solutions_stand_where_their_trajectories_end():
    dataset = example_result("radial")
    assert radial.solutions(dataset)[0] == pytest.approx((1.0, 0.0))
    dataset["path_x"][0, -1] = np.nan  # then at its last known position
    assert radial.solutions(dataset)[0][0] == pytest.approx(float(dataset["path_x"][0, -2]))
    texts = [text.get_text() for text in figures.draw("radial", dataset).axes[0].texts]
    assert texts == ["1", "2"]


@pytest.mark.parametrize("members", [2, 3])
def test_the_tunnel_is_compared_with_an_unrelated_solution_where_there_is_one(members):
    dataset = example_result("tunnel", members=members)
    similarity = tunnel.panels(dataset)[2].series
    assert len(similarity) == 2 * members
    for series in similarity:
        way = "straight" if series.line == "dash" else "tunnel"
        solution = [name for name, _ in tunnel.TOWARDS].index(series.name)
        expected = dataset["similarity"].sel({"approach": way}).isel(member=solution)
        np.testing.assert_array_equal(series.y, expected)
    assert "1.900 nats on the straight line, 0.060 in the tunnel" in figures.caption("tunnel", dataset)


def test_triangles_stand_upright():
    dataset = example_result("tunnel")
    axes = figures.draw("tunnel", dataset).axes[4]  # similarity to the start
    (mesh,) = axes.collections
    values = np.asarray(mesh.get_array())
    np.testing.assert_array_equal(values, dataset["triangle_similarity"].values[0])
    assert values[-3, 0] > 0.9 > 0.1 > values[0, 0]  # high at the path, low at the origin, which is at the bottom
    low, high = axes.get_ylim()
    assert low < 0 < high


def test_bins_of_the_entropy_are_steps_of_the_right_height():
    dataset = example_result("ood")
    panel = ood.panels(dataset)[2]
    (line,) = by_name(panel, "Single network")
    share = 100 * dataset["entropy_share"].sel({"approach": "single"}).isel(corruption=0).values
    np.testing.assert_allclose(line.y[::2], share)
    np.testing.assert_allclose(line.y[1::2], share)
    np.testing.assert_allclose([line.x[0], line.x[-1]], [0, np.log(10)], atol=1e-12)
    area = np.trapezoid(line.y, line.x) / (line.x[1] - line.x[0])
    assert area == pytest.approx(100)


def test_four_kinds_of_methods_are_drawn_against_the_entropy():
    dataset = example_result("ood")
    assert ood.drawn_methods(dataset) == ["single", "independent", "random"]  # the best within a solution
    renamed = [
        {"swag": "independent + swag", "pca_random": "independent + random"}.get(name, name)
        for name in dataset["approach"].values
    ]
    both = dataset.assign_coords(approach=renamed)
    assert ood.drawn_methods(both) == ["single", "independent", "random", "independent + swag"]
    without = dataset.assign(auroc=np.nan * dataset["auroc"])
    assert ood.drawn_methods(without) == ["single", "independent"]


def test_names_of_data_sets_are_text():
    assert "svhn <cropped>" in entries(figure_of("ood", example_result("ood")))
    text = files.page("ood", figures.interactive("ood", example_result("ood")), "T", "C")
    assert "svhn <cropped>" not in text
    assert "svhn \\u003ccropped\\u003e" in text


def test_checkpoints_are_joined_in_order_and_samples_are_not():
    dataset = example_result("tsne_subspace", members=2, epochs=4)
    mixed = dataset.isel(model=np.random.default_rng(0).permutation(dataset.sizes["model"]))
    panel = tsne_subspace.panels(mixed)[1]
    samples, path, start = [series for series in panel.series if series.name == "Member 1"]
    chosen = dataset.isel(approach=1).isel(model=np.flatnonzero(dataset["member"].values == 1))
    np.testing.assert_array_equal(path.x, chosen["x"].values[chosen["is_sample"].values == 0])
    assert list(path.hover) == [f"epoch {epoch}" for epoch in range(5)]
    assert (samples.line, len(samples.x), samples.marker) == (None, 20, tsne_subspace.SQUARE)
    assert (start.x[0], start.y[0]) == (path.x[0], path.y[0])
    assert panel.equal


def test_sets_that_guess_do_not_widen_the_map_and_are_counted():
    dataset = example_result("diversity_map")
    assert "Not drawn" not in figures.caption("diversity_map", dataset)
    before = diversity_map.panels(dataset)[0]
    dataset["mean_brier"][0, 2, -1], dataset["diversity"][0, 2, -1] = 1.4, 0.6
    after = diversity_map.panels(dataset)[0]
    assert (after.x_range, after.y_range) == (before.x_range, before.y_range)
    assert "Not drawn: 1 set of worse networks" in figures.caption("diversity_map", dataset)


def test_samples_that_are_not_magnified_are_not_said_to_be():
    dataset = example_result("radial")
    assert "100 times as far" in figures.caption("radial", dataset)
    alone = dataset.assign_attrs(magnified=1.0)
    assert "around solution 1. Measured" in figures.caption("radial", alone)
    none = dataset.isel(draw=slice(0))
    assert "Gaussian" not in figures.caption("radial", none)
    assert not [name for name in entries(figure_of("radial", none)) if "Gauss" in name]
    figures.draw("radial", none)


def test_worths_on_the_map_are_from_one_on_and_open_above():
    dataset = example_result("diversity_map")
    at = {"metric": "raw", "approach": "swag", "draw": 0}
    one = float(dataset["mean_brier"].sel({"metric": "raw", "approach": "independent", "draw": 0}))
    for ends, score, text in (
        ((1.8, 2.1, 2.6), one - 0.1, "2.1 (1.8 to 2.6)"),
        ((8.1, 14.2, np.inf), one - 0.2, "14.2 (8.1 to beyond any number)"),
        ((0.7, 0.9, 1.1), one + 0.0123, "< 1, 0.012 worse than one (< 1 to 1.1)"),
        ((np.nan, 2.1, np.nan), one - 0.1, "2.1"),  # two members: no interval for new ones
        ((np.nan, np.nan, np.nan), one, ""),
    ):
        for name, number in zip(("equivalent_low", "equivalent", "equivalent_high"), ends, strict=True):
            dataset[name].loc[at] = number
        dataset["ensemble_brier"].loc[at] = score
        assert diversity_map.equivalent(dataset, "raw", "swag", 0) == text
