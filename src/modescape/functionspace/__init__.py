"""Networks compared as functions: similarity, diversity, embeddings. Works on arrays alone."""

from modescape.functionspace.cka import Cka, linear_cka
from modescape.functionspace.diversity import (
    diversity_bounds,
    diversity_limits,
    jensen_shannon,
    normalized_diversity,
)
from modescape.functionspace.embedding import embed_pca, embed_tsne
from modescape.functionspace.similarity import cosine_similarity, disagreement

__all__ = [
    "Cka",
    "cosine_similarity",
    "disagreement",
    "diversity_bounds",
    "diversity_limits",
    "embed_pca",
    "embed_tsne",
    "jensen_shannon",
    "linear_cka",
    "normalized_diversity",
]
