"""Memory and time of ``modescape compare`` on many models of many examples: python bench/compare_memory.py FOLDER.

Missing files are created (float32 logits, 40 bytes per example of 10 classes) and kept.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

BLOCK = 100_000


def made(path: Path, label: np.ndarray, classes: int, number: int) -> Path:
    """A model whose errors are partly shared with the others, as a ``.npy`` file."""
    if path.exists():
        return path
    out = np.lib.format.open_memmap(f"{path}.part", "w+", np.float32, (len(label), classes))
    for start in range(0, len(label), BLOCK):
        own = label[start : start + BLOCK]
        common = np.random.default_rng([1 << 20, start]).normal(size=(len(own), classes))
        logits = common + np.random.default_rng([number, start]).normal(size=common.shape)
        logits[np.arange(len(own)), own] += 2.5
        out[start : start + BLOCK] = logits
    out.flush()
    Path(f"{path}.part").rename(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=10)
    said = parser.parse_args()
    said.folder.mkdir(parents=True, exist_ok=True)
    label = np.random.default_rng(0).integers(0, said.classes, said.examples)
    np.save(said.folder / "label.npy", label)
    names = [f"net-{said.examples}-{at:03d}.npy" for at in range(said.models)]
    files = [made(said.folder / name, label, said.classes, at) for at, name in enumerate(names)]
    command = [
        sys.executable,
        "-m",
        "modescape",
        "compare",
        *map(str, files),
        "--labels",
        str(said.folder / "label.npy"),
    ]
    began = time.monotonic()
    subprocess.run([*command, "--out", str(said.folder / "comparison")], check=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"{said.models} models x {said.examples:,} examples x {said.classes} classes: ", end="")
    print(f"{time.monotonic() - began:.0f} s, {largest:.2f} GB of memory at most")


if __name__ == "__main__":
    main()
