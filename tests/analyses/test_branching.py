"""Barriers, differences and gains of branches of one run, against double loops and `ms.barrier`."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from stand_ins import no_figures

import modescape as ms
from modescape import analyses, pipeline, recipe
from modescape.analyses.auxiliary import variants
from modescape.analyses.branching.auxiliary import branch_epochs
from modescape.analyses.branching.draw import connected
from modescape.analyses.branching.example import example
from modescape.analyses.branching.lines import QUANTITIES, Lines
from modescape.analyses.branching.measure import first_below
from modescape.analyses.costs import Sizes, cost_of
from modescape.analyses.drawing import losses_and_errors
from modescape.analyses.field import batches_of
from modescape.analyses.requirements import auxiliary
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.study import Study
from modescape.types import ModelState

SMALL = ["data.train=60", "data.test=90", "data.validation=20", "train.members=2", "train.epochs=3"]
SMALL += ["compute.engine=here", "train.trajectories=1", "settings.branching.points=5", "train.batch_size=20"]


@pytest.fixture(scope="module")
def small(made_once) -> Study:
    """Two members of three epochs, and branches after epochs 0, 1 and 2. Read-only."""
    torch.set_num_threads(1)

    def make(folder: Path) -> None:
        with no_figures():
            pipeline.run("digits", folder, overrides=[*SMALL, "analyses=[branching]"])

    return Study.open(made_once("branching", make))


def predictions(context: StudyContext, states: list[ModelState]) -> np.ndarray:
    """Log-probabilities of networks, one at a time, float64 [network, example, class]."""
    evaluated = [
        context.evaluator(
            ModelState(*({name: tensor[None] for name, tensor in part.items()} for part in state)),
            context.dataset.test.inputs,
        )[0]
        for state in states
    ]
    return torch.stack(evaluated).double().numpy()


def test_branches_leave_a_run_in_a_geometric_row():
    assert branch_epochs(1) == [0]
    assert branch_epochs(2) == [0, 1]
    for epochs in (3, 14, 40, 200, 1000):
        found = branch_epochs(epochs)
        assert found == sorted(set(found))
        assert found[0] == 0
        assert 0.75 * epochs <= found[-1] < epochs or epochs == 3
        assert len(found) <= 7


def test_every_branch_is_trained_as_the_run_and_independent_networks_where_members_are_no_equals():
    whole = recipe.load("digits", ["variants.members=3"])
    one = variants("branching", whole, 300)
    assert list(one) == ["branching"]
    assert one["branching"].streams.branches == [epoch for epoch in branch_epochs(40) for _ in range(3)]
    assert one["branching"].train.members == 22
    assert (one["branching"].train.epochs, one["branching"].data.train) == (40, 300)
    for less in ("variants.epochs=10", "variants.train=100"):
        found = variants("branching", recipe.load("digits", [less]), 300)
        apart = found["branching-independent"]
        assert apart.train.members == 3
        assert apart.streams.branches == []
        assert apart.streams.initialisation == "separate"
        assert (apart.train.epochs, apart.data.train) == (
            found["branching"].train.epochs,
            found["branching"].data.train,
        )


def test_the_run_is_member_0_of_the_study(small: Study):
    run, member = small.auxiliary("branching").state(0, 3), small.state(0, 3)
    assert all(torch.equal(tensor, member.params[name]) for name, tensor in run.params.items())


def test_the_numbers_are_those_of_a_double_loop(small: Study):
    found, context = small.result("branching"), StudyContext(small)
    branches, label = small.auxiliary("branching"), small.predictions("test").label
    assert found["branch_epoch"].values.tolist() == pytest.approx([np.nan, 0, 1, 2, 3], nan_ok=True)
    own = {"0 epochs in common": (branches, [0, 1, 2]), "2 epochs in common": (branches, [0, 5, 6])}
    for method, (study, members) in (own | {"independent": (small, [0, 1])}).items():
        states = [study.state(member, 3) for member in members]
        log_prob = predictions(context, states)
        wrong = log_prob.argmax(-1) != label
        loss = -np.take_along_axis(log_prob, label[None, :, None], -1)[..., 0].mean(-1)
        rows = []
        for i, j in combinations(range(len(members)), 2):
            data = batches_of(context, context.dataset.test, dtype=torch.float32)
            line = ms.barrier(context.module, states[i].params, states[j].params, data, t=5, reset="none", seed=0)
            middle = line.profiles["raw"].loss[2], line.profiles["raw"].error[2]
            mixture = np.log((np.exp(log_prob[i]) + np.exp(log_prob[j])) / 2)
            together = -mixture[np.arange(len(label)), label].mean(), (mixture.argmax(-1) != label).mean()
            mean = (loss[i] + loss[j]) / 2, (wrong[i].mean() + wrong[j].mean()) / 2
            differ = (log_prob[i].argmax(-1) != log_prob[j].argmax(-1)).mean()
            if len(members) == 2:  # for a single pair, the interval is over examples
                ends = {"barrier": line, "error_barrier": line.error}
                for (name, one), end in product(ends.items(), ("low", "high")):
                    held = float(found[f"{name}_{end}"].sel(approach=method))
                    assert held == pytest.approx(getattr(one, f"raw_{end}"), abs=2e-6), (name, end)
                each = ((log_prob[[i, j]].sum(0) / 2 - mixture)[np.arange(len(label)), label]) * -1
                half = 1.959964 * each.std(ddof=1) / len(label) ** 0.5
                gain = float(found["ensemble_gain_low"].sel(approach=method))
                assert gain == pytest.approx(each.mean() - half, abs=2e-6)
            rows.append(
                {
                    "barrier": line.raw,
                    "error_barrier": line.error.raw,
                    "aligned_barrier": line.aligned,
                    "aligned_error_barrier": line.error.aligned,
                    "average_gain": mean[0] - middle[0],
                    "average_error_gain": mean[1] - middle[1],
                    "ensemble_gain": mean[0] - together[0],
                    "ensemble_error_gain": mean[1] - together[1],
                    "disagreement": differ,
                    "normalized_disagreement": differ / mean[1],
                }
            )
        for name in rows[0]:
            expected = np.mean([row[name] for row in rows])
            assert float(found[name].sel(approach=method)) == pytest.approx(expected, abs=2e-6), (method, name)
            low, high = (float(found[f"{name}_{end}"].sel(approach=method)) for end in ("low", "high"))
            assert low <= expected + 1e-6
            assert expected - 1e-6 <= high


def test_a_branch_that_never_leaves_is_the_run_itself(small: Study, tmp_path: Path):
    settings = ["train.members=3", "streams.initialisation=shared", "streams.branches=[3, 0]", "analyses=[]"]
    with no_figures():
        study = pipeline.train("digits", tmp_path / "study", overrides=[*SMALL, *settings])
    lines = Lines(StudyContext(small), StudyContext(small).dataset.test, None, 5)
    found = lines.measured(study, [0, 1])
    assert not np.abs(found.value).max()
    assert found.distance == 0
    other = lines.measured(study, [0, 2])
    assert other.value[QUANTITIES.index("ensemble_gain")] > 0
    assert other.distance > 0.01


def test_the_last_row_is_the_run_itself_where_nothing_differs(small: Study):
    last = small.result("branching").isel(approach=-1)
    assert int(last["networks"]) == 1
    assert all(not float(last[name]) for name in last.data_vars if not str(name).startswith("connected"))


def context_of(kind: str) -> Any:
    """The parts of a study that `losses_and_errors` uses."""
    return SimpleNamespace(study=SimpleNamespace(task=SimpleNamespace(kind=kind)))


def test_errors_of_numbers_have_the_root_of_the_mean_squared_error_for_their_mean_and_spread_as_it_does():
    random = np.random.default_rng(0)
    predictive, target = random.normal(size=(2, 30, 2)), random.normal(size=(30, 1))
    predictive[1, :, :1] = target  # a network without errors
    loss, error = losses_and_errors(context_of("regression"), predictive, target)
    root = np.sqrt(np.square(predictive[0, :, :1] - target).mean())
    np.testing.assert_allclose(error.mean(-1), [root, 0], atol=1e-12)
    left = [np.sqrt(np.square(np.delete(predictive[0, :, :1] - target, n, 0)).mean()) for n in range(30)]
    assert error[0].std(ddof=1) / math.sqrt(30) == pytest.approx(np.std(left) * math.sqrt(29), rel=0.1)  # jackknife
    density = (math.log(2 * math.pi) + predictive[1, :, 1]) / 2  # the second half of a prediction is a log-variance
    np.testing.assert_allclose(loss[1], density, rtol=1e-6)


def test_from_when_on_heights_stay_below_a_limit():
    epochs = np.array([0, 1, 2, 4, 8])
    assert first_below(epochs, np.array([0.5, 0.3, 0.1, 0.0, 0.0]), 0.2) == 2
    assert first_below(epochs, np.array([0.5, 0.1, 0.3, 0.1, 0.0]), 0.2) == 4  # above the limit again at epoch 2
    assert first_below(epochs, np.zeros(5), 0.2) == 0
    assert np.isnan(first_below(epochs, np.array([0.5, np.nan, 0.1, 0.0, 0.0]), 0.2))


def test_a_run_that_is_connected_to_itself_alone_is_not_said_to_connect_branches():
    found = example(epochs=8)
    last = float(found["branch_epoch"][-1])
    assert connected(found).startswith("With 3 epochs in common or more")
    never = found.assign(connected_epoch=last, connected_epoch_low=2.0, connected_epoch_high=last)
    assert connected(never) == (
        "Branches are connected from none of the epochs tested (95 % interval for new members on new examples: they "
        "may be from 2 on), at a limit of 2 points."
    )
    assert "interval" not in connected(never.assign(connected_epoch_low=last))


def test_images_and_what_an_import_lacks(small: Study):
    context, sent = StudyContext(small), []
    with context.heard_by(sent.append):
        analyses.measure("branching", context, points=5)
    sizes = Sizes(small.recipe, 2, 60, 20, 90)
    assert 0.5 < cost_of("branching", sizes).images / sum(sent) < 2
    nothing = replace(context.offered, auxiliary={})
    with pytest.raises(NotEnough, match="needs predictions of auxiliary networks, 'branching'; this study has none"):
        auxiliary(nothing, "branching", "branching")
