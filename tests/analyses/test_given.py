"""Properties of every analysis of given models: the schema, equal bytes, few models, names, groups of examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from example_results import example_of_numbers

from modescape import analyses, results
from modescape.analyses import GIVEN, PREDICTIONS, figures
from modescape.analyses.examples_of_numbers import held
from modescape.errors import NotEnough
from modescape.offered import Offered, arrays
from modescape.report.sections import summarize

from .test_contract import documented

NAMES = [name for name, one in analyses.ANALYSES.items() if one.only_for == GIVEN and one.needs == (PREDICTIONS,)]
MODELS, EXAMPLES, CLASSES = 6, 120, 3
MODEL_NAMES = [f"net-{place}" for place in range(MODELS)]
GROUPS = {"plain": [0, 1, 2], "wide": [3, 4, 5]}
NEED_TWO = {"model_pairs", "model_groups", "subset_choice", "contributions", "disputed_examples"}


def given(models: int = MODELS, examples: int = EXAMPLES, seed: int = 3) -> Offered:
    """Models that get better from first to last."""
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, examples)
    skill = np.linspace(0.8, 1.6, models)[:, None, None]
    logits = random.normal(0, 1, (models, examples, CLASSES)) + random.normal(0, 0.7, (examples, CLASSES))
    logits = logits + skill * np.eye(CLASSES)[label]
    log_prob = (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype(np.float32)
    groups = {name: [place for place in places if place < models] for name, places in GROUPS.items()}
    return replace(
        arrays({"test": log_prob}, {"test": label}),
        names=MODEL_NAMES[:models],
        name_groups={name: places for name, places in groups.items() if places},
        example_ids={"test": [f"id-{place}" for place in range(examples)]},
        example_parts={"test": np.array(["day", "night"])[np.arange(examples) % 3 // 2]},
    )


@pytest.fixture(scope="module")
def whole() -> Offered:
    return given()


@pytest.fixture(scope="module")
def found(whole: Offered) -> dict[str, xr.Dataset]:
    return {name: analyses.measure(name, whole) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_result_has_the_documented_variables_follows_the_schema_and_has_values(
    name: str, found: dict[str, xr.Dataset]
) -> None:
    result = found[name]
    results.validate(result)
    assert {str(key): (value.dims, value.attrs["units"]) for key, value in result.data_vars.items()} == documented()[
        name
    ]
    for key, values in result.data_vars.items():
        assert np.isfinite(values).any(), key
    example = analyses.ANALYSES[name].part("example").example()
    assert {key: value.dims for key, value in example.data_vars.items()} == {
        key: value.dims for key, value in result.data_vars.items()
    }
    if "model" in result.coords:
        assert result["model"].values.tolist() == MODEL_NAMES
    summarize(name, result)
    figures.interactive(name, result)


@pytest.mark.ci
@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_gives_the_same_bits(name: str, whole: Offered, found: dict[str, xr.Dataset]) -> None:
    xr.testing.assert_identical(analyses.measure(name, whole), found[name])


@pytest.mark.parametrize("name", NAMES)
def test_one_model_and_two_examples_are_enough_or_it_is_said_what_is_missing(name: str) -> None:
    one = given(models=1)
    if name in NEED_TWO:
        with pytest.raises(NotEnough, match="needs 2 "):
            analyses.measure(name, one)
    else:
        summarize(name, analyses.measure(name, one))
    try:
        result = analyses.measure(name, given(models=4, examples=3))
    except NotEnough as missing:
        assert "needs " in str(missing)  # noqa: PT017
    else:
        results.validate(result)
        summarize(name, result)
        figures.interactive(name, result)


@pytest.mark.parametrize("name", NAMES)
def test_classes_alone_are_enough_or_it_is_said_what_is_missing(name: str, whole: Offered) -> None:
    test = whole.predictions["test"]
    said = np.stack([test.log_prob(model).argmax(-1) for model in range(MODELS)])
    votes = np.where(said[..., None] == np.arange(CLASSES), 0.0, -np.inf).astype(np.float32)
    bare = replace(whole, predictions=arrays({"test": votes}, {"test": test.label}).predictions, bare=True)
    if analyses.ANALYSES[name].bare:
        with pytest.raises(NotEnough, match="needs probabilities"):
            analyses.measure(name, bare)
        return
    result = analyses.measure(name, bare)
    if "metric" in result.coords:
        assert result["metric"].values.tolist() == ["accuracy"]
    summarize(name, result)
    figures.interactive(name, result)


def numbers(models: int = 5, examples: int = 80) -> Offered:
    """Models of a regression."""
    random = np.random.default_rng(4)
    target = random.normal(size=(examples, 1))
    test = held(random, models, target, 0.5)
    names = [f"net-{place}" for place in range(models)]
    groups = {"plain": [0, 1], "wide": [2, 3, 4]}
    parts = {"test": np.array(["day", "night"])[np.arange(examples) % 2]}
    both = {"test": test}
    return Offered(
        members=list(range(models)),
        predictions=both,
        sampled=both,
        task="regression",
        target_unit="mm",
        names=names,
        name_groups=groups,
        example_parts=parts,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_regression_has_the_documented_variables_or_it_is_said_why_not(name: str) -> None:
    offered = numbers()
    if not analyses.suits(name, "regression"):
        with pytest.raises(NotEnough, match="this is a regression"):
            analyses.measure(name, offered)
        return
    result = analyses.measure(name, offered)
    results.validate(result)
    wanted = documented("regression")[name]
    assert {str(key): (value.dims, value.attrs["units"]) for key, value in result.data_vars.items()} == wanted
    for key, values in result.data_vars.items():
        assert np.isfinite(values).any(), key
    made = example_of_numbers(name)
    assert {key: value.dims for key, value in made.data_vars.items()} == {
        key: value.dims for key, value in result.data_vars.items()
    }
    summarize(name, result)
    figures.interactive(name, result)
