"""From a recipe's ``model`` section to a checked network, and from a network to its tensors."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from modescape import rng
from modescape.errors import InputError, UnsupportedError
from modescape.models.outputs import Reading, reading_of
from modescape.models.state import attributes, call_with, copies, differing, working_dtype
from modescape.plain import SESSION, in_session
from modescape.recipe import Model

MODELS = {
    "small_cnn": "modescape.models.cnn:small_cnn",
    "medium_cnn": "modescape.models.cnn:medium_cnn",
    "resnet20": "modescape.models.resnet:resnet20",
    "notebook_small_cnn": "modescape.models.cnn:notebook_small_cnn",
    "notebook_medium_cnn": "modescape.models.cnn:notebook_medium_cnn",
    "notebook_resnet20": "modescape.models.resnet:notebook_resnet20",
}
"""Built-in networks: name -> factory."""

EXPECTED = "expected a function or class of Python that makes an nn.Module"

NORMALIZATION = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalisation of any dimension
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
"""Layers whose scales and shifts analyses can leave out."""


TRAINED = (torch.float32, torch.float64)
"""Numbers that an optimiser changes here."""


class NetworkError(InputError):
    """A factory was found and called, and made no network for these images and classes."""


def build(model: Model, image_shape: Sequence[int], num_classes: int, key: int) -> nn.Module:
    """The network of a recipe, initialised by a stream's key and checked on two images.

    The factory is called with the recipe's arguments, and with ``image_shape`` (channels, height, width) and
    ``num_classes`` where it has parameters of these names. It may draw from the global generators of torch, NumPy and
    ``random``: they are seeded by ``key`` for the call and put back afterwards.

    Args:
        model: factory and arguments.
        image_shape: (channels, height, width).
        num_classes: outputs expected.
        key: of the member's initialisation stream.

    Returns:
        the network; one that is not of this package gives logits whatever its ``forward`` returns (`Reading`).

    Raises:
        InputError: if the factory cannot be found or called with these arguments; a `NetworkError` if it makes no
            network for these images and classes.
    """
    with importable(model.factory):
        return _build(model, image_shape, num_classes, key)


def _build(model: Model, image_shape: Sequence[int], num_classes: int, key: int) -> nn.Module:
    with (
        rng.seeded(0),
        _settings_kept(f"model.factory '{model.factory}'"),
    ):  # an import may draw or seed: the same in every process
        factory = _factory(model.factory)
    positional, named = _arguments(factory, model, tuple(image_shape), num_classes)
    with rng.seeded(key), _settings_kept(f"model.factory '{model.factory}'"):
        try:
            module = factory(*positional, **named)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            hint = _unnamed(factory)
            raise NetworkError(f"model.factory '{model.factory}' failed: {_reason(error)}{hint}") from error
    if not isinstance(module, nn.Module):
        raise NetworkError(f"model.factory '{model.factory}' returned {type(module).__name__}, expected an nn.Module")
    if wrapper := _wrapper(module):
        raise NetworkError(f"model.factory '{model.factory}' {wrapper}; return the network of Python itself")
    if model.factory not in MODELS and reading_of(module) is None:  # a factory may hand out one network twice
        module.register_forward_hook(Reading(model.output, model.output_kind))
    try:
        check_output(module, image_shape, num_classes)
    except InputError as error:
        raise NetworkError(f"model.factory '{model.factory}': {error}") from error
    return module


@contextmanager
def _settings_kept(who: str) -> Iterator[None]:
    """Refuse code that changes what torch does for everybody in the process, and put it back.

    Raises:
        NetworkError: naming the setting, and what to do.
    """
    before = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield
        after = torch.get_default_dtype(), torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(before[0])
        torch.set_grad_enabled(before[1])
    if after[0] != before[0]:
        advice = f"calls torch.set_default_dtype({after[0]}), which changes all numbers here; make the network .to() it"
    elif after[1] != before[1]:
        advice = "calls torch.set_grad_enabled, which changes all networks here; use `with torch.no_grad():`"
    else:
        return
    raise NetworkError(f"{who} {advice}")


def _wrapper(module: nn.Module) -> str:
    """What a network was wrapped into that cannot run with the weights of others, in words; "" for none."""
    if isinstance(module, torch.jit.ScriptModule):
        return "makes a network of TorchScript (torch.jit.script or trace)"
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return f"makes an nn.{type(module).__name__}"
    for layer in module.modules():
        if "_orig_mod" in layer._modules or getattr(layer, "_compiled_call_impl", None) is not None:
            return "makes a network with torch.compile"
    return ""


def foreign_module(factory: str) -> str | None:
    """The module that a recipe's factory has imported, where it is not one of modescape: code of whoever wrote it.

    None also for what the running session defines itself (``__main__:callable``): nothing is imported for it.
    """
    name = MODELS.get(factory, factory)
    module, root = name.partition(":")[0], name.partition(":")[0].partition(".")[0]
    known = {"modescape", SESSION, *sys.stdlib_module_names}
    return None if ":" not in name or root in known else module


def of_session(factory: str) -> bool:
    """Whether a factory is defined in a session that has no file, such as a notebook: no worker can import it.

    Raises:
        InputError: if it is to be of the session, and the session does not define it.
    """
    if not in_session(factory):
        return False
    _factory(factory)
    file = getattr(sys.modules[SESSION], "__file__", None)
    return file is None or not Path(file).is_file()


@contextmanager
def importable(factory: str, last: bool = False) -> Iterator[None]:
    """The current folder on ``sys.path`` while code of a recipe runs; that of this package does not need it.

    A factory, and the network that it makes, may import their neighbours when they are called.

    Args:
        factory: of the recipe.
        last: look there after everything else, for long work: a neighbour called ``datasets`` hides no library. Else
            first, as under ``python -m``.
    """
    folder = str(Path.cwd())
    if foreign_module(factory) is None or (last and folder in sys.path):
        yield
        return
    importlib.invalidate_caches()  # a file may be younger than Python's listing of the folder
    sys.path.insert(len(sys.path) if last else 0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the imported module may have tidied up itself
            sys.path.remove(folder)


def check_output(module: nn.Module, image_shape: Sequence[int], num_classes: int) -> None:
    """Refuse a network that does not turn two images into [2, num_classes] numbers.

    Weights, buffers, the training mode and the global generators are left as they were.

    Raises:
        InputError: if it has nothing to train, fails on the images, or returns another shape.
    """
    parameters: dict[str, Tensor] = dict(module.named_parameters())
    if any(is_lazy(tensor) for tensor in [*parameters.values(), *module.buffers()]):
        raise InputError("the network has lazy layers without shapes; run one forward pass in model.factory")
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise InputError("the network has no trainable parameters; expected at least one")
    _check_numbers(parameters)
    expected = [2, num_classes]
    device = next(iter(parameters.values())).device
    images = torch.zeros((2, *image_shape), dtype=working_dtype(parameters), device=device)
    before, tensors = _plain_numbers(module), copies(parameters | dict(module.named_buffers()))
    try:
        with _settings_kept("the network"):
            output = _evaluate(module, tensors, images)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"the network fails on images of shape {list(images.shape)}: {_reason(error)}") from error
    if not isinstance(output, Tensor):
        raise InputError(f"the network returns {type(output).__name__}, expected a tensor of shape {expected}")
    if output.ndim == 4 and output.shape[:2] == (2, num_classes):
        raise UnsupportedError(f"the network gives a class for each pixel: {list(output.shape)}, expected {expected}")
    if list(output.shape) != expected:
        reading, hint = reading_of(module), ""
        if num_classes == 2 and output.numel() == 2:
            hint = "; one logit z for two classes is written torch.stack([-z, z], 1) / 2, of z [example]"
        elif reading is not None and reading.seen != "a tensor":
            hint = f"; that is {reading.seen}, and model.output chooses another"
        raise InputError(
            f"the network turns images {list(images.shape)} into {list(output.shape)}, expected {expected}: "
            f"one number for each of the {num_classes} classes{hint}"
        )
    if gone := [name for name in parameters if not isinstance(tensors[name], Tensor)]:
        raise InputError(
            f"evaluation takes the parameter '{gone[0]}' away from the network; leave it, and do not use it"
        )
    changed = differing(parameters, {name: tensors[name] for name in parameters})
    if changed and _plain_numbers(module) != before:
        raise InputError(
            f"the network's first forward pass sets '{changed[0]}'; give it that value in model.factory, "
            "or in its first pass in training, remembered in a buffer"
        )


def _plain_numbers(module: nn.Module) -> dict[str, Any]:
    """Plain numbers that layers hold as attributes."""
    return {name: value for name, value in attributes(module).items() if not isinstance(value, Tensor)}


def _check_numbers(parameters: Mapping[str, Tensor]) -> None:
    """Refuse parameters of types that are not trained here.

    Raises:
        InputError: naming the first, and what to do.
    """
    for name, parameter in parameters.items():
        if parameter.device.type == "meta":
            raise InputError(f"parameter '{name}' is on the device meta, and has no numbers; make it on the CPU")
        if parameter.is_inference():
            raise InputError(f"parameter '{name}' was made within torch.inference_mode, and cannot be trained")
        if parameter.requires_grad and getattr(parameter, "_post_accumulate_grad_hooks", None):
            raise InputError(
                f"parameter '{name}' has a hook by register_post_accumulate_grad_hook, which is not called here; "
                "use register_hook"
            )
        if parameter.is_complex():
            advice = "hold its real and its imaginary part (torch.view_as_real)"
        elif not parameter.is_floating_point():
            advice = "make it a buffer"
        elif parameter.requires_grad and parameter.dtype not in TRAINED:
            advice = (
                "leave out .half() or .bfloat16(); train.arithmetic=bf16 multiplies in half precision, "
                "and keeps the weights in float32"
            )
        else:
            continue
        raise InputError(f"parameter '{name}' is {parameter.dtype}, expected floats of 32 or 64 bits; {advice}")


def normalization_parameters(module: nn.Module) -> list[str]:
    """Names of the parameters of normalisation layers (batch, instance, layer, group, RMS), in the order of layers."""
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in module.named_modules()
        if isinstance(layer, NORMALIZATION)
        for name, _ in layer.named_parameters(recurse=False)
    ]


def _evaluate(module: nn.Module, tensors: dict[str, Tensor], images: Tensor) -> Any:
    """The network's output in evaluation mode, with these parameters and buffers, which it may change or replace."""
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        with rng.seeded(0), torch.no_grad():
            return call_with(module, tensors, images)
    finally:
        for layer, training in modes.items():
            layer.training = training


def _factory(name: str) -> Callable[..., Any]:
    """The callable that a built-in name or "package.module:callable" stands for."""
    if ":" not in name and name not in MODELS:
        close = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(MODELS)}"
        raise InputError(f"no model '{name}'; {hint} Other networks are written package.module:callable")
    module_name, _, attribute = MODELS.get(name, name).partition(":")
    if not module_name or not attribute:
        raise InputError(f"model.factory '{name}' is incomplete, expected package.module:callable")
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise InputError(f"model.factory '{name}' is of Python's standard library, {EXPECTED}")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"model.factory '{name}': cannot import '{module_name}' ({_reason(error)}); "
            "it must be installed or lie in the current folder"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part) and module_name == SESSION:
            raise InputError(
                f"model.factory '{name}': this session defines no '{attribute}'; define it before the run, or put it "
                f"into a file such as net.py and name it net:{attribute}"
            )
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, dir(found), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise InputError(f"model.factory '{name}': '{module_name}' has no '{attribute}'{hint}")
        found = getattr(found, part)
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(f"model.factory '{name}' is of type {type(found).__name__}, expected a callable")
    if isinstance(found, types.BuiltinFunctionType | types.BuiltinMethodType):
        raise InputError(f"model.factory '{name}' is a builtin function, {EXPECTED}")
    if isinstance(found, type) and not issubclass(found, nn.Module):
        raise InputError(f"model.factory '{name}' is the class {found.__name__}, {EXPECTED}")
    own = isinstance(found, types.FunctionType | types.MethodType) and str(found.__module__).partition(".")[0]
    if own in sys.stdlib_module_names:  # reached through a module that imports it
        raise InputError(f"model.factory '{name}' is of Python's standard library, {EXPECTED}")
    return found


def _arguments(
    factory: Callable[..., Any], model: Model, image_shape: tuple[int, ...], num_classes: int
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments of the factory, by position and by name: the recipe's, and the data's where they are asked for."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # some compiled callables have none
        return [], copy.deepcopy(model.arguments)
    known = signature.parameters
    offered = {"image_shape": image_shape, "num_classes": num_classes}
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


def _unnamed(factory: Callable[..., Any]) -> str:
    """Why a factory that takes anything by `**` may lack something; "" for others."""
    try:
        known = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return ""
    if {"image_shape", "num_classes"} <= known.keys() or all(
        parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in known.values()
    ):
        return ""
    return "; image_shape and num_classes are given to parameters of these names, not to * or **"


def _reason(error: BaseException) -> str:
    """The error on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
