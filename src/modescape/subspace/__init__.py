"""Networks around one solution: how each method draws weights from what a run has left behind.

Every method is a frozen object whose fields are its settings. Its `sample` takes the last checkpoints of one run as
rows of flattened weights and one key a sample, and returns one row of weights a sample; nothing else is random.
"""

from modescape.subspace.gaussian import Along, Diagonal, LowRank, Swag, WeightAverage
from modescape.subspace.principal import Principal, principal_directions
from modescape.subspace.random import Dropout, PcaRandom, Random
from modescape.subspace.sampler import Accept, Sampler, everything, mirrored_pairs

SAMPLERS = {  # name -> class; the names are the `method` coordinates of results
    "random": Random,
    "dropout": Dropout,
    "diagonal": Diagonal,
    "low_rank": LowRank,
    "low_rank_scaled": LowRank,
    "pca_random": PcaRandom,
    "swag": Swag,
    "weight_average": WeightAverage,
}

__all__ = [
    "SAMPLERS",
    "Accept",
    "Along",
    "Diagonal",
    "Dropout",
    "LowRank",
    "PcaRandom",
    "Principal",
    "Random",
    "Sampler",
    "Swag",
    "WeightAverage",
    "everything",
    "mirrored_pairs",
    "principal_directions",
]
