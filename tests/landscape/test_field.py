"""`Landscape`: losses, batch norm, stacked points, and refusals."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from landscape_networks import BLANK, CLASSES, Quadratic, as_said, data, mlp, numbers, seeded
from torch import nn

from modescape.errors import InputError
from modescape.landscape import Landscape
from modescape.landscape.runner import POLICIES
from modescape.types import ModelState


def moved(network, factor):
    return {name: t * factor if t.is_floating_point() else t for name, t in network.state_dict().items()}


def test_a_quadratic_is_its_closed_form():
    network = Quadratic()
    field = Landscape(network, batches=BLANK, loss=as_said)
    points = [{"weight": numbers(5, number=number)} for number in range(4)]
    wanted = [float(0.5 * p["weight"] @ network.matrix @ p["weight"] + network.slope @ p["weight"]) for p in points]
    np.testing.assert_allclose(field.values(points), wanted, rtol=1e-13)
    np.testing.assert_allclose(field.values({"weight": torch.stack([p["weight"] for p in points])}), wanted, rtol=1e-13)
    gradient = field.gradient(points[0])["weight"]
    torch.testing.assert_close(gradient, network.matrix @ points[0]["weight"] + network.slope)


def test_a_linear_network_of_two_layers_is_its_closed_form():
    network = seeded(nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)))
    inputs, target = numbers(10, 4), numbers(10, 2, number=1)
    field = Landscape(network, None, [(inputs[:4], target[:4]), (inputs[4:], target[4:])], loss="mse")
    first, second = (layer.weight.detach() for layer in network)
    residual = inputs @ first.T @ second.T - target
    assert field.value() == pytest.approx(float(residual.square().mean()), rel=1e-13)
    wanted = {"1.weight": 2 * residual.T @ inputs @ first.T / 20, "0.weight": 2 * second.T @ residual.T @ inputs / 20}
    for name, gradient in field.gradient().items():
        torch.testing.assert_close(gradient, wanted[name])


@pytest.mark.parametrize("policy", POLICIES)
def test_points_go_stacked_as_they_go_alone(policy):
    network = mlp(norm=True)
    points = [moved(network, factor) for factor in (1, 1.1, 0.7)]
    stacked = Landscape(network, batches=data(), batch_norm=policy, points_per_pass=2)
    alone = Landscape(network, batches=data(), batch_norm=policy, stack=False)
    assert stacked.stack
    np.testing.assert_allclose(stacked.values(points), [alone.value(point) for point in points], rtol=1e-12)
    np.testing.assert_array_equal(stacked.evaluate(points).accuracy, alone.evaluate(points).accuracy)
    assert alone.value() == stacked.value(points[0]) == alone.value_and_gradient()[0]


def test_convolutions_go_stacked_too():
    network = seeded(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, CLASSES))
    )
    batches = [(numbers(6, 1, 4, 4), torch.arange(6) % CLASSES)]
    points = [moved(network, factor) for factor in (1, 1.2)]
    alone, stacked = Landscape(network, batches=batches), Landscape(network, batches=batches, stack=True)
    assert not alone.stack
    np.testing.assert_allclose(alone.values(points), stacked.values(points), rtol=1e-12)


def test_pictures_go_in_pieces_channels_last_where_the_network_allows():
    class Viewing(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.last = nn.Conv2d(2, 16, 3, padding=1), nn.Linear(16384, CLASSES)

        def forward(self, pictures):
            return self.last(self.convolution(pictures).view(len(pictures), 16384))

    network = seeded(Viewing())
    free = seeded(nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.Flatten(), nn.Linear(16384, CLASSES)))
    batches = [(numbers(300, 2, 32, 32), torch.arange(300) % CLASSES)]
    with torch.no_grad():
        wanted = float(functional.cross_entropy(free(batches[0][0]), batches[0][1]))
    fields = [Landscape(net.float(), batches=batches) for net in (network, free)]
    assert [field.evaluator.pieces.channels_last for field in fields] == [False, True]
    assert [len(list(field.evaluator.batches())) for field in fields] == [3, 3]
    small = seeded(nn.Sequential(nn.Conv2d(1, 16, 3), nn.Flatten(), nn.Linear(64, CLASSES))).float()
    uncut = Landscape(small, batches=[(numbers(300, 1, 4, 4), torch.arange(300) % CLASSES)])
    assert len(list(uncut.evaluator.batches())) == 1  # small enough for the caches
    own = Landscape(free, batches=batches, loss=functional.cross_entropy)
    assert len(list(own.evaluator.batches())) == 1  # an unknown loss may not be a mean over examples
    for field in (*fields, own):
        assert field.value() == pytest.approx(wanted, rel=1e-6)
        assert field.value_and_gradient()[0] == pytest.approx(wanted, rel=1e-6)


def test_recomputed_statistics_are_torch_s_cumulative_average():
    network, batches = mlp(norm=True), data()
    reference = copy.deepcopy(network)
    reference[1].reset_running_stats()
    reference[1].momentum = None
    with torch.no_grad():
        for inputs, _ in batches:
            reference.train()(inputs)
        losses = [functional.cross_entropy(reference.eval()(x), y) for x, y in batches]
    field = Landscape(network, batches=batches)
    assert field.value() == pytest.approx(float(sum(losses)) / 2, rel=1e-13)
    fresh = field.local().held["1.running_var"]
    torch.testing.assert_close(fresh, reference[1].running_var)
    torch.testing.assert_close(network[1].running_var, mlp(norm=True)[1].running_var)  # other networks are not modified


def test_policies_differ_as_they_should():
    network, other, batches = mlp(norm=True), mlp(norm=True, number=1), data(batches=1)
    inputs, labels = batches[0]
    middle = {name: (t + other.state_dict()[name]) / 2 if t.is_floating_point() else t
              for name, t in network.state_dict().items()}  # fmt: skip
    wanted = {}
    with torch.no_grad():
        twin = copy.deepcopy(network)
        twin.load_state_dict(middle)
        wanted["interpolate"] = functional.cross_entropy(twin(inputs), labels)
        wanted["batch"] = functional.cross_entropy(copy.deepcopy(twin).train()(inputs), labels)
        twin[1].load_state_dict(
            {**twin[1].state_dict(), **{n: network[1].state_dict()[n] for n in ("running_mean", "running_var")}}
        )
        wanted["eval"] = functional.cross_entropy(twin(inputs), labels)
    for policy, value in wanted.items():
        assert Landscape(network, batches=batches, batch_norm=policy).value(middle) == pytest.approx(
            float(value), rel=1e-12
        )


def test_uneven_batches_count_by_their_examples_or_tokens():
    network = mlp()
    inputs, labels = numbers(7, 4), torch.arange(7) % CLASSES
    labels[2] = -100
    field = Landscape(network, None, [(inputs[:2], labels[:2]), (inputs[2:], labels[2:])])
    with torch.no_grad():
        whole = functional.cross_entropy(network(inputs), labels)
    assert field.value() == pytest.approx(float(whole), rel=1e-13)
    tokens = inputs[None].expand(2, 7, 4) + numbers(2, 7, 4, number=3)
    their = torch.stack([labels, labels.roll(1)])
    own = Landscape(network, None, [(tokens[:1], their[:1]), (tokens[1:], their[1:])])
    with torch.no_grad():
        wanted = functional.cross_entropy(network(tokens).flatten(0, 1), their.flatten())
    assert own.value() == pytest.approx(float(wanted), rel=1e-13)
    assert own.evaluate().units == 12  # two of the fourteen labels are ignored
    pairs = [(inputs[:2], inputs[:2]), (inputs[2:], inputs[2:])]
    own_loss = Landscape(network, None, pairs, lambda output, x: (output.sum() + x.sum()) / len(output))
    with torch.no_grad():
        assert own_loss.value() == pytest.approx(float((network(inputs).sum() + inputs.sum()) / 7), rel=1e-12)


def test_frozen_and_shared_parameters():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.fixed = nn.Linear(4, 4), nn.Linear(4, CLASSES)
            self.outer = nn.Linear(4, 4)
            self.outer.weight = self.inner.weight
            self.fixed.requires_grad_(False)

        def forward(self, inputs):
            return self.fixed(self.outer(self.inner(inputs).tanh()))

    network = seeded(Tied())
    field = Landscape(network, batches=data())
    assert list(field.params) == ["inner.weight", "inner.bias", "outer.bias"]
    assert field.value(network.state_dict()) == field.value()
    point = {**field.params, "inner.weight": field.params["inner.weight"] * 2}
    renamed = {"outer.weight" if name == "inner.weight" else name: tensor for name, tensor in point.items()}
    twin = copy.deepcopy(network)
    with torch.no_grad():
        twin.inner.weight *= 2
        inputs, labels = (torch.cat(part) for part in zip(*data(), strict=True))
        wanted = float(functional.cross_entropy(twin(inputs), labels))
    np.testing.assert_allclose([*field.values([point, renamed]), field.value(point)], wanted, rtol=1e-12)
    assert set(field.gradient()) == set(field.params)
    assert set(field.random_cut(1).axes[0].params) == {"inner.weight"}


def test_batches_of_any_kind():
    network, batches = mlp(), data()
    wanted = Landscape(network, batches=batches).value()
    whole = tuple(torch.cat(part) for part in zip(*batches, strict=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*whole), batch_size=5)
    named = [{"input": inputs, "labels": labels} for inputs, labels in batches]
    for one in (whole, loader, lambda: iter(batches), lambda: (pair for pair in batches), named):
        assert Landscape(network, batches=one).value() == pytest.approx(wanted, rel=1e-12)
    single = [(inputs.float().numpy(), labels.numpy()) for inputs, labels in batches]
    assert Landscape(network, batches=single).value() == pytest.approx(wanted, rel=1e-5)
    odd = [(labels, inputs) for inputs, labels in batches]
    assert Landscape(network, batches=odd, unpack=lambda pair: (pair[1], pair[0])).value() == wanted


def test_accuracy_and_agreement_come_with_the_loss():
    network, batches = mlp(), data()
    inputs, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    other = mlp(number=1)
    with torch.no_grad():
        said, theirs = network(inputs).argmax(-1), other(inputs)
    field = Landscape(network, batches=batches, predictions={"other": theirs, "own": said.numpy()})
    found = field.evaluate([network.state_dict(), other.state_dict()])
    np.testing.assert_allclose(
        found.accuracy, [(said == labels).double().mean(), (theirs.argmax(-1) == labels).double().mean()]
    )
    np.testing.assert_allclose(found.agreement["other"], [(said == theirs.argmax(-1)).double().mean(), 1])
    assert found.agreement["own"][0] == 1
    with pytest.raises(InputError, match="predictions 'own' are 3, the data have more"):
        Landscape(network, batches=batches, predictions={"own": said[:3]})
    with pytest.raises(InputError, match="predictions 'own' are 25, the data have 24"):
        Landscape(network, batches=batches, predictions={"own": torch.zeros(25)[:, None].expand(25, 3)}).value()


def test_dropout_is_off_unless_asked_for_and_then_the_same_everywhere():
    network = seeded(nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, CLASSES))).train()
    plain = seeded(nn.Sequential(nn.Linear(4, 6), nn.Identity(), nn.ReLU(), nn.Linear(6, CLASSES)))
    off, on = Landscape(network, batches=data()), Landscape(network, batches=data(), dropout=True)
    assert off.value() == Landscape(plain, batches=data()).value() != on.value()
    assert on.value() == on.values([network.state_dict()] * 2)[1]
    assert network.training


def test_a_network_that_is_no_function_is_said():
    class Noisy(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs) + torch.randn(len(inputs), 3)

    with pytest.warns(UserWarning, match="the same point has the values"):
        field = Landscape(Noisy(4, 3).double(), batches=data())
    assert not field.stack
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Landscape(Noisy(4, 3).double(), batches=data(), check=False)


class OwnWeights(nn.Module):
    """Keeps weights in a plain list, where they are not registered as parameters."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, CLASSES).double()
        self.kept = [self.layer.weight]

    def forward(self, inputs):
        return inputs @ self.kept[0].T


REFUSED = {
    "there is no data": lambda: Landscape(mlp()),
    "expected an nn.Module": lambda: Landscape(lambda x: x, batches=data()),
    "give the network inside": lambda: Landscape(nn.DataParallel(mlp()), batches=data()),
    "gives the same output with other weights": lambda: Landscape(OwnWeights(), batches=data()),
    "expected a tensor of one number": lambda: Landscape(mlp(), None, data(), lambda out, y: out),
    "there is no loss 'nll'": lambda: Landscape(mlp(), batches=data(), loss="nll"),
    "there is no batch_norm 'train'": lambda: Landscape(mlp(), batches=data(), batch_norm="train"),
    "can be gone through once": lambda: Landscape(mlp(), batches=iter(data())),
    "there are no batches": lambda: Landscape(mlp(), batches=[]),
    "has 12 inputs and 11 targets": lambda: Landscape(mlp(), batches=[(x, y[1:]) for x, y in data()]),
    "do not fit": lambda: Landscape(mlp(), batches=[(x, y[:, None]) for x, y in data()]),
    "fails on the first batch": lambda: Landscape(mlp(), batches=[(x[:, 1:], y) for x, y in data()]),
    "holds NaN": lambda: Landscape(mlp(), {n: t / 0 for n, t in mlp().state_dict().items()}, data()),
    "'0.weight' of the point has shape": lambda: Landscape(mlp(), batches=data()).value(
        {n: t[:1] for n, t in mlp().state_dict().items()}
    ),
    "the point has no '2.bias'": lambda: Landscape(mlp(), batches=data()).value(
        {n: t for n, t in mlp().state_dict().items() if n != "2.bias"}
    ),
    "which the network does not have": lambda: Landscape(mlp(), batches=data()).value(
        {**mlp().state_dict(), "a": numbers(1)}
    ),
    "has no running statistics": lambda: Landscape(mlp(norm=True), batches=data(), batch_norm="interpolate").value(
        dict(mlp(norm=True).named_parameters())
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    with pytest.raises(InputError, match=message):
        REFUSED[message]()


def test_a_generator_that_is_handed_out_twice_is_refused():
    once = (pair for pair in data())
    with pytest.raises(InputError, match="has to make a new generator"):
        Landscape(mlp(), batches=lambda: once).value()


def test_a_point_without_a_finite_loss_is_counted():
    network = mlp()
    field = Landscape(network, batches=data())
    found = field.evaluate([network.state_dict(), moved(network, 1e200), moved(network, float("nan"))])
    assert found.gaps == 2
    assert np.isfinite(found.loss[0])
    assert np.isnan(found.accuracy[2])
    assert isinstance(field.state(), ModelState)
