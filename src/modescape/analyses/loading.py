"""What analyses import when they are carried out, for processes that do it beforehand."""

from __future__ import annotations

from collections.abc import Iterable

from modescape.analyses import ANALYSES, Analysis

KIT = ("modescape.plots.charts", "modescape.plots.files", "modescape.plots.canvas")
RESULTS = ("xarray",)


def modules(names: Iterable[str] | None) -> list[str]:
    """What measuring and drawing analyses imports, for a process that workers are forked from: it starts no thread.

    Args:
        names: of the analyses, those of others among them are left out; None for all.
    """
    parts = [f"{one.where}.{part}" for one in _listed(names) for part in ("measure", "draw")]
    return [*KIT, *parts] if parts else []


def slow_modules(names: Iterable[str] | None) -> list[str]:
    """The rest of it, which starts one (of pyarrow), for workers that have nothing to do; arguments as above."""
    found = _listed(names)
    return [*RESULTS, *dict.fromkeys(module for one in found for module in one.imports)] if found else []


def _listed(names: Iterable[str] | None) -> list[Analysis]:
    return [ANALYSES[name] for name in (ANALYSES if names is None else names) if name in ANALYSES]
