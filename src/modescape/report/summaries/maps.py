"""What the figures show that map weights and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.diversity_map.draw import worth
from modescape.plots.style import method_look, shortened
from modescape.report.reading import pick
from modescape.report.summaries.summary import PLACED, Summary, placed
from modescape.report.wording import ABSENT, accuracy, count, fixed, listing, percent, significant

if TYPE_CHECKING:
    import xarray as xr

NAME_LENGTH = 40  # characters of a data set's name


def _names(dataset: xr.Dataset) -> list[str]:
    return [str(method) for method in dataset["method"].values]


def _mean(values: np.ndarray) -> float:
    """Mean of the values that are there; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _tsne_subspace(dataset: xr.Dataset) -> Summary:
    """How far samples scatter around their own run's last checkpoint, against how far apart the runs end."""
    member, is_sample = dataset["member"].values, dataset["is_sample"].values.astype(bool)
    last = (dataset["epoch"].values == dataset["epoch"].values.max()) & ~is_sample
    members = np.unique(member)
    rows, inside = [], []
    for method in _names(dataset):
        place = np.stack([dataset[axis].sel({"method": method}).values for axis in ("x", "y")], axis=1)
        end = {one: place[last & (member == one)].mean(axis=0) for one in members}
        own = [np.linalg.norm(place[is_sample & (member == one)] - end[one], axis=1) for one in members]
        near = [_nearest(place[is_sample & (member == one)], end) == one for one in members]
        inside.append(_mean(np.concatenate(near).astype(float)))
        apart = [np.linalg.norm(end[one] - end[two]) for one in members for two in members if one < two]
        cells = (significant(_mean(np.concatenate(own))), significant(_mean(np.array(apart))), percent(inside[-1]))
        rows.append((method_look(method).name, *placed(dataset, method), *cells))
    text = (
        f"Maps of predictions by t-SNE, one for each of {count(len(rows), 'method')}: checkpoints of "
        f"{count(len(members), 'run')} and samples around their solutions. "
        f"Of the samples, {percent(_mean(np.array(inside)))} lie nearest to the end of their own run."
    )
    header = ("samples to own solution (mean, no unit)", "between solutions (mean)", "nearest to own")
    return Summary(text, ("method", *PLACED, *header), tuple(rows))


def _nearest(places: np.ndarray, ends: dict) -> np.ndarray:
    """Which end lies nearest to each place; [place]."""
    away = np.stack([np.linalg.norm(places - end, axis=1) for end in ends.values()])
    return np.array(list(ends))[away.argmin(axis=0)]


def _radial(dataset: xr.Dataset) -> Summary:
    """Values at the solutions, half-way between their directions, and along the rays."""
    rows = []
    for label, radius, angle in (
        ("solution 1", 1.0, 0.0),
        ("solution 2", 1.0, 90.0),
        ("between their directions", 1.0, 45.0),
        ("direction of 1, half as long", 0.5, 0.0),
        ("direction of 1, 1.5 times as long", 1.5, 0.0),
        ("direction of 2, 1.5 times as long", 1.5, 90.0),
    ):
        at = dataset.sel(x=radius, y=angle, method="nearest")
        similar = [fixed(float(value), 2) for value in at["similarity"].values]
        agree = [percent(float(value)) for value in at["agreement"].values]
        loss = significant(float(at["nll_best_temperature"]), 3)
        place = f"radius {float(at['x']):.3g}, {float(at['y']):.3g} degrees"
        rows.append((label, place, accuracy(float(at["accuracy"])), *similar, *agree, loss))
    text = (
        "Six maps of a sector of the plane through the origin and two solutions. "
        f"Accuracy is {rows[0][2]} near solution 1, {rows[1][2]} near solution 2 and {rows[2][2]} between their "
        f"directions; similarity to solution 1 is {rows[0][3]} near itself and {rows[1][3]} near solution 2."
    )
    header = ("near", "measured at", "accuracy", "similarity to 1", "to 2", "agreement with 1", "with 2", "loss (nats)")
    return Summary(text, header, tuple(rows))


def _tunnel(dataset: xr.Dataset) -> Summary:
    rows, middle = [], {}
    for way in _names(dataset):
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            at = dataset.sel({"method": way}).sel(t=t, method="nearest")
            similar = [fixed(float(value), 2) for value in at["similarity"].values]
            similar += [ABSENT] * (3 - len(similar))
            cells = (fixed(float(at["t"]), 2), fixed(float(at["loss"]), 3), accuracy(float(at["accuracy"])))
            rows.append((way, *cells, *similar))
            if t == 0.5:
                middle[way] = similar
    heights = {way: pick(dataset, "barrier", method=way, metric="train_loss") for way in _names(dataset)}
    barriers = [f"{significant(height)} nats on the {_WAYS.get(way, way)}" for way, height in heights.items()]
    shown = middle.get("tunnel", [ABSENT] * 3)
    text = (
        "Line charts along two paths between two solutions, and maps of the triangles between the origin and the "
        f"tunnel. Barrier of the training loss: {listing(barriers)}. Half-way in the tunnel the similarity is "
        f"{shown[0]} to the start, {shown[1]} to the end and {shown[2]} to an unrelated solution"
        f"{' (there is none)' if dataset.sizes['member'] < 3 else ''}."
    )
    header = ("path", "position", "test loss (nats)", "accuracy", "similarity to the start", "to the end", "to another")
    return Summary(text, header, tuple(rows[:15]))


_WAYS = {"straight": "straight line", "tunnel": "way through the tunnel"}


def _diversity_plane(dataset: xr.Dataset) -> Summary:
    rows, best = [], float(dataset.attrs["baseline_accuracy"])
    for method in _names(dataset):
        chosen = dataset.sel({"method": method})
        share, diversity = chosen["accuracy"].values, chosen["diversity"].values
        there = np.isfinite(share) & np.isfinite(diversity)
        good = there & (share >= best - 0.02)
        cells = (
            accuracy(_mean(share[there])),
            significant(_mean(diversity[there])),
            significant(_mean(diversity[good])),
        )
        rows.append((method_look(method).name, str(int(there.sum())), *cells))
    known = {method: row[3] for method, row in zip(_names(dataset), rows, strict=True)}
    text = (
        f"Scatter of networks by accuracy and normalised disagreement with a baseline right on {accuracy(best)}. "
        + (f"Independent solutions have {known['independent']} on average. " if "independent" in known else "")
        + "The table also has the mean over networks at most 2 points less accurate than the baseline."
    )
    header = ("method", "networks", "mean accuracy", "mean diversity", "of those within 2 points of the baseline")
    return Summary(text, header, tuple(rows))


def _diversity_map(dataset: xr.Dataset) -> Summary:
    networks, rows, scores = int(dataset.attrs["networks"]), [], {}
    for metric in (str(metric) for metric in dataset["metric"].values):
        for method in _names(dataset):
            chosen = dataset.sel({"metric": metric, "method": method})
            score = chosen["ensemble_brier"].values
            if not np.isfinite(score).any():
                continue
            step = int(np.nanargmin(score))
            at = chosen.isel(draw=step)
            cells = [fixed(float(at[name]), 3) for name in ("diversity", "mean_brier", "ensemble_brier")]
            place = [significant(float(at[name]), 3) for name in ("scale", "distance")]
            rows.append(
                (metric, method_look(method).name, *place, *cells, worth(dataset, metric, method, step) or ABSENT)
            )
            scores.setdefault(metric, {})[method_look(method).name] = float(score[step])
    parts = [f"{metric}: {min(values, key=values.__getitem__)}" for metric, values in scores.items()]
    text = (
        f"Maps of the mean network's Brier score against diversity for sets of {count(networks, 'network')}, with "
        f"lines of equal score of their average. Lowest score of the average, {'; '.join(parts) or 'unknown'}. The "
        "table has the step of each method with the lowest score on these test images themselves, which flatters "
        "methods that were tried at several steps."
    )
    header = ("V", "mean network's Brier", "average's Brier", "worth independent; 95 % interval")
    return Summary(text, ("probabilities", "method (lowest of its steps)", *PLACED, *header), tuple(rows))


def _ood(dataset: xr.Dataset) -> Summary:
    rows, told = [], {}
    sets = [str(name) for name in dataset["corruption"].values]
    for method in _names(dataset):
        for name in sets:
            labels = {"method": method, "corruption": name}
            divergence, entropy = (pick(dataset, key, **labels) for key in ("jensen_shannon", "mean_entropy"))
            areas = [pick(dataset, key, metric="entropy", **labels) for key in ("auroc", "aupr", "fpr95")]
            cells = [significant(value, 3) for value in (divergence, entropy, *areas)]
            rows.append((method_look(method).name, shortened(name, NAME_LENGTH), *placed(dataset, method), *cells))
            told.setdefault(name, {})[method_look(method).name] = areas[0]
    parts = []
    for name, areas in told.items():
        known = {method: area for method, area in areas.items() if np.isfinite(area)}
        if known:
            best = max(known, key=known.__getitem__)
            parts.append(f"{shortened(name, NAME_LENGTH)}: {best} ({significant(known[best])})")
    text = (
        f"Dot plots of divergence and of detection by method, and histograms of the entropy of predictions, on "
        f"{count(len(sets), 'data set')}. "
        f"Highest area under the curve, {'; '.join(parts) or 'no other data set was given'}."
    )
    header = ("Jensen-Shannon (nats)", "mean entropy (nats)", "AUROC", "AUPR", "FPR at 95 %")
    return Summary(text, ("method", "data set", *PLACED, *header), tuple(rows))


MAPS: dict[str, Callable[[xr.Dataset], Summary]] = {
    "tsne_subspace": _tsne_subspace,
    "radial": _radial,
    "tunnel": _tunnel,
    "diversity_plane": _diversity_plane,
    "diversity_map": _diversity_map,
    "ood": _ood,
}
