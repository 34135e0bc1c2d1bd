"""A recipe: everything that fixes a study, validated, with every default spelled out.

A recipe is a YAML file or the name of a built-in one; single values are overridden by dotted keys
(``train.members=4``). Unknown keys are refused with the nearest known one.
"""

from modescape.recipe.identity import canonical_json
from modescape.recipe.loading import builtin_names, builtin_text, load, override, parse, parse_yaml
from modescape.recipe.sections import (
    Augmentation,
    Compute,
    Constant,
    Cosine,
    Cyclic,
    Data,
    Halving,
    Model,
    Recipe,
    Section,
    Step,
    Streams,
    Subspace,
    Train,
    Variants,
)

__all__ = [
    "Augmentation",
    "Compute",
    "Constant",
    "Cosine",
    "Cyclic",
    "Data",
    "Halving",
    "Model",
    "Recipe",
    "Section",
    "Step",
    "Streams",
    "Subspace",
    "Train",
    "Variants",
    "builtin_names",
    "builtin_text",
    "canonical_json",
    "load",
    "override",
    "parse",
    "parse_yaml",
]
