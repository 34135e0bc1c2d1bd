"""All measured ways to spend a study's budget of training and prediction, as candidates of the decision."""

from __future__ import annotations

import math

from modescape import rng
from modescape.analyses.auxiliary import CYCLIC, LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.averages import (
    Averaging,
    add_aligned,
    add_best_averages,
    add_run_averages,
    add_shared,
)
from modescape.analyses.equal_cost.halves import Side
from modescape.analyses.equal_cost.ranking import Ranked
from modescape.analyses.equal_cost.scoring_candidates import Both, Scorer
from modescape.analyses.requirements import predicted, scoring_of, snapshots_of, trained
from modescape.decision import Candidate, Price, Table
from modescape.errors import InputError, NotEnough
from modescape.metrics.subsets import subsets
from modescape.offered import INDEPENDENT, SNAPSHOTS, Offered, Predictions
from modescape.wording.numbers import significant

WHAT = "the decision"
MOST_SUBSETS = 10  # per size to average the score over
SIZES = (*range(1, 11), 12, 15, 20, 30, 50, 100)  # of ensembles that are evaluated, and the largest there is
MOST_NUMBERS, LEAST_POOL = 50_000_000, 10  # predictions of members in memory, and members that always are
SLACK = 1.5  # largest factor between the weights of a wider network and of all members
LEAST_JUDGED = 10  # examples (or groups) below which nothing is decided
ONE, BEST = "one network", "the best member"


def table_of(offered: Offered, averaging: Averaging | None = None) -> Table:
    """Score all available candidates.

    Args:
        offered: predictions of test examples; validation examples choose, or else half of the test examples.
        averaging: runs networks with averaged weights; None where no weights can be run.

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
    ranked = _add_members(scorer, both, offered, key)
    if averaging is not None:
        _add_averages(scorer, both, offered, averaging, ranked)
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
    """Members at their last step, (member, epoch): all, or as many of the first as fit into memory.

    Raises:
        NotEnough: if nothing was predicted on test examples.
    """
    test = predicted(offered, "test", WHAT)
    models = list(test.groups[INDEPENDENT])
    most = MOST_NUMBERS // max(len(test.label) * len(test.class_names), 1)
    return [(int(test.members[model]), int(test.epochs[model])) for model in models[: max(most, LEAST_POOL)]]


def _add_members(scorer: Scorer, both: Both, offered: Offered, key: int) -> Ranked:
    """One network, the best of all, and ensembles of every size; the order of networks from the best on.

    Members that differ only in their random seeds are interchangeable: a size is the mean over subsets of them. Of
    given networks those that score best where candidates are chosen come first.
    """
    every = both.said(scorer, pool_of(offered))
    count, given = len(every.chosen), offered.given
    sizes = sorted({size for size in (*SIZES, count) if size <= count})
    ranked = Ranked.of(scorer, every)
    if given:
        for size in sizes:
            scorer.add(_given(size, count), [ranked.first(size)])
        return ranked
    scorer.add(Candidate(name=ONE, advice="keep_one"), (every.of([one]) for one in range(count)))
    if count > 1:
        price = Price(training=count)
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
    return ranked


def _add_averages(scorer: Scorer, both: Both, offered: Offered, averaging: Averaging, ranked: Ranked) -> None:
    """Averages of weights: of the best given networks, of members with a common start, of aligned members."""
    members = [member for member, _ in pool_of(offered)]
    one_start = bool(offered.training.start) or offered.training.starts_equal
    if offered.given:
        add_best_averages(scorer, both, averaging, ranked, members)
    else:
        add_run_averages(scorer, both, averaging, members)
    if one_start and not offered.given:
        add_shared(scorer, both, averaging, members, len(offered.members))
    else:
        add_aligned(scorer, both, averaging, members, len(offered.members), given=offered.given)


def _given(size: int, count: int) -> Candidate:
    """The best of given networks, whose training is already paid."""
    name = "the best network" if size == 1 else f"the {size} best networks" if size < count else f"all {size} networks"
    price = Price(training=math.nan, passes=size, networks=size)
    return Candidate(name=name, advice="keep_one" if size == 1 else "ensemble", size=size, price=price)


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
    """Auxiliary networks with predictions; None where there are none."""
    try:
        found = offered.auxiliary[folder]
        if not found.members:
            return None
        return found, Both(found.predictions["validation"], found.predictions["test"], None)
    except (KeyError, InputError):
        return None


def _at_full_cost(both: Both, offered: Offered, folder: str) -> tuple[Offered, Both] | None:
    """Networks that cost as much as all members, if all members are trained."""
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
    """Number of weights of one network, or NaN."""
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
