"""A table of candidates as variables of a labelled result, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.decision.candidates import Candidate, Price, Table
from modescape.metrics.scores import REGRESSION_SCORES, SCORES, Score, units_of

if TYPE_CHECKING:
    import xarray as xr

PRICES = {
    "training": "times the training of one member",
    "passes": "times a forward pass of one member, a prediction",
    "networks": "times the weights of one member",
}

CHANGES = {  # end of the variable's name -> long name, in the order of `Difference`
    "": "calibration error minus that of one network as it is, paired",
    "_low": "lower end of its 95 % interval, these members on new examples",
    "_high": "upper end of it",
}


def variables_of(table: Table) -> dict[str, tuple[tuple[str, ...], Any, str, str]]:
    """Variables of `modescape.results.make_result`, over approach (the candidate) and metric."""
    places, metrics = range(len(table.candidates)), list(table.scores)
    changes = [astuple(table.worse_calibrated(place)) for place in places]
    gains = [[table.difference(place, 0, metric) for metric in metrics] for place in places]
    own, both, units = ("approach",), ("approach", "metric"), units_of(metrics)
    ends = {"gain": "value", "gain_low": "low", "gain_high": "high"}
    texts = {
        "gain": "score minus that of one network as it is, paired",
        "gain_low": "lower end of the 95 % interval of the gain, these members on new examples",
        "gain_high": "upper end of it",
    }
    matrix = np.stack([table.covariance[metric] for metric in metrics], -1)
    return {
        "chosen": (own, table.chosen, units_of([table.deciding]), "deciding score where it is chosen"),
        "score": (both, np.stack([table.mean[metric] for metric in metrics], -1), units, "score where they are judged"),
        **{
            name: (both, np.array([[getattr(one, end) for one in row] for row in gains]), units, texts[name])
            for name, end in ends.items()
        },
        "covariance": (
            ("approach", "other_approach", "metric"),
            matrix,
            "square of the score's unit",
            "covariance of the mean scores of two candidates through the choice of examples",
        ),
        "ece": (own, table.ece, "1", "expected calibration error"),
        **{
            f"ece_change{end}": (own, np.array([change[at] for change in changes]), "1", text)
            for at, (end, text) in enumerate(CHANGES.items())
        },
        "excess": (own, table.excess, "1", "mean confidence minus the share that is right"),
        "temperature": (
            own,
            np.full(len(places), np.nan) if table.temperature is None else table.temperature,
            "1",
            "temperature fitted to its average where candidates are chosen, before that is calibrated",
        ),
        **{
            name: (own, np.array([getattr(one.price, name) for one in table.candidates]), "1", text)
            for name, text in PRICES.items()
        },
        "averaged": (own, np.array([one.size for one in table.candidates]), "1", "networks averaged"),
    }


def coordinates_of(table: Table) -> dict[str, Any]:
    """Coordinates: of a candidate its name with its calibration, and what is known of it."""
    labels = [one.label for one in table.candidates]
    return {
        "approach": labels,
        "other_approach": labels,
        "metric": list(table.scores),
        "name": ("approach", [one.name for one in table.candidates]),
        "advice": ("approach", [one.advice for one in table.candidates]),
        "calibrated": ("approach", [one.calibration for one in table.candidates]),
        "full_cost": ("approach", [int(one.at_full_cost) for one in table.candidates]),
    }


def attributes_of(table: Table) -> dict[str, Any]:
    """Further attributes of a table."""
    return {
        "deciding": table.deciding,
        "judging_examples": table.examples,
        "chosen_on": table.chosen_on,
        "judged_on": table.judged_on,
    }


def table_of_result(dataset: xr.Dataset) -> Table:
    """The table that a result was made of.

    Raises:
        KeyError: if the result is of no such table.
    """
    about, metrics = dataset.attrs, [str(name) for name in dataset["metric"].values]
    known: Mapping[str, Score] = REGRESSION_SCORES if "rmse" in metrics else SCORES
    held = {name: dataset[name].values for name in (*PRICES, "averaged", "name", "advice", "calibrated", "full_cost")}
    candidates = tuple(
        Candidate(
            name=str(held["name"][place]),
            advice=str(held["advice"][place]),  # type: ignore[arg-type]
            size=int(np.nan_to_num(held["averaged"][place])),  # 0: the result does not say
            calibration=str(held["calibrated"][place]),  # type: ignore[arg-type]
            price=Price(**{name: float(held[name][place]) for name in PRICES}),
            at_full_cost=bool(held["full_cost"][place]),
        )
        for place in range(dataset.sizes["approach"])
    )
    change = "ece_change_high" in dataset  # versions before had no interval
    half = dataset["ece_change_high"].values - dataset["ece_change"].values if change else None
    return Table(
        candidates=candidates,
        deciding=str(about["deciding"]),
        scores={name: known[name] for name in metrics},
        chosen=dataset["chosen"].values,
        mean={name: dataset["score"].sel({"metric": name}).values for name in metrics},
        covariance={name: dataset["covariance"].sel({"metric": name}).values for name in metrics},
        examples=int(about["judging_examples"]),
        chosen_on=str(about["chosen_on"]),
        judged_on=str(about["judged_on"]),
        ece=dataset["ece"].values,
        excess=dataset["excess"].values,
        ece_half=half,
        temperature=dataset["temperature"].values if "temperature" in dataset else None,
    )
