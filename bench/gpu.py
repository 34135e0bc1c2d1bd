"""All figures of a GPU in one call of under nine minutes; needs nothing but the package. See `modescape.bench.gpu`.

Where pytest and the repository's tests are at hand, those that need a GPU are run first.

Usage: python bench/gpu.py [--data FILE.npz] [--out bench/results/gpu.json]
       python bench/gpu.py --prepare FOLDER_OF_CIFAR10 FILE.npz [IMAGES]     # a file to carry to another machine
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np

from modescape import recipe
from modescape.bench.gpu import main
from modescape.data import sources


def prepare(folder: str, path: str, count: int = 15_000) -> None:
    """Write the first images of a dataset of the hub's layout as an .npz."""
    source = sources.hub(recipe.Data(source=folder), None)
    assert source.test_image is not None
    assert source.test_label is not None
    images = (source.image[:count], source.test_image[: count // 5])
    last = [np.ascontiguousarray(image.transpose(0, 2, 3, 1)) for image in images]
    names = np.array(source.class_names)
    arrays = {"image": last[0], "label": source.label[:count], "test_image": last[1], "class_names": names}
    np.savez_compressed(path, **arrays, test_label=source.test_label[: count // 5])


def test() -> None:
    """Run the tests that need a GPU; what they say is seen, and the figures are taken all the same."""
    tests = Path(__file__).parent.parent / "tests"
    if tests.is_dir() and importlib.util.find_spec("pytest"):
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(tests)], check=False, timeout=180)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--prepare"]:
        folder, path, *count = sys.argv[2:]
        prepare(folder, path, *map(int, count))
    else:
        if "cpu" not in sys.argv:
            test()
        main()
