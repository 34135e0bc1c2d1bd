"""Examples from a function of the user's own, ``package.module:load``: code of the recipe, run where it is named."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from modescape import recipe
from modescape.batches import leaves, mapped
from modescape.data.cache import fingerprint
from modescape.data.dataset import Source, check_classes
from modescape.data.grouped import groups_of, row_groups
from modescape.data.inputs.tree import Trees
from modescape.data.targets import without_ignored
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown

GIVEN = 'a dictionary {"train": (inputs, target), "test": (inputs, target)}'
Part = tuple[Any, np.ndarray, "list[Any] | None"]  # inputs, target, and what names the groups of examples


def read(data: recipe.Data, task: recipe.Task, report: object = None) -> tuple[Source, str]:
    """What the function gives: ``train`` and, where it has one, ``test``, each (inputs, target).

    A third item says which examples belong together: a text or a whole number an example.

    Raises:
        InputError: if there is no such function, it fails, or what it gives cannot be trained on, naming the split.
    """
    parts = examples_of(data.source)
    (inputs, label, _), test = parts["train"], parts.get("test", (None, None, None))
    if test[0] is not None and form(test[0]) != form(inputs):
        raise InputError(
            f"'{data.source}': test examples are {form(test[0])} and training examples {form(inputs)}; make them equal"
        )
    highest = max(int(one.max()) for one in (label, test[1]) if one is not None)
    names = tuple(map(str, range(highest + 1)))
    source = Source(inputs, label, *test[:2], names, (), Trees(), *_groups(parts, data))
    source = without_ignored(source, task, f"'{data.source}'")
    check_classes(source, f"'{data.source}'")
    return source, fingerprint(source)


def examples_of(source: str) -> dict[str, Part]:
    """What a function gives: "train" and, where it has one, "test" -> (inputs, target, group), checked.

    Raises:
        InputError: if there is no such function, it fails, or gives something else.
    """
    function = _function(source)
    try:
        given = function()
    except Exception as error:
        raise InputError(f"data.source '{source}' failed: {type(error).__name__}: {shown(error)}") from error
    if not isinstance(given, Mapping) or "train" not in given or given.keys() - {"train", "test"}:
        came = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
        raise InputError(f"data.source '{source}' gives {shown(came, 100)}, expected {GIVEN}")
    return {name: _part(given[name], f"'{source}': {name}") for name in ("train", "test") if name in given}


def _groups(parts: dict[str, Part], data: recipe.Data) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Groups of the training and of the test examples; None where the function gives none."""
    placed = [(f"'{data.source}': {split}", part[2]) for split, part in parts.items() if part[2] is not None]
    if not placed and data.group is None:
        return None, None
    if len(placed) < len(parts):
        raise InputError(
            f"data.source '{data.source}' gives groups for {len(placed)} of {len(parts)} splits; expected a third item "
            "of each, (inputs, target, group)"
        )
    return groups_of(data.group or "group", placed[0], placed[1] if len(placed) > 1 else None)


def _function(name: str) -> Any:
    module, _, attribute = name.partition(":")
    root = module.partition(".")[0]
    if not module or not attribute or root in sys.stdlib_module_names:
        own = " of Python's standard library" if root in sys.stdlib_module_names else " incomplete"
        raise InputError(f"data.source '{name}' is{own}, expected package.module:function, which gives {GIVEN}")
    folder = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, folder)
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"data.source '{name}' cannot be imported ({type(error).__name__}: {shown(error)}); it must be installed "
            "or lie in the current folder"
        ) from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    if not callable(found):
        raise InputError(f"data.source '{name}' is {type(found).__name__}, expected a function")
    return found


def _part(given: Any, where: str) -> Part:
    """Arrays of one split, checked."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise InputError(f"{where} is {type(given).__name__}, expected (inputs, target) or (inputs, target, group)")
    inputs, label = given[:2]
    inputs = tuple(inputs) if isinstance(inputs, list) else dict(inputs) if isinstance(inputs, Mapping) else inputs
    inputs, label = mapped(_array, inputs), _array(label)
    if label.ndim != 1 or label.dtype.kind not in "iu" or not len(label):
        raise InputError(f"{where}: the target is {label.dtype} {list(label.shape)}, expected whole numbers [example]")
    if label.min() < 0 or label.max() >= MOST_CLASSES:
        raise InputError(f"{where}: targets are {label.min()} to {label.max()}, expected 0 to {MOST_CLASSES - 1:,}")
    own: list[Any] = list(leaves(inputs))
    for leaf in own:
        if leaf.ndim < 1 or len(leaf) != len(label) or leaf.dtype.kind not in "fiub":
            raise InputError(
                f"{where}: inputs are {leaf.dtype} {list(leaf.shape)}, expected numbers or truth values with "
                f"{len(label):,} examples, as many as targets"
            )
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            row = int(np.argwhere(~np.isfinite(leaf))[0][0])
            raise InputError(f"{where}: row {row} of the inputs holds a number that is not finite")
    group = row_groups(_array(given[2]), len(label), f"{where}: the group") if len(given) == 3 else None
    return inputs, label.astype(np.int64), group


def _array(given: Any) -> Any:
    return given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)


def form(inputs: Any) -> str:
    """Names, types and shapes of the leaves of an example."""
    names = list(inputs) if isinstance(inputs, dict) else []
    return f"{names} {[[str(one.dtype), *one.shape[1:]] for one in leaves(inputs)]}"
