"""The one evaluator against plain forward passes, and recomputed batch norm against torch's own cumulative average."""

import copy

import pytest
import torch
from torch import nn

from modescape import recipe, rng, tree
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.models import split_state
from modescape.predict import BATCH, Evaluator, evaluate, recompute_batch_norm, validation_probe
from modescape.types import ModelState


def network(seed: int) -> nn.Module:
    with rng.seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
        )


def images(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=rng.stream(0, "test images"))


def stacked(networks: list[nn.Module]) -> ModelState:
    states = [split_state(net) for net in networks]
    return ModelState(tree.stack([state.params for state in states]), tree.stack([state.buffers for state in states]))


@pytest.fixture
def preparation() -> Preparation:
    return Preparation.of(recipe.Data(), Split(images(10), torch.zeros(10, dtype=torch.int64)))


def test_log_probabilities_are_those_of_each_network_in_eval_mode(preparation):
    networks, pictures = [network(seed) for seed in range(3)], images(BATCH + 5)
    counted = []
    evaluator = Evaluator(module=network(9), preparation=preparation)
    log_prob = evaluator(stacked(networks), pictures, counted.append)
    assert log_prob.shape == (3, BATCH + 5, 3)
    assert sum(counted) == 3 * (BATCH + 5)
    for net, got in zip(networks, log_prob, strict=True):
        expected = torch.log_softmax(net.eval()(pictures.float() / 255), 1)
        assert torch.allclose(got, expected, atol=1e-5)
    assert torch.equal(evaluate(network(9), stacked(networks), pictures, preparation), log_prob)


def test_stacked_and_one_by_one_agree(preparation):
    evaluator = Evaluator(module=network(9).eval(), preparation=preparation)
    state, pictures = stacked([network(seed) for seed in range(3)]), preparation(images(20))
    with torch.no_grad():
        together, one_by_one = evaluator._forward_stacked(state, pictures), evaluator._forward_each(state, pictures)
    assert torch.allclose(together, one_by_one, atol=1e-5)


def test_recomputed_statistics_are_torchs_cumulative_average(preparation):
    networks, pictures = [network(seed) for seed in range(2)], images(2 * BATCH + 7)
    module = network(9)
    state = stacked(networks)
    before = {name: tensor.clone() for name, tensor in state.buffers.items()}
    fresh = recompute_batch_norm(module, state, preparation, pictures)
    assert module[1].momentum == 0.1
    assert all(torch.equal(state.buffers[name], before[name]) for name in before)
    for number, net in enumerate(networks):
        reference = copy.deepcopy(net).train()
        reference[1].momentum = None  # torch: cumulative average
        reference[1].reset_running_stats()
        with torch.no_grad():
            for batch in pictures[: 2 * BATCH].split(BATCH):
                reference(preparation(batch))
        assert torch.allclose(fresh.buffers["1.running_mean"][number], reference[1].running_mean, atol=1e-6)
        assert torch.allclose(fresh.buffers["1.running_var"][number], reference[1].running_var, atol=1e-6)
        used = evaluate(module, state, pictures[:9], preparation, batch_norm="recompute", batch_norm_images=pictures)[
            number
        ]
        expected = torch.log_softmax(reference.eval()(preparation(pictures[:9])), 1)
        assert torch.allclose(used, expected, atol=1e-5)


def test_recompute_without_images_says_what_it_needs(preparation):
    with pytest.raises(ValueError, match="batch_norm_images"):
        evaluate(network(0), stacked([network(0)]), images(2), preparation, batch_norm="recompute")


def test_the_probe_gives_mean_loss_and_accuracy(preparation):
    split = Split(images(50), torch.arange(50) % 3)
    state = stacked([network(1), network(2)])
    loss, accuracy = validation_probe(Evaluator(module=network(9), preparation=preparation), split)(state)
    for number, net in enumerate([network(1), network(2)]):
        logits = net.eval()(preparation(split.image))
        assert loss[number].item() == pytest.approx(nn.functional.cross_entropy(logits, split.label).item(), rel=1e-5)
        assert accuracy[number].item() == pytest.approx((logits.argmax(1) == split.label).double().mean().item())
