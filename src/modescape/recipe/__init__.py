"""A recipe: everything that fixes a study, validated, with every default spelled out.

A recipe is a YAML file or the name of a built-in one; single values are overridden by dotted keys
(``train.members=4``). Unknown keys are refused with the nearest known one.
"""

from modescape.recipe.identity import canonical_json
from modescape.recipe.loading import (
    SUFFIXES,
    builtin_names,
    builtin_text,
    is_builtin,
    load,
    override,
    parse,
    parse_yaml,
)
from modescape.recipe.sections import (
    BUILTIN_OOD,
    BUILTIN_SOURCES,
    Augmentation,
    Compute,
    Constant,
    Cosine,
    Cyclic,
    Data,
    Halving,
    Model,
    Quick,
    Recipe,
    Section,
    Step,
    Streams,
    Subspace,
    Train,
    Variants,
)
from modescape.recipe.stretching import stretched

__all__ = [
    "BUILTIN_OOD",
    "BUILTIN_SOURCES",
    "SUFFIXES",
    "Augmentation",
    "Compute",
    "Constant",
    "Cosine",
    "Cyclic",
    "Data",
    "Halving",
    "Model",
    "Quick",
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
    "is_builtin",
    "load",
    "override",
    "parse",
    "parse_yaml",
    "stretched",
]
