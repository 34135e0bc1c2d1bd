"""The data of `bench/decisions.py`: features [example, feature] and targets [example] of each set."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]  # features [example, feature], targets [example]
SIDE = 8  # pixels of a picture
CIFAR = "CIFAR-10, 8 x 8 greys"
PICTURES = ("digits", CIFAR)  # of 8 x 8 pixels


def of_sklearn(name: str) -> Rows:
    """A data set that comes with scikit-learn."""
    from sklearn import datasets

    features, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    return features.astype(float), target


def friedman(_: str) -> Rows:
    """Friedman's first regression problem, which can have any number of rows."""
    from sklearn.datasets import make_friedman1

    made: Any = make_friedman1(6000, 10, noise=1.0, random_state=0)
    return made


def clusters(_: str) -> Rows:
    """Overlapping clusters on the corners of a cube."""
    from sklearn.datasets import make_classification

    about: dict[str, Any] = {"n_informative": 8, "n_redundant": 4, "n_classes": 4, "class_sep": 0.8, "flip_y": 0.05}
    made: Any = make_classification(6000, 20, random_state=0, **about)
    return made


def bands(_: str) -> Rows:
    """Three classes by the value of a curved function, with wrong labels at the borders."""
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (6000, 6))
    height = np.sin(2 * features[:, 0]) + features[:, 1] * features[:, 2] + 0.4 * random.normal(0, 1, 6000)
    return features, np.digitize(height, [-0.5, 0.5])


def _read(folder: str, count: int) -> Rows:
    import pandas
    from PIL import Image

    table = pandas.read_parquet(next(Path(folder).rglob("train-*.parquet"))).iloc[:count]
    images = [np.asarray(Image.open(io.BytesIO(one["bytes"]))) for one in table["img"]]
    return np.stack(images), table["label"].to_numpy()


def pictures(folder: str, count: int = 8000) -> Rows:
    """CIFAR-10 in greyscale at 8 x 8 pixels."""
    from PIL import Image

    images, label = _read(folder, count)
    greys = [np.asarray(Image.fromarray(one).convert("L").resize((SIDE, SIDE))) for one in images]
    return np.stack(greys).reshape(len(greys), -1).astype(float), label


def whole_pictures(folder: str, count: int = 8000) -> Rows:
    """CIFAR-10 as it is, uint8 [example, 32, 32, 3]; digits where no folder is given, [example, 8, 8]."""
    if not folder:
        features, target = of_sklearn("digits")
        return (features * 15).astype(np.uint8).reshape(-1, SIDE, SIDE), target
    return _read(folder, count)


def hastie(_: str) -> Rows:
    """Ten normal numbers, and whether their squares add up to more than 9.34 (Hastie et al. 2009, section 10.2)."""
    from sklearn.datasets import make_hastie_10_2

    features, target = make_hastie_10_2(12_000, random_state=0)
    return features, (target > 0).astype(int)


def diamonds(file: str) -> Rows:
    """Log of the price of diamonds by weight, cut, colour, clarity and size; a table of ggplot2 and plotnine."""
    import pandas

    table = pandas.read_csv(file).sample(12_000, random_state=0)
    target = np.log(table.pop("price").to_numpy(float))
    numbers = table.select_dtypes("number").to_numpy(float)
    kinds = pandas.get_dummies(table.select_dtypes(exclude="number")).to_numpy(float)
    return np.concatenate([numbers, kinds], 1), target


REGRESSIONS = ("diamonds", "friedman")
SOURCES: dict[str, Callable[[str], Rows]] = {
    "digits": of_sklearn,
    "hastie": hastie,
    "diamonds": diamonds,
    "friedman": friedman,
    "clusters": clusters,
    "bands": bands,
}
