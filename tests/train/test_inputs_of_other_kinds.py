"""Members that take rows and tokens: stacked, they equal lone members and a plain loop."""

from functools import partial

import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from modescape import data, recipe
from modescape.models import build
from modescape.network.network import Network
from modescape.predict import Evaluator
from modescape.train.loop import Trainer

STEPS = 50


def wine(**model):
    section = recipe.Data(source="sklearn:wine", categories="codes")
    train = recipe.Train(members=3, epochs=25, batch_size=64, learning_rate=0.01)
    return recipe.Recipe(data=section, model=recipe.Model(factory="mlp", arguments=model), train=train)


class Encoder(nn.Module):
    """A user's encoder: torch's own layers with a padding mask, and the output of the first token."""

    def __init__(self, vocabulary, length, num_classes):
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, 8), nn.Parameter(0.02 * torch.randn(length, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, num_classes)

    def forward(self, tokens, mask):
        x = self.encoder(self.token(tokens) + self.place, src_key_padding_mask=~mask)
        shown = mask.unsqueeze(-1)
        return self.head((x * shown).sum(1) / shown.sum(1))


class Attending(nn.Module):
    """`nn.MultiheadAttention` and a direct call of torch's attention function, both with dropout and a mask."""

    def __init__(self, vocabulary, length, num_classes):
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, 8), nn.Embedding(length, 8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.2, batch_first=True)
        self.joint, self.norm, self.head = nn.Linear(8, 24), nn.LayerNorm(8), nn.Linear(8, num_classes)

    def forward(self, tokens, mask):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1], device=tokens.device))
        x = x + self.attention(x, x, x, key_padding_mask=~mask)[0]
        query, key, value = self.joint(self.norm(x)).unflatten(-1, (2, 12)).transpose(1, 2).chunk(3, -1)
        p = 0.2 if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, mask[:, None, None], dropout_p=p)
        x = functional.dropout(x + attended.transpose(1, 2).flatten(2), 0.1, self.training)
        return self.head(x.masked_fill(~mask[..., None], -torch.inf).amax(1))


def encoder(vocabulary, length, num_classes):
    return Encoder(vocabulary, length, num_classes)


def attending(vocabulary, length, num_classes):
    return Attending(vocabulary, length, num_classes)


def sentences(tmp_path_factory, factory="text_transformer", **arguments):
    """A hundred short texts of two classes and several lengths."""
    words = {"warm": ["sun", "summer", "noon"], "cold": ["ice", "winter", "night"]}
    lines = ["text\ttarget"]
    for row in range(100):
        kind = ("warm", "cold")[row % 2]
        lines.append(" ".join(words[kind][(row // 2 + at) % 3] for at in range(1 + row % 3)) + f"\t{kind}")
    path = tmp_path_factory.mktemp("texts") / "texts.tsv"
    path.write_text("\n".join(lines))
    section = recipe.Data(source=str(path), text="text", length=24, validation=10, test=30)
    model = recipe.Model(factory=factory, arguments=arguments)
    train = recipe.Train(members=3, epochs=25, batch_size=30, learning_rate=0.01)
    return recipe.Recipe(data=section, model=model, train=train)


def small(name, *settings):
    """A built-in recipe with fewer examples, otherwise unchanged."""
    return lambda _: recipe.load(name, ["train.members=3", f"train.epochs={-(-STEPS // 4)}", *settings])


MADE = {
    "plain": lambda _: wine(widths=[16]),
    "dropout": lambda _: wine(widths=[16, 8], dropout=0.2, norm="layer"),
    "batch norm": lambda _: wine(widths=[16], dropout=0.1, norm="batch"),
    "recipe table": small("table", "data.train=128"),
    "recipe diabetes": small("diabetes", "data.train=128"),
    "recipe finetune": small("finetune", "data.train=80"),
    "recipe text": small("text", "data.train=256"),
    "transformer": partial(sentences, width=8, heads=2, blocks=1, dropout=0.1),
    "a user's encoder": partial(sentences, factory=f"{__name__}:encoder"),
    "a user's attention": partial(sentences, factory=f"{__name__}:attending"),
}
LONG = ("transformer", "a user's encoder", "a user's attention", "recipe finetune", "recipe text")  # more than a second


def trained(made, members):
    loaded = data.load(made.data, 0, task=made.task)
    preparation = loaded.train.preparation(made.data)
    task = loaded.task
    trainer = Trainer(made, loaded.train, task.width, preparation, dtype=torch.float64, task=task)
    assert trainer.habits.can_stack, trainer.habits.cannot_stack
    nothing = torch.zeros(len(members), dtype=torch.float64)
    *_, last = trainer.group(members, lambda state: (nothing, nothing))
    assert trainer.steps_per_epoch * made.train.epochs >= STEPS
    return trainer, loaded, last.state


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.ci] if name in LONG else []) for name in MADE])
def test_stacked_equals_alone(name, tmp_path_factory):
    made = MADE[name](tmp_path_factory)
    _, _, together = trained(made, [0, 1, 2])
    trainer, loaded, alone = trained(made, [1])
    for part, own in zip(together, alone, strict=True):
        for tensor in own:
            torch.testing.assert_close(part[tensor][1], own[tensor][0], rtol=0, atol=1e-9)
    evaluator = Evaluator(module=trainer.step([0]).module, preparation=trainer.preparation, habits=trainer.habits)
    predicted = evaluator(together, loaded.test.inputs)
    torch.testing.assert_close(predicted[1:2], evaluator(alone, loaded.test.inputs), rtol=0, atol=1e-9)
    if name in ("plain", "dropout", "batch norm", "transformer"):  # which have easy tasks
        assert (predicted.argmax(-1) == loaded.test.label).double().mean() > 0.8


def test_a_network_is_called_with_a_tensor_a_row_or_names():
    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = torch.nn.Linear(3, 2)

        def forward(self, features, mask=None):
            return self.dense(features if mask is None else features * mask[..., None])

    module = Named()
    state = recipe_state(module)
    x, mask = torch.randn(2, 5, 3).unbind()[0], torch.tensor([True, False, True, True, False])
    network = Network(module=module)
    for batch in ((x, mask), {"mask": mask, "features": x}):
        logits = network(state, batch).logits[0]
        torch.testing.assert_close(logits, module(x * mask[:, None]))
        plain = network.plain()({name: one[0] for name, one in state.params.items()}, {}, batch)
        torch.testing.assert_close(plain, logits)


def recipe_state(module):
    from modescape.models import split_state
    from modescape.network.copies import stacked

    return stacked([split_state(module)])


def test_a_network_for_other_examples_is_refused():
    loaded = data.load(recipe.Data(source="sklearn:iris"), 0)
    with pytest.raises(ValueError, match=r"'small_cnn' takes images .*, and the examples are rows; choose mlp"):
        build(recipe.Model(), loaded.shape, 3, 0)
    with pytest.raises(ValueError, match=r"'mlp' takes rows of a table .*, and the examples are images; choose"):
        build(recipe.Model(factory="mlp"), (1, 8, 8), 3, 0)
