"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about
from modescape.covers import THESE
from modescape.decision import Candidate, Price, Table
from modescape.decision.candidates import Calibration
from modescape.decision.labelled import attributes_of, coordinates_of, variables_of
from modescape.metrics.scores import SCORES

if TYPE_CHECKING:
    import xarray as xr

SINGLE = {"nll": 0.92, "accuracy": 0.718}
ACROSS = {"nll": -0.23, "accuracy": 0.066}  # gain of infinitely many networks
WAYS: tuple[tuple[Calibration, float], ...] = (("none", 0.0), ("average", 0.05))  # and the gain of each


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Ensembles of every size, and one long run between one network and all of them."""
    made = [(Candidate(name="one network", advice="keep_one"), 0.0)]
    for size in range(2, members + 1):
        price = Price(training=size, passes=size, networks=size)
        one = Candidate(
            name=f"{size} networks", advice="ensemble", size=size, price=price, at_full_cost=size == members
        )
        made.append((one, 1 - 1 / size))
    if members > 1:
        long = f"one network trained {members} times as long"
        made.append(
            (Candidate(name=long, advice="train_longer", price=Price(training=members), at_full_cost=True), 0.3)
        )
    table = table_of(made)
    return results.make_result(
        variables_of(table),
        coordinates_of(table),
        title="What the cost of several networks buys",
        **about(members, intervals="95 %: these members on new examples"),
        covers=THESE,
        split="test",
        **attributes_of(table),
        least_gain=0.01,
        pass_price=0.005,
        training_price=0.005,
        doubt=0.02,
        unconverged=0.5,
    )


def table_of(made: list[tuple[Candidate, float]]) -> Table:
    """Candidates with the share of the whole gain that each has; each also calibrated, with a small gain."""
    candidates, shares = [], []
    for one, share in made:
        for way, more in WAYS:
            advice = "calibrate" if way == "average" and one.advice == "keep_one" else one.advice
            candidates.append(
                Candidate(
                    name=one.name,
                    advice=advice,
                    size=one.size,
                    calibration=way,
                    price=one.price,
                    at_full_cost=one.at_full_cost,
                )
            )
            shares.append(share + more)
    share = np.array(shares)
    spread = np.eye(len(share)) + 4
    mean = {name: SINGLE[name] + share * ACROSS[name] for name in SINGLE}
    return Table(
        candidates=tuple(candidates),
        deciding="nll",
        scores={name: SCORES[name] for name in SINGLE},
        chosen=mean["nll"],
        mean=mean,
        covariance={"nll": 1e-5 * spread, "accuracy": 2e-6 * spread},
        examples=10_000,
        chosen_on="5,000 validation images",
        judged_on="10,000 test images",
        ece=0.09 - 0.06 * share,
        ece_half=np.full(len(share), 0.005) * (np.arange(len(share)) > 0),
        excess=0.08 - 0.09 * share,
        temperature=1.4 - 0.5 * share,
    )
