"""What a worker needs to work on a study: its data on the device, its network, its evaluator; made once a process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from modescape import data, rng, runtime
from modescape.data.dataset import Dataset
from modescape.data.order import batch_sizes
from modescape.data.prepare import Preparation
from modescape.errors import InputError, WorkError
from modescape.kernels.implementation import forced
from modescape.models import importable
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.network.member_ops import Manner
from modescape.predict import Evaluator
from modescape.study import Study
from modescape.train.loop import Trainer
from modescape.train.plan import Plan
from modescape.train.trial import trial


@dataclass(frozen=True)
class Workplace:
    """One study's data, network and evaluator in this process."""

    study: Study
    dataset: Dataset
    preparation: Preparation
    module: nn.Module
    habits: Habits
    device: str

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """A block of work by the study's plan: a study begun without C kernels goes on without them."""
        kernels = forced("torch") if self.plan.kernels == "torch" else contextlib.nullcontext()
        arithmetic = runtime.gpu_arithmetic(tf32=self.study.recipe.train.arithmetic == "tf32")
        arithmetic = arithmetic if self.device == "cuda" else contextlib.nullcontext()
        with importable(self.study.recipe.model.factory, last=True), runtime.kept_memory(), kernels, arithmetic:
            yield

    @functools.cached_property
    def plan(self) -> Plan:
        """The study's plan."""
        return Plan.of(self.study.manifest.get("plan"))

    @functools.cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of trained checkpoints."""
        return Evaluator(module=self.module, preparation=self.preparation, manner=self._manner, habits=self.habits)

    def trainer(self, say: Callable[[str], None]) -> Trainer:
        """What trains the members of this study; ``say`` is told what a user should know."""
        data = self.dataset
        settings: dict[str, Any] = {"device": self.device, "manner": self._manner, "replayed": self.plan.replayed}
        settings |= {"habits": self.habits, "say": say}
        return Trainer(self.study.recipe, data.train, data.num_classes, self.preparation, **settings)

    @property
    def _manner(self) -> Manner:
        return self.plan.manner(self.study.recipe.train.arithmetic)


@functools.lru_cache(maxsize=1)
def workplace(path: str, recipe_yaml: str) -> Workplace:
    """Open the study at ``path``; the second argument makes a changed recipe a new entry of the cache.

    Raises:
        WorkError: if the data is not what the study was begun with.
    """
    study = Study.open(path)
    recipe = study.recipe
    device = study.manifest["plan"]["device"]
    dataset = data.load(recipe.data, recipe.seed)
    if dataset.fingerprint != study.manifest["fingerprint"]:
        raise WorkError(f"the data at '{recipe.data.source}' changed since the study was begun; put it back")
    dataset = dataset.to(device)
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    module = initial_module(recipe, streams, 0, dataset.train, dataset.num_classes).to(device).eval()
    preparation = Preparation.of(recipe.data, dataset.train)
    habits = habits_of(study, dataset, preparation)
    return Workplace(study, dataset, preparation, fuse(module), habits, device)


def epoch_examples(study: Study) -> int:
    """Examples that a member of a study sees in an epoch: not all of them where whole batches alone are drawn."""
    least = Habits.of(study.manifest.get("network") or {}).least_batch
    return sum(batch_sizes(study.recipe.train, study.manifest["examples"]["train"], least))


def habits_of(study: Study, dataset: Dataset, preparation: Preparation) -> Habits:
    """What the study's network does, as its manifest says; tried where an older version has begun the study.

    Raises:
        InputError: if the network cannot be trained and evaluated right, or what it holds was not saved.
    """
    held = study.manifest.get("network")
    if held is not None:
        return Habits.of(held)
    with runtime.one_thread():
        habits = trial(study.recipe, dataset.train, dataset.num_classes, preparation)
    if lost := [name for name in habits.kept_buffers if name not in study.manifest["model"]["buffers"]]:
        raise InputError(
            f"'{study.path}' was begun by a version that did not save the network's buffer '{lost[0]}', "
            "which changes its predictions; train it again in another folder, with --out"
        )
    return habits
