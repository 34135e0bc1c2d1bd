"""What a comparison answers to a program; see docs/json.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modescape.answers import answer, score
from modescape.wording.reading import holding, pick
from modescape.wording.scores import known

if TYPE_CHECKING:
    import xarray as xr

    from modescape.pipeline.comparison import Comparison

THESE = "these models on new examples"
NEW = "other models like these on new examples"


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
        subset=None,
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
        scores = {} if dataset is None else _scores(dataset, "score", THESE, model=place)
        found.append({**own, "scores": scores})
    return found


def _ensemble(results: Any) -> dict[str, Any] | None:
    dataset = holding(results, "over_best", "together")
    if dataset is None:
        return None
    every = dataset["approach"].values[0]
    return {"size": dataset.sizes["model"], "scores": _scores(dataset, "together", THESE, approach=every)}


def _sizes(results: Any) -> list[dict[str, Any]]:
    dataset = holding(results, "score_low_these", "subsets")
    if dataset is None:
        return []
    return [
        {"size": int(size), "scores": _scores(dataset, "score", NEW, approach="independent", size=size)}
        for size in dataset["size"].values
    ]


def _pairs(results: Any) -> list[dict[str, Any]]:
    return []
