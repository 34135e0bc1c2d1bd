"""The words of the sections that map weights and functions."""

from __future__ import annotations

from modescape.report.texts.text import Text

MAPS: dict[str, Text] = {
    "tsne_subspace": Text(
        "Samples around each solution, in function space",
        "The checkpoints of a few runs and the networks that each subspace method draws around their solutions, placed "
        "by their predicted probabilities on test images. A map for each method.",
        "Look at whether the squares of one colour stay at the end of their own run or reach those of another colour: "
        "samples that stay with their run are variations of one function. t-SNE makes arms and clusters of its own and "
        "keeps no distances, so a gap between colours is no measure; how far samples lie from their solution is "
        "measured in the diversity-accuracy plane, and an embedding that keeps distances stands beside the "
        "trajectories. How far a method reaches depends on its scale; where the recipe sweeps the steps, all "
        "draw about equally far.",
    ),
    "radial": Text(
        "Between two solutions and the origin",
        "Networks on the plane through the origin (all weights 0) and two independent solutions, at all directions and "
        "radii of a sector: how accurate they are, and how much they agree with either solution.",
        "A bright wedge around each ray in the panel of accuracy, bright in the panel of similarity around one "
        "solution alone: both are good, and they are different functions. The similarity is the one to read; raw "
        "agreement is high between any two good networks. Part of the wedge is no finding: without biases a ReLU "
        "network's labels do not change along a ray, as scaling the weights only scales its logits, and with batch "
        "norm the outcome depends on how the statistics are made. So the loss is shown at the temperature that suits "
        "each point best, which takes the scale of the logits out. A plane is a thin cut: what lies between the "
        "solutions in it is not what lies between them on every path.",
    ),
    "tunnel": Text(
        "The search for a low-loss path between two solutions",
        "Loss, accuracy and similarity to the solutions along the straight line between two solutions and along a path "
        "that was optimised to keep the loss low; and accuracy and similarity below and beyond that path, on the "
        "triangles between the origin and its pieces.",
        "If the loss is high on the straight line and level in the tunnel, the solutions are connected in weights. "
        "Then look at the similarity: where it falls for one end and rises for the other, the function changes on the "
        "way although the loss does not. The middle of a tunnel is a network that was trained anew to get there, so "
        "being unlike both ends alone says little: compare with the third solution, which has nothing to do with the "
        "path. A middle that is as unlike the ends as that one is simply another solution. The straight line also "
        "suffers from hidden units that could be permuted; its barrier is that of these two weight vectors, not the "
        "lowest that any order of units would give.",
    ),
    "diversity_plane": Text(
        "The diversity-accuracy plane",
        "For networks of each method: their accuracy, and the share of labels that differ from a baseline's, divided "
        "by the network's own error. With two reference curves, the true bounds, and the value for calibrated votes.",
        "Up is more different, right is better: independent solutions as accurate as the baseline and near 1 have what "
        "samples around it lack. Compare at equal accuracy, since a network gets more different simply by getting "
        "worse: the lower curve is a baseline with labels replaced at random, which gains nothing. Both curves are "
        "models of how errors fall, not limits; networks may lie outside them, but never outside the dotted bounds, "
        "which follow from the two accuracies alone. How far up a method's samples reach is set by its scale, so the "
        "whole way out is drawn, at six steps that are the same for all methods. The bounds and curves are derived in "
        "docs/limits.md.",
    ),
    "diversity_map": Text(
        "The exact map of diversity and error",
        "For sets of networks of each method, at steps that are the same for all methods: the mean network's Brier "
        "score against V, half the mean squared distance between the probabilities of two networks. As trained and "
        "calibrated, on the test images and under shift.",
        "The average of the set has exactly the Brier score written on the grey line that a mark lies on. A method can "
        "reach a lower line by better networks (down) or by more different ones (right); along its sweep it pays for "
        "diversity with error. Colour says whether the networks still lie in the solution's own basin. Confidence "
        "enlarges V without making functions more different, so compare with the panels in which every network was "
        "calibrated: what is left of the distance between methods there is a difference in function. The method with "
        "the largest marks also had the most training.",
    ),
    "ood": Text(
        "On other data",
        "Predictions on the test images and on images of other data sets: how much the networks of each method "
        "disagree, how unsure their mean prediction is, and how well that tells the sets apart.",
        "On images unlike the training images a good ensemble is less sure: its entropy moves to the right and its "
        "networks disagree more. The area under the curve is the probability that an image of another set gets the "
        "higher entropy; in it other data is the positive class, which some papers turn around. All methods have "
        "equally many networks. The divergence depends on confidence as well as on function, so a method whose "
        "networks are surer shows more of it; the area under the curve does not change when all entropies are "
        "stretched alike. No setting was chosen on the other data.",
    ),
}
