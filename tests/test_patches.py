"""Tests patch only public names of the package, each with a reason in a comment."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PATCHERS = {"monkeypatch", "patch"}  # the fixture, and the name of its contexts
PRIVATE = re.compile(r"(^|\.)_(?!_)")
MOST = 79  # limit on all patches: arguments, files and exit codes are nearly always enough


def patches(text: str) -> list[tuple[str, bool]]:
    """(replaced name, whether there is a comment on or above its lines) of every patch in a module."""
    found, lines = [], text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        whose = node.func.value.id if isinstance(node.func.value, ast.Name) else ast.unparse(node.func.value)
        fixture = node.func.attr in ("setattr", "setitem", "delattr", "delitem") and whose in PATCHERS
        if not fixture and not (node.func.attr in ("object", "dict") and whose.endswith("patch")):
            continue
        names = [word.value for word in node.args[:2] if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        own = lines[node.lineno - 1 : node.end_lineno]
        above = lines[node.lineno - 2].strip()
        found.append((names[0] if names else "", any("#" in line for line in own) or above.startswith("#")))
    return found


def test_patches_are_of_public_names_and_say_why():
    private, silent, count = [], [], 0
    for path in sorted(TESTS.rglob("*.py")):
        for name, has_reason in patches(path.read_text(encoding="utf-8")):
            count += 1
            where = f"{path.relative_to(TESTS)}: {name}"
            private += [where] if PRIVATE.search(name) else []
            silent += [] if has_reason else [where]
    assert private == []
    assert silent == [], "say in a comment on the line why nothing but a patch will do"
    assert 0 < count <= MOST


@pytest.mark.parametrize(
    ("text", "name", "has_reason"),
    [
        ("monkeypatch.setattr(room, 'part', 1)", "part", False),
        ("monkeypatch.setattr(room, '_part', 1)  # it fails", "_part", True),
        ("# it fails\npatch.setattr('room._part', 1)", "room._part", True),
        ("mock.patch.object(\n    sys, 'argv', []  # what is read\n)", "argv", True),
    ],
)
def test_what_is_a_patch(text, name, has_reason):
    assert patches(text) == [(name, has_reason)]


def test_private_names_are_told_from_double_underscores():
    assert PRIVATE.search("_part")
    assert PRIVATE.search("room._part")
    assert not PRIVATE.search("__call__")
