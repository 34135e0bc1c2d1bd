"""Benchmarks that need nothing but the package: one module a question, each against its peers in the same run.

A benchmark is a function ``measure(options) -> Result``; `modescape bench` runs the short ones. Those against other
people's packages stand in the repository's folder ``bench``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from modescape.errors import InputError

if TYPE_CHECKING:
    from modescape.bench.harness import Options, Result

BENCHMARKS = {
    "training": "modescape.bench.training",
    "inputs": "modescape.bench.inputs",
    "digits": "modescape.bench.digits",
    "study": "modescape.bench.study",
    "layers": "modescape.bench.layers",
    "pairwise": "modescape.bench.pairwise",
    "corruptions": "modescape.bench.corruptions",
    "growth": "modescape.bench.growth",
    "precision": "modescape.bench.precision",
    "startup": "modescape.bench.startup",
    "load": "modescape.bench.load",
}
"""Benchmark -> the module whose ``measure`` answers its question."""


def benchmark(name: str) -> Callable[[Options], Result]:
    """The function that measures.

    Raises:
        InputError: if there is no such benchmark.
    """
    if name not in BENCHMARKS:
        raise InputError(f"there is no benchmark {name!r}; choose from {', '.join(BENCHMARKS)}")
    return importlib.import_module(BENCHMARKS[name]).measure
