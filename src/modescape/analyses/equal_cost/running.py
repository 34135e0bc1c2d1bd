"""Networks with averages of members' weights, run on a study's examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from modescape import tree
from modescape.alignment import align_many
from modescape.analyses import image_sets
from modescape.analyses.drawing import Around, completed, predict
from modescape.analyses.equal_cost.averages import MOST_ALIGNED
from modescape.analyses.field import batches_of, tensors_of
from modescape.analyses.requirements import weights_of
from modescape.analyses.sampling import available, neighbourhood
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.errors import InputError, WorkError
from modescape.models import working_dtype
from modescape.types import ModelState, Params

FOLLOWED = 2  # examples on which a network is traced for alignment
MOST_WEIGHTS = 50_000_000  # of all networks to align, together: 200 MB, and one or two minutes of matching
RUN = "weight_average"  # approach of `modescape.methods.METHODS`: the mean of the last weights of one run
WHAT = "an average of weights"


@dataclass
class StudyAveraging:
    """The networks of a study; see `modescape.analyses.equal_cost.averages.Averaging`.

    Batch-norm statistics are recomputed from training examples for every average, as no member's fit it
    (Izmailov et al. 2018, arXiv 1803.05407), whatever the recipe sets for trained networks.
    """

    context: StudyContext
    members: Sequence[int]  # that may be averaged
    _frame: dict[int, Params] | None = field(default=None, repr=False)
    _refused: bool = False

    def open(self) -> None:
        """Load the data and make the network.

        Raises:
            InputError: if either is no longer available.
            WorkError: if the data changed.
        """
        _ = self.context.dataset, self.context.module

    def of_run(self, member: int) -> Mapping[str, np.ndarray] | None:
        """See `modescape.analyses.equal_cost.averages.Averaging`; read where `ensemble_methods` stored it."""
        if not available(self.context, (RUN,)):
            return None
        sets = {"test": image_sets.clean(self.context), "validation": image_sets.validation_images()}
        sets = {name: images for name, images in sets.items() if len(self._split(name).label)}
        found = neighbourhood(self.context, member).log_prob(RUN, None, 1, sets)
        whole = {name: completed(self.context, said, lambda: found["validation"]) for name, said in found.items()}
        return {name: said[0] for name, said in whole.items()}

    def of_members(self, members: Sequence[int], aligned: bool) -> Mapping[str, np.ndarray] | None:
        """See `modescape.analyses.equal_cost.averages.Averaging`."""
        if aligned and not self._aligned(members):
            return None
        frame = self._frame if aligned else None
        one = self._solution(members[0])
        every = (self._solution(member).params if frame is None else frame[member] for member in members)
        return self._said(ModelState(mean_of(every, one.params), one.buffers))

    def _said(self, state: ModelState) -> dict[str, np.ndarray]:
        around = Around(self.context, self.members[0])
        networks = around.recomputed(around.placed([state]))
        splits = {name: self._split(name) for name in ("test", "validation")}
        found = {name: predict(self.context, networks, one.inputs) for name, one in splits.items() if len(one.label)}
        whole = {name: completed(self.context, said, lambda: found["validation"]) for name, said in found.items()}
        return {name: said[0] for name, said in whole.items()}

    def _split(self, name: str) -> Split:
        return getattr(self.context.dataset, name)

    def _solution(self, member: int) -> ModelState:
        return weights_of(self.context.offered, WHAT).solution(member)

    def _aligned(self, members: Sequence[int]) -> bool:
        """Align the members' units, once and all together; whether that was possible."""
        if self._frame is None and not self._refused:
            states = [self._solution(member) for member in self.members[:MOST_ALIGNED]]
            count = sum(tensor.numel() for tensor in states[0].params.values())
            self._frame = None if count * len(states) > MOST_WEIGHTS else self._in_one_order(states)
            self._refused = self._frame is None
        return self._frame is not None and all(member in self._frame for member in members)

    def _in_one_order(self, states: Sequence[ModelState]) -> dict[int, Params] | None:
        few = batches_of(self.context, self.context.dataset.test.first(FOLLOWED), dtype=working_dtype(states[0].params))
        try:
            found = align_many(self.context.module, [tensors_of(state) for state in states], few)
        except (InputError, WorkError):  # no rule is known for a layer, or it does not hold
            return None
        if not any(_moves(order) for one in found for order in one.permutations.values()):
            return None  # the plain average
        pairs = zip(self.members[:MOST_ALIGNED], states, found, strict=True)
        return {member: tree.parted(one.state, state).params for member, state, one in pairs}


def _moves(order: torch.Tensor) -> bool:
    return not bool((order.cpu() == torch.arange(order.shape[-1])).all())


def mean_of(every: Iterable[Params], like: Params) -> Params:
    """Mean of parameters, name by name, in double precision; integer tensors are taken from the last."""
    total: dict[str, torch.Tensor] = {}
    count = 0
    for params in every:
        count += 1
        for name, tensor in params.items():
            real = tensor.is_floating_point()
            own = tensor.double() if real else tensor
            total[name] = total[name] + own if real and name in total else own
    return {
        name: (tensor / count if like[name].is_floating_point() else tensor).to(like[name].dtype)
        for name, tensor in total.items()
    }
