"""Sections of a recipe that say what is trained: data and network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from modescape.recipe.fields import Amount, FreeForm, NonNegativeInt, PositiveInt, Section


class Augmentation(Section):
    """Random changes of training images, drawn again for every image each time it is used."""

    crop_padding: NonNegativeInt = 0  # pixels added on each side before a crop of the original size
    crop_fill: Literal["zeros", "nearest"] = "zeros"  # what the added pixels hold
    horizontal_flip: bool = False  # mirror each image with probability 1/2
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.0  # largest shift, in units of the full range; clipped after


BUILTIN_SOURCES = ("digits",)  # of images; these words mean what is built in, a folder of the name is written ./digits
TABLE_SOURCES = tuple(  # tables, embedded too; digit_sums is made of digits
    f"sklearn:{name}" for name in ("breast_cancer", "diabetes", "digit_sums", "iris", "wine")
)
TEXT_SOURCES = ("docstrings",)  # sentences of the docstrings of Python's own library, by package
BUILTIN_OOD = ("rotated", "noise")  # other data, made from the test images


class Data(Section):
    """Where the examples come from and how they are split and scaled."""

    source: str = "digits"
    # "digits", a folder of pictures or of the hub's layout, a .csv, .tsv, .jsonl, .parquet or .npz file, or a hub name
    # "owner/name"; docs/data.md shows every layout
    inputs: str | None = None
    # what an example is: "image", "table", "tokens" or "tree", a name of `modescape.data.inputs.READERS`; null = found:
    # tokens where `text` is named, a table where `target` is named or a file has arrays `x` and `y`, else images; a
    # tree is what a function of yours gives, data.source=package.module:load
    target: str | list[str] | None = None  # of a table or of texts: the column to be predicted; of a regression several
    leave_out: list[str] = []  # of a table: columns that are no features
    group: str | None = None
    # the column (of .npz the array, and test_ before it) that names what belongs together, such as a patient: no split
    # cuts a group, and intervals are for new groups. It is no feature; null = every example stands for itself
    categories: Literal["one_hot", "codes"] = "one_hot"
    # of a table, texts and truth values: a column for each value, or numbers for an embedding
    text: str | None = None  # of texts: their column; the only one where it is not named
    tokenizer: str = "bytes"  # of texts: "bytes", or a file with a token a line
    length: PositiveInt = 256  # of texts: tokens of a sequence at most; shorter ones are padded
    truncate: bool = False  # of texts: cut longer ones off; false = refuse them
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
    private: bool = False  # show no picture and no text of this data on the page; false = some that members dispute
    skip_broken: bool = False  # leave pictures out that cannot be read (the page says how many); false = refuse them
    scaling: Literal["raw", "unit", "centered", "standardized"] = "unit"
    # what the network sees: raw 0..255; unit 0..1; centered = unit minus the mean training image;
    # standardized = unit, each channel with mean 0 and standard deviation 1 over the training images
    mean: Annotated[list[float], Field(min_length=1)] | None = None
    # of pictures under scaling: unit: what is taken off each channel, as [.485, .456, .406]; null = nothing
    deviation: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None
    # and what each channel is then divided by; null = 1
    augmentation: Augmentation = Augmentation()
    shift: str | None = None  # folder of official corruptions (CIFAR-10-C); null = our own, made from the test images
    frost: str | None = None  # folder of photographs for our own corruption `frost`; null = our own texture
    shift_column: str | None = None
    # of a table: the column of numbers by whose upper values test rows are selected; null = the one that is most
    # correlated with the others
    ood: list[str] = list(BUILTIN_OOD)
    # other data to be told apart: made from the test images ("rotated", "noise"), or sources as `source` takes them;
    # where the examples are rows "permuted" and "noise", sentences "shuffled" and "noise", trees "permuted" by default

    @property
    def code(self) -> str:
        """The source where it is code of the user's, ``package.module:load``; else nothing."""
        return self.source if self.inputs == "tree" else ""

    @model_validator(mode="after")
    def _one_frost(self) -> Data:
        """Refuse photographs that nothing would be made from."""
        if self.shift is not None and self.frost is not None:
            raise ValueError(
                "data.frost is for our own corruptions, and the official ones of data.shift have their frost; set one "
                "of them to null"
            )
        return self

    @model_validator(mode="after")
    def _one_scaling(self) -> Data:
        """Refuse a mean and a deviation beside those of the training pictures."""
        if self.scaling != "unit" and (self.mean is not None or self.deviation is not None):
            raise ValueError(
                f"data.mean and data.deviation are for scaling: unit, and scaling is {self.scaling}, which finds its "
                "own; leave out one of them"
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


def _files(value: Any) -> Any:
    """One name or several; pydantic would complain about one alternative of the two."""
    names = value if isinstance(value, list) else [value]
    if value is not None and not (names and all(isinstance(name, str) and name for name in names)):
        raise ValueError("expected a .safetensors file, the folder of a study, a list of them, or null")
    return value


class Model(Section):
    """The network."""

    factory: str = "small_cnn"  # a built-in model, or "package.module:callable" that returns an nn.Module
    arguments: FreeForm = {}  # keyword arguments of the factory
    output: str | NonNegativeInt | None = None
    # of several outputs the one that counts, by its name or its number (from 0); null = found where it is obvious:
    # `logits`, the first of a tuple, the only one of a dictionary
    output_kind: Literal["logits", "probabilities", "log_probabilities"] = "logits"  # what the network's numbers are
    init: Annotated[str | list[str] | None, BeforeValidator(_files)] = None
    # what all members start from: a .safetensors file (several: later ones win), or the folder of a study, whose first
    # member's solution it is, or "printed-letters"; what fits by name and shape is taken, each member draws the rest
    init_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    # SHA-256 of these tensors, which identifies the study; null = taken when a study is begun
    freeze: list[str] = []  # parameters that are not trained, as patterns of names: ["conv*", "*.bias"]
