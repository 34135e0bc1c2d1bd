"""A study's data, network and evaluator, opened once and handed on to whoever works with it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from torch import nn

from modescape import data, rng, runtime
from modescape.data.dataset import Dataset
from modescape.data.inputs.base import Prepare
from modescape.data.order import batch_sizes
from modescape.errors import InputError, WorkError
from modescape.kernels.implementation import forced, usual
from modescape.kernels.native import build, going_on
from modescape.named import importable
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.network.member_ops import ComputePolicy
from modescape.offered import Offered
from modescape.predict import Evaluator
from modescape.storage import lease
from modescape.study import Study, layout
from modescape.study.offering import offer
from modescape.train.loop import Trainer
from modescape.train.plan import Plan
from modescape.train.trial import trial

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class StudyRef:
    """A study as it is named to a worker: what an engine opens there, and compares with what is open."""

    path: str
    content: str  # digest of its recipe and manifest: the same folder may later hold another study
    lease: str = ""  # name of the holder of the lock, for a study in an object store

    @classmethod
    def of(cls, study: Study) -> StudyRef:
        """The study as it is now; made again for each stage, since its recipe may have been rewritten in between."""
        digest = hashlib.sha256()
        for name in (layout.RECIPE, layout.MANIFEST):
            digest.update((study.path / name).read_bytes())
        return cls(str(study.path), digest.hexdigest(), lease.token(str(study.path)))

    def open(self) -> StudyContext:
        """The study, with nothing loaded yet."""
        lease.adopt(self.path, self.lease)
        return StudyContext(Study.open(self.path))


@dataclass(frozen=True, eq=False)
class StudyContext:
    """One study's data, network and evaluator in this process, each made on first use.

    It is passed as an argument. Whatever is derived from it and worth keeping is cached in it (`once`) and goes when
    the context goes: nothing of a study outlives what opened it.
    """

    study: Study
    _made: dict[Callable[..., Any], OrderedDict[tuple[Any, ...], Any]] = field(default_factory=dict, repr=False)
    _listeners: list[Callable[[int], None]] = field(default_factory=list, repr=False)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """A block of work under the study's plan: with C kernels if and only if the study was begun with them."""
        kernels = forced("torch") if self.plan.kernels == "torch" else going_on(self.plan.build)
        arithmetic = runtime.gpu_arithmetic(tf32=self.study.recipe.train.arithmetic == "tf32")
        arithmetic = arithmetic if self.device == "cuda" else contextlib.nullcontext()
        with importable(self.study.recipe.model.factory, last=True), runtime.kept_memory(), kernels, arithmetic:
            yield

    @functools.cached_property
    def plan(self) -> Plan:
        """The study's plan."""
        return Plan.of(self.study.manifest.get("plan"))

    @functools.cached_property
    def machine(self) -> str:
        """The hardware and kernels that compute the study here; see `runtime.machine_kind`."""
        if self.plan.kernels == "torch":
            return runtime.machine_kind(self.device, "torch")
        with going_on(self.plan.build):
            kernels = usual(self.device)
            return runtime.machine_kind(self.device, f"{kernels} ({build()})" if kernels == "native" else kernels)

    @property
    def offered(self) -> Offered:
        """What the study has for analyses, as it is now."""
        return offer(self.study, self)

    @functools.cached_property
    def trained(self) -> list[int]:
        """Numbers of the trained members, ascending; cached on first use, so ask once all of them are trained."""
        return self.study.trained

    @property
    def device(self) -> str:
        """Where the study computes, "cpu" or "cuda"."""
        return self.study.manifest["plan"]["device"]

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The study's data, on its device; errors as `loaded`."""
        return self.loaded.to(self.device)

    @property
    def loaded(self) -> Dataset:
        """The study's data, on the CPU.

        Raises:
            InputError: if the data no longer exists.
            WorkError: if it differs from the data that the study was begun with.
        """
        recipe = self.study.recipe
        dataset = data.load(recipe.data, recipe.seed, task=recipe.task)
        if dataset.fingerprint != self.study.manifest["fingerprint"]:
            raise WorkError(f"the data at '{recipe.data.source}' changed since the study was begun; put it back")
        return dataset

    @functools.cached_property
    def preparation(self) -> Prepare:
        """Scaling of examples, the same as in training."""
        return self.dataset.train.preparation(self.study.recipe.data)

    @functools.cached_property
    def habits(self) -> Habits:
        """What is known of the network's behaviour (dropout, buffers, stacking, ...)."""
        return habits_of(self.study, self.dataset, self.preparation)

    @functools.cached_property
    def module(self) -> nn.Module:
        """The architecture, with its layers fused, on the study's device; its own weights are not used."""
        recipe, dataset = self.study.recipe, self.dataset
        streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
        return fuse(initial_module(recipe, streams, 0, dataset.train, dataset.task.width).to(self.device).eval())

    @functools.cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of trained checkpoints."""
        settings: dict[str, Any] = {"policy": self._policy, "habits": self.habits, "task": self.dataset.task}
        return Evaluator(module=self.module, preparation=self.preparation, **settings)

    def trainer(self, say: Callable[[str], None]) -> Trainer:
        """The trainer of this study's members; ``say`` is called with messages for the user."""
        data = self.dataset
        settings: dict[str, Any] = {"device": self.device, "policy": self._policy, "replayed": self.plan.replayed}
        settings |= {"habits": self.habits, "say": say, "task": data.task}
        return Trainer(self.study.recipe, data.train, data.task.width, self.preparation, **settings)

    @property
    def _policy(self) -> ComputePolicy:
        return self.plan.policy(self.study.recipe.train.arithmetic)

    def once(self, make: Callable[Concatenate[StudyContext, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """``make(context, ...)``, made once for this context and these arguments."""
        return self.last(None, make, *arguments, **named)

    def last(
        self, most: int | None, make: Callable[Concatenate[StudyContext, P], T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """As `once`, but only the ``most`` recently used values stay in memory; None: all of them."""
        held = self._made.setdefault(make, OrderedDict())
        key = (arguments, tuple(sorted(named.items())))
        if key not in held:
            held[key] = make(self, *arguments, **named)
        held.move_to_end(key)
        while most is not None and len(held) > most:
            held.popitem(last=False)
        return held[key]

    @contextlib.contextmanager
    def heard_by(self, listener: Callable[[int], None]) -> Iterator[None]:
        """Within this block ``listener`` is called with the number of examples sent through networks."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.pop()

    def progress(self, images: int) -> None:
        """Tell all listeners how many examples went through networks."""
        for listener in self._listeners[-1:]:
            listener(images)


def epoch_examples(study: Study) -> int:
    """Examples seen per epoch: all, unless batches are with replacement or a last batch of one is dropped."""
    least = Habits.of(study.manifest.get("network") or {}).least_batch
    return sum(batch_sizes(study.recipe.train, study.manifest["examples"]["train"], least))


def habits_of(study: Study, dataset: Dataset, preparation: Prepare) -> Habits:
    """The network's behaviour from the manifest; found by a trial run if an older version began the study.

    Raises:
        InputError: if the network cannot be trained or evaluated correctly, or some of its state was not saved.
    """
    held = study.manifest.get("network")
    if held is not None:
        return Habits.of(held)
    with runtime.one_thread():
        habits = trial(study.recipe, dataset.train, dataset.task.width, preparation, dataset.task)
    if lost := [name for name in habits.kept_buffers if name not in study.manifest["model"]["buffers"]]:
        raise InputError(
            f"'{study.path}' was begun by a version that did not save the network's buffer '{lost[0]}', "
            "which changes its predictions; train it again in another folder, with --out"
        )
    return habits
