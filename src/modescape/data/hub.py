"""Opening a source: directly, or as a dataset of the hub; without output, and fast if there is no network."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from modescape import recipe
from modescape.data.tables import Part, read_table, split_by_column
from modescape.errors import InputError
from modescape.plain import shown

MOST_ROWS = 1 << 26  # of a Parquet file
HUB_TIMEOUT = 5.0  # seconds to ask whether the hub has a dataset


@contextmanager
def opened(data: recipe.Data) -> Iterator[list[Part]]:
    """The source's splits, images not yet decoded; local sources leave no copy behind.

    Raises:
        InputError: if there is no such dataset, here or on the hub, or a file of it is damaged.
    """
    with ExitStack() as stack:
        path = Path(data.source)
        if path.exists() and (parts := _own(path, data)) is not None:
            yield parts
            return
        for file in _parquet_files(path):
            check_rows(file, data.source)
        stack.enter_context(_quiet())
        splits = _local(path, data, stack) if path.exists() else _remote(data, stack)
        base = path if path.is_dir() else path.parent
        parts = [_part(data.source, str(name), split, base) for name, split in splits.items()]
        if path.is_file():
            parts = [replace(parts[0], name=own.name, table=own.table) for own in _by_column(parts[0])]
        yield parts


def _own(path: Path, data: recipe.Data) -> list[Part] | None:
    """The splits of a folder of pictures or a table of paths, which are read here; None for all others."""
    from modescape.data.folders import picture_parts

    if path.is_file() and path.suffix.lower() == ".parquet":
        return None
    parts = picture_parts(data.source) if path.is_dir() else None
    if path.is_file():
        parts = split_by_column(data.source, read_table(path), path.parent)
    if parts is not None and data.config is not None:
        raise InputError(
            f"data.config is {shown(repr(data.config), 60)} and '{data.source}' has no configurations; leave it out"
        )
    return parts


def _part(source: str, name: str, split: Any, base: Path) -> Part:
    """A split of the library, with what it says of its columns."""
    import datasets

    features = split.features
    declared = {name: kind.mode for name, kind in features.items() if isinstance(kind, datasets.Image)}
    names = {name: tuple(kind.names) for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)}
    return Part(source, name, split.data.table, base, declared, names)


def _by_column(part: Part) -> list[Part]:
    return split_by_column(part.source, part.table, part.base)


def _local(path: Path, data: recipe.Data, stack: ExitStack) -> Any:
    import datasets

    # the library writes an Arrow copy of what it reads, which is temporary, as decoded images are cached here
    copy = stack.enter_context(tempfile.TemporaryDirectory(prefix="modescape-"))
    try:  # an absolute path: a folder named "csv" is not the library's reader of that name
        place = str(path.resolve())
        if path.is_file():
            return datasets.load_dataset("parquet", data_files={"train": place}, cache_dir=copy)
        return datasets.load_dataset(place, data.config, cache_dir=copy)
    except Exception as error:  # the library raises errors of many kinds
        if empty := _empty_file(path):
            raise InputError(f"'{data.source}': {empty} is empty; remove it or fill it") from error
        kind = "Parquet" if path.is_file() else "a folder of pictures or of the hub's layout"
        raise InputError(f"'{data.source}' cannot be read as {kind}: {_reason(error)}") from error


def _parquet_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.parquet")) if path.is_dir() else [path] if path.is_file() else []


def check_rows(file: Path, source: str) -> None:
    """Refuse a Parquet file that is no file, or declares more rows than any dataset in a few bytes.

    Raises:
        InputError: naming the file.
    """
    from pyarrow import ArrowException, parquet

    if not file.is_file():  # a pipe, say, which would never end
        raise InputError(f"'{source}': {file.name} is not an ordinary file")
    try:
        rows, names = parquet.read_metadata(file).num_rows, parquet.read_schema(file).names
    except (OSError, ArrowException):  # whoever reads it says what is wrong
        return
    if len(set(names)) != len(names):
        raise InputError(
            f"'{source}': two columns of {file.name} have one name ({shown(', '.join(names))}); rename one"
        )
    if rows > MOST_ROWS:
        raise InputError(f"'{source}': {file.name} declares {rows:,} rows, at most {MOST_ROWS:,}")


def _empty_file(path: Path) -> str | None:
    """The first Parquet file without a row: on which the library fails with an obscure message."""
    from pyarrow import ArrowException, parquet

    for file in _parquet_files(path):
        try:
            if parquet.read_metadata(file).num_rows == 0:
                return str(file.relative_to(path)) if path.is_dir() else "the table"
        except (OSError, ArrowException):  # damaged: the library's own words serve
            continue
    return None


def _remote(data: recipe.Data, stack: ExitStack) -> Any:
    import datasets

    if data.source.startswith("~"):
        raise InputError(f"'{data.source}': a shell expands ~ only at the start of a word; use $HOME or the full path")
    problem = _hub_problem(data.source)
    if problem is not None:
        # else the library retries an unreachable hub for 23 s; its cache is still used
        stack.enter_context(_offline())
    try:
        return datasets.load_dataset(data.source, data.config)
    except Exception as error:
        raise InputError(
            f"dataset '{data.source}' is neither a local folder or file nor available from the hub "
            f"({problem or _reason(error)})\n"
            "Check the name and the network, or give a local folder or file: --set data.source=PATH"
        ) from error


def _hub_problem(name: str) -> str | None:
    """Why the hub does not have this dataset; None if it does."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        HfApi().dataset_info(name, timeout=HUB_TIMEOUT)
    except RepositoryNotFoundError:
        return "it has no public dataset of that name"
    except HFValidationError:
        return "not a name that it could have"
    except OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE is set"
    except Exception as error:
        return f"it cannot be reached: {_reason(error)}"
    return None


def _reason(error: BaseException) -> str:
    """The error and its cause in one line."""
    causes = [error] if error.__cause__ is None else [error, error.__cause__]
    lines = [" ".join(str(cause).split())[:200] or type(cause).__name__ for cause in causes]
    return ": ".join(dict.fromkeys(lines))  # a cause is often the same text again


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars or log lines of the libraries; their settings are put back."""
    import datasets
    from huggingface_hub import logging as hub_logging

    bars = datasets.is_progress_bar_enabled()
    levels = [(library, library.get_verbosity()) for library in (datasets.logging, hub_logging)]
    datasets.disable_progress_bars()
    for library, _ in levels:
        library.set_verbosity(logging.CRITICAL)  # their errors are raised as well, and reported here
    try:
        yield
    finally:
        for library, level in levels:
            library.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()


@contextmanager
def _offline() -> Iterator[None]:
    """The libraries use their caches only; both read these flags at each request."""
    from datasets import config
    from huggingface_hub import constants

    before = config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
