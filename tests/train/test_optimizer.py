"""Stacked optimisers against torch's on each network alone, in one run and after resuming."""

import pytest
import torch

from modescape.recipe import Train
from modescape.train.loop import of_member
from modescape.train.optimizer import Optimizer

SHAPES = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,), "dense.weight": (5, 7)}
MEMBERS = 3


def parameters(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(MEMBERS, *shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in SHAPES.items()
    }


def steps(optimizer, first, last, rate=0.01):
    for number in range(first, last):
        gradients = {name: gradient.detach() for name, gradient in parameters(100 + number).items()}
        optimizer.step(gradients, rate * (number + 1))


@pytest.mark.parametrize("decay", ["all", "kernels"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_each_member_is_optimised_as_if_alone(optimizer, decay):
    train = Train(optimizer=optimizer, learning_rate=0.01, weight_decay=0.3, decay=decay, epsilon=1e-7, momentum=0.8)
    together = parameters(0)
    steps(Optimizer(train, together), 0, 5)
    for member in range(MEMBERS):
        alone = {name: tensor[member].detach().clone().requires_grad_() for name, tensor in parameters(0).items()}
        groups = [
            {"params": [tensor], "weight_decay": 0.3 if decay == "all" or name.endswith("weight") else 0.0}
            for name, tensor in alone.items()
        ]
        if optimizer == "adam":
            plain = torch.optim.Adam(groups, lr=0.01, eps=1e-7, foreach=False)
        else:
            plain = torch.optim.SGD(groups, lr=0.01, momentum=0.8, foreach=False)
        for number in range(5):
            for name, gradient in parameters(100 + number).items():
                alone[name].grad = gradient[member].detach().clone()
            for group in plain.param_groups:
                group["lr"] = 0.01 * (number + 1)
            plain.step()
        for name, tensor in alone.items():
            assert torch.allclose(together[name][member], tensor, rtol=1e-12, atol=1e-14), name


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_saved_and_restored_goes_on_with_the_same_bits(optimizer):
    train = Train(optimizer=optimizer, learning_rate=0.01, weight_decay=0.3, decay="kernels")
    whole, first = parameters(0), parameters(0)
    steps(Optimizer(train, whole), 0, 6)
    paused = Optimizer(train, first)
    steps(paused, 0, 3)
    saved = [of_member(paused.tensors(), member) for member in range(MEMBERS)]
    saved = [{name: tensor.clone() for name, tensor in one.items()} for one in saved]
    assert all(tensor.shape in set(SHAPES.values()) | {()} for tensor in saved[0].values())
    second = {name: tensor.detach().clone().requires_grad_() for name, tensor in first.items()}
    resumed = Optimizer(train, second)
    resumed.restore(saved)
    steps(resumed, 3, 6)
    assert all(torch.equal(whole[name], second[name]) for name in whole)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_rate_from_a_tensor_is_that_of_a_number(optimizer):
    """Recorded steps read the rate from a tensor of 32 bits."""
    train = Train(optimizer=optimizer)
    one, other = parameters(0), parameters(0)
    gradients = {name: gradient.detach() for name, gradient in parameters(100).items()}
    Optimizer(train, one).step(gradients, 0.01)
    Optimizer(train, other).step(gradients, torch.tensor(0.01))
    assert all(torch.allclose(one[name], other[name], rtol=1e-6, atol=1e-9) for name in one)


def test_sgd_without_momentum_is_the_plain_step_and_keeps_nothing():
    params = parameters(0)
    before = {name: tensor.detach().clone() for name, tensor in params.items()}
    optimizer = Optimizer(Train(optimizer="sgd", momentum=0.0), params)
    steps(optimizer, 0, 1)
    assert optimizer.tensors() == {}
    for name, gradient in parameters(100).items():
        assert torch.allclose(params[name], before[name] - 0.01 * gradient, rtol=1e-12, atol=0)


@pytest.mark.parametrize("order", [("single", "double"), ("double", "single")])
def test_tensors_of_two_types_are_each_stepped_in_their_own(order):
    generator = torch.Generator().manual_seed(3)
    kinds = {"single": torch.float32, "double": torch.float64}
    own = {name: torch.ones(1, 37, dtype=kinds[name]).requires_grad_() for name in order}
    plain = {name: tensor.detach().clone().requires_grad_() for name, tensor in own.items()}
    optimizer, alone = Optimizer(Train(optimizer="adam"), own), torch.optim.Adam(plain.values(), lr=0.1, eps=1e-8)
    for _ in range(5):
        slopes = {name: torch.randn(1, 37, generator=generator, dtype=kinds[name]) for name in order}
        optimizer.step(slopes, 0.1)
        for name, tensor in plain.items():
            tensor.grad = slopes[name]
        alone.step()
    torch.testing.assert_close(own["single"], plain["single"], rtol=1e-6, atol=0)
    torch.testing.assert_close(own["double"], plain["double"], rtol=1e-14, atol=0)
    assert {tensor.dtype for tensor in optimizer.state["step"].values()} == {torch.float32}  # as torch counts


def test_steps_are_counted_in_float32_whatever_the_default_is():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        optimizer = Optimizer(Train(optimizer="adam"), {"a": torch.ones(1, 3, dtype=torch.float32)})
    finally:
        torch.set_default_dtype(before)
    assert optimizer.state["step"]["a"].dtype == torch.float32
