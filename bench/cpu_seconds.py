"""A plugin for pytest: CPU seconds (user and system, child processes too) of each test file, of all workers together.

    CPU_SECONDS=seconds.txt PYTHONPATH=bench pytest -p cpu_seconds -n 2
    python bench/cpu_seconds.py seconds.txt

CPU seconds show what a change saves even on a busy machine; wall-clock seconds do not.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest


def spent() -> float:
    """CPU seconds of this process and of the children that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(item: pytest.Item, stage: str) -> Iterator[None]:
    before = spent()
    yield
    with Path(os.environ["CPU_SECONDS"]).open("a") as file:
        file.write(f"{spent() - before:.3f} {stage} {item.nodeid}\n")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "setup")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "call")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield from measured(item, "teardown")


def main(path: str) -> None:
    """Print the seconds of every file, the largest first."""
    files: Counter = Counter()
    for line in Path(path).read_text().splitlines():
        seconds, _, test = line.split(" ", 2)
        files[test.partition("::")[0]] += float(seconds)
    print(f"{sum(files.values()):9.1f} all")
    for name, seconds in files.most_common():
        print(f"{seconds:9.1f} {name}")


if __name__ == "__main__":
    main(sys.argv[1])
