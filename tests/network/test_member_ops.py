"""Dropout masks: each member's own, with exact probabilities, and independent of stacking."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from modescape import rng
from modescape.kernels.dropout import LEVELS, keep_mask
from modescape.network.fuse import fuse
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps


def test_the_three_calls_of_a_pass_have_masks_of_their_own():
    """Two layers and a function call, in order: calls 0, 1 and 2 of the key."""
    key, x = torch.tensor(11), torch.ones(4, 5, 6, 6)
    masks = [keep_mask(key, 0, x.shape, round(0.25 * LEVELS), x.dtype)]
    masks.append(keep_mask(key, 1, torch.Size([4, 5, 1, 1]), LEVELS // 2, x.dtype))
    masks.append(keep_mask(key, 2, x.shape, round(0.1 * LEVELS), x.dtype))
    assert torch.allclose(masked(x, key, fuse(Net())), masks[0] * masks[1] * masks[2], rtol=1e-6)


def test_a_prepared_network_without_a_key_says_so():
    with pytest.raises(RuntimeError, match="within a MemberOps block"):
        fuse(Net())(torch.ones(1, 2, 3, 3))


class Net(nn.Module):
    """Dropout as a module, as a function, and over whole channels."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Dropout(0.25)
        self.channels = nn.Dropout2d(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.channels(self.plain(x))
        return nn.functional.dropout(x, 0.1, self.training)


def masked(x: torch.Tensor, key: torch.Tensor, net: nn.Module, stacked: bool = False) -> torch.Tensor:
    with Intercept(MemberOps(key, stacked=stacked)):
        return functional_call(net, {}, (x,))


def test_stacked_masks_are_those_of_each_member_alone():
    net, x, keys = fuse(Net()), torch.rand(3, 4, 5, 6, 6), torch.tensor([11, 12, 13])
    stacked = vmap(lambda images, key: masked(images, key, net, stacked=True))(x, keys)
    for member in range(3):
        assert torch.equal(stacked[member], masked(x[member], keys[member], net))
    assert not torch.equal(stacked[0] != 0, stacked[1] != 0)


def test_masks_do_not_depend_on_memory_format():
    net, x, key = fuse(Net()), torch.rand(4, 5, 6, 6), torch.tensor(11)
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(masked(x, key, net), masked(last, key, net))


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5])
def test_share_dropped_and_scale(probability):
    drop = round(probability * LEVELS)
    mask = keep_mask(torch.tensor(3), 0, torch.Size([400_000]), drop, torch.float64)
    share = (mask == 0).double().mean().item()
    assert share == pytest.approx(drop / LEVELS, abs=5 * (probability * (1 - probability) / 400_000) ** 0.5)
    assert mask.max().item() == LEVELS / (LEVELS - drop)


def test_masks_of_members_steps_and_calls_are_uncorrelated():
    keys = rng.words(torch.tensor(1), 4)
    shape = torch.Size([100_000])
    masks = torch.stack([keep_mask(key, call, shape, LEVELS // 2, torch.float64) for key in keys for call in (0, 1)])
    correlation = torch.corrcoef(masks) - torch.eye(len(masks), dtype=torch.float64)
    assert correlation.abs().max() < 5 / 100_000**0.5


def test_whole_channels_are_dropped():
    with Intercept(MemberOps(torch.tensor(2))):
        x = nn.functional.dropout2d(torch.ones(50, 20, 3, 3), 0.5, True)
    assert torch.equal(x.amax((2, 3)), x.amin((2, 3)))
    assert 0.4 < (x[:, :, 0, 0] == 0).double().mean() < 0.6


@pytest.mark.parametrize(
    "change",
    [
        lambda x: nn.functional.dropout(x, 0.5, True, inplace=True),
        lambda x: nn.functional.dropout2d(x, 0.5, True, inplace=True),
        lambda x: torch.dropout_(x, 0.5, True),
        lambda x: torch.feature_dropout_(x, 0.5, True),
        fuse(nn.Dropout(0.5, inplace=True).train()),
        fuse(nn.Sequential(nn.Dropout(0.5, inplace=True), nn.MaxPool2d(1)).train()),
        fuse(nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(1)).train()),
    ],
)
def test_dropout_in_place_changes_its_input(change):
    x = torch.randn(4, 5, 6, 6, generator=rng.stream(0, "order"))
    with Intercept(MemberOps(torch.tensor(2))):
        out = change(x)
    assert (out == 0).any()
    assert torch.equal(x, out)


@pytest.mark.parametrize(("dimensions", "layer"), [(2, nn.Dropout1d), (4, nn.Dropout3d)])
def test_one_example_without_its_batch_loses_whole_channels(dimensions, layer):
    x = torch.ones(30, *[4] * (dimensions - 1))
    with MemberOps(torch.tensor(2)):
        out = fuse(layer(0.5).train())(x)
    assert torch.equal(out.flatten(1).amax(1), out.flatten(1).amin(1))
    assert 5 < int((out.flatten(1)[:, 0] == 0).sum()) < 25


def test_an_impossible_probability_is_refused_as_torch_does():
    with pytest.raises(ValueError, match="between 0 and 1"), MemberOps(torch.tensor(2)) as ops:
        ops.dropout(torch.ones(3), 1.5, False)


def test_gradient_passes_through_the_mask():
    x = torch.rand(6, 7, dtype=torch.float64, requires_grad=True)
    with Intercept(MemberOps(torch.tensor(2))):
        y = nn.functional.dropout(x, 0.5, True)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(gradient, (y / x).detach())
    assert set(gradient.flatten().tolist()) == {0.0, 2.0}


def test_evaluation_mode_and_zero_probability_change_nothing():
    x = torch.rand(3, 4)
    with Intercept(MemberOps(torch.tensor(2))):
        assert nn.functional.dropout(x, 0.5, False) is x
        assert nn.functional.dropout(x, 0.0, True) is x
        assert torch.equal(nn.functional.dropout(x, 1.0, True), torch.zeros(3, 4))


def test_the_global_generator_is_not_touched():
    before = torch.get_rng_state()
    masked(torch.rand(2, 3, 4, 4, generator=rng.stream(0, "order")), torch.tensor(1), fuse(Net()))
    assert torch.equal(before, torch.get_rng_state())
