"""Compare the results of two studies, variable by variable: ``python bench/same_numbers.py OLD NEW``.

Prints every variable that is not bit-identical with its largest absolute difference, and the largest difference of
all; exits with 1 if a variable is missing or differs by more than 1e-12.
"""

import sys
from pathlib import Path

import numpy as np
import xarray as xr

from modescape.study import Study

TOLERANCE = 1e-12


def difference(old: np.ndarray, new: np.ndarray) -> float:
    """Largest absolute difference; infinite where shapes, kinds, or positions of NaN and infinity differ."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return np.inf
    if old.dtype.kind not in "fc":
        return 0.0 if np.array_equal(old, new) else np.inf
    if not np.array_equal(np.isnan(old), np.isnan(new)) or not np.array_equal(np.isinf(old), np.isinf(new)):
        return np.inf
    finite = np.isfinite(old)
    if not np.array_equal(old[~finite & ~np.isnan(old)], new[~finite & ~np.isnan(new)]):
        return np.inf
    return float(np.abs(old[finite] - new[finite]).max(initial=0.0))


def compared(name: str, old: xr.Dataset, new: xr.Dataset) -> tuple[int, float]:
    """Print the variables of a result that differ; returns the number of variables and the largest difference."""
    largest = 0.0
    for variable in sorted({*old.variables, *new.variables}, key=str):
        if variable not in old.variables or variable not in new.variables:
            print(f"{name}: {variable} is in one of them alone")
            largest = np.inf
            continue
        found = difference(old[variable].values, new[variable].values)
        if old[variable].values.tobytes() != new[variable].values.tobytes() and old[variable].dtype.kind != "O":
            print(f"{name}: {variable} differs by {found:.3g}")
        largest = max(largest, found)
    return len(old.variables), largest


def main(old: str, new: str) -> int:
    """Compare all results; returns the exit code."""
    one, two = Study.open(old), Study.open(new)
    names = [sorted(path.stem for path in Path(folder, "results").glob("*.nc")) for folder in (old, new)]
    for name in sorted({*names[0]} ^ {*names[1]}):
        print(f"{name} is in one of them alone")
    found = {name: compared(name, one.result(name), two.result(name)) for name in names[0] if name in names[1]}
    largest = max((difference for _, difference in found.values()), default=0.0)
    count = sum(count for count, _ in found.values())
    print(f"{len(found)} results, {count} variables; the largest difference is {largest:.3g}")
    return int(names[0] != names[1] or not largest <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
