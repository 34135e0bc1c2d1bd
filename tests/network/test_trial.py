"""The trial of a network: what it finds, and what it refuses before anything starts."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from modescape import recipe, rng
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.models import MODELS, build
from modescape.network.habits import Habits
from modescape.network.watching import watch
from modescape.train.trial import trial

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

FEATURES, CLASSES = 16, 3


class Dense(nn.Module):
    """The network that the others modify in one respect."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(FEATURES, CLASSES)

    def forward(self, x):
        return self.dense(x.flatten(1))


class View(Dense):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 2, stride=2)
        self.dense = nn.Linear(8, CLASSES)

    def forward(self, x):
        return self.dense(self.convolution(x).view(-1, 8))


class ViewBehindLayers(View):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2))


class Statistics(Dense):
    """Running statistics that are not in ``state_dict``."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES), persistent=False)
        self.register_buffer("constant", torch.ones(FEATURES), persistent=False)

    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            self.mean.lerp_(x.mean(0), 0.1)
        return self.dense(x - self.mean * self.constant)


class Features(Dense):
    """Random features that differ from member to member."""

    def __init__(self, persistent=False):
        super().__init__()
        self.register_buffer("features", torch.randn(FEATURES, FEATURES), persistent=persistent)

    def forward(self, x):
        return self.dense(torch.sin(x.flatten(1) @ self.features))


class Listed(Dense):
    def __init__(self):
        super().__init__()
        self.held = {"means": [torch.zeros(FEATURES)]}

    def forward(self, x):
        x, means = x.flatten(1), self.held["means"]
        if self.training:
            means[0] = torch.lerp(means[0], x.detach().mean(0), 0.1)
        return self.dense(x - means[0])


class Attribute(Features):
    def __init__(self):
        super().__init__()
        features = self.features
        del self.features
        self.features = features


class Counted(Dense):
    calls = 0

    def forward(self, x):
        self.calls += self.training
        return super().forward(x) * (1 + self.calls)


class Remembering(Dense):
    """Stores its last output, which changes nothing."""

    last, calls = None, 0

    def forward(self, x):
        self.last, self.calls = super().forward(x), self.calls + 1
        return self.last


class Twice(Dense):
    """Holds one layer under two names."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.again = self.norm

    def forward(self, x):
        return super().forward(self.again(self.norm(x)))


class Mixing(Dense):
    """Compares each image with the others of its batch, in evaluation, too."""

    def forward(self, x):
        return super().forward(x - x.mean(0))


class Noise(Dense):
    def forward(self, x):
        return super().forward(x + torch.randn_like(x))


class NumpyNoise(Dense):
    def forward(self, x):
        return super().forward(x + torch.from_numpy(np.random.normal(size=tuple(x.shape))).float())


class AlwaysDropping(Dense):
    def forward(self, x):
        return super().forward(functional.dropout(x, 0.5, training=True))


class OwnGenerator(Dense):
    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng()

    def forward(self, x):
        return super().forward(x + float(self.generator.normal()))


class OwnGeneratorInTraining(OwnGenerator):
    def forward(self, x):
        return super().forward(x) if self.training else self.dense(x.flatten(1))


class Squeezing(Dense):
    """Drops the batch dimension of a single example."""

    def forward(self, x):
        return super().forward(x).squeeze()


class SqueezingInside(Dense):
    def forward(self, x):
        return super().forward(x.squeeze())


class Auxiliary(Dense):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(FEATURES, CLASSES)

    def forward(self, x):
        main = super().forward(x)
        return (main, self.other(x.flatten(1))) if self.training else main


class AuxiliaryFirst(Auxiliary):
    def forward(self, x):
        main = Dense.forward(self, x)
        return (self.other(x.flatten(1)), main) if self.training else main


class WideInTraining(Dense):
    def forward(self, x):
        logits = super().forward(x)
        return torch.cat([logits, logits], 1) if self.training else logits


class Recurrent(Dense):
    def __init__(self):
        super().__init__()
        self.rows = nn.LSTM(4, FEATURES, batch_first=True)

    def forward(self, x):
        return self.dense(self.rows(x.flatten(1, 2))[0][:, -1])


def fussy():
    """A factory that works for a single seed only."""
    if torch.initial_seed() != rng.key(0, "initialisation", 0) & (1 << 63) - 1:
        raise ValueError("another seed")
    return Recurrent()


class Product(Dense):
    """Multiplies by a parameter of its own, without a layer."""

    def __init__(self):
        super().__init__()
        self.own = nn.Parameter(torch.eye(CLASSES))

    def forward(self, x):
        return super().forward(x) @ self.own


class Scalar(Dense):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("turn", torch.ones(1, dtype=torch.complex64))
        self.register_buffer("small", torch.ones(2, dtype=torch.float8_e5m2))

    def forward(self, x):
        return self.scale * super().forward(x) * self.turn.real


class Switching(Dense):
    """Switches itself to training mode, so that dropout is active in evaluation, too."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        self.train()
        return self.drop(super().forward(x))


class Silent(Dense):
    """Overrides ``train`` and returns nothing from it."""

    def train(self, mode=True):
        super().train(mode)

    def eval(self):
        super().eval()


class Masked(Dense):
    """A class that is never predicted."""

    def forward(self, x):
        return super().forward(x).index_fill(1, torch.tensor([2]), -torch.inf)


class Growing(Dense):
    def __init__(self):
        super().__init__()
        self.register_buffer("means", torch.zeros(0, FEATURES))

    def forward(self, x):
        if self.training:
            self.means = torch.cat([self.means, x.flatten(1).mean(0, keepdim=True)])
        return super().forward(x)


class Removing(Dense):
    def forward(self, x):
        if self.training:
            self.dense.bias = None
        return super().forward(x)


class Emptying(Dense):
    """A cache that the first call removes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(2), persistent=False)

    def forward(self, x):
        self.cache = None
        return super().forward(x)


class Sparse(Dense):
    def __init__(self):
        super().__init__()
        self.register_buffer("same", torch.eye(CLASSES).to_sparse())


class Sized(Dense):
    """Caches a mask with the size of the batch."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.ones(1, 1), persistent=False)

    def forward(self, x):
        if len(self.mask) != len(x):
            self.mask = torch.ones(len(x), 1)
        return super().forward(x) * self.mask


class TiedByData(Dense):
    def __init__(self):
        super().__init__()
        self.again = nn.Linear(FEATURES, CLASSES)
        self.again.weight.data = self.dense.weight.data

    def forward(self, x):
        return super().forward(x) + self.again(x.flatten(1))


class Halves(Dense):
    """Two parameters in one storage, and a sparse constant."""

    def __init__(self):
        super().__init__()
        memory = torch.ones(2 * CLASSES)
        self.scale, self.shift = nn.Parameter(memory[:CLASSES]), nn.Parameter(memory[CLASSES:])
        self.same = torch.eye(CLASSES).to_sparse()

    def forward(self, x):
        return torch.sparse.mm(self.same, super().forward(x).T).T * self.scale + self.shift


class Merging(Dense):
    """Caches values derived from its weights in evaluation, until its mode is set again."""

    def train(self, mode=True):
        self.merged = None
        return super().train(mode)

    def forward(self, x):
        if self.training:
            return super().forward(x)
        if self.merged is None:
            self.merged = 2 * self.dense.weight.detach()
        return functional.linear(x.flatten(1), self.merged / 2, self.dense.bias)


class NotANumber(Dense):
    def forward(self, x):
        return (super().forward(x) - 1e6).sqrt()


SHARED, ONE, KEPT = nn.Linear(CLASSES, CLASSES), Dense(), {}


class SharingLayer(Dense):
    def __init__(self):
        super().__init__()
        self.shared = SHARED

    def forward(self, x):
        return self.shared(super().forward(x))


class SharingStatistics(Dense):
    norm = nn.BatchNorm1d(CLASSES, affine=False)

    def __init__(self):
        super().__init__()
        self.own = SharingStatistics.norm

    def forward(self, x):
        return self.own(super().forward(x))


class KeepingInAGlobal(Dense):
    def forward(self, x):
        if self.training:
            KEPT["mean"] = x.detach().mean(0)
        return super().forward(x - KEPT.get("mean", 0))


def one_for_all():
    ONE.dense.reset_parameters()
    return ONE


class Failing(Dense):
    def forward(self, x):
        if self.training:
            raise KeyError("no such\nlayer")
        return super().forward(x)


def double():
    return Scalar().double()


def normalised():
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(FEATURES, CLASSES)))


def spectral():
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(FEATURES, CLASSES)))


def seeded():
    torch.manual_seed(42)
    return Dense()


def unseeded():
    network = Dense()
    network.dense.bias.data = torch.from_numpy(np.random.default_rng().normal(size=CLASSES)).float()
    return network


def scripted():
    return torch.jit.trace(Dense(), torch.zeros(1, 1, 4, 4))


def half():
    return Dense().half()


def complex_weights():
    network = Dense()
    network.turn = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    return network


def wide_complex():
    network = Dense()
    network.register_buffer("turn", torch.ones(2, dtype=torch.complex128))
    return network


def softmaxed():
    return nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, CLASSES), nn.Softmax(1))


def tried(factory: str, arithmetic="tf32", **model) -> Habits:
    train = recipe.Train(arithmetic=arithmetic)
    settings = recipe.Recipe(model=recipe.Model(factory=f"{__name__}:{factory}", **model), train=train)
    image = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8, generator=rng.stream(0, "trial"))
    data = Split(image.contiguous(memory_format=torch.channels_last), torch.arange(20) % CLASSES)
    return trial(settings, data, CLASSES, Preparation.of(settings.data, data.images))


@pytest.mark.parametrize(
    ("factory", "found"),
    [
        ("Dense", {}),
        ("Squeezing", {}),
        ("View", {"memory_format": "contiguous"}),
        ("ViewBehindLayers", {"memory_format": "contiguous"}),
        ("Statistics", {"kept_buffers": ("mean",)}),
        ("Features", {"kept_buffers": ("features",)}),
        ("Remembering", {"remembers": ("calls",)}),
        ("Twice", {}),
        ("Mixing", {"mixes_examples": True}),
        ("Noise", {"draws": True, "draws_in_evaluation": True}),
        ("NumpyNoise", {"draws": True, "draws_in_evaluation": True}),
        ("AlwaysDropping", {"calls_dropout": True, "draws_in_evaluation": True}),
        ("Scalar", {}),
        ("double", {"dtype": "float64"}),
        ("normalised", {}),
        ("seeded", {"starts_equal": True}),
        ("Switching", {"draws_in_evaluation": True}),
        ("Silent", {}),
        ("Masked", {}),
        ("Sized", {"replaces_buffers": True}),
        ("Emptying", {"replaces_buffers": True}),
        ("Halves", {}),
        (
            "Auxiliary",
            {"training_output": "number 0 of a tuple of 2", "without_gradient": ("other.weight", "other.bias")},
        ),
    ],
)
def test_what_a_network_does_is_found(factory, found):
    assert tried(factory) == Habits(**found)


def test_plain_numbers_that_an_interrupted_run_would_lose_are_named():
    (line,) = tried("Remembering").said("cpu")
    assert "calls; a resumed run resets them" in line
    assert "register_buffer" in line


@pytest.mark.parametrize("factory", IMAGE_MODELS)
def test_no_network_of_this_package_keeps_plain_numbers(factory):
    network = build(recipe.Model(factory=factory), (3, 32, 32), 10, 0)
    assert not watch(network, torch.rand(2, 3, 32, 32)).habits.remembers


@pytest.mark.parametrize("factory", ["Recurrent", "fussy", "spectral"])
def test_networks_that_vmap_refuses_go_alone(factory):
    habits = tried(factory)
    assert "vmap refuses it" in habits.cannot_stack
    assert not habits.can_stack
    assert not habits.can_stack_in_evaluation
    assert [line for line in habits.said("cuda") if "one at a time" in line]
    assert not habits.said("cpu")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("Listed", r"changes its predictions .*'held\['means'\]\[0\]' would be lost; register it as a buffer"),
        ("Counted", "changes its predictions .*'calls' would be lost"),
        ("Attribute", "differ in more than their parameters and buffers: 'features'; register it as a buffer"),
        ("OwnGenerator", "evaluated twice .* gives different numbers; draw from the global generators"),
        ("OwnGeneratorInTraining", "changes its loss .*draw from the global generators"),
        ("unseeded", "with the same seed it makes networks with different weights"),
        ("WideInTraining", r"turns 4 images into \[4, 6\], expected \[4, 3\]; .*model.output"),
        ("Failing", "fails in a step of training: KeyError: 'no such"),
        ("SqueezingInside", "fails in evaluation on one image alone: RuntimeError"),
        ("scripted", r"makes a TorchScript network .*return the Python network"),
        ("half", "'dense.weight' is torch.float16, .*train.arithmetic=bf16"),
        ("complex_weights", "'turn' is torch.complex64, .*view_as_real"),
        ("wide_complex", "'turn' cannot be saved: it is torch.complex128"),
        ("Growing", "changes the shape of 'means', or takes it away; keep it as large from the start"),
        ("Removing", "changes the shape of 'dense.bias', or takes it away"),
        ("Sparse", "'same' cannot be saved: it is torch.float32, torch.sparse_coo"),
        ("TiedByData", "'dense.weight' and 'again.weight' share memory, .*give both layers one nn.Parameter"),
        ("Merging", "given other weights, the network still predicts with"),
        ("NotANumber", "gives NaN before its first step"),
        ("SharingLayer", "two networks that it makes share 'shared.weight'.*make every layer anew"),
        ("one_for_all", "two networks that it makes share 'dense.weight'"),
        ("SharingStatistics", r"makes other networks from the same seed \('own.running_mean', .*make every layer anew"),
        ("KeepingInAGlobal", "makes other networks from the same seed .*keep nothing in globals"),
        ("AuxiliaryFirst", "number 0 of a tuple of 2. does not reach 'dense.weight', 'dense.bias', .*model.output"),
        ("softmaxed", "returns probabilities .*model.output_kind=probabilities"),
    ],
)
def test_what_cannot_be_done_right_is_refused_in_one_line(factory, message):
    with pytest.raises(InputError, match=message) as caught:
        tried(factory)
    assert "\n" not in str(caught.value)


def test_the_output_that_is_evaluated_is_trained_where_the_recipe_says_which():
    assert tried("AuxiliaryFirst", output=1).without_gradient == ("other.weight", "other.bias")


def test_a_softmax_is_taken_where_the_recipe_says_so():
    assert tried("softmaxed", output_kind="probabilities") == Habits()
    with pytest.raises(InputError, match=r"do not sum to 1; use model\.output_kind=logits"):
        tried("Dense", output_kind="probabilities")


def test_16_bits_are_tried_where_they_are_asked_for():
    assert tried("Product") == tried("Dense", "bf16") == Habits()
    with pytest.raises(InputError, match=r"fails with train.arithmetic=bf16: RuntimeError: .*; use tf32 or float32"):
        tried("Product", "bf16")


@pytest.mark.parametrize("factory", ["Noise", "NumpyNoise", "Statistics"])
def test_a_trial_leaves_the_global_generators_as_they_were(factory):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first = tried(factory)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]
    torch.rand(3)
    assert tried(factory) == first


def test_a_record_goes_through_a_manifest_and_odd_ones_are_refused():
    habits = tried("Auxiliary")
    assert Habits.of(habits.as_dict()) == habits
    assert Habits.of({}) == Habits()  # written by a version with fewer fields
    for odd, message in (({"draws": 1}, "network.draws is wrong"), ({"dances": True}, "it has dances")):
        with pytest.raises(InputError, match=message):
            Habits.of(odd)
