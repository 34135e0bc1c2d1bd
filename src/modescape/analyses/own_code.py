"""The code of a user's own analysis: its files, and whether the imported modules are still those on disk."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

_imported: dict[str, tuple[ModuleType, str]] = {}  # name -> module, digest of its file then; lasts as sys.modules


def code_digest(modules: Iterable[str]) -> str:
    """Digest of the files of these modules and of all that they import from the same folder.

    The same folder is their package or, for modules of the current folder, that folder. Imports are read
    from the source, those within functions too: nothing is imported for this.
    """
    files = {name: _digest(path) for name, path in _closure(modules).items()}
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def forget_changed(modules: Iterable[str]) -> None:
    """Drop these modules and their neighbours from the import cache where a file has changed since."""
    found = {name: path for name, path in _closure(modules).items() if name in sys.modules}
    if any(_is_changed(name, path) for name, path in found.items()):
        for name, path in found.items():  # all of them: an unchanged module may hold objects of a changed one
            del sys.modules[name]
            _compiled_file(path).unlink(missing_ok=True)  # Python recognises it by seconds and sizes alone
    note_imported(modules)


def note_imported(modules: Iterable[str]) -> None:
    """Remember the digests of the files that were just imported."""
    for name, path in _closure(modules).items():
        module = sys.modules.get(name)
        if module is not None and (name not in _imported or _imported[name][0] is not module):
            _imported[name] = module, _digest(path)


def _is_changed(name: str, path: Path) -> bool:
    """Whether the file has changed since the module was imported, here or elsewhere."""
    module, digest = _imported.get(name, (None, ""))
    return _digest(path) != digest if module is sys.modules[name] else not _is_as_compiled(path)


def _is_as_compiled(path: Path) -> bool:
    """Whether the compiled file, which the import wrote, is of this source; not where there is none.

    Unknown modules are imported again: a run imports its own analyses before any network of the same code.
    """
    try:
        head = _compiled_file(path).read_bytes()[4:16]
    except OSError:
        return False
    if head[0]:  # by its content
        return head[4:] == importlib.util.source_hash(path.read_bytes())
    about = path.stat()
    stamp = int(about.st_mtime), about.st_size
    return head[4:] == b"".join((part & 0xFFFFFFFF).to_bytes(4, "little") for part in stamp)


def _compiled_file(path: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(path)))


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    """Name -> file of these modules and of the modules of the same folder that they import; none of this package."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or name.partition(".")[0] == __name__.partition(".")[0]:
            continue
        path = _file(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        if path is not None:
            found[name] = path
            about = path.stat()
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            imported = _imports(path, package, about.st_ino, about.st_mtime_ns, about.st_size)
            waiting += [other for other in imported if _beside(name, other)]
    return found


def _beside(name: str, other: str) -> bool:
    """Whether a module that another one imports belongs to the same code."""
    one, its = name.partition(".")[0], other.partition(".")[0]
    return one == its or (its not in sys.stdlib_module_names and _in_current_folder(one) and _in_current_folder(its))


def _in_current_folder(name: str) -> bool:
    return Path(f"{name}.py").is_file() or Path(name, "__init__.py").is_file()


def _file(name: str) -> Path | None:
    """The source of a module, found without importing it; None where there is none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        folders, parts = None, name.split(".")
        for end in range(1, len(parts) + 1):
            spec = PathFinder.find_spec(".".join(parts[:end]), folders)
            if spec is None:
                return None
            file, folders = spec.origin, spec.submodule_search_locations
            if folders is None and end < len(parts):
                return None
    path = Path(file).absolute() if file else None
    return path if path is not None and path.suffix == ".py" and path.is_file() else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.lru_cache(maxsize=256)
def _imports(path: Path, package: str, *stamp: int) -> tuple[str, ...]:
    """Names of all that a file imports, as modules: of ``from a import b`` both a and a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:  # the import reports it
        return ()
    return tuple(dict.fromkeys(name for node in ast.walk(tree) for name in _named(node, package)))


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")
        parts = above[: len(above) - node.level + 1] if node.level else []
        base = ".".join([*parts, *filter(None, [node.module])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
