"""Devices, threads, time and memory."""

import getpass
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from modescape import runtime
from modescape.errors import InputError


def test_choose_device(monkeypatch):
    there = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(there))  # machines without and with a GPU
    assert runtime.choose_device("cpu") == "cpu"
    assert runtime.choose_device("auto") == "cpu"
    with pytest.raises(InputError, match="finds no CUDA GPU here; choose --device cpu or auto"):
        runtime.choose_device("cuda")
    with pytest.raises(InputError, match="no device 'tpu'; choose auto, cpu or cuda"):
        runtime.choose_device("tpu")
    there.append("a GPU")
    assert runtime.choose_device("auto") == "cuda"
    assert runtime.choose_device("cuda") == "cuda"
    assert runtime.choose_device("cpu") == "cpu"


def test_platform_info_tells_versions_and_nothing_private():
    info = runtime.platform_info()
    assert info["torch"] == torch.__version__
    assert info["numpy"] == np.__version__
    assert info["cores"] == runtime.cores() >= 1
    assert info["processor"]
    text = " ".join(map(str, info.values()))
    assert platform.node() not in text.split()
    assert getpass.getuser() not in text.split()
    assert str(Path.cwd()) not in text


def test_peak_memory_is_this_process_alone():
    """In two fresh processes, as the peak of earlier tests would hide it."""
    code = """
import subprocess, sys
import numpy as np
from modescape.runtime import peak_memory
before = peak_memory()
ballast = np.ones(200_000_000 // 8)
child = "from modescape.runtime import peak_memory; print(peak_memory())"
said = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout
print(peak_memory() - before, said)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    grown, child = map(int, done.stdout.split())
    assert 190_000_000 < grown < 260_000_000
    assert 1_000_000 < child < 100_000_000  # a child does not inherit this process's peak


def test_one_thread_and_back(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with threadpool_limits(limits=2):
        _one_thread_and_back()


def _one_thread_and_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = {library["filepath"]: library["num_threads"] for library in threadpool_info()}
    with runtime.one_thread():
        assert torch.get_num_threads() == 1
        assert {library["num_threads"] for library in threadpool_info()} == {1}
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert torch.get_num_threads() == 2
    assert {library["filepath"]: library["num_threads"] for library in threadpool_info()} == before
    assert os.environ.get("OMP_NUM_THREADS") != "1"
    torch.set_num_threads(threads)


@pytest.mark.ci
def test_libraries_loaded_in_one_thread_get_their_threads_afterwards():
    code = """
from modescape import runtime
from threadpoolctl import threadpool_info
runtime.cores = lambda: 2
def counts():
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}
with runtime.one_thread():
    before = counts()
    import scipy.linalg  # brings a BLAS of its own
    inside = counts()
new = inside.keys() - before.keys()
assert new
assert {inside[name] for name in new} == {1}, inside
assert {counts()[name] for name in new} == {2}, counts()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_timer():
    with runtime.Timer() as timer:
        running = timer.seconds
    assert 0 <= running <= timer.seconds == timer.seconds < 1
