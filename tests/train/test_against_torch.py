"""Networks of all kinds against a plain training loop with `torch.optim`, in float64."""

import functools

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from modescape import recipe, rng, runtime
from modescape.data.dataset import as_split
from modescape.data.order import batch_sizes, epoch_order
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.network.forward import forward_each, forward_stacked
from modescape.network.fuse import fuse
from modescape.network.initial import initial_module
from modescape.train.loop import Start, Trainer, of_member
from modescape.types import ModelState


class Base(nn.Module):
    """Two dense layers on 8 x 8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(64, 12), nn.Linear(12, 3)

    def hidden(self, x):
        return torch.tanh(self.a(x.flatten(1)))

    def forward(self, x):
        return self.b(self.hidden(x))


class Scalar(Base):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.nothing = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.zeros(3, 0))

    def forward(self, x):
        return super().forward(x) * self.scale.exp() + self.nothing.sum()


class Unused(Base):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(4, 4)


class NoGrad(Base):
    def hidden(self, x):
        with torch.no_grad():
            return super().hidden(x)


class Sometimes(Base):
    """A branch that is used in every other step, which the module counts itself."""

    def __init__(self) -> None:
        super().__init__()
        self.branch, self.calls = nn.Linear(12, 12), 0

    def hidden(self, x):
        h = super().hidden(x)
        self.calls += self.training
        return h + self.branch(h) if self.training and self.calls % 2 else h


class ByChance(Base):
    """A branch that is used at random, in half of the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Linear(12, 12)

    def hidden(self, x):
        h = super().hidden(x)
        return h + self.branch(h) if self.training and torch.rand(()) < 0.5 else h


class Tied(Base):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Linear(64, 12)
        self.c.weight = self.a.weight

    def hidden(self, x):
        return super().hidden(x) + self.c(x.flatten(1))


class Repeated(Base):
    """One block with running statistics, used three times."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(12, 12), nn.BatchNorm1d(12))] * 3)

    def hidden(self, x):
        x = super().hidden(x)
        for block in self.blocks:
            x = x + block(x)
        return x


class WeightNorm(Base):
    def __init__(self) -> None:
        super().__init__()
        nn.utils.parametrizations.weight_norm(self.a)


class SpectralNorm(Base):
    def __init__(self) -> None:
        super().__init__()
        nn.utils.parametrizations.spectral_norm(self.a)


class BatchNorm(Base):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(12)

    def hidden(self, x):
        return self.norm(super().hidden(x))


class GroupNorm(Base):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4)

    def hidden(self, x):
        return super().hidden(self.norm(self.conv(x)).mean(1))


class Recurrent(Base):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, 12, batch_first=True)

    def hidden(self, x):
        return super().hidden(x) + self.rows(x.flatten(0, 1))[0][:, -1]


class InstanceNorm(GroupNorm):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(4, affine=True)


class Square(torch.autograd.Function):
    """A function with a custom gradient that, as most do, does not support `vmap`."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad


class Custom(Base):
    def hidden(self, x):
        return Square.apply(super().hidden(x))


class Noise(Base):
    def hidden(self, x):
        h = super().hidden(x)
        return h + 0.1 * torch.randn_like(h) if self.training else h


class AlphaDropout(Base):
    def hidden(self, x):
        return nn.functional.alpha_dropout(super().hidden(x), 0.2, self.training)


class DroppingRecurrent(Recurrent):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, 12, 2, batch_first=True, dropout=0.2)


class Checkpointed(Base):
    def hidden(self, x):
        return checkpoint(super().hidden, x, use_reentrant=False)


class Reentrant(Base):
    def forward(self, x):
        h = self.hidden(x)
        return checkpoint(self.b, h, use_reentrant=True) if self.training else self.b(h)


class Transformer(Base):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)

    def hidden(self, x):
        return super().hidden(self.rows(x.flatten(0, 1)))


class Frozen(Base):
    def __init__(self) -> None:
        super().__init__()
        self.a.weight.requires_grad_(False)


class Clipped(Base):
    """Clips its weights by replacing the tensor, as many networks do, and updates statistics in the same way."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(12), requires_grad=False)
        self.register_buffer("square", torch.zeros(12))

    def hidden(self, x):
        if self.training:
            self.a.weight.data = self.a.weight.data.clamp(-0.05, 0.05)
        h = super().hidden(x)
        if self.training:
            self.mean.data = 0.9 * self.mean.data + 0.1 * h.detach().mean(0)
            self.square.data = 0.9 * self.square.data + 0.1 * h.detach().square().mean(0)
        return (h - self.mean) / (1 + self.square)


class Replaced(Base):
    """A frozen parameter that is replaced in every step."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(12), requires_grad=False)

    def hidden(self, x):
        h = super().hidden(x)
        if self.training:
            self.mean = nn.Parameter(0.9 * self.mean + 0.1 * h.detach().mean(0), requires_grad=False)
        return h - self.mean


class Freezing(Base):
    """Freezes a layer when it is called."""

    def hidden(self, x):
        self.a.requires_grad_(False)
        return super().hidden(x)


class Detached(Base):
    def forward(self, x):
        return super().forward(x).detach()


GPU = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
STACKED = (Base, Scalar, Unused, NoGrad, Tied, Repeated, WeightNorm, BatchNorm, GroupNorm, InstanceNorm, Frozen)
BY_CHANCE = (ByChance, Noise, AlphaDropout, DroppingRecurrent)
REFUSED = (Custom, SpectralNorm, Recurrent, Freezing)  # networks that `vmap` refuses
RECOMPUTED = (Checkpointed, Reentrant)
REPLACING = (Clipped, Replaced)
ALONE = (Sometimes, *BY_CHANCE, *REFUSED, *RECOMPUTED, *REPLACING)
KINDS = {kind.__name__: kind for kind in (*STACKED, *ALONE, Transformer, Detached)}


def make(kind: str) -> nn.Module:
    return KINDS[kind]().double()


@pytest.fixture(autouse=True)
def one_thread():
    with runtime.one_thread():
        yield


def trainer(kind: str, count: int = 25, device: str = "cpu", **train) -> Trainer:
    """Batches of 8 from 25 examples, so that the last has one."""
    values = {"epochs": 2, "batch_size": 8, "learning_rate": 2**-9, "epsilon": 1e-3, "weight_decay": 0.1, **train}
    made = recipe.parse({"model": {"factory": f"{__name__}:make", "arguments": {"kind": kind}}, "train": values}, "it")
    stream = rng.stream(0, "test images")
    images = torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=stream).numpy()
    data = as_split(images, torch.randint(0, 3, (count,), generator=stream).numpy()).to(device)
    return Trainer(made, data, 3, Preparation.of(made.data, data.images), device=device)


tried = functools.cache(trainer)


def by_torch(work: Trainer, member: int) -> dict[str, torch.Tensor]:
    """The same network in a plain loop, with the member's order of examples and the step's seed."""
    train, data = work.recipe.train, work.data
    module = initial_module(work.recipe, work.streams, member, data, 3).train().to(work.device)
    settings = {"lr": train.learning_rate, "weight_decay": train.weight_decay}
    if train.optimizer == "adam":
        optimizer = torch.optim.Adam(module.parameters(), eps=train.epsilon, **settings)
    else:
        optimizer = torch.optim.SGD(module.parameters(), momentum=train.momentum, **settings)
    sizes = batch_sizes(train, len(data.label), work.habits.least_batch)
    for epoch in range(train.epochs):
        keys = work.streams.keys("order", [member], epoch).to(work.device)
        order = epoch_order(len(data.label), sum(sizes), "permutation", keys)[0]
        seeds = rng.words(work.streams.keys("dropout", [member], epoch)[0], len(sizes))
        for index, seed in zip(order.split(sizes), seeds, strict=True):
            images = work.preparation.pick(data.inputs, index[None], dtype=torch.float64)[0]
            optimizer.zero_grad()
            with rng.seeded(int(seed)):
                loss = nn.functional.cross_entropy(module(images), data.label[index])
            loss.backward()
            optimizer.step()
    return dict(module.named_parameters()) | dict(module.named_buffers())


def trained(work: Trainer, members: list[int]) -> dict[str, torch.Tensor]:
    *_, last = work.group(members, lambda state: (torch.zeros(len(members), device=work.device),) * 2)
    assert last.finite == [True] * len(members)
    return {**last.state.params, **last.state.buffers}


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", [kind.__name__ for kind in (*STACKED, *ALONE)])
def test_a_member_is_the_plain_loops_network(kind, optimizer, device):
    work = trainer(kind, device=device, optimizer=optimizer)
    assert work.habits.can_stack == (KINDS[kind] in STACKED)
    members = [0, 1] if work.habits.can_stack else [1]
    found = trained(work, members)
    for position, member in enumerate(members):
        truth = by_torch(work, member)
        for name, tensor in found.items():
            assert torch.allclose(tensor[position], truth[name], rtol=1e-11, atol=1e-12), (member, name)


@pytest.mark.parametrize("kind", [kind.__name__ for kind in (*STACKED, *ALONE)])
def test_members_are_evaluated_as_torch_does_stacked_or_one_by_one(kind):
    work = tried(kind)
    states = work.stacked([work.initial(member).state for member in (0, 1)])
    modules = [initial_module(work.recipe, work.streams, member, work.data, 3).eval() for member in (0, 1)]
    images = work.preparation(work.data.inputs, dtype=torch.float64)
    with torch.no_grad():
        truth = torch.stack([module(images) for module in modules])
        settings = (fuse(modules[0]), states, images, torch.tensor([1, 2]), work.policy)
        if work.habits.can_stack_in_evaluation:
            assert torch.allclose(forward_stacked(*settings).logits, truth, rtol=1e-12, atol=1e-13)
        assert torch.allclose(forward_each(*settings, False).logits, truth, rtol=1e-12, atol=1e-13)
    assert work.habits.can_stack_in_evaluation == (KINDS[kind] not in (Sometimes, *REFUSED, DroppingRecurrent))


@pytest.mark.parametrize("kind", [kind.__name__ for kind in (*STACKED, *ALONE)])
def test_why_a_member_trains_alone_is_said_where_others_share_a_step(kind):
    habits = tried(kind).habits
    alone = [line for line in habits.said("cuda") if "one at a time" in line]
    assert len(alone) == (KINDS[kind] in ALONE)
    assert habits.draws == (KINDS[kind] in BY_CHANCE)
    assert habits.recomputes == (KINDS[kind] in RECOMPUTED)
    assert not any("one at a time" in line for line in habits.said("cpu"))


def test_a_transformer_shares_its_steps_though_its_attention_drops():
    habits = tried("Transformer").habits
    assert habits.can_stack
    assert habits.calls_dropout
    assert not habits.draws


@pytest.mark.parametrize(
    ("kind", "names"),
    [("Unused", ("unused.weight", "unused.bias")), ("NoGrad", ("a.weight", "a.bias")), ("Tied", ())],
)
def test_parameters_without_gradient_are_found_named_and_left(kind, names):
    """Weight decay, momentum and noise would otherwise move them."""
    schedule = {"kind": "cyclic", "cycles": 1, "temperature": 1.0, "noisy": 1.0}
    work = trainer(kind, optimizer="sgd", schedule=schedule)
    assert work.habits.without_gradient == names
    assert any(name in line for line in work.habits.said("cpu") for name in names) == bool(names)
    start, end = work.initial(0).state.params, trained(work, [0, 1])
    for name, tensor in start.items():
        assert torch.equal(tensor, end[name][0]) == (name in names), name


def test_a_network_without_any_gradient_is_refused():
    with pytest.raises(InputError, match="depends on no trainable parameter"):
        trainer("Detached")


@pytest.mark.parametrize(("rule", "steps", "seen"), [("join", 3, 25), ("drop", 3, 24)])
def test_a_last_batch_of_one_goes_by_the_rule_and_all_counts_agree(rule, steps, seen):
    work = trainer("BatchNorm", last_batch_of_one=rule)
    assert work.habits.least_batch == 2
    assert work.steps_per_epoch == steps
    progress: list[int] = []
    *_, last = work.group([1], lambda state: (torch.zeros(1),) * 2, progress=progress.append)
    assert sum(progress) == seen * 2
    assert len(progress) == steps * 2
    truth = by_torch(work, 1)
    assert truth["norm.num_batches_tracked"] == last.state.buffers["norm.num_batches_tracked"][0] == steps * 2
    assert torch.allclose(last.state.params["a.weight"][0], truth["a.weight"], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", ["BatchNorm", "Scalar", "Unused", "ByChance", "Checkpointed"])
def test_training_goes_on_with_the_same_bits(kind):
    work = tried(kind)
    members = [0, 1] if work.habits.can_stack else [1]
    copies = [shot.copy() for shot in work.group(members, lambda state: (torch.zeros(len(members)),) * 2)]
    starts = []
    for position in range(len(members)):
        held = of_member(copies[1], position)
        parts = {kind: {} for kind in ("param", "buffer", "optimizer")}
        for name, tensor in held.items():
            parts[name.partition("/")[0]][name.partition("/")[2]] = tensor
        state = ModelState(parts["param"], parts["buffer"])
        starts.append(Start(epoch=1, state=state, optimizer=parts["optimizer"]))
    *_, last = work.group(members, lambda state: (torch.zeros(len(members)),) * 2, starts=starts)
    resumed = last.copy()
    assert resumed.keys() == copies[-1].keys()
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in copies[-1].items())


def test_a_network_that_takes_one_example_keeps_its_last_batch_of_one():
    work = trainer("Base")
    assert work.habits.least_batch == 1
    assert work.steps_per_epoch == 4


@pytest.mark.parametrize(("settings", "remedy"), [({"batch_size": 1}, "batch_size=2"), ({"count": 1}, "data.train")])
def test_what_leaves_single_examples_under_batch_norm_is_refused(settings, remedy):
    with pytest.raises(InputError, match=remedy):
        trainer("BatchNorm", **settings)
