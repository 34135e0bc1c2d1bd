"""Training settings of a recipe, against a plain loop with torch's own implementations, in float64."""

from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import nn

from modescape import recipe, rng, runtime
from modescape.data.dataset import Dataset, as_split
from modescape.data.inputs.image import Images
from modescape.data.order import batch_sizes, epoch_order
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.pipeline.fitting import refuse_other_task
from modescape.train.loop import Start, Trainer, of_member
from modescape.train.mixup import mixed_in, pairing, shares
from modescape.train.optimizer import clipped
from modescape.train.step import Step
from modescape.types import ModelState

COUNT, BATCH, EPOCHS = 40, 8, 10  # 50 steps
MEMBERS = [0, 1, 2]


def make() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Tanh(), nn.LayerNorm(12), nn.Linear(12, 3)).double()


@pytest.fixture(autouse=True)
def one_thread():
    with runtime.one_thread():
        yield


def trainer(**train) -> Trainer:
    values = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.02, "epsilon": 1e-3, **train}
    made = recipe.parse({"model": {"factory": f"{__name__}:make"}, "train": values}, "it")
    stream = rng.stream(0, "test images")
    images = torch.randint(0, 256, (COUNT, 1, 8, 8), dtype=torch.uint8, generator=stream).numpy()
    data = as_split(images, torch.randint(0, 3, (COUNT,), generator=stream).numpy())
    return Trainer(made, data, 3, Preparation.of(made.data, data.images))


def by_torch(
    work: Trainer, member: int, optimizer, schedule=None, clip=None, smoothing=0.0, mixup=None
) -> dict[str, torch.Tensor]:
    """The member in a plain loop; ``optimizer`` and ``schedule`` create torch's own."""
    module = initial_module(work.recipe, work.streams, member, work.data, 3).train()
    steps = optimizer(module)
    rates = schedule and schedule(steps)
    sizes = batch_sizes(work.recipe.train, COUNT, 1)
    for epoch in range(EPOCHS):
        order = epoch_order(COUNT, sum(sizes), "permutation", work.streams.keys("order", [member], epoch))[0]
        keys = rng.words(work.streams.keys("mixup", [member], epoch), len(sizes))[0]
        for index, key in zip(order.split(sizes), keys, strict=True):
            images = work.preparation.pick(work.data.inputs, index[None], dtype=torch.float64)[0]
            label = nn.functional.one_hot(work.data.label[index], 3).double()
            if mixup:
                share, other = shares(key, mixup), pairing(key, len(index))
                images = share * images + (1 - share) * images[other]
                label = share * label + (1 - share) * label[other]
            steps.zero_grad()
            nn.functional.cross_entropy(module(images), label, label_smoothing=smoothing).backward()
            if clip:
                nn.utils.clip_grad_norm_(module.parameters(), clip)
            steps.step()
            if rates:
                rates.step()
    return dict(module.named_parameters())


def trained(work: Trainer, members: list[int], starts=None):
    nothing = torch.zeros(len(members))
    return [shot.copy() for shot in work.group(members, lambda state: (nothing, nothing), starts=starts)]


def matches(work: Trainer, *reference, **named) -> bool:
    """Check that stacked members and a lone one equal the plain loop."""
    stack = trained(work, MEMBERS)[-1]
    alone = trained(work, [1])[-1]
    for member in MEMBERS:
        for name, truth in by_torch(work, member, *reference, **named).items():
            one = stack[f"param/{name}"][member]
            if not torch.allclose(one, truth, rtol=1e-9, atol=1e-11):
                return False
            if member == 1 and not torch.allclose(alone[f"param/{name}"][0], truth, rtol=1e-9, atol=1e-11):
                return False
    return True


@pytest.mark.parametrize("decay", ["all", "kernels"])
def test_adamw_is_torchs_over_fifty_steps(decay):
    def optimizer(module: nn.Module):
        kernels = [tensor for tensor in module.parameters() if tensor.dim() > 1 or decay == "all"]
        rest = [tensor for tensor in module.parameters() if tensor.dim() == 1 and decay == "kernels"]
        groups = [{"params": kernels, "weight_decay": 0.3}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=0.02, eps=1e-3, foreach=False)

    work = trainer(optimizer="adamw", weight_decay=0.3, decay=decay)
    assert matches(work, optimizer)
    assert not matches(trainer(optimizer="adam", weight_decay=0.3, decay=decay), optimizer)


def sgd(module: nn.Module):
    return torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9)


def warmed_line(optimizer):
    """Ten steps of warm-up, then forty down to 0."""
    scheduler = torch.optim.lr_scheduler
    rise = scheduler.LinearLR(optimizer, start_factor=1 / 10, total_iters=9)
    fall = scheduler.PolynomialLR(optimizer, total_iters=40, power=1)
    return scheduler.SequentialLR(optimizer, [rise, fall], [10])


@pytest.mark.parametrize("warmup", [2, 0.2])
def test_warm_up_and_line_are_torchs(warmup):
    assert matches(trainer(optimizer="sgd", schedule={"kind": "linear"}, warmup=warmup), sgd, warmed_line)


@pytest.mark.parametrize("clip", [1e-3, 0.5])
def test_each_members_gradient_is_clipped_by_its_own_norm(clip):
    """A norm of .5 is exceeded in some steps of some members."""
    assert matches(trainer(optimizer="sgd", clip=clip), sgd, clip=clip)
    assert not matches(trainer(optimizer="sgd"), sgd, clip=clip)


def test_clipping_takes_numbers_empty_tensors_several_types_and_none():
    stream = rng.stream(0, "test gradients")
    shapes = {"kernel": (4, 3, 2), "scalar": (), "nothing": (3, 0), "half": (5,)}
    whole = {name: torch.randn(2, *shape, generator=stream, dtype=torch.float64) for name, shape in shapes.items()}
    whole["half"] = whole["half"].bfloat16()
    whole["kernel"][1] *= 1e-3
    whole["scalar"][1] = whole["half"][1] = 0
    short = clipped(whole, 0.5)
    for member in (0, 1):
        parameters = [nn.Parameter(torch.zeros_like(tensor[member])) for tensor in whole.values()]
        for parameter, tensor in zip(parameters, whole.values(), strict=True):
            parameter.grad = tensor[member].clone()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        for parameter, (name, tensor) in zip(parameters, short.items(), strict=True):
            torch.testing.assert_close(tensor[member], parameter.grad, msg=name)
    assert torch.equal(short["kernel"][1], whole["kernel"][1])
    assert clipped({}, 0.5) == {}


def test_labels_are_smoothed_as_torch_does():
    assert matches(trainer(optimizer="sgd", label_smoothing=0.1), sgd, smoothing=0.1)
    assert not matches(trainer(optimizer="sgd"), sgd, smoothing=0.1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_mixtures_are_those_of_soft_labels(smoothing):
    """The mean of two losses is the loss of the mixed label."""
    work = trainer(optimizer="sgd", mixup=0.4, label_smoothing=smoothing)
    assert matches(work, sgd, mixup=0.4, smoothing=smoothing)
    assert not matches(trainer(optimizer="sgd", label_smoothing=smoothing), sgd, mixup=0.4, smoothing=smoothing)


@pytest.mark.parametrize("concentration", [0.2, 1.0, 5.0])
def test_shares_are_of_the_beta_distribution(concentration):
    drawn = shares(rng.words(torch.tensor([7]), 4000), concentration).flatten()
    assert stats.kstest(drawn.numpy(), stats.beta(concentration, concentration).cdf).pvalue > 0.01


def test_every_picture_is_the_other_of_one():
    keys = torch.tensor([3, 4])
    assert pairing(keys, 20).sort().values.tolist() == [list(range(20))] * 2
    assert not torch.equal(*pairing(keys, 20))
    assert torch.equal(pairing(keys, 20)[1], pairing(keys[1], 20))


def test_accuracy_in_training_is_of_the_label_with_the_larger_share():
    """The network predicts from a picture's single value; for a mixed one, the class with the larger share."""
    label = torch.tensor([[0, 1, 2, 0], [2, 1, 0, 1]])
    images = nn.functional.one_hot(label, 3).double().view(2, 4, 3, 1, 1)
    keys = torch.tensor([1, 2])
    mixed, other = mixed_in(images, label, keys, torch.tensor([0.9, 0.2]))
    nothing = ModelState({"none": torch.zeros(2, requires_grad=True)}, {})
    assert not torch.equal(other.label, label)
    assert Step(nn.Flatten(), 2, Habits())(nothing, mixed, label, keys, other)[2].tolist() == [4, 4]


def test_mixup_is_refused_where_the_examples_are_no_pictures():
    train = trainer().data
    pictures = Dataset(train, train, train, ("a", "b", "c"), "")
    words = replace(pictures, train=replace(train, kind=Images(name="tokens", word="sequences")))
    mixing = recipe.parse({"train": {"mixup": 0.2}}, "it")
    refuse_other_task(mixing, pictures)
    with pytest.raises(InputError, match=r"mixes pictures, and the examples are sequences; set it to null"):
        refuse_other_task(mixing, words)


ALL = {
    "label_smoothing": 0.1,
    "mixup": 0.3,
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "warmup": 3,
    "schedule": {"kind": "linear"},
    "clip": 0.3,
}


@pytest.mark.parametrize("members", [[0, 1, 2], [1]])
def test_training_goes_on_with_the_same_bits(members):
    work = trainer(**ALL)
    whole = trained(work, members)
    starts = []
    for position in range(len(members)):
        parts: dict[str, dict] = {kind: {} for kind in ("param", "buffer", "optimizer")}
        for name, tensor in of_member(whole[4], position).items():
            kind, _, own = name.partition("/")
            parts[kind][own] = tensor
        state = ModelState(parts["param"], parts["buffer"])
        starts.append(Start(epoch=4, state=state, optimizer=parts["optimizer"]))
    resumed = trained(work, members, starts)[-1]
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole[-1].items())
