"""The schema of a recipe: sections of settings, each with its default and its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from modescape.engines import ENGINE_NAMES
from modescape.keeping import kept_epochs
from modescape.plain import COUNTS
from modescape.recipe import identity
from modescape.recipe.fields import AnalysisName, FreeForm, Name, NonNegativeInt, PositiveInt, Section, counted
from modescape.recipe.inputs import Data, Model
from modescape.recipe.tasks import Task
from modescape.recipe.training import Streams, Train
from modescape.recipe.writing import yaml_text
from modescape.trackers import TRACKER_NAMES

if TYPE_CHECKING:
    EngineName: TypeAlias = str
    TrackerName: TypeAlias = str
else:  # which there are, `modescape.engines` and `modescape.trackers` say alone
    EngineName = Literal[ENGINE_NAMES]
    TrackerName = Literal[TRACKER_NAMES]


class Subspace(Section):
    """Networks sampled around each solution; changes nothing that is trained."""

    variant: Literal["swept", "paper", "official"] = "swept"
    # swept: the scale of each method is chosen on validation images; paper, official: as in the paper's text and in the
    # authors' published notebook, which also set `samples`, `last`, `rank` and `acceptance`
    samples: PositiveInt = 5  # networks a method and solution: as many in every Jensen-Shannon column
    last: PositiveInt | None = None
    # last kept epochs of which Gaussians, SWAG and averages are made; null = the last quarter of the training, as in
    # the paper (10 of 40), but at least as many as `samples`
    rank: PositiveInt = 4  # principal directions
    acceptance: Annotated[float, Field(ge=0, le=1)] = 0.9
    # random samples below this share of the solution's validation accuracy are drawn again, up to 5 times
    batch_norm: Literal["recompute", "stored"] = "recompute"
    # statistics of all networks that are compared with samples. recompute: of their own weights, on training images;
    # stored: those that each came with, for a sample the solution's
    runs: PositiveInt = 5  # first members around which samples are drawn where not all are needed
    choosing: PositiveInt = 30
    # draws a solution at every step of a sweep, from which a scale is chosen; rounded up to whole pairs of ensembles of
    # `samples` networks, of which one is the mirror image of the other
    distance: Annotated[float, Field(gt=0, le=2)] = 0.1
    # from the solution, over the length of its weights, at which all methods are compared beside their chosen scales;
    # raised where the mean of a method lies farther away


PUBLISHED = {  # of the paper's MediumCNN: thresholds .65 and .70 of a validation accuracy of .76
    "paper": {"samples": 10, "last": 10, "rank": 4, "acceptance": 0.855},
    "official": {"samples": 30, "last": 10, "rank": 5, "acceptance": 0.92},
}


class Variants(Section):
    """Size of the networks that single analyses train for themselves, under ``variants/``."""

    members: PositiveInt = 2  # networks of each kind
    epochs: Annotated[int, Field(ge=1, le=COUNTS["epochs"][1])] | None = None
    # of each network; a cycle of a cyclic schedule; null = as many as the members' own (train.epochs)
    train: PositiveInt = 10_000  # training images, at most
    cycles: PositiveInt = 3  # of cyclic schedules: networks of each ensemble that is compared
    long_runs: NonNegativeInt = 1
    # networks that are trained, one by one, on all training images for as many epochs as all members together, and as
    # many with the weights of all members: what the ensemble's cost buys in one network; 0 = none, and no short runs


class Compute(Section):
    """Where the work runs; does not change what is trained, only, with the plan, how sums are rounded."""

    engine: EngineName = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: PositiveInt | None = None  # processes; null = one a core, or one a GPU
    address: str | None = None  # of a Ray cluster, such as 10.0.0.1:6379; null = RAY_ADDRESS, else one is started here
    worker_memory: PositiveInt | None = None
    # MB that a worker holds at most: a Ray cluster is given no more workers than its machines hold; null = reckoned
    stored_predictions: NonNegativeInt = 2000
    # MB on disk for predictions of sampled networks, which several analyses read; what goes beyond is predicted by each
    # that asks for it; 0 = none is kept
    track: list[TrackerName] = []  # who is told of epochs, stages and results
    determinism: Literal["plan", "strict"] = "plan"
    # when a study is begun on a GPU. plan: the fastest kernels are found by measuring and written into the plan, which
    # fixes the bits from then on; strict: nothing is measured, so that two studies have the same plan


class Imported(Section):
    """Checkpoints that others trained, of which a study was made: nothing is trained in it."""

    files: list[str] = []  # where they were, as the command named them
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256 of all their tensors
    epochs: Annotated[list[Annotated[int, Field(ge=0, le=COUNTS["epochs"][1])]], Field(min_length=1)]
    # steps of which every member has a checkpoint, ascending; the last one is the solution
    names: list[str] = []  # of the members, after their files
    network: bool = True  # whether a network and data were given; false = weights alone

    @field_validator("epochs")
    @classmethod
    def _ascending(cls, epochs: list[int]) -> list[int]:
        if sorted(set(epochs)) != epochs or not epochs[-1]:
            raise ValueError("expected ascending steps, the last one 1 or more")
        return epochs


class Quick(Section):
    """Settings of the full recipe where --quick made a smaller one, so that the page can name the differences."""

    members: Annotated[int, counted("members")]
    epochs: Annotated[int, counted("epochs")]
    analyses: list[AnalysisName]


class Recipe(Section):
    """A whole study."""

    name: Name = "study"
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    data: Data = Data()
    task: Task = Task()
    model: Model = Model()
    train: Train = Train()
    streams: Streams = Streams()
    subspace: Subspace = Subspace()
    variants: Variants = Variants()
    analyses: list[AnalysisName] | None = None  # names, in the order of the page; null = all
    settings: dict[str, FreeForm] = {}  # of single analyses: {tsne: {examples: 512}}
    imported: Imported | None = None  # checkpoints of others, of which the study was made; null = its own are trained
    compute: Compute = Compute()
    quick: Quick | None = None  # what --quick has left out of this recipe; null = it is the whole one

    @model_validator(mode="before")
    @classmethod
    def _published(cls, values: Any) -> Any:
        """Fill in what a published variant of the subspace methods sets."""
        section = values.get("subspace") if isinstance(values, dict) else None
        if isinstance(section, dict):
            variant = section.get("variant")
            if isinstance(variant, str) and variant in PUBLISHED:  # a list, say, could not be looked up
                return {**values, "subspace": {**PUBLISHED[variant], **section}}
        return values

    @field_validator("analyses")
    @classmethod
    def _no_repeats(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) != len(names):
            raise ValueError("an analysis is named twice")
        return names

    def shared_streams(self) -> frozenset[str]:
        """Purposes in which all members draw the same numbers."""
        return frozenset(name for name, value in self.streams.model_dump().items() if value == "shared")

    def epochs_around(self) -> int:
        """How many of the last epochs stand for the neighbourhood of a solution (`Subspace.last`), if they are kept."""
        return self.subspace.last or max(self.subspace.samples, self.train.epochs // 4)

    def kept_epochs(self, member: int) -> list[int]:
        """Epochs whose checkpoints member ``member`` keeps: 0 (initialisation) to ``train.epochs`` (solution)."""
        train = self.train
        if self.imported is not None:
            return list(self.imported.epochs)
        return kept_epochs(member, train.epochs, train.trajectories, train.keep_last, train.keep_every)

    def auxiliary_epochs(self) -> int:
        """Epochs of each network that an analysis trains for itself (`Variants.epochs`)."""
        return self.variants.epochs or self.train.epochs

    def content_hash(self, fingerprint: str) -> str:
        """The identity of a study of this recipe on data with this fingerprint: SHA-256, hex."""
        return identity.content_hash(self, fingerprint)

    def identifies(self, fingerprint: str, recipe_hash: str) -> bool:
        """Whether a study with this hash and this data is one of this recipe, whichever version made it."""
        return identity.identifies(self, fingerprint, recipe_hash)

    def to_yaml(self) -> str:
        """The recipe with every default spelled out."""
        return yaml_text(self.model_dump(mode="json"))
