"""The built-in networks: published counts, layer order, initial weights, image sizes."""

import math

import pytest
import torch
from scipy.stats import truncnorm
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from modescape.errors import InputError
from modescape.models import MODELS, build, split_state
from modescape.models.layers import TRUNCATED_STD, SameConv2d, glorot_uniform, he_normal
from modescape.recipe import Model

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

COUNTS = {  # for [3, 32, 32] and 10 classes: trained parameters, running means and variances
    "small_cnn": (19_466, 0),
    "medium_cnn": (971_146, 0),
    "resnet20": (273_066, 1_376),
    "notebook_small_cnn": (15_722, 0),
    "notebook_medium_cnn": (245_290, 0),
    "notebook_resnet20": (571_114, 4_000),
}
SMALLEST = {"notebook_small_cnn": 8, "notebook_medium_cnn": 20}  # pixels; the others take any size

CONV_NORM = ["Conv2d", "BatchNorm2d"]
BASIC = [*CONV_NORM, "ReLU", *CONV_NORM]
BOTTLENECK = [*CONV_NORM, "ReLU", *CONV_NORM, "ReLU", *CONV_NORM]
STRIDED = {"Conv2d": "SameConv2d"}
HEAD = ["GlobalAveragePool", "Linear", "ReLU", "Dropout", "Linear"]


def strided(body, position):
    return [*body[:position], STRIDED[body[position]], *body[position + 1 :]]


def residual(body, shortcut):
    return [*body, shortcut, "ReLU"]


ORDER = {
    "small_cnn": ["Conv2d", "Dropout", "MaxPool2d", "ReLU"] * 2
    + ["Conv2d", "Dropout", "MaxPool2d", "Flatten", "Linear"],
    "medium_cnn": ["Conv2d", "Dropout", "MaxPool2d", "ReLU"] * 3
    + ["Conv2d", "Dropout", "MaxPool2d", "Flatten", "Linear"],
    "notebook_small_cnn": ["Conv2d", "ReLU", "MaxPool2d"] * 3 + HEAD,
    "notebook_medium_cnn": ["Conv2d", "ReLU", "Dropout", "MaxPool2d"] * 4 + HEAD,
    "resnet20": [
        *CONV_NORM,
        "ReLU",
        *residual(BASIC, "Identity") * 3,
        *(residual(strided(BASIC, 0), "Conv2d") + residual(BASIC, "Identity") * 2) * 2,
        "GlobalAveragePool",
        "Linear",
    ],
    "notebook_resnet20": [
        *CONV_NORM,
        "ReLU",
        *(residual(BOTTLENECK, "Conv2d") + residual(BOTTLENECK, "Identity")),
        *(residual(strided(BOTTLENECK, 3), "Conv2d") + residual(BOTTLENECK, "Identity")) * 2,
        "BatchNorm2d",
        "ReLU",
        "GlobalAveragePool",
        "Linear",
    ],
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(name, shape=(3, 32, 32), classes=10, key=0, **arguments):
    return build(Model(factory=name, arguments=arguments), shape, classes, key)


def layers_in_order(module, shape=(3, 32, 32)):
    """(type, output shape) of every layer that ran, in the order of the forward pass."""
    ran = []
    for layer in module.modules():
        if not list(layer.children()):
            layer.register_forward_hook(
                lambda layer, _, output: ran.append((type(layer).__name__, list(output.shape[1:])))
            )
    module.eval()(torch.zeros(1, *shape))
    return ran


def test_every_network_is_covered():
    assert set(COUNTS) == set(ORDER) == set(IMAGE_MODELS)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_counts_are_the_published_ones(name):
    state = split_state(network(name))
    statistics = [tensor for key, tensor in state.buffers.items() if key.endswith(("running_mean", "running_var"))]
    trained = sum(tensor.numel() for tensor in state.params.values())
    assert (trained, sum(tensor.numel() for tensor in statistics)) == COUNTS[name]


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_layers_run_in_the_published_order(name):
    assert [layer for layer, _ in layers_in_order(network(name))] == ORDER[name]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("small_cnn", [16, 8, 4]),
        ("medium_cnn", [16, 8, 4, 2]),
        ("notebook_small_cnn", [16, 8, 4]),
        ("notebook_medium_cnn", [16, 7, 3, 1]),  # as in the notebook
    ],
)
def test_pooled_maps_have_the_published_sizes(name, sizes):
    assert [shape[-1] for layer, shape in layers_in_order(network(name)) if layer == "MaxPool2d"] == sizes


@pytest.mark.parametrize(("name", "maps"), [("resnet20", [64, 8, 8]), ("notebook_resnet20", [256, 8, 8])])
def test_the_mean_sees_one_map_of_eight(name, maps):
    ran = layers_in_order(network(name))
    assert ran[[layer for layer, _ in ran].index("GlobalAveragePool") - 1][1] == maps


@pytest.mark.parametrize("name", ["resnet20", "notebook_resnet20"])
def test_batch_norm_has_keras_settings(name):
    norms = [layer for layer in network(name).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 20), (3, 64, 64), (3, 33, 21)])
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_networks_fit_the_images_or_name_the_smallest(name, shape):
    smallest = SMALLEST.get(name, 1)
    if min(shape[1:]) < smallest:
        with pytest.raises(InputError, match=f"at least {smallest} x {smallest} pixels, these are 8 x 8"):
            network(name, shape, 100)
    else:
        assert network(name, shape, 100).eval()(torch.zeros(2, *shape)).shape == (2, 100)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_smallest_size_is_the_smallest(name):
    smallest = SMALLEST.get(name, 1)
    network(name, (1, smallest, smallest), 2)
    if smallest > 1:
        with pytest.raises(InputError, match="pixels"):
            network(name, (1, smallest - 1, smallest), 2)


def test_channels_and_dropout_are_arguments():
    module = network("small_cnn", channels=[4, 8], dropout=0.25)
    assert [layer.out_channels for layer in module if isinstance(layer, nn.Conv2d)] == [4, 8]
    assert {layer.p for layer in module if isinstance(layer, nn.Dropout)} == {0.25}
    assert {layer.p for layer in network("medium_cnn") if isinstance(layer, nn.Dropout)} == {0.1}


def test_paper_networks_draw_biases_like_kernels():
    module = network("medium_cnn")
    limit = math.sqrt(6 / (9 * 128 + 9 * 256))  # conv3: 128 -> 256 channels, 294,912 weights
    weight, bias = module.conv3.weight, module.conv3.bias
    assert limit * 0.999 < weight.abs().max() <= limit
    assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01)
    bias_limit = math.sqrt(6 / (2 * 256))  # for a vector of length c, fan-in and fan-out are c
    assert bias_limit * 0.95 < bias.abs().max() <= bias_limit
    assert module.dense.bias.abs().max() <= math.sqrt(6 / (2 * 10))
    assert module.dense.bias.abs().min() > 0


@pytest.mark.parametrize("name", ["notebook_small_cnn", "notebook_medium_cnn", "resnet20", "notebook_resnet20"])
def test_keras_networks_start_with_zero_biases(name):
    layers = [layer for layer in network(name).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all((layer.bias == 0).all() for layer in layers)


def test_notebook_kernels_are_glorot_uniform():
    weight = network("notebook_medium_cnn").conv4.weight  # 128 -> 128: 147,456 weights
    limit = math.sqrt(6 / (2 * 9 * 128))
    assert limit * 0.999 < weight.abs().max() <= limit
    assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(
    ("name", "layer"), [("resnet20", "stage3_block3.body.conv2"), ("notebook_resnet20", "stage3_block2.body.conv2")]
)
def test_residual_kernels_are_keras_he_normal(name, layer):
    weight = network(name).get_submodule(layer).weight
    target = math.sqrt(2 / weight[0].numel())
    assert weight.std().item() == pytest.approx(target, rel=0.015)  # standard error for 36,864 weights: .4 %
    assert 1.9 * target / TRUNCATED_STD < weight.abs().max() <= 2 * target / TRUNCATED_STD * (1 + 1e-6)


def test_the_truncated_constant_is_the_truncated_sd():
    assert pytest.approx(truncnorm(-2, 2).std(), abs=1e-12) == TRUNCATED_STD


@pytest.mark.parametrize("fill", [glorot_uniform, he_normal])
def test_initialisers_count_the_fans_of_dense_layers(fill):
    weight = torch.empty(100, 400)  # 400 inputs
    fill(weight)
    variance = 2 / 500 if fill is glorot_uniform else 2 / 400
    assert weight.var().item() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize(("size", "tap"), [(6, 0), (7, 1)])
def test_strided_padding_is_tensorflows(size, tap):
    """Even sizes are padded only at the end, so that kernel tap 0 reads pixels 0, 2, 4; odd ones on both sides."""
    layer = SameConv2d(1, 1, 3, stride=2, bias=False)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, tap, tap] = 1
    image = torch.arange(size * size, dtype=torch.float32).view(1, 1, size, size)
    assert torch.equal(layer(image), image[:, :, ::2, ::2])


def test_strided_padding_treats_height_and_width_apart():
    layer = SameConv2d(1, 1, 3, stride=2, bias=False)
    with torch.no_grad():
        layer.weight.zero_()[0, 0, 0, 1] = 1  # height even, width odd
    image = torch.arange(42.0).view(1, 1, 6, 7)
    assert torch.equal(layer(image), image[:, :, ::2, ::2])


@pytest.mark.parametrize("name", ["small_cnn", "resnet20", "notebook_resnet20"])
def test_stacked_networks_equal_lone_ones(name):
    alone = [network(name, (3, 16, 16), key=key).eval() for key in (1, 2)]
    params, buffers = stack_module_state(alone)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    stacked = vmap(lambda p, b: functional_call(alone[0], (p, b), (images,)))(params, buffers)
    for output, module in zip(stacked, alone, strict=True):
        torch.testing.assert_close(output, module(images), rtol=1e-4, atol=1e-5)  # float32, summed in another order
