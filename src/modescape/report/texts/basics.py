"""The words of the sections on training, on one run and on independent solutions."""

from __future__ import annotations

from modescape.report.texts.text import Text

BASICS: dict[str, Text] = {
    "training": Text(
        "Training",
        "Loss, accuracy and learning rate of every member after each epoch, on the training images and on validation "
        "images that no member was trained on.",
        "Each line is one network; the band or the bundle of lines is the spread between networks that differ only in "
        "their random numbers. Training curves are running means over an epoch, in training mode, so early on "
        "they can look worse than validation. Where validation loss turns upwards while training loss still falls, the "
        "networks are becoming overconfident; where it still falls at the end, they had not converged. A loss that is "
        "flat at the end does not say that more epochs would not help: a learning rate that runs out makes it flat, "
        "too.",
    ),
    "ensemble_size": Text(
        "How many networks to average",
        "Accuracy, negative log-likelihood, Brier score and calibration error of the averaged probabilities, against "
        "the number of networks averaged: independent networks, and the last snapshots of one run.",
        "Size 1 is the mean single network. Each point is the mean over subsets of that size. The band is a 95 % "
        "interval for new networks on new images; the table also has the narrower one for these networks on new "
        "images. A curve for "
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
