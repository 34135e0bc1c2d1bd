"""The order of the packages ("rooms"): a module imports its own package and earlier rows only."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "modescape"

ROWS = [  # a new room is a name in a row; rooms in one row never import each other
    ("covers", "errors", "types", "keeping", "trackers", "version"),
    ("storage",),
    ("plain", "arrays", "answers"),
    ("progress", "named"),
    ("durable", "tree", "batches", "rng", "results", "runtime", "offered", "principal"),
    ("engines", "kernels"),
    ("metrics",),
    ("recipe",),
    ("tasks",),
    ("data", "models"),
    ("network",),
    ("train",),
    ("study",),
    ("interop",),
    ("predict",),
    ("context",),
    ("functionspace", "subspace", "landscape", "curvature"),
    ("alignment",),
    ("paths",),
    ("methods",),
    ("plots",),
    ("wording",),
    ("decision",),
    ("analyses",),
    ("report", "authors"),
    ("pipeline",),
    ("bench",),
    ("printing",),
    ("cli",),
    ("__main__",),
]
WORDS = {room for row in ROWS[:6] for room in row}
NARROWER = {  # rooms that may import less than their row allows
    "predict": WORDS | {"recipe", "tasks", "data", "models", "network"},  # it takes weights, not a study
    "metrics": WORDS,  # arrays in, arrays out
    "functionspace": WORDS,
    "subspace": WORDS,
    "landscape": WORDS | {"models", "network"},  # any network, no recipe and no study
    "alignment": WORDS | {"models", "network", "landscape"},
    "paths": WORDS | {"models", "network", "landscape", "alignment"},
    "curvature": WORDS,  # any loss near a point
    "methods": WORDS | {"subspace"},
    "plots": WORDS | {"methods", "metrics"},  # labelled results in, figures out; from metrics only the scores
    "wording": WORDS | {"methods", "metrics", "plots"},
    "decision": WORDS | {"methods", "metrics", "plots", "wording"},
    "report": WORDS | {"methods", "metrics", "plots", "wording", "analyses"},
    "authors": WORDS,
}
SHOWING = WORDS | {"methods", "metrics", "plots", "wording", "decision", "analyses"}
FILES = {  # in an analysis's folder: files that present results must not see networks
    "draw.py": SHOWING,
    "words.py": SHOWING,
    "verdict.py": SHOWING,
    "example.py": SHOWING | {"functionspace"},
}
ALLOWED = {("study/study.py", "analyses")}  # Study.figure draws a result, for interactive use

DATA_ONLY = {"recipes"}  # folders without code


def room_of(path):
    return Path(path).parts[0].removesuffix(".py")


def imported(text, path):
    """Rooms that a module refers to: imports anywhere, also in functions, and module names in strings."""
    package = ["modescape", *Path(path).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and re.fullmatch(r"modescape(\.[a-z_]+)+", str(node.value)):
            names.append(node.value)  # names for importlib
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == "modescape" and len(part) > 1 and part[1] in rooms_of_rows()}


def rooms_of_rows():
    return {room for row in ROWS for room in row}


def allowed(room):
    if room in NARROWER:
        return NARROWER[room] | {room}
    earlier = next(number for number, row in enumerate(ROWS) if room in row)
    return {other for row in ROWS[:earlier] for other in row} | {room}


def modules():
    paths = [file.relative_to(SOURCE).as_posix() for file in sorted(SOURCE.rglob("*.py"))]
    return [path for path in paths if path != "__init__.py" and room_of(path) not in DATA_ONLY]  # it has public names


def test_every_room_has_one_row_and_every_row_its_rooms():
    listed = [room for row in ROWS for room in row]
    assert len(listed) == len(set(listed))
    assert {room_of(path) for path in modules()} == set(listed)
    assert set(NARROWER) <= set(listed)


@pytest.mark.parametrize("path", modules())
def test_imports_go_to_earlier_rows(path):
    found = imported((SOURCE / path).read_text(encoding="utf-8"), path)
    parts = Path(path).parts
    narrow = FILES.get(parts[-1]) if parts[0] == "analyses" and len(parts) == 3 else None
    excess = {room for room in found - (narrow or allowed(room_of(path))) if (path, room) not in ALLOWED}
    assert not excess, f"{path} imports {sorted(excess)}, which come later or stand beside it"


@pytest.mark.parametrize(
    "text",
    [
        "import modescape.report",
        "from modescape import report",
        "from modescape.report.page import write",
        "from ..report import page",
        "def function():\n    from modescape import report",
        "importlib.import_module('modescape.report')",
    ],
)
def test_what_counts_as_an_import(text):
    assert imported(text, "metrics/scores.py") == {"report"}
    assert imported('"""Text about modescape.report and more."""', "metrics/scores.py") == set()
