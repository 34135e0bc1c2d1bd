"""Names of the files of a study, defined only here."""

from __future__ import annotations

import copy
import functools
import json
import math
import os
import re
import shlex
from pathlib import Path
from typing import Any

from modescape import keeping
from modescape.errors import DamageError, InputError, WorkError
from modescape.plain import (
    COUNTS,
    MOST_YAML,
    OddYamlError,
    check_yaml,
    file_name,
    is_analysis,
    is_count,
    is_name,
    plain_name,
    read_regular,
)
from modescape.storage import ObjectPath
from modescape.tasks import TASKS

FORMAT = 1  # of the directory; readers refuse newer ones
RECIPE = "study.yaml"
MANIFEST = "manifest.json"
MEMBERS = "members"
STATE = "state.json"
HISTORY = "history.csv"
SHARED = "shared.safetensors"  # frozen parameters, once for all members
RESUME = "resume.safetensors"
RESUME_BEFORE = "resume-before.safetensors"  # of the previous epoch, while a group is trained
PREDICTIONS = "predictions.zarr"
SAMPLED = "sampled"  # group of the predictions of sampled networks, one subgroup per set of examples
CHOOSING = "choosing"
RESULTS = "results"
FIGURES = "figures"
FIGURE_SUFFIXES = ("png", "svg", "html", "csv")  # the last holds the plotted values
AUXILIARY = "variants"
REPORT = "report.html"
LOCK = ".lock"
LOCK_ELSEWHERE = ".lock-file"  # where there is no flock

SPLITS = ("validation", "test")
STATUSES = ("missing", "training", "trained", "diverged", "failed")

MOST_JSON = 1 << 24  # bytes of a JSON file: the checksums of 100,000 checkpoints take 11 million

_CHECKPOINT = re.compile(r"epoch-([0-9]{3}|[1-9][0-9]{3,5})\.safetensors")  # as `checkpoint_name` writes them
_MEMBER = re.compile(r"[0-9]{3}|[1-9][0-9]{3,5}")


def member_folder(study: Path, member: int) -> Path:
    """``members/003``; more than three digits where the number has more."""
    return study / MEMBERS / f"{member:03d}"


def shared_path(study: Path) -> Path:
    """``members/shared.safetensors``."""
    return study / MEMBERS / SHARED


def most_weights(model: dict[str, Any]) -> int:
    """Bytes that a file of weights may have: a network and its optimiser, as a manifest describes them."""
    shapes = [*model["parameters"].values(), *model["buffers"].values()]
    # 8 bytes a number, weights and at most three more of an optimiser, names and shapes, a history
    return 32 * sum(math.prod(shape) for shape in shapes) + 40_000 * len(shapes) + MOST_JSON


def checkpoint_name(epoch: int) -> str:
    """``epoch-010.safetensors``."""
    return f"epoch-{epoch:03d}.safetensors"


def is_checkpoint(name: object) -> bool:
    """Whether this is the name of a checkpoint."""
    return isinstance(name, str) and _CHECKPOINT.fullmatch(name) is not None


def checkpoint_epochs(folder: Path) -> list[int]:
    """Epochs whose checkpoint lies in a member's folder, ascending; one listing, no file is touched."""
    return sorted(int(match[1]) for name in names(folder) if (match := _CHECKPOINT.fullmatch(name)))


def member_numbers(study: Path) -> list[int]:
    """Numbers of the members that have a folder, ascending."""
    return sorted(int(name) for name in names(study / MEMBERS) if _MEMBER.fullmatch(name))


def chunk_folder(study: Path, split: str, field: str = "log_prob") -> Path:
    """Where zarr (format 3, default chunk keys) puts the chunks of an array of a group: one folder a row."""
    return study / PREDICTIONS / split / field / "c"


def chunk_path(study: Path, split: str, row: int, field: str = "log_prob", separator: str = "/") -> Path:
    """The file of one row of an array of predictions; the separator is that of the array's chunk keys."""
    key = separator.join(("c", str(row), "0", "0"))
    return study / f"{PREDICTIONS}/{split}/{field}/{key}"  # one join: there are thousands


def chunk_rows(study: Path, split: str, field: str, separator: str) -> list[int]:
    """Rows of an array that have a file, or a folder for one."""
    if separator == "/":
        found = names(chunk_folder(study, split, field))
    else:
        found = (name.split(separator)[1] for name in names(study / PREDICTIONS / split / field) if name[:2] == "c.")
    return [int(row) for row in found if row.isdigit()]


def choice_path(study: Path, name: str) -> Path:
    """``choosing/<name>.safetensors``."""
    return study / CHOOSING / f"{name}.safetensors"


def choices(study: Path) -> list[str]:
    """Names of what was chosen for the networks that are sampled, ascending."""
    found = (name.removesuffix(".safetensors") for name in names(study / CHOOSING) if name.endswith(".safetensors"))
    return [name for name in found if is_name(name)]


def sampled_sets(study: Path) -> list[str]:
    """Names of the sets of examples on which sampled networks were predicted, ascending."""
    folder, last = study / PREDICTIONS / SAMPLED, {known.last for known in TASKS.values()}  # array that is made last
    there = filter(is_name, names(folder))
    return [name for name in there if any((folder / name / one / "zarr.json").is_file() for one in last)]


def run_again(study: Path, verb: str = "run") -> str:
    """The command that resumes and repairs a study, whatever its recipe, from the current folder.

    A bare name is written ``./name``: it cannot be taken for a recipe's name or an option.
    """
    text = str(study)
    return f"modescape {verb} {shlex.quote(text if os.sep in text or text in ('.', '..') else f'.{os.sep}{text}')}"


def result_path(study: Path, name: str) -> Path:
    """``results/<analysis>.nc``.

    Raises:
        InputError: if the name is not a plain one and could lead elsewhere.
    """
    return study / RESULTS / f"{plain_name(file_name(name), 'the name of a result')}.nc"


def names(folder: Path | str) -> list[str]:
    """Sorted names in a folder; none if there is no such folder."""
    if isinstance(folder, ObjectPath):
        return folder.names()
    try:
        with os.scandir(folder) as items:
            return sorted(item.name for item in items)
    except (FileNotFoundError, NotADirectoryError):
        return []


def figure_path(study: Path, name: str, suffix: str) -> Path:
    """``figures/<analysis>.<suffix>``.

    Raises:
        InputError: as `result_path`.
    """
    name = plain_name(file_name(name), "the name of a figure")
    plain_name(suffix, "the ending of a figure")
    return study / FIGURES / f"{name}.{suffix}"


def auxiliary_folder(study: Path, name: str) -> Path:
    """``variants/<name>``.

    Raises:
        InputError: as `result_path`.
    """
    return study / AUXILIARY / plain_name(name, "the name of a variant")


def auxiliary(study: Path) -> list[str]:
    """Names of the studies inside this one, ascending; without symbolic links that lead out of it."""
    folder = study / AUXILIARY
    return [
        name
        for name in names(folder)
        if is_name(name) and not (folder / name).is_symlink() and (folder / name / MANIFEST).is_file()
    ]


def read_file(path: Path, most: int | None = None) -> bytes:
    """All bytes of a file of a study, at most ``most``.

    Raises:
        FileNotFoundError: if there is no such file.
        DamageError: if it is no ordinary file, or longer.
        WorkError: if the system refuses to read it: the file may be intact, so it must not be replaced.
    """
    try:
        return read_regular(path, most)
    except FileNotFoundError:
        raise
    except OSError as error:  # errors of the system have an errno
        kind = WorkError if error.errno else DamageError
        raise kind(f"cannot read '{path}': {error.strerror}") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        FileNotFoundError: if there is no such file.
        DamageError: if it is no JSON object.
        WorkError: as `read_file`.
    """
    return parse_json(path, read_file(path, MOST_JSON))


def parse_json(path: Path, data: bytes) -> dict[str, Any]:
    """What `read_json` makes of a file's bytes."""
    try:
        value = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DamageError(f"'{path}' is damaged: it is not JSON") from error
    if not isinstance(value, dict):
        raise DamageError(f"'{path}' is damaged: it holds {type(value).__name__}, expected an object")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def read_recipe_values(study: Path) -> dict[str, Any]:
    """``study.yaml`` as plain data, without the recipe's schema (and so without pydantic).

    Raises:
        InputError: if it is missing, not YAML, or its name, analyses or sizes are not what a recipe may say.
    """
    import yaml

    path = study / RECIPE
    try:
        values = copy.deepcopy(_plain_yaml(read_regular(path, MOST_YAML)))
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
    except OddYamlError as error:
        raise InputError(f"'{path}' is not a recipe: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: it is not YAML") from error
    train = values.get("train") if isinstance(values, dict) else None
    for key, limits in COUNTS.items():
        if not isinstance(train, dict) or not is_count(train.get(key), *limits):
            low, high = limits
            raise InputError(f"'{path}' is damaged: train.{key} is not a whole number from {low} to {high:,}")
    every = train.get("keep_every") if isinstance(train, dict) else None
    if every is not None and not is_count(every, *COUNTS["epochs"]):
        raise InputError(f"'{path}' is damaged: train.keep_every is not a whole number from 1")
    if not keeping.is_imported(values.get("imported")):
        raise InputError(f"'{path}' is damaged: imported does not name its epochs")
    if not is_name(values.get("name", "study")):
        raise InputError(f"'{path}' is damaged: its name is not plain (letters, digits and ._-)")
    analyses = values.get("analyses")
    if analyses is not None and not (isinstance(analyses, list) and all(is_analysis(name) for name in analyses)):
        raise InputError(f"'{path}' is damaged: analyses is not a list of plain names (letters, digits and ._-)")
    return values


@functools.lru_cache(maxsize=64)
def _plain_yaml(data: bytes) -> Any:
    """Plain data out of YAML; a run asks dozens of studies hundreds of times."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    check_yaml(data, yaml.parse(data, Loader=loader))
    return yaml.load(data, Loader=loader)  # a safe loader: plain data only


def kept_count(values: dict[str, Any], member: int) -> int:
    """How many epochs a member keeps, from `read_recipe_values`."""
    imported = values.get("imported")
    return len(imported["epochs"]) if imported else keeping.kept_count(member, *_keeping(values))


def is_kept(values: dict[str, Any], member: int, epoch: int) -> bool:
    """Whether a member keeps an epoch, from `read_recipe_values`."""
    imported = values.get("imported")
    return epoch in imported["epochs"] if imported else keeping.is_kept(member, epoch, *_keeping(values))


def _keeping(values: dict[str, Any]) -> tuple[int, int, int, int | None]:
    train = values["train"]
    return train["epochs"], train["trajectories"], train["keep_last"], train.get("keep_every")
