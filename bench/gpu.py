"""Measure all GPU figures in one call of under nine minutes; needs only the package. See `modescape.bench.gpu`.

Where pytest and the repository's tests are available, the tests that need a GPU are run first.

Usage: python bench/gpu.py [--data FOLDER_OF_CIFAR10] [--out bench/results/gpu.json]
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from modescape.bench.gpu import main


def test() -> None:
    """Run the tests that need a GPU; if some fail, their output is shown and the figures are measured all the same."""
    tests = Path(__file__).parent.parent / "tests"
    if tests.is_dir() and importlib.util.find_spec("pytest"):
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(tests)], check=False, timeout=180)


if __name__ == "__main__":
    if "cpu" not in sys.argv:
        test()
    main()
