"""Attention with dropout: each member's masks in any group, and otherwise the result of torch."""

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from torch.func import functional_call, vmap

from modescape.kernels.dropout import keep_mask
from modescape.network.fuse import fuse
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps

KEY = torch.tensor(11)
P = 0.25
DROPPED = 1 << 14  # of 65536 levels


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attend(weights_of, query, key, value, scale):
    """The formula, one query at a time: the sum over sources of weight times value."""
    out = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=torch.float64)
    for at in torch.cartesian_prod(*map(torch.arange, query.shape[:-1])).tolist():
        *front, target = at
        scores = [float(query[tuple(at)] @ source) * scale for source in key[tuple(front)]]
        weights = weights_of(tuple(front), target, scores)
        out[tuple(at)] = sum(weight * row for weight, row in zip(weights, value[tuple(front)], strict=True))
    return out


def softmax(scores: list[float]) -> list[float]:
    terms = torch.tensor(scores, dtype=torch.float64).exp()
    return (terms / terms.sum()).nan_to_num(0.0).tolist()  # all sources masked: 0


BOOLEAN = drawn(4, 6, seed=5) > 0
BOOLEAN[2] = False  # a query whose sources are all masked
MASKS = {
    "none": (None, False),
    "boolean": (BOOLEAN, False),
    "added": (drawn(2, 1, 4, 6, seed=6), False),
    "causal": (None, True),
}


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("mask", MASKS)
def test_attention_is_the_formula_with_the_members_mask(mask, scale):
    query, key, value = drawn(2, 3, 4, 5), drawn(2, 3, 6, 5, seed=1), drawn(2, 3, 6, 7, seed=2)
    given, causal = MASKS[mask]
    with Intercept(MemberOps(KEY)):
        out = functional.scaled_dot_product_attention(query, key, value, given, P, causal, scale=scale)
    kept = keep_mask(KEY, 0, torch.Size([6, 4, 6]), DROPPED, torch.float64).view(2, 3, 4, 6)
    added = torch.zeros(2, 3, 4, 6, dtype=torch.float64)
    if causal:
        added = added.masked_fill(~torch.ones(4, 6, dtype=torch.bool).tril(), -torch.inf)
    elif given is not None:
        added = added + (given if given.is_floating_point() else torch.where(given, 0.0, -torch.inf))

    def weights_of(front, target, scores):
        row = added[front][target].tolist()
        plain = softmax([score + one for score, one in zip(scores, row, strict=True)])
        return [weight * keep for weight, keep in zip(plain, kept[front][target].tolist(), strict=True)]

    truth = attend(weights_of, query, key, value, scale or 5**-0.5)
    assert torch.allclose(out, truth, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mask", MASKS)
def test_so_little_dropout_that_nothing_is_dropped_gives_torchs_numbers_and_gradients(mask):
    """A probability that rounds to 0 of 65536 levels: our formula without a mask, with shared heads, too."""
    query, key, value = drawn(2, 4, 4, 5), drawn(2, 2, 6, 5, seed=1), drawn(2, 2, 6, 7, seed=2)
    given, causal = MASKS[mask]
    results = []
    for p in (1e-9, 0.0):
        leaves = [tensor.clone().requires_grad_() for tensor in (query, key, value)]
        with Intercept(MemberOps(KEY)):
            out = functional.scaled_dot_product_attention(*leaves, given, p, causal, enable_gqa=True)
        results.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for ours, torchs in zip(*results, strict=True):
        assert torch.allclose(ours, torchs, rtol=1e-12, atol=1e-13)


class Layer(nn.Module):
    """Self-attention by `nn.MultiheadAttention`."""

    def __init__(self, need_weights: bool, p: float) -> None:
        super().__init__()
        self.need_weights = need_weights
        self.attention = nn.MultiheadAttention(8, 2, dropout=p, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


@pytest.mark.parametrize("need_weights", [True, False])
def test_multihead_attention_drops_the_same_whether_weights_are_asked_for(need_weights):
    """softmax(q k^T / sqrt(d)) times the mask times v, through the layer's own projections."""
    torch.manual_seed(0)
    layer, x = Layer(need_weights, P).double().train(), drawn(3, 4, 8)
    with Intercept(MemberOps(KEY)) as calls:
        out = layer(x)
    assert calls.dropout_calls == 1
    own = layer.attention
    query, key, value = (
        part.view(3, 4, 2, 4).transpose(1, 2)
        for part in functional.linear(x, own.in_proj_weight, own.in_proj_bias).split(8, -1)
    )
    weights = (query @ key.transpose(-1, -2) / 2).softmax(-1)
    kept = keep_mask(KEY, 0, torch.Size([6, 4, 4]), DROPPED, torch.float64).view(3, 2, 4, 4)
    truth = own.out_proj((weights * kept @ value).transpose(1, 2).reshape(3, 4, 8))
    assert torch.allclose(out, truth, rtol=1e-12, atol=1e-14)


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)


class Decoder(nn.Module):
    """A causal `nn.TransformerDecoderLayer` with its own input as memory."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.3, batch_first=True)

    def forward(self, x):
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.layer(x, x.flip(1), tgt_mask=mask)


def passes(net: nn.Module, params, x, key, stacked: bool):
    with Intercept(MemberOps(key, stacked=stacked)):
        return functional_call(net, params, (x,))


@pytest.mark.parametrize("make", [encoder, Decoder, lambda: Layer(False, 0.3), lambda: Layer(True, 0.3)])
def test_a_transformer_stacked_is_each_member_alone_with_its_gradients(make):
    net, x, keys = fuse(make().double().train()), drawn(3, 2, 4, 8), torch.tensor([11, 12, 13])
    params = {name: tensor.detach() + drawn(3, *tensor.shape) / 9 for name, tensor in net.named_parameters()}
    for tensor in params.values():
        tensor.requires_grad_()
    before = torch.get_rng_state()
    together = vmap(lambda own, images, key: passes(net, own, images, key, True))(params, x, keys)
    slopes = torch.autograd.grad(together.pow(3).sum(), list(params.values()))
    for member in range(3):
        own = {name: tensor[member].detach().requires_grad_() for name, tensor in params.items()}
        alone = passes(net, own, x[member], keys[member], False)
        assert torch.allclose(together[member], alone, rtol=1e-12, atol=1e-13)
        for slope, lone in zip(slopes, torch.autograd.grad(alone.pow(3).sum(), list(own.values())), strict=True):
            assert torch.allclose(slope[member], lone, rtol=1e-11, atol=1e-12)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(passes(net, own, x[2], keys[0], False), alone)
