"""Ensembles under shift: the same networks on test images of increasing corruption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import groups, image_sets
from modescape.analyses.comparing import calibrated
from modescape.analyses.requirements import enough_images, groups_of_networks, left_out, trained
from modescape.analyses.sampling import available
from modescape.analyses.scoring import INTERVALS_OF_RUNS, Scored, runs_estimate, scored, size_estimate
from modescape.analyses.shift.kinds import Look, effect_of_corruptions, looks, selected_attributes
from modescape.analyses.shift.paired import (
    ENDS,
    PairedGains,
    covers_of_members,
    gain_of_kind_variables,
    gain_variables,
    over_one,
)
from modescape.analyses.stating import Variables, stated
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.data.corruptions import SEVERITIES
from modescape.functionspace import jensen_shannon
from modescape.methods import BOTH
from modescape.metrics import SCORES, combine, nll
from modescape.metrics.crossed import Estimate
from modescape.metrics.scores import units_of
from modescape.offered import Offered, runs, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the comparison under shift"
VALIDATION = "validation"
SETS = ("test", *(f"shift {severity}" for severity in SEVERITIES))  # by severity


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    images = [image_sets.shifted(context, severity) for severity in (0, *SEVERITIES)]
    methods = available(context)
    return groups.requests(context, groups.runs_of(context), methods, [*images, image_sets.validation_images()])


def measure(offered: Offered) -> xr.Dataset:
    """Scores and divergence at severity 0 (the test images) to 5.

    Each corruption has its own part of the test images, the same for all severities and methods, so that a severity is
    judged on the whole test set. Corruptions without effect on these images at some severity have no part
    (`modescape.data.effect`): the means are over the others. Everything is on the same members (``subspace.runs``):
    "single" is the mean member, "independent" the mean over subsets of the size used for divergences (a method
    may have more networks), a subspace method the mean over members of the ensemble around each, and "independent + X"
    averages X, the method with the best validation NLL, over all of them.

    Args:
        offered: predictions of groups of networks on "test", "shift 1" to "shift 5" and "validation". Of predictions
            alone, no corruption is told from another; scale, distance and control are NaN where they are not known.

    Raises:
        NotEnough: if no member is trained, or there are fewer test images than corruptions.
        InputError: if the official corruptions of ``data.shift`` are missing or of the wrong shape, or the photographs
            of ``data.frost`` are.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 9 and 10; Ovadia et al. 2019, arXiv 1906.02530.
    """
    trained(offered, 1, WHAT)
    test, shifted = groups_of_networks(offered, [*SETS, VALIDATION], WHAT), offered.shifted
    label, members = test.label, groups.members_of(test)
    enough_images(offered, len(label), int(shifted.there.all(1).sum()), f"{WHAT}, a part a corruption,")
    table = Table(label, looks(shifted), test.example_group)
    alone = groups.solutions(offered.sampled, [*SETS, VALIDATION])
    _add_solutions(table, offered, alone)
    best = offered.drawing.best() if offered.drawing else best_approach(offered)
    for approach in groups.approaches(test):
        _add_approach(table, offered, approach, together=approach == best)
    stating = stated(offered, list(table.scores), alone["test"][0])
    return make_result(
        {**table.variables(), **effect_of_corruptions(shifted), **stating},
        {
            "approach": list(table.scores),
            "metric": list(SCORES),
            "severity": [0, *SEVERITIES],
            "corruption": [*shifted.parts, *shifted.selections],
        },
        title="Scores and diversity under shift",
        intervals=INTERVALS_OF_RUNS,
        covers=covers_of_members(len(members)),
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        samples=offered.sampling.samples,
        networks=offered.sampling.networks,
        runs=len(members),
        source=shifted.source,
        effect_images=shifted.images,
        **selected_attributes(shifted),
        variant=offered.sampling.variant,
    )


def _add_solutions(table: Table, offered: Offered, alone: dict[str, np.ndarray]) -> None:
    """Add the mean member, and groups of members; ``alone`` is [member, example, class] a set."""
    networks, members = offered.sampling.networks, len(alone["test"])
    masks = groups.groups_of_solutions(members, networks) if networks > 1 else []
    validation_label = offered.sampled[VALIDATION].label
    for severity, name in enumerate(SETS):
        table.add("single", severity, runs_estimate(alone[name], table.label, table.group), alone[name])
        if len(masks):
            together = np.stack([combine(alone[name][mask]) for mask in masks])
            of_groups = size_estimate(alone[name], table.label, networks, group=table.group)
            table.add("independent", severity, of_groups, together)
            cooled = calibrated(alone[name], alone[VALIDATION], validation_label)
            spreads = [[jensen_shannon(part[mask]) for mask in masks] for part in (alone[name], cooled)]
            table.spread("independent", severity, *spreads)


def _add_approach(table: Table, offered: Offered, approach: str, *, together: bool) -> None:
    """Add an approach around each solution, and, with ``together``, averaged over all of them."""
    networks, validation_label = offered.sampling.networks, offered.sampled[VALIDATION].label
    means: dict[str, list[np.ndarray]] = {name: [] for name in SETS}
    spreads: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in SETS}
    for _, parts in groups.around_solutions(offered.sampled, approach, [*SETS, VALIDATION]):
        for name in SETS:
            part = parts[name]
            means[name].append(combine(part).astype(np.float32))
            if len(part) >= networks > 1:
                spreads[name][0].append(jensen_shannon(part[-networks:]))
                tempered = calibrated(part, parts[VALIDATION], validation_label)
                spreads[name][1].append(jensen_shannon(tempered[-networks:]))
    for severity, name in enumerate(SETS):
        rows = np.stack(means[name])
        table.add(approach, severity, runs_estimate(rows, table.label, table.group), rows)
        table.spread(approach, severity, *spreads[name])
        if together and len(rows) > 1:
            of_all = size_estimate(rows, table.label, len(rows), group=table.group)
            table.add(f"{BOTH}{approach}", severity, of_all, combine(rows)[None])


def best_approach(offered: Offered) -> str | None:
    """The approach of several networks with the lowest validation NLL, mean over runs; None where there is none."""
    validation = offered.sampled[VALIDATION]
    loss = {
        approach: np.mean([nll(combine(stacked(validation, own)), validation.label) for own in found.values()])
        for approach in groups.several(validation)
        if (found := runs(validation, approach))
    }
    return min(loss, key=lambda approach: float(loss[approach]), default=None)


def _spread(of_part: np.ndarray) -> np.ndarray:
    """Standard deviation over the last axis; NaN of one value."""
    return of_part.std(-1, ddof=1) if of_part.shape[-1] > 1 else np.full(of_part.shape[:-1], np.nan)


class Table:
    """Scores of methods at severities, and of each corruption's part of the test images.

    Args:
        label: true classes, [example].
        kinds: the examples of each kind of shift, [severity][kind].
        group: of each example (`modescape.arrays.group_codes`).
    """

    def __init__(self, label: np.ndarray, kinds: list[list[Look]], group: np.ndarray | None = None) -> None:
        self.label, self.kinds, self.group = label, kinds, group
        self.clean: dict[str, np.ndarray] = {}  # predictions on the test examples, of methods
        self.scores: dict[str, dict[int, Scored]] = {}
        self.alone: dict[int, Estimate] = {}  # of one network, by severity
        self.over_one: dict[str, dict[int, Scored]] = {}
        self.of_part: dict[str, dict[int, np.ndarray]] = {}  # [metric, corruption]
        self.paired = PairedGains(SCORES, label, group)
        self.gains_of_part: dict[str, dict[int, np.ndarray]] = {}  # [metric, corruption, value low high]
        self.spreads: dict[str, dict[int, tuple[float, float]]] = {}

    def add(self, method: str, severity: int, estimate: Estimate, log_prob: np.ndarray) -> None:
        """Note scores, and take those of each part from predictions [run, example, class].

        Severity 0 comes first, and "single" before what is compared with it.
        """
        alone = self.alone.setdefault(severity, estimate)
        self.scores.setdefault(method, {})[severity] = scored(estimate)
        self.over_one.setdefault(method, {})[severity] = over_one(estimate, alone, averaged=method == "independent")
        if any(look.severity == 0 for look in self.kinds[-1]):
            self.clean.setdefault(method, log_prob)
        found = np.full((len(SCORES), len(self.kinds[severity])), np.nan)
        gains = np.full((*found.shape, ENDS), np.nan)
        for column, (at, part) in enumerate(self.kinds[severity]):
            own = log_prob if at == severity else self.clean[method]
            for row, metric in enumerate(SCORES.values() if len(part) else ()):
                found[row, column] = np.mean(metric(own[:, part], self.label[part]))
            if method == "single" and len(part):
                self.paired.note(severity, column, own, part)
            gains[:, column] = self.paired.gain(severity, column, own, part)
        self.gains_of_part.setdefault(method, {})[severity] = gains
        self.of_part.setdefault(method, {})[severity] = found

    def spread(self, method: str, severity: int, raw: list[float], tempered: list[float]) -> None:
        """Add divergences of several groups, nats."""
        if raw:
            self.spreads.setdefault(method, {})[severity] = float(np.mean(raw)), float(np.mean(tempered))

    def _gains(self) -> Variables:
        """What methods gain over one network, on all examples and on each part."""
        severities = range(len(SEVERITIES) + 1)
        of_all = [[own[severity] for severity in severities] for own in self.over_one.values()]
        of_part = np.array([[own[severity] for severity in severities] for own in self.gains_of_part.values()])
        units = units_of(SCORES)
        return gain_variables(of_all, units) | gain_of_kind_variables(of_part.transpose(0, 2, 3, 1, 4), units)

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
        dims, units = ("approach", "metric", "severity"), units_of(SCORES)
        there = [look.severity > 0 and len(look.examples) > 0 for look in self.kinds[-1]]  # no selection
        return {
            "score": (dims, scores("mean"), units, "score on all test images"),
            "score_low": (dims, scores("low"), units, "lower end of the 95 % interval"),
            "score_high": (dims, scores("high"), units, "upper end of the 95 % interval"),
            "score_low_these": (dims, scores("low_these"), units, "lower end of it for these members alone"),
            "score_high_these": (dims, scores("high_these"), units, "upper end of it for these members alone"),
            "score_spread": (
                dims,
                _spread(of_part[..., there]).transpose(0, 2, 1),
                units,
                "standard deviation over corruptions",
            ),
            "score_of_corruption": (
                ("approach", "metric", "corruption", "severity"),
                of_part.transpose(0, 2, 3, 1),
                units,
                "score on the corruption's own part of the test images; none of one without effect",
            ),
            **self._gains(),
            "jensen_shannon": (("approach", "severity"), spreads[..., 0], "nats", "Jensen-Shannon divergence"),
            "jensen_shannon_calibrated": (
                ("approach", "severity"),
                spreads[..., 1],
                "nats",
                "the same after each network's temperature was fitted on validation images",
            ),
        }
