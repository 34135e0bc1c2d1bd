"""The decision over a study, an import or a comparison, from the contents of its folder, without training."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape import analyses
from modescape.analyses import ANALYSES
from modescape.answers import answer, score
from modescape.decision import Budget, Candidate, Decision, Rules, Table
from modescape.decision.budgets import Machine
from modescape.decision.candidates import Difference
from modescape.decision.words import baseline, evidence, head
from modescape.errors import DamageError, InputError, ModescapeError, NotEnough, WorkError
from modescape.pipeline.comparison import ABOUT
from modescape.pipeline.comparison_page import WORD
from modescape.storage import place
from modescape.study import Study, layout
from modescape.study.results import read_dataset
from modescape.wording.examples import in_words_of
from modescape.wording.numbers import percent
from modescape.wording.reading import holding

if TYPE_CHECKING:
    import xarray as xr

PASSES_TIMED = 25  # of one example; their median is reported
NUMBER_BYTES = 4  # of a weight as it is stored
DECIDING = next(name for name, one in ANALYSES.items() if one.decides)


@dataclass(frozen=True)
class Decided:
    """A decision, and its basis."""

    path: Path
    table: Table
    rules: Rules
    decision: Decision
    machine: Machine
    sentences: list[str]
    warnings: list[str]


def decide(path: str | Path, *, budget: Budget | None = None, thresholds: Mapping[str, float] | None = None) -> Decided:
    """Decide what to do with the networks of a study, an import with predictions, or a comparison.

    Args:
        path: its folder.
        budget: the largest cost of a prediction.
        thresholds: of `modescape.decision.Rules`, in place of the recipe's.

    Raises:
        InputError: if the folder is none of these, too little was predicted, a threshold is unknown, or the budget
            does not allow even one network.
        WorkError: if a result of a comparison is damaged.
    """
    path = place(path)
    if (path / ABOUT).is_file():
        results, word, grouped, machine, notes = _of_comparison(path), WORD, False, Machine(), []
    else:
        study = Study.open(path)
        results, (machine, notes) = _of_study(study), machine_of(study)
        word, grouped = study.word, "groups" in study.manifest
        if missing := str(results[DECIDING].attrs.get("not_averaged", "")):
            notes.append(f"Averages of weights were not scored: {missing}")
    reading = ANALYSES[DECIDING].part("reading")
    rules = _changed(reading.rules_of(results[DECIDING]), thresholds or {})
    table, rules, decision = reading.decided(results, rules, budget, machine)
    unit = str(results[DECIDING].attrs.get("target_unit", ""))
    ending = reading.ending_of(results)
    said = [*head(table, decision, rules, machine, unit, ending), *_best_model(results, table, decision)]
    said += evidence(table, decision, unit, numbers=True)
    return Decided(path, table, rules, decision, machine, [in_words_of(word, one, grouped) for one in said], notes)


def _changed(rules: Rules, thresholds: Mapping[str, float]) -> Rules:
    known = {name: getattr(rules, name) for name in Rules.__dataclass_fields__}
    if unknown := [name for name in thresholds if name not in known]:
        raise InputError(f"no threshold '{unknown[0]}'; there are {', '.join(known)}")
    return Rules(**{**known, **thresholds})


def _best_model(results: Mapping[str, xr.Dataset], table: Table, decision: Decision) -> list[str]:
    """Which model is the best, where models have names and one of them is advised."""
    named = holding(results, "over_best", "chosen", "score")
    if named is None or decision.candidate(table).size > 1:
        return []
    of_models = named.sel(metric=table.deciding)
    values = np.where(np.isfinite(of_models["score"].values), table.sign * of_models["score"].values, -math.inf)
    best, short = int(values.argmax()), table.score.short
    name, chosen = str(of_models["model"].values[best]), float(of_models["chosen"].values[best])
    often = f"it is the best on {percent(chosen)} of random halves of the examples"
    return [f"The best by its {short} is '{name}'{f'; {often}' if math.isfinite(chosen) else ''}."]


def _of_comparison(path: Path) -> dict[str, xr.Dataset]:
    """Results of a comparison that was kept."""
    found, again = {}, "compare the files again: modescape compare FILE ..."
    for name in ANALYSES:
        result = layout.result_path(path, name)
        try:
            found[name] = read_dataset(result)
        except FileNotFoundError:
            continue
        except DamageError as damage:
            raise WorkError(f"'{result}' of a comparison has changed since it was written; {again}") from damage
    if DECIDING not in found:
        reason = "it has too few examples, or was made by an older version"
        raise InputError(f"the comparison in '{path}' holds no result to decide on: {reason}; {again}")
    return found


def _of_study(study: Study) -> dict[str, xr.Dataset]:
    """Results of a study; candidates that were not scored yet are scored now, from its predictions."""
    found = {}
    for name in study.recipe.analyses or ():
        with contextlib.suppress(ModescapeError):
            result = study.result(name)
            if "not_enough" not in result.attrs:
                found[name] = result
    if DECIDING not in found:
        try:
            found[DECIDING] = analyses.measure(DECIDING, study, **study.recipe.settings.get(DECIDING, {}))
        except NotEnough as shortage:
            raise InputError(f"nothing can be decided in '{study.path}': {shortage}") from shortage
    return found


def machine_of(study: Study) -> tuple[Machine, list[str]]:
    """The cost of one network of a study, and a sentence on what could not be measured."""
    about = study.manifest["model"]
    shapes = [*about["parameters"].values(), *about["buffers"].values()]
    held = NUMBER_BYTES * sum(math.prod(shape) for shape in shapes)
    seconds, notes = math.nan, []
    try:
        seconds = _seconds_per_pass(study)
    except ModescapeError as error:
        notes.append(f"How long a prediction takes was not measured: {error}")
    return Machine(bytes=held, seconds_per_pass=seconds, training_seconds=_training_seconds(study)), notes


def _training_seconds(study: Study) -> float:
    """Seconds of one member, mean over trained ones; members trained together share their time."""
    totals = []
    for member in study.members:
        history = member.history() if member.status == "trained" else {}
        if history and len(history.get("seconds", ())):
            totals.append(float(sum(history["seconds"])))
    return statistics.fmean(totals) if totals and sum(totals) > 0 else math.nan


def _seconds_per_pass(study: Study) -> float:
    """One forward pass of one example, on one thread of this machine."""
    import torch

    from modescape import batches
    from modescape.context import StudyContext
    from modescape.named import importable
    from modescape.runtime import one_thread
    from modescape.study.offering import has_network

    if not has_network(study) or not study.trained:
        raise NotEnough("the study has no network that runs")
    context = StudyContext(study)
    with importable(study.recipe.model.factory, last=True), one_thread(), torch.no_grad():
        data, module = context.loaded, study.model()
        preparation = data.train.preparation(study.recipe.data)
        example: Any = preparation(batches.taken(data.test.inputs, slice(0, 1)))
        times = []
        for _ in range(PASSES_TIMED + 3):  # the first ones find their kernels
            start = time.perf_counter()
            batches.called(module, example)
            times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def answer_of(found: Decided) -> dict[str, Any]:
    """The answer of ``modescape decide --json``; see docs/json.md."""
    table, decision, machine = found.table, found.decision, found.machine
    one = decision.candidate(table)
    together = "" if decision.overruled is None else f"; for all {len(decision.kept(table))} candidates together"
    covers = f"{table.covers}; candidate minus {baseline(table)}{together}"
    gains = {name: table.difference(decision.chosen, 0, name).widened(decision.widened) for name in table.scores}
    return answer(
        "decide",
        verdict=found.sentences,
        warnings=found.warnings,
        study=str(found.path.absolute()),
        advice=decision.advice,
        size=one.size,
        candidate=one.label,
        between=None if decision.between is None else table.candidates[decision.between].label,
        calibration=one.calibration,
        gain={name: score(*_ends(gains[name]), covers=covers) for name in table.scores},
        cost=_cost(one, machine),
        decided_by=table.deciding,
        net=score(*_ends(decision.net), covers=f"{table.covers}; improvement less its price"),
        examples={"chosen_on": table.chosen_on, "judged_on": table.judged_on, "needed": decision.needed},
        rules={name: getattr(found.rules, name) for name in Rules.__dataclass_fields__},
        candidates=[
            {
                "name": each.label,
                "advice": each.advice,
                "size": each.size,
                "calibration": each.calibration,
                "chosen": table.chosen[place],
                "scores": {
                    name: {"value": table.mean[name][place], "gain": _ends(table.difference(place, 0, name))}
                    for name in table.scores
                },
                "cost": _cost(each, machine),
                "allowed": place not in decision.left_out,
            }
            for place, each in enumerate(table.candidates)
        ],
    )


def _ends(found: Difference) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _cost(one: Candidate, machine: Machine) -> dict[str, float]:
    return {
        "training": one.price.training,
        "passes": one.price.passes,
        "memory": machine.memory(one),
        "seconds": machine.latency(one),
        "training_seconds": one.price.training * machine.training_seconds,
    }
