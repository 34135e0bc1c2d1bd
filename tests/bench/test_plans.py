"""The plans of docs/scale.md: their arithmetic, and the simulation in cases with known results."""

import importlib
import math
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

plan, simulate = (importlib.import_module(name) for name in ("plan", "simulate"))
FULL, IMAGENET, LORA = plan.FULL, plan.IMAGENET, plan.LORA
Cluster, Job, Simulation, simulated = simulate.Cluster, simulate.Job, simulate.Simulation, simulate.simulated

FREE = {"start": 0.0, "heard": 0.0, "disk": math.inf, "network": math.inf}


def test_what_large_studies_hold():
    assert IMAGENET.trained == 25_557_032  # as torchvision counts them
    assert FULL.trained == 109_482_240 + 3 * 768 + 3  # BERT-base as usually counted, and a head
    assert LORA.trained == 12 * 2 * 2 * 8 * 768 + 3 * 768 + 3
    assert IMAGENET.checkpoint == 4 * (25_557_032 + 53_120)
    assert IMAGENET.resume - IMAGENET.checkpoint == 4 * 25_557_032  # the momentum
    assert IMAGENET.predictions == 60_000 * 1000 * 4
    assert IMAGENET.kept(10, 3) == 97 * 11 + 3 * 91
    assert FULL.kept(10, 3) == 4 * 1000  # three epochs and the initial weights
    assert LORA.kept(1, 1) == 999 * 2 + 4
    assert IMAGENET.gpu_hours == pytest.approx(100 * 90 * 1_271_167 / 2470 / 3600)
    assert FULL.speed / 485.59 == pytest.approx(3.556, abs=1e-3)


def test_without_failures_it_is_rounds_of_items():
    ran = Simulation(Cluster(machines=2, gpus=3, **FREE), Job(seconds=[2.0] * 13, steps=5)).run()
    assert ran.seconds == 3 * 10  # 13 items, 6 at a time
    assert ran.starts == 6
    assert ran.lost == ran.died == 0
    slow = Simulation(Cluster(machines=2, gpus=1, slow=1, **FREE), Job(seconds=[3.0] * 3)).run()
    assert slow.seconds == 6  # the slow machine does one item, the other two


def test_a_machine_that_fails_loses_the_step_in_work():
    cluster = Cluster(machines=2, gpus=1, repair=100.0, **FREE)
    job = Job(seconds=[10.0, 10.0], steps=3, written=7.0)
    ran = Simulation(cluster, job, fails=[(25.0, 0)]).run()  # after two and a half steps of the first item
    assert ran.lost == 5
    assert ran.seconds == 40  # from 30 on the other machine repeats the last step
    assert ran.written == 6 * 7.0
    assert (ran.failures, ran.died, ran.failed) == (1, 1, [])


def test_an_item_is_given_up_after_three_deaths_of_its_workers():
    cluster = Cluster(machines=1, gpus=1, repair=0.0, **FREE)
    job = Job(seconds=[10.0, 1.0])
    ran = Simulation(cluster, job, fails=[(5.0, 0), (10.0, 0), (15.0, 0)]).run()
    assert ran.failed == [0]
    assert ran.lost == 15
    assert ran.seconds == 16
    assert Simulation(cluster, Job(seconds=[10.0, 1.0], attempts=1), fails=[(5.0, 0)]).run().failed == [0]


def test_reading_and_writing_share_the_disk():
    cluster = Cluster(machines=2, gpus=2, start=0.0, disk=400.0, network=1e9)
    ran = Simulation(cluster, Job(seconds=[1.0] * 4, written=100.0, data=1000.0)).run()
    assert ran.seconds == 1000 / 200 + 1 + 100 / 100
    assert ran.read == 2000


def test_seeds_differ_and_repeat():
    cluster = Cluster(machines=4, gpus=2, between_failures=400.0, repair=50.0, slow=1)
    job = Job(seconds=[10.0] * 20, steps=10)
    one, two = (simulated(cluster, job, 4) for _ in range(2))
    assert one == two
    assert len({ran.seconds for ran in one}) > 1
    assert all(ran.seconds >= job.work / cluster.slots for ran in one)


def test_the_tables_are_made():
    assert "| a checkpoint | 102 MB | 438 MB | 1.19 MB |" in plan.costs()
    page = (BENCH.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    assert all(row in page for row in plan.costs().splitlines())
    row = plan.summary(Cluster(machines=1), LORA.job(), simulated(Cluster(machines=1), LORA.job(), 1))
    assert len(row) == len(plan.HEADER) - 3


@pytest.mark.long
def test_the_simulation_says_how_long_real_workers_take():
    real, start, failed = simulate.real_seconds()
    made_up, given_up = simulate.simulated_seconds(min(start, 1.0))
    assert failed == given_up == 1
    assert made_up <= real + 0.05  # a busy machine only adds
    assert real < made_up + 2 + start
