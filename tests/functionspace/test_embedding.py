"""Embeddings: bit-identical when repeated, neighbours kept, PCA against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from threadpoolctl import threadpool_limits

from modescape.errors import InputError
from modescape.functionspace import embed_pca, embed_tsne

torch.set_num_threads(1)


def groups(seed: int = 0) -> np.ndarray:
    """Three groups of eight models, far apart, float32 [24, 40]."""
    numbers = np.random.default_rng(seed)
    centres = np.repeat(5 * numbers.normal(size=(3, 40)), 8, axis=0)
    return (centres + numbers.normal(size=(24, 40))).astype(np.float32)


def test_tsne_is_the_same_twice_and_on_any_number_of_threads() -> None:
    features = np.random.default_rng(2).normal(size=(40, 3000)).astype(np.float32)  # wide: its PCA is randomised
    first = embed_tsne(features, seed=3)
    np.testing.assert_array_equal(embed_tsne(features, seed=3), first)
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            np.testing.assert_array_equal(embed_tsne(features, seed=3), first)
    np.testing.assert_array_equal(embed_tsne(torch.tensor(features), seed=3 + 2**32).numpy(), first)
    assert (embed_tsne(features, seed=4) != first).any()


def test_tsne_keeps_neighbours_together() -> None:
    features = groups()
    points = embed_tsne(features)
    assert points.shape == (24, 2)
    assert trustworthiness(features, points, n_neighbors=5) > 0.85
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(24)
    assert (distance.argmin(1) // 8 == np.arange(24) // 8).all()  # each model's nearest neighbour is in its group


@pytest.mark.parametrize("models", [4, 5, 7])
def test_tsne_takes_few_points(models: int) -> None:
    assert np.isfinite(embed_tsne(groups()[:models])).all()


def test_tsne_of_equal_models_is_one_point() -> None:
    np.testing.assert_array_equal(embed_tsne(np.ones((5, 3))), np.zeros((5, 2)))


def test_pca_equals_scikit_learn_up_to_signs() -> None:
    features = groups(1)
    coordinates, share = embed_pca(features)
    reference = PCA(2, svd_solver="full").fit(features.astype(np.float64))
    expected = reference.transform(features.astype(np.float64))
    np.testing.assert_allclose(np.abs(coordinates), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(share, reference.explained_variance_ratio_, rtol=1e-12)
    largest = np.abs(coordinates).argmax(0)
    assert (coordinates[largest, [0, 1]] > 0).all()
    mirrored, _ = embed_pca(-features)
    np.testing.assert_allclose(mirrored, coordinates, atol=1e-9)  # the convention, not the data, chooses the signs
    tensors, tensor_share = embed_pca(torch.tensor(features))
    np.testing.assert_array_equal(tensors.numpy(), coordinates)
    assert tensor_share.shape == (2,)


def test_pca_of_what_has_fewer_directions() -> None:
    coordinates, share = embed_pca(np.array([[1.0], [3.0], [8.0]]))
    np.testing.assert_allclose(coordinates, [[-3, 0], [-1, 0], [4, 0]], atol=1e-12)
    np.testing.assert_allclose(share, [1, 0], atol=1e-12)
    coordinates, share = embed_pca(np.array([[1.0, 5.0], [1.0, 5.0]]))
    np.testing.assert_array_equal(coordinates, np.zeros((2, 2)))
    np.testing.assert_array_equal(share, [0, 0])


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match="features has 3 models; t-SNE needs 4 or more"):
        embed_tsne(np.eye(3))
    with pytest.raises(InputError, match="features has 1 models; PCA needs 2"):
        embed_pca(np.ones((1, 3)))
    with pytest.raises(InputError, match="perplexity is 6; expected above 0 and below 6"):
        embed_tsne(np.eye(6), perplexity=6)
    with pytest.raises(InputError, match=r"shape \[6\]; expected \[model, feature\]"):
        embed_pca(np.ones(6))
    with pytest.raises(InputError, match="NaN or infinity"):
        embed_tsne(np.full((5, 2), np.nan))
    for embed in (embed_tsne, embed_pca):
        with pytest.raises(InputError, match=r"up to 1e\+308 in size; expected 1e\+15 at most"):
            embed(np.diag([-1e308, 1, 1, 1, 1]))
