"""Faults, on a cluster: workers, nodes and runs are killed in every stage of one study, and it loses nothing."""

import os
import random
import signal

import pytest
from clusters import node_of, started, switch_off
from contents import contents, differences

from modescape.study import summary, verify

from .conftest import settings
from .disk import Disk, gone
from .test_crashes import STAGES, STUDY, finished, look_at, not_done_again

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(1500)]  # Ray is an optional dependency
RUNS = [  # applied to one study in order: what to kill, at a random operation of a stage; the run itself last
    [("training", "worker"), ("training", "worker"), ("training", "run")],
    [("training", "worker"), ("training", "node"), ("training", "run")],
    [("training", "worker"), ("prediction", "worker"), ("prediction", "node"), ("networks of an analysis", "run")],
    [("networks of an analysis", "worker"), ("networks of an analysis", "node"), ("networks of an analysis", "run")],
    [("networks of an analysis", "worker"), ("analysis", "worker"), ("analysis", "node"), ("analysis", "run")],
    [("analysis", "worker"), ("analysis", "worker"), ("analysis", "run")],
    [("analysis", "worker"), ("page", "run")],
]
OPERATIONS = {"training": 20, "prediction": 6, "networks of an analysis": 20, "analysis": 4, "page": 2}
KILLS = 20  # at least this many: some of `RUNS` may come too late


def test_kills_on_a_cluster_lose_nothing(library, disk, tmp_path, monkeypatch):
    undisturbed = tmp_path / "undisturbed"
    code, text = Disk(library, undisturbed).run("run", "digits", "--out", str(undisturbed), *settings(*STUDY))
    assert code == 0, text
    draw, killed, done = random.Random(0), [], {}
    for name, value in disk.environment.items():
        monkeypatch.setenv(name, value)  # nodes are child processes of this one
    with started() as made:
        for kills in RUNS:
            killed += disturbed(made, disk, kills, draw)
            look_at(disk.root)
            assert not_done_again(done, finished(disk.root)) == []
            done = finished(disk.root)
        code, text = disk.run("run", str(disk.root))
        assert code == 0, text
    assert len(killed) >= KILLS, killed
    assert {stage for stage, _ in killed} == set(STAGES)
    assert {("training", "node"), ("prediction", "node"), ("analysis", "node")} <= set(killed)
    assert not_done_again(done, finished(disk.root)) == []
    assert differences(contents(disk.root), contents(undisturbed)) == []
    assert verify(disk.root) == []
    assert summary(disk.root).complete


def disturbed(made, disk, kills, draw):
    """Run once; returns the kills that took place. The run ends with the last kill, or successfully."""
    address = ("--engine", "ray", "--address", made.address)
    run = disk.start("run", "digits", "--out", str(disk.root), *address, *settings(*STUDY))
    killed = []
    for stage, whom in kills:
        spared = 0 if whom == "run" else run.process.pid
        disk.await_operation(STAGES[stage], 1 + draw.randrange(OPERATIONS[stage]), spared)
        if not run.held(disk):
            break
        killed.append((stage, whom))
        if whom == "run":
            run.process.send_signal(signal.SIGKILL)
        elif whom == "node":
            switch_off(made, node_of(made, disk.get("held")))
            made.add_node(num_cpus=1)
        else:
            os.kill(disk.get("held"), signal.SIGKILL)
        disk.set("wanted", 0)
        disk.set("held", 0)
    disk.set("wanted", 0)
    code, text = run.end()
    assert "Traceback" not in text, text
    assert code == (-signal.SIGKILL if killed[-1:] and killed[-1][1] == "run" else 0), text
    assert gone(run.process.pid)
    return killed
