"""The network of a Keras file: settings of layers, their order, and which of them enter a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modescape.interop.checkpoints.held import Layer

SUMS = ("Add",)
MOST_DEPTH = 30  # of what is nested


@dataclass(frozen=True)
class Described:
    """The description of a network; empty where a file has none."""

    order: Sequence[str] = ()  # names of layers
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])  # name -> config
    into_sums: frozenset[str] = frozenset()  # layers that a sum takes

    def layer(self, name: str, arrays: Mapping[str, np.ndarray]) -> Layer:
        """A layer of the file with what is said of it."""
        known = name in self.settings and self.into_sums
        return Layer(name, arrays, self.settings.get(name, {}), (name in self.into_sums) if known else None)


def described(values: Any) -> Described:
    """A description as ``model.to_json`` gives it; an empty one of whatever it cannot read."""
    layers = _layers(values)
    settings: dict[str, Mapping[str, Any]] = {}
    inputs: dict[str, list[str]] = {}
    sums: list[str] = []
    names: list[str] = []
    for layer in layers:
        config = layer.get("config")
        name = layer.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
        if not isinstance(name, str):
            continue
        names.append(name)
        settings[name] = config if isinstance(config, Mapping) else {}
        inputs[name] = _named(layer.get("inbound_nodes", []))
        if layer.get("class_name") in SUMS:
            sums.append(name)
    known = {*names}
    taken = frozenset(one for name in sums for one in inputs[name] if one in known)
    return Described(tuple(names), settings, taken)


def _layers(values: Any) -> list[Mapping[str, Any]]:
    """Entries of layers, those of networks inside the network in their place."""
    config = values.get("config") if isinstance(values, Mapping) else None
    found = config.get("layers") if isinstance(config, Mapping) else config  # Keras 2.0 listed them at once
    layers: list[Mapping[str, Any]] = []
    for layer in found if isinstance(found, list) else []:
        if not isinstance(layer, Mapping):
            continue
        inner = _layers(layer) if layer.get("class_name") in ("Model", "Functional", "Sequential") else []
        layers += inner or [layer]
    return layers


def _named(nodes: Any, depth: int = MOST_DEPTH) -> list[str]:
    """Layers that a layer takes its input from, in either form: ["name", 0, 0, {}] or a "keras_history"."""
    if not depth:
        return []
    if isinstance(nodes, Mapping):
        history = nodes.get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            return [history[0]]
        return [name for inner in nodes.values() for name in _named(inner, depth - 1)]
    if isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            return [nodes[0]]
        return [name for inner in nodes for name in _named(inner, depth - 1)]
    return []
