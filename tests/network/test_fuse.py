"""A prepared network computes the same as before, and keeps its layers, weights and hooks."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from modescape import recipe, rng
from modescape.kernels.dropout import LEVELS, keep_mask
from modescape.models import MODELS, build
from modescape.network import fuse as module
from modescape.network.fuse import fuse
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

KEY = torch.tensor(rng.key(0, "dropout", 0, 1))


class PlainDropout(nn.Module):
    """A prepared dropout layer by hand, as call number ``call`` of the pass."""

    def __init__(self, p: float, call: int) -> None:
        super().__init__()
        self.drop, self.call = round(p * LEVELS), call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * keep_mask(KEY, self.call, x.shape, self.drop, x.dtype) if self.training else x


def written_out(net: nn.Sequential) -> nn.Sequential:
    """A copy with `PlainDropout` in place of dropout layers, so that nothing in it is prepared."""
    layers, calls = copy.deepcopy(net), 0
    for name, layer in layers.named_children():
        if isinstance(layer, nn.Dropout):
            setattr(layers, name, PlainDropout(layer.p, calls))
            calls += 1
    return layers


CHAINS = {
    "the paper's block": [nn.Conv2d(3, 8, 3, padding=1), nn.Dropout(0.1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()],
    "the notebooks' block": [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Dropout(0.2), nn.MaxPool2d(2)],
    "no dropout": [nn.Conv2d(3, 8, 5, padding="same"), nn.MaxPool2d(3, 3), nn.ReLU()],
    "pooling alone": [nn.Conv2d(3, 8, 3, padding="valid", bias=False), nn.MaxPool2d((2, 2))],
    "no convolution": [nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(2)],
    "dropout behind the pooling": [nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5), nn.ReLU()],
    "two blocks": [
        *(nn.Conv2d(3, 8, 3, padding=1), nn.Dropout(0.1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(8, 5, 3, padding=1), nn.Dropout(0.3), nn.MaxPool2d(2)),
    ],
    "a convolution with a stride": [nn.Conv2d(3, 8, 3, 2), nn.Dropout(0.1), nn.MaxPool2d(2), nn.ReLU()],
    "windows that overlap": [nn.Conv2d(3, 8, 3), nn.Dropout(0.1), nn.MaxPool2d(3, 2), nn.ReLU()],
    "batch norm": [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4)],
}
RUN_TOGETHER = {name: "overlap" not in name for name in CHAINS}


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_computes_what_its_layers_compute(name):
    net = nn.Sequential(*copy.deepcopy(CHAINS[name])).train()
    plain, x = written_out(net).train(), torch.randn(4, 3, 13, 13, generator=rng.stream(0, "test images"))
    assert ("forward" in vars(fuse(net))) == RUN_TOGETHER[name]
    results = []
    for one in (net, plain):
        images = x.clone().requires_grad_()
        with MemberOps(KEY):
            y = one(images)
        slopes = torch.autograd.grad(y.square().sum(), [images, *one.parameters()])
        results.append([y, *slopes, *(buffer.float() for buffer in one.buffers())])
    assert all(same(a, b) for a, b in zip(*results, strict=True))
    net.eval(), plain.eval()
    assert same(net(x), plain(x))


@pytest.mark.parametrize("name", CHAINS)
def test_stacked_members_compute_what_each_alone_does(name):
    nets = [nn.Sequential(*copy.deepcopy(CHAINS[name])).double().train() for _ in range(3)]
    x = torch.randn(3, 4, 3, 13, 13, generator=rng.stream(0, "test images"), dtype=torch.float64)
    keys = rng.words(KEY, 3)
    params, buffers = (
        {
            key: torch.stack([dict(getattr(net, kind)())[key] for net in nets]).detach()
            for key in dict(getattr(nets[0], kind)())
        }
        for kind in ("named_parameters", "named_buffers")
    )
    together = fuse(copy.deepcopy(nets[0]))

    def one(params, buffers, images, key):
        with Intercept(MemberOps(key, stacked=True)):
            return functional_call(together, (params, buffers), (images,))

    stacked = vmap(one)(params, buffers, x, keys)
    for member, net in enumerate(nets):
        with MemberOps(keys[member]):
            assert torch.allclose(stacked[member], fuse(net)(x[member]), rtol=1e-10, atol=1e-12)
        for key, buffer in net.named_buffers():
            assert torch.allclose(buffers[key][member].double(), buffer.double(), rtol=1e-12)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_built_in_networks_keep_names_and_functions(name):
    model = recipe.Model(factory=name)
    net, plain = (build(model, (3, 32, 32), 10, key=5).eval() for _ in range(2))
    assert list(fuse(net).state_dict()) == list(plain.state_dict())
    x = torch.rand(2, 3, 32, 32, generator=rng.stream(0, "test images"))
    assert same(net(x), plain(x))
    assert [type(layer) for layer in net.modules()] == [type(layer) for layer in plain.modules()]


def test_a_layer_with_a_listener_is_left_alone():
    net, heard = nn.Sequential(*copy.deepcopy(CHAINS["the paper's block"])), []
    net[2].register_forward_hook(lambda *seen: heard.append(seen))
    x = torch.rand(2, 3, 8, 8)
    with MemberOps(KEY):
        fuse(net).train()(x)
    assert len(heard) == 1


def test_preparing_twice_changes_nothing():
    net = fuse(nn.Sequential(*copy.deepcopy(CHAINS["two blocks"])))
    before = {name: vars(layer).get("forward") for name, layer in net.named_modules()}
    assert {name: vars(layer).get("forward") for name, layer in fuse(net).named_modules()} == before


def test_a_copy_is_a_network_of_its_own():
    net = fuse(nn.Sequential(*copy.deepcopy(CHAINS["the paper's block"]))).eval()
    other, x = copy.deepcopy(net), torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        other[0].weight.zero_()
        other[0].bias.zero_()
    assert other(x).abs().max() == 0
    assert net(x).abs().max() > 0


class Looking(nn.Module):
    """Calls its layers one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*copy.deepcopy(CHAINS["the paper's block"]))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        seen = []
        for layer in self.layers:
            seen.append(x := layer(x))
        return seen


def test_a_network_that_calls_its_layers_itself_sees_every_step():
    net = Looking().train()
    plain = written_out(net.layers).train()
    x = torch.rand(2, 3, 8, 8)
    with MemberOps(KEY):
        seen = fuse(net)(x)
    for layer, step in zip(plain, seen, strict=True):
        x = layer(x)
        assert same(x, step)


def test_one_image_without_a_batch_goes_through_its_layers():
    net = nn.Sequential(*copy.deepcopy(CHAINS["no dropout"])).eval()
    image = torch.rand(3, 9, 9)
    assert torch.equal(fuse(copy.deepcopy(net))(image), net(image))


def test_batch_norm_of_one_value_is_refused_as_torch_refuses_it():
    chain = fuse(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()).train())
    buffers = {name: torch.stack([buffer, buffer]) for name, buffer in chain.named_buffers()}
    params = {name: torch.stack([tensor, tensor]).detach() for name, tensor in chain.named_parameters()}

    def one(params, buffers, images):
        with Intercept(MemberOps(KEY, stacked=True)):
            return functional_call(chain, (params, buffers), (images,))

    with pytest.raises(ValueError, match="more than 1 value per channel"):
        vmap(one)(params, buffers, torch.rand(2, 1, 4, 1, 1))


def test_the_largest_window_is_the_largest_that_a_byte_can_number():
    assert module.LARGEST_WINDOW**2 < 255
    chain = nn.Sequential(nn.MaxPool2d(16), nn.ReLU())
    assert "forward" not in vars(fuse(chain))
