"""Sections of a recipe that say how members are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from modescape.plain import COUNTS
from modescape.recipe.fields import PositiveInt, Section, counted


class Constant(Section):
    """The same learning rate throughout."""

    kind: Literal["constant"] = "constant"


class Step(Section):
    """The learning rate times ``factors[i]`` from epoch ``epochs[i]`` on (epochs count from 0)."""

    kind: Literal["step"]
    epochs: list[PositiveInt] = Field(min_length=1)  # first epoch of each new plateau, increasing
    factors: list[Annotated[float, Field(gt=0)]]  # relative to the initial learning rate, one for each of `epochs`

    @model_validator(mode="after")
    def _check(self) -> Step:
        if len(self.factors) != len(self.epochs):
            raise ValueError(f"{len(self.epochs)} epochs and {len(self.factors)} factors; give one factor per epoch")
        if sorted(set(self.epochs)) != self.epochs:
            raise ValueError(f"epochs {self.epochs} must increase")
        return self


class Halving(Section):
    """Half the learning rate after every ``every`` epochs."""

    kind: Literal["halving"]
    every: PositiveInt = 10  # epochs


class Cosine(Section):
    """Half a cosine from the initial learning rate to 0 over the whole training, step by step."""

    kind: Literal["cosine"]


class Linear(Section):
    """A straight line from the initial learning rate to 0 over the whole training, step by step."""

    kind: Literal["linear"]


class Cyclic(Section):
    """``cycles`` half cosines, each from the initial learning rate to 0 (Huang et al. 2017, arXiv 1704.00109).

    With a temperature, Langevin noise is added to the weights in the last part of each cycle: cSG-MCMC (Zhang et al.
    2020, arXiv 1902.03932).
    """

    kind: Literal["cyclic"]
    cycles: PositiveInt = 4
    temperature: Annotated[float, Field(ge=0)] = 0.0  # T: the noise of a step is N(0, 2 rate T / examples); 0 = none
    noisy: Annotated[float, Field(gt=0, le=1)] = 0.1  # share of a cycle, at its end (published: 5 of 50 epochs)


Schedule = Annotated[Constant | Step | Halving | Cosine | Linear | Cyclic, Field(discriminator="kind")]
SCHEDULES: dict[str, type[Section]] = {  # by kind
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(get_args(Schedule)[0])
}


def _warmup(value: Any) -> Any:
    """A count or a share; pydantic would complain about one alternative of the two."""
    if not ((type(value) is int and value >= 0) or (type(value) is float and 0 < value < 1)):
        raise ValueError("expected a number of epochs from 0, or a share of the training between 0 and 1")
    return value


class EarlyStopping(Section):
    """Stop a member whose score on validation images no longer improves: it goes back to its best epoch."""

    patience: PositiveInt  # epochs without improvement
    least_epochs: Annotated[int, Field(ge=0)] = 0  # before which no member stops
    score: Literal["validation_loss", "validation_accuracy"] = "validation_loss"


class Train(Section):
    """How each member is trained."""

    members: Annotated[int, counted("members")] = 10  # networks, numbered from 0; may grow in a finished study
    epochs: Annotated[int, counted("epochs")] = 40  # passes over the training split
    batch_size: PositiveInt = 128  # examples per member and step
    batches: Literal["permutation", "replacement"] = "permutation"
    # permutation: every example once an epoch, the last batch may be smaller;
    # replacement: floor(examples / batch_size) batches of independent draws
    last_batch_of_one: Literal["join", "drop"] = "join"
    # where the last batch of an epoch is one example and the network takes no single one in training, as under batch
    # norm: join: it is added to the batch before it; drop: it is left out
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1.6e-3  # at epoch 0, or after the warm-up
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # sgd only
    epsilon: Annotated[float, Field(gt=0)] = 1e-8  # adam and adamw: added to the root of the second moment
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    # adam, sgd: coupled, this times the weight is added to its gradient; adamw: decoupled, each step takes the rate
    # times this off the weight, as a share (Loshchilov and Hutter 2019, arXiv 1711.05101)
    decay: Literal["all", "kernels"] = "all"  # kernels: tensors of two or more dimensions (no biases, no norms)
    schedule: Schedule = Constant()
    warmup: Annotated[int | float, BeforeValidator(_warmup)] = 0
    # epochs, or a share of the training, in which the rate first rises in a straight line; `cosine` and `linear` fall
    # over the steps that remain, the other schedules count from the beginning all the same
    clip: Annotated[float, Field(gt=0)] | None = None
    # largest L2 norm of a member's whole gradient: a longer one is shortened to it before the step; null = none is
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # share of a target's probability that is spread evenly over all classes; losses of training are of such targets
    mixup: Annotated[float, Field(gt=0)] | None = None
    # a of Beta(a, a), of which each step of a member draws the share of two pictures of its batch in a mixture of them
    # and of their labels (Zhang et al. 2018, arXiv 1710.09412); null = pictures are not mixed
    early_stopping: EarlyStopping | None = None
    # null = every member is trained for all epochs, and its solution is the last one
    arithmetic: Literal["float32", "tf32", "bf16"] = "tf32"
    # of products (convolutions, dense layers); weights and sums are float32 in any case. float32: in full;
    # tf32: 10 bits of fraction, torch's own default for convolutions on a GPU, and on a CPU the same as float32;
    # bf16: 7 bits of fraction, and activations take half the memory
    trajectories: Annotated[int, counted("trajectories")] = 3  # members 0, 1, ... that keep every epoch
    keep_last: Annotated[int, counted("keep_last")] = 10  # last epochs that every member keeps, beside epoch 0
    keep_every: Annotated[int, Field(ge=1, le=COUNTS["epochs"][1])] | None = None
    # every member keeps each epoch that is a multiple of this, too; null = it does not

    @model_validator(mode="after")
    def _warm_in_time(self) -> Train:
        """Refuse a warm-up that leaves nothing of the training."""
        if self.warmup >= self.epochs:
            raise ValueError(f"a warmup of {self.warmup} epochs leaves none of {self.epochs}; give fewer, or a share")
        return self

    @model_validator(mode="after")
    def _stops_by_its_own_loss(self) -> Train:
        """Refuse to judge a loss that the schedule raises."""
        if self.early_stopping is not None and isinstance(self.schedule, Cyclic):
            raise ValueError(
                "every cycle of a cyclic schedule begins with a higher loss, which early_stopping would end"
            )
        return self


Sharing = Literal["separate", "shared"]


class Streams(Section):
    """Whether each member draws its own random numbers, or all draw member 0's, purpose by purpose."""

    initialisation: Sharing = "separate"
    order: Sharing = "separate"
    augmentation: Sharing = "separate"
    dropout: Sharing = "separate"
    mixup: Sharing = "separate"
    last_bit: bool = False  # members from 1 on start with one weight changed in its last bit
    branches: list[Annotated[int, Field(ge=0, le=COUNTS["epochs"][1])]] = []
    # of members 1, 2, ...: epochs that each has in common with member 0, whose random numbers it draws until then; it
    # trains on with its own, from the same weights and the same state of the optimiser

    @model_validator(mode="after")
    def _one_stem(self) -> Streams:
        """Refuse branches of a member that does not begin as they do."""
        if self.branches and (self.initialisation == "separate" or self.last_bit):
            raise ValueError("branches continue one run; set initialisation to shared, and no last_bit")
        return self
