"""The answer of a comparison with --json; see docs/json.md."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modescape.answers import answer, score
from modescape.covers import NEW_MODELS, THESE_MODELS
from modescape.wording.reading import holding, pick
from modescape.wording.scores import known

if TYPE_CHECKING:
    import xarray as xr

    from modescape.pipeline.comparison import Comparison

CHOOSES = "nll"  # where there are probabilities: it tells models apart by every example


def answer_of(compared: Comparison) -> dict[str, Any]:
    """The object that ``modescape compare --json`` prints."""
    given, results = compared.given, compared.results
    return answer(
        "compare",
        verdict=compared.verdict,
        warnings=[*given.notes, *given.warnings, *(f"{name}: {note}" for name, note in compared.notes.items())],
        page=None if compared.page is None else str(compared.page.absolute()),
        examples=given.manifest["examples"]["test"],
        models=_models(compared),
        ensemble=_ensemble(results),
        sizes=_sizes(results),
        pairs=_pairs(results),
        subset=_subset(results),
    )


def _scores(dataset: xr.Dataset, variable: str, covers: str, **place: Any) -> dict[str, Any]:
    """Every score of a place of a result with its interval."""
    found = {}
    for metric in known(dataset):
        ends = (pick(dataset, f"{variable}{end}", metric=metric, **place) for end in ("", "_low", "_high"))
        found[metric] = score(*ends, covers=covers)
    return found


def _models(compared: Comparison) -> list[dict[str, Any]]:
    dataset = holding(compared.results, "over_best", "score")
    method = {name: key for key, names in compared.given.groups.items() for name in names}
    found = []
    for at, (name, file, _, digest, kind) in enumerate(compared.given.models):
        own = {"name": name, "group": method.get(name), "file": file or None, "sha256": digest, "kind": kind}
        place = None if dataset is None else dataset["model"].values[at]
        scores = {} if dataset is None else _scores(dataset, "score", THESE_MODELS, model=place)
        found.append({**own, "scores": scores})
    return found


def _ensemble(results: Mapping[str, xr.Dataset]) -> dict[str, Any] | None:
    dataset = holding(results, "over_best", "together")
    if dataset is None:
        return None
    every = dataset["approach"].values[0]
    return {"size": dataset.sizes["model"], "scores": _scores(dataset, "together", THESE_MODELS, approach=every)}


def _sizes(results: Mapping[str, xr.Dataset]) -> list[dict[str, Any]]:
    dataset = holding(results, "score_low_these", "subsets")
    if dataset is None:
        return []
    return [
        {"size": int(size), "scores": _scores(dataset, "score", NEW_MODELS, approach="independent", size=size)}
        for size in dataset["size"].values
    ]


def _pairs(results: Mapping[str, xr.Dataset]) -> list[dict[str, Any]]:
    """Every two models: the first one's score less the other's."""
    of_models = {name: one for name, one in results.items() if "other_model" in one.dims}
    dataset = holding(of_models, "difference_low_all", "p_adjusted")
    if dataset is None:
        return []
    names = [str(name) for name in dataset["model"].values]
    held = {str(name): dataset[name].values for name in dataset.data_vars}
    found = []
    for one, other in itertools.combinations(range(len(names)), 2):
        differences = {
            str(metric): {
                **score(
                    *(held[f"difference{end}"][at, one, other] for end in ("", "_low", "_high")), covers=THESE_MODELS
                ),
                "low_of_all_pairs": held["difference_low_all"][at, one, other],
                "high_of_all_pairs": held["difference_high_all"][at, one, other],
                "p": held["p_value"][at, one, other],
                "p_of_all_pairs": held["p_adjusted"][at, one, other],
            }
            for at, metric in enumerate(dataset["metric"].values)
        }
        apart = {"disagreement": held["disagreement"][one, other]} if "disagreement" in held else {}
        found.append({"model": names[one], "other_model": names[other], "differences": differences, **apart})
    return found


def _subset(results: Mapping[str, xr.Dataset]) -> dict[str, Any] | None:
    """Which models to keep, as the page says; the scores are of choosing so on other examples."""
    dataset = holding(results, "kept", "kept_score")
    if dataset is None:
        return None
    selectors = [str(name) for name in dataset["other_metric"].values]
    approach, selector = str(dataset["approach"].values[-1]), CHOOSES if CHOOSES in selectors else selectors[0]
    chosen = dataset.sel({"approach": approach, "other_metric": selector})
    models = [str(name) for name, kept in zip(chosen["model"].values, chosen["kept"].values, strict=True) if kept]
    place = {"approach": approach, "other_metric": selector}
    return {
        "models": models,
        "size": len(models),
        "chosen_by": selector,
        "search": approach,
        "scores": _scores(dataset, "kept_score", "this choice, on new examples", **place),
        "optimism": {metric: pick(dataset, "kept_optimism", metric=metric, **place) for metric in known(dataset)},
    }
