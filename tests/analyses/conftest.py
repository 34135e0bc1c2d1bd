from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stand_ins import no_figures

from modescape import pipeline
from modescape.study import Study

from .building import build_study

SIZES = {  # small settings, so that analyses run quickly
    "tsne_subspace": {"samples": 3, "examples": 50},
    "radial": {"radii": 3, "angles": 17, "examples": 60, "samples": 3},
    "surface": {"points": 7, "examples": 60},
    "tunnel": {"levels": 1, "steps": 5, "points": 5, "radii": 3, "examples": 60},
    "calibration": {"resamples": 50},
    "diversity_plane": {"draws": 6},
    "diversity_map": {"examples": 80, "train_examples": 40, "points": 3},
    "ood": {"examples": 60},
    "curvature": {"examples": 40, "probes": 3, "steps": 3, "epochs": 2, "climbs": 1},
    "connectivity": {"members": 3, "points": 3, "examples": 60, "train_examples": 40, "steps": 5},
    "cka": {"examples": 60, "batch": 20},
}
NETWORKS = [
    *("train.members=3", "train.epochs=4", "train.trajectories=2", "data.test=200", "data.validation=100"),
    "data.train=300",
    *(
        "subspace.samples=3",
        "subspace.choosing=12",
        "subspace.runs=3",
        "variants.epochs=2",
        "variants.cycles=2",
        "compute.engine=here",
    ),
    *(f"settings.{name}.{key}={value}" for name, sizes in SIZES.items() for key, value in sizes.items()),
]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """5 members, 6 epochs: members 0 and 2 keep all epochs, 3 and 4 the first and the last 4; member 1 diverged."""
    torch.set_num_threads(1)
    return build_study(tmp_path_factory.mktemp("study") / "tiny", members=5, trajectories=3, broken={1: "diverged"})


@pytest.fixture(scope="session")
def networks(made_once) -> Study:
    """A small study that was really trained: 3 members, 4 epochs; members 0 and 1 keep all of them. Read-only."""
    torch.set_num_threads(1)

    def make(folder: Path) -> None:
        with no_figures():
            pipeline.train("digits", folder, overrides=NETWORKS)
            pipeline.analyse(folder)  # the page, which draws them all, has tests of its own, too

    return Study.open(made_once("networks", make))


@pytest.fixture(scope="session")
def tuned(made_once) -> Study:
    """Three members that start from one checkpoint, beside three from scratch. Read-only."""
    torch.set_num_threads(1)
    small = ["train.members=3", "train.epochs=3", "data.test=200", "compute.engine=here", "analyses=[fine_tuning]"]

    def make(folder: Path) -> None:
        with no_figures():
            pipeline.run("finetune", folder, overrides=small)

    return Study.open(made_once("tuned", make))


@pytest.fixture(scope="session")
def boosted(made_once) -> Study:
    """Two members trained on a table, beside gradient boosting. Read-only."""
    torch.set_num_threads(1)
    small = ["train.members=2", "train.epochs=3", "data.source=sklearn:wine", "data.test=60", "data.validation=30"]

    def make(folder: Path) -> None:
        with no_figures():
            pipeline.run("table", folder, overrides=[*small, "compute.engine=here", "analyses=[gradient_boosting]"])

    return Study.open(made_once("boosted", make))


@pytest.fixture(scope="session")
def regression(made_once) -> Study:
    """The same for a regression on rows of a table, with targets in mm. Read-only."""
    torch.set_num_threads(1)
    kept = [one for one in NETWORKS if not one.startswith(("data.train", "settings.ood"))]

    def make(folder: Path) -> None:
        with no_figures():
            pipeline.train("diabetes", folder, overrides=[*kept, "task.unit=mm"])
            pipeline.analyse(folder)

    return Study.open(made_once("regression", make))


@pytest.fixture(scope="session")
def prob(study: Study) -> dict[tuple[int, int], np.ndarray]:
    """Probabilities of every predicted checkpoint: (member, epoch) -> float64 [example, class]."""
    predictions = study.predictions("test")
    pairs = zip(predictions.members.tolist(), predictions.epochs.tolist(), strict=True)
    return {pair: np.exp(predictions.log_prob(row).astype(float)) for row, pair in enumerate(pairs)}


@pytest.fixture(scope="session")
def label(study: Study) -> np.ndarray:
    """True classes [example]."""
    return study.predictions("test").label
