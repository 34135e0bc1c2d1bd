"""Choice of the layers to compare, and the features taken from their outputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from modescape import batches, tree
from modescape.context import StudyContext
from modescape.functionspace.cka import centred_gram
from modescape.models import working_dtype
from modescape.network.statistics import BatchNorm
from modescape.types import Inputs, ModelState

NORMS = (BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.instancenorm._InstanceNorm)
FEW = 3  # times fewer layers than may be compared: then finer ones are, some of them left out


@dataclass(frozen=True)
class Looked:
    """The layers to compare, on batches of examples."""

    context: StudyContext
    batches: list[Inputs]  # of a split and of one size, leaves [example, ...]
    names: list[str] = field(default_factory=list)  # in the order in which they are run
    kinds: list[str] = field(default_factory=list)  # their classes

    @classmethod
    def at(cls, context: StudyContext, own: list[Inputs], state: ModelState, most: int) -> Looked:
        """The layers of the study's network, found by running it once with these weights.

        Args:
            context: the study's network.
            own: batches of examples, of one size.
            state: weights of one network.
            most: layers, at most.
        """
        module = context.module
        names = chosen(module, _tensors(context, state, own[0]), most)
        layers = dict(module.named_modules(remove_duplicate=False))
        return cls(context, own, names, [type(layers[name]).__name__ for name in names])

    def grams(self, state: ModelState) -> np.ndarray:
        """U-centred Gram matrices of every batch and layer of one network, float32 [batch, layer, pair of examples]."""
        stacked, dtype = _placed(self.context, state), working_dtype(state.params)
        layers = dict(self.context.module.named_modules(remove_duplicate=False))
        convolutions = {name: isinstance(layers[name], nn.modules.conv._ConvNd) for name in self.names}
        found = []
        for inputs in self.batches:
            prepared = self.context.preparation(inputs, dtype=dtype)
            mask = self._mask(prepared)
            taken = self.context.evaluator.network(stacked, prepared, capture=self.names).captured
            said = (features(taken[name][0], mask, convolution=own) for name, own in convolutions.items())
            found.append([centred_gram(one) for one in said])
            self.context.progress(batches.count(inputs))
        return np.array(found, dtype=np.float32)

    @property
    def examples(self) -> int:
        """In all batches."""
        return sum(map(batches.count, self.batches))

    @property
    def of_tokens(self) -> bool:
        """Whether examples are sentences."""
        return self.context.dataset.kind.name == "tokens"

    def _mask(self, prepared: Inputs) -> Tensor | None:
        """Which positions of sentences hold a token, bool [example, position]; None for other examples."""
        if not self.of_tokens or not isinstance(prepared, tuple):
            return None
        return next((leaf for leaf in prepared if leaf.dtype == torch.bool and leaf.dim() == 2), None)


def features(output: Tensor, mask: Tensor | None, *, convolution: bool = False) -> Tensor:
    """The output of a layer per example, [example, ...]; for tokens the mean over the positions that hold one.

    Args:
        output: [example, ...]; for tokens [example, position, feature] or (convolution) [example, feature, position].
        mask: of tokens, bool [example, position]; a layer after pooling over positions has fewer, each of which
            holds a token where any of its inputs does. None: no tokens.
        convolution: the layer is one. In blocks around one, it shows by an axis as long as the mask.
    """
    if mask is None or output.dim() != 3:
        return output
    length, axes = mask.shape[1], (2,) if convolution else (1, 2)
    whole = sorted(axes, key=lambda axis: output.shape[axis] != length)  # features may divide the places, too
    at = next((axis for axis in whole if length % output.shape[axis] == 0 and output.shape[axis] > 1), None)
    if at is None:
        return output
    places = output if at == 1 else output.transpose(1, 2)
    shown = mask.unflatten(1, (places.shape[1], -1)).any(-1)[..., None].to(places.dtype)
    return (places * shown).sum(1) / shown.sum(1).clamp_min(1)


def chosen(module: nn.Module, tensors: Mapping[str, int], most: int) -> list[str]:
    """Names of the layers to compare: those that hold weights, or the blocks around them where these are too many.

    Of the cuts through the tree of modules the finest with at most ``most`` layers is taken, of cuts with equally many
    the outermost, which has the nonlinearities, too. Where that is a few coarse
    blocks and the next would be too many, some of these are taken, evenly, the last one among them. Normalisation
    layers are left out: the layer before has the same features up to a factor each.

    Args:
        module: the network.
        tensors: name of each layer that gives a tensor [example, ...] once in a pass -> its place in the order.
        most: layers.
    """
    cuts = [list(_front(module, "", tensors, depth)) for depth in range(_depth(module))]
    fitting = [cut for cut in cuts if len(cut) <= most]
    best = max(fitting, key=len, default=[])
    finer = next((cut for cut in cuts if len(cut) > most), [])
    if finer and len(best) * FEW < most:
        best = [finer[at] for at in np.unique(np.linspace(len(finer) - 1, 0, most).round().astype(int))]
    return sorted(best, key=lambda name: tensors[name])


def _front(module: nn.Module, name: str, tensors: Mapping[str, int], depth: int) -> Iterator[str]:
    """The layers of a cut: ``depth`` levels of modules that give a tensor lie around each, or it has no such inside."""
    usable = bool(name) and name in tensors and any(True for _ in module.parameters())
    usable = usable and not isinstance(module, NORMS)
    if usable and depth == 0:
        yield name
        return
    children = ((child, f"{name}.{own}" if name else own) for own, child in module.named_children())
    inner = itertools.chain.from_iterable(_front(*child, tensors, depth - usable) for child in children)
    found = list(inner)
    yield from found or ([name] if usable else [])


def _depth(module: nn.Module) -> int:
    return 1 + max(name.count(".") + 1 for name, _ in module.named_modules())


def _tensors(context: StudyContext, state: ModelState, inputs: Inputs) -> dict[str, int]:
    """Layers that give a tensor of all examples, once in a pass: name -> place in the order in which they end."""
    ended: list[tuple[str, object]] = []
    examples = batches.count(inputs)

    def listener(name: str):
        return lambda layer, given, output: ended.append((name, output))

    handles = [layer.register_forward_hook(listener(name)) for name, layer in context.module.named_modules()]
    try:
        prepared = context.preparation(inputs, dtype=working_dtype(state.params))
        context.evaluator.network(_placed(context, state), prepared)
    finally:
        for handle in handles:
            handle.remove()
    names = [name for name, _ in ended]
    fine = [isinstance(one, Tensor) and one.dim() > 1 and len(one) == examples for _, one in ended]
    return {
        name: place
        for place, (name, usable) in enumerate(zip(names, fine, strict=True))
        if usable and names.count(name) == 1
    }


def _placed(context: StudyContext, state: ModelState) -> ModelState:
    """One network as a stack of one, on the study's device."""
    params, buffers = (
        {name: tensor.to(context.device) for name, tensor in tree.stack([part]).items()} for part in state
    )
    return ModelState(params, buffers)
