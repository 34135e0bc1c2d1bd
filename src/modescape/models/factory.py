"""The callable that a recipe's ``model.factory`` names: found, imported, and given its arguments."""

from __future__ import annotations

import copy
import difflib
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from modescape.batches import InputShape
from modescape.errors import InputError
from modescape.named import find_named
from modescape.recipe import Model

MODELS = {
    "small_cnn": "modescape.models.cnn:small_cnn",
    "medium_cnn": "modescape.models.cnn:medium_cnn",
    "resnet20": "modescape.models.resnet:resnet20",
    "notebook_small_cnn": "modescape.models.cnn:notebook_small_cnn",
    "notebook_medium_cnn": "modescape.models.cnn:notebook_medium_cnn",
    "notebook_resnet20": "modescape.models.resnet:notebook_resnet20",
    "mlp": "modescape.models.mlp:mlp",
    "text_transformer": "modescape.models.transformer:text_transformer",
}
"""Built-in networks: name -> factory."""

ASKED = {"image_shape": "images", "features": "rows of a table", "vocabulary": "tokens"}
"""Parameter of a factory -> the kind of inputs that offers it."""

WIDTHS: dict[str, dict[str, Any]] = {
    "small_cnn": {"channels": (16, 32, 32)},
    "medium_cnn": {"channels": (64, 128, 256, 256)},
    "mlp": {"widths": (64, 64)},
    "text_transformer": {"width": 32, "heads": 4},
}
"""Built-in networks of variable width -> defaults of the argument that sets it, and of the one that must divide it."""

SUITED = {"image": "small_cnn", "table": "mlp", "tokens": "text_transformer"}
"""Kinds of inputs -> a built-in network that takes them."""

EXPECTED = "expected a Python function or class that makes an nn.Module"


def find_factory(name: str) -> Callable[..., Any]:
    """The callable that a built-in name or "package.module:callable" stands for."""
    if ":" not in name and name not in MODELS:
        close = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(MODELS)}"
        raise InputError(f"no model '{name}'; {hint} Other networks are written package.module:callable")
    found = find_named(MODELS.get(name, name), "model.factory", EXPECTED)
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(f"model.factory '{name}' is of type {type(found).__name__}, expected a callable")
    if isinstance(found, types.BuiltinFunctionType | types.BuiltinMethodType):
        raise InputError(f"model.factory '{name}' is a builtin function, {EXPECTED}")
    if isinstance(found, type) and not issubclass(found, nn.Module):
        raise InputError(f"model.factory '{name}' is the class {found.__name__}, {EXPECTED}")
    own = isinstance(found, types.FunctionType | types.MethodType) and str(found.__module__).partition(".")[0]
    if own in sys.stdlib_module_names:  # reached through a module that imports it
        raise InputError(f"model.factory '{name}' belongs to Python's standard library, {EXPECTED}")
    return found


def arguments_of(
    factory: Callable[..., Any], model: Model, shape: InputShape, num_classes: int
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of the factory: the recipe's, and the data's if it has such parameters."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # some compiled callables have none
        return [], copy.deepcopy(model.arguments)
    known = signature.parameters
    offered = {**shape.offered, "num_classes": num_classes}
    _check_asked(known, model, shape)
    named = {name: value for name, value in offered.items() if name in known} | copy.deepcopy(model.arguments)
    first = [name for name, parameter in known.items() if parameter.kind is parameter.POSITIONAL_ONLY and name in named]
    positional = [named.pop(name) for name in first]
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        names = ", ".join(known) or "none"
        raise InputError(
            f"model.arguments do not fit model.factory '{model.factory}': {error}; its parameters: {names}"
        ) from error
    return positional, named


def _check_asked(known: Mapping[str, inspect.Parameter], model: Model, shape: InputShape) -> None:
    """Refuse a factory with parameters that only another kind of inputs offers.

    Raises:
        InputError: naming what they are, and a network that takes them.
    """
    for name, kind in ASKED.items():
        parameter = known.get(name)
        if (
            parameter is None
            or name in shape.offered
            or name in model.arguments
            or parameter.default is not inspect._empty
        ):
            continue
        are = "tensors of a function" if shape.kind == "tree" else shape.word
        raise InputError(
            f"model.factory '{model.factory}' takes {kind} ({name}), and the examples are {are}; "
            f"choose {SUITED.get(shape.kind, 'a network of your own, package.module:callable')}"
        )


def unnamed(factory: Callable[..., Any], shape: InputShape) -> str:
    """A hint for factories with ``**kwargs``, which are not passed the data's arguments by name; "" for others."""
    try:
        known = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return ""
    wanted = {*shape.offered, "num_classes"}
    if wanted <= known.keys() or all(
        parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in known.values()
    ):
        return ""
    return f"; {' and '.join(sorted(wanted))} are given to parameters of these names, not to * or **"
