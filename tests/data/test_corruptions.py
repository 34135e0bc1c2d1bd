"""The 19 corruptions against a reference implementation with the same constants, and their other guarantees."""

import functools
import hashlib
import importlib.util
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from modescape import rng
from modescape.data import corruptions
from modescape.data.corruptions import CORRUPTIONS, NOT_MONOTONE, SEVERITIES, corrupt
from modescape.data.corruptions.operations import luma
from modescape.errors import InputError

REFERENCE = json.loads((Path(__file__).parent / "corruptions_reference.json").read_text(encoding="utf-8"))
SCRIPT = Path(__file__).parents[2] / "bench" / "corruptions_reference.py"
WITHOUT_CHANCE = {
    name for name, rows in REFERENCE["corruption"].items() if all(row["deviations"] == [0, 0, 0] for row in rows)
}


def keys(count: int, number: int = 0) -> torch.Tensor:
    return rng.words(torch.tensor(rng.key(0, "test", number)), count)


def random_images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    """The images of the reference, made by the formula of its script."""
    if not SCRIPT.exists():
        pytest.skip("the formula of the images stands in the repository's folder bench")
    spec = importlib.util.spec_from_file_location("corruptions_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    images = script.images(REFERENCE["images"])
    assert hashlib.sha256(images.tobytes()).hexdigest() == REFERENCE["sha256"]
    return torch.from_numpy(images).movedim(-1, 1)


@pytest.fixture(scope="module")
def moments(clean: torch.Tensor) -> Callable[[str], np.ndarray]:
    """Mean, mean square and squared distance from the clean image of a corruption, [severity, moment]."""

    def of(name: str, severity: int) -> list[float]:
        unit = corrupt(clean, name, severity, keys(len(clean))).double() / 255
        return [float(value.mean()) for value in (unit, unit**2, (unit - clean / 255) ** 2)]

    return functools.cache(lambda name: np.array([of(name, severity) for severity in SEVERITIES]))


def tolerance(row: dict) -> np.ndarray:
    """Four standard errors of the difference of our single draw per image and the reference's draws, [moment].

    Deterministic corruptions have no sampling error: then 1e-5, one level in one of 400 pixels, is left to other
    versions of NumPy, Pillow and the C library.
    """
    error = np.array(row["deviations"]) * np.sqrt((1 + 1 / row["draws"]) / REFERENCE["images"])
    return 4 * error + 1e-5


# ---- against the reference ----


def test_the_names_are_the_references():
    assert list(CORRUPTIONS) == list(REFERENCE["corruption"])
    assert len(CORRUPTIONS) == 19
    assert [name for name, one in CORRUPTIONS.items() if one.extra] == [
        *("speckle_noise", "gaussian_blur", "spatter", "saturate"),
    ]


QUICK = [name for name in list(CORRUPTIONS)[::3] if name not in ("zoom_blur", "elastic_transform")]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in CORRUPTIONS]
)
def test_moments_are_the_references(moments, name):
    for severity, row in enumerate(REFERENCE["corruption"][name]):
        difference = np.abs(moments(name)[severity] - row["moments"])
        assert (difference <= tolerance(row)).all(), (severity + 1, difference / tolerance(row))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_tolerance_tells_severities_apart(name):
    rows = REFERENCE["corruption"][name]
    for severity, pair in enumerate(itertools.pairwise(rows), start=1):
        difference = np.abs(np.subtract(*(row["moments"] for row in pair)))
        apart = difference > np.maximum(*map(tolerance, pair))
        same = name == "motion_blur" and severity == 3  # radius 6 and 8, both with deviation 2: weights beyond 6 are 0
        assert apart.any() != same, severity


@pytest.mark.long
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_distance_grows_with_severity(moments, name):
    steps = np.diff(moments(name)[:, 2])
    if name == "motion_blur":  # the same kernel at two severities, see above; draws are the same, too
        assert steps[2] == pytest.approx(0, abs=1e-9)
        steps = np.delete(steps, 2)
    if name in NOT_MONOTONE - {"spatter"}:  # spatter is monotone on these images, though not on photographs
        assert (steps < 0).any()
    elif name not in NOT_MONOTONE:
        assert (steps > 0).all(), steps


# ---- streams ----


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_example_depends_on_its_own_key_alone(name, monkeypatch):
    images, own = random_images(7, 3, 32, 32), keys(7)
    for severity in (2, 5):
        together = corrupt(images, name, severity, own)
        assert torch.equal(corrupt(images.flip(0), name, severity, own.flip(0)).flip(0), together)
        assert torch.equal(corrupt(images[3:4], name, severity, own[3:4])[0], together[3])
        with monkeypatch.context() as patch:
            patch.setattr(corruptions, "BLOCK", 2 * images[0].numel())  # blocks of 2, and a last one of 1
            assert torch.equal(corrupt(images, name, severity, own), together)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_keys_are_what_differs(name):
    images = random_images(1, 3, 32, 32).expand(4, -1, -1, -1)
    state = torch.get_rng_state()
    found = corrupt(images, name, 4, keys(4))
    assert torch.equal(found, corrupt(images, name, 4, keys(4)))
    assert torch.equal(torch.get_rng_state(), state)
    different = len({image.numpy().tobytes() for image in found})
    assert different == (1 if name in WITHOUT_CHANCE else 4)


# ---- shapes ----


@pytest.mark.parametrize("shape", [(3, 3, 28, 28), (3, 1, 8, 8), (2, 3, 5, 9), (2, 1, 64, 40), (1, 3, 1, 1)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_any_shape_is_kept(name, shape):
    images = random_images(*shape)
    before = images.clone()
    for severity in (1, 5):
        found = corrupt(images, name, severity, keys(len(images)))
        assert (found.shape, found.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, before)
    assert corrupt(images[:0], name, 1, keys(0)).shape == (0, *shape[1:])


def test_the_layout_in_memory_is_kept():
    images = random_images(3, 8, 8, 3).movedim(-1, 1)
    found = corrupt(images, "fog", 3, keys(3))
    assert found.stride() == images.stride()
    assert torch.equal(found, corrupt(images.contiguous(), "fog", 3, keys(3)))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if "noise" not in name])
def test_grey_images_are_colour_images_without_colour(name, clean):
    """One channel gives the luma of what three equal channels give; noise is drawn for each value separately."""
    grey = clean[:20, :1].contiguous()
    for severity in (2, 5):
        alone = corrupt(grey, name, severity, keys(20))
        if name == "saturate":  # its published formula turns grey into red
            assert torch.equal(alone, grey)
        else:
            coloured = corrupt(grey.expand(-1, 3, -1, -1), name, severity, keys(20))
            unclipped = (coloured < 255).all(1, keepdim=True)  # channels saturate at different points
            difference = (luma(coloured.double()) - alone).abs()[unclipped]
            assert difference.max() <= 1.01  # each truncates by up to one level


def test_on_eight_pixels_light_blurs_do_nothing_and_the_rest_does_something():
    """Lengths are a quarter of those on 32 pixels: only the central tap of the kernel has a weight worth a level."""
    images = random_images(20, 3, 8, 8)
    for name in CORRUPTIONS:
        moved = (corrupt(images, name, 5, keys(20)).int() - images).abs().max()
        assert (moved <= 1) == (name in {"gaussian_blur", "defocus_blur"}), name


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur", "zoom_blur", "elastic_transform"])
def test_lengths_grow_with_the_image(name, clean):
    """Corrupting then enlarging to 96 pixels is close to enlarging then corrupting; with unscaled lengths it is not."""
    waves = torch.nn.functional.interpolate(clean[:10].double(), scale_factor=0.25, mode="area")
    waves = torch.nn.functional.interpolate(waves, scale_factor=4, mode="bicubic").clamp(0, 255).to(torch.uint8)

    def enlarged(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(images.double(), size=(96, 96), mode="bilinear")

    severity = 2 if name == "elastic_transform" else 5  # at severity 2 displacements are small, and the map has one key
    large = enlarged(waves).round().to(torch.uint8)
    expected = enlarged(corrupt(waves, name, severity, keys(10)))
    found = corrupt(large, name, severity, keys(10)).double()
    moved = (expected - large).square().mean()
    assert (found - expected).square().mean() < 0.25 * moved


# ---- refusals ----


def test_what_is_refused():
    images = random_images(2, 3, 8, 8)
    with pytest.raises(InputError, match="no corruption 'gausian_noise'; did you mean 'gaussian_noise'"):
        corrupt(images, "gausian_noise", 1, keys(2))
    with pytest.raises(InputError, match="no corruption 'x'; choose from gaussian_noise, shot_noise"):
        corrupt(images, "x", 1, keys(2))
    for severity in (0, 6):
        with pytest.raises(InputError, match=f"no severity {severity} of fog; choose from 1, 2, 3, 4, 5"):
            corrupt(images, "fog", severity, keys(2))
    with pytest.raises(ValueError, match=r"images are torch.float32 \[2, 3, 8, 8\], expected uint8"):
        corrupt(images.float(), "fog", 1, keys(2))
    with pytest.raises(ValueError, match=r"images are torch.uint8 \[2, 2, 8, 8\]"):
        corrupt(images[:, :2], "fog", 1, keys(2))
    with pytest.raises(ValueError, match=r"keys are torch.int64 \[3\], expected int64 \[2\]"):
        corrupt(images, "fog", 1, keys(3))
