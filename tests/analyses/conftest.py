from __future__ import annotations

import numpy as np
import pytest
import torch

from modescape.study import Study

from .building import build_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """5 members, 6 epochs: members 0 and 2 keep all epochs, 3 and 4 the first and the last 4, member 1 diverged."""
    torch.set_num_threads(1)
    return build_study(tmp_path_factory.mktemp("study") / "tiny", members=5, trajectories=3, broken={1: "diverged"})


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
