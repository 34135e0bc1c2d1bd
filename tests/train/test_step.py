"""Stacked members equal lone ones: the same random streams, and the same numbers up to rounding."""

import pytest
import torch
from torch import nn

from modescape import recipe, rng, runtime
from modescape.data import sources
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.models import build
from modescape.network.watching import watch
from modescape.predict import Evaluator, validation_probe
from modescape.train.loop import Trainer
from modescape.train.step import Step

MEMBERS = [0, 1, 2]


def split(count: int, size: int) -> Split:
    """Real digits, enlarged and in three channels: random pixels would make training needlessly chaotic."""
    source = sources.digits()
    image = torch.from_numpy(source.inputs[:count]).repeat_interleave(size // 8, 2).repeat_interleave(size // 8, 3)
    return Split(image.repeat(1, 3, 1, 1), torch.from_numpy(source.label[:count]))


@pytest.fixture(autouse=True)
def one_thread():
    with runtime.one_thread():
        yield


def trainer(factory: str, dtype: torch.dtype, size: int, count: int = 40, optimizer="adam", **arguments) -> Trainer:
    settings = recipe.Recipe(
        model=recipe.Model(factory=factory, arguments=arguments),
        train=recipe.Train(epochs=2, batch_size=8, optimizer=optimizer),
        data=recipe.Data(augmentation=recipe.Augmentation(crop_padding=1, horizontal_flip=True, brightness=0.2)),
    )
    data = split(count, size)
    return Trainer(settings, data, 10, Preparation.of(settings.data, data.images), dtype=dtype)


def no_probe(state):
    members = len(next(iter(state.params.values())))
    return torch.zeros(members), torch.zeros(members)


def final_params(work: Trainer, members: list[int]) -> dict[str, torch.Tensor]:
    *_, last = work.group(members, no_probe)
    assert last.epoch == 2
    return {name: tensor.detach().clone() for name, tensor in [*last.state.params.items(), *last.state.buffers.items()]}


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("factory", "size", "optimizer"),
    [
        ("small_cnn", 32, "adam"),
        *(pytest.param("resnet20", 8, name, marks=pytest.mark.ci) for name in ("sgd", "adam")),
    ],
)
def test_stacked_equals_alone_after_many_steps_in_float64(factory, size, optimizer, count):
    """2 epochs of 3 steps (25 in the long test); sums are in another order, hence 1e-9 and not 0.

    A bias before batch norm has no effect and a true gradient of 0: its gradient is rounding error (1e-17), which Adam
    scales up to steps of 1e-11. Under Adam, such biases and the running means that contain them agree to 1e-8.
    """
    work = trainer(factory, torch.float64, size, count, optimizer)
    together = final_params(work, MEMBERS)
    for member in MEMBERS[1:]:
        alone = final_params(work, [member])
        for name, tensor in together.items():
            if not tensor.is_floating_point():
                assert torch.equal(tensor[member], alone[name][0])
                continue
            without_effect = name.endswith("bias") and alone[name].abs().max() < 1e-7
            loose = (optimizer, factory) == ("adam", "resnet20") and (without_effect or "running_mean" in name)
            bound = 1e-8 if loose else 1e-9 * max(alone[name].abs().max().item(), 1e-3)
            assert (tensor[member] - alone[name][0]).abs().max().item() <= bound, name


@pytest.mark.parametrize(
    ("factory", "size", "tolerance"),
    [("small_cnn", 32, 1e-4), pytest.param("resnet20", 32, 5e-2, marks=pytest.mark.ci)],
)
def test_first_gradients_agree_in_float32(factory, size, tolerance):
    work = trainer(factory, torch.float32, size, count=8)
    starts = [work.initial(member).state for member in MEMBERS]
    # all pixels differ, since batch norm divides by the deviation, which flat images do not have
    images = torch.rand(len(MEMBERS), 8, 3, size, size, generator=rng.stream(0, "test images"))
    label = torch.stack([work.data.label.roll(member) for member in MEMBERS])
    keys = rng.words(torch.tensor(9), 3)
    step = work.step([0])
    together, loss, correct = Step(step.module, 3, step.habits)(work.stacked(starts), images, label, keys)
    for member in MEMBERS:
        one = slice(member, member + 1)
        alone, lone_loss, lone_correct = step(work.stacked(starts[one]), images[one], label[one], keys[one])
        assert loss[member].item() == pytest.approx(lone_loss[0].item(), rel=1e-5)
        assert correct[member] == lone_correct[0]
        for name, gradient in together.items():
            scale = max(alone[name].abs().max().item(), 1e-3)
            assert (gradient[member] - alone[name][0]).abs().max().item() <= tolerance * scale, name


def test_gradient_is_autograds():
    """Without dropout, the step computes the same as a plain loop."""
    work = trainer("small_cnn", torch.float64, 8, dropout=0.0)
    start = work.initial(1).state
    images, label = work.data.inputs[:8].double() / 255, work.data.label[:8]
    state = work.stacked([start])
    gradients, loss, _ = work.step([0])(state, images[None], label[None], torch.tensor([1]))
    params = {name: tensor.double().requires_grad_() for name, tensor in start.params.items()}
    module = build(work.recipe.model, (3, 8, 8), 10, key=0).double()  # a plain, unprepared network
    plain = nn.functional.cross_entropy(torch.func.functional_call(module, params, (images,)), label)
    plain.backward()
    assert loss.item() == pytest.approx(plain.item(), rel=1e-12)
    for name, tensor in params.items():
        assert torch.allclose(gradients[name][0], tensor.grad, rtol=1e-10, atol=1e-14), name


class Noisy(nn.Module):
    """Adds its own noise, which our masks do not replace."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3 * 8 * 8, 10)

    def forward(self, x):
        x = x.flatten(1)
        return self.dense(x + torch.randn_like(x)) if self.training else self.dense(x)


def make_noisy() -> nn.Module:
    return Noisy()


def test_a_network_with_its_own_randomness_is_found_and_seeded():
    habits = watch(Noisy(), torch.rand(4, 3, 8, 8)).habits
    assert habits.draws
    assert not habits.can_stack
    work = trainer(f"{__name__}:make_noisy", torch.float32, 8)
    before = torch.get_rng_state()
    first, second = final_params(work, [1]), final_params(work, [1])
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["dense.weight"], final_params(work, [2])["dense.weight"])
    with pytest.raises(ValueError, match="trains alone"):
        final_params(work, [0, 1])


def test_cumulative_batch_norm_is_not_stacked():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=None), nn.Flatten(), nn.LazyLinear(10))
    net(torch.rand(2, 3, 8, 8))
    assert not watch(net, torch.rand(4, 3, 8, 8)).habits.can_stack
    net[1].momentum = 0.1
    assert watch(net, torch.rand(4, 3, 8, 8)).habits.can_stack


class Counting(nn.Module):
    """Replaces its buffer by a new tensor at every call in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3 * 8 * 8, 10)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.calls = self.calls + 1
        return self.dense(x.flatten(1))


def make_counting() -> nn.Module:
    return Counting()


def test_a_network_that_replaces_its_buffers_is_found_and_they_are_kept():
    assert watch(Counting(), torch.rand(4, 3, 8, 8)).habits.replaces_buffers
    work = trainer(f"{__name__}:make_counting", torch.float32, 8)
    assert final_params(work, [1])["calls"].item() == 2 * 5
    with pytest.raises(ValueError, match="trains alone"):
        final_params(work, [0, 1])


class Tied(nn.Module):
    """Two layers that share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(192, 192), nn.Linear(192, 192), nn.Linear(192, 10)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.last(torch.relu(self.second(torch.relu(self.first(x.flatten(1))))))


def make_tied() -> nn.Module:
    return Tied()


def test_a_shared_weight_is_one_weight_alone_and_stacked():
    work = trainer(f"{__name__}:make_tied", torch.float64, 8, optimizer="sgd")
    together, alone = final_params(work, [0, 1]), final_params(work, [1])
    assert "second.weight" not in alone
    assert all(torch.allclose(together[name][1], alone[name][0], rtol=1e-9, atol=1e-12) for name in alone)


def test_training_learns_and_history_says_so():
    settings = recipe.Recipe(train=recipe.Train(epochs=15, batch_size=32))
    generator = rng.stream(0, "blobs")
    label = torch.randint(0, 2, (256,), generator=generator)
    noise = torch.randint(0, 60, (256, 1, 8, 8), generator=generator)
    data = Split((noise + 150 * label[:, None, None, None]).to(torch.uint8), label)
    preparation = Preparation.of(settings.data, data.images)
    work = Trainer(settings, data, 2, preparation)
    module = work.step([0]).module
    probe = validation_probe(Evaluator(module=module, preparation=preparation), data)
    snapshots = list(work.group([0], probe))
    rows = [snapshot.history[0] for snapshot in snapshots[1:]]
    assert [row["epoch"] for row in rows] == list(range(1, 16))
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] / 2
    assert rows[-1]["validation_accuracy"] > 0.95


def test_divergence_is_seen_and_others_are_untouched():
    work = trainer("small_cnn", torch.float32, 8)
    starts = [work.initial(member) for member in MEMBERS]
    name = next(iter(starts[1].state.params))
    starts[1].state.params[name].fill_(float("nan"))
    *_, last = work.group(MEMBERS, no_probe, starts=starts)
    assert last.finite == [True, False, True]
    healthy = final_params(work, MEMBERS)
    for position in (0, 2):
        assert torch.equal(last.state.params[name][position], healthy[name][position])


@pytest.mark.parametrize("purpose", rng.PURPOSES)
def test_each_stream_can_be_shared_alone(purpose):
    """Sharing the stream of one purpose makes members equal in that only; sharing all makes them identical."""

    def streams(shared):
        settings = recipe.Recipe(streams=recipe.Streams(**dict.fromkeys(shared, "shared")))
        return rng.MemberStreams(seed=settings.seed, shared=settings.shared_streams())

    one = streams([purpose])
    for other in rng.PURPOSES:
        assert (one.key(other, 0, 3) == one.key(other, 1, 3)) == (other == purpose)
    work = trainer("small_cnn", torch.float32, 8)
    work.recipe = work.recipe.model_copy(update={"train": work.recipe.train.model_copy(update={"mixup": 1.0})})
    work.streams = one
    same = torch.equal(*(next(iter(work.initial(member).state.params.values())) for member in (0, 1)))
    assert same == (purpose == "initialisation")
    work.streams = streams(rng.PURPOSES)
    first, second = final_params(work, [0]), final_params(work, [1])
    assert all(torch.equal(first[name], second[name]) for name in first)
    work.streams = streams([name for name in rng.PURPOSES if name != purpose])
    third = final_params(work, [1])
    assert not all(torch.equal(first[name], third[name]) for name in first)


def test_a_member_does_not_depend_on_the_global_generator():
    work = trainer("small_cnn", torch.float32, 8)
    torch.rand(7)
    first = final_params(work, [2])
    with rng.seeded(99):
        second = final_params(work, [2])
    assert all(torch.equal(first[name], second[name]) for name in first)
