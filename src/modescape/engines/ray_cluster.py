"""A Ray cluster as seen from the process that works with it: reached, measured, missed."""

from __future__ import annotations

import atexit
import importlib
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modescape.engines.base import Needs, describe
from modescape.errors import InputError, WorkError

PATIENCE = 10.0  # seconds in which a cluster has to answer
BETWEEN = 1.0  # seconds between two questions whether the head is there
SILENT = 3  # questions in a row without an answer: the head is gone
STORE = 1 << 28  # bytes of Ray's store of objects in a cluster that is begun here: what workers send is small
SETTINGS = {  # where the user has set no others
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # Ray's own 15 leaves workers a fifteenth of a machine that has other work to do
}
GONE = "the same command goes on from there; without Ray: --engine auto"


def package() -> Any:
    """Ray, an extra; by its name, as a file beside this one bears it, too."""
    return importlib.import_module("ray")


def connect(address: str | None, workers: int | None) -> bool:
    """Connect this process to a cluster, where it is connected to none.

    Args:
        address: of the cluster; None for RAY_ADDRESS, else one that is started here.
        workers: CPUs of one that is started here; None for all.

    Returns:
        whether it was not connected before, and hence ends it when it is done.

    Raises:
        InputError: if no cluster answers.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
    ray = package()
    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {}
    if address == "local":
        own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE}
    try:
        if _host_and_port(address):
            ask(address, PATIENCE)
        ray.init(address=address, namespace="modescape", log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"no Ray cluster answers at {address!r} ({describe(error)})") from error
    return True


def leave() -> None:
    """Let go of a cluster whose head is gone: Ray's own end, here and with the process, would ask it for a minute."""
    atexit.unregister(package().shutdown)


def head_address() -> str:
    """Where the head of the cluster listens to which this process is connected, "host:port"."""
    return package().get_runtime_context().gcs_address


def ask(address: str, seconds: float) -> None:
    """Ask whether anybody listens, as Ray itself asks for minutes.

    Raises:
        OSError: if nobody does.
    """
    host, port = _host_and_port(address) or ("", 0)
    socket.create_connection((host, port), seconds).close()


def _host_and_port(address: str) -> tuple[str, int] | None:
    """None for "local", "auto", and addresses of Ray's client."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() and "/" not in host else None


@dataclass
class Head:
    """Whether the head of a cluster is still there."""

    address: str
    asked: float = field(default_factory=time.monotonic)
    silent: int = 0  # questions in a row without an answer

    @property
    def is_gone(self) -> bool:
        """Whether it answers no more; asked from time to time."""
        if self.silent < SILENT and time.monotonic() - self.asked >= BETWEEN:
            self.answers()
        return self.silent >= SILENT

    def is_gone_now(self) -> bool:
        """The same, asked at once, and until it is certain."""
        while not self.answers() and self.silent < SILENT:
            time.sleep(BETWEEN)
        return self.silent >= SILENT

    def answers(self) -> bool:
        """Whether it answers at once: one question."""
        try:
            ask(self.address, PATIENCE / SILENT)
            self.silent = 0
        except OSError:
            self.silent += 1
        self.asked = time.monotonic()
        return not self.silent

    def lost(self) -> WorkError:
        """The error to raise when the head is gone."""
        return WorkError(f"the head of the Ray cluster ({self.address}) is gone; what was finished is kept, and {GONE}")


def room(nodes: Iterable[Mapping[str, Any]], needs: Needs) -> int:
    """Workers that the machines of a cluster hold at once.

    Args:
        nodes: as ``ray.nodes()`` tells of them.
        needs: of each worker, beside one CPU.

    >>> room([{"Alive": True, "Resources": {"CPU": 4.0, "memory": 7e9}}], Needs(memory=2 * 10**9))
    3
    """
    return sum(_held(node["Resources"], needs) for node in nodes if node["Alive"])


def _held(resources: Mapping[str, float], needs: Needs) -> int:
    counts = [resources.get("CPU", 0.0)]
    if needs.memory:
        counts.append(resources.get("memory", 0.0) // needs.memory)
    if needs.gpu:
        counts.append(resources.get("GPU", 0.0))
    return int(min(counts))


def no_room(nodes: Iterable[Mapping[str, Any]], needs: Needs) -> str:
    """The message where no machine can hold a single worker."""
    wanted = ["a CPU"] + ["a GPU"] * needs.gpu + [f"{needs.memory / 1e9:.1f} GB of memory"] * bool(needs.memory)
    there = [node["Resources"] for node in nodes if node["Alive"]]
    most = max((one.get("memory", 0.0) for one in there if one.get("CPU")), default=0.0)
    return (
        f"no machine of the Ray cluster has room for a worker, which takes {', '.join(wanted)}: "
        f"{sum(one.get('CPU', 0) for one in there):.0f} CPUs and {sum(one.get('GPU', 0) for one in there):.0f} GPUs "
        f"are there, at most {most / 1e9:.1f} GB on a machine; add one"
        + (", or say what a worker takes: --set compute.worker_memory=MB" if needs.memory else "")
    )
