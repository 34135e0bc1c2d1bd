"""Shared by all benchmarks: turns, ratios, provenance, a table and JSON."""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from modescape import runtime
from modescape.version import __version__


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a benchmark."""

    repeats: int = 5  # turns; medians are of these
    data: str | None = None  # a dataset to use instead of random images of CIFAR-10's shape
    small: bool = False  # sizes at which the code is seen to run, not measured
    device: str = "cpu"
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant's figures over all turns."""

    name: str
    values: list[float]  # one a turn
    ratios: list[float] | None = None  # to the reference, turn by turn; None for what is not compared


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer to one question."""

    name: str
    question: str
    unit: str  # of the values: "images/s", "ms", ...
    setting: str  # data, sizes, arithmetic: everything that fixes the work, in words
    rows: list[Row]
    command: str | None = None  # that makes it; None: the one of the package
    reference: str | None = None  # name of the row that ratios are to
    notes: dict[str, Any] = field(default_factory=dict)  # further figures by name; sentences stand under the table
    digits: int = 0  # behind the point in the table

    @property
    def made_by(self) -> str:
        """The command that makes it."""
        return self.command or f"modescape bench {self.name}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values with version, platform and date."""
        return {
            **asdict(self),
            "command": self.made_by,
            "version": __version__,
            "platform": runtime.platform_info(),
            "date": datetime.date.today().isoformat(),
        }

    def table(self) -> str:
        """A Markdown table: median and range of the values, and of the ratios; under it what notes say in words."""
        ratio = f" | ratio to {self.reference}, median (range)" if self.reference else ""
        lines = [f"| | {self.unit}, median (range){ratio} |", "|---|---" + ("|---" if ratio else "") + "|"]
        for row in self.rows:
            cells = [row.name, _spread(row.values, self.digits)]
            if ratio:
                cells.append("1" if row.name == self.reference else _spread(row.ratios, 2) if row.ratios else "")
            lines.append(f"| {' | '.join(cells)} |")
        sentences = [f"- {name}: {note}" for name, note in self.notes.items() if isinstance(note, str)]
        if sentences:
            lines += ["", *sentences]
        return "\n".join(lines)

    def about(self) -> str:
        """Setting, n, hardware, versions, date and command, as a paragraph."""
        info = runtime.platform_info()
        turns = max(len(row.values) for row in self.rows)
        hardware = f"{info.get('gpu') or info['processor']}, {info['cores']} cores"
        versions = f"Python {info['python']}, torch {info['torch']}, numpy {info['numpy']}"
        day = datetime.date.today()
        return (
            f"{self.setting}; n = {turns}; {hardware}; {versions}; modescape {__version__}; "
            f"{day.day} {day:%B %Y}.\nCommand: `{self.made_by}`"
        )


def turns(options: Options, once: Callable[[], Iterable[tuple[str, float]]]) -> list[Row]:
    """Named figures of every turn, in which all are found together."""
    values: dict[str, list[float]] = {}
    for turn in range(options.repeats):
        options.say(f"turn {turn + 1} of {options.repeats}")
        for name, value in once():
            values.setdefault(name, []).append(value)
    return [Row(name=name, values=own) for name, own in values.items()]


def in_turns(
    variants: Mapping[str, Callable[[], float]],
    repeats: int,
    *,
    reference: str | None = None,
    larger_is_better: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Run all variants in turn, A B C A B C ..., so that a machine's moods meet all of them.

    Args:
        variants: name -> a call that returns its figure (images a second, seconds).
        repeats: turns.
        reference: the variant that ratios are to; above 1 is better than it.
        larger_is_better: whether a figure is a speed rather than a time.
        say: told in a line what comes.
    """
    values: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(repeats):
        for name, call in variants.items():
            say(f"turn {turn + 1} of {repeats}: {name}")
            values[name].append(call())
    rows = []
    for name, own in values.items():
        ratios = None
        if reference is not None and name != reference:
            pairs = zip(own, values[reference], strict=True)
            ratios = [mine / theirs if larger_is_better else theirs / mine for mine, theirs in pairs]
        rows.append(Row(name=name, values=own, ratios=ratios))
    return rows


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], repeats: int = 20, warm_up: int = 3) -> float:
    """Median time of a short call."""
    for _ in range(warm_up):
        work()
    return statistics.median(seconds(work) for _ in range(repeats))


def write(result: Result, folder: Path) -> Path:
    """Keep a result as ``folder/<name>.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(json.dumps(result.as_dict(), indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def publish(result: Result, page: Path) -> None:
    """Put a result's table between its marks in a Markdown page.

    Raises:
        ValueError: if the page has no marks of that name.
    """
    begin, end = f"<!-- {result.name} -->", f"<!-- /{result.name} -->"
    text = page.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"'{page}' has no place for '{result.name}': put {begin} and {end} where its table belongs")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{result.table()}\n\n{result.about()}\n{end}{after}", encoding="utf-8")


def _spread(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
