"""Provenance on the page of a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modescape.analyses import ANALYSES
from modescape.answers import as_json
from modescape.interop.predictions import Gathered
from modescape.report.page import PageContent, build_page
from modescape.runtime import platform_info
from modescape.version import __version__

if TYPE_CHECKING:
    import xarray as xr

WORD = "examples"


@dataclass(frozen=True, kw_only=True)
class Given:
    """The inputs, for the record."""

    manifest: Mapping[str, Any]
    models: Sequence[tuple[str, str, int, str, str]]  # name, file, bytes, SHA-256, kind
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    labels: tuple[str, int, str] = ("", 0, "")  # file, bytes, SHA-256
    command: str = ""
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """For a file."""
        keys = ("name", "file", "bytes", "sha256", "kind")
        return {
            **{name: value for name, value in self.manifest.items() if name != "version"},
            "models": [dict(zip(keys, model, strict=True)) for model in self.models],
            "labels": dict(zip(keys[1:4], self.labels, strict=True)),
            "groups_of_models": dict(self.groups),
            "command": self.command,
            "notes": [*self.notes, *self.warnings],
        }

    def rows(self) -> list[tuple[str, str]]:
        """Rows of the last table of the page."""
        method = {name: key for key, names in self.groups.items() for name in names}
        found = []
        for name, file, size, digest, kind in self.models:
            own = f"; of {method[name]}" if name in method else ""
            found.append((f"Model {name}", f"{file or 'an array'}; {kind}{own}; {size:,} bytes; SHA-256 {digest}"))
        file, size, digest = self.labels
        return [*found, ("Labels", f"{file or 'an array'}; {size:,} bytes; SHA-256 {digest}")]


def manifest_of(name: str, gathered: Gathered, seed: int, group_name: str) -> dict[str, Any]:
    """The equivalent of a study's manifest, as far as known."""
    predictions = gathered.predictions
    parts = [[one.sha256 for one in gathered.origins], gathered.labels.sha256, gathered.kinds, gathered.names, seed]
    about: dict[str, Any] = {
        "name": name,
        "identity": hashlib.sha256(as_json({"parts": parts}).encode()).hexdigest(),
        "version": __version__,
        "seed": seed,
        "platform": platform_info(),
        "examples": {"test": len(predictions.label)},
        "num_classes": len(predictions.class_names),
        "inputs": {"word": WORD},
    }
    if gathered.task != "classification":
        about["task"] = {"kind": gathered.task}
    if predictions.example_group is not None:
        about["groups"] = {"name": group_name, "counts": {"test": int(predictions.example_group.max()) + 1}}
    return about


def given_page(name: str, given: Given, results: Mapping[str, xr.Dataset], notes: Mapping[str, str]) -> str:
    """The HTML text of a comparison's page; equal content gives equal text."""
    content = PageContent(
        name=name,
        recipe_yaml="",
        manifest={**given.manifest, "data_notes": [*given.notes, *given.warnings]},
        results=results,
        notes=notes,
        analyses=[one for one in ANALYSES if one in results or one in notes],
        given=len(given.models),
        command=given.command,
        sources=given.rows(),
    )
    return build_page(content)
