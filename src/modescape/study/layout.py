"""Names of the files of a study: the only place that spells them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from modescape.errors import DamageError, InputError, WorkError
from modescape.keeping import kept_epochs

FORMAT = 1  # of the directory; a reader refuses what is newer
RECIPE = "study.yaml"
MANIFEST = "manifest.json"
MEMBERS = "members"
STATE = "state.json"
HISTORY = "history.csv"
RESUME = "resume.safetensors"
RESUME_BEFORE = "resume-before.safetensors"  # of the epoch before, while a group is trained
PREDICTIONS = "predictions.zarr"
RESULTS = "results"
FIGURES = "figures"
VARIANTS = "variants"
REPORT = "report.html"
LOCK = ".lock"

SPLITS = ("validation", "test")
STATUSES = ("missing", "training", "trained", "diverged", "failed")
MANIFEST_KEYS = (  # needed to read
    *("version", "format", "recipe_hash", "fingerprint", "seed"),
    *("image_shape", "num_classes", "class_names", "model"),
)

_CHECKPOINT = re.compile(r"epoch-(\d{3,})\.safetensors")
_MEMBER = re.compile(r"\d{3,}")


def member_folder(study: Path, member: int) -> Path:
    """``members/003``; more than three digits where the number has more."""
    return study / MEMBERS / f"{member:03d}"


def checkpoint_name(epoch: int) -> str:
    """``epoch-010.safetensors``."""
    return f"epoch-{epoch:03d}.safetensors"


def checkpoint_epochs(folder: Path) -> list[int]:
    """Epochs whose checkpoint lies in a member's folder, ascending; one listing, no file is touched."""
    return sorted(int(match[1]) for name in names(folder) if (match := _CHECKPOINT.fullmatch(name)))


def member_numbers(study: Path) -> list[int]:
    """Numbers of the members that have a folder, ascending."""
    return sorted(int(name) for name in names(study / MEMBERS) if _MEMBER.fullmatch(name))


def chunk_folder(study: Path, split: str) -> Path:
    """Where zarr (format 3, default chunk keys) puts the chunks of a split: one folder a row."""
    return study / PREDICTIONS / split / "log_prob" / "c"


def chunk_path(study: Path, split: str, row: int) -> Path:
    """The file of one row of predictions."""
    return chunk_folder(study, split) / str(row) / "0" / "0"


def run_again(study: Path) -> str:
    """The command that finishes and mends a study, whatever recipe it is of."""
    return f"modescape run {study / RECIPE} --out {study}"


def result_path(study: Path, name: str) -> Path:
    """``results/<analysis>.nc``."""
    return study / RESULTS / f"{name}.nc"


def names(folder: Path | str) -> list[str]:
    """Sorted names in a folder; none if there is no such folder."""
    try:
        with os.scandir(folder) as items:
            return sorted(item.name for item in items)
    except (FileNotFoundError, NotADirectoryError):
        return []


def variants(study: Path) -> list[str]:
    """Names of the studies inside this one, ascending."""
    folder = study / VARIANTS
    return [name for name in names(folder) if (folder / name / MANIFEST).is_file()]


def read_manifest(study: Path) -> dict[str, Any]:
    """The manifest, checked for what a reader needs.

    Raises:
        InputError: if the folder is no study, or one of a newer format, or the manifest is damaged.
    """
    path = study / MANIFEST
    make = f"make one with: modescape run --out {study}"
    if not study.exists():
        raise InputError(f"'{study}' is not a study: there is no such folder; {make}")
    if not study.is_dir():
        raise InputError(f"'{study}' is not a study: it is a file, expected the folder of a study")
    from modescape.study.sealed import read_sealed

    try:
        manifest = read_sealed(path)
    except FileNotFoundError:
        raise InputError(f"'{study}' is not a study: it has no {MANIFEST}; {make}") from None
    except WorkError as error:
        raise InputError(f"{error}; restore it from a copy, or start again in another folder") from error
    missing = [key for key in MANIFEST_KEYS if key not in manifest]
    if missing:
        raise InputError(f"'{path}' is not the manifest of a study: it lacks {', '.join(missing)}")
    if not isinstance(manifest["format"], int) or manifest["format"] > FORMAT:
        raise InputError(
            f"'{study}' has format {manifest['format']!r}, this modescape reads up to {FORMAT}; "
            f"it was made by version {manifest['version']}, use that or a later one"
        )
    return manifest


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        FileNotFoundError: if there is no such file.
        WorkError: if it cannot be read or is no JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise WorkError(f"cannot read '{path}': {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamageError(f"'{path}' is damaged: it is not JSON") from error
    if not isinstance(value, dict):
        raise DamageError(f"'{path}' is damaged: it holds {type(value).__name__}, expected an object")
    return value


def read_recipe_values(study: Path) -> dict[str, Any]:
    """``study.yaml`` as plain data, without the recipe's schema (and so without pydantic).

    Raises:
        InputError: if it is missing, not YAML, or lacks the sizes of the study.
    """
    import yaml

    path = study / RECIPE
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(path.read_bytes(), Loader=loader)  # a safe loader: plain data only
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: it is not YAML") from error
    train = values.get("train") if isinstance(values, dict) else None
    for key in ("members", "epochs", "trajectories", "keep_last"):
        if not isinstance(train, dict) or not isinstance(train.get(key), int):
            raise InputError(f"'{path}' is damaged: it has no whole number as train.{key}")
    return values


def kept_by(values: dict[str, Any], member: int) -> list[int]:
    """Epochs that a member keeps, from `read_recipe_values`."""
    train = values["train"]
    return kept_epochs(member, train["epochs"], train["trajectories"], train["keep_last"])
