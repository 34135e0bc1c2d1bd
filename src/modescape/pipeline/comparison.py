"""Comparing given predictions: from files or arrays to results, a verdict and a page."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape import analyses
from modescape.analyses import ANALYSES, GIVEN, PREDICTIONS, figures
from modescape.answers import as_json
from modescape.durable import check_folder, claim_folder, write_bytes, write_text
from modescape.errors import InputError, NotEnough
from modescape.interop.predictions import Gathered, Options, gather
from modescape.interop.predictions.lazy import Scratch
from modescape.interop.predictions.opening import STANDARD_INPUT
from modescape.pipeline.comparison_offered import offered_of, sample_of
from modescape.pipeline.comparison_page import WORD, Given, given_page, manifest_of
from modescape.plain import file_name, shown
from modescape.progress import Progress, usual
from modescape.report.verdict import Verdict, judge
from modescape.study import layout
from modescape.study.results import write_dataset
from modescape.version import __version__
from modescape.wording.examples import in_words_of

if TYPE_CHECKING:
    import xarray as xr

FOLDER = "comparisons"
ABOUT = "comparison.json"  # by which a folder of a comparison is recognised
ALONE = "One model was given: its scores are below, and there is nothing to compare it with."
BARE = {
    "classification": "The models give one class per example and no confidence: they vote, and the first of the "
    "classes with most votes wins; whatever needs probabilities is left out.",
    "regression": "The models give one number per example and no variance: whatever needs one is left out.",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The outcome of a comparison."""

    name: str
    given: Given
    results: Mapping[str, xr.Dataset]  # analysis -> labelled result
    notes: Mapping[str, str] = field(default_factory=dict)  # analysis -> why it has no result
    path: Path | None = None  # the folder, if one was given

    @cached_property
    def judged(self) -> Verdict:
        """The verdict at the head of the page."""
        return judge(self.results, given=True)

    @property
    def verdict(self) -> list[str]:
        """The verdict in sentences, as at the head of the page."""
        lines = filter(None, [self.judged.answer, *self.judged.sentences, self.judged.covers])
        grouped = "groups" in self.given.manifest
        if len(self.given.models) == 1:
            lines = [*lines, ALONE]
        return [in_words_of(WORD, line, grouped) for line in lines]

    @property
    def warnings(self) -> list[str]:
        """Warnings, in sentences."""
        return list(self.given.warnings)

    @property
    def page(self) -> Path | None:
        """The path of the page; None if no folder was given."""
        return None if self.path is None else self.path / layout.REPORT


def compare(
    predictions: Sequence[str | Path] | Mapping[str, Any],
    labels: Any = None,
    *,
    out: str | Path | None = None,
    kind: str = "",
    task: str = "",
    id: str = "",
    groups: Mapping[str, str | Sequence[str]] | None = None,
    parts: str = "",
    examples_group: str = "",
    seed: int = 0,
    command: str = "",
    progress: Progress | None = None,
) -> Comparison:
    """Compare models by their predictions, of any origin; nothing is trained.

    Args:
        predictions: name -> array [example], [example, class] or tensor, or a file; or files, whose names become the
            models'.
        labels: array [example], or a file, FILE:COLUMN; None: the files of predictions hold them.
        out: a folder for results, figures and the page; None: nothing is written.
        kind: what the predictions are (probabilities, logits, ...), one of `modescape.interop.predictions.kinds.KINDS`;
            "": found by its rules.
        task: "classification" or "regression"; "": regression if labels have fractions.
        id: the column with names of examples; "": found by its name.
        groups: method -> names of its models, or patterns of names.
        parts: a column, FILE or FILE:COLUMN, that divides the examples into parts, reported separately.
        examples_group: likewise for groups of examples, such as patients; intervals are then for new groups.
        seed: of the streams that analyses draw from.
        command: the command line, for the page.
        progress: how progress is shown; default: in a notebook or at a terminal only.

    Raises:
        InputError: naming the file, row and value at fault; then nothing has been written.

    >>> import numpy as np, modescape as ms
    >>> label = np.array([0, 1, 1, 0] * 25)
    >>> flips = [np.arange(100) % 7 == 0, np.arange(100) % 5 == 1]
    >>> both = ms.compare({f"net {n}": np.where(wrong, 1 - label, label) for n, wrong in enumerate(flips)}, label)
    >>> float(both.results["ensemble_size"]["score"].sel(approach="independent", metric="accuracy", size=1).round(3))
    0.825
    """
    options = Options(
        kind=kind,
        task=task,
        id_column=id,
        groups={name: one if isinstance(one, str) else ",".join(one) for name, one in (groups or {}).items()},
        parts=parts,
        examples_group=examples_group,
        seed=seed,
    )
    files = predictions if isinstance(predictions, Mapping) else list(map(str, predictions))
    path = None if out is None else Path(out)
    if path is not None:
        path = check_folder(path, ABOUT, "a comparison")
    progress = progress or usual()
    with _scratch(path) as scratch:
        gathered = gather(files, options, scratch, labels)
        name = path.name if path is not None else "comparison"
        given = given_of(name, gathered, options, command)
        compared = _analysed(name, gathered, given, path, progress)
    if path is not None:
        _write(compared)
    return compared


def folder_for(files: Sequence[str]) -> Path:
    """Where a comparison goes without being told: `FOLDER`, and the folder that the first file lies in."""
    first = "standard-input" if files[0] == STANDARD_INPUT else Path(files[0]).resolve().parent.name
    return Path(FOLDER) / (first or "all")


@contextlib.contextmanager
def _scratch(path: Path | None) -> Iterator[Scratch]:
    """A place for unpacked numbers beside the results, which is gone afterwards; none without a folder."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="modescape-") as folder:
            yield Scratch(Path(folder))
        return
    there = next((one for one in (path, *path.parents) if one.is_dir()), Path())
    try:
        folder = Path(tempfile.mkdtemp(prefix=".modescape-", dir=there))
    except OSError as error:
        raise InputError(f"cannot write into '{there}': {error.strerror}; choose another folder with --out") from error
    try:
        yield Scratch(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def given_of(name: str, gathered: Gathered, options: Options, command: str = "") -> Given:
    """The inputs, for the record."""
    return Given(
        manifest=manifest_of(name, gathered, options.seed, options.examples_group),
        models=[
            (model, origin.file, origin.size, origin.sha256, kind)
            for model, origin, kind in zip(gathered.names, gathered.origins, gathered.kinds, strict=True)
        ],
        groups={method: [gathered.names[place] for place in places] for method, places in gathered.groups.items()},
        labels=(gathered.labels.file, gathered.labels.size, gathered.labels.sha256),
        command=command,
        notes=[*_kinds_in_words(gathered), *gathered.notes],
        warnings=list(gathered.warnings),
    )


def _kinds_in_words(gathered: Gathered) -> list[str]:
    """The interpretation of the inputs, by the detected rules."""
    found = {
        kind: [one for one, own in zip(gathered.names, gathered.kinds, strict=True) if own == kind]
        for kind in gathered.kinds
    }
    parts = [f"{kind} ({len(names)}: {shown(', '.join(names), 120)})" for kind, names in found.items()]
    lines = [f"Read as {'; '.join(parts if len(parts) > 1 else found)}; if this is wrong, give --kind."]
    return [*lines, BARE[gathered.task]] if gathered.bare else lines


def _analysed(name: str, gathered: Gathered, given: Given, path: Path | None, progress: Progress) -> Comparison:
    whole = offered_of(gathered, given, given.manifest["seed"])
    some = sample_of(whole, gathered)
    results: dict[str, xr.Dataset] = {}
    notes: dict[str, str] = {}
    chosen = [one for one, entry in ANALYSES.items() if entry.given and set(entry.needs) == {PREDICTIONS}]
    progress.stage("comparing", len(chosen), "analyses")
    for one in chosen:
        own = whole if ANALYSES[one].only_for == GIVEN else some
        try:
            result = analyses.measure(one, own)
            results[one] = (
                result if own is whole else result.assign_attrs(examples_of=len(whole.predictions["test"].label))
            )
        except NotEnough as shortage:
            notes[one] = str(shortage)
        progress.advance(1, one)
    progress.finish()
    if some is not whole:
        line = (
            f"Analyses that hold all models in memory use {some.examples['test']:,} of "
            f"{whole.examples['test']:,} examples, drawn at random: {', '.join(_of_samples(results))}."
        )
        given = replace(given, notes=[*given.notes, line])
    return Comparison(name=name, given=given, results=results, notes=notes, path=path)


def _of_samples(results: Mapping[str, xr.Dataset]) -> list[str]:
    return [name.replace("_", " ") for name, one in results.items() if "examples_of" in one.attrs]


def _write(compared: Comparison) -> None:
    """Results, figures and the page; what an earlier comparison left in the folder is replaced."""
    path = compared.path
    assert path is not None
    claim_folder(path)
    about = {"version": __version__, "results": sorted(compared.results), **compared.given.as_dict()}
    write_text(path / ABOUT, as_json(about) + "\n")
    for name in ANALYSES:
        if name not in compared.results:
            layout.result_path(path, name).unlink(missing_ok=True)
            for old in (path / layout.FIGURES).glob(f"{file_name(name)}.*"):
                old.unlink()
    for name, result in compared.results.items():
        write_dataset(layout.result_path(path, name), result)
        figures.save(name, result, path / layout.FIGURES)
    page = given_page(compared.name, compared.given, compared.results, compared.notes)
    write_bytes(path / layout.REPORT, page.encode("utf-8"))
