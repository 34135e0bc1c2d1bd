"""Recipes as YAML text that reads back to the same values."""

from __future__ import annotations

import re
from typing import Any

import yaml

EXPONENT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$")  # 1e-3: text in YAML 1.1, a number in ours
FIRST = list("-+.0123456789")  # characters that one begins with
BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")  # PyYAML writes them as they are and reads a line break, or nothing


class _Dumper(yaml.SafeDumper):
    """Quotes text that the reader would take for something else."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if BREAKS.search(text) else None)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, FIRST)
_Dumper.add_representer(str, _text)


def yaml_text(values: Any) -> str:
    """Plain values as YAML, in their order."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
