"""Which of the given models to keep, and with which weights: chosen on some parts of the examples, scored on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.averaging import averages_of
from modescape.analyses.given import THESE, models_of, names_of
from modescape.analyses.requirements import enough_units, left_out, predicted, scoring_of, trained
from modescape.analyses.subset_choice.crossed import EXACT, GREEDY, Choice, Procedure, choices, weighted
from modescape.covers import THESE_MODELS
from modescape.metrics.choosing import MOST_MODELS, factor_of
from modescape.metrics.crossed import Estimate
from modescape.metrics.folds import folds as parts_of
from modescape.metrics.scores import units_of
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

INTERVALS = (
    f"{THESE}, of the procedure: what is kept is chosen on all parts of the examples but one and scored on that, part "
    "by part; they are wider than those of one subset, as parts choose for each other"
)
PREFERRED = "nll"  # the score that chooses: it depends on all examples, accuracy on those near a decision boundary
OF_SIZE = {  # variable -> long name; [approach, other_metric, metric, size]
    "score": "score of the procedure that chooses so many models",
    "score_low": "lower end of its 95 % interval",
    "score_high": "upper end of it",
    "chosen_score": "score on the examples that were chosen on",
    "optimism": "score on the examples that were chosen on minus that on the others",
}
KEPT = {  # of the size that is best where it was chosen; [approach, other_metric, metric]
    "kept_score": "score of the procedure that also chooses how many",
    "kept_gain": "its score minus that of all models averaged",
    "kept_over_best": "its score minus that of the best alone, chosen in the same way",
}
WEIGHTED = {  # [metric]
    "weighted_score": "score of the weighted average, weights fitted on the other parts",
    "weighted_gain": "its score minus that of all models with equal weights",
}


def measure(offered: Offered, *, folds: int = 5, examples: int = 10_000) -> xr.Dataset:
    """The best subset of each size by accuracy and by NLL, the best size, and the best weights, cross-validated.

    "greedy" begins with the best model and adds the one that helps most; "exact" tries every subset, of at most 20
    models. Weights are 0 or more, sum to 1 and have the lowest NLL. Everything is chosen on all parts but one and
    scored on that one; `kept`, `chosen` and `weight` are then chosen on all examples: what to take, with the scores
    of the procedure and not those it has there. Which score chooses is `other_metric`, which is reported `metric`.

    Args:
        offered: predictions of test examples, models with names.
        folds: number of parts of the examples.
        examples: used, at most; drawn, whole groups of them.

    Raises:
        NotEnough: if there are fewer than 2 models, or fewer examples (or groups) than parts.
    """
    what = "the choice of a subset"
    members = trained(offered, 2, what)
    predictions, scoring = predicted(offered, "test", what), scoring_of(offered)
    key = rng.key(offered.seed, "subset_choice")
    found = averages_of(predictions, models_of(predictions), scoring, examples, key)
    enough_units(offered, found.units, folds, what)
    part = found.of_units(parts_of(found.units, folds, key))
    metrics = list(found.losses)
    approaches = [GREEDY, *([EXACT] if len(members) <= MOST_MODELS else [])]
    made = [[choices(found, part, metric, approach) for metric in metrics] for approach in approaches]
    procedure = Procedure(found, scoring, factor_of(folds))
    everything = procedure.everything
    best = [procedure.scored(one.of_size(0)) for one in made[0]]
    return make_result(
        {
            **_of_sizes(made, procedure),
            **_kept(made, procedure, best),
            **_together(everything, metrics),
            **_weights(procedure, part),
        },
        {
            "approach": approaches,
            "other_metric": metrics,
            "metric": metrics,
            "size": np.arange(1, len(members) + 1),
            "model": names_of(offered),
        },
        title="Which models to keep, and with which weights",
        intervals=INTERVALS,
        covers=THESE_MODELS,
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        folds=folds,
        chosen_by=PREFERRED if PREFERRED in metrics else metrics[0],
        examples_looked_at=found.examples,
        unit=offered.unit,
        stream_key=key,
    )


@np.errstate(invalid="ignore")  # an infinite NLL, less another
def _of_sizes(made: list[list[Choice]], procedure: Procedure) -> Variables:
    """Scores of each size with intervals, and the optimism."""
    found = procedure.found
    metrics, sizes = list(found.losses), made[0][0].masks.shape[1]
    values = np.empty((len(OF_SIZE), len(made), len(metrics), len(metrics), sizes))
    for approach, row in enumerate(made):
        for selector, choice in enumerate(row):
            for size in range(sizes):
                own = procedure.scored(choice.of_size(size))
                seen = choice.chosen_on(found, size)
                values[:, approach, selector, :, size] = [own.score, *own.these(), seen, seen - own.score]
    dims, units = ("approach", "other_metric", "metric", "size"), units_of(metrics)
    out: Variables = {name: (dims, values[at], units, text) for at, (name, text) in enumerate(OF_SIZE.items())}
    chosen = np.array([[choice.final.masks for choice in row] for row in made]).astype(np.int8)
    out["chosen"] = ((*dims[:2], "size", "model"), chosen, "1", "1: the model is in the best subset of that size")
    return out


@np.errstate(invalid="ignore")  # an infinite NLL, less another
def _kept(made: list[list[Choice]], procedure: Procedure, best: list[Estimate]) -> Variables:
    """The procedure that also chooses the size: its scores, its gain, and the models that it keeps."""
    found, everything = procedure.found, procedure.everything
    metrics = list(found.losses)
    rows = []
    for row in made:
        for choice, alone in zip(row, best, strict=True):
            own = procedure.scored(choice.of_best())
            each = (own, own.minus(everything), own.minus(alone))
            seen = choice.chosen_on(found, None)
            rows.append(np.stack([*(value for one in each for value in (one.score, *one.these())), seen - own.score]))
    values = np.moveaxis(np.array(rows).reshape(len(made), len(metrics), 10, len(metrics)), 2, 0)
    dims, units = ("approach", "other_metric", "metric"), units_of(metrics)
    out: Variables = {}
    for at, (name, text) in enumerate(KEPT.items()):
        out[name] = (dims, values[3 * at], units, text)
        out[f"{name}_low"] = (dims, values[3 * at + 1], units, "lower end of its 95 % interval")
        out[f"{name}_high"] = (dims, values[3 * at + 2], units, "upper end of it")
    out["kept_optimism"] = (
        dims,
        values[9],
        units,
        "score on the examples that were chosen on minus that on the others",
    )
    kept = np.array([[choice.final.masks[choice.final.best] for choice in row] for row in made])
    share = np.array([[choice.share for choice in row] for row in made])
    out["kept"] = ((*dims[:2], "model"), kept.astype(np.int8), "1", "1: the model is kept, chosen on all examples")
    out["kept_share"] = ((*dims[:2], "model"), share, "1", "share of parts without which the model is kept")
    out["kept_size"] = (dims[:2], kept.sum(-1), "1", "models that are kept")
    return out


def _together(everything: Estimate, metrics: list[str]) -> Variables:
    own, units = everything, units_of(metrics)
    low, high = own.these()
    return {
        "all_score": (("metric",), own.score, units, "score of all models averaged, on the same examples"),
        "all_score_low": (("metric",), low, units, "lower end of its 95 % interval"),
        "all_score_high": (("metric",), high, units, "upper end of it"),
    }


def _weights(procedure: Procedure, part: np.ndarray) -> Variables:
    """The weighted average; empty without probabilities."""
    found, everything = procedure.found, procedure.everything
    if found.log_likelihood is None:
        return {}
    loss, seen, final = weighted(found, part)
    own = procedure.scored(loss)
    units = units_of(found.losses)
    out: Variables = {}
    for (name, text), one in zip(WEIGHTED.items(), (own, own.minus(everything)), strict=True):
        low, high = one.these()
        out[name] = (("metric",), one.score, units, text)
        out[f"{name}_low"] = (("metric",), low, units, "lower end of its 95 % interval")
        out[f"{name}_high"] = (("metric",), high, units, "upper end of it")
    out["weighted_optimism"] = (("metric",), seen - own.score, units, "score where weights were fitted minus elsewhere")
    out["weight"] = (("model",), final.weight, "1", "weight of the model, fitted on all examples")
    return out
