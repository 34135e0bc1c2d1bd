"""Networks with activation checkpointing have the gradients of the same network without."""

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from torch.utils.checkpoint import checkpoint

from modescape.errors import InputError
from modescape.models import split_state
from modescape.network.habits import Habits
from modescape.train.step import Step
from modescape.tree import stack
from modescape.types import ModelState

GPU = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
MANNERS = {
    "plain": None,
    "not reentrant": {"use_reentrant": False},
    "reentrant": {"use_reentrant": True},
}


class Blocks(nn.Module):
    """Two blocks with dropout in every form: layer, function, attention, and in a fused convolution."""

    def __init__(self, policy) -> None:
        super().__init__()
        self.policy = policy
        self.first = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Dropout(0.3), nn.MaxPool2d(2), nn.ReLU())
        self.embed = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.4)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=True)
        self.last = nn.Linear(8, 10)

    def tokens(self, x):
        x = self.embed(functional.dropout(x, 0.2, self.training))
        return x + self.attention(x, x, self.drop(x))[0]

    def run(self, block, x):
        return block(x) if self.policy is None else checkpoint(block, x, **self.policy)

    def forward(self, x):
        x = self.run(self.first, x.requires_grad_())  # reentrant checkpoints need an input that requires gradients
        x = self.run(self.tokens, x.flatten(2).transpose(1, 2))
        return self.last(x.mean(1))


def state_of(net: nn.Module) -> ModelState:
    state = split_state(net)
    return ModelState(
        {name: tensor.requires_grad_() for name, tensor in stack([state.params]).items()}, stack([state.buffers])
    )


def gradients(net: nn.Module, device: str = "cpu", **habits):
    images = torch.rand(1, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    step = Step(net.to(device), 1, Habits(calls_dropout=True, **habits))
    before = torch.get_rng_state()
    batch = (images.to(device), torch.arange(4, device=device)[None], torch.tensor([5], device=device))
    slopes, loss, _ = step(state_of(net), *batch)
    assert torch.equal(before, torch.get_rng_state())
    return slopes, loss, step.recomputed


def net_of(policy) -> Blocks:
    torch.manual_seed(0)
    return Blocks(policy).double()


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("policy", ["not reentrant", "reentrant"])
def test_gradients_are_those_without_checkpoints(policy, device):
    plain, loss, recomputed = gradients(net_of(None), device, recomputes=True)
    assert not recomputed
    again, same, recomputed = gradients(net_of(MANNERS[policy]), device, recomputes=True)
    assert recomputed
    assert torch.equal(loss, same)
    assert plain.keys() == again.keys()
    for name, slope in plain.items():
        assert torch.allclose(slope, again[name], rtol=1e-12, atol=1e-14), name


def test_masks_drawn_by_key_drop_as_much_as_those_by_number():
    """Masks by number and by key differ, and give similar losses."""
    numbered, first, _ = gradients(net_of(None))
    drawn, second, _ = gradients(net_of(None), recomputes=True)
    assert numbered.keys() == drawn.keys()
    assert first.item() != second.item()
    assert first.item() == pytest.approx(second.item(), abs=0.5)


def test_a_block_that_forgets_its_masks_is_refused():
    net = net_of({"use_reentrant": False, "preserve_rng_state": False})
    with pytest.raises(InputError, match="preserve_rng_state=True"):
        gradients(net, recomputes=True)
