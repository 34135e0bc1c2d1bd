"""From a network's return value to its logits."""

from collections import namedtuple

import pytest
import torch
from torch import nn

from modescape.errors import InputError
from modescape.models import build
from modescape.models.outputs import check_kind, choose, log_of
from modescape.recipe import Model

A, B = torch.zeros(2, 3), torch.ones(2, 3)
Pair = namedtuple("Pair", ["logits", "aux"])


class Holder:
    """An output as some libraries return it: an object with attributes."""

    def __init__(self, **tensors):
        self.__dict__.update(tensors)


class Slotted:
    """An object with slots, whose attributes are not listed in a ``__dict__``."""

    __slots__ = ("_logits", "features")

    def __init__(self, logits, features):
        self._logits, self.features = logits, features

    @property
    def logits(self):
        return self._logits


@pytest.mark.parametrize(
    ("output", "which", "expected"),
    [
        (A, None, A),
        (A, "aux", A),  # some networks return less in evaluation than in training
        ((A, B), None, A),
        ([A, B], 1, B),
        ({"aux": B, "logits": A}, None, A),
        ({"aux": B, "logits": A}, "aux", B),
        ({"out": A}, None, A),
        (Pair(A, B), None, A),
        (Pair(A, B), "aux", B),
        (Pair(A, B), 1, B),
        (Holder(aux=B, logits=A), None, A),
        (Slotted(A, B), None, A),
        (Slotted(A, B), "features", B),
        (Holder(aux=B, logits=A), "aux", B),
    ],
)
def test_the_output_that_counts_is_found(output, which, expected):
    assert choose(output, which)[0] is expected


@pytest.mark.parametrize(
    ("output", "which", "message"),
    [
        ({"a": A, "b": B}, None, "a dict with a, b, .*name the logits with model.output"),
        ({"a": A, "b": B}, "c", "model.output is 'c', but the network returns a dict with a, b"),
        ({"a": A, "b": B}, 0, "model.output is 0, but"),
        ((A, B), 2, "model.output is 2, but the network returns a tuple of 2"),
        ((A, B), "aux", "model.output is 'aux', but the network returns a tuple of 2"),
        ((), None, "a tuple of 0, expected a tensor"),
        (Slotted(A, B), "copy", "model.output is 'copy', but the network returns a Slotted"),
        (None, None, "a NoneType, expected a tensor"),
    ],
)
def test_what_is_not_obvious_is_refused(output, which, message):
    with pytest.raises(InputError, match=message):
        choose(output, which)


def test_logarithms_of_probabilities_are_finite_and_exact():
    probabilities = torch.tensor([[0.25, 0.75], [0.0, 1.0]], requires_grad=True)
    logs = log_of(probabilities)
    assert torch.equal(logs[0], probabilities[0].log())
    assert logs.isfinite().all()
    logs.sum().backward()
    assert probabilities.grad is not None
    assert probabilities.grad.isfinite().all()
    assert log_of(probabilities.detach().half()).dtype == torch.float32


def test_kinds_are_told_apart():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    check_kind(logits, "logits")
    check_kind(logits.log_softmax(1), "logits")  # log-probabilities are logits, too
    check_kind(logits.log_softmax(1), "log_probabilities")
    check_kind(log_of(logits.softmax(1)), "probabilities")
    check_kind(torch.ones(5, 1), "logits")  # a single class is always certain
    with pytest.raises(InputError, match="output_kind=probabilities"):
        check_kind(logits.softmax(1), "logits")
    coarse = torch.tensor([[0.3359375, 0.333984375, 0.333984375]] * 2).bfloat16()  # a softmax rounded to half precision
    with pytest.raises(InputError, match="output_kind=probabilities"):
        check_kind(coarse, "logits")
    with pytest.raises(InputError, match="output_kind=logits"):
        check_kind(logits, "log_probabilities")


class Several(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.dense = nn.Linear(12, num_classes)

    def forward(self, x):
        logits = self.dense(x.flatten(1))
        return {"probabilities": logits.softmax(1), "halves": logits / 2}


class OneLogit(Several):
    def __init__(self, num_classes):
        super().__init__(1)

    def forward(self, x):
        return self.dense(x.flatten(1))


class Pooled(Several):
    def forward(self, x):
        return self.dense(x.flatten(1))[..., None, None]


def test_outputs_pooled_to_one_pixel_are_taken_without_it():
    images, network = torch.rand(1, 3, 2, 2), build(Model(factory=f"{__name__}:Pooled"), (3, 2, 2), 4, key=1)
    assert torch.equal(network(images), network.dense(images.flatten(1)))


class Features(Several):
    def forward(self, x):
        return x.flatten(1), self.dense(x.flatten(1))


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("Features", r"into \[2, 12\], expected \[2, 2\].*number 0 of a tuple of 2, and model.output chooses another"),
        ("OneLogit", r"into \[2, 1\], expected \[2, 2\].*torch.stack\(\[-z, z\], 1\)"),
    ],
)
def test_outputs_of_another_shape_are_refused_with_what_to_do(factory, message):
    with pytest.raises(InputError, match=message):
        build(Model(factory=f"{__name__}:{factory}"), (3, 2, 2), 2, key=1)


def test_a_network_is_built_as_the_recipe_reads_it():
    images = torch.rand(5, 3, 2, 2)
    model = Model(factory=f"{__name__}:Several", output="probabilities", output_kind="probabilities")
    network = build(model, (3, 2, 2), 4, key=1)
    plain = network.dense(images.flatten(1))
    torch.testing.assert_close(network(images), plain.log_softmax(1))
    assert torch.equal(
        build(model.model_copy(update={"output": "halves", "output_kind": "logits"}), (3, 2, 2), 4, 1)(images),
        plain / 2,
    )
    with pytest.raises(InputError, match="dict with probabilities, halves"):
        build(Model(factory=f"{__name__}:Several"), (3, 2, 2), 4, key=1)


held = Several(4)


def hand_out():
    return held


def test_a_network_that_is_handed_out_twice_is_read_once():
    model = Model(factory=f"{__name__}:hand_out", output="probabilities", output_kind="probabilities")
    images = torch.rand(5, 3, 2, 2)
    first = build(model, (3, 2, 2), 4, key=1)(images)
    assert torch.equal(build(model, (3, 2, 2), 4, key=1)(images), first)
