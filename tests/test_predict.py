"""The evaluator against plain forward passes, and recomputed batch norm against torch's cumulative average."""

import copy

import pytest
import torch
from torch import nn

from modescape import recipe, rng, tree
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.models import split_state
from modescape.network.forward import forward_each, forward_stacked
from modescape.network.member_ops import ComputePolicy
from modescape.network.network import has_dropout
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
    return Preparation.of(recipe.Data(), images(10))


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
    state, pictures = stacked([network(seed) for seed in range(3)]), preparation(images(20))
    with torch.no_grad():
        parts = (network(9).eval(), state, pictures, torch.zeros(3, dtype=torch.int64), ComputePolicy())
        together, one_by_one = forward_stacked(*parts).logits, forward_each(*parts, seeded=False).logits
    assert torch.allclose(together, one_by_one, atol=1e-5)


def test_monte_carlo_dropout_drops_activations_by_the_networks_keys(preparation):
    net, pictures = network(0), images(BATCH + 5)
    evaluator = Evaluator(module=network(9), preparation=preparation)
    keys = torch.tensor([rng.key(0, "test dropout", number) for number in range(100)])
    plain = evaluator(stacked([net]), pictures)
    drawn = evaluator(stacked([net] * 100), pictures[:20], dropout=keys)
    assert torch.equal(evaluator(stacked([net] * 2), pictures[:20], dropout=keys[5:7]), drawn[5:7])
    assert torch.equal(evaluator(stacked([net]), pictures), plain)  # and off again
    assert not torch.equal(drawn[0], drawn[1])
    # with other masks by hand, the mean log-probabilities agree within sampling error
    net.eval()
    with torch.no_grad():
        hidden = net[1](net[0](pictures[:20].float() / 255))
        head = net[5]
        generator = rng.stream(0, "test masks")
        masks = (torch.rand((1000, *hidden.shape[1:]), generator=generator) < 0.5) * 2.0
        wanted = torch.stack([torch.log_softmax(head((one * masks).relu().flatten(1)), 1).mean(0) for one in hidden])
    assert torch.allclose(drawn.mean(0), wanted, atol=5 * float(drawn.std(0).max()) * (1 / 100 + 1 / 1000) ** 0.5)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True), nn.Linear(64, 3)

    def forward(self, x):
        rows = x[:, 0]
        return self.head(self.attention(rows, rows, rows)[0].flatten(1))


def test_attention_drops_in_monte_carlo_dropout_by_the_networks_keys(preparation):
    torch.manual_seed(0)
    net, pictures = Attending(), torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    assert has_dropout(net)
    evaluator, keys = Evaluator(module=net, preparation=preparation), torch.tensor([3, 3, 4])
    plain, (one, same, other) = (
        evaluator(stacked([net]), pictures),
        evaluator(stacked([net] * 3), pictures, dropout=keys),
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, plain[0])
    assert torch.equal(evaluator(stacked([net]), pictures), plain)  # and off again


def test_only_dropout_that_drops_counts():
    assert has_dropout(network(0))
    assert not has_dropout(nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2)))


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
        reference[1].momentum = None  # in torch: a cumulative average
        reference[1].reset_running_stats()
        with torch.no_grad():
            for batch in pictures[: 2 * BATCH].split(BATCH):
                reference(preparation(batch))
        assert torch.allclose(fresh.buffers["1.running_mean"][number], reference[1].running_mean, atol=1e-6)
        assert torch.allclose(fresh.buffers["1.running_var"][number], reference[1].running_var, atol=1e-6)
        used = evaluate(module, state, pictures[:9], preparation, batch_norm="recompute", batch_norm_inputs=pictures)[
            number
        ]
        expected = torch.log_softmax(reference.eval()(preparation(pictures[:9])), 1)
        assert torch.allclose(used, expected, atol=1e-5)


class Counting(nn.Module):
    """Counts its calls in a buffer, which scales its output."""

    def __init__(self):
        super().__init__()
        self.layers = network(0)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.layers(x) * self.calls


@pytest.mark.parametrize("together", [False, True])
def test_evaluation_changes_copies_of_buffers(preparation, together):
    state, pictures = stacked([Counting(), Counting()]), preparation(images(8))
    parts = (Counting().eval(), state, pictures, torch.zeros(2, dtype=torch.int64), ComputePolicy())
    with torch.no_grad():
        first, again = (
            (forward_stacked(*parts) if together else forward_each(*parts, seeded=False)).logits for _ in range(2)
        )
    assert torch.equal(first, again)
    assert torch.allclose(first[0], network(0).eval()(pictures), atol=1e-5)
    assert torch.equal(state.buffers["calls"], torch.zeros(2))


def test_statistics_are_recomputed_and_other_buffers_left(preparation):
    state = stacked([Counting(), Counting()])
    got = recompute_batch_norm(Counting(), state, preparation, images(2 * BATCH)).buffers
    expected = recompute_batch_norm(network(0), stacked([network(0)] * 2), preparation, images(2 * BATCH)).buffers
    assert torch.equal(got["calls"], torch.zeros(2))
    assert all(torch.equal(got[f"layers.{name}"], tensor) for name, tensor in expected.items())
    assert not torch.equal(got["layers.1.running_mean"], state.buffers["layers.1.running_mean"])


def test_recompute_without_images_says_what_it_needs(preparation):
    with pytest.raises(ValueError, match="batch_norm_inputs"):
        evaluate(network(0), stacked([network(0)]), images(2), preparation, batch_norm="recompute")


def test_the_probe_gives_mean_loss_and_accuracy(preparation):
    split = Split(images(50), torch.arange(50) % 3)
    state = stacked([network(1), network(2)])
    loss, accuracy = validation_probe(Evaluator(module=network(9), preparation=preparation), split)(state)
    for number, net in enumerate([network(1), network(2)]):
        logits = net.eval()(preparation(split.inputs))
        assert loss[number].item() == pytest.approx(nn.functional.cross_entropy(logits, split.label).item(), rel=1e-5)
        assert accuracy[number].item() == pytest.approx((logits.argmax(1) == split.label).double().mean().item())
