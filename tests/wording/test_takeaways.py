"""The sentence that opens every section follows from the numbers, and claims no more than they support."""

import numpy as np
import pytest
import xarray as xr
from example_results import OF_NUMBERS, example_of_numbers, example_result

from modescape.analyses import ANALYSES
from modescape.covers import NEW, NEW_REPEATS, NEW_RUNS, THESE, note_covers
from modescape.wording.numbers import ABSENT, MINUS, SPACE
from modescape.wording.takeaways import Ends, comparison, effect

SENTENCES = {
    "model_scores": "The average of all 10 models has 1.6 points higher accuracy than the best model alone (95 % "
    "interval for these models on new examples: 1.2 to 2.1; 10,000 test images).",
    "contributions": "Which models the average needs is unclear from its accuracy: for 10 of 10 the 95 % interval "
    "for these models on new examples of the change without that model includes 0 (10,000 test images).",
    "disputed_examples": "All 10 models are right on 63 % of the images and none on 0 %; on the other 37 % it matters "
    "which models are averaged (10,000 test images).",
    "solution_similarity": "Two independent members disagree on 27.1 % of the test images (mean over 45 pairs, 95 % "
    "interval 26.5 % to 27.7 % for new members on new examples; 10,000 test images): their disagreement rate is 0.87 "
    "times their error rate. Two late snapshots of one run disagree on 6.1 %.",
    "ensemble_size": "Averaging 10 independent networks raises accuracy by 4.7 points (95 % interval for new members "
    "on new examples: 4.5 to 4.9; 10,000 test images).",
    "fine_tuning": "The fine-tuned ensemble has 3.8 points higher accuracy than the ensemble from scratch (95 % "
    "interval for new members on new examples: 3.3 to 4.3; 10,000 test images).",
    "cyclic": "One network trained as long as all members has 5.4 points lower accuracy than the ensemble of all "
    "members (95 % interval for these members on new examples: 5.2 to 5.7; 10,000 test images).",
    "curvature": "Whether flatter solutions have a lower test loss is unclear: the interval includes 0 (rank "
    "correlation 0.17, 95 % interval -0.48 to 0.72 for new members, 10 members).",
    "member_predictions": "Members differ in whether they are right on 65.0 % of 40 images; where all are right, 35 %, "
    "so is every average of them.",
    "tunnel": "The barrier of the training loss is 1.9 nats on the straight line and 0.060 nats on the optimised path; "
    "half-way along that path the similarity is 0.42 and 0.42 to its ends, 0.00 to an unrelated solution (one pair, "
    "1,000 test images, no interval).",
}
EVERY = [*((name, example_result) for name in ANALYSES), *((name, example_of_numbers) for name in OF_NUMBERS)]


def takeaway(name: str, dataset: xr.Dataset) -> str:
    words = ANALYSES[name].part("words", str(dataset.attrs.get("task", "classification")))
    return words.summarize(dataset).takeaway.replace(SPACE, " ").replace(MINUS, "-")


@pytest.mark.parametrize(("name", "make"), EVERY)
def test_every_analysis_has_one_of_at_most_three_sentences(name, make):
    text = takeaway(name, make(name))
    assert text[0].isalnum()
    assert text.endswith(".")
    assert len(text) < 420
    assert "nan" not in text.split()
    assert ABSENT not in text  # the mark for a missing number


@pytest.mark.parametrize("name", SENTENCES)
def test_sentences_are_those_of_the_numbers(name):
    assert takeaway(name, example_result(name)) == SENTENCES[name]


def test_runs_that_were_repeated_have_intervals_for_others():
    dataset = example_result("cyclic")
    several = dataset.copy(deep=True)
    note_covers(several, {"": {"": NEW_REPEATS, "whole long run": NEW_RUNS}})
    assert "for new runs on new examples" in takeaway("cyclic", several)
    for end in ("", "_low", "_high"):  # without a long run
        dataset[f"difference{end}"].loc[{"approach": "whole long run"}] = np.nan
    assert "for new repeats on new examples" in takeaway("cyclic", dataset)
    note_covers(dataset, {"": THESE})
    assert "for these members on new examples" in takeaway("cyclic", dataset)


def test_matrices_without_a_value_above_the_edge_are_not_among_those_that_have_some():
    dataset = example_result("weight_spectra")
    dataset["above_random"].transpose("layer", "model").values[:] = np.array([0, 2, 7])[:, None]
    assert "2 of 3 matrices have singular values above the edge of a random matrix, 2 to 7 each" in takeaway(
        "weight_spectra", dataset
    )
    dataset["above_random"].values[:] = 0
    assert takeaway("weight_spectra", dataset).startswith("No singular value of 3 matrices lies above")


def test_an_interval_that_includes_0_tells_nothing():
    dataset = example_result("ensemble_size")
    dataset["gain_low"][:], dataset["gain"][:], dataset["gain_high"][:] = -0.02, 0.01, 0.04
    assert takeaway("ensemble_size", dataset) == (
        "Whether averaging 10 independent networks changes accuracy is unclear: +1.0 points, and the 95 % interval "
        "for new members on new examples includes 0 (-2.0 to 4.0; 10,000 test images)."
    )


def test_without_an_interval_it_is_said_so():
    dataset = example_result("fine_tuning")
    dataset["score_difference_low"][:] = np.nan
    assert takeaway("fine_tuning", dataset) == (
        "The fine-tuned ensemble differs from the ensemble from scratch by +3.8 points in accuracy; there is no "
        "interval (10,000 test images)."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Ends(-0.03, -0.02, -0.01),
            "A has 0.020 nats lower NLL than B (95 % interval: 0.010 to 0.030; 7 test images).",
        ),
        (
            Ends(-0.03, -0.01, 0.01),
            "A and B cannot be told apart in NLL: -0.010 nats, and the 95 % interval includes 0 (-0.030 to 0.010; "
            "7 test images).",
        ),
        (Ends(0.0, 0.0, 0.0), "A and B have the same NLL (7 test images)."),
        (Ends(np.nan, np.nan, np.nan), ""),
    ],
)
def test_comparisons(found, said):
    dataset = xr.Dataset(attrs={"examples": 7})
    assert comparison("A", "B", "nll", found, dataset, "").replace(SPACE, " ").replace(MINUS, "-") == said


def test_effects_say_whom_the_interval_is_for():
    dataset = xr.Dataset(attrs={"examples": 1, "split": "validation"})
    found = Ends(0.01, 0.02, 0.03)
    assert f"raises accuracy by 2.0{SPACE}points" in effect("Averaging", "accuracy", found, dataset, NEW)
    assert "for new members on new examples: 1.0 to 3.0" in effect("Averaging", "accuracy", found, dataset, NEW)
    assert "for these members on new examples: 1.0 to 3.0" in effect("Averaging", "accuracy", found, dataset, THESE)


def test_networks_that_others_made_are_not_called_independent():
    dataset = example_result("ensemble_size").assign_attrs(given=1)
    assert takeaway("ensemble_size", dataset).startswith("Averaging 10 networks raises accuracy by 4.7 points")
