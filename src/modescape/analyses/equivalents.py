"""Deep-ensemble equivalents in words: a number, or that there is none and how far the method is from one network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.wording.numbers import ABSENT, fixed

if TYPE_CHECKING:
    import xarray as xr

LESS, MORE = "< ", "> "


@dataclass(frozen=True)
class Equivalent:
    """Deep ensemble equivalent of a number of networks of a method, from the result of `calibration`."""

    size: int  # networks of the method; 0 where nothing was measured
    most: int  # available independent networks
    value: float  # from 1 on; NaN below, infinite above `most`
    low: float  # its 95 % interval, likewise
    high: float
    behind: tuple[float, float, float]  # calibrated NLL minus one network's, nats: lower end, value, upper end

    @property
    def known(self) -> bool:
        """Whether it was measured."""
        return math.isfinite(self.behind[1])

    @property
    def below(self) -> bool:
        """Whether the method is worse than one network, so that it has no equivalent."""
        return self.known and math.isnan(self.value)

    def text(self, decimals: int = 1) -> str:
        """The number: 1.8, "> 5", or "< 1 (0.015 nats worse)"; a dash where it was not measured."""
        if not self.known:
            return ABSENT
        if self.below:
            return f"{LESS}1 ({fixed(self.behind[1], self._decimals)} nats worse)"
        return f"{MORE}{self.most}" if math.isinf(self.value) else fixed(self.value, decimals)

    def bounds(self, decimals: int = 1) -> str:
        """Its 95 % interval, or that of the difference in nats without an equivalent; "" where nothing was measured."""
        low, _, high = self.behind
        if not self.known:
            return ""
        if not (math.isfinite(low) and math.isfinite(high)):
            return "no interval"
        if self.below:
            ends = f"{fixed(low, self._decimals)} to {fixed(high, self._decimals)} nats"
            return f"{ends}; inconclusive" if low <= 0 <= high else ends
        return f"{self._end(self.low, decimals)} to {self._end(self.high, decimals)}"

    @property
    def _decimals(self) -> int:
        """Decimals of a difference in nats: three, or as many as keep it from being printed as 0."""
        return next((places for places in range(3, 6) if round(self.behind[1], places)), 6)

    def _end(self, end: float, decimals: int) -> str:
        if math.isnan(end):
            return f"{LESS}1"
        return f"{MORE}{self.most}" if math.isinf(end) else fixed(end, decimals)


def equivalent(calibration: xr.Dataset | None, method: str, size: int | None = None) -> Equivalent:
    """The equivalent of `size` networks of a method; None: of all its networks."""
    absent = Equivalent(0, 0, math.nan, math.nan, math.nan, (math.nan, math.nan, math.nan))
    if calibration is None or method not in calibration["other_approach"].values:
        return absent
    known = calibration["calibrated_nll"].notnull()
    of_method = calibration["size"].values[known.sel(other_approach=method).values]
    size = int(of_method.max(initial=0)) if size is None else size
    if size not in of_method:
        return absent
    most = int(calibration["size"].values[known.sel(other_approach="independent").values].max(initial=0))
    at = calibration.sel({"other_approach": method, "size": size})
    value, low, high = (float(at[name]) for name in ("equivalent", "equivalent_low", "equivalent_high"))
    return Equivalent(size, most, value, low, high, _behind(at))


def _behind(at: xr.Dataset) -> tuple[float, float, float]:
    low, value, high = (float(at[name]) for name in ("behind_low", "behind", "behind_high"))
    return low, value, high


def inside_a_run(calibration: xr.Dataset | None) -> dict[str, Equivalent]:
    """Methods within one run, with all their networks, as far as measured."""
    if calibration is None:
        return {}
    names = [str(name) for name in calibration["other_approach"].values if name != "independent"]
    found = {name: equivalent(calibration, name) for name in names}
    return {name: one for name, one in found.items() if one.known}


def best_of(found: dict[str, Equivalent]) -> str:
    """The method whose networks have the lowest calibrated NLL."""
    return min(found, key=lambda name: found[name].behind[1])
