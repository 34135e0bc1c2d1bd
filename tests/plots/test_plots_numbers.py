"""Figures, against the values they were given."""

import numpy as np
import pytest
from charted import entries, figure_of, matrices, of
from example_results import example_result

from modescape.analyses import figures
from modescape.analyses.confusion.example import example as confusion
from modescape.analyses.training import draw as training
from modescape.covers import NEW, NEW_RUNS, THESE, new_if, note_covers
from modescape.plots import style


def test_rows_of_confusion_add_up_to_a_hundred_and_an_empty_class_is_grey():
    dataset = confusion(3, 1, ("a", "b", "c"))
    dataset["count"][:, 1, :] = 0
    matrix = np.asarray(figures.draw("confusion", dataset).axes[0].images[0].get_array().filled(np.nan))
    assert matrix[[0, 2]].sum(1) == pytest.approx([100, 100])
    assert np.isnan(matrix[1]).all()


def test_names_of_classes_are_texts_not_markup_or_mathematics():
    dataset = example_result("confusion")
    axes = figures.draw("confusion", dataset).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[3] == '<b>cat & "d…'
    assert labels[8] == "ship $x_1$"
    assert not any(label.get_parse_math() for label in axes.get_yticklabels())
    rows = figure_of("confusion", dataset)["panels"][0]["rows"]
    assert (rows[3], rows[8]) == ('<b>cat & "dog"</b>', "ship $x_1$")  # plain text, which the page shows as such


def test_classes_of_one_name_keep_a_row_each():
    panel = figure_of("confusion", confusion(2, 1, ("cat", "cat", "dog")))["panels"][0]
    assert panel["rows"] == ["cat", "cat", "dog"]
    assert panel["matrix"].shape == (3, 3)


def test_counts_are_under_the_pointer():
    dataset = example_result("confusion")
    for place, panel in enumerate(figure_of("confusion", dataset)["panels"]):
        assert panel["extra"] == pytest.approx(dataset["count"].values[place], rel=1e-6)


def test_diagonals_of_solutions_are_grey():
    dataset = example_result("solution_similarity", members=4)
    panels = [axes for axes in figures.draw("solution_similarity", dataset).axes if axes.images]
    assert len(panels) == 3
    for axes in panels:
        assert axes.images[0].get_array().mask.tolist() == np.eye(4, dtype=bool).tolist()


def test_a_cosine_that_is_the_same_without_normalisation_layers_is_drawn_once():
    dataset = example_result("solution_similarity", members=3)
    dataset["cosine"][0, 1] = dataset["cosine"][1, 0] = 0.185
    assert len(matrices(figure_of("solution_similarity", dataset))) == 4
    dataset["cosine_without_batch_norm"] = dataset["cosine"]
    assert len(matrices(figure_of("solution_similarity", dataset))) == 3


def test_clearly_negative_cosines_are_drawn_around_zero():
    dataset = example_result("solution_similarity", members=3)
    dataset["cosine"][0, 1] = dataset["cosine"][1, 0] = -0.4
    scale = figure_of("solution_similarity", dataset)["scales"][0]
    assert (scale["low"], scale["high"]) == (-1, 1)


def test_medians_of_training_are_the_bold_lines_and_epochs_start_at_zero():
    dataset = example_result("training", members=5, epochs=30)
    axes = figures.draw("training", dataset).axes[1]
    thin, bold = (line for line in axes.lines if line.get_color() == style.VALIDATION_COLOUR)
    curves = np.append(100 * dataset["validation_accuracy"].values, np.full((5, 1), np.nan), axis=1)
    np.testing.assert_allclose(thin.get_ydata(), curves.ravel())
    assert bold.get_ydata() == pytest.approx(100 * np.median(dataset["validation_accuracy"], axis=0))
    assert axes.get_xlim()[0] == 0
    web = figure_of("training", dataset)
    assert all(panel["x"]["range"][0] == 0 for panel in web["panels"])
    name, members = of(web)[0]["numbers"]
    assert name == "member"
    np.testing.assert_array_equal(members, np.repeat(dataset["member"].values, 31))
    wide = [panel.get("wide", False) for panel in web["panels"]]
    assert wide == [False, False, True]  # the learning rate, below both


def test_median_skips_members_without_a_value():
    curves = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan], [8.0, np.nan, np.nan]])
    np.testing.assert_array_equal(training.middle(curves), [3.0, 5.0, np.nan])


def test_losses_over_decades_have_a_logarithmic_axis():
    dataset = example_result("training")
    assert figures.draw("training", dataset).axes[0].get_yscale() == "linear"
    dataset["train_loss"] = dataset["train_loss"] * np.logspace(0, -3, dataset.sizes["epoch"])
    figure = figures.draw("training", dataset)
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "log"
    assert "log scale" in figure.axes[0].get_title(loc="left")
    loss = figure_of("training", dataset)["panels"][0]
    assert loss["y"]["log"]
    assert "log scale" in loss["title"]


def test_paths_run_in_order_of_the_epoch():
    dataset = example_result("tsne", members=2, epochs=4)
    mixed = dataset.isel(model=np.random.default_rng(0).permutation(dataset.sizes["model"]))
    figure = figure_of("tsne", mixed)
    dots = [series for series in of(figure) if "numbers" in series]
    assert len(dots) == 4
    for series in dots:
        assert (series["numbers"][0], list(series["numbers"][1])) == ("epoch", list(range(5)))
        assert series["size"][0] == 0
        assert series["size"][4] == max(series["size"])
    stars = [series for series in of(figure) if series.get("marker") == "star"]
    assert [series["x"][0] for series in stars] == pytest.approx([series["x"][0] for series in dots])
    assert dots[0]["x"] == pytest.approx(dataset["x"].values[0, :5], rel=1e-6)
    figures.draw("tsne", mixed)


def test_embeddings_keep_their_aspect_and_say_the_share_of_variance():
    dataset = example_result("tsne")
    figure = figures.draw("tsne", dataset)
    assert [axes.get_aspect() for axes in figure.axes] == [1, 1]
    assert figure.axes[1].get_xlabel() == "Component 1 (41 % of variance)"
    assert [panel["equal"] for panel in figure_of("tsne", dataset)["panels"]] == [True, True]


@pytest.mark.parametrize(("members", "alone"), [(10, False), (2, True)])
def test_the_gain_of_a_pair_stands_for_itself_and_is_hollow(members, alone):
    dataset = example_result("ensemble_size", members=members).assign_attrs(members=members)
    note_covers(
        dataset, {"": {"": NEW, "snapshots": NEW_RUNS}, "gain": {"": new_if(members - 1), "snapshots": NEW_RUNS}}
    )
    figure = figure_of("ensemble_size", dataset)
    lines = [series for series in of(figure) if {"line", "marker"} <= set(series)]
    assert [bool(np.ravel(series.get("hollow", False))[-1]) for series in lines] == [*[False] * 8, alone, alone]
    assert (f"Hollow: 95 %, {THESE}" in entries(figure)) == alone
    assert ("Hollow marks: of a single network, run or pair" in figures.caption("ensemble_size", dataset)) == alone


def test_the_last_panels_are_paired_differences():
    """Independent networks from 2 on minus one network; snapshots minus the last network of their run."""
    dataset = example_result("ensemble_size")
    accuracy, nll = figures.described("ensemble_size", dataset).panels[-2:]
    chosen = dataset.sel(approach="independent", metric="accuracy")
    independent = accuracy.series[1]
    np.testing.assert_array_equal(independent.x, dataset["size"].values[1:])
    np.testing.assert_allclose(independent.y, 100 * chosen["gain"].values[1:])
    np.testing.assert_allclose(independent.low, 100 * chosen["gain_low"].values[1:])
    assert (accuracy.title, nll.title) == ("Accuracy, paired: above 0 is better", "NLL, paired: below 0 is better")
    if "final_gain" in dataset:
        assert accuracy.series[2].y.item() == pytest.approx(100 * float(dataset["final_gain"].sel(metric="accuracy")))


@pytest.mark.parametrize("word", ["images", "rows"])
def test_a_legend_says_that_intervals_are_for_new_groups(word):
    dataset = example_result("ensemble_size", members=5).assign_attrs(groups=7, examples_word=word)
    names = entries(figure_of("ensemble_size", dataset))
    assert f"95 %: new members on {'examples' if word == 'images' else word} of new groups" in names
    assert not [name for name in names if name and "on new" in name]


def test_bands_and_the_mean_member_are_those_of_the_result():
    dataset = example_result("ensemble_size", members=5)
    figure = figure_of("ensemble_size", dataset)
    accuracy = figure["panels"][0]["series"]
    mean, line = accuracy[:2]
    assert mean["y"] == pytest.approx([68.8, 68.8])
    chosen = dataset.sel({"approach": "independent", "metric": "accuracy"})
    low, high = 100 * chosen["score_low"].values, 100 * chosen["score_high"].values
    np.testing.assert_allclose(line["band"], [low, high], rtol=1e-6)
    assert line["y"] == pytest.approx(100 * chosen["score"].values)
    assert figure["intervals"][0] == {"name": f"95 %: {NEW}", "band": True}
    assert line["name"] == "Independent solutions"
    axes = figures.draw("ensemble_size", dataset).axes[0]
    np.testing.assert_allclose(axes.collections[0].get_datalim(axes.transData).intervaly, [low.min(), high.max()])


@pytest.mark.parametrize(
    ("value", "text"), [(0.274, ".27"), (1.0, "1"), (-0.03, "-.03"), (-0.001, "0"), (float("nan"), ""), (1.25, "1.25")]
)
def test_numbers_in_cells(value, text):
    assert style.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(-0.0004, "0.000"), (-0.25, "\N{MINUS SIGN}0.250"), (0.269, "0.269")])
def test_numbers_in_titles(value, text):
    assert style.fixed(value) == text


def test_long_names_are_shortened_and_unseen_characters_replaced():
    assert style.shortened("automobile-transporter") == "automobile-…"
    assert style.shortened("two\nlines\x07") == "two lines?"


@pytest.mark.parametrize(
    ("count", "most", "step"), [(10, 11, 1), (12, 11, 2), (64, 11, 10), (101, 11, 10), (201, 11, 20), (1000, 11, 100)]
)
def test_labels_are_round_steps_apart(count, most, step):
    assert style.spread(count, most) == list(range(0, count, step))
    assert len(style.spread(count, most)) <= most


def test_root_scale_gives_small_shares_room():
    assert style.SHARE.place(0.25) == 0.5
    assert style.COSINE.place(0.25) == 0.25
    assert style.SHARE.place(-3) == 0
