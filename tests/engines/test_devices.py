"""Assignment of simulated GPUs to workers, and of workers to the machines of simulated clusters."""

import engine_tasks as tasks
import pytest

from modescape.cli.shared import Work
from modescape.engines import Here, Needs, Processes, choose_engine
from modescape.engines.devices import least_used
from modescape.engines.ray_cluster import no_room, room
from modescape.runtime import visible_gpus
from modescape.train.planning import group_of

GB = 10**9


def node(alive=True, **resources):
    return {"Alive": alive, "Resources": {name: float(value) for name, value in resources.items()}}


@pytest.mark.parametrize(
    ("taken", "device"),
    [([], "0"), (["0"], "1"), (["0", "1", "2", "3"], "0"), (["0", "2", "3"], "1"), (["1", "0", "0", "2", "3"], "1")],
)
def test_a_worker_gets_the_gpu_that_the_fewest_have(taken, device):
    assert least_used(("0", "1", "2", "3"), taken) == device


def test_without_gpus_nothing_is_dealt_out():
    assert least_used((), [None, None]) is None


def test_each_worker_sees_one_gpu_and_the_one_that_follows_a_dead_one_sees_its():
    with Processes(devices=("7", "GPU-4a")) as engine:
        assert engine.at_once == 2
        first = dict(outcome.value for outcome in engine.map(tasks.device, range(4)))
        assert sorted(first.values()) == ["7", "GPU-4a"]
        outcomes = list(engine.map(tasks.device, ["kill", 1, 2, 3, 4, 5]))
        again = dict(outcome.value for outcome in outcomes if outcome.error is None)
    assert len(first.keys() & again.keys()) == 1
    assert sorted((first | again).values()) in (["7", "7", "GPU-4a"], ["7", "GPU-4a", "GPU-4a"])
    assert sorted(again.values()) == ["7", "GPU-4a"]


def test_auto_is_a_process_a_gpu_where_there_are_several():
    assert choose_engine("auto", "cuda", None, 1) is Here
    assert choose_engine("auto", "cuda", None, 4) is Processes
    assert choose_engine("auto", "cuda", 1, 4) is Here
    assert choose_engine("auto", "cuda", 8, 1) is Here


@pytest.mark.parametrize(
    ("listed", "count", "names"),
    [(None, 0, []), (None, 3, ["0", "1", "2"]), ("2, 5", 2, ["2", "5"]), ("2,5", 1, ["2"]), ("", 0, [])],
)
def test_gpus_are_named_as_cuda_names_them(listed, count, names):
    assert visible_gpus(listed, count) == names


@pytest.mark.parametrize(
    ("members", "most", "workers", "size"),
    [(10, 64, 1, 10), (10, 64, 2, 5), (10, 64, 4, 3), (10, 2, 4, 2), (64, 16, 4, 16), (3, 64, 8, 1), (10, 64, 0, 10)],
)
def test_members_are_shared_out_among_gpus(members, most, workers, size):
    assert group_of(members, most, workers) == size


def test_a_cluster_has_room_for_as_many_workers_as_its_machines_hold():
    nodes = [node(CPU=4, memory=10 * GB, GPU=1), node(CPU=2, memory=64 * GB), node(False, CPU=64, memory=999 * GB)]
    assert room(nodes, Needs()) == 6
    assert room(nodes, Needs(memory=3 * GB)) == 3 + 2
    assert room(nodes, Needs(memory=11 * GB)) == 2
    assert room(nodes, Needs(gpu=True)) == 1
    assert room(nodes, Needs(memory=20 * GB, gpu=True)) == 0
    assert room([node(memory=64 * GB)], Needs()) == 0  # a head node without a CPU


def test_no_room_is_said_with_what_is_there_and_what_to_do():
    said = no_room([node(CPU=4, memory=10 * GB), node(False, CPU=64, memory=999 * GB)], Needs(12 * GB, True))
    assert said == (
        "no machine of the Ray cluster has room for a worker, which takes a CPU, a GPU, 12.0 GB of memory: 4 CPUs and "
        "0 GPUs are there, at most 10.0 GB on a machine; add one, or say what a worker takes: "
        "--set compute.worker_memory=MB"
    )


@pytest.mark.parametrize(
    ("engine", "settings", "taken_off"),
    [
        ("auto", (), True),
        ("processes", (), True),
        ("ray", (), False),
        (None, (), False),
        ("here", ("compute.address=far:1",), False),  # refused: only clusters have an address
    ],
)
def test_an_engine_without_a_cluster_goes_on_without_the_recorded_one(engine, settings, taken_off):
    work = Work(settings=settings, engine=engine, address=None, device=None, track=(), quiet=True)
    assert ("compute.address=null" in work.overrides()) is taken_off
