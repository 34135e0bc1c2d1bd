"""Which layers are compared, their features, and the comparisons."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from modescape.analyses.cka.aligned import between, every_two, inside, to_last
from modescape.analyses.cka.draw import names
from modescape.analyses.cka.example import example
from modescape.analyses.cka.layers import chosen, features
from modescape.analyses.cka.measure import drawn, in_batches
from modescape.analyses.cka.words import summarize
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.functionspace import linear_cka
from modescape.functionspace.cka import centred_gram

MEMBERS, BATCHES, EXAMPLES, WIDTHS = 4, 3, 12, (5, 7)


def activations(seed):
    """Activations of members that share some features, [member][layer] of [batch, example, feature]."""
    random = np.random.default_rng(seed)
    shared = [random.normal(size=(BATCHES, EXAMPLES, width)) for width in WIDTHS]
    return [[one + random.normal(size=one.shape) for one in shared] for _ in range(MEMBERS)]


def grams(layers):
    return np.array([[centred_gram(layer[batch]) for layer in layers] for batch in range(BATCHES)], dtype=np.float32)


def cka(one, other):
    return linear_cka(zip(one, other, strict=True))


def test_every_two_layers_are_compared_as_two_by_two():
    found = activations(0)
    value, same = every_two([grams(own) for own in found])
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            for a, layer in enumerate(one):
                for b, another in enumerate(other):
                    assert value[i, a, j, b] == pytest.approx(cka(layer, another).value, abs=1e-5)
    pairs = [(i, j) for i in range(MEMBERS) for j in range(MEMBERS) if i != j]
    mean = np.mean([cka(found[i][0], found[j][1]).value for i, j in pairs])
    assert between(value)[0, 1] == pytest.approx(mean, abs=1e-5)
    assert inside(value)[0, 1] == pytest.approx(np.mean([cka(*own).value for own in found]), abs=1e-5)
    mean = np.mean([cka(found[i][1], found[j][1]).value for i, j in pairs])
    assert same.mean.value[1] == pytest.approx(mean, abs=1e-5)
    assert same.mean.low[1] < mean < same.mean.high[1]


def test_of_one_pair_the_interval_is_the_jackknife_of_its_batches():
    found, before = activations(1)[:2], activations(2)[:2]
    own, earlier = (every_two([grams(layers) for layers in two])[1] for two in (found, before))
    alone = cka(found[0][0], found[1][0])
    assert (own.mean.low[0], own.mean.high[0]) == pytest.approx((alone.low, alone.high), abs=1e-4)
    assert own.over(own).value.tolist() == own.over(own).low.tolist() == [0, 0]
    assert own.over(earlier).value[0] == pytest.approx(alone.value - cka(before[0][0], before[1][0]).value, abs=1e-5)


def test_an_epoch_is_compared_with_the_last_layer_by_layer():
    one, last = activations(3)[:2]
    expected = [cka(a, b).value for a, b in zip(one, last, strict=True)]
    np.testing.assert_allclose(to_last(grams(one), grams(last)), expected, atol=1e-5)


def test_a_layer_that_does_not_vary_is_left_out_of_means_and_has_no_interval():
    found = activations(4)
    found[2][0] = np.ones_like(found[2][0])
    value, same = every_two([grams(own) for own in found])
    left = [cka(found[i][0], found[j][0]).value for i, j in ((0, 1), (0, 3), (1, 3))]
    assert between(value)[0, 0] == pytest.approx(np.mean(left), abs=1e-5)
    assert np.isnan([same.mean.low[0], same.mean.high[0]]).all()
    assert np.isfinite([same.mean.low[1], same.mean.high[1]]).all()


def test_of_sentences_the_mean_over_tokens_is_taken_whatever_the_order_of_axes():
    output = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 0, 0, 0, 0], [1] * 6, [1, 1, 1, 0, 0, 0]]).bool()
    expected = torch.stack([output[row][mask[row]].mean(0) for row in range(3)])
    torch.testing.assert_close(features(output, mask), expected)
    torch.testing.assert_close(
        features(output[:, :5].transpose(1, 2), mask[:, :5]), features(output[:, :5], mask[:, :5])
    )
    pooled = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(1))  # pooled over pairs of tokens
    expected = torch.stack([pooled[0, :1].mean(0), pooled[1].mean(0), pooled[2, :2].mean(0)])
    torch.testing.assert_close(features(pooled, mask), expected)
    assert features(output, None) is output


@pytest.mark.parametrize(("width", "places", "convolution"), [(3, 6, False), (2, 6, True), (6, 6, True), (3, 3, True)])
def test_features_of_a_convolution_are_no_places_where_their_number_divides_these(width, places, convolution):
    """The recipe text has 16 features at 96 positions, where 16 divides 96."""
    output = torch.randn(2, width, places, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]).bool()
    seen = mask.unflatten(1, (places, -1)).any(-1)
    expected = torch.stack([output[row][:, seen[row]].mean(1) for row in range(2)])
    torch.testing.assert_close(features(output, mask, convolution=convolution), expected)


def places(module, without=()):
    """Modules in the order of the tree, as if each returned a tensor once."""
    return {name: at for at, (name, _) in enumerate(module.named_modules()) if name and name not in without}


def deep(blocks, in_each):
    def block():
        steps = (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU()) for _ in range(in_each))
        return nn.Sequential(*steps)

    return nn.Sequential(OrderedDict(stem=nn.Linear(2, 2), body=nn.ModuleList(block() for _ in range(blocks))))


@pytest.mark.parametrize(
    ("module", "most", "expected"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.BatchNorm1d(2), nn.Linear(2, 2)), 12, ["0", "3"]),
        (nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 2)), 12, ["0", "1"]),
        (deep(2, 2), 12, ["stem", "body.0.0", "body.0.1", "body.1.0", "body.1.1"]),
        (deep(2, 2), 4, ["stem", "body.0", "body.1"]),
        (nn.Sequential(*(nn.Linear(2, 2) for _ in range(9))), 3, ["0", "4", "8"]),
        # the coarse level has too few blocks: some of the finer ones, including the last
        (nn.Sequential(OrderedDict(inside=nn.Sequential(*(nn.Linear(2, 2) for _ in range(20))))), 4,
         ["inside.0", "inside.6", "inside.13", "inside.19"]),
    ],
)  # fmt: skip
def test_layers_are_those_with_weights_or_blocks_of_them(module, most, expected):
    assert chosen(module, places(module, without=("body",)), most) == expected


def test_layers_that_give_no_tensor_are_looked_into():
    module = nn.Sequential(OrderedDict(attend=nn.MultiheadAttention(4, 2), dense=nn.Linear(4, 4)))
    assert chosen(module, places(module, without=("attend", "attend.out_proj")), 12) == ["dense"]
    assert chosen(module, {}, 12) == []


@pytest.mark.parametrize(("examples", "sizes"), [(1024, [128] * 8), (150, [18] * 8), (60, [20] * 3), (20, [10] * 2)])
def test_batches_are_equal_and_eight_where_they_can_be(examples, sizes):
    split = Split(torch.arange(examples), torch.arange(examples))
    found = in_batches(split, torch.randperm(examples, generator=torch.Generator().manual_seed(0)), 128)
    assert [len(one) for one in found] == sizes
    assert len(torch.cat(found).unique()) == sum(sizes)


def test_names_say_what_a_number_is_and_keep_their_end():
    made = example(2).assign_coords(layer=["0", "a.b.1", "encoder.layers.11.linear_of_the_block", "fc", "out"])
    assert names(made)[:2] == ["0 Conv2d", "a.b.1 BasicBlock"]
    assert names(made)[2] == "…1.linear_of_the_block"


def test_what_is_not_significant_is_said():
    words = summarize(example()).text
    assert "Training has made layer1.0, layer2.0 and layer3.0 of two members more alike" in words
    assert "Of 1\N{NO-BREAK SPACE}layer the interval of the change includes 0" in words


@pytest.mark.ci
def test_a_study_s_layers_are_those_of_its_networks(networks):
    """Outputs taken by hooks of torch alone, from `Study.model`, give the same numbers."""
    found, context, module = networks.result("cka"), StudyContext(networks), networks.model()
    assert found["layer"].values.tolist() == ["conv1", "conv2", "conv3", "dense"]
    test = context.dataset.test
    batches = in_batches(test, drawn(test, 60, networks.manifest["seed"]), 20)
    outputs: dict[int, list[torch.Tensor]] = {0: [], 2: []}
    for member, kept in outputs.items():
        state = networks.state(member, 4)
        module.load_state_dict({**state.params, **state.buffers})
        handle = module.get_submodule("conv2").register_forward_hook(
            lambda layer, given, output, kept=kept: kept.append(output.detach())
        )
        for one in batches:
            module(context.preparation(one))
        handle.remove()
    value = linear_cka(zip(outputs[0], outputs[2], strict=True)).value
    assert float(found["same_layer"].sel(member=0, other_member=2, layer="conv2")) == pytest.approx(value, abs=1e-5)
