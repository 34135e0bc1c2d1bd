"""Factories from anywhere: which are accepted, how they are seeded, and every refusal."""

import random
import sys

import numpy as np
import pytest
import torch
from torch import nn

from modescape.errors import InputError
from modescape.models import MODELS, build, check_output, normalization_parameters, split_state
from modescape.named import importable
from modescape.recipe import Model

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

FACTORIES = """
import random
import numpy as np
import torch
from torch import nn

number = 5
instance = nn.Linear(2, 2)

def plain(image_shape, num_classes, width=4):
    c, h, w = image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, width), nn.Linear(width, num_classes))

def fixed():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

def noisy():
    module = fixed()
    with torch.no_grad():
        module[1].bias.copy_(torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()]))
    return module

def greedy(num_classes, sizes):
    sizes.clear()
    return nn.Sequential(nn.Flatten(), nn.Linear(12, num_classes))

class Neighbourly(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.last = nn.Linear(12, width), nn.Linear(width, 3)

    def forward(self, x):
        from their_shift import SHIFT

        return self.last(self.inner(x.flatten(1)) + SHIFT)

def neighbourly():
    import their_width

    return Neighbourly(their_width.WIDTH)

def fails():
    raise RuntimeError("no\\nweights here")

def nothing():
    return 3

def features():
    return nn.Flatten()

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7))

def stubborn():
    return nn.Linear(5, 3)

def lazy():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))

def integers():
    module = fixed()
    module.register_parameter("count", nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False))
    return module

def tuples():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = fixed()
        def forward(self, images):
            return 0, self.inner(images)
    return Pair()

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.inner = nn.Linear(12, num_classes)
    def forward(self, images):
        return self.inner(images.flatten(1))

class Holder:
    @staticmethod
    def make():
        return fixed()

def first(image_shape, /, num_classes):
    return plain(image_shape, num_classes)

def anything(**settings):
    return plain(settings["image_shape"], 3)

def exits():
    raise SystemExit(2)

def scripted():
    return torch.jit.script(fixed())

def compiled():
    return nn.Sequential(torch.compile(fixed(), backend="eager"))

def parallel():
    return nn.DataParallel(fixed())

def on_meta():
    return fixed().to("meta")

def inference():
    with torch.inference_mode():
        return fixed()

def listened():
    module = fixed()
    module[1].weight.register_post_accumulate_grad_hook(lambda parameter: None)
    return module

def doubles():
    torch.set_default_dtype(torch.float64)
    return fixed()

def without_gradients():
    torch.set_grad_enabled(False)
    return fixed()

class Doubling(Net):
    def forward(self, images):
        torch.set_default_dtype(torch.float64)
        return super().forward(images)

class Removing(Net):
    def forward(self, images):
        if not self.training:
            self.inner.bias = None
        return super().forward(images)

class ByItsFirstImages(Net):
    ready = False
    def forward(self, images):
        if not self.ready:
            self.inner.bias.data.fill_(images.mean() + 1)
            self.ready = True
        return super().forward(images)
"""
DRAWING = """
import torch
from torch import nn

CONSTANT = torch.rand(12)

class Scaled(nn.Linear):
    def __init__(self):
        super().__init__(12, 3)
    def forward(self, images):
        return super().forward(images.flatten(1) * CONSTANT)
"""
SHAPE = (3, 2, 2)


@pytest.fixture
def factories(tmp_path, monkeypatch):
    """A module that exists only in the working directory."""
    (tmp_path / "their_networks.py").write_text(FACTORIES)
    (tmp_path / "broken_networks.py").write_text("import torch\nraise KeyError('weights')\n")
    (tmp_path / "exiting_networks.py").write_text("raise SystemExit(2)\n")
    (tmp_path / "drawing_networks.py").write_text(DRAWING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing is written to the factory's folder
    yield lambda name: f"their_networks:{name}"
    for module in ("their_networks", "broken_networks", "exiting_networks", "drawing_networks"):
        sys.modules.pop(module, None)


def make(factory, shape=SHAPE, classes=3, key=1, **arguments):
    return build(Model(factory=factory, arguments=arguments), shape, classes, key)


def weights(module):
    return torch.cat([tensor.reshape(-1) for tensor in split_state(module).params.values()])


def global_state():
    return torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()


def same_state(a, b):
    return torch.equal(a[0], b[0]) and np.array_equal(a[1], b[1]) and a[2] == b[2]


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_a_key_fixes_the_weights_and_the_global_state_neither_matters_nor_changes(name):
    first = weights(make(name, (3, 20, 20), key=7))
    torch.rand(3), np.random.rand(2), random.random()
    before = global_state()
    assert torch.equal(weights(make(name, (3, 20, 20), key=7)), first)
    assert same_state(before, global_state())
    assert not torch.equal(weights(make(name, (3, 20, 20), key=8)), first)


def test_every_generator_is_seeded(factories):
    first = make(factories("noisy"), key=-3)[1].bias
    torch.rand(3), np.random.rand(2), random.random()
    assert torch.equal(make(factories("noisy"), key=-3)[1].bias, first)
    assert (make(factories("noisy"), key=4)[1].bias != first).all()


def test_neighbours_of_a_factory_can_be_imported_while_it_and_its_network_run(tmp_path, factories, monkeypatch):
    path = list(sys.path)
    for name, value in (("their_width", "WIDTH = 5"), ("their_shift", "SHIFT = 2.0")):
        (tmp_path / f"{name}.py").write_text(value)
        monkeypatch.delitem(sys.modules, name, raising=False)  # an earlier test may have imported it
    module = make(factories("neighbourly"))
    assert module.inner.weight.shape == (5, 12)
    assert {"their_width", "their_shift"} <= sys.modules.keys()
    assert sys.path == path
    with importable(factories("neighbourly")):
        assert sys.path == [str(tmp_path), *path]
    with importable(factories("neighbourly"), last=True):  # last on the path: hides nothing
        assert sys.path == [*path, str(tmp_path)]
    with importable("small_cnn"):  # a built-in network needs no path
        assert sys.path == path


def test_a_factory_of_the_working_directory_gets_shape_and_classes(factories):
    path = list(sys.path)
    assert make(factories("plain"), width=5)[1].weight.shape == (5, 12)
    assert sys.path == path
    assert make(factories("Net"))(torch.zeros(4, *SHAPE)).shape == (4, 3)
    assert make(factories("fixed"))[1].weight.shape == (3, 12)
    assert make(factories("Holder.make"))[1].weight.shape == (3, 12)
    assert make(factories("first"))[1].weight.shape == (4, 12)


def test_what_an_import_draws_does_not_depend_on_which_member_is_made_first(factories):
    def constant(key):
        network = make("drawing_networks:Scaled", key=key)
        sys.modules.pop("drawing_networks")
        with torch.no_grad():
            network.weight.fill_(1), network.bias.zero_()
            return network(torch.ones(1, *SHAPE))

    assert torch.equal(constant(1), constant(2))


def test_a_factory_cannot_change_the_recipe(factories):
    model = Model(factory=factories("greedy"), arguments={"sizes": [1, 2]})
    build(model, SHAPE, 3, 1)
    assert model.arguments == {"sizes": [1, 2]}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        ("smal_cnn", {}, "no model 'smal_cnn'; did you mean 'small_cnn'"),
        ("zzz", {}, "no model 'zzz'; known: small_cnn, medium_cnn"),
        (":plain", {}, "expected package.module:callable"),
        ("their_networks:", {}, "expected package.module:callable"),
        ("not_there_at_all:plain", {}, "cannot import 'not_there_at_all' .*ModuleNotFoundError"),
        ("broken_networks:plain", {}, "cannot import 'broken_networks' .*KeyError: 'weights'"),
        ("their_networks:plian", {}, "has no 'plian'; did you mean 'plain'"),
        ("their_networks:number", {}, "is of type int, expected a callable"),
        ("their_networks:instance", {}, "is of type Linear, expected a callable"),
        ("their_networks:plain", {"widht": 3}, "do not fit .*'widht'; its parameters: image_shape, num_classes, width"),
        ("their_networks:greedy", {}, "do not fit .*missing a required argument: 'sizes'"),
        ("their_networks:fails", {}, "their_networks:fails' failed: RuntimeError: no weights here"),
        ("small_cnn", {"dropout": 2}, "small_cnn' failed: ValueError"),
        ("their_networks:nothing", {}, "returned int, expected an nn.Module"),
        ("their_networks:features", {}, "no trainable parameters"),
        ("their_networks:integers", {}, "parameter 'count' is torch.int64"),
        ("their_networks:lazy", {}, "lazy layers"),
        ("their_networks:stubborn", {}, r"fails on images of shape \[2, 3, 2, 2\]: RuntimeError"),
        ("their_networks:tuples", {}, r"returns int, expected a tensor of shape \[2, 3\]"),
        ("their_networks:anything", {}, r"KeyError: 'image_shape'; .*given to parameters of these names, not to \*"),
        ("their_networks:exits", {}, "failed: SystemExit: 2"),
        ("exiting_networks:plain", {}, "cannot import 'exiting_networks' .SystemExit: 2"),
        ("their_networks:scripted", {}, "TorchScript .*return the Python network itself"),
        ("their_networks:compiled", {}, "torch.compile; return the Python network itself"),
        ("their_networks:parallel", {}, "nn.DataParallel; return the Python network itself"),
        ("their_networks:on_meta", {}, "'1.weight' is on the device meta"),
        ("their_networks:inference", {}, "'1.weight' was made within torch.inference_mode"),
        ("their_networks:listened", {}, "'1.weight' has a hook .*use register_hook"),
        ("their_networks:doubles", {}, "doubles' calls torch.set_default_dtype"),
        ("their_networks:without_gradients", {}, "calls torch.set_grad_enabled"),
        ("their_networks:Doubling", {"num_classes": 3}, "the network calls torch.set_default_dtype"),
        ("their_networks:Removing", {"num_classes": 3}, "evaluation removes the parameter 'inner.bias'"),
        ("their_networks:ByItsFirstImages", {"num_classes": 3}, "first forward pass sets 'inner.bias'"),
        ("their_networks:wide", {}, r"images \[2, 3, 2, 2\] into \[2, 7\], expected \[2, 3\]"),
    ],
)
def test_refusals_say_what_came_and_what_was_expected(factories, factory, arguments, message):
    before = global_state()
    with pytest.raises(InputError, match=message) as caught:
        make(factory, **arguments)
    assert "\n" not in str(caught.value)
    assert same_state(before, global_state())


def test_checking_changes_nothing():
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(0.5), nn.Linear(12, 3))
    module[1].eval()
    before, state = {key: value.clone() for key, value in module.state_dict().items()}, global_state()
    check_output(module, SHAPE, 3)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert [layer.training for layer in module] == [True, False, True, True]
    assert same_state(state, global_state())


def test_checking_evaluates_in_the_type_of_the_weights():
    seen = []
    dense = nn.Linear(12, 3).double()
    dense.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].dtype))
    check_output(nn.Sequential(nn.Flatten(), dense), SHAPE, 3)
    assert seen == [torch.float64]


def test_buffers_that_count_calls_are_left_alone():
    class Counter(nn.Linear):
        def __init__(self):
            super().__init__(12, 3)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, images):
            self.calls += 1
            return super().forward(images.flatten(1))

    module = Counter()
    check_output(module, SHAPE, 3)
    assert module.calls == 0


def test_parameters_of_every_kind_of_normalisation_are_named():
    module = nn.ModuleDict(
        {
            "conv": nn.Conv2d(2, 4, 3),
            "batch": nn.BatchNorm2d(4),
            "layer": nn.LayerNorm(4),
            "group": nn.GroupNorm(2, 4),
            "instance": nn.InstanceNorm2d(4, affine=True),
            "plain": nn.InstanceNorm2d(4),
            "dense": nn.Linear(4, 4),
        }
    )
    names = ["batch", "layer", "group", "instance"]
    assert normalization_parameters(module) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    assert normalization_parameters(nn.BatchNorm1d(3)) == ["weight", "bias"]
    assert normalization_parameters(make("small_cnn")) == []


def test_the_notebooks_gammas_are_the_two_thousand_of_the_paper_trail():
    module = build(Model(factory="notebook_resnet20"), (3, 32, 32), 10, 0)
    params = split_state(module).params
    gammas = [name for name in normalization_parameters(module) if name.endswith("weight")]
    assert sum(params[name].numel() for name in gammas) == 2_000  # as in the notebook


def test_state_is_split_copied_and_shared_tensors_come_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.norm = nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3)
            self.second.weight = self.first.weight
            self.second.bias.requires_grad_(False)
            self.register_buffer("kept", torch.ones(1))
            self.register_buffer("scratch", torch.ones(1), persistent=False)

    module = Tied()
    state = split_state(module)
    assert list(state.params) == ["first.weight", "first.bias", "norm.weight", "norm.bias"]
    assert set(state.buffers) == {"second.bias", "kept"} | {
        f"norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert not any(tensor.requires_grad for tensor in [*state.params.values(), *state.buffers.values()])
    original = state.params["first.weight"].clone()
    with torch.no_grad():
        module.first.weight += 1
    assert torch.equal(state.params["first.weight"], original)
