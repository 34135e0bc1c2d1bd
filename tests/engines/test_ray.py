"""A Ray cluster of two nodes on this machine: when a node dies, the other repeats its work."""

import os
import signal
import threading
from pathlib import Path

import engine_tasks as tasks
import pytest
from clusters import PATIENCE, command, started, switch_off, wait_for, workers_of
from contents import contents, differences
from stand_ins import no_figures

from modescape import pipeline
from modescape.engines import make_engine
from modescape.errors import InputError, WorkError
from modescape.study import Study, summary

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # a cluster takes seconds to start; the package is an extra
SMALL = ["train.members=4", "train.epochs=12", "train.trajectories=4", "data.test=100", "analyses=[ensemble_size]"]


def settings(*values):
    return [part for value in values for part in ("--set", value)]


@pytest.fixture
def cluster():
    with started() as made:
        yield made, made.worker_nodes and sorted(made.worker_nodes, key=lambda node: node.node_id)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of these settings, run on this machine without interruption."""
    with no_figures():
        return pipeline.run(
            "digits", tmp_path_factory.mktemp("undisturbed") / "study", overrides=[*SMALL, "compute.engine=here"]
        )


def test_an_item_of_a_node_that_dies_is_worked_on_again(cluster, tmp_path):
    made, nodes = cluster
    places = {}

    def listen(item, node):
        places.setdefault(item, []).append(node)
        if len(places.get(0, [])) == 2:  # started again
            (tmp_path / "gate-0").touch()
        elif len(places) == 2:  # both are at work
            dead = next(one for one in nodes if one.node_id == places[0][0])
            switch_off(made, dead)
            (tmp_path / "gate-1").touch()

    with make_engine("ray", "cpu", workers=2, address=made.address) as engine:
        waiting = [(0, str(tmp_path)), (1, str(tmp_path))]
        outcomes = {
            outcome.item[0]: outcome
            for outcome in engine.map(tasks.at_the_gate, waiting, on_event=lambda item, event: listen(item[0], event))
        }
    assert [outcomes[item].error for item in (0, 1)] == [None, None]
    assert [outcomes[item].value for item in (0, 1)] == [0, 10]
    assert len(places[0]) == 2
    assert places[0][0] != places[0][1] == places[1][0]


def test_a_study_that_loses_a_node_while_it_trains_has_the_bytes_of_an_undisturbed_one(cluster, tmp_path, undisturbed):
    made, nodes = cluster
    lost = threading.Event()

    def lose(study: Path) -> None:
        wait_for(lambda: bool(list(study.glob("members/*/epoch-002*"))), "epoch 2")
        switch_off(made, nodes[0])
        lost.set()

    with no_figures():
        threading.Thread(target=lose, args=(tmp_path / "far",), daemon=True).start()
        far = [*SMALL, "compute.engine=ray", f"compute.address={made.address}", "compute.workers=2"]
        study = pipeline.run("digits", tmp_path / "far", overrides=far)
    assert lost.is_set()
    assert len(list(study.path.glob("members/*/epoch-*.safetensors"))) == 4 * 13
    parts = ("members", "predictions.zarr", "results")
    others = differences(contents(study.path, parts), contents(undisturbed.path, parts))
    assert [name for name in others if not name.endswith(".tmp")] == []  # of a killed worker; the next run removes them
    assert len({member.machine for member in study.members}) == 1


def test_ctrl_c_ends_the_work_and_the_study_goes_on(cluster, tmp_path, undisturbed):
    made, nodes = cluster
    study = tmp_path / "study"
    far = ["--engine", "ray", "--address", made.address]
    run = command("run", "digits", "--out", str(study), *far, *settings(*SMALL))
    wait_for(lambda: bool(list(study.glob("members/*/epoch-002*"))), "epoch 2")
    run.send_signal(signal.SIGINT)
    text, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1, text
    assert "Every finished epoch is kept" in text
    assert "Traceback" not in text
    assert any(member.epochs_done < 12 for member in Study.open(study).members)
    wait_for(lambda: not actors(nodes), "the end of the workers")
    with no_figures():  # given only the folder: engine and cluster come from its recipe
        pipeline.run(study)
    parts = ("members", "predictions.zarr", "results")
    assert differences(contents(study, parts), contents(undisturbed.path, parts)) == []


def cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def actors(nodes):
    """The running processes of our actors."""
    found = [pid for node in nodes for pid in workers_of(node)]
    return [pid for pid in found if b"ray::Life" in cmdline(pid)]


def test_without_its_head_the_command_ends_in_a_line_and_the_study_is_finished_without_ray(tmp_path, undisturbed):
    study = tmp_path / "study"
    with started() as made:
        far = ["--engine", "ray", "--address", made.address]
        run = command("run", "digits", "--out", str(study), *far, *settings(*SMALL))
        wait_for(lambda: bool(list(study.glob("members/*/epoch-002*"))), "epoch 2")
        pids = actors(made.worker_nodes)
        assert pids
        os.kill(made.head_node.all_processes["gcs_server"][0].process.pid, signal.SIGKILL)
        text, _ = run.communicate(timeout=PATIENCE)
        assert run.returncode == 1, text
        lines = [line for line in text.splitlines() if "head of the Ray cluster" in line]
        assert len(lines) == 1, text
        assert "is gone; what was finished is kept" in lines[0]
        assert "Traceback" not in text
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the end of the workers")
    assert not summary(study).complete  # workers end within seconds, but may have finished their members by then
    again = command("run", str(study), "--engine", "auto")
    text, _ = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, text
    parts = ("members", "predictions.zarr", "results")
    assert differences(contents(study, parts), contents(undisturbed.path, parts)) == []


def test_no_more_workers_are_on_a_node_than_its_memory_and_its_gpus_hold():
    words = r"has room for a worker, which takes a CPU, 2\.0 GB of memory: 4 CPUs and 2 GPUs are there, at most 1\.0 GB"
    with started(1, num_cpus=4, num_gpus=2, memory=1_000_000_000) as made:
        with make_engine("ray", "cpu", address=made.address, memory=300_000_000) as engine:
            assert engine.at_once == 3
            assert len({outcome.value for outcome in engine.map(tasks.slow_process_number, range(9))}) == 3
        with make_engine("ray", "cuda", address=made.address, memory=300_000_000) as engine:
            assert engine.at_once == 2
            seen = dict(outcome.value for outcome in engine.map(tasks.device, range(6)))
        assert sorted(seen.values()) == ["0", "1"]
        with make_engine("ray", "cpu", 2, made.address, 2_000_000_000) as engine:
            with pytest.raises(InputError, match=words):
                _ = engine.at_once
            with pytest.raises(WorkError, match=words):
                list(engine.map(tasks.square, [1]))


def test_a_cluster_that_is_not_there_is_said():
    pytest.importorskip("ray")
    with make_engine("ray", "cpu", address="127.0.0.1:9") as engine, pytest.raises(InputError, match=r"127\.0\.0\.1:9"):
        list(engine.map(tasks.square, [1]))


def test_an_address_is_of_a_cluster_alone():
    words = r"compute\.address is 'far:1', and the engine 'here' works on this machine; choose --engine ray"
    with pytest.raises(InputError, match=words):
        make_engine("here", "cpu", address="far:1")
