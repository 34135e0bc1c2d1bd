"""Networks that modify their input, draw in evaluation, use views or keep extra state work correctly."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from modescape import recipe, rng, tree
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.models import split_state
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.predict import Evaluator
from modescape.train.loop import Start, Trainer, of_member
from modescape.train.step import Step
from modescape.types import ModelState

CLASSES = 3


class InPlace(nn.Module):
    """Scales its input in place, or with ``aside`` out of place."""

    def __init__(self, aside=False):
        super().__init__()
        self.aside = aside
        self.convolution, self.norm, self.dense = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(64, CLASSES)

    def forward(self, x):
        x = x.sub(0.3).div(0.35) if self.aside else x.sub_(0.3).div_(0.35)
        return self.dense(self.norm(self.convolution(x)).flatten(1))


class Viewing(nn.Module):
    """Calls ``view`` on outputs of convolutions, first of a fused chain, then of a single layer."""

    def __init__(self, reshapes=False):
        super().__init__()
        self.reshapes = reshapes
        self.chain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout(0.2), nn.MaxPool2d(2), nn.ReLU())
        self.last, self.dense = nn.Conv2d(4, 2, 2), nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.chain(x)
        x = x.reshape(-1, 36) if self.reshapes else x.view(-1, 36)
        x = self.last(x.view(-1, 4, 3, 3))
        return self.dense(x.reshape(-1, 8) if self.reshapes else x.view(-1, 8))


class Noisy(nn.Module):
    """Draws random numbers in evaluation: from torch, from NumPy, and by dropout that is always active."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = functional.dropout(x.flatten(1), 0.5, training=True)
        return self.dense(x + torch.randn_like(x)) + float(np.random.normal())


class Scaled(nn.Module):
    """A scalar parameter, and statistics that are not in ``state_dict``."""

    def __init__(self):
        super().__init__()
        self.scale, self.dense = nn.Parameter(torch.ones(())), nn.Linear(64, CLASSES)
        self.register_buffer("mean", torch.zeros(64), persistent=False)

    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            self.mean.lerp_(x.mean(0), 0.1)
        return self.scale * self.dense(x - self.mean)


def double():
    return Scaled().double()


def pictures(count, channels=1, size=8):
    shape, stream = (count, channels, size, size), rng.stream(0, "pictures")
    image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=stream)
    return image.contiguous(memory_format=torch.channels_last)


def made(kind, count):
    with rng.seeded(count):
        return kind()


def stacked(networks):
    states = [split_state(network) for network in networks]
    return ModelState(*(tree.stack([state[part] for state in states]) for part in (0, 1)))


def preparation(image):
    return Preparation.of(recipe.Data(), image)


def trainer(factory, image=None, **settings):
    image = pictures(24) if image is None else image
    made = recipe.Recipe(
        model=recipe.Model(factory=f"{__name__}:{factory}"), train=recipe.Train(epochs=2, batch_size=8)
    )
    data = Split(image, torch.arange(len(image)) % CLASSES)
    return Trainer(made, data, CLASSES, Preparation.of(made.data, data.images), **settings)


def no_probe(state):
    members = len(next(iter(state.params.values())))
    return torch.zeros(members), torch.zeros(members)


def test_networks_that_change_their_input_get_images_of_their_own():
    image = pictures(20, 3, 6)
    state = stacked([made(InPlace, seed) for seed in range(3)])
    for habits in (Habits(), None):
        there, aside = (
            Evaluator(module=InPlace(one), preparation=preparation(image), habits=habits) for one in (False, True)
        )
        assert torch.equal(there(state, image), aside(state, image))
        fresh = [evaluator.recomputed(state, image).buffers for evaluator in (there, aside)]
        assert all(torch.equal(fresh[0][name], tensor) for name, tensor in fresh[1].items())


def test_draws_in_evaluation_follow_the_weights_and_nothing_else():
    image, networks = pictures(300), [made(Noisy, seed) for seed in range(3)]
    evaluator = Evaluator(module=Noisy(), preparation=preparation(image), habits=Habits(draws_in_evaluation=True))
    together = evaluator(stacked(networks), image)
    torch.rand(3), np.random.rand()
    for number in (2, 0):
        assert torch.equal(evaluator(stacked([networks[number]]), image)[0], together[number])
    twins = evaluator(stacked([networks[1], networks[1]]), image)
    assert torch.equal(twins[0], twins[1])
    careful = Evaluator(module=Noisy(), preparation=preparation(image))  # an evaluator without knowledge of the network
    assert torch.equal(careful(stacked(networks), image), together)
    same = image[:1].expand(300, -1, -1, -1)
    assert len(evaluator(stacked(networks[:1]), same)[0].unique(dim=0)) > 1  # each image gets different noise


@pytest.mark.parametrize("arithmetic", ["float32", "bf16"])
def test_a_view_is_the_reshape_alone_and_stacked(arithmetic):
    """In bf16 and stacked, our convolutions are used, whose outputs are channels-last."""
    image, keys = pictures(8), torch.tensor([1, 2])
    states = [split_state(made(Viewing, seed)) for seed in range(2)]
    policy, habits = ComputePolicy(arithmetic, memory_format="contiguous"), Habits(memory_format="contiguous")
    prepared, label = preparation(image).pick(image, torch.arange(8).expand(2, -1)), torch.arange(8) % CLASSES

    def gradients(module, members, policy):
        chosen = [states[member] for member in members]
        params, buffers = (tree.stack([state[part] for state in chosen]) for part in (0, 1))
        state = ModelState({name: tensor.requires_grad_() for name, tensor in params.items()}, buffers)
        step = Step(module, len(members), habits, policy)
        return step(state, prepared[: len(members)].clone(), label.expand(len(members), -1), keys[members])[0]

    expected = [gradients(Viewing(reshapes=True), [member], ComputePolicy(arithmetic)) for member in (0, 1)]
    together = gradients(Viewing(), [0, 1], policy)
    tolerance = 1e-5 if arithmetic == "float32" else 5e-2
    for member in (0, 1):
        alone = gradients(Viewing(), [member], policy)
        for name, gradient in expected[member].items():
            scale = float(gradient.abs().max())
            torch.testing.assert_close(alone[name], gradient, rtol=0, atol=tolerance * scale)
            torch.testing.assert_close(together[name][member], gradient[0], rtol=0, atol=tolerance * scale)


def test_a_network_that_views_is_trained_and_evaluated():
    work = trainer("Viewing")
    assert work.policy.memory_format == "contiguous"
    *_, last = work.group([0], no_probe)
    evaluator = Evaluator(module=Viewing(), preparation=work.preparation, policy=work.policy, habits=work.habits)
    network = Viewing(reshapes=True).eval()
    network.load_state_dict(tree.unstack(last.state.params, 0))
    with torch.no_grad():
        expected = network(work.data.inputs.float() / 255).log_softmax(1)
    torch.testing.assert_close(evaluator(last.state, work.data.inputs)[0].detach(), expected)


@pytest.mark.parametrize("factory", ["Scaled", "double"])
def test_training_goes_on_from_a_snapshot_with_all_that_a_network_holds(factory):
    dtype = torch.float64 if factory == "double" else torch.float32
    work = trainer(factory)
    copies = {snapshot.epoch: snapshot.copy() for snapshot in work.group([0, 1], no_probe)}
    starts = []
    for member in (0, 1):
        held = of_member(copies[1], member)
        parts = {
            kind: {name.partition("/")[2]: tensor for name, tensor in held.items() if name.startswith(kind)}
            for kind in ("param", "buffer", "optimizer")
        }
        starts.append(Start(epoch=1, state=ModelState(parts["param"], parts["buffer"]), optimizer=parts["optimizer"]))
    *_, last = trainer(factory).group([0, 1], no_probe, starts=starts)
    again = last.copy()
    assert all(torch.equal(tensor, copies[2][name]) for name, tensor in again.items())
    assert again["param/scale"].shape == (2,)
    assert {again["param/scale"].dtype, again["buffer/mean"].dtype} == {dtype}
    assert not torch.equal(again["buffer/mean"], copies[0]["buffer/mean"])


def test_what_is_kept_beside_the_state_dict_counts_in_evaluation():
    work = trainer("Scaled")
    *_, last = work.group([0], no_probe)
    evaluator = Evaluator(module=Scaled(), preparation=work.preparation, habits=work.habits)
    log_prob = evaluator(last.state, work.data.inputs)
    own = {name: tensor[0].detach() for name, tensor in {**last.state.params, **last.state.buffers}.items()}
    images = work.data.inputs.float().flatten(1) / 255
    logits = own["scale"] * ((images - own["mean"]) @ own["dense.weight"].T + own["dense.bias"])
    torch.testing.assert_close(log_prob[0].detach(), logits.log_softmax(1))
