"""What makes two studies the same: a hash of what differs from the defaults, for data of one content.

A setting that is added later with a default leaves every hash as it was. Where a default changes its meaning,
`IDENTITY` rises and `FORMER_DEFAULTS` keeps the old value, so that studies made before stay what they are.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol


class Identified(Protocol):
    """What is read of a recipe: its seed, and its sections by their names."""

    @property
    def seed(self) -> int:
        """Of every random number of the study."""
        ...


IDENTITY = 2
"""Identity version of new studies."""

FORMER_DEFAULTS: dict[int, dict[str, Any]] = {}
"""Identity version -> {dotted key: its default up to that version}, one entry a default that changed since."""

FIRST_KEYS = frozenset(
    ["seed", "data.fingerprint"]
    + [f"data.{key}" for key in ("train", "validation", "test", "scaling")]
    + [f"data.augmentation.{key}" for key in ("crop_padding", "crop_fill", "horizontal_flip", "brightness")]
    + ["model.factory", "model.arguments"]
    + [f"train.{key}" for key in ("epochs", "batch_size", "batches", "optimizer", "learning_rate", "momentum")]
    + [f"train.{key}" for key in ("epsilon", "weight_decay", "decay", "schedule", "arithmetic")]
    + [f"train.{key}" for key in ("trajectories", "keep_last")]
    + [f"streams.{key}" for key in ("initialisation", "order", "augmentation", "dropout", "last_bit")]
)
"""Settings of identity version 1, which hashed all of them, defaults included."""

NO_IDENTITY = {  # where things are, and what may change in a finished study
    "data": {
        "source",
        "inputs",
        "target",
        "leave_out",
        "text",
        "tokenizer",
        "image",
        "label",
        "config",
        "shift",
        "frost",
        "shift_column",
        "ood",
        "private",
    },
    "model": {"init"},
    "train": {"members"},
    "task": {"unit"},
    "imported": {"files", "names"},
}
LATER = ("task", "imported")  # sections added later: left out if at their defaults


def settings(recipe: Identified, fingerprint: str, *, changed: bool = False) -> dict[str, Any]:
    """The settings that identify a study, by section, with its seed and its data's fingerprint.

    Args:
        recipe: whose.
        fingerprint: of the data's content.
        changed: of the settings only those that differ from their defaults.
    """
    sections = {name: getattr(recipe, name) for name in ("data", "model", "train", "streams", *LATER)}
    found: dict[str, Any] = {
        name: section.model_dump(mode="json", exclude=NO_IDENTITY.get(name, set()), exclude_defaults=changed)
        for name, section in sections.items()
        if section is not None
    }
    found = {name: values for name, values in found.items() if values or name not in LATER}
    found["data"]["fingerprint"] = fingerprint
    return {"seed": recipe.seed, **found}


def identity(recipe: Identified, fingerprint: str, version: int = IDENTITY) -> dict[str, Any]:
    """The plain values that are hashed.

    Args:
        recipe: whose.
        fingerprint: of the data's content.
        version: of the identity.
    """
    whole, changed = settings(recipe, fingerprint), settings(recipe, fingerprint, changed=True)
    if version == 1:
        return _without_new(whole, changed)
    for key, former in _former(version).items():
        _place(changed, key, _value(whole, key), former)
    return {"version": version, **changed}


def content_hash(recipe: Identified, fingerprint: str, version: int = IDENTITY) -> str:
    """SHA-256 (hex) of `identity`."""
    return hashlib.sha256(canonical_json(identity(recipe, fingerprint, version)).encode()).hexdigest()


def identifies(recipe: Identified, fingerprint: str, recipe_hash: str) -> bool:
    """Whether a hash is that of this recipe and this data, under any version of the identity."""
    return any(content_hash(recipe, fingerprint, version) == recipe_hash for version in range(IDENTITY, 0, -1))


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _without_new(values: dict[str, Any], changed: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """All settings of version 1, and changed ones of later versions."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        path = prefix + key
        if path in FIRST_KEYS:
            kept[key] = value
        elif any(first.startswith(f"{path}.") for first in FIRST_KEYS):
            kept[key] = _without_new(value, changed.get(key, {}), f"{path}.")
        elif key in changed:
            kept[key] = changed[key]
    return kept


def _former(version: int) -> dict[str, Any]:
    """Dotted key -> its default in a version, if it has changed since."""
    former: dict[str, Any] = {}
    for until in sorted((until for until in FORMER_DEFAULTS if until >= version), reverse=True):
        former |= FORMER_DEFAULTS[until]  # the earliest change after that version wins
    return former


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return found


def _value(values: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _place(values: dict[str, Any], key: str, value: Any, default: Any) -> None:
    """Set a nested value if it differs from its default, else remove it."""
    *sections, last = key.split(".")
    for part in sections:
        values = values.setdefault(part, {})
    if value == default:
        values.pop(last, None)
    else:
        values[last] = value
