"""Models as points in the plane: t-SNE, which shows neighbours, and PCA, which preserves distances."""

from __future__ import annotations

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError

MAX_PERPLEXITY = 30.0  # scikit-learn's default, meant for hundreds of points
LARGEST = 1e15  # sums of squares of larger features overflow float32


def _checked(features: np.ndarray, least: int, what: str) -> np.ndarray:
    if features.ndim != 2 or features.shape[1] < 1:
        raise InputError(f"features has shape {list(features.shape)}; expected [model, feature]")
    if len(features) < least:
        raise InputError(f"features has {len(features)} models; {what} needs {least} or more")
    if not np.isfinite(features).all():
        raise InputError("features holds NaN or infinity; leave out models that diverged")
    size = max(-float(features.min()), float(features.max()))
    if size > LARGEST:
        raise InputError(
            f"features holds values up to {size:.3g} in size; expected {LARGEST:.0e} at most: rescale them"
        )
    if features.shape[1] == 1:  # both methods need two directions
        features = np.hstack([features, np.zeros_like(features)])
    return features


def embed_tsne(features: Array, perplexity: float | None = None, seed: int = 0) -> Array:
    """Coordinates of models in the plane by t-SNE, started from PCA: neighbours stay near, distances mean little.

    Runs on one thread, because its bits depend on the number of threads. Models that all coincide are put at 0.

    Args:
        features: one row per model, such as its flattened softmax outputs, [model, feature].
        perplexity: effective number of neighbours, below the number of models; default min(30, (models - 1) / 3).
        seed: of scikit-learn's generator; taken modulo 2^32.

    Returns:
        float [model, 2], in the precision that came in.

    Raises:
        InputError: (a ValueError) on fewer than 4 models, a perplexity that does not fit, or values not finite
            or above 1e15 in size.

    Source: van der Maaten and Hinton 2008; scikit-learn's TSNE.

    >>> import numpy as np
    >>> embed_tsne(np.eye(6)).shape
    (6, 2)
    """
    (features,), restore = to_numpy(features)
    features = _checked(features, 4, "t-SNE")
    models = len(features)
    if perplexity is None:
        perplexity = min(MAX_PERPLEXITY, (models - 1) / 3)
    if not 0 < perplexity < models:
        raise InputError(f"perplexity is {perplexity:g}; expected above 0 and below {models}, the number of models")
    if np.ptp(features, axis=0).max() == 0:
        return restore(np.zeros((models, 2), dtype=features.dtype))
    from sklearn.manifold import TSNE  # pyright: ignore[reportMissingTypeStubs]
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    with threadpool_limits(limits=1):
        method = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed % (1 << 32), n_jobs=1)
        return restore(np.asarray(method.fit_transform(features)))  # pyright: ignore


def embed_pca(features: Array) -> tuple[Array, Array]:
    """Coordinates of models along their two principal directions, and each one's share of the variance.

    In each coordinate the value of largest magnitude (the first of equal ones) is positive, which fixes the sign.

    Args:
        features: one row per model, [model, feature].

    Returns:
        Coordinates, float64 [model, 2], and explained shares of the variance, float64 [2] (0 if all models coincide).

    Raises:
        InputError: (a ValueError) on fewer than 2 models, or values not finite or above 1e15 in size.

    >>> import numpy as np
    >>> coordinates, share = embed_pca(np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]]))
    >>> coordinates.round(3).tolist(), share.round(4).tolist()
    ([[2.0, 0.5], [2.0, -0.5], [-2.0, 0.5], [-2.0, -0.5]], [0.9412, 0.0588])
    """
    (features,), restore = to_numpy(features)
    features = _checked(features, 2, "PCA").astype(np.float64)
    left, length, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    coordinates = left[:, :2] * length[:2]
    size = np.abs(coordinates)
    first = (size >= size.max(0) * (1 - 1e-9)).argmax(0)  # equal magnitudes may differ by rounding
    coordinates *= np.where(coordinates[first, [0, 1]] < 0, -1.0, 1.0)
    variance = np.square(length)
    total = variance.sum()
    return restore(coordinates), restore(variance[:2] / total if total > 0 else np.zeros(2))
