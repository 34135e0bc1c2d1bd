"""How long until a command answers, beyond Python's own start?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from modescape.bench.harness import Options, Result, Row, in_turns, seconds


def measure(options: Options) -> Result:
    """Milliseconds of whole processes."""
    members, epochs = (3, 2) if options.small else (1000, 40)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study"
        large_study(path, members, epochs)

        def run(*arguments: str) -> float:
            command = [sys.executable, *arguments]
            return 1000 * seconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))

        variants = {
            "Python alone": lambda: run("-c", "pass"),
            "import modescape": lambda: run("-c", "import modescape"),
            "modescape --help": lambda: run("-m", "modescape", "--help"),
            f"modescape status, {members:,} members of {epochs + 1} checkpoints": lambda: run(
                "-m", "modescape", "status", str(path)
            ),
        }
        for call in variants.values():
            call()  # files come into the system's cache
        rows = in_turns(variants, max(options.repeats, 3), say=options.say)
    empty = rows[0].values
    beyond = [
        Row(name=f"{row.name}, beyond Python", values=[a - b for a, b in zip(row.values, empty, strict=True)])
        for row in rows[1:]
    ]
    return Result(
        name="startup",
        question="How long does a command take, beyond Python's own start?",
        unit="ms",
        setting="whole processes, files in the system's cache",
        rows=[*rows, *beyond],
    )


def large_study(path: Path, members: int, epochs: int) -> None:
    """A trained study of many members; its checkpoints are empty files."""
    from modescape import data, recipe
    from modescape.pipeline.begin import make_manifest
    from modescape.study import Study, write_member_state
    from modescape.study.layout import checkpoint_name, member_folder

    settings = [f"train.members={members}", f"train.epochs={epochs}", f"train.trajectories={members}"]
    loaded = recipe.load("digits", settings)
    manifest = make_manifest(loaded, data.load(loaded.data, loaded.seed), "cpu")
    study = Study.create(path, loaded, manifest)
    checksums = {checkpoint_name(epoch): "0" * 64 for epoch in range(epochs + 1)}
    for member in range(members):
        folder = member_folder(path, member)
        folder.mkdir(parents=True)
        for name in checksums:
            (folder / name).touch()
        write_member_state(study, member, status="trained", epochs_done=epochs, checksums=checksums, timings={})
