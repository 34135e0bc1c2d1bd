"""The inputs of an analysis: predictions, checkpoints, a network with data; from a study, files or arrays.

The protocols do not say where these come from. `arrays` offers predictions that are in memory;
a study offers all three (`modescape.study.offering`, `modescape.analyses.sampled`).
"""

from modescape.offered.facts import Offered, Sampling, Shifted, Training
from modescape.offered.memory import InMemory, arrays
from modescape.offered.protocols import (
    INDEPENDENT,
    SNAPSHOTS,
    TRAJECTORY,
    Checkpoints,
    Drawing,
    InBlocks,
    Predictions,
    Sampled,
)
from modescape.offered.reading import model_of, of_examples, read_in_blocks, runs, stacked

__all__ = [
    "INDEPENDENT",
    "SNAPSHOTS",
    "TRAJECTORY",
    "Checkpoints",
    "Drawing",
    "InBlocks",
    "InMemory",
    "Offered",
    "Predictions",
    "Sampled",
    "Sampling",
    "Shifted",
    "Training",
    "arrays",
    "model_of",
    "of_examples",
    "read_in_blocks",
    "runs",
    "stacked",
]
