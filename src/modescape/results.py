"""Labelled results: the words for dimensions, the provenance that every dataset carries, and the check of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modescape.covers import Kinds, note_covers

if TYPE_CHECKING:
    import xarray as xr

DIMENSIONS = (
    *("member", "epoch", "model", "example", "class", "size", "approach", "metric"),
    *("x", "y", "t", "severity", "corruption", "draw", "eigenvalue", "layer", "part"),
)
PREFIXES = ("other_", "predicted_")  # the second axis of a matrix: other_member, other_epoch, predicted_class

FORMER_DIMENSIONS = {"method": "approach", "other_method": "other_approach"}  # xarray's `sel` has an argument `method`

PROVENANCE = ("recipe_hash", "recipe_name", "version", "seed", "examples", "members", "repeats", "intervals")


def make_result(
    variables: Mapping[str, tuple[tuple[str, ...], Any, str, str]],
    coords: Mapping[str, Any],
    *,
    title: str,
    intervals: str,
    provenance: Mapping[str, Any],
    covers: str | Kinds = "",
    **attributes: str | int | float,
) -> xr.Dataset:
    """Build a labelled result.

    Args:
        variables: name -> (dimensions, values, units, long name); units "1" for pure numbers.
        coords: dimension name -> values.
        title: what the result is, one line.
        intervals: how its intervals were made, or "none".
        provenance: `PROVENANCE` without "intervals", as ``Study.provenance`` returns it. With "groups" and
            "group_name", where examples have groups, the intervals say so.
        covers: what intervals are for (`modescape.covers`): one phrase for all, or one by variable; "": not said.
        **attributes: further settings of the analysis, recorded as they are.

    Raises:
        ValueError: if a dimension is not of the vocabulary, or provenance is missing.
    """
    import xarray as xr

    if provenance.get("groups") and intervals != "none":
        intervals = f"{intervals}. {of_groups(provenance['groups'], provenance.get('group_name', ''))}"
    dataset = xr.Dataset(
        {
            name: (dims, values, {"units": units, "long_name": long_name})
            for name, (dims, values, units, long_name) in variables.items()
        },
        coords=dict(coords),
        attrs={"title": title, "intervals": intervals, **provenance, **attributes},
    )
    for name in dataset.coords:
        dataset[name].attrs.setdefault("units", "1")
        dataset[name].attrs.setdefault("long_name", str(name).replace("_", " "))
    note_covers(dataset, ({"": covers} if covers else {}) if isinstance(covers, str) else covers)
    validate(dataset)
    return dataset


def of_groups(groups: int, name: str = "") -> str:
    """A sentence to add to how intervals were made: groups of examples are resampled, not single examples.

    Args:
        groups: how many there are.
        name: of the column with each example's group.
    """
    by = f" (the same {name!r})" if name else ""
    return f"Each group{by} counts as one example, and intervals are for new groups; there are {groups:,}"


def in_present_names(dataset: xr.Dataset) -> xr.Dataset:
    """A result of an earlier version in the names of this one."""
    former = {old: new for old, new in FORMER_DIMENSIONS.items() if old in dataset.dims}
    if not former:
        return dataset
    return dataset.rename(former)


def validate(dataset: xr.Dataset) -> None:
    """Refuse a dataset that breaks the schema.

    Raises:
        ValueError: naming the dimension, variable or attribute at fault.
    """
    for dim in dataset.dims:
        plain = str(dim)
        for prefix in PREFIXES:
            plain = plain.removeprefix(prefix)
        if plain not in DIMENSIONS:
            raise ValueError(f"dimension {dim!r} is not of the vocabulary {DIMENSIONS}")
    for name in dataset.variables:
        for needed in ("units", "long_name"):
            if needed not in dataset[name].attrs:
                raise ValueError(f"variable {name!r} has no {needed}")
    missing = [name for name in PROVENANCE if name not in dataset.attrs]
    if missing:
        raise ValueError(f"the result lacks provenance: {', '.join(missing)}")
