"""Out-of-distribution data in the shape of ours: without labels, resized, channels matched; rotations and noise."""

import numpy as np
import pytest
import torch
from PIL import Image

from modescape import recipe
from modescape.data.dataset import Split, as_split
from modescape.data.ood import EMBEDDED, load_ood, matched
from modescape.data.sources import digits
from modescape.errors import InputError

from .picture_files import encode, picture_rows


def split(examples: int = 30, *, channels: int = 3, size: int = 8) -> Split:
    stream = np.random.default_rng(0)
    image = stream.integers(0, 256, (examples, channels, size, size), dtype=np.uint8)
    return as_split(image, np.zeros(examples, dtype=np.int64))


# ---- from the test images ----


def test_rotated_images_are_the_test_images_by_90_degrees():
    test = split()
    found = load_ood("rotated", test, None, 0)
    assert torch.equal(found, torch.from_numpy(np.rot90(test.inputs.numpy(), 1, (2, 3)).copy()))
    part = load_ood("rotated", test, 5, 0)
    assert part.shape == (5, 3, 8, 8)
    assert len({image.numpy().tobytes() for image in part} & {image.numpy().tobytes() for image in found}) == 5
    assert torch.equal(load_ood("rotated", test, 100, 0), found)


def test_oblong_images_are_turned_and_stretched_to_their_shape():
    image = torch.zeros(2, 1, 4, 8, dtype=torch.uint8)
    image[:, :, :, 4:] = 200  # the right half
    found = load_ood("rotated", Split(image, torch.zeros(2, dtype=torch.int64)), None, 0)
    assert found.shape == (2, 1, 4, 8)
    assert (found[:, :, 0] == 200).all()  # a quarter turn to the left: the upper half, with a soft edge
    assert (found[:, :, 3] == 0).all()
    image = torch.zeros(2, 1, 4, 8, dtype=torch.uint8)
    image[:, :, 2:] = 200  # the lower half
    found = load_ood("rotated", Split(image, torch.zeros(2, dtype=torch.int64)), None, 0)
    assert (found[..., 6:] == 200).all()  # the right half
    assert (found[..., :2] == 0).all()


def test_other_pictures_are_sized_as_ours_are(tmp_path):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 200
    for number in range(3):
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / f"{number}.png").write_bytes(encode(pixels))
    (tmp_path / "x.csv").write_text("path\n" + "\n".join(f"set/{number}.png" for number in range(3)))
    test, source = split(size=10), str(tmp_path / "x.csv")
    assert (load_ood(source, test, None, 0, data=recipe.Data(size=10)) == 200).all()  # the middle
    stretched = load_ood(source, test, None, 0)
    assert (stretched[..., :3] == 0).all()


def test_noise_is_uniform_and_the_seeds():
    test = split(200)
    found = load_ood("noise", test, None, 0)
    assert (found.shape, found.dtype) == (test.inputs.shape, torch.uint8)
    counts = found.flatten().long().bincount(minlength=256).double()
    expected = found.numel() / 256
    assert ((counts - expected) ** 2 / expected).sum() < 340  # chi-squared, 255 degrees, probability .9997
    assert torch.equal(found, load_ood("noise", test, None, 0))
    assert not torch.equal(found, load_ood("noise", test, None, 1))
    assert torch.equal(load_ood("noise", test, 7, 0), found[:7])


def test_the_defaults_need_nothing():
    for source in EMBEDDED:
        assert load_ood(source, split(channels=1), 10, 0).shape == (10, 1, 8, 8)


# ---- datasets ----


def test_a_folder_is_read_without_its_labels(hub_folder):
    train, test = picture_rows(8), picture_rows(5, seed=1)
    folder = hub_folder(train=train, test=test)
    told = []
    found = load_ood(str(folder), split(size=6), None, 0, lambda done, total: told.append((done, total)))
    assert torch.equal(found.movedim(1, -1), torch.from_numpy(np.stack(test[0])))
    assert told == [(5, 5)]
    only = hub_folder("only", train=train)
    assert torch.equal(load_ood(str(only), split(size=6), None, 0).movedim(1, -1), torch.from_numpy(np.stack(train[0])))


def test_images_of_several_sizes_and_kinds_in_one_folder(hub_folder):
    grey, colour = picture_rows(2, channels=1, size=4)[0], picture_rows(2, size=9)[0]
    folder = hub_folder(train=([*grey, *colour], [0, 1, 2, 0]))
    found = load_ood(str(folder), split(size=6), None, 0)
    assert found.shape == (4, 3, 6, 6)
    assert (found[:2, :1] == found[:2]).all()
    assert torch.equal(found[2:3], matched(torch.from_numpy(colour[0]).movedim(-1, 0)[None], (3, 6, 6)))


def test_a_part_is_random_and_the_seeds(hub_folder):
    images = picture_rows(40)
    folder = str(hub_folder(train=images))
    first, again, other = (load_ood(folder, split(size=6), 10, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    all_of_them = {image.transpose(2, 0, 1).tobytes() for image in images[0]}
    assert len({image.numpy().tobytes() for image in first} & all_of_them) == 10


def test_an_npz_and_the_embedded_digits(tmp_path):
    image, test_image = (np.random.default_rng(seed).integers(0, 256, (6, 8, 8), dtype=np.uint8) for seed in (0, 1))
    label = np.zeros(6, int)
    np.savez(tmp_path / "one.npz", image=image, label=label, test_image=test_image, test_label=label)
    np.savez(tmp_path / "two.npz", image=image, label=label)
    for name, expected in (("one", test_image), ("two", image)):
        found = load_ood(str(tmp_path / f"{name}.npz"), split(), None, 0)
        assert torch.equal(found, torch.from_numpy(expected)[:, None].expand(-1, 3, -1, -1))
    assert torch.equal(load_ood("digits", split(channels=1), None, 0), torch.from_numpy(digits().inputs))


# ---- shapes ----


def test_channels_are_copied_or_weighed():
    colour = torch.tensor([255, 100, 20], dtype=torch.uint8).view(1, 3, 1, 1)
    assert matched(colour, (1, 1, 1)).item() == round(0.299 * 255 + 0.587 * 100 + 0.114 * 20)
    assert matched(matched(colour, (1, 1, 1)), (3, 1, 1)).flatten().tolist() == [137] * 3
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert (matched(white, (1, 4, 4)) == 255).all()


def test_smaller_is_the_mean_over_areas_and_larger_is_bilinear():
    image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8) * 3
    means = image.double().view(1, 1, 4, 2, 4, 2).mean((3, 5))
    assert torch.equal(matched(image, (1, 4, 4)), (means + 1e-9).round().to(torch.uint8))
    larger = np.asarray(Image.fromarray(image[0, 0].numpy()).resize((16, 16), Image.Resampling.BILINEAR))
    assert (matched(image, (1, 16, 16))[0, 0].long() - torch.from_numpy(larger.copy()).long()).abs().max() <= 1
    assert torch.equal(matched(image, (1, 8, 8)), image)
    assert matched(image, (1, 4, 12)).shape == (1, 1, 4, 12)


# ---- refusals ----


def test_what_is_refused(tmp_path, hub_folder, monkeypatch):
    test = split(size=6)
    with pytest.raises(InputError, match="limit of out-of-distribution images is 0"):
        load_ood("noise", test, 0, 0)
    with pytest.raises(InputError, match=r"nothing.npz' does not exist"):
        load_ood(str(tmp_path / "nothing.npz"), test, None, 0)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"a.txt' is a file of an unknown kind; expected .*rotated, noise"):
        load_ood(str(tmp_path / "a.txt"), test, None, 0)
    broken = hub_folder("broken", train=([picture_rows(1)[0][0], b"no image"], [0, 1]))
    with pytest.raises(InputError, match=r"broken: train, row 1: the image cannot be decoded"):
        load_ood(str(broken), test, None, 0)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # no network, whoever runs this
    with pytest.raises(InputError, match="'nobody/nothing' is neither a local folder or file"):
        load_ood("nobody/nothing:configuration", test, None, 0)
