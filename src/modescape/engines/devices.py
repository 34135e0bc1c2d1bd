"""GPUs dealt out to the workers of a machine: each sees one, and the fewest share one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Says to CUDA which GPUs a process sees, once, when it first looks for one."""


def least_used(devices: Sequence[str], taken: Iterable[str | None]) -> str | None:
    """The device that the fewest workers have, the first one of several; None where there are no devices.

    Args:
        devices: of the machine, by name.
        taken: the device of each worker that there is.

    >>> least_used(["0", "1"], ["0"])
    '1'
    """
    held = list(taken)
    return min(devices, key=held.count, default=None)


def seeing(device: str | None) -> dict[str, str]:
    """What the environment of a process says that sees this device alone; nothing where none is dealt out."""
    return {} if device is None else {VISIBLE: device}
