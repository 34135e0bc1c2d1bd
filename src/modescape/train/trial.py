"""The trial of a network, before anything is begun: what it does decides how it is trained, stacked and evaluated.

One network is taken through everything that a study does with one, on a few images: forward, gradient, a step of the
optimiser, its tensors into a file and back into a network that was made anew, evaluation, and a step stacked with
another network. What must be known is recorded (`Habits`); what cannot be done right is refused here, in one line.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from modescape import rng, tree
from modescape.data.dataset import Split
from modescape.data.order import check_batches
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.models import NetworkError, build, split_state, working_dtype
from modescape.models.outputs import check_kind, reading_of
from modescape.models.state import attributes, differing, passing_buffers
from modescape.network.copies import SAME, close, equal, leaves, overlapping, stacked, through_a_file
from modescape.network.forward import forward_each, forward_stacked
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.member_ops import Manner, MemoryFormat
from modescape.network.watching import least_batch, watch
from modescape.recipe import Recipe
from modescape.train.optimizer import Optimizer
from modescape.train.step import Step
from modescape.types import ModelState, Params

IMAGES = 4  # of the training split
KEYS = torch.tensor([1, 2])  # of dropout, one a network
SAME_GRADIENT = 5e-2  # the same of gradients stacked against alone: batch norm magnifies rounding
REMEDY = (
    "register it as a buffer (register_buffer), so that it is saved with the weights; layers belong into a ModuleList, "
    "and what is made of weights is made in forward"
)


def trial(recipe: Recipe, data: Split, num_classes: int, preparation: Preparation) -> Habits:
    """Try a recipe's network.

    Args:
        recipe: settings.
        data: the training split.
        num_classes: classes of the data.
        preparation: scaling of images.

    Raises:
        InputError: if the network cannot be trained and evaluated right, with what to do; a `NetworkError` if there is
            none for these images and classes.
    """
    shape = tuple(data.image.shape[1:])

    def make(purpose: str) -> nn.Module:
        return build(recipe.model, shape, num_classes, rng.key(recipe.seed, purpose, 0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operations that are slow under `vmap`
        return _Trial(recipe, data, preparation, num_classes, make).run()


@dataclass(frozen=True)
class _Trial:
    """One trial."""

    recipe: Recipe
    data: Split
    preparation: Preparation
    num_classes: int
    make: Callable[[str], nn.Module]  # purpose of the initialisation's stream -> a network made anew

    def run(self) -> Habits:
        """All parts, the cheap ones first."""
        fresh, other = self.make("initialisation"), self._other()
        first, before = self._check_factory(fresh)
        habits = Habits(
            dtype=str(working_dtype(dict(fresh.named_parameters()))).removeprefix("torch."),
            starts_equal=other is not None and equal(split_state(fresh).params, split_state(other).params),
            kept_buffers=tuple(differing(passing_buffers(fresh), passing_buffers(fresh if other is None else other))),
        )
        habits, worn, state = self._first_step(habits)
        check_batches(self.recipe.train, len(self.data.label), habits.least_batch)
        drawn, twice = self._evaluated(worn, [state], habits), self._evaluated(worn, [state], habits)
        self._check_logits(drawn[0])
        alone = self._alone(worn, state, habits)
        self._check_arithmetic(worn, state, habits)
        if not close(drawn, twice):
            raise InputError(
                f"{self._name}: evaluated twice with the same weights, images and seed it gives different numbers; "
                "draw from the global generators of torch, NumPy or random, which are seeded, and change nothing "
                "of the network in evaluation"
            )
        draws = self._draws(worn, state, habits)
        mixes = not draws and not close(drawn[0, :1], alone, 100 * SAME)
        found = {"draws_in_evaluation": draws, "mixes_examples": mixes, "evaluation_output": _output(worn)}
        habits = replace(habits, **found)
        self._check_head(worn, state, drawn, habits)
        self._check_made_anew(first, before)
        self._check_state(worn, fresh, through_a_file(state, self._name), habits)
        states = [state, _state(fresh if other is None else other, habits)]
        if other is not None:
            self._check_architecture(fresh, other, habits)
            self._check_in_turn(fresh, states, habits)
        return replace(habits, cannot_stack=self._why_not_stacked(fresh, states, habits))

    @property
    def _name(self) -> str:
        return f"model.factory '{self.recipe.model.factory}'"

    def _other(self) -> nn.Module | None:
        """A network of another seed; None where the factory refuses this one, as it may."""
        try:
            return self.make("trial")
        except NetworkError:
            return None

    def _check_factory(self, fresh: nn.Module) -> tuple[ModelState, Tensor | None]:
        """What the factory made, and what it gives in evaluation before anything is trained (`_untouched`)."""
        again, first = self.make("initialisation"), split_state(fresh)
        if not equal(first.params, split_state(again).params):
            raise InputError(
                f"{self._name}: called twice with the same seed it makes networks with different weights; "
                "draw from the global generators of torch, NumPy or random, which are seeded for each call"
            )
        trained = {name: tensor for name, tensor in fresh.named_parameters() if tensor.requires_grad}
        held = dict(again.named_parameters())
        if again is fresh or any(held.get(name) is tensor for name, tensor in trained.items()):
            shared = next(name for name, tensor in trained.items() if held.get(name) is tensor)
            raise InputError(
                f"{self._name}: two networks that it makes share '{shared}', and training one would train the other; "
                "make every layer anew in the factory"
            )
        for one, two in overlapping(trained, dict(fresh.named_parameters()) | dict(fresh.named_buffers())):
            raise InputError(
                f"{self._name}: '{one}' and '{two}' share memory, and would be trained apart from each other; give "
                "both layers one nn.Parameter (not its .data or a view), or take the view in forward"
            )
        return first, self._untouched(again, first)

    def _untouched(self, module: nn.Module, state: ModelState) -> Tensor | None:
        """Logits in evaluation with these weights; None where the network fails, which the step of training reports."""
        dtype = str(working_dtype(dict(module.named_parameters()))).removeprefix("torch.")
        try:
            return self._evaluated(module, [state], Habits(dtype=dtype, memory_format="contiguous"))
        except Exception:  # what a network raises may be anything
            return None

    def _check_made_anew(self, first: ModelState, before: Tensor | None) -> None:
        """Refuse a factory whose networks depend on those that were made and trained before."""
        module = self.make("initialisation")
        again = split_state(module)
        differ = [name for part in (0, 1) for name in differing(first[part], again[part])]
        after = None if before is None else self._untouched(module, first)
        if differ or (before is not None and (after is None or not close(before, after))):
            raise InputError(
                f"{self._name}: after a step of training it makes other networks from the same seed "
                f"({_named(differ)}); keep nothing in globals or classes, and make every layer anew in the factory"
            )

    def _batch(self, habits: Habits) -> tuple[Tensor, Tensor]:
        """A few images [example, channel, height, width] as the step gets them, and their labels."""
        index, dtype = self._index, getattr(torch, habits.dtype)
        picked = self.preparation.pick(self.data.image[index].cpu(), torch.arange(len(index))[None], dtype=dtype)
        return picked[0], self.data.label[index].cpu()

    @property
    def _index(self) -> Tensor:
        """Examples that are used: the first ones; an only one twice."""
        return torch.arange(max(2, min(IMAGES, len(self.data.label)))) % len(self.data.label)

    def _first_step(self, habits: Habits) -> tuple[Habits, nn.Module, ModelState]:
        """One step of training in the memory layout that the network takes: the network after it, and its tensors."""
        try:
            return self._step_in("channels_last", habits)
        except InputError:
            raise
        except Exception:  # what a network raises may be anything; the other layout says whether it is the layout
            pass
        try:
            return self._step_in("contiguous", habits)
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{self._name}: the network fails in a step of training: {_reason(error)}") from error

    def _step_in(self, memory_format: MemoryFormat, habits: Habits) -> tuple[Habits, nn.Module, ModelState]:
        module, (images, label) = self.make("initialisation"), self._batch(habits)
        manner = Manner(memory_format=memory_format)
        seen = watch(module, images, manner)
        self._check_logits(seen.logits)
        if bool(seen.logits.isnan().any()):
            raise InputError(
                f"{self._name}: the network gives NaN before its first step; look at the scale of its initialisation "
                "and at divisions, roots and logarithms in forward"
            )
        if seen.reshaped:
            raise InputError(
                f"{self._name}: a step of training changes the shape of {_named(seen.reshaped)}, or takes it away; "
                "keep it as large from the start, or register it with persistent=False where it need not be saved"
            )
        found = replace(
            seen.habits,
            **{name: getattr(habits, name) for name in ("dtype", "starts_equal")},
            kept_buffers=tuple(dict.fromkeys([*habits.kept_buffers, *seen.habits.kept_buffers])),
            memory_format=memory_format,
            training_output=_output(module),
        )
        state = leaves([_state(module, found)])
        step = Step(module, 1, replace(found, recomputes=True), manner)
        gradients, _, _ = step(state, images[None].clone(), label[None], KEYS[:1])
        without = tuple(name for name in state.params if name not in gradients)
        if not gradients:
            raise InputError(
                f"{self._name}: the loss depends on no trainable parameter; run the layers that are to be trained "
                "outside of torch.no_grad, and detach nothing behind them"
            )
        least = least_batch(module, images[:1], manner)
        found = replace(found, recomputes=step.recomputed, without_gradient=without, least_batch=least)
        Optimizer(self.recipe.train, state.params).step(gradients, self.recipe.train.learning_rate)
        one = ModelState(tree.unstack(state.params, 0), tree.unstack(state.buffers, 0))
        state = ModelState(*({name: tensor.detach().clone() for name, tensor in part.items()} for part in one))
        self._evaluated(module, [state], found)  # in this layout too
        return found, module, state

    def _check_logits(self, logits: Tensor) -> None:
        expected = [len(self._index), self.num_classes]
        if not isinstance(logits, Tensor) or list(logits.shape) != expected:
            came = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(
                f"{self._name}: the network turns {expected[0]} images into {came}, expected {expected}; "
                "of several outputs model.output chooses one"
            )
        try:
            check_kind(logits, self.recipe.model.output_kind)
        except InputError as error:
            raise InputError(f"{self._name}: {error}") from error

    def _evaluated(self, module: nn.Module, states: Sequence[ModelState], habits: Habits) -> Tensor:
        """Logits [model, example, class] in evaluation; the generators are seeded."""
        manner, images = Manner(memory_format=habits.memory_format), self._batch(habits)[0]
        with torch.no_grad():
            return forward_each(_idle(module), stacked(states), images, KEYS[: len(states)], manner, True)

    def _alone(self, module: nn.Module, state: ModelState, habits: Habits) -> Tensor:
        """Logits [1, class] of the first image alone, in evaluation: the last batch of a split may be one.

        Raises:
            InputError: if the network takes no image alone.
        """
        manner, image = Manner(memory_format=habits.memory_format), self._batch(habits)[0][:1]
        try:
            with torch.no_grad():
                logits = forward_each(_idle(module), stacked([state]), image, KEYS[:1], manner, True)
        except Exception as error:  # what a network raises may be anything
            raise InputError(
                f"{self._name}: the network fails in evaluation on one image alone: {_reason(error)}"
            ) from error
        if list(logits[0].shape) != [1, self.num_classes]:
            raise InputError(
                f"{self._name}: in evaluation the network turns one image alone into {list(logits[0].shape)}, expected "
                f"{[1, self.num_classes]}; name the dimension of each squeeze()"
            )
        return logits[0]

    def _check_arithmetic(self, module: nn.Module, state: ModelState, habits: Habits) -> None:
        """Refuse 16 bits for a network that multiplies what layers give, which has them, by weights of 32 itself."""
        if self.recipe.train.arithmetic != "bf16":
            return
        manner, (images, label) = Manner("bf16", memory_format=habits.memory_format), self._batch(habits)
        try:
            Step(module, 1, habits, manner)(leaves([state]), images[None].clone(), label[None], KEYS[:1])
            with torch.no_grad():
                forward_each(_idle(module), stacked([state]), images, KEYS[:1], manner, True)
        except Exception as error:  # what a network raises may be anything
            raise InputError(
                f"{self._name}: the network fails with train.arithmetic=bf16: {_reason(error)}; use tf32 or "
                "float32, or convert what its own products take to one type"
            ) from error

    def _check_head(self, module: nn.Module, state: ModelState, logits: Tensor, habits: Habits) -> None:
        """Refuse a network that returns more in training, if what is trained there is not what is evaluated.

        Args:
            module: the network.
            state: its tensors.
            logits: what it gives with them in evaluation.
            habits: found so far.
        """
        if habits.training_output == habits.evaluation_output or not habits.without_gradient:
            return
        moved = {name: tensor + 1 for name, tensor in state.params.items() if name in habits.without_gradient}
        if not close(logits, self._evaluated(module, [ModelState(state.params | moved, state.buffers)], habits)):
            raise InputError(
                f"{self._name}: what is trained ({habits.training_output}) does not reach {_named(list(moved))}, by "
                "which the network predicts in evaluation; say with model.output which output in training it is"
            )

    def _draws(self, module: nn.Module, state: ModelState, habits: Habits) -> bool:
        """Whether evaluation draws from a global generator, or drops: other keys, other numbers."""
        manner, images = Manner(memory_format=habits.memory_format), self._batch(habits)[0]
        parts = (_idle(module), stacked([state]))
        with rng.seeded(0), rng.watched() as drawn, torch.no_grad():
            one, two = (forward_each(*parts, images.clone(), KEYS[key : key + 1], manner, False) for key in (0, 1))
            return drawn() or not close(one, two)

    def _trained(self, module: nn.Module, state: ModelState, habits: Habits) -> tuple[Params, Tensor]:
        """Gradients and loss of one step; ``state`` is left as it is."""
        images, label = self._batch(habits)
        step = Step(module, 1, habits, Manner(memory_format=habits.memory_format))
        gradients, loss, _ = step(leaves([state]), images[None].clone(), label[None], KEYS[:1])
        return gradients, loss

    def _check_state(self, worn: nn.Module, fresh: nn.Module, state: ModelState, habits: Habits) -> None:
        """Refuse a network that a trained one's tensors do not make the trained one."""
        changed = _unsaved(worn, fresh, habits)
        if not close(self._evaluated(worn, [state], habits), self._evaluated(fresh, [state], habits)):
            raise InputError(
                f"{self._name}: a step of training changes its predictions by more than its parameters and buffers: "
                f"{_named(changed)} would be lost; {REMEDY}"
            )
        tensors = {name for name in changed if isinstance(attributes(worn).get(name), Tensor)}
        if habits.remembers and not tensors:
            return  # numbers that count calls, say, may change training
        if not close(self._trained(worn, state, habits)[1], self._trained(fresh, state, habits)[1]):
            raise InputError(
                f"{self._name}: a step of training changes its loss by more than its parameters and buffers: "
                f"{_named(changed)} would be lost when training goes on; {REMEDY}, and draw from the global generators"
            )

    def _check_architecture(self, fresh: nn.Module, other: nn.Module, habits: Habits) -> None:
        """Refuse a network that another's tensors do not make the other: one network stands for all members."""
        state, differ = _state(other, habits), _unsaved(other, fresh, habits)
        same = close(self._evaluated(other, [state], habits), self._evaluated(fresh, [state], habits))
        if same and not habits.remembers:
            same = close(self._trained(other, state, habits)[1], self._trained(fresh, state, habits)[1])
        if not same:
            raise InputError(
                f"{self._name}: two seeds make networks that differ in more than their parameters and buffers: "
                f"{_named(differ)}; {REMEDY}"
            )

    def _check_in_turn(self, module: nn.Module, states: Sequence[ModelState], habits: Habits) -> None:
        """Refuse a network that in evaluation goes on with what it made of the weights before."""
        alone = torch.cat([self._evaluated(module, [state], habits) for state in states])
        if not habits.draws_in_evaluation and not close(alone, self._evaluated(module, states, habits)):
            raise InputError(
                f"{self._name}: given other weights, the network goes on predicting with what it made of those before; "
                "in evaluation, make nothing of the weights that is kept for the next call"
            )

    def _why_not_stacked(self, module: nn.Module, states: Sequence[ModelState], habits: Habits) -> str:
        """Why networks cannot go through `vmap` together; "" where they can."""
        manner, (images, label) = Manner(memory_format=habits.memory_format), self._batch(habits)
        alone = [self._trained(module, state, habits) for state in states] if habits.can_stack else []
        idle = self._evaluated(module, states, habits) if habits.can_stack_in_evaluation else None
        try:
            if alone:
                step = Step(module, len(states), habits, manner)
                several = (torch.stack([images] * len(states)), torch.stack([label] * len(states)))
                together, losses, _ = step(leaves(states), *several, KEYS[:1].expand(len(states)))
                for model, (gradients, loss) in enumerate(alone):
                    names = [name for name in gradients if name in together]
                    slopes = (tree.ravel(gradients, names), tree.ravel(tree.unstack(together, model), names))
                    if not close(loss[0], losses[model], 10 * SAME) or not close(*slopes, SAME_GRADIENT):
                        return "stacked with others it gives other numbers than alone"
            if idle is not None:
                with torch.no_grad():
                    logits = forward_stacked(_idle(module), stacked(states), images, KEYS[:2], manner)
                if not close(idle, logits, 10 * SAME):
                    return "stacked with others it gives other numbers than alone"
        except Exception as error:  # whatever `vmap` does not take
            return f"vmap refuses it ({_reason(error)})"[:200]
        return ""


def _idle(module: nn.Module) -> nn.Module:
    """The network in evaluation mode, prepared as everywhere."""
    module.eval()  # somebody's own ``eval`` may return nothing
    return fuse(module)


def _state(module: nn.Module, habits: Habits) -> ModelState:
    return split_state(module, habits.kept_buffers)


def _unsaved(one: nn.Module, two: nn.Module, habits: Habits) -> list[str]:
    """Names of what is not saved and differs between two networks."""
    own = (attributes(module) | passing_buffers(module) for module in (one, two))
    return [name for name in differing(*own) if name not in habits.kept_buffers]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:5])
    return shown or "what it keeps elsewhere"


def _output(module: nn.Module) -> str:
    reading = reading_of(module)
    return "a tensor" if reading is None else reading.seen


def _reason(error: Exception) -> str:
    """The error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
