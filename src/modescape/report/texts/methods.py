"""The words of the sections that compare ways to make an ensemble."""

from __future__ import annotations

from modescape.report.texts.text import Text

METHODS: dict[str, Text] = {
    "ensemble_methods": Text(
        "Within one solution, across solutions, and both",
        "Scores against the number of entries averaged. An entry is an independent network, the average of the late "
        "weights of a run, or the mean prediction of many samples around its solution. Below: how diverse the networks "
        "of each method are, and what one entry costs.",
        "At size 1 the methods show what they gain inside one solution; independent networks start at the single "
        "network. To the right everything also averages over solutions: curves that meet there say that sampling "
        "around each solution adds little to independent networks. The divergence depends on confidence as well as on "
        "function, so it is given again with every network's temperature fitted on validation. Compare at equal cost: "
        "an entry of samples takes many forward passes, an independent network its own training. A method's place "
        "depends on how far it steps: hollow marks put all methods at one distance, where their directions alone "
        "differ.",
    ),
    "decomposition": Text(
        "Where the gain comes from",
        "For each method, the mean score of its networks and the score of their average, for the Brier score and the "
        "negative log-likelihood, once averaging probabilities and once taking their normalised geometric mean.",
        "The distance between ring and mark is the diversity term: the ensemble's score is the mean network's minus "
        "it, exactly, so a method can win by better networks or by more different ones, and the figure says which. "
        "Confidence enters the term: sure networks that differ count more than unsure ones. Two terms need no "
        "labels: that of the Brier score of the mean probability, which is the networks' variance, and that of the "
        "log-likelihood of the geometric mean. That of the log-likelihood of the mean probability does need them and "
        "is not the Jensen-Shannon divergence.",
    ),
    "calibration": Text(
        "Calibration, and what ensembles are worth after it",
        "Accuracy against confidence for one network and for the average of several, as trained and after temperatures "
        "were fitted on validation; then the calibrated negative log-likelihood against the number of networks "
        "averaged, and the number of independent networks worth as much.",
        "Below the diagonal networks are overconfident. Averaging lowers confidence, so part of what an ensemble gains "
        "could be had by a temperature: the calibrated log-likelihood takes that part away, and what remains is the "
        "gain of averaging. Averaging networks that were calibrated one by one tends to end above the diagonal; "
        "calibrating the average does not. An equivalent below the diagonal of its panel says that a method's networks "
        "are worth less than as many independent ones; a method that is worse than one network has no equivalent, and "
        "the difference is given in nats. Here each temperature is fitted on one half of the test images "
        "and scored on the other, both ways; everywhere else temperatures come from validation.",
    ),
    "subspace_scales": Text(
        "How far to step from a solution",
        "Each method that samples around a solution has a setting that decides how far it steps. All are swept over "
        "the same steps: the validation loss of averaged samples and the mean validation accuracy of one, against the "
        "distance from the solution as a share of the solution's length.",
        "Where a curve lies below the dashed line, averaging samples helped on these images; the thick part says how "
        "far the choice is settled. Far out the samples are no longer good networks. The scale of a method decides its "
        "place in every other comparison, so a ranking at one scale each says little: here each method "
        "is compared at its own best step, chosen by the validation loss and never on "
        "the test images, and beside it all of them at one distance. Gaussians step from the mean of the last "
        "checkpoints, so their lines begin at its distance. The draws that choose a step are not those that are "
        "tested.",
    ),
    "shift": Text(
        "Under corrupted images",
        "The scores on test images that are corrupted more and more strongly, averaged over the kinds of corruption "
        "that have an effect on such images at every severity; the diversity of the networks of each method; and the "
        "accuracy on each kind of corruption.",
        "Look at whether the order of the methods stays as the images get worse, and at the distance between them. "
        "Diversity grows under corruption partly because confidence changes: the panel after calibration takes each "
        "network's temperature, fitted on clean validation images, out of it. The spread over kinds of corruption is "
        "no interval: it says how different the corruptions are, not how sure a mean is.",
    ),
    "randomness": Text(
        "What makes two runs differ",
        "Pairs of runs that share some of their random choices and differ in others: initialisation, order of the "
        "training images, dropout. For each epoch, how far apart the two networks are in labels, weights and "
        "probabilities.",
        "The grey line is the floor: two runs that share every choice and differ in the last bit of one weight. "
        "Training is chaotic, so that line may climb as well, and a choice matters only as far as its line lies above "
        "the floor. Lines that end at one height say that it matters little which choice differs. A cosine near 0 "
        "between runs from different initialisations says little by itself: hidden units can be permuted.",
    ),
    "cyclic": Text(
        "Equal training cost: cyclical runs and long runs against independent networks",
        "Ensembles made in one run with a cyclical learning rate, of snapshots or of samples with noise at two "
        "temperatures, against independent networks and against one network trained as long as all of them together. "
        "Below them the ensemble of all members of this study against one network trained as long as all members. "
        "Scores, differences at equal cost, diversity, and each network's place in the plane of accuracy and "
        "diversity.",
        "Rings are single networks, marks their ensembles. Methods are compared with the independent networks that "
        "cost as many epochs of training: where the interval of a difference holds 0, the two cannot be told apart. "
        "One long run needs a single forward pass for a prediction, an ensemble one for each of its networks. The "
        "calibrated log-likelihood is that at the temperature that suits the validation images best: what is left of "
        "a difference there is not one of confidence. A short ring-to-mark distance with a good ring says that a run "
        "makes good networks that are too alike.",
    ),
}
