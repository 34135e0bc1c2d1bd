"""Singular values against NumPy's own, and the edge of random matrices."""

from __future__ import annotations

import numpy as np
import torch

from modescape.analyses.weight_spectra.measure import edge, measure
from modescape.offered import Offered

from .test_kinship import Files


def test_values_and_ranks_are_those_of_numpy():
    stream = torch.Generator().manual_seed(0)
    kernel, bias = torch.randn(8, 3, 3, 3, generator=stream), torch.randn(8, generator=stream)
    low = torch.randn(30, 2, generator=stream) @ torch.randn(2, 20, generator=stream)
    result = measure(Offered(members=[0], checkpoints=Files([{"kernel": kernel, "bias": bias, "low": low}])), values=40)
    assert result["layer"].values.tolist() == ["kernel", "low"]
    own = np.linalg.svd(kernel.double().numpy().reshape(8, 27), compute_uv=False)
    assert np.allclose(result["singular_value"][0, 0, :8], own, rtol=1e-9)
    assert np.isnan(result["singular_value"][0, 0, 8:]).all()
    assert np.isclose(result["stable_rank"][0, 0], (own**2).sum() / own[0] ** 2)
    shares = own**2 / (own**2).sum()
    assert np.isclose(result["effective_rank"][0, 0], np.exp(-(shares * np.log(shares)).sum()))
    assert 1 < float(result["effective_rank"][0, 1]) <= 2 + 1e-6


def test_random_matrices_have_nothing_above_the_edge_and_a_direction_that_was_added_lies_there():
    stream = torch.Generator().manual_seed(1)
    noise = torch.randn(300, 200, generator=stream)
    ways = torch.outer(torch.randn(300, generator=stream), torch.randn(200, generator=stream))
    result = measure(Offered(members=[0], checkpoints=Files([{"noise": noise, "learnt": noise + 0.3 * ways}])))
    assert result["above_random"].values.tolist() == [[0.0, 1.0]]


def test_one_random_matrix_in_a_thousand_reaches_above_the_edge():
    random = np.random.default_rng(0)
    largest = [np.linalg.norm(random.normal(size=(24, 16)), 2) for _ in range(4000)]
    assert (np.array(largest) > edge(24, 16)).mean() < 0.003
    assert np.quantile(largest, 0.999) > 0.97 * edge(24, 16)
