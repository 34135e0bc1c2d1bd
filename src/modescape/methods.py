"""Methods: the ways to get several networks, each described by one record.

Samplers, sweeps of scales, costs, figures and words read `METHODS`; nothing else lists methods by name. Nothing heavy
is imported until a sampler is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from modescape.subspace import Accept, Principal, Sampler

Found = TypeVar("Found")

Colour = Literal["blue", "vermilion", "green", "purple", "orange", "sky", "neutral"]
# fmt: off
Marker = Literal[
    "circle", "square", "diamond", "diamond-tall", "hexagon", "cross", "x",
    "triangle-up", "triangle-down", "triangle-left", "triangle-right",
]
# fmt: on
Source = Literal["training", "checkpoints", "masks", "weights"]

BOTH = "independent + "  # begins the name of a method used within each of several independent networks


@dataclass(frozen=True)
class Run:
    """What a method is told of the run around whose solution it samples."""

    trajectory: Tensor = field(repr=False)  # last checkpoints, flattened, oldest first; [epoch, parameter]
    length: float  # L2 norm of the solution's weights
    swept: bool  # scales are in the run's own units (`recipe.Subspace.variant`), not as published
    rank: int  # directions of low-rank methods
    key: Callable[[str], int] = field(repr=False)  # purpose -> key of its stream, for what is drawn once per run
    accept: Accept = field(repr=False)  # which draws are good enough
    kept: dict[Callable[..., Any], Any] = field(default_factory=dict[Callable[..., Any], Any], repr=False)  # of `once`

    def once(self, find: Callable[[Run], Found]) -> Found:
        """``find(run)``, such as principal directions: computed on first use, then cached."""
        if find not in self.kept:
            self.kept[find] = find(self)
        return self.kept[find]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to get several networks: where they come from, at which scale, and how they are named and drawn."""

    label: str  # plain text, in legends and tables
    colour: Colour  # related methods share one and differ by mark and line
    marker: Marker
    line: Literal["solid", "dot"] = "solid"
    source: Source = "training"  # or a run's checkpoints, its solution under dropout masks, weights drawn around it
    one_network: bool = False  # gives one network a run, not several
    least_checkpoints: int = 1  # of a run that it needs
    make: Callable[[Run, float], Sampler] | None = None  # where weights are drawn: (run, scale) -> sampler
    base_scale: float | None = None  # the published one where there is one; None: the method has no scale
    published_unit: float | None = None  # of an absolute scale: weight units at scale 1; the run's length where swept
    plane: float = 1.0  # times the scale in the published plane of accuracy and diversity
    judged: bool = False  # draws are judged on validation examples, and those refused are drawn again
    squared: bool = False  # the scale multiplies the covariance, so steps grow with its square root
    scale_of: Callable[[float], float] | None = None  # step over the solution's length -> scale, where no power

    @property
    def needs_dropout(self) -> bool:
        """Whether the network must have dropout layers."""
        return self.source == "masks"

    def unit(self, run: Run) -> float:
        """What a scale is multiplied by."""
        if self.published_unit is None:
            return 1.0
        return run.length if run.swept else self.published_unit

    def sampler(self, run: Run, scale: float | None) -> Sampler:
        """The sampler of the method around a run's solution.

        Args:
            run: what is known of the run.
            scale: in the unit of `base_scale`; None of a method without one.

        Raises:
            ValueError: for a method that draws no weights, or has a scale and is given none.
        """
        if self.make is None:
            raise ValueError(f"{self.label!r} draws no weights")
        if scale is None and self.base_scale is not None:
            raise ValueError(f"{self.label!r} needs a scale")
        return self.make(run, 0.0 if scale is None else scale * self.unit(run))


def samplers():
    """The room of samplers, loaded when one is made: figures and words need none."""
    from modescape import subspace

    return subspace


def random_directions(run: Run) -> Principal:
    """Principal directions of accepted random samples, at the scale of "random"."""
    method = METHODS["random"]
    assert method.base_scale is not None
    radius = method.base_scale * method.unit(run)
    cloud = samplers().PcaRandom(radius=radius, rank=run.rank, seed=run.key("pca_random directions"))
    return cloud.principal(run.trajectory, run.accept)


METHODS: dict[str, Method] = {  # name, as in results; those made from one run in the order of figures
    "single": Method(label="Single network", colour="neutral", marker="x", one_network=True),
    "independent": Method(label="Independent", colour="blue", marker="circle", one_network=True),
    "snapshots": Method(label="Snapshots of one run", colour="vermilion", marker="square"),
    "trajectory": Method(
        label="Snapshots",
        colour="vermilion",
        marker="square",
        source="checkpoints",
        least_checkpoints=2,
    ),
    "random": Method(
        label="Random subspace",
        colour="green",
        marker="triangle-up",
        source="weights",
        make=lambda run, scale: samplers().Random(radius=scale),
        judged=True,
        base_scale=0.1,  # radius over the length of the solution's weights (published: 10 weight units)
        published_unit=100.0,
        plane=7.0,  # radius 70 U(0, 1)
    ),
    "dropout": Method(
        label="Dropout on weights",
        colour="purple",
        marker="diamond",
        source="weights",
        make=lambda run, scale: samplers().Dropout(rate=min(scale, 0.99)),
        base_scale=0.1,  # largest rate
        scale_of=lambda step: samplers().Dropout.of_step(step).rate,
    ),
    "mc_dropout": Method(
        label="Monte-Carlo dropout",
        colour="purple",
        marker="diamond-tall",
        line="dot",
        source="masks",
    ),
    "diagonal": Method(
        label="Diagonal Gaussian",
        colour="orange",
        marker="cross",
        source="weights",
        least_checkpoints=2,
        make=lambda run, scale: samplers().Diagonal(scale=scale),
        base_scale=1.0,  # times the standard deviation
        plane=10.0,
    ),
    "low_rank": Method(
        label="Low-rank Gaussian, unit",
        colour="sky",
        marker="triangle-left",
        line="dot",
        source="weights",
        least_checkpoints=2,
        make=lambda run, scale: samplers().LowRank(rank=run.rank, scale=scale),
        base_scale=0.1,  # times z along unit directions, over the length of the weights (published: 1 weight unit)
        published_unit=10.0,
        plane=6.0,
    ),
    "low_rank_scaled": Method(
        label="Low-rank Gaussian",
        colour="sky",
        marker="triangle-right",
        source="weights",
        least_checkpoints=2,
        make=lambda run, scale: samplers().LowRank(rank=run.rank, scale=scale, scaled=True),
        base_scale=1.0,  # times the standard deviation along each direction
    ),
    "pca_random": Method(
        label="PCA-random",
        colour="green",
        marker="triangle-down",
        line="dot",
        source="weights",
        make=lambda run, scale: samplers().Along(
            principal=run.once(random_directions),
            scale=scale,
            scaled=run.swept,  # as published its directions are unit vectors
        ),
        judged=True,
        base_scale=1.0,  # times the standard deviation of the accepted random samples along each direction
    ),
    "swag": Method(
        label="SWAG",
        colour="orange",
        marker="x",
        line="dot",
        source="weights",
        least_checkpoints=3,
        make=lambda run, scale: samplers().Swag(scale=scale),
        base_scale=0.5,  # times the covariance
        squared=True,
    ),
    "weight_average": Method(
        label="Weight average",
        colour="vermilion",
        marker="hexagon",
        line="dot",
        source="weights",
        one_network=True,
        least_checkpoints=2,
        make=lambda run, scale: samplers().WeightAverage(),
    ),
    "csgmcmc, cold": Method(label="Cyclical SG-MCMC, cold", colour="sky", marker="triangle-left"),
    "csgmcmc, T = 1": Method(label="Cyclical SG-MCMC, T = 1", colour="purple", marker="diamond"),
    "long run": Method(label="One long run", colour="neutral", marker="x", one_network=True),
    "ensemble": Method(label="Ensemble of all members", colour="blue", marker="hexagon"),
    "whole long run": Method(
        label="One run as long as all members", colour="neutral", marker="cross", one_network=True
    ),
}
AROUND = tuple(name for name, method in METHODS.items() if method.source != "training")  # made from one run
SCALED = tuple(name for name, method in METHODS.items() if method.base_scale is not None)


def label_of(method: str) -> str:
    """A method's name as a reader sees it; a name that is not in `METHODS` stays as it is."""
    return METHODS[method].label if method in METHODS else method
