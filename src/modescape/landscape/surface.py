"""Values on a grid of a cut: measured pass by pass, saved to a file, and resumed from it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from modescape import durable
from modescape.errors import InputError

FORMAT = 1  # of the file
LOSS, ACCURACY = "loss", "accuracy"
AGREEMENT = "agreement "  # before the name of the predictions


@dataclass(frozen=True, eq=False, kw_only=True)
class Surface:
    """Loss, accuracy and agreement on a line [x] or a grid [y, x].

    Attributes:
        x: coordinates along the first axis, in its lengths.
        y: along the second; None for a line.
        fields: name ("loss", "accuracy", "agreement <predictions>") -> values; NaN: not measured yet, or not finite.
        measured: whether a point has been evaluated; others are pending, or interpolated (``error``).
        angle: degrees between the axes; NaN for a line.
        lengths: of the axes, weight units.
        error: largest relative error of interpolation (`modescape.landscape.refinement`); None if every point is
            measured.
        about: how the cut was made, batch-norm policy, loss, units.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    fields: dict[str, np.ndarray] = field(default_factory=dict)
    measured: np.ndarray
    angle: float = float("nan")
    lengths: tuple[float, ...] = ()
    error: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def empty(cls, x: Any, y: Any = None, **about: Any) -> Surface:
        """A surface with nothing measured yet.

        Raises:
            InputError: if coordinates are not strictly increasing.
        """
        own = [np.asarray(axis, dtype=np.float64) for axis in ([x] if y is None else [x, y])]
        for name, axis in zip("xy", own, strict=False):
            if axis.ndim != 1 or not len(axis) or not np.isfinite(axis).all() or (np.diff(axis) <= 0).any():
                raise InputError(f"{name} of the grid is not a row of increasing numbers; np.linspace(-1, 1, 25) is")
        shape = tuple(len(axis) for axis in reversed(own))
        return cls(
            x=own[0],
            y=own[1] if y is not None else None,
            fields={LOSS: np.full(shape, np.nan)},
            measured=np.zeros(shape, dtype=bool),
            **about,
        )

    @property
    def loss(self) -> np.ndarray:
        """The mean loss [y, x] or [x]; NaN where there is none."""
        return self.fields[LOSS]

    @property
    def missing(self) -> int:
        """Number of points without a value yet."""
        return int((~self.measured & np.isnan(self.loss)).sum())

    @property
    def gaps(self) -> int:
        """Number of points evaluated without a finite loss: drawn as gaps, never interpolated."""
        return int((self.measured & ~np.isfinite(self.loss)).sum())

    @property
    def coordinates(self) -> np.ndarray:
        """Coordinates of all points, in the order of the flattened values, float64 [point, axis]."""
        if self.y is None:
            return self.x[:, None]
        x, y = np.meshgrid(self.x, self.y)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def with_values(self, index: np.ndarray, values: Mapping[str, np.ndarray]) -> Surface:
        """A copy in which the points at flat ``index`` [point] are measured."""
        fields = {name: array.copy() for name, array in self.fields.items()}
        for name, own in values.items():
            fields.setdefault(name, np.full(self.measured.shape, np.nan)).reshape(-1)[index] = own
        measured = self.measured.copy()
        measured.reshape(-1)[index] = True
        return replace(self, fields=fields, measured=measured)

    def begun_from(self, start: Surface | np.ndarray) -> Surface:
        """This grid with the values measured before.

        Args:
            start: a surface on the same grid and cut, or losses [y, x] with NaN for points not measured yet.

        Raises:
            InputError: if its grid, cut, data or settings differ.
        """
        if not isinstance(start, Surface):
            values = np.asarray(start, dtype=np.float64)
            if values.shape != self.measured.shape:
                raise InputError(f"the values have shape {list(values.shape)}, the grid {list(self.measured.shape)}")
            return self.with_values(np.flatnonzero(~np.isnan(values)), {LOSS: values[~np.isnan(values)]})
        same = self.x.shape == start.x.shape and np.allclose(self.x, start.x, rtol=0, atol=1e-12)
        for own, other in [] if self.y is None or start.y is None else [(self.y, start.y)]:
            same = same and own.shape == other.shape and np.allclose(own, other, rtol=0, atol=1e-12)
        if not same or (self.y is None) != (start.y is None):
            raise InputError("what was measured before has another grid; give its x and y, or begin a new file")
        for name, value in self.about.items():
            if name in start.about and start.about[name] != value:
                raise InputError(
                    f"what was measured before has {name} {start.about[name]!r}, this is {value!r}; begin a new file"
                )
        kept = {name: np.where(start.measured, array, np.nan) for name, array in start.fields.items()}
        return replace(self, fields=kept, measured=start.measured.copy())

    def pending(self) -> np.ndarray:
        """Flat indices of the points that are not measured yet."""
        return np.flatnonzero(~self.measured)

    def save(self, path: str | Path) -> None:
        """Write a .npz file, atomically."""
        arrays: dict[str, Any] = {"x": self.x, "measured": self.measured}
        if self.y is not None:
            arrays["y"] = self.y
        arrays |= {f"field {name}": array for name, array in self.fields.items()}
        about = {"format": FORMAT, "angle": self.angle, "lengths": list(self.lengths), "error": self.error}
        arrays["about"] = np.frombuffer(json.dumps(about | {"about": dict(self.about)}).encode(), dtype=np.uint8)
        held = io.BytesIO()
        np.savez(held, allow_pickle=False, **arrays)
        durable.write_bytes(Path(path), held.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Surface:
        """Read a file written by `save`.

        Raises:
            InputError: if it is another file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(arrays["about"].tobytes())
            return cls(
                x=arrays["x"],
                y=arrays.get("y"),
                fields={name[6:]: array for name, array in arrays.items() if name.startswith("field ")},
                measured=arrays["measured"],
                angle=about["angle"],
                lengths=tuple(about["lengths"]),
                error=about["error"],
                about=about["about"],
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise InputError(f"'{path}' is not a surface written by modescape: {error}") from error
