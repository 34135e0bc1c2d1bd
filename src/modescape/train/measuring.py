"""Which form of a convolution is fastest on this machine: checked, timed, and cached.

Every form is first compared with one convolution after another on the same random inputs: a form that gives other
values, or fails, is never chosen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modescape import rng, runtime
from modescape.kernels.convolution import PASSES, Layer, Pass
from modescape.kernels.forms import FORMS, Arithmetic, Form
from modescape.kernels.layout import channels_last
from modescape.recipe import canonical_json

REFERENCE = "each"
REPEATS = 5  # timed calls, after a warm-up call
ERRORS = {"float32": 1e-4, "tf32": 5e-3, "bf16": 3e-2}  # largest |difference| / |reference| that is only rounding

Times = dict[str, dict[Pass, dict[str, float]]]
"""Layer -> pass -> form -> seconds; forms that failed are absent."""


def fastest(times: Times) -> dict[str, dict[Pass, str]]:
    """The fastest form of each pass of each layer."""
    chosen: dict[str, dict[Pass, str]] = {}
    for layer, passes in times.items():
        chosen[layer] = {which: min(forms, key=forms.__getitem__) for which, forms in passes.items()}
    return chosen


def measured(
    layers: Sequence[Layer],
    members: int,
    arithmetic: Arithmetic,
    device: torch.device,
    say: Callable[[str], None] = lambda line: None,
) -> Times:
    """Times of all forms for these layers, from the cache if they were measured before.

    Args:
        layers: the convolutions of the network.
        members: number of stacked members.
        arithmetic: of products.
        device: where.
        say: called with a line before long measurements.
    """
    layers = list({layer.key: layer for layer in layers}.values())
    about = [members, arithmetic, sorted((layer.key, layer.examples, layer.has_bias) for layer in layers)]

    def make() -> Times:
        say(f"measuring {len(layers)} convolutions of {members} members in {len(FORMS)} forms (once on this machine)")
        tf32 = arithmetic == "tf32"
        with runtime.gpu_arithmetic(tf32) if device.type == "cuda" else contextlib.nullcontext():
            return {layer.key: _times(layer, members, arithmetic, device) for layer in layers}

    return remembered("convolutions", about, device, make)


def remembered(name: str, about: Any, device: torch.device, make: Callable[[], Any]) -> Any:
    """The result of ``make``, from the cache if it was measured before on this device with these kernels.

    Args:
        name: of the measurement.
        about: whatever else it depends on, plain values.
        device: where it is measured.
        make: returns plain values.
    """
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else runtime.processor_features()
    parts = [name, about, hardware, torch.__version__, torch.version.cuda or "", _source()]
    digest = hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:32]
    path = runtime.cache_folder() / "measured" / f"{digest}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    values = make()
    with contextlib.suppress(OSError):  # a cache that cannot be written is no error
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
        temporary.replace(path)
    return values


def _source() -> str:
    """Digest of the kernels, so that changed kernels are measured again."""
    import modescape.kernels as kernels

    files = sorted(Path(kernels.__path__[0]).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _times(layer: Layer, members: int, arithmetic: Arithmetic, device: torch.device) -> dict[Pass, dict[str, float]]:
    calls = _calls(layer, members, arithmetic, device)
    found: dict[Pass, dict[str, float]] = {}
    for which in PASSES:
        if which == "input" and not layer.needs_input:
            continue
        expected, times = calls[which](FORMS[REFERENCE]), {}
        for name, form in FORMS.items():
            if form.fits(layer.geometry, device):
                times[name] = _time_if_right(partial(calls[which], form), expected, ERRORS[arithmetic], device)
        found[which] = {name: seconds for name, seconds in times.items() if seconds is not None}
    return found


def _time_if_right(
    call: Callable[[], list[Tensor]], expected: list[Tensor], error: float, device: torch.device
) -> float | None:
    """Median seconds of a call; None if it fails or its result is not the expected one."""
    try:
        right = all(_is_close(*pair, error) for pair in zip(call(), expected, strict=True))
        return seconds_of(call, device) if right else None
    except Exception:  # it cannot be compiled, or runs out of memory
        return None


def _calls(
    layer: Layer, members: int, arithmetic: Arithmetic, device: torch.device
) -> dict[Pass, Callable[[Form], list[Tensor]]]:
    """The three passes of a layer on random numbers, as functions of the form."""
    dtype = torch.bfloat16 if arithmetic == "bf16" else torch.float32
    draw = rng.stream(0, "measuring")

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw).to(device, dtype)

    x = channels_last(random(members, layer.examples, *layer.image), True)
    weight = random(members, *layer.kernel)
    bias = random(members, layer.kernel[0]) if layer.has_bias else None
    kernel = (layer.kernel[2], layer.kernel[3])
    size = layer.geometry.output_size(layer.image[1:], kernel)
    grad = channels_last(random(members, layer.examples, layer.kernel[0], *size), True)
    last = (layer.geometry, arithmetic)
    return {
        "forward": lambda form: [form.forward(x, weight, bias, *last)],
        "input": lambda form: [form.input(grad, weight, x.shape, *last)],
        "weight": lambda form: [
            tensor for tensor in form.weight(x, grad, kernel, layer.has_bias, *last) if tensor is not None
        ],
    }


def _is_close(got: Tensor, expected: Tensor, error: float) -> bool:
    expected = expected.double()
    return bool((got.double() - expected).norm() <= error * expected.norm())


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Median time of a call."""
    call()
    times = []
    for _ in range(REPEATS):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)
