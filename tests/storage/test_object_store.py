"""A study in an object store on this machine, by commands as users give them.

It has the same bytes as in a folder, also where requests fail, writers are killed, or two start at once."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from contents import contents, differences

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("s3fs") is None, reason="needs modescape[storage]"),
    pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="needs moto, a store of objects"),
]

SMALL = (
    *("train.members=3", "train.epochs=4", "data.train=64", "data.validation=40", "data.test=60"),
    *("variants.members=1", "variants.epochs=1", "variants.cycles=2", "variants.long_runs=0", "subspace.samples=2"),
)
ALL = (*SMALL, "analyses=[training, ensemble_size, cyclic, tsne_subspace]")  # including auxiliary and sampled networks
FEW = (*SMALL, "analyses=[training, ensemble_size]")
COMMAND = (sys.executable, "-m", "modescape")
URL = "s3://bucket/studies/digits"
LEASE = 40  # seconds: tests wait for a killed writer's, but a busy machine renews late


class Store:
    """The served store, and commands that work on it."""

    def __init__(self, address):
        self.address = address
        self.environment = {
            **os.environ,
            **{"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
            **{"AWS_DEFAULT_REGION": "us-east-1", "MODESCAPE_LEASE_SECONDS": str(LEASE)},
        }

    def start(self, *words):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*COMMAND, *words], env=self.environment, text=True, **pipes)

    def done(self, *words):
        """(exit code, standard output, standard error) of a command."""
        process = self.start(*words)
        out, error = process.communicate()
        return process.returncode, out, error

    def run(self, *more, values=FEW):
        return ("run", "digits", "--out", URL, "--quiet", *settings(values), *more)

    def counts(self):
        with urllib.request.urlopen(f"{self.address}/_counts") as answer:
            return json.loads(answer.read())

    def fetched(self, folder):
        """All objects of the study as files, fetched by an independent client that retries."""
        with urllib.request.urlopen(f"{self.address}/_healed"):
            code = f"import fsspec; fsspec.filesystem('s3').get('{URL[5:]}/', '{folder}/', recursive=True)"
        subprocess.run([sys.executable, "-c", code], env=self.environment, check=True)
        return folder

    def wait_for(self, name):
        """Wait until an object of the study is written; asks the server directly, since a client is slow to start."""
        while True:
            with urllib.request.urlopen(f"{self.address}/_put") as answer:
                if f"/{URL[5:]}/{name}" in json.loads(answer.read()):
                    return
            time.sleep(0.05)


def settings(values):
    return [part for value in values for part in ("--set", value)]


@contextlib.contextmanager
def served(rate=0.0, seed=0):
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("served.py")), str(rate), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        store = Store(server.stdout.readline().strip())
        request = urllib.request.Request(f"{store.address}/bucket", method="PUT")
        urllib.request.urlopen(request).close()
        yield store
        server.stdin.close()


@pytest.fixture
def store():
    with served() as found:
        yield found


def in_a_folder(folder, values):
    command = [*COMMAND, "run", "digits", "--out", str(folder), "--quiet", "--engine", "processes", *settings(values)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return in_a_folder(tmp_path_factory.mktemp("whole") / "study", ALL)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return in_a_folder(tmp_path_factory.mktemp("local") / "study", FEW)


def is_the_same(store, local, folder, page=True):
    copy = store.fetched(folder)
    assert differences(contents(local), contents(copy)) == []
    if page:  # the page shows the recipe, which names the engine
        assert (copy / "report.html").read_bytes() == (local / "report.html").read_bytes()


NO_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs modescape[ray]")


@pytest.mark.parametrize(
    ("engine", "rate"),
    [("here", 0.05), ("processes", 0), ("processes", 0.05), pytest.param("ray", 0.05, marks=NO_RAY)],
)
def test_a_study_is_the_one_of_a_folder_by_bytes(engine, rate, whole, tmp_path):
    with served(rate, seed=1) as store:
        code, out, error = store.done(*store.run("--engine", engine, values=ALL))
        assert (code, out.splitlines()[-1]) == (0, f"{URL}/report.html"), error
        code, out, error = store.done("status", "--verify", URL)
        assert (code, "complete" in out, "every checksum matches" in out) == (0, True, True), error
        code, out, error = store.done("report", URL)
        assert (code, out.strip()) == (0, f"{URL}/report.html"), error
        code, out, error = store.done("analyse", URL, "ensemble_size", "--engine", engine)
        assert (code, out.strip()) == (0, f"{URL}/results/ensemble_size.nc"), error
        counts = store.counts()
        failed = sum(counts.get(kind, 0) for kind in ("refused", "before", "after"))
        assert rate * counts["answered"] * 0.5 <= failed <= rate * counts["answered"] * 2
        is_the_same(store, whole, tmp_path / "copy", page=engine == "processes")


@pytest.mark.parametrize("name", ["members/000/epoch-002.safetensors", "results/ensemble_size.nc"])
def test_a_killed_writers_lease_ends_and_another_goes_on(name, store, local, tmp_path):
    first = store.start(*store.run("--engine", "processes"))
    store.wait_for(name)
    first.kill()
    first.communicate()
    code, _, error = store.done(*store.run("--engine", "processes"))
    assert (code, f"in use by process {first.pid} on" in error, "UTC; wait for it" in error) == (2, True, True), error
    time.sleep(LEASE)
    code, _, error = store.done(*store.run("--engine", "processes"))
    assert (code, f"taken over from process {first.pid} on" in error) == (0, True), error
    is_the_same(store, local, tmp_path / "copy")


def test_of_two_writers_at_once_one_is_refused(store, local, tmp_path):
    writers = [store.start(*store.run("--engine", "processes")) for _ in range(2)]
    ends = [(one.communicate()[1], one.returncode) for one in writers]
    assert sorted(code for _, code in ends) == [0, 2], ends
    assert all("is in use by process" in error for error, code in ends if code)
    is_the_same(store, local, tmp_path / "copy")


def test_a_writer_that_slept_too_long_writes_nothing_more(store, local, tmp_path):
    first = store.start(*store.run("--engine", "processes"))
    store.wait_for("members/000/epoch-001.safetensors")
    first.send_signal(signal.SIGSTOP)
    time.sleep(LEASE + 1)
    code, _, error = store.done(*store.run("--engine", "processes"))
    assert code == 0, error
    before = store.fetched(tmp_path / "before")
    first.send_signal(signal.SIGCONT)
    error = first.communicate()[1]
    assert (first.returncode, "was lost to" in error, "Traceback" in error) == (1, True, False), error
    is_the_same(store, local, tmp_path / "copy")
    assert {path.name for path in before.rglob("*")} == {path.name for path in (tmp_path / "copy").rglob("*")}


@pytest.mark.parametrize(
    ("url", "endpoint", "words"),
    [
        ("s3://nothing/study", None, "there is no bucket 's3://nothing'"),
        ("s3://bucket/study", "http://127.0.0.1:9", "the store does not answer as it should, 8 times"),
        ("nonsense://bucket/study", None, "there is no storage 'nonsense'"),
    ],
)
@pytest.mark.parametrize("verb", [["status"], ["run", "digits", "--out"]])
def test_what_is_not_there_is_said_in_two_lines(url, endpoint, words, verb, store):
    store.environment["AWS_ENDPOINT_URL"] = endpoint or store.address
    code, out, error = store.done(*verb, url)
    lines = [line for line in error.splitlines() if "trying again" not in line]
    assert (code, out, words in error, len(lines) <= 4) == (2, "", True, True), error
