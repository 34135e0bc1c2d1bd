"""The words of each section: its title, what is shown and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.report.wording import count
from modescape.results import PROVENANCE

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Text:
    """What stands around a figure."""

    title: str
    shown: str  # what is shown
    reading: str  # how to read it


TEXTS: dict[str, Text] = {
    "training": Text(
        "Training",
        "Loss, accuracy and learning rate of every member after each epoch, on the training images and on validation "
        "images that no member was trained on.",
        "Each line is one network; the band or the bundle of lines is the spread between networks that differ only in "
        "their random numbers. The training curve is the running mean over an epoch, in training mode, so it can lie "
        "below the validation curve early on. Where validation loss turns upwards while training loss still falls, the "
        "networks are becoming overconfident.",
    ),
    "ensemble_size": Text(
        "How many networks to average",
        "Accuracy, negative log-likelihood, Brier score and calibration error of the averaged probabilities, against "
        "the number of networks averaged: independent networks, and the last snapshots of one run.",
        "Size 1 is the mean single network. Each point is the mean over subsets of that size. The band is a 95 % "
        "interval; for all independent networks at once it holds the sampling of test images only. A curve for "
        "snapshots that stays flat next to one for independent networks that climbs says that the diversity comes "
        "from different runs, not from averaging as such. Higher is better for accuracy, lower for the rest.",
    ),
    "solution_similarity": Text(
        "Independent solutions compared",
        "For every pair of members, at their last checkpoints: the cosine of their weights and the share of test "
        "images on which they predict different labels, also divided by their mean error.",
        "A cosine near 0 says that two weight vectors are perpendicular; as hidden units can be permuted, this alone "
        "does not make two functions different. Disagreement does: divided by the error it is 0 for equal predictions "
        "and about 1 for networks that differ as often as one of them errs.",
    ),
    "trajectory_similarity": Text(
        "Along one training run",
        "For every pair of epochs of one run: the cosine of the weights and the share of test images on which the two "
        "checkpoints predict different labels. Epoch 0 is the initialisation.",
        "Read along a row: how far an epoch is from all others. A large patch of high cosine and low disagreement in "
        "the late corner means that the run has settled into one function, and snapshots from there have little to "
        "add to each other. Colours mean the same in every panel of a kind.",
    ),
    "tsne": Text(
        "Paths through function space",
        "Each point is a checkpoint, placed by its predicted probabilities on test images; the points of one run are "
        "joined in the order of epochs. Once with t-SNE, once with PCA.",
        "Look at whether runs that start in different places end in the same place. t-SNE keeps neighbourhoods, not "
        "distances, and draws separate arms even where there are none; PCA keeps distances, as far as its two axes "
        "hold the variance. Axes have no unit and no direction.",
    ),
    "confusion": Text(
        "Which classes are confused",
        "Test images by true class (rows) and predicted class (columns), for one member, for the mean member and for "
        "the ensemble.",
        "The diagonal is right. Off it, compare the same cell between panels: a confusion that fades in the ensemble "
        "was made by some members and outvoted by the others; one that stays is shared by all of them.",
    ),
}


def text_of(name: str, dataset: xr.Dataset | None) -> Text:
    """The words of a section; an analysis without its own is described by its result."""
    if name in TEXTS:
        return TEXTS[name]
    title = name.replace("_", " ").capitalize()
    shown = str(dataset.attrs.get("title", "")) if dataset is not None else ""
    return Text(title, shown or title, "Units and meaning of each quantity are in the table of parameters below.")


def sample_line(dataset: xr.Dataset) -> str:
    """How many networks, images and repeats stand behind a result."""
    nouns = {"members": "member", "examples": f"{dataset.attrs.get('split', 'test')} image", "repeats": "repeat"}
    parts = [count(int(dataset.attrs[key]), noun) for key, noun in nouns.items() if key in dataset.attrs]
    if dataset.attrs.get("repeats") == 1:
        parts.pop()
    left_out = str(dataset.attrs.get("left_out", ""))
    return "n: " + ", ".join(parts) + "." + (f" Left out: {left_out.rstrip('.')}." if left_out else "")


def parameters(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """The settings of an analysis: attributes beyond the provenance that every result carries."""
    common = {*PROVENANCE, "title", "left_out", "split"}
    return [(str(key).replace("_", " "), str(value)) for key, value in dataset.attrs.items() if key not in common]


def variables(dataset: xr.Dataset) -> list[tuple[str, str, str]]:
    """Name, units and meaning of each variable."""
    return [
        (str(name), str(values.attrs.get("units", "")), str(values.attrs.get("long_name", "")))
        for name, values in dataset.data_vars.items()
    ]
