"""What a worker needs to work on a study: its data on the device, its network, its evaluator; made once a process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from modescape import data, rng, runtime
from modescape.data.dataset import Dataset
from modescape.data.prepare import Preparation
from modescape.errors import WorkError
from modescape.kernels.implementation import forced
from modescape.models import importable
from modescape.predict import Evaluator
from modescape.study import Study
from modescape.train.fuse import fuse
from modescape.train.loop import Trainer, initial_module
from modescape.train.member_ops import Manner
from modescape.train.plan import Plan


@dataclass(frozen=True)
class Workplace:
    """One study's data, network and evaluator in this process."""

    study: Study
    dataset: Dataset
    preparation: Preparation
    module: nn.Module
    device: str

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """A block of work by the study's plan: a study begun without C kernels goes on without them."""
        kernels = forced("torch") if self.plan.kernels == "torch" else contextlib.nullcontext()
        arithmetic = runtime.gpu_arithmetic(tf32=self.study.recipe.train.arithmetic == "tf32")
        arithmetic = arithmetic if self.device == "cuda" else contextlib.nullcontext()
        with importable(self.study.recipe.model.factory, last=True), runtime.kept_memory(), kernels, arithmetic:
            yield

    @property
    def plan(self) -> Plan:
        """The study's plan."""
        return Plan.of(self.study.manifest.get("plan"))

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of trained checkpoints."""
        return Evaluator(module=self.module, preparation=self.preparation, manner=self._manner)

    def trainer(self, say: Callable[[str], None]) -> Trainer:
        """What trains the members of this study; ``say`` is told what a user should know."""
        data = self.dataset
        settings = {"device": self.device, "manner": self._manner, "replayed": self.plan.replayed, "say": say}
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
    return Workplace(study, dataset, Preparation.of(recipe.data, dataset.train), fuse(module), device)
