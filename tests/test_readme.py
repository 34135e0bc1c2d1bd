"""The examples of the README and the tour run."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot
import numpy as np
import pytest

import modescape as ms
from modescape import rng

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TOUR, re.DOTALL)


def test_the_lines_of_python_work(tmp_path):
    lines, _ = BLOCKS
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


@pytest.mark.ci
def test_the_landscape_of_one_s_own_network_is_complete(capsys):
    """The code as it stands, apart from a smaller grid and a shorter fit."""
    small = (
        BLOCKS[1].replace("surface(tolerance", "surface(None, [-1, 0, 1], tolerance").replace("steps=200", "steps=20")
    )
    assert small.count("[-1, 0, 1]") == small.count("steps=20") == 1
    names = {}
    with rng.seeded(0):
        exec(small, names)
    assert names["surface"].loss[1, 1] == pytest.approx(names["field"].value(), rel=1e-12)
    assert names["found"].aligned < names["found"].raw
    assert "nats, aligned" in capsys.readouterr().out
    matplotlib.pyplot.close("all")


def test_it_is_one_screen_with_one_picture():
    assert len(README.splitlines()) <= 50
    assert len(re.findall(r"!\[", README)) == 1


def test_files_that_it_names_are_there():
    for name in re.findall(r"\]\(([\w/.-]+)(?:#[\w-]+)?\)", README):
        assert (ROOT / name).is_file(), name
