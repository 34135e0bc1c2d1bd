"""One writer at a time in an object store: a lease that its holder renews, and that others may take once it expired.

The lease is an object, ``.lock``, whose content says who holds it and until when; if empty, nobody does. It is replaced
only if it is unchanged since it was read: by a conditional request (S3: If-None-Match and If-Match), elsewhere by
reading it again a moment later. Workers of the holder know it by its token.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from modescape.errors import InputError, WorkError
from modescape.storage import store

NAME = ".lock"
SECONDS = 60.0  # validity of a lease unless it is renewed
MARGIN = 1 / 3  # share of it: a holder that cannot renew stops that long before expiry; clocks may differ by as much
SETTLING = 1.0  # seconds after which a lease is read again if the store has no conditional requests
SECONDS_VARIABLE = "MODESCAPE_LEASE_SECONDS"

_held: dict[str, Lease] = {}  # URL of a folder -> the lease that this process writes under


class LeaseLost(WorkError):  # noqa: N818 - said of the lease
    """Another writer holds the study now."""


class Lease:
    """A lease as one process knows it.

    Args:
        folder: URL of the study.
        token: of the holder.
        own: whether this process renews it; a worker's process only reads it from time to time.
    """

    def __init__(self, folder: str, token: str, own: bool = False) -> None:
        self.folder, self.token, self.own = folder, token, own
        self.url, self.seconds = f"{folder}/{NAME}", seconds()
        self.since = _now()
        self._tag: str | None = None  # of the object, as this process wrote it
        self._until, self._deadline = 0.0, 0.0  # by the wall clock, and by the monotonic clock
        self._lost = ""
        self._turn = threading.Lock()

    def check(self) -> None:
        """Check that the lease is still valid.

        Raises:
            LeaseLost: if another process holds it now, or it cannot be renewed.
        """
        if self._lost:
            raise LeaseLost(self._lost)
        spare = self.seconds * MARGIN
        if time.time() < self._until - spare and time.monotonic() < self._deadline - spare:
            return
        with self._turn:
            if time.time() >= self._until - spare or time.monotonic() >= self._deadline - spare:
                self.renew() if self.own else self._look()

    def acquire(self) -> None:
        """Acquire the lease.

        Raises:
            InputError: if another process holds it.
        """
        tag, there = _read(self.url)
        if there.get("token") and float(there["expires"]) > time.time():
            raise InputError(f"study '{self.folder}' is in use by {_words(there)}; wait for it or choose another --out")
        if there.get("token"):
            print(f"'{self.folder}': taken over from {_words(there, 'whose lease expired')}", file=sys.stderr)
        try:
            self._put(tag)
        except FileExistsError:
            _, there = _read(self.url)
            raise InputError(
                f"study '{self.folder}' is in use by {_words(there)}; wait for it or choose another --out"
            ) from None

    def renew(self) -> None:
        """Renew the lease with a later expiry.

        Raises:
            LeaseLost: if another process holds it now.
        """
        if self._lost:
            raise LeaseLost(self._lost)
        try:
            self._put(self._tag)
        except FileExistsError:
            _, there = _read(self.url)
            raise self._lose(_words(there)) from None

    def release(self) -> None:
        """Release the lease; nothing if another process holds it now."""
        if not self._lost:
            with contextlib.suppress(FileExistsError, WorkError, InputError):
                _replace(self.url, b"", self._tag, self.token)

    def _put(self, tag: str | None) -> None:
        begun, steady = time.time(), time.monotonic()
        content = {"holder": _holder(), "since": self.since, "expires": begun + self.seconds, "token": self.token}
        data = json.dumps(content, sort_keys=True).encode()
        try:
            self._tag = _replace(self.url, data, tag, self.token)
        except FileExistsError:
            found, there = _read(self.url)  # the response to a successful attempt may have been lost
            if there != content:
                raise
            self._tag = found
        self._until, self._deadline = begun + self.seconds, steady + self.seconds

    def _look(self) -> None:
        steady = time.monotonic()
        _, there = _read(self.url)
        if there.get("token") != self.token or float(there["expires"]) - self.seconds * MARGIN < time.time():
            raise self._lose(_words(there))
        self._until = float(there["expires"])
        self._deadline = steady + self._until - time.time()

    def _lose(self, holder: str) -> LeaseLost:
        self._lost = f"the lease of '{self.folder}' was lost to {holder}: nothing more is written there; what was "
        "written is kept"
        return LeaseLost(self._lost)


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Hold the study at a URL for writing, and renew the lease meanwhile.

    Raises:
        InputError: if another process (or this one) holds it, or it may not be written.
    """
    import secrets

    lease, over = Lease(folder, secrets.token_hex(8), own=True), threading.Event()
    try:
        lease.acquire()
    except store.StoreError as error:
        raise InputError(str(error)) from error
    renewing = threading.Thread(target=_renew, args=(lease, over), daemon=True, name=f"lease of {folder}")
    renewing.start()
    _held[folder] = lease
    try:
        yield
    finally:
        over.set()
        renewing.join()
        _held.pop(folder, None)
        lease.release()


def _renew(lease: Lease, over: threading.Event) -> None:
    while not over.wait(lease.seconds / 3):
        try:
            with lease._turn:
                lease.renew()
        except LeaseLost:
            return  # the next write raises
        except (WorkError, InputError):
            continue  # already reported; writes retry until the lease expires


def check(url: str) -> None:
    """Check the lease of the nearest held study around a URL; nothing if there is none.

    Raises:
        LeaseLost: if another process holds its lease.
    """
    folder = url
    while _held and folder and folder not in _held:
        folder = folder.rpartition("/")[0]
    if folder in _held:
        _held[folder].check()


def token(folder: str) -> str:
    """The token by which workers of this process know its lease; "" if it holds none."""
    return _held[folder].token if folder in _held else ""


def adopt(folder: str, known: str) -> None:
    """Write under the lease of the parent process; nothing if the lease is this process's own."""
    there = _held.get(folder)
    if known and (there is None or (not there.own and there.token != known)):
        _held[folder] = Lease(folder, known)


def seconds() -> float:
    """Validity of a lease, seconds.

    Raises:
        InputError: if the environment variable is not a number of seconds.
    """
    text = os.environ.get(SECONDS_VARIABLE, "")
    try:
        found = float(text) if text else SECONDS
    except ValueError:
        found = 0.0
    if not 1 <= found <= 86_400:
        raise InputError(f"{SECONDS_VARIABLE} is {text!r}, expected seconds from 1 to 86400")
    return found


def _read(url: str) -> tuple[str | None, dict[str, Any]]:
    """The tag of the object (None: it is not there) and what it says; the tag is the older one of both."""
    found = store.about(url)
    if found is None:
        return None, {}
    try:
        there = json.loads(store.fetch(url) or b"{}")
        ours = isinstance(there, dict) and isinstance(there.get("expires"), (int, float))
        return str(found.get("ETag", "")), there if ours else {}
    except FileNotFoundError:
        return None, {}
    except ValueError:  # not written here, or torn by a store without atomic writes: nobody's
        return str(found.get("ETag", "")), {}


def _replace(url: str, data: bytes, tag: str | None, ours: str) -> str:
    """Write the object if it is as it was read (``tag``; None: not there); returns its new tag.

    Raises:
        FileExistsError: if it is not.
    """
    options: dict[str, Any] = {"mode": "create"} if tag is None else {}
    conditional = url.startswith(("s3://", "s3a://"))
    if conditional and tag:
        options = {"IfMatch": tag}

    def call(files: Any, name: str) -> Any:
        try:
            return files.pipe_file(name, data, **options)
        except OSError as error:
            if "precondition" in str(error).lower().replace("-", ""):
                raise FileExistsError(str(error)) from error
            raise

    if not conditional and tag is not None:
        there = _read(url)[1]
        if there.get("token") not in (None, ours) and float(there["expires"]) > time.time():
            raise FileExistsError(url)
    try:
        answer = store.request(url, call)
    except FileNotFoundError as error:
        if tag is None:
            raise InputError(f"cannot write '{url}': {error}") from error
        raise FileExistsError(str(error)) from error  # it was deleted meanwhile: the study was removed
    if conditional:
        return str(answer["ETag"])
    if data and not _seen(url, data):
        raise FileExistsError(url)
    return ""


def _seen(url: str, data: bytes) -> bool:
    """Whether it is still there a moment later; a store in this process's memory needs none."""
    if not url.startswith("memory:"):
        time.sleep(SETTLING)
    return store.fetch(url) == data


def _now() -> str:
    return datetime.now(UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def _holder() -> str:
    import socket

    return f"process {os.getpid()} on {socket.gethostname()}"


def _words(there: dict[str, Any], ending: str = "") -> str:
    if not there.get("token"):
        return "another process"
    until = datetime.fromtimestamp(float(there["expires"]), UTC).isoformat(" ", "seconds")
    ending = ending or "whose lease lasts"
    until = until.removesuffix("+00:00")
    return f"{there.get('holder')} (since {there.get('since')}), {ending} until {until} UTC".replace(
        "expired until", "expired at"
    )


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_held.clear)
