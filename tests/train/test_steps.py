"""Steps of an epoch, run one by one or recorded and replayed: the same numbers, and fresh draws in every step."""

import pytest
import torch
from torch import nn

from modescape import recipe, rng, runtime
from modescape.data.dataset import as_split
from modescape.data.prepare import Preparation
from modescape.kernels.dropout import keep_mask
from modescape.train import replay, steps
from modescape.train.loop import Trainer
from modescape.train.optimizer import Optimizer
from modescape.train.replay import TRIALS, Replay
from modescape.train.schedule import learning_rate

MEMBERS = [0, 1, 2]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    with runtime.one_thread():
        yield


def trainer(factory="small_cnn", batches="permutation", count=40, train=None, streams=None, **settings) -> Trainer:
    """Forty images in batches of 16: two full ones and a rest."""
    values = {"epochs": 2, "batch_size": 16, "batches": batches, "schedule": {"kind": "cosine"}, **(train or {})}
    made = recipe.parse({"model": {"factory": factory}, "train": values, "streams": streams or {}}, "the test")
    stream = rng.stream(0, "test images")
    images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=stream).numpy()
    data = as_split(images, torch.randint(0, 10, (count,), generator=stream).numpy())
    return Trainer(made, data, 10, Preparation.of(made.data, data.images), **settings)


def as_in_the_table(*arguments) -> torch.Tensor:
    """The learning rate with the precision that a recorded step reads."""
    return torch.tensor(learning_rate(*arguments), dtype=torch.float32)


def no_probe(state):
    return torch.zeros(len(MEMBERS)), torch.zeros(len(MEMBERS))


def trained(work: Trainer, members=MEMBERS):
    *_, last = work.group(members, lambda state: (torch.zeros(len(members)),) * 2)
    state = {**last.state.params, **last.state.buffers, **last.optimizer.tensors()}
    return {name: tensor.detach().clone() for name, tensor in state.items()}, last.history


@pytest.mark.parametrize("batches", ["permutation", "replacement"])
@pytest.mark.parametrize("factory", ["small_cnn", pytest.param("resnet20", marks=pytest.mark.ci)])
def test_replayed_steps_are_the_steps(factory, batches, monkeypatch):
    """All that a step reads is in tensors, and trials leave no trace: bit-identical."""
    monkeypatch.setattr(steps, "learning_rate", as_in_the_table)  # as Python numbers, rates have more digits
    (one, history), (other, replayed) = (trained(trainer(factory, batches, replayed=flag)) for flag in (False, True))
    assert [row["train_loss"] for row in history] == [row["train_loss"] for row in replayed]
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    counts = [tensor for name, tensor in one.items() if name.startswith("step/")]
    assert {count.item() for count in counts} == {6.0 if batches == "permutation" else 4.0}


def test_langevin_noise_is_the_members_own_normal_numbers():
    """One step of plain SGD on all images, with noise and without: the difference is sd times the stream's numbers."""
    noisy = {"kind": "cyclic", "cycles": 1, "temperature": 2.0, "noisy": 1.0}
    settings = {"epochs": 1, "batch_size": 40, "optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.01}
    plain, _ = trained(trainer(train={**settings, "schedule": {**noisy, "temperature": 0.0}}))
    hot, _ = trained(trainer(train={**settings, "schedule": noisy}))
    streams = rng.MemberStreams(seed=0)
    names = [name for name in plain if name in dict(trainer().initial(0).state.params)]
    size = sum(plain[name][0].numel() for name in names)
    for member in MEMBERS:
        keys = rng.words(streams.keys("langevin", [member], 0), 1)[:, 0]
        wanted = (2 * 0.01 * 2.0 / 40) ** 0.5 * rng.normal(keys, size)[0]
        found = torch.cat([(hot[name] - plain[name])[member].reshape(-1) for name in names])
        torch.testing.assert_close(found.double(), wanted, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "train",
    [
        {"schedule": {"kind": "cyclic", "cycles": 2, "temperature": 1.0, "noisy": 0.5}},
        {"mixup": 0.5, "label_smoothing": 0.1, "clip": 0.1, "warmup": 1, "optimizer": "adamw"},
    ],
)
def test_replayed_noise_and_mixtures_are_those_of_the_steps(train, monkeypatch):
    monkeypatch.setattr(steps, "learning_rate", as_in_the_table)  # as Python numbers, rates have more digits
    one, other = (trained(trainer(train=train, replayed=flag))[0] for flag in (False, True))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_one_weight_starts_a_last_bit_away():
    shared = dict.fromkeys(("initialisation", "order", "augmentation", "dropout"), "shared")
    work = trainer(streams={**shared, "last_bit": True})
    first, second = (work.initial(member).state.params for member in (0, 1))
    differing = [(name, first[name] != second[name]) for name in first]
    assert sum(int(mask.sum()) for _, mask in differing) == 1
    name = next(name for name, mask in differing if mask.any())
    a, b = first[name].view(-1)[0], second[name].view(-1)[0]
    assert torch.nextafter(a, torch.tensor(torch.inf)) == b


def test_a_recording_a_size_of_batch_and_no_more(monkeypatch):
    made = []

    class Counting(Replay):
        def __init__(self, *arguments):
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(steps, "Replay", Counting)  # nothing else shows how often a step was recorded
    trained(trainer(replayed=True))
    assert len(made) == 2  # 16 and the last 8


def test_trials_leave_every_tensor_as_it_was():
    a, b, calls = torch.zeros(3), torch.ones(2, dtype=torch.int64), []

    def work():
        calls.append(1)
        a.add_(1), b.mul_(2)

    again = Replay(work, [a, b], CPU)
    assert len(calls) == TRIALS
    assert a.tolist() == [0] * 3
    assert b.tolist() == [1, 1]
    again(), again()
    assert a.tolist() == [2] * 3
    assert b.tolist() == [4, 4]


def test_masks_under_replay_are_fresh_every_step_and_uncorrelated_between_members():
    """The keys that layers draw from in a replayed epoch: one per step and member, all distinct."""
    keys = []
    work = trainer(count=160, replayed=True)

    class Watched:
        def __init__(self, step):
            self.step, self.module, self.task = step, step.module, step.task

        def __call__(self, state, images, label, dropout, mixed):
            keys.append(dropout.clone())
            return self.step(state, images, label, dropout, mixed)

    state = work.stacked([work.initial(member).state for member in MEMBERS])
    epoch = work.make_steps(MEMBERS, state, Optimizer(work.recipe.train, state.params))
    assert epoch.replayed
    epoch.step = Watched(epoch.step)
    epoch.epoch(0, lambda images: None)
    drawn = torch.stack(keys[TRIALS:])  # [step, member]; the first ones are the trials'
    assert drawn.shape == (10, 3)
    assert len(drawn.unique()) == 30
    masks = torch.stack([keep_mask(key, 0, torch.Size([50_000]), 1 << 15, torch.float64) for key in drawn.flatten()])
    correlation = torch.corrcoef(masks) - torch.eye(len(masks), dtype=torch.float64)
    assert correlation.abs().max() < 5 / 50_000**0.5
    expected = rng.words(work.streams.keys("dropout", MEMBERS, 0), 10).T
    assert torch.equal(drawn, expected)  # the members' own streams, as when trained alone


class Waiting(nn.Module):
    """Reads values of its tensors, which cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(192, 10)

    def forward(self, x):
        return self.dense(x.flatten(1))


def make_waiting() -> nn.Module:
    return Waiting()


def test_a_step_that_cannot_be_recorded_is_run_and_the_user_told(monkeypatch):
    said, expected = [], trained(trainer(f"{__name__}:make_waiting"))[0]

    def refuse(self, *arguments):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(replay.Replay, "__init__", refuse)  # only a GPU refuses to record
    got, _ = trained(trainer(f"{__name__}:make_waiting", replayed=True, say=said.append))
    assert len(said) == 1
    assert "cannot be recorded" in said[0]
    assert all(torch.allclose(got[name], expected[name], atol=1e-6) for name in got)


def test_memory_that_runs_out_is_not_taken_for_a_network_that_cannot_be_recorded(monkeypatch):
    def no_room(self, *arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(replay.Replay, "__init__", no_room)  # a GPU with little memory
    with pytest.raises(torch.OutOfMemoryError):
        trained(trainer(replayed=True))


class Remembering(nn.Module):
    """Counts its training calls in a Python number, and behaves differently after the third."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.calls = nn.Linear(192, 10), 0

    def forward(self, x):
        self.calls += self.training
        return self.dense(x.flatten(1)) * (0.5 if self.training and self.calls <= 3 else 1)


def make_remembering() -> nn.Module:
    return Remembering()


def test_a_network_that_counts_is_never_recorded():
    work = trainer(f"{__name__}:make_remembering", replayed=True)
    state = work.stacked([work.initial(0).state])
    made = work.make_steps([0], state, Optimizer(work.recipe.train, state.params))
    assert made.step.habits.remembers == ("calls",)
    assert not made.replayed
