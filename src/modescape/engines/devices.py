"""GPUs dealt out to the workers of a machine: each sees one, and the fewest share one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Tells CUDA which GPUs a process sees; read once, when it first looks for one."""


def least_used(devices: Sequence[str], taken: Iterable[str | None]) -> str | None:
    """The device with the fewest workers, the first in a tie; None if there are no devices.

    Args:
        devices: of the machine, by name.
        taken: the device of each existing worker.

    >>> least_used(["0", "1"], ["0"])
    '1'
    """
    held = list(taken)
    return min(devices, key=held.count, default=None)


def seeing(device: str | None) -> dict[str, str]:
    """Environment variables of a process that sees only this device; empty for None."""
    return {} if device is None else {VISIBLE: device}
