"""The contract of `Engine.map`, for every engine of `ENGINES`."""

import functools
import os
import re

import engine_tasks as tasks
import pytest

from modescape.cli import cli
from modescape.engines import ENGINE_NAMES, ENGINES, Here, Processes, make_engine
from modescape.errors import InputError
from modescape.recipe import load

KINDS = [pytest.param(name, marks=[pytest.mark.long] if name == "ray" else []) for name in ENGINES]  # starts a cluster


@pytest.fixture(scope="module", params=KINDS)
def engine(request):
    if request.param == "ray":
        pytest.importorskip("ray")
    with make_engine(request.param, "cpu", workers=2) as engine:
        yield engine


def test_every_engine_says_what_it_is(engine):
    assert engine.at_once in (1, 2)
    assert type(engine) in ENGINES.values()
    assert type(engine).of(None).at_once >= 1
    type(engine).prepare(["json"])
    [outcome] = engine.map(tasks.process_number, [0])
    assert (outcome.value != os.getpid()) is engine.elsewhere


def test_recipes_and_commands_know_every_engine():
    assert {"auto", *ENGINES} <= set(ENGINE_NAMES)
    for name in ENGINE_NAMES:
        assert load("digits", [f"compute.engine={name}"]).compute.engine == name
    with pytest.raises(InputError, match=r"compute.engine is 'nowhere': .*'here', 'processes'"):
        load("digits", ["compute.engine=nowhere"])
    options = [option for option in cli.commands["run"].params if option.name == "engine"]
    assert [list(option.type.choices) for option in options] == [list(ENGINE_NAMES)]


def test_every_item_has_its_value(engine):
    outcomes = list(engine.map(tasks.square, range(20)))
    assert {outcome.item: outcome.value for outcome in outcomes} == {item: item * item for item in range(20)}
    assert len(outcomes) == 20
    assert all(outcome.error is None and outcome.traceback is None for outcome in outcomes)


def tools(engine, name, items=range(6)):
    """What was opened for a map: (name, where, when) of each."""
    values = [outcome.value for outcome in engine.map(tasks.with_tool, items, context=tasks.Tool(name))]
    assert sorted(value[-1] for value in values) == [*items]
    return {value[:-1] for value in values}


def test_what_is_opened_is_kept_from_item_to_item_and_from_map_to_map(engine):
    first = tools(engine, "saw")
    assert len(first) == len({where for _, where, _ in first})  # one per process
    assert [outcome.value for outcome in engine.map(tasks.square, [2])] == [4]  # which opens nothing
    again = tools(engine, "saw")
    assert {one for one in again if one[1] in {where for _, where, _ in first}} <= first


def test_another_one_is_opened_in_its_place_and_nothing_kept_of_it(engine):
    first, other = tools(engine, "saw"), tools(engine, "axe")
    assert {name for name, _, _ in other} == {"axe"}
    assert not tools(engine, "saw") & first


def test_a_closed_engine_holds_nothing_open(engine):
    first = tools(engine, "saw")
    engine.close()
    assert not tools(engine, "saw") & first


def test_what_cannot_be_opened_costs_its_items_and_is_tried_again(engine):
    lost = engine.map(tasks.with_tool, [1, 2], context=tasks.Tool("lost"))
    assert [outcome.error for outcome in lost] == ["the tool is lost; bring another one"] * 2
    assert {name for name, _, _ in tools(engine, "saw")} == {"saw"}


def test_no_items(engine):
    assert list(engine.map(tasks.square, [])) == []


def test_partial_of_a_function(engine):
    outcomes = engine.map(functools.partial(tasks.shifted, shift=10), [1, 2])
    assert sorted(outcome.value for outcome in outcomes) == [11, 12]


def test_events_come_in_order_and_before_their_outcome(engine):
    log = []
    for outcome in engine.map(tasks.three_events, range(4), on_event=lambda item, event: log.append((item, event))):
        assert [event for item, event in log if item == outcome.item] == [(outcome.item, step) for step in range(3)]
    assert len(log) == 12
    assert all(item == event[0] for item, event in log)


def test_events_without_a_listener(engine):
    assert [outcome.value for outcome in engine.map(tasks.three_events, [5])] == [5]


def test_an_exception_ends_its_item_alone(engine):
    outcomes = {outcome.item: outcome for outcome in engine.map(tasks.fail_on_odd, range(4))}
    assert outcomes[2].value == 2
    assert outcomes[2].error is None
    assert outcomes[3].value is None
    assert outcomes[3].error == "KeyError: 'odd 3'"
    assert 'raise KeyError(f"odd {item}")' in outcomes[3].traceback


def test_our_errors_speak_for_themselves(engine):
    assert [outcome.error for outcome in engine.map(tasks.bad_input, [1])] == ["the value 3 came; give 4"]


def test_sys_exit_is_an_error_of_the_item(engine):
    assert [outcome.error for outcome in engine.map(tasks.leave, [1])] == ["SystemExit: 7"]


def test_a_listener_that_fails_ends_the_map_with_its_own_exception(engine):
    def listener(item, event):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        list(engine.map(tasks.catch_everything, [1], on_event=listener))
    assert [outcome.value for outcome in engine.map(tasks.square, [3])] == [9]


def test_one_thread_whatever_the_engine(engine):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        [outcome] = engine.map(tasks.threads, [0])
    finally:
        torch.set_num_threads(before)
    assert outcome.value == (1, [1])


def test_same_bits_on_every_engine(engine):
    torch = pytest.importorskip("torch")
    [outcome] = engine.map(tasks.train_a_little, [3])
    [expected] = Here().map(tasks.train_a_little, [3])
    assert expected.value.keys() == outcome.value.keys()
    assert all(torch.equal(value, outcome.value[name]) for name, value in expected.value.items())


def test_make_engine(monkeypatch):
    cores = iter([2, 1])
    monkeypatch.setattr("modescape.engines.cores", lambda: next(cores))  # a machine with one core, then one with two
    assert make_engine("auto", "cpu") == Processes()
    assert make_engine("auto", "cpu", workers=1) == Here()
    assert make_engine("auto", "cuda") == Here()
    assert make_engine("processes", "cpu", workers=3) == Processes(workers=3)
    assert make_engine("here", "cpu", workers=3) == Here()
    assert make_engine("auto", "cpu") == Here()


@pytest.mark.parametrize(
    ("name", "workers", "message"),
    [
        ("nowhere", None, "there is no engine 'nowhere'; choose auto, here, processes, ray"),
        ("auto", 0, "an engine needs 1 worker or more, not 0"),
    ],
)
def test_make_engine_refuses(name, workers, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make_engine(name, "cpu", workers)
