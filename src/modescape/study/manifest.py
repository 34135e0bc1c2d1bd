"""Reading the manifest of a study, of unknown origin: every value that is used has been checked."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modescape.errors import InputError, WorkError
from modescape.plain import MOST_CLASSES, MOST_NAME, MOST_PIXELS, is_count, shown
from modescape.storage import ObjectPath
from modescape.storage.store import StoreError
from modescape.study.layout import FORMAT, MANIFEST
from modescape.study.sealed import read_sealed

NEEDED = (  # to read a study
    *("version", "format", "recipe_hash", "fingerprint", "seed"),
    *("num_classes", "class_names", "model"),
)
MOST_NUMBERS = 1 << 40  # in one tensor
MOST_EXAMPLES = 1 << 31
MOST_DEPTH = 20  # of what is nested
MOST_WORD = 40  # letters of what examples are called


def read_manifest(study: Path) -> dict[str, Any]:
    """The manifest, checked for what a reader needs.

    Raises:
        InputError: if the folder is not a study, its format is newer, or the manifest is damaged.
    """
    path = study / MANIFEST
    make = f"make one with: modescape run digits --out {shlex.quote(str(study))}"
    if isinstance(study, ObjectPath):  # there are no folders, and each check takes a request
        pass
    elif not study.exists():
        raise InputError(f"'{study}' is not a study: there is no such folder; {make}")
    elif not study.is_dir():
        raise InputError(f"'{study}' is not a study: it is a file, expected the folder of a study")
    try:
        manifest = read_sealed(path)
    except FileNotFoundError:
        raise InputError(f"'{study}' is not a study: it has no {MANIFEST}; {make}") from None
    except StoreError as error:
        raise InputError(str(error)) from error
    except WorkError as error:
        raise InputError(f"{error}; restore it from a copy, or start again in another folder") from error
    missing = [key for key in NEEDED if key not in manifest]
    if missing:
        raise InputError(f"'{path}' is not the manifest of a study: it lacks {', '.join(missing)}")
    if not isinstance(manifest["format"], int) or manifest["format"] > FORMAT:
        raise InputError(
            f"'{study}' has format {shown(repr(manifest['format']), 40)}, this modescape reads up to {FORMAT}; "
            f"it was made by version {shown(manifest['version'], 40)}, use that or a later one"
        )
    if "image_shape" not in manifest and "inputs" not in manifest:
        raise InputError(f"'{path}' is not the manifest of a study: it lacks image_shape (or inputs)")
    _check(manifest, path)
    return manifest


def _check(manifest: dict[str, Any], path: Path) -> None:
    """Check the values of a manifest.

    Raises:
        InputError: naming the key, what it holds and what was expected.
    """
    if _depth(manifest) > MOST_DEPTH:
        raise InputError(f"'{path}' is not the manifest of a study: it is nested more than {MOST_DEPTH} deep")
    for key, (fits, expected) in _EXPECTED.items():
        values: Any = manifest
        for part in key.split("."):
            values = values.get(part, _ABSENT) if isinstance(values, dict) else _ABSENT
        if key in _OPTIONAL and values is _ABSENT:
            continue
        if not fits(values):
            came = "nothing" if values is _ABSENT else shown(repr(values), 60)
            raise InputError(f"'{path}' is not the manifest of a study: {key} is {came}, expected {expected}")
    names = manifest["class_names"]
    if len(names) != manifest["num_classes"]:
        raise InputError(
            f"'{path}' is not the manifest of a study: it has {len(names)} class_names, "
            f"expected num_classes, {manifest['num_classes']}"
        )


def _depth(value: Any) -> int:
    """How deep dictionaries and lists are nested; level by level, since recursion could overflow the stack."""
    level, depth = [value], 0
    while level and depth <= MOST_DEPTH:
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        level, depth = [one for items in inner for one in items], depth + 1
    return depth


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_NAME


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_image_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(is_count(size, 1, MOST_PIXELS) for size in value)
        and math.prod(value) <= MOST_PIXELS
    )


def _are_shapes(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and _is_shape(shape) for name, shape in value.items())


def _is_shape(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > 16 or not all(is_count(size, 0, MOST_NUMBERS) for size in value):
        return False
    return math.prod(value) <= MOST_NUMBERS


def _are_examples(value: Any) -> bool:
    needed = ("train", "validation", "test")
    return isinstance(value, dict) and all(is_count(value.get(name), 0, MOST_EXAMPLES) for name in needed)


def _is_shared(value: Any) -> bool:
    return isinstance(value, dict) and _are_texts(value.get("names")) and _is_text(value.get("sha256"))


def _are_groups(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("name")) and _are_examples(value.get("counts"))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 1 < len(value) <= MOST_WORD and value.replace(" ", "").isalpha()


def _is_start(value: Any) -> bool:
    return isinstance(value, dict) and _are_texts(value.get("files")) and _are_texts(value.get("taken"))


_ABSENT = object()
_TEXT = (_is_text, f"text of at most {MOST_NAME:,} characters")
_SHAPES = (_are_shapes, "name -> list of sizes")
_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format": (lambda value: is_count(value, 1, FORMAT), "a whole number"),
    "version": _TEXT,
    "recipe_hash": _TEXT,
    "fingerprint": _TEXT,
    "seed": (lambda value: is_count(value, 0, (1 << 63) - 1), "a whole number below 2^63"),
    "image_shape": (_is_image_shape, f"[channels, height, width], at most {MOST_PIXELS:,} numbers"),
    "inputs": (lambda value: isinstance(value, dict), "what an example is"),
    "inputs.word": (_is_word, "what examples are called, letters alone"),
    "num_classes": (lambda value: is_count(value, 0, MOST_CLASSES), f"a whole number from 0 to {MOST_CLASSES:,}"),
    "class_names": (_are_texts, "a list of texts"),
    "examples": (_are_examples, "the numbers of train, validation and test examples"),
    "groups": (_are_groups, "the column of groups of examples, and how many each split has"),
    "data_notes": (_are_texts, "a list of sentences"),
    "plan": (lambda value: isinstance(value, dict), "the plan of the training"),
    "plan.device": (lambda value: value in ("cpu", "cuda"), "'cpu' or 'cuda'"),
    "network": (lambda value: isinstance(value, dict), "what the trial of the network found"),
    "model": (lambda value: isinstance(value, dict), "parameters, buffers and normalization"),
    "model.parameters": _SHAPES,
    "model.buffers": _SHAPES,
    "model.normalization": (_are_texts, "a list of names"),
    "model.shared": (_is_shared, "names of frozen parameters, and a SHA-256"),
    "start": (_is_start, "files, and the names of what is taken from them"),
}
_OPTIONAL = {
    *("examples", "groups", "image_shape", "inputs", "inputs.word", "data_notes", "network", "plan", "plan.device"),
    *("model.normalization", "model.shared", "start"),
}
