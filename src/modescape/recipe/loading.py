"""Recipes from names, files and overrides, and error messages about wrong ones."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from modescape.errors import InputError
from modescape.plain import MOST_YAML, MOST_YAML_DEPTH, OddYamlError, check_yaml, nearest, read_regular, shown
from modescape.recipe.sections import Recipe
from modescape.recipe.training import SCHEDULES, Constant
from modescape.recipe.writing import EXPONENT, FIRST
from modescape.storage import place

SUFFIXES = (".yaml", ".yml")  # of a recipe's file


def builtin_names() -> list[str]:
    """Names of the built-in recipes."""
    folder = resources.files("modescape.recipes")
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".yaml"))


def builtin_text(name: str) -> str:
    """The YAML text of a built-in recipe, comments included."""
    if name not in builtin_names():
        raise InputError(f"no recipe {name!r}; {nearest(name, builtin_names())}")
    return (resources.files("modescape.recipes") / f"{name}.yaml").read_text(encoding="utf-8")


def is_builtin(name: str | Path) -> bool:
    """Whether this means a built-in recipe: its bare name, as text; ``./name`` and a `Path` mean what lies there."""
    return isinstance(name, str) and name in builtin_names()


def load(recipe: str | Path | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe: a built-in name, a YAML file or a `Recipe`, with ``key.path=value`` overrides.

    Raises:
        InputError: if there is no such recipe, or a key or a value is wrong.
    """
    if isinstance(recipe, Recipe):
        return parse(override(recipe.model_dump(mode="json"), overrides), origin="the recipe")
    path = place(recipe)
    if not is_builtin(recipe) and (path.suffix in SUFFIXES or path.is_file()):
        try:
            text = read_regular(path, MOST_YAML).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InputError(f"cannot read the recipe file '{recipe}': {reason}") from error
        origin, default_name = f"'{recipe}'", path.stem
    else:
        text, origin, default_name = builtin_text(str(recipe)), f"recipe {recipe}", str(recipe)
    values = parse_yaml(text, origin)
    if "name" not in values and isinstance(values, dict):
        values = {"name": default_name, **values}
    return parse(override(values, overrides), origin)


_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built so
MOST_BITS = 1024  # of a whole number: more than any float can hold


class _Loader(_FASTEST):
    """Plain data; 1e-3 is a number (YAML 1.1 reads text), and duplicate keys are refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dictionary whose keys are all different."""
        seen: set[Any] = set()
        for part, _ in node.value:
            key = self.construct_object(part, deep=True)
            if not isinstance(key, Hashable):
                break  # refused below
            if key in seen:
                raise yaml.YAMLError(f"the key {key!r} is given twice, {str(node.start_mark).strip()}")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """An integer short enough for Python to print: 0xfff... has no limit of its own."""
        number = super().construct_yaml_int(node)
        if number.bit_length() > MOST_BITS:
            raise yaml.YAMLError(f"a whole number has more than {MOST_BITS:,} bits, {str(node.start_mark).strip()}")
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, FIRST)


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """YAML text to a dictionary; plain data only, no aliases or tags."""
    try:
        values = _plain_data(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = shown(error) or "nested too deeply"
        raise InputError(f"{origin} is not valid YAML: {problem}") from error
    except OddYamlError as error:
        raise InputError(f"{origin}: {error}") from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise InputError(f"{origin} holds {type(values).__name__}, expected keys and values such as 'train:'")
    return values


def _plain_data(text: str) -> Any:
    check_yaml(text, yaml.parse(text, Loader=_FASTEST))
    return yaml.load(text, Loader=_Loader)


def override(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Apply ``key.path=value`` settings; a value is YAML (``4``, ``[tsne]``, ``null``)."""
    for setting in overrides:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip():
            raise InputError(f"--set {shown(repr(setting))} is not of the form key.path=value, such as train.members=4")
        keys = path.strip().split(".")
        if len(keys) > MOST_YAML_DEPTH:
            raise InputError(f"--set {shown(path)}: {len(keys):,} keys are nested, expected at most {MOST_YAML_DEPTH}")
        try:
            value = _plain_data(text) if text.strip() else None
        except (
            yaml.YAMLError,
            OddYamlError,
            RecursionError,
            ValueError,
        ) as error:  # ValueError: a date such as 2020-99-99
            raise InputError(f"--set {shown(path)}: {shown(repr(text))} is not a YAML value") from error
        values = _with(values, keys, value)
    return values


def _with(values: dict[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    """A copy of ``values`` in which the nested key is replaced."""
    first, *rest = keys
    if not rest:
        return {**values, first: value}
    inner = values.get(first) or {}
    return {**values, first: _with(inner if isinstance(inner, dict) else {}, rest, value)}


def parse(values: dict[str, Any], origin: str) -> Recipe:
    """Validate keys and values.

    Raises:
        InputError: naming the first wrong key, what came and what was expected.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{origin}: {_explain(error.errors()[0])}") from error


def _explain(problem: Any) -> str:
    """One plain sentence for a validation error of pydantic."""
    # pydantic names the alternative of a union inside the location ("halving", "constrained-int"): not a key
    where = [str(part) for part in problem["loc"]]
    keys = [part for part in where if part not in SCHEDULES and "constrained" not in part and "function-" not in part]
    keys = [part for part in keys if part not in ("int", "float")] or keys
    path = ".".join(keys)
    if problem["type"] == "extra_forbidden":  # the last part is the key itself, also where it is called "step"
        path = ".".join([*(part for part in where[:-1] if part not in SCHEDULES), where[-1]])
        return f"unknown key {shown(repr(path))}; {nearest(where[-1], _known_keys(where[:-1]))}"
    if problem["type"] in ("list_type", "tuple_type") and isinstance(came := problem.get("input"), str | int):
        return f"{shown(path)} is {shown(repr(came))}: expected a list, such as '{shown(path)}=[{shown(str(came))}]'"
    came, message = problem.get("input"), shown(problem["msg"].removeprefix("Value error, "))
    return f"{shown(path)} is {shown(repr(came))}: {message[:1].lower()}{message[1:]}"


def _known_keys(path: list[str]) -> list[str]:
    """Keys that the section at ``path`` (as in a pydantic location) may hold."""
    section: Any = Recipe
    for part in path:
        section = SCHEDULES[part] if part in SCHEDULES else section.model_fields[part].annotation
        found = [one for one in (section, *get_args(section)) if hasattr(one, "model_fields")]
        section = found[0] if found else Constant
    return list(section.model_fields)
