"""Properties of the array functions and of recipes: any input gives a plain error or a valid result.

Hypothesis draws the arrays (`drawing`).
"""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import modescape as ms
from modescape import functionspace, metrics
from modescape import recipe as recipes
from modescape.errors import InputError, ModescapeError
from modescape.metrics.subsets import subsets

from .drawing import steady
from .mutating import KEYS, VALUES, Mutator

pytestmark = pytest.mark.faults

ODD_NUMBERS = [0.0, -0.0, -1.0, -50.0, -800.0, -1e30, -1e308, -np.inf, np.nan, 5e-4, 0.5, np.inf, 1e308, 5e-324]
ODD = st.sampled_from(ODD_NUMBERS)
KINDS = st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint8, bool, np.complex128])
SOME = st.integers(1, 4)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def anything(draw):
    """An array of any shape and kind."""
    kind, shape = draw(KINDS), draw(SHAPES)
    stream = np.random.default_rng(draw(st.integers(0, 1000)))
    whole = kind not in (np.float16, np.float32, np.float64) or draw(st.booleans())
    with np.errstate(all="ignore"):  # 1e308 as float32
        return stream.choice(
            [0, 1, 2, 3] if whole else draw(st.sampled_from([ODD_NUMBERS[:5], ODD_NUMBERS])), shape
        ).astype(kind)


@st.composite
def predictions(draw, models=SOME, broken=True):
    """Log-probabilities [model, example, class] with labels; some are minus infinity and, with ``broken``, some NaN."""
    shape = (draw(models), draw(st.integers(1, 6)), draw(st.integers(1, 5)))
    stream = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = stream.normal(0, draw(st.sampled_from([0.1, 1.0, 10.0, 1000.0])), shape)
    logits[stream.random(shape) < draw(st.sampled_from([0, 0, 0.3]))] = -np.inf
    logits[..., 0] = np.where(np.isneginf(logits).all(-1), 0.0, logits[..., 0])  # some class is possible
    top = logits.max(-1, keepdims=True)
    log_prob = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    if broken and draw(st.booleans()):
        log_prob.reshape(-1)[stream.integers(log_prob.size)] = np.nan
    return log_prob.astype(draw(st.sampled_from([np.float32, np.float64]))), stream.integers(0, shape[2], shape[1])


def check_plain(error, most=2_000, word=""):
    """Check that it is one of our errors, and short enough to read."""
    assert isinstance(error, ModescapeError), repr(error)
    assert 10 < len(str(error)) < most
    assert word in str(error)


def within(value, low, high):
    """Whether all numbers except NaN are within the range, up to rounding."""
    value = np.asarray(value, dtype=np.float64)
    known = value[~np.isnan(value)]
    return bool(((known >= low - 1e-9) & (known <= high + 1e-9)).all())


def leaves(value):
    """All numbers in a function's result."""
    if hasattr(value, "__dataclass_fields__"):
        value = [getattr(value, name) for name in value.__dataclass_fields__]
    if isinstance(value, xr.Dataset):
        value = [value[name].values for name in value.data_vars]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [number for part in value for number in leaves(part) if not isinstance(part, str)]
    return [value]


TWO = {  # functions of (log_prob, label)
    **{name: getattr(ms, name) for name in ("accuracy", "nll", "brier", "ece")},
    **{name: getattr(metrics, name) for name in ("example_scores", "reliability", "fit_temperature", "decompose")},
    **{name: getattr(metrics, name) for name in ("brier_law", "calibrated_nll", "auroc", "aupr", "fpr_at_tpr")},
    "ensemble_curve": lambda log_prob, label: metrics.ensemble_curve(log_prob, label),
    "subset_scores": lambda log_prob, label: metrics.subset_scores(log_prob, label, subsets(2, 1)),
    "rescale": metrics.rescale,
    "deep_ensemble_equivalent": metrics.deep_ensemble_equivalent,
    "diversity_bounds": functionspace.diversity_bounds,
    "diversity_limits": lambda accuracy, baseline: ms.diversity_limits(accuracy, baseline, 3),
    "normalized_diversity": lambda predicted, label: ms.normalized_diversity(predicted, label, label),
}
ONE = {  # functions of one array
    "combine": ms.combine,
    "disagreement": ms.disagreement,
    "cosine_similarity": ms.cosine_similarity,
    "jensen_shannon": ms.jensen_shannon,
    "embed_pca": functionspace.embed_pca,
    "jackknife_variance": metrics.jackknife_variance,
    "bootstrap": lambda score: metrics.bootstrap(score, resamples=2),
}


@pytest.mark.parametrize("name", [*TWO, *ONE])
def test_whatever_comes_in_is_refused_plainly_or_measured(name):
    """Only a ValueError may be raised, with a plain message; what is returned are numbers."""

    @steady
    @given(anything(), anything())
    def check(one, other):
        try:
            found = TWO[name](one, other) if name in TWO else ONE[name](one)
        except ValueError as error:
            check_plain(error)
            return
        for value in leaves(found):
            assert np.asarray(value).dtype.kind in "fiub"

    check()


@steady
@given(predictions())
def test_scores_lie_in_their_range_and_are_unknown_only_where_the_input_is(given_):
    log_prob, label = given_
    models, examples, classes = log_prob.shape
    broken = np.isnan(log_prob).any((1, 2))
    highest = {"accuracy": 1.0, "nll": np.inf, "brier": 2.0, "ece": 1.0}
    order = np.random.default_rng(0).permutation(examples)
    for name, high in highest.items():
        function = metrics.SCORES[name]
        score = function(log_prob, label)
        assert score.shape == (models,)
        assert within(score, 0 if name != "nll" else -1e-3, high + 1e-5)
        assert not np.isnan(score[~broken]).any()
        assert name == "nll" or np.isnan(score[broken]).all()  # the NLL depends only on the label's probability
        np.testing.assert_allclose(function(log_prob[:, order], label[order]), score, rtol=1e-6, atol=1e-9)
        slow = [function(log_prob[model], label) for model in range(models)]
        np.testing.assert_array_equal(slow, score)
    prob = np.exp(log_prob.astype(np.float64))
    by_hand = [
        sum(sum((prob[m, n, c] - (c == label[n])) ** 2 for c in range(classes)) for n in range(examples)) / examples
        for m in range(models)
    ]
    np.testing.assert_allclose(ms.brier(log_prob, label), by_hand, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        ms.nll(log_prob, label),
        [-log_prob[m, range(examples), label].mean(dtype=np.float64) for m in range(models)],
        rtol=1e-9,
        atol=1e-12,
    )


@steady
@given(predictions())
def test_averaging_is_the_mean_of_probabilities_in_any_order(given_):
    log_prob, _ = given_
    found = ms.combine(log_prob)
    by_hand = np.exp(log_prob.astype(np.float64)).mean(0)
    np.testing.assert_allclose(np.exp(found), by_hand, rtol=1e-9, atol=1e-300)
    assert (np.isnan(found) == np.isnan(log_prob).any(0)).all()
    np.testing.assert_allclose(ms.combine(log_prob[::-1]), found, rtol=1e-12, atol=1e-12)
    least = log_prob.astype(np.float64).min(0)
    assert (np.isnan(found) | (found >= least - 1e-9)).all()


@steady
@given(predictions(broken=False))
def test_calibration_decomposition_and_detection(given_):
    log_prob, label = given_
    temperature = metrics.fit_temperature(log_prob, label)
    assert within(temperature, 0.05, 20)
    assert not np.isnan(temperature).any()
    rescaled = metrics.rescale(log_prob, temperature)
    np.testing.assert_allclose(np.exp(rescaled).sum(-1), 1, rtol=1e-9)
    at_best, as_is = ms.nll(rescaled, label), ms.nll(metrics.rescale(log_prob, 1.0), label)
    assert (at_best <= as_is + 1e-6 * np.maximum(1, np.where(np.isfinite(as_is), as_is, 0))).all()
    bins = metrics.reliability(log_prob, label)
    np.testing.assert_allclose(bins.share.sum(-1), 1)
    gaps = np.where(bins.share > 0, bins.share * np.abs(bins.accuracy - bins.confidence), 0).sum(-1)
    np.testing.assert_allclose(gaps, ms.ece(log_prob, label), atol=1e-9)
    parts = metrics.decompose(log_prob, label)
    label_free = parts.diversity[[0, 3]]
    assert within(label_free, -1e-6, np.inf)
    with np.errstate(invalid="ignore"):
        difference = parts.mean_member - parts.diversity
    known = np.isfinite(difference) & np.isfinite(parts.ensemble)
    np.testing.assert_allclose(difference[known], parts.ensemble[known], rtol=1e-6, atol=1e-5)
    correct = log_prob[0].argmax(-1) == label
    if 0 < correct.sum() < label.size:
        confidence = log_prob.max(-1)
        for measure in (metrics.auroc, metrics.aupr, metrics.fpr_at_tpr):
            assert within(measure(confidence, correct), 0, 1)
        np.testing.assert_allclose(metrics.auroc(-confidence, ~correct), metrics.auroc(confidence, correct), atol=1e-12)


@steady
@given(predictions(models=st.integers(2, 4), broken=False))
def test_curves_of_ensembles(given_):
    log_prob, label = given_
    curve = metrics.ensemble_curve(log_prob, label)
    for name, metric in metrics.SCORES.items():
        here, whole = curve.sel(metric=name), ms.combine(log_prob)
        np.testing.assert_allclose(here["score"][0], metric(log_prob, label).mean(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(here["score"][-1], metric(whole, label), rtol=1e-5, atol=1e-6)
        low, high = here["score_low"], here["score_high"]
        assert (np.isnan(low) | (low <= high)).all()
    law = metrics.brier_law(log_prob, label)
    np.testing.assert_allclose(law.at(len(log_prob)), ms.brier(ms.combine(log_prob), label), rtol=1e-6, atol=1e-6)
    worth = metrics.brier_equivalent(law.mean_member, law)
    if law.diversity > 1e-12:
        np.testing.assert_allclose(worth, 1, rtol=1e-9 + 1e-15 / law.diversity)  # scores are rounded to 1e-16
    else:  # one network and infinitely many are equal up to rounding
        assert law.diversity > 0 or worth == np.inf


@steady
@given(predictions())
def test_networks_as_functions(given_):
    log_prob, label = given_
    models, _, classes = log_prob.shape
    apart = ms.jensen_shannon(log_prob)
    if np.isnan(log_prob).any():
        assert math.isnan(apart)
    else:
        assert -1e-9 <= apart <= math.log(min(models, classes)) + 1e-5
    assert abs(ms.jensen_shannon(np.nan_to_num(log_prob[[0, 0]], neginf=-1e4))) < 1e-5
    predicted = np.nan_to_num(log_prob, nan=-1.0).argmax(-1)
    differ = ms.disagreement(predicted)
    by_hand = [[float(np.mean(a != b)) for b in predicted] for a in predicted]
    np.testing.assert_allclose(differ, by_hand, rtol=1e-12)
    assert (differ == differ.T).all()
    assert not np.diagonal(differ).any()
    diversity = ms.normalized_diversity(predicted, predicted[0], label)
    accuracy = (predicted == label).mean(1)
    low, high = functionspace.diversity_bounds(accuracy, accuracy[0])
    known = np.isfinite(diversity)
    assert (diversity[known] >= low[known] - 1e-9).all()
    assert (diversity[known] <= high[known] + 1e-9).all()


@steady
@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=ODD))
def test_angles_between_weights(weights):
    cosine = ms.cosine_similarity(weights)
    assert within(cosine, -1, 1)
    np.testing.assert_array_equal(cosine, cosine.T)
    with np.errstate(over="ignore", under="ignore"):
        length = np.sqrt(np.square(weights).sum(1))
    plain = (length > 1e-150) & np.isfinite(length)
    assert not np.isnan(cosine[np.ix_(plain, plain)]).any()
    assert np.isnan(cosine[~np.isfinite(weights).all(1)]).all()


SHARE = st.floats(0, 1)


@steady
@given(SHARE, SHARE, st.integers(2, 1000))
def test_limits_of_diversity(accuracy, baseline, classes):
    lower, upper = ms.diversity_limits(accuracy, baseline, classes)
    least, most = functionspace.diversity_bounds(accuracy, baseline)
    for value in (lower, upper):
        if math.isfinite(value):
            assert least - 1e-6 <= value <= most + 1e-6
    assert math.isnan(upper) <= (accuracy == 1)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*KEYS, *VALUES]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


def check_round_trip(values):
    """An accepted recipe is unchanged, with the same hash, after it is written and read."""
    try:
        recipe = recipes.parse(values, "it")
    except InputError as error:
        check_plain(error)
        return False
    again = recipes.parse(recipes.parse_yaml(recipe.to_yaml(), "it"), "it")
    assert again == recipe
    assert again.content_hash("x") == recipe.content_hash("x")
    return True


@steady
@given(
    st.dictionaries(st.sampled_from([key for key in KEYS if "." not in key]) | st.text(max_size=4), PLAIN, max_size=3)
)
def test_recipes_of_any_values(values):
    check_round_trip(values)


@steady
@given(st.dictionaries(st.text(max_size=6), PLAIN, max_size=3), st.text(max_size=12))
def test_free_settings_survive_writing(arguments, text):
    assert check_round_trip({"settings": {"x": {"text": text}}, "data": {"source": text or "x"}})
    check_round_trip({"model": {"arguments": arguments}, "settings": {"x": arguments}})


@steady
@given(
    st.lists(
        st.tuples(st.sampled_from(KEYS) | st.text(max_size=8), st.sampled_from(VALUES) | st.text(max_size=12)),
        max_size=3,
    ),
    st.integers(),
)
def test_overrides_of_any_text(pairs, number):
    mutated = Mutator(number).settings()
    for given_ in ([f"{key}={value}" for key, value in pairs], mutated):
        try:
            values = recipes.override({"train": {"members": 2}}, given_)
        except InputError as error:
            check_plain(error)
        else:
            check_round_trip(values)
