"""What a worker needs to work on a study: its data on the device, its network, its evaluator; made once a process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from modescape import data, rng, runtime
from modescape.data.dataset import Dataset
from modescape.data.prepare import Preparation
from modescape.errors import WorkError
from modescape.kernels.implementation import forced
from modescape.predict import Evaluator
from modescape.study import Study
from modescape.train.fuse import fuse
from modescape.train.loop import initial_module
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
        alone = Plan(**self.study.manifest["plan"]).kernels == "torch"
        with runtime.kept_memory(), forced("torch") if alone else contextlib.nullcontext():
            yield

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of trained checkpoints."""
        return Evaluator(module=self.module, preparation=self.preparation)


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
