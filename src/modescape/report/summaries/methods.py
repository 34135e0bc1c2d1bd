"""What the figures show that compare ways to make an ensemble."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.shift.draw import corruption_name, left_out_sentence, without_effect
from modescape.plots import steps
from modescape.plots.style import method_look
from modescape.report import scores
from modescape.report.equivalents import equivalent
from modescape.report.reading import full_size, pick
from modescape.report.summaries.summary import PLACED, Summary, placed
from modescape.report.wording import ABSENT, accuracy, count, fixed, listing, percent, significant

if TYPE_CHECKING:
    import xarray as xr

DECOMPOSED = {
    "brier": "Brier",
    "nll": "NLL (nats)",
    "brier_geometric": "Brier, geometric mean",
    "nll_geometric": "NLL, geometric mean (nats)",
}


def _names(dataset: xr.Dataset, dim: str = "method") -> list[str]:
    return [str(method) for method in dataset[dim].values]


def _named(method: str) -> str:
    return method_look(method).name


def _whole(value: float) -> str:
    """A number of epochs or passes."""
    return f"{value:,.0f}" if math.isfinite(value) else ABSENT


def _header(dataset: xr.Dataset) -> list[str]:
    return scores.header(dataset["metric"].values)


def _best(values: dict[str, float], *, highest: bool) -> str:
    """The method with the best value, in a sentence; a dash when none has one."""
    known = {method: value for method, value in values.items() if math.isfinite(value)}
    if not known:
        return ABSENT
    return _named((max if highest else min)(known, key=lambda method: known[method]))


def _highest(values: dict[str, float]) -> str:
    return accuracy(max((value for value in values.values() if math.isfinite(value)), default=math.nan))


def _ensemble_methods(dataset: xr.Dataset) -> Summary:
    rows, alone, together = [], {}, {}
    metrics = [str(metric) for metric in dataset["metric"].values]
    for method in _names(dataset):
        full = full_size(dataset, method)
        for size in sorted({1, full} - {0}):
            own = {key: pick(dataset, "score", method=method, metric=key, size=size) for key in metrics}
            cells = [scores.written(key, value) for key, value in own.items()]
            divergence = significant(pick(dataset, "jensen_shannon", method=method), 3)
            cost = [_whole(size * pick(dataset, key, method=method)) for key in ("training_epochs", "forward_passes")]
            rows.append((_named(method), str(size), *placed(dataset, method), *cells, divergence, *cost))
        alone[method] = pick(dataset, "score", method=method, metric="accuracy", size=1)
        together[method] = pick(dataset, "score", method=method, metric="accuracy", size=full)
    rows += _at_one_distance(dataset, metrics)
    single = alone.get("independent", math.nan)
    text = (
        f"Line charts of scores against the number of entries averaged, for {count(len(alone), 'method')}, and dots "
        f"for their diversity and cost. A single network has {accuracy(single)} accuracy; the highest of one entry is "
        f"that of {_best(alone, highest=True)} ({_highest(alone)}), with all entries averaged that of "
        f"{_best(together, highest=True)} ({_highest(together)}); methods are not tested against each other."
    )
    cost = ("Jensen-Shannon (nats)", "training epochs", "forward passes")
    return Summary(text, ("method", "entries", *PLACED, *_header(dataset), *cost), tuple(rows))


def _at_one_distance(dataset: xr.Dataset, metrics: list[str]) -> list[tuple[str, ...]]:
    """A row for every method that can be put at any distance, all at the same."""
    rows = []
    for method in _names(dataset, "other_method"):
        at = {"other_method": method}
        cells = [scores.written(key, pick(dataset, "equal_distance_score", metric=key, **at)) for key in metrics]
        setting, reached, divergence = (
            significant(pick(dataset, f"equal_distance_{key}", **at), 3)
            for key in ("scale", "reached", "jensen_shannon")
        )
        cost = [_whole(pick(dataset, key, method=method)) for key in ("training_epochs", "forward_passes")]
        name = f"{_named(method)}, all at {significant(float(dataset.attrs['equal_distance']))}"
        rows.append((name, "1", setting, reached, *cells, divergence, *cost))
    return rows


def _decomposition(dataset: xr.Dataset) -> Summary:
    rows, shares = [], []
    for metric in _names(dataset, "metric"):
        for method in _names(dataset):
            mean, gap, low, high, whole = (
                pick(dataset, key, method=method, metric=metric)
                for key in ("mean_score", "diversity", "diversity_low", "diversity_high", "ensemble_score")
            )
            bounds = f"{fixed(low, 3)} to {fixed(high, 3)}"
            rows.append(
                (
                    *(DECOMPOSED.get(metric, metric), _named(method), *placed(dataset, method)),
                    *(fixed(mean, 3), fixed(gap, 3), bounds, fixed(whole, 3)),
                )
            )
    for method in _names(dataset):
        gap = pick(dataset, "diversity", method=method, metric="brier")
        if math.isfinite(gap):
            shares.append(f"{_named(method)} {fixed(gap, 3)}")
    text = (
        "Dumbbells from the mean network's score to the ensemble's, one a method, in four scores. "
        f"Diversity term of the Brier score: {listing(shares) or ABSENT}."
    )
    header = ("score", "method", *PLACED, "mean network", "diversity term", "95 % interval", "ensemble")
    return Summary(text, header, tuple(rows))


def _calibration(dataset: xr.Dataset) -> Summary:
    rows = [
        (f"{method}: ECE", "", "", "", fixed(pick(dataset, "ece", method=method), 3), "") for method in _names(dataset)
    ]
    worth = []
    for method in _names(dataset, "other_method"):
        equal = equivalent(dataset, method)
        loss = pick(dataset, "calibrated_nll", other_method=method, size=equal.size)
        cell = f"{equal.text(2)}; {equal.bounds(2)}" if equal.known else ABSENT
        at = placed(dataset, method, "other_method")
        rows.append((f"{_named(method)}: calibrated NLL (nats)", str(equal.size), *at, fixed(loss, 3), cell))
        if equal.known and method != "independent":
            worth.append(f"{equal.size} of {_named(method)} {equal.text(2)}")
    single, together = (fixed(pick(dataset, "ece", method=method), 3) for method in ("single", "independent"))
    text = (
        "Reliability diagrams, line charts of the calibrated log-likelihood and of equivalents against the number of "
        f"networks, and dots for calibration errors and temperatures. ECE: {single} for a single network, {together} "
        f"for all {dataset.sizes['member']} averaged. "
        f"Median temperature {significant(_median(dataset['temperature'].values))}. "
        f"Worth in independent networks: {listing(worth) or ABSENT}."
    )
    return Summary(text, ("quantity", "networks", *PLACED, "value", "equivalent; 95 % interval"), tuple(rows))


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _subspace_scales(dataset: xr.Dataset) -> Summary:
    rows, best = [], {}
    for method in _names(dataset):
        chosen, low, high = (pick(dataset, key, method=method) for key in ("chosen", "chosen_low", "chosen_high"))

        def at(key: str, draw: float = chosen, method: str = method) -> float:
            return pick(dataset, key, method=method, draw=draw)

        best[method] = at("nll")
        tried = int(np.isfinite(dataset["step"].sel({"method": method}).values).sum())
        edge = pick(dataset, "edge", method=method) == 1
        of = f"{int(chosen) + 1} of {tried}{' (the last)' if edge else ' (no step)' if at('step') == 0 else ''}"
        bounds = f"{significant(at('distance', low), 3)} to {significant(at('distance', high), 3)}"
        place = (significant(at("step"), 3), significant(at("scale"), 3), significant(at("distance"), 3), bounds)
        rows.append(
            (_named(method), of, *place, fixed(at("nll"), 3), accuracy(at("accuracy")), percent(at("accepted")))
        )
    solution = fixed(float(dataset.attrs["solution_nll"]), 3)
    text = (
        f"Line charts of validation loss and accuracy against the distance from the solution, for "
        f"{count(len(rows), 'method')}. The solution's validation loss is {solution} nats; the lowest of ensembles "
        f"of {count(int(dataset.attrs['samples']), 'sample')} is that of {_best(best, highest=False)}, "
        f"{fixed(min((value for value in best.values() if math.isfinite(value)), default=math.nan), 3)}. "
        f"{steps.choices(dataset)}"
    )
    header = ("method", "chosen step", "step / length", *PLACED, "95 % interval of the distance", "NLL (nats)")
    return Summary(text.strip(), (*header, "accuracy of a sample", "accepted"), tuple(rows))


def _shift(dataset: xr.Dataset) -> Summary:
    severities = sorted(int(severity) for severity in dataset["severity"].values)
    ends = list(dict.fromkeys((severities[0], severities[-1])))
    metrics = [str(metric) for metric in dataset["metric"].values]
    rows, parts = [], []
    for method in _names(dataset):
        for severity in ends:
            cells = [
                scores.written(key, pick(dataset, "score", method=method, metric=key, severity=severity))
                for key in metrics
            ]
            divergence = significant(pick(dataset, "jensen_shannon", method=method, severity=severity), 3)
            rows.append((_named(method), str(severity), *placed(dataset, method), *cells, divergence))
        if method in ("single", "independent"):
            first, last = (
                accuracy(pick(dataset, "score", method=method, metric="accuracy", severity=severity))
                for severity in (ends[0], ends[-1])
            )
            parts.append(f"{_named(method)} from {first} to {last}")
    left_out = without_effect(dataset)
    unknown = [ABSENT] * (len(PLACED) + len(metrics) + 1)
    for name, which in left_out.items():
        rows.append((f"left out: {corruption_name(name)}", f"no effect at {which}", *unknown))
    text = (
        f"Line charts of scores and diversity against severity, {severities[0]} to {severities[-1]}, for "
        f"{count(len(_names(dataset)), 'method')}, and heat maps of the accuracy on "
        f"{count(dataset.sizes['corruption'] - len(left_out), 'corruption')}. Accuracy: {listing(parts) or ABSENT}."
    )
    if left_out:
        text += f" {left_out_sentence(left_out)}"
    return Summary(text, ("method", "severity", *PLACED, *_header(dataset), "Jensen-Shannon (nats)"), tuple(rows))


def _randomness(dataset: xr.Dataset) -> Summary:
    keys = ("disagreement", "normalized_disagreement", "distance", "cosine", "jensen_shannon")
    rows, parts = [], []
    for condition in _names(dataset):
        last = _last_epoch(dataset.sel({"method": condition})["disagreement"])
        values = [pick(dataset, key, method=condition, epoch=last) for key in keys]
        rows.append((condition, str(last), percent(values[0]), *(significant(value, 3) for value in values[1:])))
        parts.append(f"{condition}: {percent(values[0])}")
    text = (
        f"Line charts over epochs of the difference between two runs, under {count(len(rows), 'condition')}. "
        f"Disagreement at the end: {'; '.join(parts)}."
    )
    header = ("condition", "epoch", "disagreement", "by error", "distance / length", "cosine", "Jensen-Shannon (nats)")
    return Summary(text, header, tuple(rows))


def _last_epoch(values: xr.DataArray) -> int:
    known = np.flatnonzero(np.isfinite(values.values))
    return int(values["epoch"].values[known[-1] if known.size else -1])


def _cyclic(dataset: xr.Dataset) -> Summary:
    rows, parts = [], []
    metrics = [str(metric) for metric in dataset["metric"].values]
    for method in _names(dataset):
        whole = [scores.written(key, pick(dataset, "score", method=method, metric=key)) for key in metrics]
        single, together = (
            accuracy(pick(dataset, key, method=method, metric="accuracy")) for key in ("member_score", "score")
        )
        divergence = significant(pick(dataset, "jensen_shannon", method=method), 3)
        cost = [_whole(pick(dataset, key, method=method)) for key in ("training_epochs", "forward_passes")]
        than = [_difference(dataset, method, key) for key in metrics]
        rows.append((_named(method), single, *whole, *than, divergence, *cost))
        parts.append(f"{_named(method)} from {single} to {together}")
    text = (
        f"Dot plots of scores, differences at equal training cost and diversity for {count(len(rows), 'method')}, and "
        "each network's place in the plane of accuracy and diversity. Accuracy, mean network to ensemble: "
        f"{listing(parts)}."
    )
    than = scores.difference_header(metrics)
    cost = ("Jensen-Shannon (nats)", "training epochs", "forward passes")
    return Summary(text, ("method", "mean network", *_ensembles(_header(dataset)), *than, *cost), tuple(rows))


def _difference(dataset: xr.Dataset, method: str, metric: str) -> str:
    """From the reference at equal cost, with its interval; a dash where a method is the reference itself."""
    low, value, high = (
        pick(dataset, f"difference{end}", method=method, metric=metric) for end in ("_low", "", "_high")
    )
    change, bounds = scores.difference(metric, low, value, high)
    return f"{change} ({bounds})" if bounds else change


def _ensembles(names: Sequence[str]) -> list[str]:
    return [f"ensemble: {name}" for name in names]


METHODS: dict[str, Callable[[xr.Dataset], Summary]] = {
    "ensemble_methods": _ensemble_methods,
    "decomposition": _decomposition,
    "calibration": _calibration,
    "subspace_scales": _subspace_scales,
    "shift": _shift,
    "randomness": _randomness,
    "cyclic": _cyclic,
}
