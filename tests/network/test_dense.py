"""Stacked members of dense layers without `vmap`: each member's own outputs and gradients; which qualify."""

import pytest
import torch
from torch import nn

from modescape import data, recipe
from modescape.models.mlp import mlp
from modescape.network.dense import dense_of
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps
from modescape.train.planning import DENSE_GROUP, make_plan

KEYS = torch.tensor([11, 12, 13])


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_outputs_and_gradients_are_those_of_each_member_alone(norm, activation):
    """To 1e-12 in float64, with each member's own dropout masks."""
    torch.manual_seed(0)
    module = mlp(5, 3, widths=(7, 6), activation=activation, dropout=0.3, norm=norm).double().train()
    dense = dense_of(module)
    assert dense is not None
    params = {
        name: (tensor.detach() + torch.randn(3, *tensor.shape, dtype=torch.float64) / 5).requires_grad_()
        for name, tensor in module.named_parameters()
    }
    x = torch.randn(3, 9, 5, dtype=torch.float64)
    assert dense.takes(x)
    assert not dense.takes((x, x))
    together = dense(params, x, KEYS)
    slopes = torch.autograd.grad(together.pow(3).sum(), list(params.values()))
    fuse(module)
    for member in range(3):
        own = {name: tensor[member].detach().requires_grad_() for name, tensor in params.items()}
        with Intercept(MemberOps(KEYS[member])):
            alone = torch.func.functional_call(module, own, (x[member],))
        torch.testing.assert_close(together[member], alone, rtol=0, atol=1e-12)
        for slope, lone in zip(slopes, torch.autograd.grad(alone.pow(3).sum(), list(own.values())), strict=True):
            torch.testing.assert_close(slope[member], lone, rtol=1e-12, atol=1e-12)


def test_other_networks_are_left_to_vmap():
    assert dense_of(mlp(5, 3, norm="batch")) is None
    assert dense_of(mlp(5, 3, categories=[4])) is None
    assert dense_of(nn.Sequential(nn.Linear(5, 3))) is None


def _halved(module):
    module.register_forward_hook(lambda layer, args, output: output / 2)


def _heard_inside(module):
    module.body.dense1.register_forward_pre_hook(lambda layer, args: (args[0] / 2,))


def _dropping_otherwise(module):
    module.body.dropout1.forward = lambda x: x / 2


def _without_bias(module):
    module.body.dense1 = nn.Linear(5, 64, bias=False)


def _shared_bias(module):
    module.body.dense2.bias = module.body.dense1.bias


@pytest.mark.parametrize("change", [_halved, _heard_inside, _dropping_otherwise, _without_bias, _shared_bias])
def test_a_built_in_network_that_was_changed_is_left_to_vmap(change):
    module = mlp(5, 3, dropout=0.2)
    assert dense_of(fuse(module)) is not None
    module = mlp(5, 3, dropout=0.2)
    change(module)
    assert dense_of(module) is None


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ([], DENSE_GROUP),
        (["train.members=2"], DENSE_GROUP),
        (["model.arguments={widths: [512, 512]}", "train.batch_size=128"], 1),
        (["model.arguments={norm: batch}"], 1),
        (["train.arithmetic=bf16"], 1),
    ],
)
def test_small_members_share_a_step_however_many_there_are(settings, size):
    made = recipe.load("table", settings)
    plan = make_plan(made, data.load(made.data, 0), "cpu", Habits())
    assert plan.group_size == size
