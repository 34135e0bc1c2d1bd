"""A user's own analyses: ``package.module:analysis`` in a recipe's list, imported as a model factory is.

Only measuring and drawing import this code. The words of its section are stored with the result, so that opening a
study, its status and its page do not need it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from modescape.analyses import AROUND, MORE, OTHER, PARTS, SHIFTED, TRAINED, Analysis
from modescape.analyses.own_code import code_digest, forget_changed, note_imported
from modescape.errors import InputError, WorkError
from modescape.named import find_named, importable
from modescape.plain import in_session
from modescape.wording.text import SECTION, Text

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from modescape.plots.charts import Chart

WHAT = "analysis"  # name of the setting in messages
EXPECTED = (
    "expected a function measure(offered, *, setting=default) that returns a labelled result, an object or module with "
    "such a function, or a modescape.analyses.Analysis"
)
READING = "The table of parameters below has the unit and meaning of each number."
FIGURE = ("describe", "draw")  # either is enough: the figure as data, or drawn by own code


@dataclass(frozen=True, kw_only=True)
class Own(Analysis):
    """An analysis from outside this package."""

    name: str  # as the recipe writes it
    found: Any  # what stands under that name
    code: str  # digest of its files: a change makes result and figure outdated

    def part(self, name: str, task: str = "classification") -> Any:
        """A module of its folder, or a stand-in for one; during the import the current folder is on the path."""
        with importable(self.name):
            if isinstance(self.found, Analysis):
                return self.found.part(name, task)
            if name != "measure":
                return self.found
            draws = getattr(self.found, "draws", None)
            return SimpleNamespace(measure=_measure_of(self.found), **({} if draws is None else {"draws": draws}))

    @property
    def has_figure(self) -> bool:
        """Whether it draws its result; without, the page shows its numbers."""
        module = self._module("draw")
        return any(hasattr(module, name) for name in FIGURE)

    def chart(self, dataset: xr.Dataset) -> Chart | None:
        """The description of its figure; None where its own code draws it."""
        with importable(self.name, last=True):  # its code may import modules of its folder when it is called
            described = getattr(self._drawn(), "describe", None)
            return described(dataset) if described else None

    def draw(self, dataset: xr.Dataset) -> Figure:
        """Its figure for papers, on the canvas of all others."""
        from matplotlib.figure import Figure as MatplotlibFigure

        from modescape.plots import charts
        from modescape.plots.canvas import Canvas

        if chart := self.chart(dataset):
            return charts.draw(chart, self.caption(dataset))
        with importable(self.name, last=True):
            figure = self._drawn().draw(dataset)
        if not isinstance(figure, MatplotlibFigure):
            raise WorkError(f"analysis '{self.name}' drew a {type(figure).__name__}; expected a figure of matplotlib")
        Canvas(figure)
        return figure

    def _drawn(self) -> Any:
        if not self.has_figure:
            raise InputError(f"the analysis '{self.name}' draws no figure")
        return self.part("draw")

    def caption(self, dataset: xr.Dataset) -> str:
        """The caption of its figure; by default the title of the result."""
        own = getattr(self._module("draw"), "caption", None)
        with importable(self.name, last=True):
            return str(own(dataset) if own else dataset.attrs["title"])

    @property
    def text(self) -> Text:
        """The words of its section: its own, or its docstring, of which the first line is the title."""
        own = getattr(self._module("words"), "TEXT", None)
        if isinstance(own, Text):
            return own
        documented = self.part("measure")
        if not isinstance(self.found, Analysis):
            documented = self.found if isinstance(self.found, ModuleType) else documented.measure
        title, _, rest = (inspect.getdoc(documented) or "").strip().partition("\n")
        shown = " ".join(rest.split())
        title = title.strip().removesuffix(".") or self.name
        return Text(title, shown or f"{title}.", READING)

    def _module(self, name: str) -> Any:
        """A part, or None where the folder has no such module."""
        try:
            return self.part(name)
        except ModuleNotFoundError as error:
            if isinstance(self.found, Analysis) and error.name == f"{self.found.where}.{name}":
                return None
            raise


def load(name: str) -> Own:
    """Import the analysis that ``package.module:analysis`` names.

    Raises:
        InputError: if there is none, or the object is not an analysis.
    """
    if in_session(name):
        what = name.partition(":")[2]
        raise InputError(
            f"analysis '{name}' was defined in this session; put it into a file mine.py and name it mine:{what}"
        )
    module = name.partition(":")[0]
    with importable(name):
        forget_changed([module])
        found = find_named(name, WHAT)
        if isinstance(found, Analysis):
            given = {one.name: getattr(found, one.name) for one in fields(Analysis)}
            given["also"] = tuple(also for also in found.also if also in MORE and also != "verdict")
            modules = [module, *(f"{found.where}.{part}" for part in (*PARTS, *given["also"]))]
            forget_changed(modules)
            measure = found.part("measure").measure
        else:
            given = {"where": module, "needs": ()}  # it may use anything
            measure = _measure_of(found)
            modules = [module, str(getattr(measure, "__module__", module))]
        note_imported(modules)
        code = code_digest(modules)
    if isinstance(found, type) or not callable(measure):
        raise InputError(f"analysis '{name}' is of type {type(found).__name__}, {EXPECTED}")
    given["uses"] = (AROUND, SHIFTED, OTHER, TRAINED)  # it may use anything
    return Own(**given, name=name, found=found, code=code)


def checked(name: str, result: Any) -> xr.Dataset:
    """A result of an own analysis, with the words of its section.

    Raises:
        WorkError: if it does not follow the schema of results.
    """
    import xarray as xr

    from modescape.results import validate

    if not isinstance(result, xr.Dataset):
        raise WorkError(f"analysis '{name}' returned a {type(result).__name__}; expected the Dataset of make_result")
    try:
        validate(result)
    except ValueError as error:
        raise WorkError(f"analysis '{name}' returned no labelled result: {error}") from error
    text = load(name).text
    return result.assign_attrs(dict(zip(SECTION, (text.title, text.shown, text.reading), strict=True)))


def _measure_of(found: Any) -> Any:
    """The function that measures: an attribute of the named module or object, or the named function itself."""
    return getattr(found, "measure", None) if isinstance(found, ModuleType) else getattr(found, "measure", found)
