"""What the figures of training, of one run and of independent solutions show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from modescape.report import scores
from modescape.report.reading import full_gain, full_size, pick
from modescape.report.summaries.summary import Summary
from modescape.report.wording import accuracy, count, fixed, listing, percent, significant

if TYPE_CHECKING:
    import xarray as xr


def _training(dataset: xr.Dataset) -> Summary:
    rows = []
    for member in dataset["member"].values:
        last = dataset.sel(member=member).dropna("epoch", subset=["train_loss"])
        if not last.sizes["epoch"]:
            continue
        last = last.isel(epoch=-1)
        shares = [accuracy(float(last[key])) for key in ("train_accuracy", "validation_accuracy")]
        losses = [fixed(float(last[key]), 3) for key in ("train_loss", "validation_loss")]
        rows.append((str(member), str(int(last["epoch"])), losses[0], losses[1], *shares))
    start, end = (dataset["validation_accuracy"].dropna("epoch", how="all") for _ in range(2))
    first, final = (float(values.isel(epoch=at).mean()) for values, at in ((start, 0), (end, -1)))
    text = (
        f"Line chart over epochs of loss, accuracy and learning rate for {count(len(rows), 'member')}. "
        f"Mean validation accuracy goes from {accuracy(first)} after the first epoch to {accuracy(final)} at the end."
    )
    header = ("member", "epoch", "train loss", "validation loss", "train accuracy", "validation accuracy")
    return Summary(text, header, tuple(rows))


def _confusion(dataset: xr.Dataset) -> Summary:
    methods = [str(method) for method in dataset["method"].values]
    shares = [f"{method} {accuracy(pick(dataset, 'accuracy', method=method))}" for method in methods]
    count_of = dataset["count"].values  # [method, class, predicted_class]
    right = np.einsum("mcc->mc", count_of)
    total = count_of.sum(-1)
    recall = np.divide(right, total, out=np.full(right.shape, np.nan), where=total > 0)
    classes = [str(value) for value in dataset["class"].values]
    rows = tuple((label, *(accuracy(value) for value in recall[:, at])) for at, label in enumerate(classes))
    text = (
        f"Matrices of true against predicted class, {count(len(classes), 'class', 'classes')}. "
        f"Share on the diagonal (accuracy): {listing(shares)}."
    )
    return Summary(text, ("true class: share recognised", *methods), rows)


def _trajectory_similarity(dataset: xr.Dataset) -> Summary:
    last = dataset.isel(other_epoch=-1)
    wanted = ("cosine", "cosine_without_batch_norm", "disagreement")
    parts, rows = [], []
    for member in dataset["member"].values:
        one = last.sel(member=member)
        epochs = one["epoch"].values
        for epoch in sorted({int(epochs[round(share * (len(epochs) - 1))]) for share in (0, 0.25, 0.5, 0.75, 1)}):
            at = one.sel(epoch=epoch)
            cells = [significant(float(at[key]), 3) for key in wanted]
            rows.append((str(member), str(epoch), *cells))
        early = float(one["disagreement"].isel(epoch=0))
        late = float(one["disagreement"].isel(epoch=-2)) if len(epochs) > 1 else np.nan
        parts.append(f"member {member}: {percent(early)} at the first, {percent(late)} at the last but one checkpoint")
    text = (
        f"Heat maps over pairs of epochs for {count(len(parts), 'trajectory', 'trajectories')}: cosine of weights and "
        f"disagreement of predicted labels. Disagreement with the solution: {'; '.join(parts)}."
    )
    header = ("member", "epoch", "cosine with the last", "without normalisation layers", "disagreement with the last")
    return Summary(text, header, tuple(rows))


def _solution_similarity(dataset: xr.Dataset) -> Summary:
    rows = []
    for metric in dataset["metric"].values:
        low, mean, high = (pick(dataset, key, metric=metric) for key in ("pair_low", "pair_mean", "pair_high"))
        cells = (significant(mean, 3), f"{significant(low, 3)} to {significant(high, 3)}")
        rows.append((str(metric).replace("_", " ").replace("batch norm", "normalisation layers"), *cells))
    within = pick(dataset, "last_epochs_disagreement")
    rows.append(("disagreement of late snapshots of one run", significant(within, 3), ""))
    text = (
        f"Square heat maps over pairs of {count(dataset.sizes['member'], 'member')}. "
        f"Mean over pairs: disagreement {percent(pick(dataset, 'pair_mean', metric='disagreement'))}, "
        f"normalised by error {significant(pick(dataset, 'pair_mean', metric='normalized_disagreement'))}, "
        f"cosine of weights {significant(pick(dataset, 'pair_mean', metric='cosine'))}. "
        f"Late snapshots of one run disagree on {percent(within)}."
    )
    return Summary(text, ("over pairs of members", "mean", "95 % interval"), tuple(rows))


def _tsne(dataset: xr.Dataset) -> Summary:
    methods = [str(method) for method in dataset["method"].values]
    members = sorted({int(member) for member in dataset["member"].values})
    shares = [pick(dataset, "variance_share", method="PCA", draw=axis) for axis in dataset["draw"].values]
    rows = []
    for method in methods:
        for member in members:
            path = dataset.sel({"method": method}).isel(model=np.flatnonzero(dataset["member"].values == member))
            for at in (0, -1):
                point = path.isel(model=at)
                epoch = str(int(point["epoch"]))
                rows.append((method, str(member), epoch, fixed(float(point["x"]), 2), fixed(float(point["y"]), 2)))
    text = (
        f"Maps of the predictions of {count(dataset.sizes['model'], 'checkpoint')} by {listing(methods)}: "
        f"one path from start to end for each of {count(len(members), 'trajectory', 'trajectories')}. "
        f"The two PCA axes hold {percent(float(np.nansum(shares)))} of the variance."
    )
    return Summary(text, ("method", "member", "epoch", "x", "y"), tuple(rows))


def _ensemble_size(dataset: xr.Dataset) -> Summary:
    rows = []
    parts = []
    for method in (str(method) for method in dataset["method"].values):
        full = full_size(dataset, method)
        gain = full_gain(dataset, method)
        for size in (int(size) for size in dataset["size"].values if size <= full):
            cells = [_with_intervals(dataset, method, str(key), size) for key in dataset["metric"].values]
            rows.append((method, str(size), *cells))
        if gain is not None:
            single, together = (
                pick(dataset, "score", method=method, metric="accuracy", size=size) for size in (1, gain.size)
            )
            parts.append(f"{method}: from {accuracy(single)} alone to {accuracy(together)} with {gain.size}")
    text = (
        f"Line charts of scores against the number of networks averaged. Accuracy, {'; '.join(parts) or 'one size'}. "
        "In the table: score, 95 % interval for new networks on new images, and in brackets for these networks."
    )
    header = ("networks", "size", *scores.header(dataset["metric"].values))
    return Summary(text, header, tuple(rows))


def _with_intervals(dataset: xr.Dataset, method: str, metric: str, size: int) -> str:
    """A score, its interval for new networks on new images, and in brackets that for these networks."""

    def written(name: str) -> str:
        return scores.written(metric, pick(dataset, name, method=method, metric=metric, size=size))

    new, these = (f"{written(f'score_low{whom}')} to {written(f'score_high{whom}')}" for whom in ("", "_these"))
    return f"{written('score')}, {new} ({these})"


BASICS: dict[str, Callable[[xr.Dataset], Summary]] = {
    "training": _training,
    "confusion": _confusion,
    "trajectory_similarity": _trajectory_similarity,
    "solution_similarity": _solution_similarity,
    "tsne": _tsne,
    "ensemble_size": _ensemble_size,
}
