"""Time the main job of two commits in turns on one machine, with the older commit's recipe: seconds and their ratio.

Usage: python bench/commits.py [--base 55bdbb8] [--repeats 3] [--recipe digits] [--set KEY=VALUE]

Each commit runs from a checkout of its own, `python -m modescape run RECIPE`, in the environment of this interpreter;
the whole command is timed, start-up and page included. The kernels of both are compiled beforehand.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run both in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="55bdbb8", help="the older commit, whose recipe both run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="handed on to both")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        older = Path(folder, "base")
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", older, options.base], check=True)
        try:
            recipe = older / "src" / "modescape" / "recipes" / f"{options.recipe}.yaml"
            trees = {options.base: older, "this checkout": ROOT}
            print(table(trees, recipe, options.set, options.repeats))
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", older], check=True)


def table(trees: dict[str, Path], recipe: Path, settings: list[str], repeats: int) -> str:
    """Markdown: seconds of each commit, median and range, and the median of the ratios of turns."""
    for tree in trees.values():
        seconds(tree, recipe, [*settings, "train.members=2", "train.epochs=1", "analyses=[]"])
    values: dict[str, list[float]] = {name: [] for name in trees}
    for turn in range(repeats):
        for name, tree in trees.items():
            values[name].append(seconds(tree, recipe, settings))
            print(f"turn {turn + 1}, {name}: {values[name][-1]:.1f} s", file=sys.stderr, flush=True)
    first = next(iter(trees))
    lines = ["| commit | seconds, median (range) | ratio to the first, median |", "|---|---|---|"]
    for name, own in values.items():
        ratio = statistics.median(one / base for one, base in zip(own, values[first], strict=True))
        lines.append(f"| {name} | {statistics.median(own):.1f} ({min(own):.1f} to {max(own):.1f}) | {ratio:.2f} |")
    return "\n".join(lines)


def seconds(tree: Path, recipe: Path, settings: list[str]) -> float:
    """Seconds of one run of the main job, in a folder of its own."""
    overrides = [part for one in settings for part in ("--set", one)]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "modescape",
            "run",
            recipe,
            "--out",
            Path(folder, "study"),
            "--quiet",
            *overrides,
        ]
        environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, cwd=folder)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
