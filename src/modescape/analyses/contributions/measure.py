"""Contribution of each given model to the average of all: leave-one-out difference and Shapley value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.averaging import Averages, averages_of
from modescape.analyses.given import THESE, models_of, names_of
from modescape.analyses.requirements import left_out, predicted, scoring_of, trained
from modescape.covers import THESE_MODELS
from modescape.errors import NotEnough
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import example_variance
from modescape.metrics.intervals import satterthwaite_interval
from modescape.metrics.scores import units_of
from modescape.metrics.shapley import shapley
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

SHARED = ("accuracy", "nll")  # means over examples of a score of averages
INTERVALS = (
    f"{THESE}: Student's t with Satterthwaite's degrees of freedom on the variance over examples and that through the "
    "orders that were sampled (more than 12 models)"
)


def measure(offered: Offered, *, examples: int = 10_000, orders: int = 1000) -> xr.Dataset:
    """Leave-one-out differences and Shapley values of every model, in accuracy and NLL.

    Shapley values sum to the score of all models minus that of none; with no model classes are equally probable (for
    a regression: the mean of the targets with their variance). Up to 12 models they are exact, else from random orders.

    Args:
        offered: predictions of test examples, models with names.
        examples: used, at most; drawn, whole groups of them.
        orders: of the models, sampled, about.

    Raises:
        NotEnough: if there are fewer than 2 models, or means of a regression without variances.

    Source: see `modescape.metrics.shapley`.
    """
    what = "the contributions of models"
    members = trained(offered, 2, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    key = rng.key(offered.seed, "contributions")
    found = averages_of(predictions, models_of(predictions), scoring, examples, key)
    metrics = [name for name in SHARED if name in found.losses]
    if not metrics:
        raise NotEnough(
            f"{what} needs the accuracy or the NLL; these models give one number per example and no variance"
        )
    rows = [_of_score(found, metric, key, orders) for metric in metrics]
    dims, units = ("model", "metric"), units_of(metrics)
    texts = {
        "shapley": "Shapley value: what adding the model changes the score by, mean over all orders",
        "without": "score of all models averaged minus that without the model",
    }
    variables: Variables = {}
    for name, text in texts.items():
        for end, more in (("", text), ("_low", "lower end of its 95 % interval"), ("_high", "upper end of it")):
            variables[f"{name}{end}"] = (dims, np.stack([row[f"{name}{end}"] for row in rows], 1), units, more)
    variables["shapley_error"] = (
        dims,
        np.stack([row["shapley_error"] for row in rows], 1),
        units,
        "standard error through the orders that were sampled; 0: every subset was looked at",
    )
    variables["alone"] = (dims, np.stack([row["alone"] for row in rows], 1), units, "score of the model")
    for name, text in (("all_score", "score of all models averaged"), ("no_score", "score without any model")):
        variables[name] = (("metric",), np.array([row[name] for row in rows]), units, text)
    return make_result(
        variables,
        {"model": names_of(offered), "metric": metrics},
        title="What each model adds to the average of all",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        examples_looked_at=found.examples,
        orders=int(rows[0]["orders"]),
        unit=offered.unit,
        stream_key=key,
    )


@np.errstate(invalid="ignore")  # infinite scores, of either sign
def _of_score(found: Averages, metric: str, key: int, orders: int) -> dict[str, np.ndarray]:
    """Everything of one score; losses become scores by their sign."""
    losses, nothing = found.losses[metric], found.nothing[metric]
    models = losses.models
    sign = -1 if metric == "accuracy" else 1
    shared = shapley(losses, nothing, key, orders)
    every = np.ones((1, models))
    together, others = losses.example(every), losses.example(every - np.eye(models))
    alone = losses.example(np.eye(models)).mean(1)
    out = {
        "shapley_error": shared.error,
        "alone": 1 - alone if sign < 0 else alone,
        "orders": np.array(shared.orders),
        "all_score": together.mean() if sign > 0 else 1 - together.mean(),
        "no_score": nothing.mean() if sign > 0 else 1 - nothing.mean(),
    }
    lost = together - others
    for name, example, error in (("shapley", shared.example, shared.error), ("without", lost, np.zeros(models))):
        units = by_group(sign * example, found.group)
        value = units.mean(1)
        low, high = satterthwaite_interval(
            value, [example_variance(units), np.square(error)], [np.inf, max(shared.sets - 1, 1)]
        )
        out |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return out
