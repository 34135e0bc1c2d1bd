"""The schema of a recipe: sections of settings, each with its default and its meaning."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from modescape.keeping import kept_epochs
from modescape.plain import COUNTS, NAME, NAME_LENGTH, OWN
from modescape.recipe import identity
from modescape.recipe.identity import canonical_json
from modescape.recipe.writing import yaml_text


def _amount(value: Any) -> Any:
    """A count or a share; pydantic would complain about one alternative of the two."""
    if not ((type(value) is int and value >= 1) or (type(value) is float and 0 < value < 1)):
        raise ValueError("expected a number of images from 1, or a share between 0 and 1")
    return value


Amount = Annotated[int | float, BeforeValidator(_amount)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$", max_length=NAME_LENGTH)]
AnalysisName = Annotated[str, StringConstraints(pattern=f"^({NAME}|{OWN})$", max_length=NAME_LENGTH)]


def _counted(key: str) -> Any:
    """The limits of a count of the section `Train`: a study that a stranger sent must not keep a reader busy."""
    lowest, highest = COUNTS[key]
    return Field(ge=lowest, le=highest)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse what JSON cannot hold (dates, NaN) or gives back as another (the key 1 as "1"): it is hashed, written."""
    try:
        same = json.loads(canonical_json(values)) == values
    except (TypeError, ValueError, RecursionError):
        same = False
    if not same:
        raise ValueError("only text, finite numbers, true/false, null, lists and nested text keys are supported")
    return values


FreeForm = Annotated[dict[str, Any], AfterValidator(_plain)]


class Section(BaseModel):
    """A part of a recipe: immutable, no unknown keys, no silent conversion of text to numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    @field_validator("*")
    @classmethod
    def _unicode(cls, value: Any) -> Any:
        """Refuse text that no file can hold: half of a surrogate pair, such as names that are not in UTF-8 become."""
        if isinstance(value, str | list | dict):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise ValueError("it is not Unicode text") from error
        return value


class Augmentation(Section):
    """Random changes of training images, drawn anew for every image each time it is used."""

    crop_padding: NonNegativeInt = 0  # pixels added on each side before a crop of the original size
    crop_fill: Literal["zeros", "nearest"] = "zeros"  # what the added pixels hold
    horizontal_flip: bool = False  # mirror each image with probability 1/2
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.0  # largest shift, in units of the full range; clipped after


BUILTIN_SOURCES = ("digits",)  # of images; these words mean what is built in, a folder of the name is written ./digits
BUILTIN_OOD = ("rotated", "noise")  # other data, made from the test images


class Data(Section):
    """Where the images come from and how they are split and scaled."""

    source: str = "digits"
    # "digits", a folder of pictures or of the hub's layout, a .csv, .tsv, .jsonl, .parquet or .npz file, or a hub name
    # "owner/name"; docs/data.md shows every layout
    image: str | None = None  # the image column; found by its type when not named
    label: str | None = None  # the label column; found by its type when not named
    config: str | None = None  # the hub's configuration name, where a dataset has several
    train: Amount | None = None  # training images used after the cut: a number or a fraction; null = all
    validation: Amount = 0.1  # cut from the training images: a number or a fraction
    test: Amount = 0.2  # cut from the training images where the source has no test split
    size: PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)] | None = None
    # pixels: one number for a square, or [height, width]; null = pictures as they are, which must be of one size
    resample: Literal["bilinear", "bicubic", "lanczos", "nearest", "box"] = "bilinear"  # with antialiasing, as Pillow's
    crop: Literal["center", "stretch", "pad"] = "center"
    # center: resized until the picture covers the size, and its middle cut out; stretch: resized whatever its
    # proportions; pad: resized until it fits in, the rest filled with the background
    background: str | int = "white"  # under transparent pixels: a colour's name, "#rrggbb" or a grey level 0..255
    skip_broken: bool = False  # leave pictures out that cannot be read (the page says how many); false = refuse them
    scaling: Literal["raw", "unit", "centered", "standardized"] = "unit"
    # what the network sees: raw 0..255; unit 0..1; centered = unit minus the mean training image;
    # standardized = unit, each channel with mean 0 and standard deviation 1 over the training images
    augmentation: Augmentation = Augmentation()
    shift: str | None = None  # folder of official corruptions (CIFAR-10-C); null = our own, made from the test images
    frost: str | None = None  # folder of photographs for our own corruption `frost`; null = our own texture
    ood: list[str] = list(BUILTIN_OOD)
    # other data to be told apart: made from the test images ("rotated", "noise"), or sources as `source` takes them

    @model_validator(mode="after")
    def _one_frost(self) -> Data:
        """Refuse photographs that nothing would be made from."""
        if self.shift is not None and self.frost is not None:
            raise ValueError(
                "data.frost is for our own corruptions, and the official ones of data.shift have their frost; set one "
                "of them to null"
            )
        return self

    @field_validator("size", mode="before")
    @classmethod
    def _pixels(cls, value: Any) -> Any:
        """One number or two; pydantic would complain about one alternative of several."""
        numbers = value if isinstance(value, list) and len(value) == 2 else [value]
        if value is not None and not all(type(number) is int and number > 0 for number in numbers):
            raise ValueError("expected one number of pixels from 1, two as [height, width], or null")
        return value

    @field_validator("background", mode="before")
    @classmethod
    def _colour(cls, value: Any) -> Any:
        """A text or a whole number; an unquoted # begins a comment in YAML, so that nothing is left of the colour."""
        if type(value) not in (str, int):
            raise ValueError(
                "expected a colour's name, a grey level, or '\"#rrggbb\"' in both kinds of quotation marks"
            )
        return value


class Model(Section):
    """The network."""

    factory: str = "small_cnn"  # a built-in model, or "package.module:callable" that returns an nn.Module
    arguments: FreeForm = {}  # keyword arguments of the factory
    output: str | NonNegativeInt | None = None
    # of several outputs the one that counts, by its name or its number (from 0); null = found where it is obvious:
    # `logits`, the first of a tuple, the only one of a dictionary
    output_kind: Literal["logits", "probabilities", "log_probabilities"] = "logits"  # what the network's numbers are


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
            raise ValueError(f"{len(self.epochs)} epochs and {len(self.factors)} factors; give one factor an epoch")
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


class Cyclic(Section):
    """``cycles`` half cosines, each from the initial learning rate to 0 (Huang et al. 2017, arXiv 1704.00109).

    With a temperature, Langevin noise is added to the weights in the last part of each cycle: cSG-MCMC (Zhang et al.
    2020, arXiv 1902.03932).
    """

    kind: Literal["cyclic"]
    cycles: PositiveInt = 4
    temperature: Annotated[float, Field(ge=0)] = 0.0  # T: the noise of a step is N(0, 2 rate T / examples); 0 = none
    noisy: Annotated[float, Field(gt=0, le=1)] = 0.1  # share of a cycle, at its end (published: 5 of 50 epochs)


Schedule = Annotated[Constant | Step | Halving | Cosine | Cyclic, Field(discriminator="kind")]


class Train(Section):
    """How each member is trained."""

    members: Annotated[int, _counted("members")] = 10  # networks, numbered from 0; may grow in a finished study
    epochs: Annotated[int, _counted("epochs")] = 40  # passes over the training split
    batch_size: PositiveInt = 128  # examples per member and step
    batches: Literal["permutation", "replacement"] = "permutation"
    # permutation: every example once an epoch, the last batch may be smaller;
    # replacement: floor(examples / batch_size) batches of independent draws
    last_batch_of_one: Literal["join", "drop"] = "join"
    # where the last batch of an epoch is one example and the network takes no single one in training, as under batch
    # norm: join: it is added to the batch before it; drop: it is left out
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1.6e-3  # at epoch 0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # sgd only
    epsilon: Annotated[float, Field(gt=0)] = 1e-8  # adam only: added to the root of the second moment
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # coupled: this times the weight is added to its gradient
    decay: Literal["all", "kernels"] = "all"  # kernels: tensors of two or more dimensions (no biases, no norms)
    schedule: Schedule = Constant()
    arithmetic: Literal["float32", "tf32", "bf16"] = "tf32"
    # of products (convolutions, dense layers); weights and sums are float32 in any case. float32: in full;
    # tf32: 10 bits of fraction, torch's own default for convolutions on a GPU, and on a CPU the same as float32;
    # bf16: 7 bits of fraction, and activations take half the memory
    trajectories: Annotated[int, _counted("trajectories")] = 3  # members 0, 1, ... that keep every epoch
    keep_last: Annotated[int, _counted("keep_last")] = 10  # last epochs that every member keeps, beside epoch 0
    keep_every: Annotated[int, Field(ge=1, le=COUNTS["epochs"][1])] | None = None
    # every member keeps each epoch that is a multiple of this, too; null = it does not


Sharing = Literal["separate", "shared"]


class Streams(Section):
    """Whether each member draws its own random numbers, or all draw member 0's, purpose by purpose."""

    initialisation: Sharing = "separate"
    order: Sharing = "separate"
    augmentation: Sharing = "separate"
    dropout: Sharing = "separate"
    last_bit: bool = False  # members from 1 on start with one weight changed in its last bit


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
    # networks that are trained, one by one, on all training images for as many epochs as all members together: what the
    # ensemble's cost buys in one network; 0 = none


class Compute(Section):
    """Where the work runs; does not change what is trained, only, with the plan, how sums are rounded."""

    engine: Literal["auto", "here", "processes", "ray"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: PositiveInt | None = None  # processes; null = one a core
    stored_predictions: NonNegativeInt = 2000
    # MB on disk for predictions of sampled networks, which several analyses read; what goes beyond is predicted by each
    # that asks for it; 0 = none is kept
    determinism: Literal["plan", "strict"] = "plan"
    # when a study is begun on a GPU. plan: the fastest kernels are found by measuring and written into the plan, which
    # fixes the bits from then on; strict: nothing is measured, so that two studies have the same plan


class Quick(Section):
    """What the whole recipe has, where --quick made a smaller one of it: the page says what is left out."""

    members: Annotated[int, _counted("members")]
    epochs: Annotated[int, _counted("epochs")]
    analyses: list[AnalysisName]


class Recipe(Section):
    """A whole study."""

    name: Name = "study"
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    data: Data = Data()
    model: Model = Model()
    train: Train = Train()
    streams: Streams = Streams()
    subspace: Subspace = Subspace()
    variants: Variants = Variants()
    analyses: list[AnalysisName] | None = None  # names, in the order of the page; null = all
    settings: dict[str, FreeForm] = {}  # of single analyses: {tsne: {examples: 512}}
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
        """How many of the last epochs stand for the surroundings of a solution (`Subspace.last`), if they are kept."""
        return self.subspace.last or max(self.subspace.samples, self.train.epochs // 4)

    def kept_epochs(self, member: int) -> list[int]:
        """Epochs whose checkpoints member ``member`` keeps: 0 (initialisation) to ``train.epochs`` (solution)."""
        train = self.train
        return kept_epochs(member, train.epochs, train.trajectories, train.keep_last, train.keep_every)

    def variant_epochs(self) -> int:
        """Epochs of each network that an analysis trains for itself (`Variants.epochs`)."""
        return self.variants.epochs or self.train.epochs

    def content_hash(self, fingerprint: str) -> str:
        """What identifies a study of this recipe whose data has this fingerprint: SHA-256, hex."""
        return identity.content_hash(self, fingerprint)

    def identifies(self, fingerprint: str, recipe_hash: str) -> bool:
        """Whether a study with this hash and this data is one of this recipe, whichever version made it."""
        return identity.identifies(self, fingerprint, recipe_hash)

    def to_yaml(self) -> str:
        """The recipe with every default spelled out."""
        return yaml_text(self.model_dump(mode="json"))
