"""The example of docs/training.md as it stands there: low-rank adapters, of which only the trained part is kept."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from modescape.study import Study

DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"
SMALL = ["--set", "data.test=200", "--set", "compute.engine=here", "--set", "analyses=[training]", "--set"]
BASE = {f"{layer}.base.{name}" for layer in ("dense1", "dense2") for name in ("weight", "bias")}
TRAINED = {f"{layer}.{name}.weight" for layer in ("dense1", "dense2") for name in ("down", "up")}


@pytest.mark.ci
def test_the_example_of_adapters_keeps_what_is_trained(tmp_path):
    text = DOCUMENT.read_text(encoding="utf-8").partition("### Low-rank adapters")[2]
    module, start = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:2]
    commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0].splitlines()
    (tmp_path / "adapters.py").write_text(module)
    (tmp_path / "start.py").write_text(start)
    for line, epochs in zip(commands, ("40", "", "2"), strict=True):
        words = shlex.split(line)
        more = [*SMALL, f"train.epochs={epochs}", "--set", "train.trajectories=1"] if epochs else []
        more += ["--set", "train.members=2"] if epochs == "2" else []
        run = [sys.executable, *(["-m"] if epochs else []), *words[0 if epochs else 1 :], *more]
        subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, env=os.environ)
    study, given = Study.open(tmp_path / "adapted"), load_file(tmp_path / "start.safetensors")
    assert set(load_file(study.path / "members/shared.safetensors")) == set(given) == BASE
    for file in study.path.glob("members/*/epoch-*"):
        assert set(load_file(file)) == {*TRAINED, "output.weight", "output.bias"}
    before, after = (study.state(1, epoch) for epoch in (0, 2))
    assert not before.params["dense1.up.weight"].any()
    assert after.params["dense1.up.weight"].any()
    assert all((after.buffers[name] == one).all() for name, one in given.items())
