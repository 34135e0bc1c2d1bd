"""Are the probabilities right, and what is each method worth once its confidence is put right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses import image_sets
from modescape.analyses.comparing import calibrated, padded
from modescape.analyses.groups import (
    around_solutions,
    members_of,
    requests,
    runs_of,
    sampled_methods,
    several,
    solution_requests,
    solutions,
)
from modescape.analyses.requirements import enough_images, groups_of_networks, left_out, trained
from modescape.analyses.stating import Variables, stated
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import THESE
from modescape.errors import NotEnough
from modescape.metrics import (
    calibrated_nll,
    combine,
    deep_ensemble_equivalent,
    ece,
    fit_temperature,
    reliability,
)
from modescape.metrics.grouping import count_units
from modescape.metrics.intervals import LEVEL, percentile_interval, resample_counts, resample_means
from modescape.metrics.subsets import subsets
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "calibration"
SETS = ("test", "validation")
BINS = 15
MOST_SUBSETS = 20  # of independent members of one size
INTERVALS = (
    "95 %, these members on new examples: percentile bootstrap over test examples, the same resamples for all "
    "methods and sizes (paired), temperatures held; it does not say what other networks would give"
)
EQUIVALENTS = {  # variable -> units, long name
    "calibrated_nll": ("nats", "calibrated NLL"),
    "behind": ("nats", "calibrated NLL minus that of the mean single network; positive: worse"),
    "equivalent": (
        "1",
        "independent networks with the same calibrated NLL; NaN: worse than one network; infinite: better than all",
    ),
}
OPEN = {"calibrated_nll": "", "behind": "", "equivalent": "; NaN: below one network; infinite: above all there are"}


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    runs = runs_of(context)
    own = requests(context, runs, sampled_methods(context), [image_sets.clean(context)])
    return [*own, *solution_requests(runs, [image_sets.validation_images()])]


def measure(offered: Offered, *, splits: int = 5, resamples: int = 1000) -> xr.Dataset:
    """Reliability diagrams, calibrated NLL against the number of networks, and deep-ensemble equivalents.

    A temperature of the diagrams is fitted on validation images: of every member before averaging ("calibrated
    members"), or of the average ("calibrated average"). The calibrated NLL follows its authors: fitted on one half of
    the test images and scored on the other, both ways. The equivalent of a method is the number of independent networks
    whose ensemble has its calibrated NLL: from 1 on, and none where the method is worse than one network, by `behind`.

    All of it is on the same members (``subspace.runs``).

    Args:
        offered: predictions of groups of networks on test examples, of independent ones on validation examples, too.
            Scale, distance and control are NaN where they are not offered.
        splits: random halves that the calibrated NLL is averaged over.
        resamples: resampled test sets behind the intervals.

    Raises:
        NotEnough: if no member is trained, or there is a single test image.

    Source: Ashukha et al. 2020, arXiv 2002.06470; Guo et al. 2017, arXiv 1706.04599.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, SETS, WHAT)
    label, validation_label = test.label, offered.sampled["validation"].label
    group = test.example_group
    enough_images(offered, len(label), 2, "calibration, on halves of them,")
    if count_units(group, len(label)) < 2:
        raise NotEnough(
            f"calibration is measured on halves of the test split and needs 2 groups of examples; {offered.named} has 1"
        )
    found = solutions(offered.sampled, SETS)
    diagrams = _diagrams(found["test"], found["validation"], label, validation_label)
    key = rng.key(offered.seed, "calibration")
    example = _examples(offered, found["test"], splits, key)
    sizes = max(len(rows) for rows in example.values())
    temperature = np.asarray(fit_temperature(found["validation"], validation_label))
    members = members_of(test)
    return make_result(
        {
            **_reliability(diagrams, label),
            "temperature": (("member",), temperature, "1", "temperature of the solution, fitted on validation images"),
            **_resampled_worths(example, sizes, resamples, key, group),
            **stated(offered, list(example), found["test"][0], dim="other_approach"),
        },
        {
            "approach": list(diagrams),
            "x": np.arange(BINS),
            "member": members,
            "other_approach": list(example),
            "size": np.arange(1, sizes + 1),
        },
        title="Calibration, and what each method is worth after it",
        intervals=INTERVALS,
        covers=THESE,
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        splits=splits,
        resamples=resamples,
        runs=len(members),
        variant=offered.sampling.variant,
        stream_key=key,
    )


def _examples(offered: Offered, solved: np.ndarray, splits: int, key: int) -> dict[str, np.ndarray]:
    """Calibrated NLL of each example against the number of networks: approach -> [size, example]."""
    test = offered.sampled["test"]
    halves = _Halves(test.label, test.example_group, splits, key)
    example = {"independent": _independent(solved, halves)}
    for approach in several(test):
        runs = [
            np.stack([halves.example(drawn["test"][-size:]) for size in _sizes(drawn["test"])])
            for _, drawn in around_solutions(offered.sampled, approach, ["test"])
        ]
        shortest = min(map(len, runs))  # sizes that every run has
        example[approach] = np.mean([run[:shortest] for run in runs], 0)
    return example


def _reliability(diagrams: dict[str, np.ndarray], label: np.ndarray) -> Variables:
    """The variables of the reliability diagrams."""
    bins = [reliability(log_prob, label, BINS) for log_prob in diagrams.values()]
    curve = ("approach", "x")
    confidence = np.stack([_pooled(one.confidence, one.share) for one in bins])
    accuracy = np.stack([_pooled(one.accuracy, one.share) for one in bins])
    error = np.array([float(np.mean(ece(log_prob, label, BINS))) for log_prob in diagrams.values()])
    return {
        "confidence": (curve, confidence, "1", "mean confidence"),
        "accuracy": (curve, accuracy, "1", "share that is right"),
        "share": (curve, np.stack([one.share.mean(0) for one in bins]), "1", "share of examples in the bin"),
        "ece": (("approach",), error, "1", "expected calibration error"),
    }


def _resampled_worths(
    example: dict[str, np.ndarray], sizes: int, resamples: int, key: int, group: np.ndarray | None
) -> Variables:
    """`_equivalents` over resampled test sets, the same ones for all approaches."""
    counts = resample_counts(count_units(group, len(next(iter(example.values()))[0])), resamples, key)
    draws = {method: resample_means(counts, rows.T, group) for method, rows in example.items()}  # [resample, size]
    return _equivalents({method: rows.mean(1) for method, rows in example.items()}, draws, sizes)


def _diagrams(
    test: np.ndarray, validation: np.ndarray, label: np.ndarray, validation_label: np.ndarray
) -> dict[str, np.ndarray]:
    """Predictions for the reliability diagrams, [network or ensemble, example, class] each."""
    single = calibrated(test, validation, validation_label)
    average = combine(test)[None]
    tempered = calibrated(average, combine(validation)[None], validation_label)
    found = {"single": test, "single, calibrated": single}
    if len(test) > 1:
        found["independent"] = average
        found["independent, calibrated members"] = combine(single)[None]
        found["independent, calibrated average"] = tempered
    return found


def _pooled(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mean over the examples of all networks in each bin, [bin], from [network, bin]; NaN where the bin is empty."""
    weight = share.sum(0)
    total = np.where(share > 0, values * share, 0.0).sum(0)
    return np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)


def _sizes(log_prob: np.ndarray) -> range:
    return range(1, len(log_prob) + 1)


class _Halves(NamedTuple):
    """Random halves of the test examples; each is scored at the temperature of the other."""

    label: np.ndarray  # [example]
    group: np.ndarray | None  # of each example; no group is split
    splits: int
    key: int

    def example(self, log_prob: np.ndarray) -> np.ndarray:
        """Calibrated NLL of each example of the mean prediction, [example]."""
        return calibrated_nll(combine(log_prob), self.label, self.splits, self.key, self.group).example


def _independent(log_prob: np.ndarray, halves: _Halves) -> np.ndarray:
    """Calibrated NLL of each example, mean over subsets of every size, [size, example]."""
    rows = []
    for size in range(1, len(log_prob) + 1):
        masks = subsets(len(log_prob), size, MOST_SUBSETS, halves.key)
        rows.append(np.mean([halves.example(log_prob[mask]) for mask in masks], 0))
    return np.stack(rows)


def _equivalents(nll: dict[str, np.ndarray], draws: dict[str, np.ndarray], sizes: int) -> Variables:
    """Calibrated NLL, how far it is from one network's, and the equivalent, with intervals: variables of the result.

    Args:
        nll: of every method, [size].
        draws: the same over resampled test sets, [resample, size].
        sizes: the largest of all methods.
    """
    single, single_draws = nll["independent"][0], draws["independent"][:, :1]
    equivalent = {method: deep_ensemble_equivalent(score, nll["independent"]) for method, score in nll.items()}
    worth_draws = {
        method: np.asarray(deep_ensemble_equivalent(draw, draws["independent"][:, None]).ranked)
        for method, draw in draws.items()
    }
    ends = {
        "calibrated_nll": {method: percentile_interval(draw.T) for method, draw in draws.items()},
        "behind": {method: percentile_interval((draw - single_draws).T) for method, draw in draws.items()},
        "equivalent": {method: _open_ended(draw) for method, draw in worth_draws.items()},
    }
    middle = {
        "calibrated_nll": nll,
        "behind": {method: score - single for method, score in nll.items()},
        "equivalent": {method: np.where(one.beyond, np.inf, one.number) for method, one in equivalent.items()},
    }
    dims: tuple[str, ...] = ("other_approach", "size")
    variables: Variables = {}
    for name, (units, text) in EQUIVALENTS.items():
        lows, highs = ({method: pair[at] for method, pair in ends[name].items()} for at in (0, 1))
        variables[name] = (dims, padded(middle[name].values(), sizes), units, text)
        variables[f"{name}_low"] = (
            dims,
            padded(lows.values(), sizes),
            units,
            f"lower end of its 95 % interval{OPEN[name]}",
        )
        variables[f"{name}_high"] = (
            dims,
            padded(highs.values(), sizes),
            units,
            f"upper end of its 95 % interval{OPEN[name]}",
        )
    below = np.zeros(variables["equivalent"][1].shape, dtype=bool)
    for at, one in enumerate(equivalent.values()):
        below[at, : len(one.below)] = one.below
    variables["equivalent_below"] = (dims, below, "1", "whether the method is worse than one network")
    return variables


def _open_ended(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of `ranked` equivalents [resample, size]: draws themselves, as some are infinite."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method="inverted_cdf")
    return np.where(low == 0, np.nan, low), np.where(high == 0, np.nan, high)
