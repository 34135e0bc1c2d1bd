"""A network with given weights evaluated on a user's data, example by example, for paths and alignments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from modescape.errors import InputError
from modescape.landscape.criteria import IGNORED, Criterion, Loss, criterion
from modescape.landscape.evaluation import Evaluator
from modescape.landscape.layout import Layout, Point
from modescape.landscape.runner import Runner
from modescape.landscape.source import TARGETS, Batch, Source
from modescape.models import working_dtype
from modescape.types import ModelState, Params

State: TypeAlias = "Point | nn.Module"
"""Weights: by the names of ``state_dict``, a `ModelState`, or a network of the architecture that holds them."""


@dataclass(frozen=True)
class Setting:
    """A network, the criterion of its outputs, and the data."""

    evaluator: Evaluator  # with the batch-norm policy "recompute"

    @classmethod
    def of(cls, model: nn.Module, batches: Any, loss: str | Loss = "cross_entropy", anew: Any = None) -> Setting:
        """Make one for a network, which is not modified.

        Args:
            model: the architecture.
            batches: the data: a list of (inputs, target), a loader, a function that returns an iterator, or one pair.
            loss: a name, or a function (output, target) -> mean over the batch.
            anew: the data on which batch-norm statistics are recomputed; default: ``batches``.

        Raises:
            InputError: if the network cannot be called with other weights, the loss is unknown, or data are missing.
        """
        if batches is None:
            raise InputError(
                "batches is None, but a network is traced while it runs; expected batches (inputs, target), such as "
                "[(images, labels)] or a DataLoader"
            )
        place = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
        sums = criterion(loss)
        runner = Runner.of(model, "recompute", place, raw=sums.own is not None)
        layout = Layout.of(runner.module)
        dtype = working_dtype(layout.params)
        source = Source.of(_whole(batches), place, dtype, _unpacked)
        statistics = source if anew is None else Source.of(_whole(anew), place, dtype, _unpacked)
        return cls(Evaluator(runner, sums, source, statistics, {}))

    @property
    def module(self) -> nn.Module:
        """A copy of the network in evaluation mode, made of torch's own operations."""
        return self.evaluator.runner.module

    @property
    def criterion(self) -> Criterion:
        """The criterion of the outputs."""
        return self.evaluator.criterion

    @property
    def data(self) -> Source:
        """The data."""
        return self.evaluator.source

    @property
    def statistics(self) -> Source:
        """The data on which batch-norm statistics are recomputed."""
        return self.evaluator.statistics

    @property
    def first(self) -> Batch:
        """The first batch."""
        return next(iter(self.data))

    @property
    def normalised(self) -> bool:
        """Whether there is batch norm with running statistics."""
        return bool(self.evaluator.runner.norms)

    @contextmanager
    def mode(self, policy: str = "eval"):
        """Context in which batch norm uses running statistics ("eval") or each batch's own ("batch")."""
        with replace(self.evaluator.runner, policy=policy).mode():
            yield

    def call(self, tensors: Params, batch: Batch) -> Any:
        """The network's output with these tensors, within `mode`."""
        return self.evaluator.runner.call(tensors, batch.inputs)

    def recomputed(self, tensors: Params) -> Params:
        """The same weights with batch-norm statistics recomputed for exactly these weights."""
        if not self.normalised:
            return tensors
        evaluator = replace(self.evaluator, held=tensors)
        return {**tensors, **evaluator.completed_point(ModelState(tensors, {}))}

    def mean(self, tensors: Params, batch: Batch) -> Tensor:
        """The mean loss of a batch, differentiable with respect to ``tensors``.

        Raises:
            InputError: without a target.
        """
        output = self.call(tensors, _judged(batch))
        count = self.criterion.count(output, batch.target, batch.examples)
        return self.criterion.total(output, batch.target, batch.examples) / max(count, 1.0)

    def examined(self, tensors: Params) -> tuple[Tensor, Tensor | None]:
        """Each example's contribution to the mean loss and to the error rate, times the number of examples.

        With one output per example these are its loss and 0 or 1; with several (tokens) they are scaled so that the
        mean over examples is still the mean over all tokens.

        Returns:
            losses, and errors or None if targets are not classes: float64 [example] each; a NaN output has the
            error NaN.

        Raises:
            InputError: without targets, or if the loss does not give one number.
        """
        losses, wrong, count = [], [], 0.0
        with torch.no_grad(), self.mode():
            for batch in self.data:
                output = self.call(tensors, _judged(batch))
                losses.append(self._each(output, batch))
                wrong.append(self._wrong(output, batch))
                count += self.criterion.count(output, batch.target, batch.examples)
        each = torch.cat(losses).cpu()
        known = [one for one in wrong if one is not None]
        share = len(each) / max(count, 1.0)
        errors = None
        if len(known) == len(wrong):  # argmax returns some class even for NaN
            errors = torch.where(each.isnan(), each, torch.cat(known).cpu()) * share
        return each * share, errors

    def _each(self, output: Any, batch: Batch) -> Tensor:
        if self.criterion.own is not None:
            self.criterion.total(output, batch.target, batch.examples)  # raises for a faulty user-defined loss
        return self.criterion.each(output, batch.target).double().reshape(batch.examples, -1).sum(1)

    def _wrong(self, output: Any, batch: Batch) -> Tensor | None:
        if self.criterion.labels is None or self.criterion.truth is None:
            return None
        labels, truth = self.criterion.labels(output, batch.target), self.criterion.truth(output, batch.target)
        return ((labels != truth) & (truth != IGNORED)).double().reshape(batch.examples, -1).sum(1)


def separate(model: nn.Module, state: State, what: str = "the state") -> ModelState:
    """All parameters, also frozen ones, and all buffers of a network; the model supplies those missing in the state.

    Raises:
        InputError: if names or shapes do not match the network.
    """
    layout = Layout.of(model)
    if isinstance(state, nn.Module):
        state = {**dict(state.named_parameters()), **dict(state.named_buffers())}
    try:
        given = layout.state(state)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
    tensors = {**layout.held, **given.buffers, **given.params}
    return ModelState(
        {name: tensors[name].detach() for name, _ in model.named_parameters()},
        {name: tensors[name].detach() for name, _ in model.named_buffers()},
    )


def _whole(batches: Any) -> Any:
    """One batch as a list of one."""
    return [batches] if isinstance(batches, Tensor | Mapping | tuple) else batches


def _unpacked(batch: Any) -> tuple[Any, Any]:
    """Inputs and target; the target is None if there is none."""
    if isinstance(batch, Mapping):
        name = next((name for name in TARGETS if name in batch), None)
        return {key: value for key, value in batch.items() if key != name}, None if name is None else batch[name]
    if isinstance(batch, Tensor):
        return batch, None
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    raise InputError(f"a batch is a {type(batch).__name__} that is not a pair; expected (inputs, target)")


def _judged(batch: Batch) -> Batch:
    if batch.target is None:
        raise InputError("a batch has no target; expected pairs (inputs, target)")
    return batch
