"""The words of the field, one or two sentences each: what docs/glossary.md lists and the page explains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


@dataclass(frozen=True)
class Term:
    """The meaning of a term."""

    meaning: str  # one or two sentences; the formula where it is short
    source: str = ""  # where it is defined; "" for common knowledge and for words of this package
    forms: tuple[str, ...] = ()  # other forms it takes in a text, besides its name and its plural in "s"


class Found(NamedTuple):
    """A term in a text: ``text[start:end]``."""

    start: int
    end: int
    term: str  # key of `GLOSSARY`


GLOSSARY: dict[str, Term] = {
    "alignment": Term(
        "Reordering the hidden units of one network so that they match those of another, before their weights are "
        "compared, interpolated or averaged. The function computed by the network stays the same.",
        "Ainsworth et al. 2022, arXiv 2209.04836",
        ("aligned", "align"),
    ),
    "ambiguity": Term(
        "How far the members' predictions lie from their average. The loss of an ensemble equals the mean loss of its "
        "members minus the ambiguity (ambiguity decomposition).",
        "Krogh and Vedelsby 1995; Wood et al. 2023, arXiv 2301.03962",
        ("ambiguity decomposition", "ambiguities"),
    ),
    "AUROC": Term(
        "Area under the receiver operating characteristic curve: the probability that a score ranks a random positive "
        "example above a random negative one. 0.5 is chance, 1 is perfect separation.",
        forms=("area under the ROC curve",),
    ),
    "barrier": Term(
        "The highest rise of the loss on a path above the straight line between the losses at its ends: "
        "max over t of L(t) - [(1 - t) L(0) + t L(1)].",
        "Entezari et al. 2022, arXiv 2110.06296; Frankle et al. 2020, arXiv 1912.05671",
    ),
    "Brier score": Term(
        "The squared distance between the predicted probabilities and the one-hot label, summed over classes and "
        "averaged over examples: 0 is perfect, 2 is the worst.",
        "Brier 1950",
        ("Brier",),
    ),
    "calibration": Term(
        "Agreement of predicted probabilities with observed frequencies: of the predictions made with confidence 0.8, "
        "80 % are correct.",
        "Guo et al. 2017, arXiv 1706.04599",
        ("calibrated", "calibrate"),
    ),
    "checkpoint": Term("The weights and buffers of one network at one epoch of its training."),
    "CKA": Term(
        "Centred kernel alignment: the similarity of two layers' activations on the same examples. 1 means equal up to "
        "a rotation and a scale factor, 0 means unrelated; the unbiased estimator is used here.",
        "Kornblith et al. 2019, arXiv 1905.00414; Nguyen et al. 2021, arXiv 2010.15327",
        ("centred kernel alignment",),
    ),
    "confidence": Term("The probability that a network gives to the class it predicts."),
    "cosine similarity": Term(
        "The cosine of the angle between two weight vectors, <a, b> / (|a| |b|). Values near 0 between networks "
        "trained from different initialisations are expected, as hidden units can be permuted.",
    ),
    "CRPS": Term(
        "Continuous ranked probability score: the squared distance between the predicted distribution function and the "
        "step at the target, integrated over all values. In the target's unit; lower is better.",
        "Gneiting and Raftery 2007",
    ),
    "deep ensemble": Term(
        "Networks of one architecture, trained independently from different random initialisations, whose predicted "
        "probabilities are averaged.",
        "Lakshminarayanan et al. 2017, arXiv 1612.01474",
    ),
    "deep ensemble equivalent": Term(
        "The number of independently trained networks whose average has the same calibrated NLL as the method in "
        "question.",
        "Ashukha et al. 2020, arXiv 2002.06470",
        ("DEE",),
    ),
    "disagreement": Term(
        "The share of examples on which two networks predict different classes.",
        "Fort et al. 2019, arXiv 1912.02757",
        ("disagreement rate",),
    ),
    "diversity plane": Term(
        "A plot of networks by accuracy and by normalised disagreement with a reference network, d / (1 - a), with the "
        "limits between which such points can lie.",
        "Fort et al. 2019, arXiv 1912.02757",
        ("diversity-accuracy plane",),
    ),
    "ECE": Term(
        "Expected calibration error: predictions are sorted into 15 bins of equal width by confidence, and "
        "|accuracy - confidence| is averaged over bins, weighted by their size.",
        "Guo et al. 2017, arXiv 1706.04599",
        ("expected calibration error",),
    ),
    "ensemble": Term("Several networks whose predictions are averaged.", forms=("ensembling",)),
    "epoch": Term("One pass of training over all training examples."),
    "filter normalisation": Term(
        "Rescaling each filter of a random direction to the norm of the network's own filter, so that plots of the "
        "loss along it can be compared between networks.",
        "Li et al. 2018, arXiv 1712.09913",
        ("filter-normalised",),
    ),
    "forward pass": Term(
        "One evaluation of one network on one example; what a prediction costs.", forms=("forward passes",)
    ),
    "GGN": Term(
        "Generalised Gauss-Newton matrix, J' H J with the Jacobian J of the outputs and the Hessian H of the loss "
        "with respect to the outputs: the positive semi-definite part of the Hessian.",
        "Schraudolph 2002; Martens 2020, arXiv 1412.1193",
        ("generalised Gauss-Newton matrix", "Gauss-Newton"),
    ),
    "Hessian": Term(
        "The matrix of second derivatives of the loss with respect to all weights; its eigenvalues are the curvatures "
        "of the loss along the eigenvectors."
    ),
    "independent": Term(
        "Of networks: trained from different random initialisations, in different orders of the examples."
    ),
    "Jensen-Shannon divergence": Term(
        "H(mean p) - mean H(p), the entropy of the averaged prediction minus the mean entropy of the members', in "
        "nats; equal to the mutual information of the prediction and the choice of the member.",
        "Lin 1991",
        ("Jensen-Shannon",),
    ),
    "learning-rate cycle": Term(
        "One fall of a cyclic learning rate from its highest value to about 0; a snapshot is taken at its end.",
        "Huang et al. 2017, arXiv 1704.00109",
        ("cyclic learning rate",),
    ),
    "member": Term(
        "One network of an ensemble, numbered from 0; in a deep ensemble, trained independently of the others."
    ),
    "mode": Term("A region of weight space of low loss around a solution."),
    "mode connectivity": Term(
        "The observation that independently trained solutions can be joined by a curve of low loss, although the "
        "straight line between them crosses a barrier.",
        "Garipov et al. 2018, arXiv 1802.10026; Draxler et al. 2018, arXiv 1803.00885",
    ),
    "new members": Term(
        "Of a 95 % interval: it is for the score that other members, trained by the same recipe, would reach on other "
        "examples, and covers both the spread between members and test-set sampling (new members on new examples). New "
        "models, runs, repeats and branches are meant in the same way.",
        forms=(
            *(f"new {what} on new examples" for what in ("members", "models", "runs", "repeats", "branches")),
            *("new models", "new runs", "new repeats", "new branches"),
        ),
    ),
    "NLL": Term(
        "Negative log-likelihood of the true label (of the target, in a regression) under the prediction, in nats per "
        "example; lower is better.",
        forms=("negative log-likelihood",),
    ),
    "out-of-distribution data": Term(
        "Examples from another source than the training data, on which a prediction should be uncertain.",
        "Hendrycks and Gimpel 2017, arXiv 1610.02136",
        ("out of distribution", "out-of-distribution", "OOD"),
    ),
    "paired difference": Term(
        "The difference of two scores on the same examples (and networks). What both share cancels, so its interval is "
        "shorter than that of two separate scores.",
        forms=("paired",),
    ),
    "REPAIR": Term(
        "Resetting the mean and standard deviation of every unit of an interpolated network to those of its ends, "
        "interpolated, as activations shrink along the way.",
        "Jordan et al. 2022, arXiv 2211.08403",
    ),
    "seed": Term("The number from which every random draw of a run follows; a run with another seed is another draw."),
    "sharpness": Term(
        "How far the loss can rise within a small ball around a solution, max over |delta| <= rho of "
        "L(w + delta) - L(w); adaptive sharpness measures delta relative to each weight.",
        "Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021, arXiv 2102.11600",
    ),
    "snapshot ensemble": Term(
        "An ensemble of checkpoints of one training run.",
        "Huang et al. 2017, arXiv 1704.00109",
        ("snapshot", "snapshots"),
    ),
    "solution": Term("The weights at the end of a training run: the last checkpoint of a member."),
    "spectral density": Term(
        "The distribution of the eigenvalues of the Hessian, estimated by stochastic Lanczos quadrature.",
        "Ghorbani et al. 2019, arXiv 1901.10159",
    ),
    "subspace": Term(
        "A set of weights around one solution, random or fitted to its run, from which networks are sampled without "
        "further training.",
        "Fort et al. 2019, arXiv 1912.02757",
        ("subspace sampling",),
    ),
    "SWAG": Term(
        "Stochastic weight averaging, Gaussian: networks sampled from a normal distribution with the mean and the "
        "low-rank covariance of the weights along a run.",
        "Maddox et al. 2019, arXiv 1902.02476",
    ),
    "t-SNE": Term(
        "A two-dimensional map that keeps neighbours together. Distances between clusters mean little, and it can "
        "create spurious arms.",
        "van der Maaten and Hinton 2008",
    ),
    "temperature": Term(
        "A positive number by which logits are divided, fitted on validation examples (temperature scaling). Above 1, "
        "the network was overconfident; below 1, underconfident.",
        "Guo et al. 2017, arXiv 1706.04599",
        ("temperature scaling",),
    ),
    "these members": Term(
        "Of a 95 % interval: it is for the score that these very members would reach on other examples, and covers "
        "test-set sampling only, not retraining (these members on new examples). It is the shorter of the two.",
        forms=("these members on new examples", "these models on new examples", "these models"),
    ),
    "trace": Term(
        "The sum of the eigenvalues of the Hessian, estimated from products with random vectors.", "Hutchinson 1990"
    ),
    "tunnel": Term(
        "A piecewise linear path between two solutions, optimised to keep the loss low.",
        "Fort and Jastrzebski 2019, arXiv 1906.04724",
        ("low-loss path",),
    ),
    "weight averaging": Term(
        "One network with the mean of several networks' weights; it works only where no barrier lies between them.",
        "Izmailov et al. 2018, arXiv 1803.05407; Wortsman et al. 2022, arXiv 2203.05482",
        ("weight average", "average of the weights", "averaged weights", "average the weights", "soup"),
    ),
}


def anchor(term: str) -> str:
    """The id of a term's entry on the page.

    >>> anchor("t-SNE"), anchor("deep ensemble equivalent")
    ('glossary-t-sne', 'glossary-deep-ensemble-equivalent')
    """
    return "glossary-" + re.sub(r"[^a-z0-9]+", "-", term.lower())


def find(text: str) -> list[Found]:
    """The terms in a text, each where it first stands, in the order of the text.

    Longer terms win: in "deep ensemble equivalent" no "ensemble" is found.

    >>> [one.term for one in find("Ensembles, and their deep ensemble equivalents: an ensemble")]
    ['ensemble', 'deep ensemble equivalent']
    """
    found: dict[str, Found] = {}
    for match in _pattern().finditer(text):
        term = _forms()[_key(match[1])]
        found.setdefault(term, Found(match.start(), match.end(), term))
    return list(found.values())


def markdown() -> str:
    """The text of docs/glossary.md."""
    head = (
        "# Glossary\n\n"
        "The words of the page, the documents and the results. Generated from `modescape.wording.glossary`:\n"
        "`python -m modescape.wording.glossary > docs/glossary.md`.\n"
    )
    entries = [
        f"## {term}\n\n{one.meaning.replace('<', '&lt;')}" + (f" *Source: {one.source}.*" if one.source else "") + "\n"
        for term, one in sorted(GLOSSARY.items(), key=lambda item: item[0].lower())
    ]
    return "\n".join([head, *entries])


def _key(form: str) -> str:
    """The key of a form: abbreviations as written, words in lower case."""
    return form if form.isupper() else form.lower()


@cache
def _forms() -> dict[str, str]:
    return {_key(form): term for term, one in GLOSSARY.items() for form in (term, *one.forms)}


@cache
def _pattern() -> re.Pattern[str]:
    forms = sorted((form for term, one in GLOSSARY.items() for form in (term, *one.forms)), key=len, reverse=True)
    either = "|".join(re.escape(form) if form.isupper() else f"(?i:{re.escape(form)})" for form in forms)
    return re.compile(rf"(?<![\w-])(?<!training )({either})s?(?![\w-])")  # "training mode" is PyTorch's


if __name__ == "__main__":
    print(markdown(), end="")
