"""From a recipe's ``model`` section to a checked network."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from modescape import rng
from modescape.batches import InputShape
from modescape.errors import InputError
from modescape.models.checking import NetworkError, check_output, settings_kept, wrapper_of
from modescape.models.factory import MODELS, arguments_of, find_factory, unnamed
from modescape.models.outputs import Reading, reading_of
from modescape.named import importable, reason
from modescape.recipe import Model

NORMALIZATION = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalisation of any dimension
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
"""Normalisation layers, whose scales and shifts analyses can leave out."""


def build(model: Model, shape: InputShape | Sequence[int], num_classes: int, key: int) -> nn.Module:
    """The network of a recipe, initialised by a stream's key and checked on two examples.

    The factory is called with the recipe's arguments, plus ``num_classes`` and what the inputs offer (``image_shape``:
    channels, height, width) if it has parameters of these names. It may draw from the global generators of torch, NumPy
    and ``random``: they are seeded by ``key`` for the call and restored afterwards.

    Args:
        model: factory and arguments.
        shape: of an example; (channels, height, width) of an image.
        num_classes: outputs expected.
        key: of the member's initialisation stream.

    Returns:
        the network; a user's network is wrapped so that it returns logits whatever its ``forward`` returns (`Reading`).

    Raises:
        InputError: if the factory cannot be found or called with these arguments; a `NetworkError` if it returns no
            network for these examples and classes.
    """
    with importable(model.factory):
        return _build(model, InputShape.of(shape), num_classes, key)


def _build(model: Model, shape: InputShape, num_classes: int, key: int) -> nn.Module:
    with (
        rng.seeded(0),
        settings_kept(f"model.factory '{model.factory}'"),
    ):  # importing may draw or seed: make it equal in every process
        factory = find_factory(model.factory)
    positional, named = arguments_of(factory, model, shape, num_classes)
    with rng.seeded(key), settings_kept(f"model.factory '{model.factory}'"):
        try:
            module = factory(*positional, **named)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            hint = unnamed(factory, shape)
            raise NetworkError(f"model.factory '{model.factory}' failed: {reason(error)}{hint}") from error
    if not isinstance(module, nn.Module):
        raise NetworkError(f"model.factory '{model.factory}' returned {type(module).__name__}, expected an nn.Module")
    if wrapper := wrapper_of(module):
        raise NetworkError(f"model.factory '{model.factory}' {wrapper}; return the Python network itself")
    freeze(module, model.freeze)
    if model.factory not in MODELS and reading_of(module) is None:  # a factory may return the same network twice
        module.register_forward_hook(Reading(model.output, model.output_kind))
    try:
        check_output(module, shape, num_classes)
    except InputError as error:
        raise NetworkError(f"model.factory '{model.factory}': {error}") from error
    return module


def freeze(module: nn.Module, patterns: Sequence[str]) -> None:
    """Leave the parameters whose names match a pattern (``model.freeze``) out of training.

    Raises:
        InputError: if a pattern matches no parameter, or no parameter is left to train.
    """
    parameters = dict(module.named_parameters())
    for pattern in patterns:
        matched = [name for name in parameters if fnmatchcase(name, pattern)]
        if not matched:
            known = ", ".join(list(parameters)[:6])
            raise InputError(f"model.freeze: no parameter is called '{pattern}'; the network has {known}, ...")
        for name in matched:
            parameters[name].requires_grad_(False)
    if patterns and not any(tensor.requires_grad for tensor in parameters.values()):
        raise InputError("model.freeze leaves no parameter to train; freeze fewer")


def normalization_parameters(module: nn.Module) -> list[str]:
    """Names of the parameters of normalisation layers (batch, instance, layer, group, RMS), in the order of layers."""
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in module.named_modules()
        if isinstance(layer, NORMALIZATION)
        for name, _ in layer.named_parameters(recurse=False)
    ]
