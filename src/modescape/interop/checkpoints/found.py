"""Which files stand for which member and which step of its training: by a pattern, by folders, by their names."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modescape.errors import InputError
from modescape.interop.checkpoints.held import natural
from modescape.interop.checkpoints.reading import suffixes
from modescape.interop.checkpoints.safetensors_files import INDEX
from modescape.plain import MOST_EPOCHS, MOST_MEMBERS, NAME_LENGTH, shown

STEP = re.compile(
    r"(?:global[-_]?step|epoch|step|iter(?:ation)?|checkpoint|ckpt|(?<![a-z])ep|(?<![a-z])e)[-_=]?(\d{1,9})", re.I
)
NAMED = re.compile(r"epoch[-_=]?(\d{1,9})", re.I)  # counts before what else a name says
PLACES = {"member": r"([^/]+?)", "epoch": r"(\d{1,9})", "step": r"(\d{1,9})"}
BESIDE = re.compile(r"(optimizer|scheduler|rng_state|training_args|scaler|random_states|trainer_state)", re.I)
SHARD = re.compile(r"-\d{5}-of-\d{5}\.")
MOST_FILES = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One file, and what it is of."""

    path: Path
    member: str  # a name
    step: int | None  # None: its name says none


@dataclass(frozen=True)
class Found:
    """The files of each member: step -> file; a member without numbered files has one, of step None."""

    members: dict[str, dict[int | None, Path]]

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return list(self.members)


def find(names: Sequence[str | Path], kind: str = "auto") -> Found:
    """The files that arguments stand for, by member and step.

    Args:
        names: files, folders, or patterns with ``{member}``, ``{epoch}`` or ``{step}`` in them.
        kind: a format; of folders the files with its endings are taken.

    Raises:
        InputError: if there is nothing, or two files are of the same member and step.
    """
    entries: list[Entry] = []
    files: list[Path] = []
    for name in map(str, names):
        if re.search(r"\{(member|epoch|step)\}", name):
            entries += _of_pattern(name)
        elif Path(name).is_dir():
            entries += _of_folder(Path(name), kind)
        elif Path(name).exists():
            files.append(Path(name))
        elif among := [one for one in sorted(glob.iglob(name, recursive=True), key=natural) if Path(one).is_file()]:  # noqa: PTH207
            files += map(Path, among)
        else:
            raise InputError(f"there is nothing at '{name}'; expected a file of weights, a folder, or a pattern")
    entries += _of_files(files)
    if not entries:
        raise InputError("no file of weights was named")
    return _sorted_out(entries)


def _sorted_out(entries: Sequence[Entry]) -> Found:
    members: dict[str, dict[int | None, Path]] = {}
    for entry in entries:
        own = members.setdefault(entry.member, {})
        if entry.step in own:
            what = "" if entry.step is None else f" at step {entry.step}"
            raise InputError(
                f"'{own[entry.step]}' and '{entry.path}' are both '{shown(entry.member, 80)}'{what}; "
                "say which is which with a pattern, such as runs/{member}/epoch_{epoch}.pt"
            )
        own[entry.step] = entry.path
    if len(members) > MOST_MEMBERS or any(len(own) > MOST_EPOCHS for own in members.values()):
        raise InputError(f"expected at most {MOST_MEMBERS:,} members and {MOST_EPOCHS:,} checkpoints of each")
    return Found({name: dict(sorted(own.items(), key=lambda one: one[0] or 0)) for name, own in members.items()})


def _of_pattern(pattern: str) -> list[Entry]:
    """Files that fit a pattern; ``*`` and ``**`` mean what they mean to a shell."""
    parts = re.split(r"\{(member|epoch|step)\}", pattern)
    wild = "".join("*" if number % 2 else part for number, part in enumerate(parts))
    expression, groups = "", []
    for number, part in enumerate(parts):
        if number % 2:
            expression += f"(?P={part})" if part in groups else f"(?P<{part}>{PLACES[part][1:]}"
            groups.append(part)
        else:
            expression += _of_shell(part)
    fits = re.compile(expression)
    found = []
    for name in sorted(glob.iglob(wild, recursive=True), key=natural):  # noqa: PTH207 - of any folder
        match = fits.fullmatch(name)
        if match and (Path(name).is_file() or _index_in(Path(name))):
            held = match.groupdict()
            step = held.get("epoch") or held.get("step")
            own = held.get("member") or _common_name(Path(name))
            found.append(Entry(_index_in(Path(name)) or Path(name), own, int(step) if step else None))
        if len(found) > MOST_FILES:
            raise InputError(f"more than {MOST_FILES:,} files fit '{shown(pattern, 100)}'")
    if not found:
        raise InputError(f"no file fits the pattern '{shown(pattern, 200)}'")
    return found


def _of_shell(text: str) -> str:
    """A part of a pattern as a regular expression."""
    known = {"**/": r"(?:.*/)?", "*": r"[^/]*", "?": r"[^/]"}
    return "".join(known.get(one, re.escape(one)) for one in re.split(r"(\*\*/|\*|\?)", text))


def _common_name(path: Path) -> str:
    return path.parent.name or "network"


def _index_in(path: Path) -> Path | None:
    """The index of weights in a folder."""
    return next((one for one in sorted(path.glob(f"*{INDEX}")) if one.is_file()), None) if path.is_dir() else None


def _of_folder(folder: Path, kind: str) -> list[Entry]:
    """A folder: of one checkpoint in shards, of a member's steps, or of one folder a member."""
    if index := _index_in(folder):
        return [Entry(index, _named(folder), step_of(folder.name))]
    files = _weights(folder, kind)
    if files:
        if len(files) == 1 and step_of(files[0].stem) is None:
            return [Entry(files[0], _named(folder), None)]
        return _of_files(files)
    inner = sorted(
        (one for one in folder.iterdir() if one.is_dir() and one.name[0] != "."), key=lambda one: natural(one.name)
    )
    inner = [one for one in inner if _index_in(one) or _weights(one, kind) or any(map(Path.is_dir, one.iterdir()))]
    if not inner:
        raise InputError(f"the folder '{folder}' holds no file of weights ({', '.join(suffixes(kind))})")
    steps = {one: step_of(one.name) for one in inner}
    if all(step is not None for step in steps.values()):
        return [Entry(entry.path, _named(folder), steps[one]) for one in inner for entry in _of_folder(one, kind)[:1]]
    return [
        Entry(entry.path, one.name if entry.member == _named(one) else f"{one.name}/{entry.member}", entry.step)
        for one in inner
        for entry in _of_folder(one, kind)
    ]


def _named(folder: Path) -> str:
    return folder.resolve().name or "network"


def _weights(folder: Path, kind: str) -> list[Path]:
    """Files of weights in a folder; those of safetensors alone where they lie beside others of the same step."""
    endings = suffixes(kind)
    found = [one for one in folder.iterdir() if one.is_file() and one.suffix.lower() in endings]
    found = [one for one in found if not BESIDE.match(one.name) and not SHARD.search(one.name) and one.name[0] != "."]
    names = {one.stem for one in found if one.suffix == ".safetensors"}
    twins = {"pytorch_model"} if "model" in names else set()
    found = [one for one in found if one.suffix == ".safetensors" or one.stem not in names | twins]
    return sorted(found, key=lambda one: natural(one.name))


def _of_files(files: Sequence[Path]) -> list[Entry]:
    """Files by name: what is the same but for the number of the step is one member."""
    steps = {path: step_of(path.stem) for path in files}
    bare = {path: _without_step(path) for path in files}
    folders = {str(path.parent) for path in files}
    texts = {text for _, text in bare.values()}
    found = []
    for path in files:
        parent, text = bare[path]
        if len(folders) == 1:
            name = text or parent
        else:  # which part tells them apart
            name = parent if len(texts) == 1 else "/".join(filter(None, (parent, text)))
        found.append(Entry(path, (name or path.stem)[-NAME_LENGTH:], steps[path]))
    return _apart(found)


def _apart(entries: list[Entry]) -> list[Entry]:
    """Members of one name in different folders get the names of these folders, as far as they differ."""
    clash = (
        {
            (one.member, one.step)
            for one in entries
            if sum((o.member, o.step) == (one.member, one.step) for o in entries) > 1
        }
        if len(entries) < 2000
        else set()
    )
    if not clash:
        return entries
    parts = [one.path.parent.parts for one in entries]
    shared = 0
    while all(len(one) > shared and one[shared] == parts[0][shared] for one in parts):
        shared += 1
    return [
        Entry(one.path, "/".join((*own[shared:], one.member))[-NAME_LENGTH:], one.step)
        for one, own in zip(entries, parts, strict=True)
    ]


def step_of(text: str) -> int | None:
    """The number of the epoch or step in a name; None where it has none.

    >>> [step_of(name) for name in ("epoch=3-step=1000", "ckpt_040", "checkpoint-500", "weights-012", "resnet20")]
    [3, 40, 500, None, None]
    """
    match = NAMED.search(text) or _last(STEP.finditer(text))
    return int(match[1]) if match else None


def _last(matches: Iterable[re.Match[str]]) -> re.Match[str] | None:
    found = [*matches]
    return found[-1] if found else None


def _without_step(path: Path) -> tuple[str, str]:
    """The name of a file's folder, and its own without the number of the step."""
    text = path.stem.removesuffix(".weights")
    match = NAMED.search(text) or _last(STEP.finditer(text))
    if match:
        text = text[: match.start()] + text[match.end() :]
        if NAMED.search(match[0]):
            text = re.sub(r"[-_]?step[-_=]?\d+", "", text)
    return path.resolve().parent.name, text.strip("-_.= ")
