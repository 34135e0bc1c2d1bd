"""Training of the analyses' auxiliary networks, and what happens to existing ones."""

from __future__ import annotations

import inspect
import math
import shutil
from dataclasses import replace

import pytest
from stand_ins import no_figures

from modescape import pipeline, recipe
from modescape.analyses.at_equal_cost import long_runs
from modescape.analyses.auxiliary import CYCLIC, LONG_RUN, SHORT, WIDE, long_run, variants
from modescape.analyses.equal_cost.auxiliary import wider
from modescape.analyses.equal_cost.kinds import SLACK
from modescape.models.factory import WIDTHS, find_factory
from modescape.offered import Offered, Training
from modescape.pipeline.auxiliary import differences
from modescape.pipeline.begin import with_analysis_defaults
from modescape.pipeline.quick import quick_recipe, quick_words
from modescape.progress import Progress

HALVING = ["train.schedule={kind: halving, every: 10}", "train.epochs=40", "train.members=10"]
PLAIN = "cifar10-smallcnn"  # a recipe without settings of variants


class Hearing(Progress):
    """Records messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


def test_networks_are_trained_as_long_as_members_unless_the_recipe_says_otherwise():
    whole = recipe.load(PLAIN)
    made = variants("randomness", whole, 500)
    assert {one.train.epochs for one in made.values()} == {whole.train.epochs}
    cyclic = variants("cyclic", whole, 500)
    assert cyclic[CYCLIC["independent"]].train.epochs == whole.train.epochs
    assert cyclic[CYCLIC["long run"]].train.epochs == whole.variants.cycles * whole.train.epochs
    assert cyclic[CYCLIC["snapshots"]].kept_epochs(0) == [0, 10, 20, 30]  # the ends of cycles
    assert cyclic[CYCLIC["independent"]].kept_epochs(0) == [0, 10]
    few = recipe.load(PLAIN, ["variants.epochs=3"])
    assert {one.train.epochs for one in variants("randomness", few, 500).values()} == {3}


@pytest.mark.parametrize(
    ("schedule", "stretched"),
    [
        ("{kind: halving, every: 10}", {"kind": "halving", "every": 100}),
        ("{kind: step, epochs: [20, 30], factors: [0.1, 0.01]}", {"epochs": [200, 300], "factors": [0.1, 0.01]}),
        ("{kind: cosine}", {"kind": "cosine"}),
        ("{kind: constant}", {"kind": "constant"}),
        ("{kind: cyclic, cycles: 4}", {"kind": "cyclic", "cycles": 4}),
    ],
)
def test_a_long_run_is_the_recipe_at_the_cost_of_all_its_members(schedule: str, stretched: dict):
    whole = recipe.load("digits", [*HALVING, f"train.schedule={schedule}"])
    long = long_run(whole)
    assert long is not None
    assert (long.train.members, long.train.epochs) == (1, 400)
    values = long.train.schedule.model_dump()
    assert {key: values[key] for key in stretched} == stretched
    assert (long.data, long.model, long.streams, long.seed) == (whole.data, whole.model, whole.streams, whole.seed)
    same = {"learning_rate", "optimizer", "batch_size", "batches", "weight_decay", "momentum"}
    assert long.train.model_dump(include=same) == whole.train.model_dump(include=same)
    assert long.kept_epochs(0) == [0, 400]
    assert variants("cyclic", whole, 300)[LONG_RUN] == long


def test_a_warm_up_is_the_same_share_of_other_epochs():
    whole = recipe.load("digits", ["train.warmup=4", "train.epochs=40", "variants.epochs=5"])
    long = long_run(whole)
    assert long is not None
    assert long.train.warmup == 0.1
    assert {one.train.warmup for one in variants("randomness", whole, 500).values()} == {0.1}
    same = recipe.load("digits", ["train.warmup=4", "train.epochs=40"])
    assert {one.train.warmup for one in variants("randomness", same, 500).values()} == {4}


def test_a_long_run_is_left_out_where_it_is_not_wanted_or_cannot_be():
    for override in ("variants.long_runs=0", "train.members=1", "train.members=30000"):
        whole = recipe.load("digits", [*HALVING, override])
        assert long_run(whole) is None
        assert set(variants("cyclic", whole, 300)) == set(CYCLIC.values())
    two = long_run(recipe.load("digits", [*HALVING, "variants.long_runs=2"]))
    assert two is not None
    assert two.train.members == 2


def test_what_costs_as_much_as_all_members_is_trained_once_for_all_that_ask():
    whole = recipe.load("digits", [*HALVING, "train.schedule={kind: cosine}"])
    made = variants("equal_cost", whole, 300)
    assert made[LONG_RUN] == variants("cyclic", whole, 300)[LONG_RUN]
    assert (made[WIDE].train.members, made[WIDE].train.epochs) == (1, 40)
    assert made[WIDE].model.arguments == {"channels": [51, 101, 101]}
    assert (made[SHORT].train.members, made[SHORT].train.epochs) == (10, 4)
    assert (made[SHORT].model, made[SHORT].data) == (whole.model, whole.data)
    for override in ("variants.long_runs=0", "train.members=1"):
        assert variants("equal_cost", recipe.load("digits", [*HALVING, override]), 300) == {}
    other = recipe.load("digits", ["model.factory=resnet20", "train.members=10", "train.epochs=5"])
    assert set(variants("equal_cost", other, 300)) == {LONG_RUN}  # no width is known; half an epoch is too short


@pytest.mark.parametrize(
    ("factory", "shape"),
    [
        ("small_cnn", {"image_shape": (3, 16, 16)}),
        ("medium_cnn", {"image_shape": (3, 16, 16)}),
        ("mlp", {"features": 10}),
        ("text_transformer", {"vocabulary": 50, "length": 12}),
    ],
)
def test_a_wider_network_has_about_the_weights_of_all_members(factory, shape):
    make = find_factory(factory)
    known = inspect.signature(make).parameters
    assert all(known[name].default == value for name, value in WIDTHS[factory].items())
    arguments = wider(factory, {}, math.sqrt(5))
    counts = [sum(one.numel() for one in make(**shape, num_classes=4, **own).parameters()) for own in ({}, arguments)]
    assert 5 / SLACK < counts[1] / counts[0] < 5 * SLACK


def test_a_quick_look_trains_no_long_run_and_says_so():
    small = quick_recipe("digits")
    assert small.variants.long_runs == 0
    assert "without one network at the training cost of all" in quick_words(small)
    assert "training cost" not in quick_words(quick_recipe("digits", ["variants.long_runs=1", "analyses=[cyclic]"]))


@pytest.mark.ci
def test_networks_of_a_study_made_before_are_trained_again_and_one_line_says_so(networks, tmp_path):
    """Here the networks were trained for 2 epochs, and are trained again for 4, as many as the members."""
    copy, said = shutil.copytree(networks.path, tmp_path / "study"), Hearing()
    kept = {path: path.read_bytes() for path in (copy / "members").rglob("*") if path.is_file()}
    with no_figures():
        overrides = ["variants.epochs=null", "variants.train=30", "variants.members=1", "analyses=[cyclic]"]
        study = pipeline.analyse(copy, overrides=overrides, progress=said)
    (line,) = [line for line in said.lines if "trained again" in line]
    assert "cyclic-snapshots" in line
    assert "train.epochs 4 -> 8" in line
    assert LONG_RUN not in line
    assert study.auxiliary(CYCLIC["long run"]).recipe.train.epochs == 8
    assert {path: path.read_bytes() for path in (copy / "members").rglob("*") if path.is_file()} == kept


def test_settings_that_an_earlier_version_spelled_out_are_no_hindrance():
    """An older study still has the removed setting ``ensemble_size.resamples`` in its ``study.yaml``."""
    before = recipe.load("digits", ["settings.ensemble_size={resamples: 1000, subsets: 50}"])
    now = with_analysis_defaults(before).settings["ensemble_size"]
    assert now == {"snapshots": 10, "subsets": 50, "all_sizes": 40}


def test_what_differs_is_told_in_words_where_a_setting_is_absent():
    before = recipe.load("digits", ["train.schedule={kind: halving, every: 10}"])
    after = recipe.load("digits", ["train.schedule={kind: cosine}", "train.keep_every=2"])
    assert differences(before, after) == (
        "train.keep_every not set -> 2, train.schedule.every 10 -> not set, train.schedule.kind halving -> cosine"
    )


def test_a_long_run_that_is_no_longer_wanted_is_not_compared():
    """It stays on the disk when a study is continued with ``variants.long_runs=0``."""

    long = Offered(members=[0], training=Training(members=1, epochs=30))
    there = Offered(members=[0, 1, 2], auxiliary={LONG_RUN: long}, training=Training(members=3, epochs=10, long_runs=1))
    assert long_runs(there) is long
    assert long_runs(replace(there, training=replace(there.training, long_runs=0))) is None
    assert long_runs(replace(there, training=replace(there.training, members=4))) is None  # the study has grown since
    assert long_runs(replace(there, auxiliary={})) is None
