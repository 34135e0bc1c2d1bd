"""Requests to an object store, by fsspec: retried where that helps, with plain error messages."""

from __future__ import annotations

import errno
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from modescape.errors import InputError, WorkError

T = TypeVar("T")

ATTEMPTS = 8  # of one request: it is given up after about half a minute
FIRST_WAIT, LONGEST_WAIT = 0.2, 8.0  # seconds between attempts, doubled each time
SAY_FROM, SAY_SECONDS = 3, 10.0  # failures are reported from the third of a request on, at most this often

# errors that a retry cannot fix
LASTING = {errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR}
WRONG = {  # of boto and its kin: no credentials, or settings that cannot be
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError", "InvalidRegionError"),
    *("ParamValidationError", "InvalidEndpoint", "DefaultCredentialsError", "CredentialRetrievalError"),
}
WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "memory"}
"""Protocols whose stores show an object when all of it has arrived; others get a temporary name first."""

_making = threading.Lock()
_said = [-SAY_SECONDS]


class StoreError(WorkError):
    """A request failed until it was given up; the stored data may be intact."""


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        InputError: if there is no such protocol, or its package is not installed.
    """
    protocol = url.partition(":")[0]
    if protocol in ("http", "https"):
        raise InputError(f"'{url}' is a web address; a study lies in a folder or an object store")
    try:
        from fsspec import get_filesystem_class

        kind = get_filesystem_class(protocol)
    except ImportError as error:
        s3 = protocol in ("s3", "s3a")
        install = "it comes with: pip install 'modescape[storage]'" if s3 else "install what it names"
        raise InputError(f"'{url}' needs a package that is not installed ({_line(error)}); {install}") from error
    except ValueError as error:
        raise InputError(
            f"'{url}': there is no storage '{protocol}'; expected a folder, or a URL such as s3://bucket/study"
        ) from error
    options = kind._get_kwargs_from_urls(url)  # of sftp://user@host/folder
    with _making:
        found = _made(protocol, tuple(sorted(options.items())), os.getpid())
    return found, kind._strip_protocol(url)


@functools.cache
def _made(protocol: str, options: tuple[tuple[str, Any], ...], process: int) -> Any:
    """One file system for all threads of a process; fsspec would create one per thread, which takes a while."""
    import fsspec
    from fsspec.config import conf, set_conf_env

    set_conf_env(conf)  # of FSSPEC_S3_ENDPOINT_URL and its like, also where they were set after fsspec was imported
    more: dict[str, Any] = {"use_listings_cache": False}  # others write, too
    s3 = protocol in ("s3", "s3a")
    if s3 and "config_kwargs" not in conf.get("s3", {}):
        more["config_kwargs"] = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    store = fsspec.filesystem(protocol, **more, **dict(options))
    if s3:
        store.retries = 1  # attempts are counted, and said, in one place: `request`
    return store


def request(url: str, call: Callable[[Any, str], T], wait: float = FIRST_WAIT) -> T:
    """Carry out a request, with retries after transient failures.

    Args:
        url: of an object or a folder of them.
        call: takes the store and its name for the object; it may be called several times.
        wait: seconds before the second attempt.

    Raises:
        FileNotFoundError, FileExistsError: as the store says.
        InputError: if the store, the bucket or the credentials are not there, or do not allow it.
        StoreError: if it is given up.
    """
    store, name = filesystem(url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call(store, name)
        except (FileNotFoundError, FileExistsError) as error:
            if "bucket does not exist" in str(error):
                bucket = "/".join(url.split("/")[:3])
                raise InputError(f"there is no bucket '{bucket}'; create it, or name another one") from error
            raise
        except PermissionError as error:
            raise InputError(f"'{url}': the store denies it ({_line(error)}); check the credentials") from error
        except WorkError:
            raise
        except Exception as error:
            if type(error).__module__ == "builtins" and not isinstance(error, OSError):
                raise  # a bug, here or in a library
            if type(error).__name__ in WRONG:
                raise InputError(f"'{url}': {_line(error)}; credentials and endpoint: docs/storage.md") from error
            lasting = isinstance(error, OSError) and error.errno in LASTING
            if lasting or attempt == ATTEMPTS:
                tried = "" if lasting else f", {attempt} times"
                raise StoreError(f"'{url}': the store does not answer as it should{tried} ({_line(error)})") from error
            _wait(url, attempt, error, wait)
    raise AssertionError("the last attempt returns or raises")


def _wait(url: str, attempt: int, error: Exception, first: float) -> None:
    import random

    if attempt >= SAY_FROM and time.monotonic() - _said[0] >= SAY_SECONDS:
        _said[0] = time.monotonic()
        line = f"'{url}': attempt {attempt} of {ATTEMPTS} failed ({_line(error)}); trying again"
        print(line, file=sys.stderr, flush=True)
    # jitter; no result depends on it
    time.sleep(min(LONGEST_WAIT, first * 2 ** (attempt - 1)) * (0.5 + random.random() / 2))


def _line(error: BaseException) -> str:
    """What a library says, on one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:199]}…"


def fetch(url: str, end: int | None = None, start: int = 0) -> bytes:
    """All bytes of an object, or those from ``start`` to ``end``, as far as there are any."""

    def call(store: Any, name: str) -> bytes:
        if end is None:
            return store.cat_file(name)
        try:
            return store.cat_file(name, start=start, end=end)
        except OSError as error:
            if "range" in str(error).lower():  # of an empty object there is none
                return store.cat_file(name)[start:end]
            raise

    return request(url, call)


def publish(url: str, data: bytes, allowed: Callable[[], None]) -> None:
    """Put an object in the place of what is there: all of it or nothing is seen. ``allowed`` is asked each time."""
    whole = url.partition(":")[0] in WHOLE

    def call(store: Any, name: str) -> None:
        allowed()
        if whole:
            store.pipe_file(name, data)
            return
        folder, _, last = name.rpartition("/")
        temporary = f"{folder}/.{last}.{os.getpid()}.tmp"
        store.makedirs(folder, exist_ok=True)
        store.pipe_file(temporary, data)
        store.mv(temporary, name)

    try:
        request(url, call)
    except FileNotFoundError as error:
        raise InputError(f"cannot write '{url}': {_line(error)}") from error


def about(url: str) -> dict[str, Any] | None:
    """The store's metadata of an object or folder; None if there is neither."""
    try:
        return request(url, lambda store, name: store.info(name))
    except FileNotFoundError:
        return None


def listed(url: str) -> list[str]:
    """Sorted names in a folder; none if there is none."""
    try:
        found = request(url, lambda store, name: (name, store.ls(name, detail=False)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    folder, paths = found[0].rstrip("/"), [path.rstrip("/") for path in found[1]]
    return sorted(path.rpartition("/")[2] for path in paths if path.lstrip("/") != folder.lstrip("/"))


def below(url: str) -> list[str]:
    """Names of all objects below a folder, relative to it; one listing."""
    try:
        found = request(url, lambda store, name: (name, store.find(name)))
    except FileNotFoundError:
        return []
    prefix = found[0].strip("/") + "/"
    return [path.strip("/")[len(prefix) :] for path in found[1] if path.strip("/").startswith(prefix)]


def remove(url: str, allowed: Callable[[], None], tree: bool = False) -> None:
    """Delete an object, or all below a folder.

    Raises:
        FileNotFoundError: if there is nothing; not every store says so.
    """

    def call(store: Any, name: str) -> None:
        allowed()
        store.rm(name, recursive=True) if tree else store.rm_file(name)

    request(url, call)


def copy(url: str, other: str, allowed: Callable[[], None]) -> None:
    """Copy an object within its store, without bringing it here.

    Raises:
        FileNotFoundError: if there is none.
    """
    target = filesystem(other)[1]

    def call(store: Any, name: str) -> None:
        allowed()
        store.cp_file(name, target)

    request(url, call)
