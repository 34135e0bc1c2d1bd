"""Members that share their first epochs with member 0 are identical to it until then, however they are stacked."""

import pytest
import torch
from pydantic import ValidationError
from test_step import no_probe, split

from modescape import recipe, rng
from modescape.train.loop import Start, Trainer, of_member
from modescape.types import ModelState

BRANCHES = [0, 1, 3]  # epochs that members 1, 2 and 3 share, of 3
MEMBERS = [0, 1, 2, 3]


def trainer(branches: list[int], dtype: torch.dtype = torch.float32) -> Trainer:
    streams = recipe.Streams(initialisation="shared", branches=branches)
    settings = recipe.Recipe(
        model=recipe.Model(factory="small_cnn"),
        train=recipe.Train(epochs=3, batch_size=8, schedule=recipe.Cosine(kind="cosine")),
        data=recipe.Data(augmentation=recipe.Augmentation(crop_padding=1)),
        streams=streams,
    )
    data = split(24, 8)
    return Trainer(settings, data, 10, data.preparation(settings.data), dtype=dtype)


def trained(work: Trainer, members: list[int], starts: list[Start] | None = None) -> list[dict[str, torch.Tensor]]:
    """The full training state of members after each epoch."""
    return [shot.copy() for shot in work.group(members, no_probe, starts=starts)]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.fixture(scope="module")
def alone() -> dict[int, list[dict[str, torch.Tensor]]]:
    """The training state after each epoch of each member, trained alone."""
    return {member: [of_member(one, 0) for one in trained(trainer(BRANCHES), [member])] for member in MEMBERS}


def test_a_branch_is_the_run_until_it_leaves_it_and_another_one_from_then_on(alone):
    for member, common in zip(MEMBERS[1:], BRANCHES, strict=True):
        equal = [same(*both) for both in zip(alone[member], alone[0], strict=True)]
        assert equal == [epoch <= common for epoch in range(4)], member  # including the optimiser's state


def test_two_branches_of_one_epoch_differ_from_each_other():
    first, second = (trained(trainer([1, 1]), [member]) for member in (1, 2))
    assert same(first[1], second[1])
    assert not same(first[2], second[2])


def test_the_run_is_what_it_is_without_branches(alone):
    assert same(of_member(trained(trainer([]), [0])[-1], 0), alone[0][-1])


def test_branches_in_one_stack_are_what_they_are_alone_in_float64():
    work = trainer(BRANCHES, torch.float64)
    together = trained(work, MEMBERS)[-1]
    for member in MEMBERS:
        one = of_member(trained(work, [member])[-1], 0)
        for name in one:
            if name.startswith("param"):
                torch.testing.assert_close(of_member(together, member)[name], one[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_branch_goes_on_with_the_same_bits_before_and_after_it_leaves(alone, epoch):
    held = alone[2][epoch]
    parts = {
        kind: {name.partition("/")[2]: tensor for name, tensor in held.items() if name.startswith(kind)}
        for kind in ("param", "buffer", "optimizer")
    }
    start = Start(epoch=epoch, state=ModelState(parts["param"], parts["buffer"]), optimizer=parts["optimizer"])
    assert same(of_member(trained(trainer(BRANCHES), [2], [start])[-1], 0), alone[2][-1])


def test_every_purpose_of_an_epoch_branches_and_the_noise_of_langevin_too():
    streams = rng.MemberStreams(seed=3, shared=frozenset({"initialisation"}), branches=(0, 2))
    for purpose in ("order", "augmentation", "dropout", "mixup", "langevin"):
        for epoch in range(4):
            run, first, second, beyond = streams.keys(purpose, [0, 1, 2, 3], epoch).tolist()
            assert (second == run) == (epoch < 2)
            assert run not in (first, beyond)
            assert second != first


def test_branches_need_one_start():
    with pytest.raises(ValidationError, match="branches continue one run; set initialisation to shared"):
        recipe.Streams(branches=[1])
    with pytest.raises(ValidationError, match="no last_bit"):
        recipe.Streams(branches=[1], initialisation="shared", last_bit=True)
