"""Every benchmark runs at minimal size, and its table has the promised contents."""

import json
import math
import sys
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from modescape.bench import BENCHMARKS, benchmark, gpu, growth, load
from modescape.bench.harness import Options
from modescape.bench.memory import watched
from modescape.bench.precision import Scores, compare, cut, tf32_small_cnn
from modescape.bench.workload import images
from modescape.cli import cli
from modescape.errors import InputError, WorkError
from modescape.models import cnn

ROWS = {
    "training": {"plain loop", "modescape"},
    "digits": {"plain loop", "modescape"},
    "inputs": {"table: plain loop, one thread", "table: modescape", "text: plain loop, all threads", "text: modescape"},
    "startup": {"modescape --help"},
    "study": {"training", "predicting", "analysing", "page", "whole run", "analysis ensemble_size", "drawing of all"},
    "precision": {"accuracy, bf16", "disagreement, tf32, emulated"},
    "load": {"open, all members, one checkpoint's weights", "status", "status --verify", "analyse tsne"},
    "growth": {"training against members: 1", "training against members: exponent of the larger half"},
}


LONG = {
    "load",
    "corruptions",
    "digits",
    "precision",
    "growth",
    "inputs",
    "study",
}  # their parts are covered by the other benchmarks or by tests of their own


IN_CI = {"training"}  # seconds each
MARKS = {**dict.fromkeys(LONG, pytest.mark.long), **dict.fromkeys(IN_CI, pytest.mark.ci)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in BENCHMARKS])
def test_it_runs(name):
    said = []
    result = benchmark(name)(Options(repeats=1, small=True, say=said.append))
    assert result.name == name
    assert {row.name for row in result.rows} >= ROWS.get(name, set())
    assert all(math.isfinite(value) for row in result.rows for value in row.values)
    assert all(value > 0 for row in result.rows for value in row.values if "exponent" not in row.name)
    assert result.table().count("\n") >= len(result.rows)


def test_an_exponent_is_the_slope_of_the_larger_half():
    amounts = [1, 2, 4, 8, 16, 32]
    assert growth.exponent(amounts, [1, 1, 1, *(amount**1.5 for amount in amounts[3:])]) == pytest.approx(1.5)


def test_an_unknown_benchmark_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="no benchmark 'sped'; choose from training, inputs, digits"):
        benchmark("sped")


@pytest.mark.long
def test_the_command_prints_a_table_and_keeps_json(tmp_path):
    done = CliRunner().invoke(cli, ["bench", "startup", "--repeats", "1", "--out", str(tmp_path), "--quiet"])
    assert done.exit_code == 0, done.output
    assert "| modescape --help |" in done.stdout
    assert json.loads((tmp_path / "startup.json").read_text())["question"].endswith("?")


# ---- large studies ----


def test_load_measures_every_analysis_that_reads_predictions_alone():
    assert load.FROM_PREDICTIONS[:2] == ["training", "confusion"]


def test_too_small_a_disk_is_said_and_the_rest_measured(monkeypatch):
    monkeypatch.setattr(load.shutil, "disk_usage", lambda folder: Mock(free=1000))  # a disk that is full
    monkeypatch.setattr(load, "seconds", lambda call: 1.0)  # nothing is timed: the commands are run by `test_it_runs`
    result = load.measure(Options(small=True))
    assert {row.name for row in result.rows} >= {"status", "open, all members"}
    assert result.notes["analyses of predictions"].startswith("not measured: they need 0.0 GB of disk, ")
    assert "not measured" in result.table()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_that_of_a_command_and_of_what_it_starts():
    hold = "b = bytearray(200 << 20); import time; time.sleep(.3)"
    both = f"import subprocess, sys; b = bytearray(100 << 20); subprocess.run([sys.executable, '-c', {hold!r}])"
    assert 300 << 20 < watched([sys.executable, "-c", both]) < 400 << 20
    brief = "b = bytearray(300 << 20); del b; import time; time.sleep(.3)"  # freed before memory is sampled
    assert 300 << 20 < watched([sys.executable, "-c", brief]) < 400 << 20


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(WorkError, match="ended with exit code 3: no study"):
        watched([sys.executable, "-c", "import sys; print('no study', file=sys.stderr); sys.exit(3)"])


# ---- reduced-precision arithmetic ----


def test_tf32_keeps_ten_bits_of_fraction():
    x = torch.tensor([1 + 2.0**-10, 1 + 2.0**-10 + 2.0**-11, -(2 - 2.0**-23), 0.0, float("inf")])
    assert cut(x).tolist() == [1 + 2.0**-10, 1 + 2.0**-10, -(2 - 2.0**-10), 0.0, float("inf")]


def test_emulated_products_have_cut_operands_in_all_three_passes():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exact, emulated = cnn.small_cnn((1, 8, 8), 10), tf32_small_cnn((1, 8, 8), 10)
        x = torch.randn(4, 1, 8, 8, requires_grad=True)
        emulated.load_state_dict(exact.state_dict())
    layer, own = emulated.conv1, exact.conv1
    slope = torch.full((4, 16, 8, 8), 1 + 2.0**-12)  # rounded to 1
    got = torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], slope)
    rounded = cut(x.detach()).requires_grad_()
    weight = cut(own.weight.detach()).requires_grad_()
    out = torch.conv2d(rounded, weight, None, padding=1)
    true = torch.autograd.grad(out, [rounded, weight], torch.ones(4, 16, 8, 8))
    assert torch.equal(layer(x), out + own.bias[:, None, None])
    assert torch.equal(got[0], true[0])
    assert torch.equal(got[1], true[1])
    assert torch.allclose(got[2], slope.sum((0, 2, 3)))  # sums keep full precision, unlike products
    hidden = torch.randn(4, 32)
    assert torch.equal(emulated.dense(hidden), cut(hidden) @ cut(exact.dense.weight).T + exact.dense.bias)


def test_the_same_members_do_not_differ():
    stream = np.random.default_rng(0)
    apart = stream.random((5, 5))
    one = Scores(stream.random(5), (apart + apart.T) / 2)
    same = compare(one, one)
    assert (same["accuracy"], same["disagreement"], same["ks_p"]) == (0, 0, 1)
    assert same["accuracy_half_width"] == same["disagreement_half_width"] == 0


def test_a_shift_is_found_with_its_interval():
    accuracy = np.linspace(0.5, 0.6, 5)
    apart = np.full((5, 5), 0.2) - 0.2 * np.eye(5)
    one, other = Scores(accuracy, apart), Scores(accuracy + np.arange(1, 6) / 100, apart * 1.5)
    moved = compare(one, other)
    assert moved["accuracy"] == pytest.approx(0.03)
    assert moved["accuracy_half_width"] == pytest.approx(2.776445 * 0.0158114 / 5**0.5, rel=1e-5)  # Student, 4 degrees
    assert moved["disagreement"] == pytest.approx(0.1)
    assert moved["disagreement_half_width"] == pytest.approx(0, abs=1e-12)  # every pair moved by the same amount


# ---- the script for GPUs ----


@pytest.mark.ci
def test_a_goal_of_the_script_for_a_gpu_is_reached_for_on_the_cpu(tmp_path):
    with images(None, 40) as source:
        run = gpu.Run(source, False, "cpu", True, end=gpu.time.monotonic() + 60)
        run.part("10 SmallCNN x 40 epochs", lambda: gpu.reach(run, gpu.GOALS["10 SmallCNN x 40 epochs"]))
        run.part("ceilings", lambda: gpu.ceilings(run))
        run.part("plain loop", lambda: gpu.plain(run))
    reached = run.found["10 SmallCNN x 40 epochs"]
    assert (reached["trained"], reached["epochs_run"], reached["goal_seconds"]) == (2, 1, 10.0)
    assert run.found["plain loop"]["ratio"] > 0
    assert all(value > 0 for value in run.found["ceilings"].values())


@pytest.mark.long
@pytest.mark.timeout(900)  # a minute on two free cores
def test_the_script_for_a_gpu_runs_whole_on_the_cpu(tmp_path, capsys):
    found = gpu.main(["--device", "cpu", "--small", "--out", str(tmp_path / "gpu.json")])
    assert not [name for name, part in found.items() if isinstance(part, dict) and {"failed", "left out"} & set(part)]
    assert json.loads((tmp_path / "gpu.json").read_text()).keys() == found.keys()
    apart = found["stacked against alone"]
    assert len(apart) == 12
    for name, error in apart.items():  # in float32, a ReLU may switch at 0
        assert error < (1e-12 if "float64" in name else 1e-2), name
    assert {"10 SmallCNN x 40 epochs", "64 against 10", "plain loop", "arithmetic"} <= set(found)
    assert "goal 600 s" in capsys.readouterr().out


def test_a_part_that_fails_or_comes_too_late_is_written_down():
    run = gpu.Run("nowhere", False, "cpu", True, end=gpu.time.monotonic() + 30)
    run.part("broken", lambda: 1 / 0)
    run.part("late", lambda: 1, needs=60)
    run.part("fine", lambda: {"seconds": 1.0})
    assert run.found["broken"]["failed"] == "ZeroDivisionError: division by zero"
    assert "left" in run.found["late"]["left out"]
    assert run.found["fine"] == {"seconds": 1.0}
