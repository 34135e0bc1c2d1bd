"""Every way to spend the training and the predictions of a study that was measured, as candidates of the decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modescape import rng
from modescape.analyses.auxiliary import CYCLIC, LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.halves import Side
from modescape.analyses.equal_cost.scoring_candidates import Said, Scorer
from modescape.analyses.requirements import predicted, scoring_of, snapshots_of, trained
from modescape.decision import Candidate, Price, Table
from modescape.errors import InputError, NotEnough
from modescape.metrics.subsets import subsets
from modescape.offered import INDEPENDENT, SNAPSHOTS, Offered, Predictions, model_of, stacked
from modescape.wording.numbers import significant

WHAT = "the decision"
MOST_SUBSETS = 10  # of a size whose mean score is taken
SIZES = (*range(1, 11), 12, 15, 20, 30, 50, 100)  # of ensembles that are looked at, and the largest there is
MOST_NUMBERS, LEAST_POOL = 50_000_000, 10  # predictions of members that are held at a time, and members that always are
SLACK = 1.5  # factor by which the weights of a wider network may miss those of all members
LEAST_JUDGED = 10  # examples (or groups) below which nothing is decided
ONE, BEST = "one network", "the best member"


@dataclass(frozen=True)
class Both:
    """Where predictions are read: of one set that chooses and one that judges, or of two halves of one."""

    choosing: Predictions
    judging: Predictions
    halves: tuple[np.ndarray, np.ndarray] | None  # masks of the same examples; None: two sets

    def said(self, scorer: Scorer, networks: Sequence[tuple[int, int]]) -> Said:
        """Of networks, each a (member, epoch)."""
        chosen, judged = (
            stacked(one, [model_of(one, *network) for network in networks]) for one in (self.choosing, self.judging)
        )
        if self.halves is not None:
            chosen, judged = chosen[:, self.halves[0]], judged[:, self.halves[1]]
        return scorer.said(chosen, judged)


def table_of(offered: Offered) -> Table:
    """Score all that there is.

    Args:
        offered: predictions of test examples; validation examples choose, or else half of the test examples.

    Raises:
        NotEnough: if there is no network, or too few examples.
    """
    trained(offered, 1, WHAT)
    test = predicted(offered, "test", WHAT)
    validation = _validation(offered)
    key = rng.key(offered.seed, "decision")
    whole = Side(test.label, test.example_group, rng.key(key, "test"))
    least = 2 * LEAST_JUDGED if validation is None else LEAST_JUDGED
    if whole.units < least:
        raise NotEnough(f"{WHAT} needs {least} test examples or more (or groups of them); there are {whole.units}")
    if validation is None:
        half = whole.halves()
        both = Both(test, test, (half == 0, half == 1))
        sides = whole.part(half == 0, "chosen"), whole.part(half == 1, "judged")
        where = ("half of the test images ({})", "the other {} test images")
    else:
        both = Both(validation, test, None)
        sides = Side(validation.label, validation.example_group, rng.key(key, "validation")), whole
        where = ("{} validation images", "{} test images")
    scorer = Scorer(scoring_of(offered), offered.task, *sides)
    _add_members(scorer, both, offered, key)
    for add in (_add_snapshots, _add_longer, _add_wider, _add_shorter, _add_cyclic):
        add(scorer, both, offered)
    counts = (words.format(f"{side.units:,}") for side, words in zip(sides, where, strict=True))
    return scorer.table(*counts)


def _validation(offered: Offered) -> Predictions | None:
    """Predictions of validation examples, where there are enough to choose on."""
    try:
        found = offered.predictions["validation"]
        return found if len(found.label) >= LEAST_JUDGED else None
    except (KeyError, InputError):
        return None


def pool_of(offered: Offered) -> list[tuple[int, int]]:
    """Members at their last step, (member, epoch): all, or the first ones of so many that they fit into memory."""
    test = offered.predictions["test"]
    models = list(test.groups[INDEPENDENT])
    most = MOST_NUMBERS // max(len(test.label) * len(test.class_names), 1)
    return [(int(test.members[model]), int(test.epochs[model])) for model in models[: max(most, LEAST_POOL)]]


def _add_members(scorer: Scorer, both: Both, offered: Offered, key: int) -> None:
    """One network, the best of all, and ensembles of every size.

    Members that differ in their random numbers alone are interchangeable: a size is the mean over subsets of them. Of
    networks that others trained those that score best where candidates are chosen come first.
    """
    every = both.said(scorer, pool_of(offered))
    count, given = len(every.chosen), offered.given
    sizes = sorted({size for size in (*SIZES, count) if size <= count})
    if given:
        ranked = _Ranked.of(scorer, every)
        for size in sizes:
            scorer.add(_given(size, count), [ranked.first(size)])
        return
    scorer.add(Candidate(name=ONE, advice="keep_one"), (every.of([one]) for one in range(count)))
    if count > 1:
        price = Price(training=count)
        ranked = _Ranked.of(scorer, every)
        scorer.add(Candidate(name=BEST, advice="keep_one", price=price), [ranked.first(1)])
    for size in sizes[1:]:
        candidate = Candidate(
            name=f"{size} networks",
            advice="ensemble",
            size=size,
            price=Price(training=size, passes=size, networks=size),
            at_full_cost=size == len(offered.members),
        )
        scorer.add(candidate, (every.of(mask) for mask in subsets(count, size, MOST_SUBSETS, key)))


def _given(size: int, count: int) -> Candidate:
    """The best of networks that others trained, whose training costs nothing any more."""
    name = "the best network" if size == 1 else f"the {size} best networks" if size < count else f"all {size} networks"
    price = Price(training=math.nan, passes=size, networks=size)
    return Candidate(name=name, advice="keep_one" if size == 1 else "ensemble", size=size, price=price)


@dataclass(frozen=True)
class _Ranked:
    """Networks from the best on, ranked where candidates are chosen: for each half of these by the other half."""

    every: Said
    order: np.ndarray  # by all that chooses, [network]
    of_half: np.ndarray  # by the other half, [half, network]
    half: np.ndarray  # which half each example that chooses is in

    @classmethod
    def of(cls, scorer: Scorer, every: Said) -> _Ranked:
        """Rank networks by the deciding score."""
        half = scorer.choosing.halves()
        name, score = next(iter(scorer.told.items()))
        plain = Side(scorer.choosing.label, None, scorer.choosing.key)
        values = np.stack([scorer.scores_of(name, own, plain) for own in every.chosen])
        values = np.nan_to_num(values if score.higher_is_better else -values, nan=-np.inf, neginf=-1e300)
        means = [values.mean(1), values[:, half == 1].mean(1), values[:, half == 0].mean(1)]
        whole, *halves = (np.argsort(-one, kind="stable") for one in means)
        return cls(every, whole, np.stack(halves), half)

    def first(self, size: int) -> Said:
        """The best ones."""
        examples = np.arange(len(self.half))

        def without_sight(predictive: np.ndarray | None) -> np.ndarray | None:
            if predictive is None:
                return None
            return np.stack([predictive[self.of_half[self.half, rank], examples] for rank in range(size)])

        rows, said = self.order[:size], self.every
        return replace(
            said.of(rows),
            chosen=without_sight(said.chosen),
            chosen_calibrated=without_sight(said.chosen_calibrated),
        )


def _add_snapshots(scorer: Scorer, both: Both, offered: Offered) -> None:
    """The last kept epochs of one run, mean over runs."""
    test = both.judging
    if offered.given or SNAPSHOTS not in test.groups:
        return
    along = snapshots_of(test, 10)
    size = len(along[0])
    if size < 2:
        return
    runs = ([(int(test.members[model]), int(test.epochs[model])) for model in models] for models in along)
    candidate = Candidate(
        name=f"{size} snapshots of one run", advice="ensemble", size=size, price=Price(passes=size, networks=size)
    )
    try:
        scorer.add(candidate, (both.said(scorer, run) for run in runs))
    except InputError:  # not predicted on validation examples
        return


def _auxiliary(offered: Offered, folder: str) -> tuple[Offered, Both] | None:
    """Networks that were trained for comparisons and are predicted; None where there are none."""
    try:
        found = offered.auxiliary[folder]
        if not found.members:
            return None
        return found, Both(found.predictions["validation"], found.predictions["test"], None)
    except (KeyError, InputError):
        return None


def _at_full_cost(both: Both, offered: Offered, folder: str) -> tuple[Offered, Both] | None:
    """Networks that cost as much as all members, where all of these are there and wanted."""
    if both.halves is not None or not offered.training.long_runs:
        return None
    if len(offered.members) < offered.training.members:  # the ensemble cost less
        return None
    return _auxiliary(offered, folder)


def _add_longer(scorer: Scorer, both: Both, offered: Offered) -> None:
    """One network that was trained as long as all members together."""
    wanted, found = offered.training.members, _at_full_cost(both, offered, LONG_RUN)
    if found is None or found[0].training.epochs != wanted * offered.training.epochs:  # the study has grown since
        return
    runs, own = found
    name = f"one network trained {wanted} times as long"
    candidate = Candidate(name=name, advice="train_longer", price=Price(training=wanted), at_full_cost=True)
    scorer.add(candidate, (own.said(scorer, [(member, runs.training.epochs)]) for member in runs.members))


def _add_wider(scorer: Scorer, both: Both, offered: Offered) -> None:
    """One network with about as many weights as all members together."""
    found = _at_full_cost(both, offered, WIDE)
    if found is None:
        return
    runs, own = found
    more = _weights(runs) / _weights(offered)
    if not more * SLACK > offered.training.members > more / SLACK:  # the study has grown since, or it cannot be sized
        return
    price = Price(training=more, passes=more, networks=more)
    name = f"one network of {significant(more)} times the weights"
    candidate = Candidate(name=name, advice="train_wider", price=price, at_full_cost=True)
    scorer.add(candidate, (own.said(scorer, [(member, runs.training.epochs)]) for member in runs.members))


def _weights(offered: Offered) -> float:
    """Of one network, or NaN."""
    if offered.checkpoints is None:
        return math.nan
    state = offered.checkpoints.solution(offered.members[0])
    return float(sum(tensor.numel() for tensor in state.params.values()))


def _add_shorter(scorer: Scorer, both: Both, offered: Offered) -> None:
    """As many members, all of them trained as long as one."""
    found, members = _at_full_cost(both, offered, SHORT), offered.training.members
    if found is None:
        return
    runs, own = found
    last = runs.training.epochs
    if len(runs.members) < members or last != offered.training.epochs // members:
        return
    training = members * last / offered.training.epochs
    price = Price(training=training, passes=members, networks=members)
    name = f"{members} networks of {last} of {offered.training.epochs} epochs"
    candidate = Candidate(name=name, advice="ensemble", size=members, price=price)
    scorer.add(candidate, [own.said(scorer, [(member, last) for member in runs.members])])


def _add_cyclic(scorer: Scorer, both: Both, offered: Offered) -> None:
    """Cyclical runs and shorter long runs, where they were trained on as many examples and epochs as the members."""
    size = offered.training
    for method, folder in CYCLIC.items():
        found = _auxiliary(offered, folder)
        if both.halves is not None or found is None or method == "independent":
            continue
        runs, own = found
        if size.auxiliary_epochs != size.epochs or runs.examples.get("train") != offered.examples.get("train"):
            continue
        last = runs.training.epochs
        if method == "long run":
            name = f"one network trained {size.cycles} times as long"
            candidate = Candidate(name=name, advice="train_longer", price=Price(training=size.cycles))
            scorer.add(candidate, (own.said(scorer, [(member, last)]) for member in runs.members))
        elif method == "snapshots":
            price = Price(training=size.cycles, passes=size.cycles, networks=size.cycles)
            name = f"{size.cycles} ends of cycles of one run"
            ends = [cycle * size.epochs for cycle in range(1, size.cycles + 1)]
            candidate = Candidate(name=name, advice="ensemble", size=size.cycles, price=price)
            scorer.add(candidate, (own.said(scorer, [(member, end) for end in ends]) for member in runs.members))
