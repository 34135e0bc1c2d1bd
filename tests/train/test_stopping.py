"""Early stopping: when a member stops, which epoch it reverts to, and that others are unaffected."""

import pytest
import torch
from torch import nn

from modescape import recipe, rng, runtime
from modescape.data.dataset import as_split
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.train.loop import Start, Trainer, of_member
from modescape.types import ModelState

COUNT, EPOCHS = 24, 8
LOSSES = {  # member -> prescribed validation loss of each epoch
    0: [5, 4, 3, 2, 1, 0.5, 0.4, 0.3],  # improves to the end
    1: [5, 3, 4, 4, 1, 1, 1, 1],  # stops after epoch 4: its best is 2
    2: [5, 4, 3, 3.5, 2, 3, 3, 0.1],  # stops after epoch 7: its best is 5
    3: [5, 4, 3, 2, 1, 0.5, 0.4, 0.6],  # reverts to epoch 7 at the end
}


def make() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)).double()


@pytest.fixture(autouse=True)
def one_thread():
    with runtime.one_thread():
        yield


def trainer(**stopping) -> Trainer:
    train = {
        "epochs": EPOCHS,
        "batch_size": 8,
        "epsilon": 1e-3,
        "early_stopping": {"patience": 2, **stopping} if stopping else None,
    }
    made = recipe.parse({"model": {"factory": f"{__name__}:make"}, "train": train}, "it")
    stream = rng.stream(0, "test images")
    images = torch.randint(0, 256, (COUNT, 1, 8, 8), dtype=torch.uint8, generator=stream)
    data = as_split(images.numpy(), torch.randint(0, 3, (COUNT,), generator=stream).numpy())
    return Trainer(made, data, 3, Preparation.of(made.data, images))


class Probe:
    """Returns the losses of `LOSSES` in turn, and accuracies that fall as losses rise."""

    def __init__(self, members, epoch=0):
        self.members, self.epoch = members, epoch

    def __call__(self, state):
        self.epoch += 1
        loss = torch.tensor([LOSSES[member][self.epoch - 1] for member in self.members])
        return loss, -loss


def run(work, members, starts=None):
    shots = []
    probe = Probe(members, starts[0].epoch if starts else 0)
    for shot in work.group(members, probe, starts=starts):
        shots.append((shot.copy(), shot.history, shot.stopping and shot.stopping.places()))
    return shots


def weights(shot, position):
    own = of_member(shot[0], position)
    return torch.cat([own[name].double().flatten() for name in sorted(own) if name.startswith(("param/", "buffer/"))])


@pytest.mark.parametrize("score", ["validation_loss", "validation_accuracy"])
def test_each_member_stops_by_itself_and_goes_back_to_its_best_epoch(score):
    members = [0, 1, 2, 3]
    free, stopped = run(trainer(), members), run(trainer(score=score), members)
    assert len(stopped) == EPOCHS + 1
    assert stopped[-1][2] == [None, (4, 2), (7, 5), (8, 7)]
    for position, (after, best) in enumerate([(9, 9), (4, 2), (7, 5), (8, 7)]):
        for epoch in range(EPOCHS + 1):
            truth = weights(free[best if epoch >= after else epoch], position)
            assert torch.equal(weights(stopped[epoch], position), truth), (position, epoch)


def test_history_is_of_the_weights_that_are_kept():
    free, stopped = run(trainer(), [0, 1]), run(trainer(patience=2), [0, 1])
    for epoch in range(1, EPOCHS + 1):
        own, other = free[epoch][1], stopped[epoch][1]
        assert {**own[0], "seconds": 0} == {**other[0], "seconds": 0}
        assert other[1]["validation_loss"] == LOSSES[1][min(epoch, 2 if epoch >= 4 else epoch) - 1]
        assert (other[1]["lr"] == 0, other[1]["seconds"] == 0) == (epoch > 4, epoch > 4)
        trained = free[epoch if epoch <= 4 else 2][1][1]["train_loss"]
        assert other[1]["train_loss"] == trained


def test_a_lone_member_is_not_trained_after_it_stopped():
    seen: list[int] = []
    together = run(trainer(patience=2), [0, 1])
    work, probe = trainer(patience=2), Probe([1])
    alone = [shot.copy() for shot in work.group([1], probe, progress=seen.append)]
    assert probe.epoch == 4
    assert sum(seen) == EPOCHS * COUNT  # as the estimate assumes
    for name, tensor in alone[-1].items():
        if name.startswith(("param/", "best/param/")):
            assert torch.allclose(tensor[0], together[-1][0][name][1], rtol=1e-9, atol=1e-12), name


def test_no_member_stops_before_its_least_epochs():
    assert run(trainer(least_epochs=7), [1, 2])[-1][2] == [(7, 5), (7, 5)]
    assert run(trainer(patience=20), [1, 3])[-1][2] == [(8, 5), (8, 7)]


@pytest.mark.parametrize("at", [3, 5])
def test_training_goes_on_with_the_same_bits(at):
    members = [0, 1, 2]
    work = trainer(patience=2)
    whole, starts = run(work, members), []
    for position in range(len(members)):
        parts: dict[str, dict] = {kind: {} for kind in ("param", "buffer", "optimizer", "best")}
        for name, tensor in of_member(whole[at][0], position).items():
            kind, _, own = name.partition("/")
            parts[kind][own] = tensor
        state = ModelState(parts["param"], parts["buffer"])
        starts.append(Start(epoch=at, state=state, optimizer=parts["optimizer"], best=parts["best"]))
    resumed = run(work, members, starts)
    assert resumed[-1][2] == whole[-1][2]
    assert all(torch.equal(tensor, resumed[-1][0][name]) for name, tensor in whole[-1][0].items())


def test_a_score_that_is_no_number_is_no_improvement():
    work = trainer(patience=2)
    nan = [float("nan")] * EPOCHS
    LOSSES[9] = [3, *nan[1:]]
    assert run(work, [9, 0])[-1][2] == [(3, 1), None]


def test_a_cyclic_schedule_is_refused():
    train = {"schedule": {"kind": "cyclic"}, "early_stopping": {"patience": 3}}
    with pytest.raises(InputError, match="every cycle of a cyclic schedule begins with a higher loss"):
        recipe.parse({"train": train}, "it")
