from __future__ import annotations

import pytest
import torch

from modescape.study import Study

from .building import build_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """4 members, 6 epochs; 2 members keep all, the others the last 4; member 1 diverged."""
    torch.set_num_threads(1)
    return build_study(tmp_path_factory.mktemp("study") / "tiny", members=5, trajectories=3, broken={1: "diverged"})


@pytest.fixture
def log_prob(study: Study):
    """Log-probabilities of a checkpoint, float64 [example, class]."""
    predictions = study.predictions("test")
    return lambda member, epoch: predictions.log_prob(predictions.index(member, epoch)).astype(float)
