"""A recipe: everything that fixes a study, validated, with every default spelled out.

A recipe is a YAML file or the name of a built-in one; single values are overridden by dotted keys
(``train.members=4``). Unknown keys are refused with the nearest known one.
"""

from modescape.recipe.fields import Section
from modescape.recipe.identity import canonical_json
from modescape.recipe.inputs import BUILTIN_OOD, BUILTIN_SOURCES, TABLE_SOURCES, TEXT_SOURCES, Augmentation, Data, Model
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
from modescape.recipe.sections import Compute, Imported, Quick, Recipe, Subspace, Variants
from modescape.recipe.stretching import lengthened, warmup_for
from modescape.recipe.tasks import Task
from modescape.recipe.training import Constant, Cosine, Cyclic, EarlyStopping, Halving, Linear, Step, Streams, Train

__all__ = [
    "BUILTIN_OOD",
    "BUILTIN_SOURCES",
    "SUFFIXES",
    "TABLE_SOURCES",
    "TEXT_SOURCES",
    "Augmentation",
    "Compute",
    "Constant",
    "Cosine",
    "Cyclic",
    "Data",
    "EarlyStopping",
    "Halving",
    "Imported",
    "Linear",
    "Model",
    "Quick",
    "Recipe",
    "Section",
    "Step",
    "Streams",
    "Subspace",
    "Task",
    "Train",
    "Variants",
    "builtin_names",
    "builtin_text",
    "canonical_json",
    "is_builtin",
    "lengthened",
    "load",
    "override",
    "parse",
    "parse_yaml",
    "warmup_for",
]
