"""Averages of weights as candidates of the decision: which ones there are, their price, and their predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from modescape import analyses, tree
from modescape.alignment import align_many
from modescape.analyses.equal_cost.kinds import table_of
from modescape.analyses.equal_cost.running import StudyAveraging, mean_of
from modescape.context import StudyContext
from modescape.errors import WorkError
from modescape.metrics.classification import nll
from modescape.offered import INDEPENDENT, InMemory, Offered, Training
from modescape.runtime import one_thread

MEMBERS = 4
MEAN = "the weight average of"


def log_prob(examples: int, seed: int, count: int = 1) -> np.ndarray:
    """Log-probabilities of networks that are right about half of the time, [network, example, class]."""
    label = np.random.default_rng(examples).integers(0, 3, examples)
    logits = 1.3 * np.eye(3)[label] + np.random.default_rng(seed).normal(0, 1, (count, examples, 3))
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def offer(**more) -> Offered:
    nothing = {name: np.zeros(MEMBERS) for name in ("epochs", "scales", "steps", "distance")}
    sets = {
        name: InMemory(
            values=log_prob(examples, 7, MEMBERS),
            label=np.random.default_rng(examples).integers(0, 3, examples),
            class_names=list("abc"),
            members=np.arange(MEMBERS),
            groups={INDEPENDENT: list(range(MEMBERS))},
            **nothing,
        )
        for name, examples in {"test": 400, "validation": 200}.items()
    }
    return Offered(members=list(range(MEMBERS)), predictions=sets, examples={"test": 400, "validation": 200}, **more)


@dataclass
class Averages:
    """Stub for networks with averaged weights, whose predictions depend on which members are averaged."""

    alignable: bool = True
    asked: list[tuple[tuple[int, ...], bool]] = field(default_factory=list)

    def of_run(self, member):
        return {name: log_prob(examples, 100 + member)[0] for name, examples in (("test", 400), ("validation", 200))}

    def of_members(self, members, aligned):
        self.asked.append((tuple(members), aligned))
        seed = 1000 + 100 * aligned + sum(2**member for member in members)
        if aligned and not self.alignable:
            return None
        return {name: log_prob(examples, seed)[0] for name, examples in (("test", 400), ("validation", 200))}


def raw(table) -> dict[str, int]:
    """Name -> index of every uncalibrated average of weights."""
    found = {one.name: place for place, one in enumerate(table.candidates) if one.calibration == "none"}
    return {name: place for name, place in found.items() if name.startswith(MEAN)}


def test_members_of_their_own_starts_are_aligned_first():
    offered, averages = offer(), Averages()
    table = table_of(offered, averages)
    label = offered.predictions["test"].label
    assert list(raw(table)) == [
        f"{MEAN} a run's last epochs",
        *(f"{MEAN} {size} aligned members" for size in (2, 3, 4)),
    ]
    every = [nll(log_prob(400, 100 + member)[0], label) for member in range(MEMBERS)]
    run, four = table.index(f"{MEAN} a run's last epochs"), table.index(f"{MEAN} 4 aligned members")
    assert table.mean["nll"][run] == pytest.approx(np.mean(every))  # over runs
    assert table.mean["nll"][four] == pytest.approx(nll(log_prob(400, 1115)[0], label))
    one, all_four = table.candidates[run], table.candidates[four]
    assert (one.advice, one.size, one.price.training, one.price.passes) == ("average_weights", 1, 1, 1)
    assert (all_four.advice, all_four.size, all_four.price.training) == ("align_and_average", 4, 4)
    assert (all_four.price.passes, all_four.price.networks) == (1, 1)
    full = {each.name for each in table.candidates if each.at_full_cost}
    assert full == {"4 networks", f"{MEAN} 4 aligned members"}
    assert {each.calibration for each in table.candidates if each.name == one.name} == {"none", "average"}
    assert list(raw(table_of(offered, Averages(alignable=False)))) == [f"{MEAN} a run's last epochs"]
    assert not raw(table_of(offered))  # without networks, there are no averages


def test_members_of_one_start_are_averaged_as_they_are():
    table = table_of(offer(training=Training(members=MEMBERS, starts_equal=True)), averages := Averages())
    assert list(raw(table))[1:] == [f"{MEAN} {size} members" for size in (2, 3, 4)]
    assert averages.asked == [((0, 1), False), ((0, 1, 2), False), ((0, 1, 2, 3), False)]
    assert {table.candidates[place].advice for place in raw(table).values()} == {"average_weights"}


def test_of_given_networks_the_best_are_averaged_ranked_without_sight():
    offered, averages = offer(names=list("wxyz")), Averages()
    table = table_of(offered, averages)
    names = [f"{MEAN} the {size} best networks" for size in (2, 3)]
    assert list(raw(table)) == [*names, f"{MEAN} all 4 networks", f"{MEAN} all 4 aligned networks"]
    validation, label = offered.predictions["validation"], offered.predictions["test"].label
    best = np.argsort([nll(own, validation.label) for own in validation.values])[:2]
    expected = nll(log_prob(400, 1000 + sum(2 ** int(one) for one in best))[0], label)
    assert table.mean["nll"][table.index(names[0])] == pytest.approx(expected)
    assert np.isnan(table.candidates[table.index(names[0])].price.training)


def test_the_mean_is_taken_in_double_precision():
    one = {"w": torch.tensor([1.0, 1e-8]), "count": torch.tensor([3])}
    two = {"w": torch.tensor([1.0 + 2**-22, 3e-8]), "count": torch.tensor([3])}
    found = mean_of([one, two], one)
    assert torch.equal(found["w"], torch.tensor([1.0 + 2**-23, 2e-8]))
    assert (found["w"].dtype, found["count"].item()) == (torch.float32, 3)


@pytest.mark.ci
def test_a_study_runs_the_averages_of_its_weights(networks):
    context = StudyContext(networks)
    members = networks.trained
    with one_thread(), context.at_work():
        averaging = StudyAveraging(context, members)
        run, all_of_them = averaging.of_run(0), averaging.of_members(members, aligned=True)
        states = [networks.state(0, epoch) for epoch in (2, 3, 4)]  # subspace.samples
        _compare(context, states, run["test"])
        final = [networks.state(member, 4) for member in members]
        inputs = context.preparation(context.dataset.test.first(2).inputs)
        batch = [(inputs, context.dataset.test.first(2).label)]
        frame = align_many(context.module, [{**one.buffers, **one.params} for one in final], batch)
        moved = [tree.parted(one.state, state) for one, state in zip(frame, final, strict=True)]
        _compare(context, moved, all_of_them["test"])
    assert set(run) == set(all_of_them) == {"test", "validation"}
    table = analyses.measure("equal_cost", networks)
    assert f"{MEAN} 3 aligned members" in table["name"].values.tolist()


def _compare(context, states, said):
    """Compare with the module's output at the plain mean of the states."""
    mean = {name: torch.stack([one.params[name] for one in states]).mean(0) for name in states[0].params}
    with torch.no_grad():
        output = torch.func.functional_call(
            context.module, {**states[0].buffers, **mean}, (context.preparation(context.dataset.test.inputs),)
        )
    np.testing.assert_allclose(said, output.log_softmax(-1).numpy(), atol=2e-4)


@pytest.mark.ci
def test_members_that_were_fine_tuned_are_a_soup(tuned):
    found = analyses.measure("equal_cost", tuned)
    names = found["name"].values.tolist()
    assert {f"{MEAN} {size} members" for size in (2, 3)} <= set(names)
    assert f"{MEAN} 3 aligned members" not in names


class Gone(StudyContext):
    """A study whose data is no longer available."""

    @property
    def loaded(self):
        raise WorkError("the data is gone")


@pytest.mark.ci
def test_without_the_data_predictions_decide_and_it_is_said(networks):
    found = analyses.measure("equal_cost", Gone(networks))
    assert found.attrs["not_averaged"] == "the data is gone"
    assert not any(MEAN in name for name in found["name"].values)
