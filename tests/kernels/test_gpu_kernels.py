"""GPU kernels without a GPU: interpreted on the CPU, and compiled for absent GPUs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytest.importorskip("triton")


@pytest.mark.long
@pytest.mark.parametrize("chosen", ["not long", "long"])
def test_interpreted_on_the_cpu(chosen):
    """Triton decides at import whether to interpret, so this needs a new process."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", chosen, str(HERE / "interpreted_gpu_kernels.py")]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.ci
@pytest.mark.parametrize("capability", [pytest.param(80, marks=pytest.mark.long), 90])  # A100; H100 and H200
def test_compiled_for_real_gpus_they_use_matrix_units_and_wide_loads(capability):
    """Compiling for a GPU does not need one."""
    command = [sys.executable, str(HERE / "compile_for_gpu.py"), str(capability)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert len(said) == 11
    unit = "wgmma" if capability == 90 else "mma.sync"
    assert all(unit in said[name] for name in ("forward tf32", "forward bf16", "weight tf32"))
    assert "mma" not in said["forward ieee"]
    assert all("v4" in instructions for instructions in said.values()), said
