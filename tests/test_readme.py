"""What the README shows is run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import modescape as ms

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_lines_of_python_work(tmp_path):
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    small = ["train.members=2", "train.epochs=2", "analyses=[ensemble_size]", "compute.engine=here"]
    call = 'ms.run("digits", out="studies/digits")'
    assert call in lines
    names = {"small": small, "folder": tmp_path / "study"}
    exec(lines.replace(call, 'ms.run("digits", out=folder, overrides=small)'), names)
    assert isinstance(names["study"], ms.Study)
    assert set(names["weights"]) == set(names["study"].manifest["model"]["parameters"])
    (selection,) = [line for line in lines.splitlines() if line.startswith("study.result")]
    gain = eval(selection, names)
    assert gain.dims == ("size",)
    assert np.isfinite(gain.values[:2]).all()


def test_files_that_it_names_are_there():
    for name in re.findall(r"\]\(([\w/.-]+)\)", README):
        assert (Path(__file__).parents[1] / name).is_file(), name
