"""Assigning members to groups, and choosing forms of the convolution by measurement."""

import json

import pytest
import torch

from modescape import data, recipe
from modescape.errors import InputError
from modescape.kernels import forms
from modescape.kernels.convolution import Layer
from modescape.kernels.forms import FORMS
from modescape.kernels.geometry import Geometry
from modescape.network.habits import Habits
from modescape.train import planning
from modescape.train.measuring import fastest, measured
from modescape.train.plan import Group, Plan
from modescape.train.planning import make_plan, try_step

CPU = torch.device("cpu")
LAYER = Layer((3, 8, 8), 4, (5, 3, 3, 3), Geometry.of(1, 1, 1, 1), True, False)
PLAIN = Habits()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MODESCAPE_CACHE", str(tmp_path))
    return tmp_path / "measured"


def test_a_member_has_the_same_place_whoever_else_is_trained():
    plan = Plan(device="cuda", group_size=4)
    assert plan.groups(range(6)) == {Group(0, 4): [0, 1, 2, 3], Group(4, 4): [4, 5]}
    assert plan.groups([5, 2]) == {Group(0, 4): [2], Group(4, 4): [5]}
    assert Group(4, 4).members == [4, 5, 6, 7]


def test_members_go_on_in_the_groups_in_which_they_were_begun():
    plan = Plan(device="cuda", group_size=4)
    begun = dict.fromkeys((0, 1), Group(0, 2)) | dict.fromkeys((2, 3), Group(2, 2))
    assert plan.groups(range(6), begun) == {Group(0, 2): [0, 1], Group(2, 2): [2, 3], Group(4, 4): [4, 5]}


@pytest.mark.parametrize(("size", "halves"), [(2, (1, 1)), (5, (3, 2)), (10, (5, 5))])
def test_halves_hold_everyone_once(size, halves):
    parts = Group(20, size).halves()
    assert tuple(part.size for part in parts) == halves
    assert [member for part in parts for member in part.members] == Group(20, size).members


def test_a_plan_reads_back_from_its_plain_values():
    plan = Plan(device="cuda", group_size=3, replayed=True, convolutions={"a layer": {"forward": "each"}})
    assert Plan.of(json.loads(json.dumps(plan.as_dict()))) == plan
    assert plan.policy("bf16").choices.chosen == {"a layer": {"forward": "each"}}


@pytest.mark.parametrize(
    "change",
    [{"device": "tpu"}, {"group_size": 0}, {"group_size": "4"}, {"kernels": "gpu"}, {"more": 1}, {"convolutions": [1]}],
)
def test_what_is_no_plan_is_refused_in_plain_words(change):
    values = {"device": "cpu", "group_size": 1, **change}
    with pytest.raises(InputError, match=r"manifest's plan.* is wrong: .*start another with --out"):
        Plan.of(values)
    with pytest.raises(InputError, match="manifest's plan is wrong"):
        Plan.of(None)


def test_members_are_dealt_evenly():
    assert [planning._even(10, most) for most in (1, 3, 4, 5, 9, 10, 64)] == [1, 3, 4, 5, 5, 10, 10]


def test_every_form_is_timed_and_the_fastest_chosen(own_cache):
    times = measured([LAYER, LAYER], 2, "float32", CPU)
    (passes,) = times.values()
    assert set(passes) == {"forward", "weight"}  # the gradient with respect to the first layer's images is not needed
    for tried in passes.values():
        assert set(tried) == {name for name in FORMS if name != "triton"}
        assert all(seconds > 0 for seconds in tried.values())
    assert fastest({"one": {"forward": {"each": 2.0, "patches": 1.0}}}) == {"one": {"forward": "patches"}}


def test_times_are_taken_once_and_remembered(own_cache):
    said = []
    first = measured([LAYER], 2, "float32", CPU, said.append)
    assert len(said) == len(list(own_cache.iterdir())) == 1
    assert measured([LAYER], 2, "float32", CPU, said.append) == first  # identical, so not measured again
    assert len(said) == 1


def test_a_damaged_memory_is_made_again(own_cache):
    first = measured([LAYER], 2, "float32", CPU)
    (path,) = own_cache.iterdir()
    path.write_text("{half")
    assert measured([LAYER], 2, "float32", CPU).keys() == first.keys()
    assert json.loads(path.read_text()).keys() == first.keys()


def test_a_form_that_is_wrong_or_fails_is_never_chosen(own_cache, monkeypatch):
    def fails(*arguments):
        raise RuntimeError("no such instruction")

    good = FORMS["grouped"]
    wrong = forms.Form(lambda *a: good.forward(*a) * 1.01, good.input, fails)
    monkeypatch.setitem(FORMS, "patches", wrong)  # a form that is wrong
    (passes,) = measured([LAYER], 2, "float32", CPU).values()
    assert "patches" not in passes["forward"]
    assert "patches" not in passes["weight"]
    assert "grouped" in passes["forward"]


def test_plans_of_devices(own_cache, monkeypatch):
    made = recipe.load("digits", ["train.members=10"])
    digits = data.load(made.data, 0)
    assert make_plan(made, digits, "cpu", PLAIN).group_size == 1
    # a simulated GPU: times are measured on the CPU, free memory is given
    monkeypatch.setattr(planning, "usual", lambda device: "triton")  # a simulated GPU
    lone = make_plan(made, digits, "cuda", Habits(draws=True))
    assert (lone.group_size, lone.convolution, lone.replayed) == (1, "each", False)
    strict = make_plan(recipe.load(made, ["compute.determinism=strict"]), digits, "cuda", PLAIN)
    assert (strict.group_size, strict.convolution, strict.convolutions) == (10, "triton", {})
    monkeypatch.setattr(planning, "try_step", lambda *arguments: ([LAYER], 1000))  # a simulated GPU
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (10_000, 20_000))  # a simulated GPU
    monkeypatch.setattr(torch, "device", lambda name: CPU)  # a simulated GPU
    measured_plan = make_plan(made, digits, "cuda", PLAIN)
    assert [plan.measured for plan in (lone, strict, measured_plan)] == [False, False, True]  # as shown in the report
    assert measured_plan.group_size == 5  # six fit: two groups of five
    assert measured_plan.replayed
    assert list(measured_plan.convolutions) == [LAYER.key]


def test_a_tried_step_names_the_layers():
    made = recipe.load("digits")
    layers, _ = try_step(made, data.load(made.data, 0), "cpu")
    assert [layer.image for layer in layers] == [(1, 8, 8), (16, 4, 4), (32, 2, 2)]
    assert [layer.needs_input for layer in layers] == [False, True, True]
    assert {layer.examples for layer in layers} == {32}
