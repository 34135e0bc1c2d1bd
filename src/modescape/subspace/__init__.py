"""Networks around one solution: how each method draws weights from the checkpoints of one run.

Every method is a frozen object whose fields are its settings. Its `sample` takes the last checkpoints of one run as
rows of flattened weights and one key per sample, and returns one row of weights per sample; nothing else is random.
"""

from modescape.principal import Principal, principal_directions
from modescape.subspace.gaussian import Along, Diagonal, LowRank, Swag, WeightAverage
from modescape.subspace.random import Dropout, PcaRandom, Random
from modescape.subspace.sampler import Accept, Sampler, everything, mirrored_pairs

__all__ = [
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
