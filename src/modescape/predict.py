"""The one evaluator: log-probabilities of many networks on many images.

Checkpoints, samples, grid points and points of a path all come through `evaluate`; batch-norm statistics are recomputed
in `recompute_batch_norm` and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from modescape import rng, tree
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.models import install
from modescape.train.intercept import Intercept
from modescape.train.member_ops import Manner, MemberOps
from modescape.types import ModelState, Params

BATCH = 256  # images at a time; on one CPU thread 128 to 512 are equally fast within 5 %
GPU_BATCH = 1024  # a GPU wants more at a time
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """Evaluates networks of one architecture in ``eval()`` mode.

    Args:
        module: the architecture; its own weights are not used.
        preparation: scaling of images, the same as in training, without augmentation.
        batch_norm: "stored" uses the running statistics that come with each network; "recompute" replaces them by the
            mean over ``batch_norm_images``, the only way to compare networks that were not trained themselves.
        batch_norm_images: training images for "recompute", uint8 [example, channel, height, width].
        manner: how products are computed; as in training.
    """

    module: nn.Module
    preparation: Preparation
    batch_norm: Literal["stored", "recompute"] = "stored"
    batch_norm_images: Tensor | None = None
    manner: Manner = Manner()

    def __call__(
        self,
        state: ModelState,
        images: Tensor,
        progress: Callable[[int], None] = lambda images: None,
        *,
        dropout: Tensor | None = None,
    ) -> Tensor:
        """Log-probabilities of stacked networks.

        Args:
            state: params and buffers [model, ...].
            images: uint8 [example, channel, height, width].
            progress: called with the number of images forwarded, after each batch.
            dropout: a key a network, int64 [model]: its dropout layers drop, as in training (Monte-Carlo dropout);
                everything else is as in evaluation.

        Returns:
            float32 (float64 for float64 networks), [model, example, class], on the networks' device.
        """
        if self.batch_norm == "recompute":
            if self.batch_norm_images is None:
                raise ValueError('batch_norm="recompute" needs batch_norm_images, images of the training split')
            state = recompute_batch_norm(self.module, state, self.preparation, self.batch_norm_images)
        models = len(next(iter(state.params.values())))
        forward = self._forward_stacked if models > 1 and images.device.type != "cpu" else self._forward_each
        self.module.eval()
        dtype = next(tensor.dtype for tensor in state.params.values() if tensor.is_floating_point())
        pieces: list[Tensor] = []
        batches = torch.arange(len(images), device=images.device).split(
            BATCH if images.device.type == "cpu" else GPU_BATCH
        )
        keys = torch.zeros(models, dtype=torch.int64) if dropout is None else dropout
        keys = rng.words(keys.to(images.device), len(batches))  # [model, batch]
        with torch.no_grad(), _dropping(self.module) if dropout is not None else contextlib.nullcontext():
            for number, index in enumerate(batches):
                picked = self.preparation.pick(images, index[None], dtype=dtype)[0]
                logits = forward(state, picked, keys[:, number])
                pieces.append(torch.log_softmax(logits.to(dtype), dim=-1))
                progress(models * len(index))
        return torch.cat(pieces, dim=1)

    def _forward_each(self, state: ModelState, images: Tensor, keys: Tensor) -> Tensor:
        images, logits = images.contiguous(memory_format=torch.channels_last), []
        drops = any(layer.training for layer in self.module.modules())
        for model, key in enumerate(keys):
            install(self.module, ModelState(tree.unstack(state.params, model), tree.unstack(state.buffers, model)))
            ops = MemberOps(key, manner=self.manner)
            with Intercept(ops) if ops.convolves(images) or drops else ops:
                logits.append(self.module(images))
        return torch.stack(logits)

    def _forward_stacked(self, state: ModelState, images: Tensor, keys: Tensor) -> Tensor:
        def single(params: Params, buffers: Params, key: Tensor) -> Tensor:
            with Intercept(MemberOps(key, stacked=True, manner=self.manner)):
                return functional_call(self.module, (params, buffers), (images,))

        return vmap(single)(state.params, state.buffers, keys)


def has_dropout(module: nn.Module) -> bool:
    """Whether a network has dropout layers that drop something."""
    return any(isinstance(layer, DROPOUTS) and layer.p > 0 for layer in module.modules())


@contextlib.contextmanager
def _dropping(module: nn.Module) -> Iterator[None]:
    """Within this block a network's dropout layers drop, whatever its mode."""
    layers = [layer for layer in module.modules() if isinstance(layer, DROPOUTS)]
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False


def evaluate(
    module: nn.Module,
    state: ModelState,
    images: Tensor,
    preparation: Preparation,
    *,
    batch_norm: Literal["stored", "recompute"] = "stored",
    batch_norm_images: Tensor | None = None,
) -> Tensor:
    """Log-probabilities [model, example, class] of stacked networks: one call of an `Evaluator`."""
    evaluator = Evaluator(
        module=module, preparation=preparation, batch_norm=batch_norm, batch_norm_images=batch_norm_images
    )
    return evaluator(state, images)


def recompute_batch_norm(module: nn.Module, state: ModelState, preparation: Preparation, images: Tensor) -> ModelState:
    """Running statistics replaced by the average over batches of ``images``, network by network.

    mean = average of the batches' means, variance = average of the batches' unbiased variances (as torch's own
    cumulative average, ``momentum=None``). Networks without batch norm are returned as they are.

    Args:
        module: the architecture.
        state: params and buffers [model, ...].
        preparation: scaling.
        images: uint8 [example, channel, height, width]; all batches of `BATCH`, a last smaller one is left out
            unless it is the only one.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    tracked = [layer for layer in layers if layer.track_running_stats]
    if not tracked:
        return state
    fresh = {name: tensor.clone() for name, tensor in state.buffers.items()}
    momenta = [layer.momentum for layer in tracked]
    batches = [batch for batch in images.split(BATCH) if len(batch) == min(BATCH, len(images))]
    module.train()
    try:
        for count, batch in enumerate(batches, start=1):
            prepared = preparation(batch, dtype=next(iter(state.params.values())).dtype)
            for layer in tracked:
                layer.momentum = 1 / count  # the first batch replaces what was there
            for model in range(len(next(iter(state.params.values())))):
                key = torch.zeros((), dtype=torch.int64, device=images.device)
                one = (tree.unstack(state.params, model), tree.unstack(fresh, model))
                with torch.no_grad(), Intercept(MemberOps(key)):
                    functional_call(module, one, (prepared,))
    finally:
        for layer, momentum in zip(tracked, momenta, strict=True):
            layer.momentum = momentum
        module.eval()
    return ModelState(state.params, fresh)


def validation_probe(evaluator: Evaluator, split: Split) -> Callable[[ModelState], tuple[Tensor, Tensor]]:
    """Mean loss in nats [member] and accuracy [member] on a split, as the training loop asks for it."""

    def probe(state: ModelState) -> tuple[Tensor, Tensor]:
        log_prob = evaluator(state, split.image)
        label = split.label.expand(len(log_prob), -1)
        loss = -log_prob.gather(2, label[..., None])[..., 0].double().mean(1)
        return loss, (log_prob.argmax(-1) == label).double().mean(1)

    return probe
