"""What is particular to worker processes: they die, are replaced, outlive a map, and end with their parent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engine_tasks as tasks
import pytest

from modescape.engines import Processes
from modescape.errors import InputError, WorkError

HERE = Path(__file__).parent

PARENT = """
import sys
from modescape.engines import Processes
import engine_tasks as tasks
def listener(item, event):
    print(event, flush=True)
with Processes(workers=2) as engine:
    list(engine.map(tasks.{function}, [0, 1], on_event=listener))
"""


@pytest.fixture(scope="module")
def engine():
    with Processes(workers=2) as engine:
        yield engine


def pids(engine):
    return {worker.process.pid for worker in engine._pool}


def alive(pid):
    """Whether a process is running; a zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(seconds, numbers):
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in numbers):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def parent(function):
    """A process in its own session (for Ctrl-C) with two busy workers; yields it and the workers' process ids."""
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(function=function)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    numbers = []
    try:
        assert process.stdout is not None
        numbers = [int(process.stdout.readline()) for _ in range(2)]
        yield process, numbers
    finally:
        process.kill()
        process.communicate()
        for pid in filter(alive, numbers):
            os.kill(pid, signal.SIGKILL)


def test_workers_are_few_and_kept_from_map_to_map():
    with Processes(workers=2) as engine:
        [first] = engine.map(tasks.process_number, [0])
        assert pids(engine) == {first.value}  # one item, one worker
        list(engine.map(tasks.process_number, range(6)))
        both = pids(engine)
        assert len(both) == 2
        assert first.value in both
        assert {outcome.value for outcome in engine.map(tasks.process_number, range(6))} <= both
        assert os.getpid() not in both
    assert not any(alive(pid) for pid in both)


def test_a_slow_item_blocks_nobody(engine):
    while sum(worker.ready for worker in engine._pool) < 2:
        list(engine.map(tasks.square, range(4)))
    outcomes = list(engine.map(tasks.slow_first, [0, 1, 2, 3, 4, 5]))
    assert outcomes[-1].item == 0  # in the order of completion
    assert len({outcome.value for outcome in outcomes[:-1]}) == 1  # the other worker did the rest


@pytest.mark.parametrize(("item", "how"), [("kill", "killed by signal 9"), ("exit", "exit code 3")])
def test_a_dead_worker_costs_its_item_and_is_replaced(engine, item, how):
    outcomes = {outcome.item: outcome for outcome in engine.map(tasks.die_on, ["a", item, "b", "c", "d"])}
    assert outcomes[item].error == f"the worker process died ({how}) while working on {item}"
    assert outcomes[item].value is None
    assert all(outcomes[other].error is None for other in "abcd")
    assert [outcome.value for outcome in engine.map(tasks.square, [2, 3])].count(None) == 0


def test_an_idle_worker_that_died_between_maps_is_no_loss(engine):
    list(engine.map(tasks.square, range(4)))
    for worker in engine._pool:
        worker.process.kill()
        worker.process.join(5)
    outcomes = list(engine.map(tasks.square, range(4)))
    assert sorted(outcome.value for outcome in outcomes) == [0, 1, 4, 9]


def test_a_value_that_cannot_travel(engine):
    [outcome] = engine.map(tasks.unpicklable, [0])
    assert outcome.error.startswith("the value cannot be sent back (")
    assert [outcome.value for outcome in engine.map(tasks.square, [2])] == [4]


def test_a_function_that_cannot_travel(engine):
    with pytest.raises(WorkError, match="map a function from the top level of a module over plain data"):
        list(engine.map(lambda item, report: item, [0]))


def test_one_map_at_a_time(engine):
    first = engine.map(tasks.slow_first, [0, 0, 0])
    next(first)
    with pytest.raises(WorkError, match="one function at a time"):
        next(engine.map(tasks.square, [1]))
    first.close()


def test_leaving_the_loop_stops_what_is_in_work(engine):
    numbers = set()

    def listener(item, event):
        numbers.add(event)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(engine.map(tasks.sleep_long, [0], on_event=listener))
    assert not any(alive(pid) for pid in numbers)
    assert [outcome.value for outcome in engine.map(tasks.square, [4])] == [16]


def test_a_worker_that_ignores_being_asked_is_killed(engine):
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(engine.map(tasks.stubborn, [0], on_event=lambda item, event: 1 / 0))
    assert time.monotonic() - start < 4  # start-up and the grace period of a second


def test_threads_of_the_environment_are_back(engine, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    with Processes(workers=1) as other:
        list(other.map(tasks.square, [1]))
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["MKL_NUM_THREADS"] == "5"


def test_no_fewer_than_one_worker():
    with pytest.raises(InputError, match="1 worker or more, not 0"):
        Processes(workers=0)


def test_workers_die_with_a_killed_parent():
    with parent("stubborn") as (process, numbers):
        assert all(alive(pid) for pid in numbers)
        process.kill()
        process.wait(5)
        assert gone_within(2, numbers)


def test_ctrl_c_reaches_the_parent_alone_and_ends_all():
    with parent("sleep_long") as (process, numbers):
        for pid in numbers:
            os.kill(pid, signal.SIGINT)
        assert not gone_within(0.3, numbers)
        assert all(alive(pid) for pid in numbers)
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers receive it, too
        error = process.communicate(timeout=5)[1]
        assert time.monotonic() - start < 3
        assert process.returncode == -signal.SIGINT
        assert error.count("KeyboardInterrupt") == 1  # the parent's; workers print nothing
        assert gone_within(1, numbers)


def test_a_program_from_standard_input():
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    text = PARENT.format(function="three_events")
    done = subprocess.run(
        [sys.executable, "-"],
        env={**os.environ, "PYTHONPATH": path},
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 6


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PARENT.format(function="square"), encoding="utf-8")
    path = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("modescape.errors.WorkError: a worker process could not start (exit code 1")
    assert 'if __name__ == "__main__":' in last


def test_workers_see_the_environment_of_the_moment_they_start(monkeypatch):
    """Not that of the fork server, which may have started long before."""
    Processes.prepare()
    monkeypatch.setenv("MODESCAPE_TEST_LATER", "seen")
    with Processes(workers=1) as engine:
        (outcome,) = engine.map(tasks.environment, ["MODESCAPE_TEST_LATER"])
    assert outcome.value == "seen"


def test_preparing_twice_or_for_modules_that_are_not_there_is_no_error():
    Processes.prepare(["no_such_module_at_all"])
    Processes.prepare()
    with Processes(workers=1) as engine:
        assert [outcome.value for outcome in engine.map(tasks.square, [3])] == [9]


def test_workers_import_while_they_wait_what_they_will_need():
    """They do so after their first item, and skip what cannot be imported."""
    with Processes(workers=1) as engine:
        engine.meanwhile(["no_such_module_at_all", "tabnanny"])
        found = []
        while not found or (not found[-1] and len(found) < 100):
            found += [outcome.value for outcome in engine.map(tasks.imported, ["tabnanny"])]
            time.sleep(0.1)
    assert not found[0]
    assert found[-1]
