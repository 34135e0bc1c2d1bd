"""Shared by the tests of hostile input: a finished study to tamper with, and limits of memory and time."""

import contextlib
import functools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from modescape.study.sealed import SEAL, sealed_text

SIZE = {"members": 2, "epochs": 2}


@functools.cache
def template() -> Path:
    """A finished study of two members, made once per process."""
    import modescape as ms

    path = Path(tempfile.mkdtemp(prefix="modescape-hostile-")) / "study"
    settings = ["train.members=2", "train.epochs=2", "data.train=100", "data.validation=20", "data.test=30"]
    study = ms.run("digits", out=path, overrides=[*settings, "analyses=[confusion]", "compute.engine=here"])
    assert study.trained == [0, 1]
    shutil.rmtree(path / "figures")  # 10 MB that would be copied hundreds of times
    (path / "report.html").write_text("<p>")
    return path


def copied(folder: Path) -> Path:
    """A copy of the template."""
    return Path(shutil.copytree(template(), folder / "study"))


@contextlib.contextmanager
def bounded(megabytes=64, seconds=5.0):
    """Fail if a block takes more memory (as Python and NumPy count it) or time than allowed."""
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        yield
        taken, peak = time.perf_counter() - begin, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak < megabytes, f"{peak:.0f} MB"
    assert taken < seconds, f"{taken:.1f} s"


def limited(*arguments, gigabytes=2.0, seconds=60, **settings):
    """Run ``python *arguments`` with a limited address space."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, preexec_fn=limit, **settings
    )


def modescape(*arguments, **settings):
    """Run ``modescape *arguments`` with a limited address space."""
    return limited("-m", "modescape", *map(str, arguments), **settings)


def plain_error(done, code=2, *texts):
    """Whether a command ended with one or two plain lines that contain these words."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert "bug in modescape" not in done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 3, done.stderr
    assert len(done.stderr) < 2_000
    for text in texts:
        assert text in done.stderr, done.stderr


def change_json(path, **changes):
    """Replace keys, nested ones as ``a__b``; the checksum is made to match, as an attacker would."""
    values = json.loads(path.read_text())
    sealed = values.pop(SEAL, None) is not None
    for key, value in changes.items():
        inner = values
        *parents, last = key.split("__")
        for part in parents:
            inner = inner[part]
        inner[last] = value
    path.write_text(json.dumps({**values, SEAL: json.loads(sealed_text(values))[SEAL]} if sealed else values))


def png(width=4, height=4):
    """A PNG that declares this size and has almost no content."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * min(height * (width + 1), 1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def npy_header(shape, dtype="|u1"):
    """The header of an ``.npy`` file that declares this shape."""
    text = str({"descr": dtype, "fortran_order": False, "shape": shape})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + np.uint16(len(text)).tobytes() + text.encode()
