"""The content of a study, for comparing studies: names and bytes, except clock times."""

import hashlib
import json
from pathlib import Path

KEPT = ("members", "predictions.zarr", "results", "figures", "variants")
CLOCK = ("history.csv", "state.json")  # they contain durations


def contents(study: Path, parts: tuple[str, ...] = KEPT) -> dict[str, str]:
    """Path -> SHA-256 of every file that is the same in every run."""
    found = {}
    for part in parts:
        for file in sorted((study / part).rglob("*")):
            if file.is_file() and file.name not in (*CLOCK, ".lock", "manifest.json", "study.yaml"):
                found[str(file.relative_to(study))] = hashlib.sha256(file.read_bytes()).hexdigest()
    for file in sorted(study.rglob("state.json")):
        values = json.loads(file.read_text())
        found[str(file.relative_to(study))] = str([values["status"], values["epochs_done"], values["checksums"]])
    for file in sorted(study.rglob("history.csv")):
        rows = [line.rpartition(",")[0] for line in file.read_text().splitlines()]
        found[str(file.relative_to(study))] = "\n".join(rows)
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Paths that only one of them has, or whose contents differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
