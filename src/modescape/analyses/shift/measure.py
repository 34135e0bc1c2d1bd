"""Ensembles under shift: the same networks on test images that are corrupted more and more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from modescape.analyses.comparing import calibrated, networks_compared
from modescape.analyses.groups import groups_of_solutions, runs_of, solutions
from modescape.analyses.requirements import enough_images, left_out, trained
from modescape.analyses.sampling import available, surroundings
from modescape.analyses.scales import scales, sweeps
from modescape.analyses.scoring import INTERVALS_OF_RUNS, Scored, score_runs, score_subsets
from modescape.analyses.stating import stated
from modescape.context import StudyContext
from modescape.data.corruptions import SEVERITIES
from modescape.data.effect import Effect
from modescape.data.shift import Shift
from modescape.functionspace import jensen_shannon
from modescape.methods import BOTH
from modescape.metrics import SCORES, combine
from modescape.metrics.scores import units_of
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


VALIDATION = "validation"
NO_PART = torch.empty(0, dtype=torch.int64)  # of a corruption that is left out


def measure(context: StudyContext) -> xr.Dataset:
    """Scores and divergence at severity 0 (the test images) to 5.

    Each corruption has its own part of the test images, the same for all severities and methods, so that a severity is
    judged on the whole test set. Corruptions that do nothing to these images at some severity have no part
    (`modescape.data.effect`): the means are over the others. Everything is on the same members (``subspace.runs``):
    "single" is the mean member, "independent" the mean over subsets of as many members as divergences are of (a method
    may have more networks), a subspace method the mean over members of the ensemble around each, and "independent + X"
    averages X, the method with the best validation NLL, over all of them.

    Raises:
        NotEnough: if no member is trained, or there are fewer test images than corruptions.
        InputError: if the official corruptions of ``data.shift`` are missing or of the wrong shape, or the photographs
            of ``data.frost`` are.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 9 and 10; Ovadia et al. 2019, arXiv 1906.02530.
    """
    study = context.study
    trained(context.offered, 1, "the comparison under shift")
    members = runs_of(study)
    recipe = study.recipe
    shift = Shift.of(context.dataset.test, recipe.data.shift, study.manifest["seed"], frost=recipe.data.frost)
    enough_images(
        len(context.dataset.test.label), len(shift.corruptions), "the comparison under shift, a part a corruption,"
    )
    images = {str(severity): shift.images(severity) for severity in (0, *SEVERITIES)}
    images[VALIDATION] = context.dataset.validation.image
    label, validation_label = context.dataset.test.label.cpu().numpy(), context.dataset.validation.label.cpu().numpy()
    networks = networks_compared(study)
    table = Table(label, [shift.parts.get(name, NO_PART).numpy() for name in shift.effect.corruptions])

    found = solutions(context, images)
    masks = groups_of_solutions(len(members), networks) if networks > 1 else np.zeros((0, len(members)), bool)
    cooled = {name: calibrated(found[name], found[VALIDATION], validation_label) for name in images}
    for severity, name in enumerate(map(str, (0, *SEVERITIES))):
        table.add("single", severity, score_runs(found[name], label), found[name])
        if len(masks):
            together = np.stack([combine(found[name][mask]) for mask in masks])
            table.add("independent", severity, score_subsets(found[name], label, networks), together)
            spreads = [[jensen_shannon(part[name][mask]) for mask in masks] for part in (found, cooled)]
            table.spread("independent", severity, *spreads)
    best = best_method(context)
    for method in available(context):
        means: dict[str, list[np.ndarray]] = {name: [] for name in images}
        spreads_of: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in images}
        for member in members:
            parts = surroundings(context, member).log_prob(
                method, scales(context)[method], recipe.subspace.samples, images
            )
            for name, part in parts.items():
                means[name].append(combine(part).astype(np.float32))
                if len(part) >= networks > 1 and name != VALIDATION:
                    spreads_of[name][0].append(jensen_shannon(part[-networks:]))
                    tempered = calibrated(part, parts[VALIDATION], validation_label)
                    spreads_of[name][1].append(jensen_shannon(tempered[-networks:]))
        for severity, name in enumerate(map(str, (0, *SEVERITIES))):
            rows = np.stack(means[name])
            table.add(method, severity, score_runs(rows, label), rows)
            table.spread(method, severity, *spreads_of[name])
            if method == best and len(rows) > 1:
                together = combine(rows)[None]
                together_of = score_subsets(rows, label, len(rows))
                table.add(f"{BOTH}{method}", severity, together_of, together)
    stating = stated(context, list(table.scores), images["0"], found["0"][0])
    return make_result(
        {**table.variables(), **_effect(shift.effect), **stating},
        {
            "method": list(table.scores),
            "metric": list(SCORES),
            "severity": [0, *SEVERITIES],
            "corruption": list(shift.effect.corruptions),
        },
        title="Scores and diversity under shift",
        intervals=INTERVALS_OF_RUNS,
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        samples=recipe.subspace.samples,
        networks=networks,
        runs=len(members),
        source=shift.made.source,
        effect_images=shift.effect.images,
        variant=recipe.subspace.variant,
    )


def best_method(context: StudyContext) -> str:
    """The subspace method with the lowest validation NLL within a member; the paper's best where none was swept."""
    if context.study.recipe.subspace.variant != "swept":
        return next(method for method in ("low_rank", "random") if method in available(context))
    found = sweeps(context)
    return min(found, key=lambda method: float(found[method].nll.min()))


def _effect(effect: Effect) -> dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]:
    """The variables that say what each corruption does to the images, 0 at severity 0."""
    dims, clean = ("corruption", "severity"), ((0, 0), (1, 0))
    return {
        "effect": (dims, np.pad(effect.change, clean), "levels of 255", "mean absolute change of a value"),
        "changed": (dims, np.pad(effect.share, clean), "1", "share of the values that change by more than one level"),
        "without_effect": (
            dims,
            np.pad(~effect.there, clean).astype(np.int8),
            "1",
            "1: nothing comes of it; such corruptions are left out of all means",
        ),
    }


def _spread(of_part: np.ndarray) -> np.ndarray:
    """Standard deviation over the last axis; NaN of one value."""
    return of_part.std(-1, ddof=1) if of_part.shape[-1] > 1 else np.full(of_part.shape[:-1], np.nan)


class Table:
    """Scores of methods at severities, and of each corruption's part of the test images.

    Args:
        label: true classes, [example].
        parts: numbers of the examples that each corruption is given; none of one that is left out.
    """

    def __init__(self, label: np.ndarray, parts: list[np.ndarray]) -> None:
        self.label, self.parts = label, parts
        self.scores: dict[str, dict[int, Scored]] = {}
        self.of_part: dict[str, dict[int, np.ndarray]] = {}  # [metric, corruption]
        self.spreads: dict[str, dict[int, tuple[float, float]]] = {}

    def add(self, method: str, severity: int, scored: Scored, log_prob: np.ndarray) -> None:
        """Note scores, and take those of each part from predictions [run, example, class]."""
        self.scores.setdefault(method, {})[severity] = scored
        found = np.full((len(SCORES), len(self.parts)), np.nan)
        for column, part in enumerate(self.parts):
            for row, metric in enumerate(SCORES.values() if len(part) else ()):
                found[row, column] = np.mean(metric(log_prob[:, part], self.label[part]))
        self.of_part.setdefault(method, {})[severity] = found

    def spread(self, method: str, severity: int, raw: list[float], tempered: list[float]) -> None:
        """Note divergences of several groups, nats."""
        if raw:
            self.spreads.setdefault(method, {})[severity] = float(np.mean(raw)), float(np.mean(tempered))

    def variables(self) -> dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]:
        """The variables of the result."""
        severities = range(len(SEVERITIES) + 1)

        def scores(part: str) -> np.ndarray:  # [method, metric, severity]
            rows = [[getattr(own[severity], part) for severity in severities] for own in self.scores.values()]
            return np.array(rows).transpose(0, 2, 1)

        of_part = np.array([[own[severity] for severity in severities] for own in self.of_part.values()])
        spreads = np.array(
            [
                [self.spreads.get(method, {}).get(severity, (np.nan, np.nan)) for severity in severities]
                for method in self.scores
            ]
        )
        dims, units = ("method", "metric", "severity"), units_of(SCORES)
        return {
            "score": (dims, scores("mean"), units, "score on all test images"),
            "score_low": (dims, scores("low"), units, "lower end of the 95 % interval"),
            "score_high": (dims, scores("high"), units, "upper end of the 95 % interval"),
            "score_low_these": (dims, scores("low_these"), units, "lower end of it for these networks alone"),
            "score_high_these": (dims, scores("high_these"), units, "upper end of it for these networks alone"),
            "score_spread": (
                dims,
                _spread(of_part[..., [len(part) > 0 for part in self.parts]]).transpose(0, 2, 1),
                units,
                "standard deviation over corruptions",
            ),
            "score_of_corruption": (
                ("method", "metric", "corruption", "severity"),
                of_part.transpose(0, 2, 3, 1),
                units,
                "score on the corruption's own part of the test images; none of one without effect",
            ),
            "jensen_shannon": (("method", "severity"), spreads[..., 0], "nats", "Jensen-Shannon divergence"),
            "jensen_shannon_calibrated": (
                ("method", "severity"),
                spreads[..., 1],
                "nats",
                "the same after each network's temperature was fitted on validation images",
            ),
        }
