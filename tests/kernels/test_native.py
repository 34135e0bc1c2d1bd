"""The compiler is found and runs once; no library that others can write is loaded; without a compiler all works."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from modescape import runtime
from modescape.kernels import native
from modescape.kernels.implementation import forced, implementation

CODE = "from modescape.kernels import native; print(native.library() is not None, native.missing() or '')"

has_compiler = pytest.mark.skipif(native.find_compiler() is None, reason="no C compiler here")


def ask(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env={**os.environ, **environment}, check=True
    )
    return done.stdout.strip()


@has_compiler
@pytest.mark.ci
def test_compiled_once_and_found_again(tmp_path):
    assert ask(MODESCAPE_CACHE=str(tmp_path)) == "True"
    (made,) = (tmp_path / "native").iterdir()
    stamp = made.stat().st_mtime_ns
    assert ask(MODESCAPE_CACHE=str(tmp_path)) == "True"
    assert [path.stat().st_mtime_ns for path in (tmp_path / "native").iterdir()] == [stamp]


@pytest.mark.ci
@has_compiler
def test_a_library_that_others_can_write_is_not_loaded(tmp_path):
    assert ask(MODESCAPE_CACHE=str(tmp_path)) == "True"
    (made,) = (tmp_path / "native").iterdir()
    made.write_bytes(b"no library at all")
    made.chmod(0o722)
    assert ask(MODESCAPE_CACHE=str(tmp_path)) == "True"  # compiled again, replacing it
    assert made.stat().st_mode & 0o022 == 0
    (tmp_path / "native").chmod(0o777)
    made.write_bytes(b"no library at all")
    assert ask(MODESCAPE_CACHE=str(tmp_path)) == "True"  # compiled elsewhere, and not kept
    assert made.read_bytes() == b"no library at all"


@has_compiler
def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "file").touch()
    assert ask(MODESCAPE_CACHE=str(tmp_path / "file" / "below")) == "True"


def test_without_a_compiler_it_says_so(tmp_path):
    said = ask(MODESCAPE_CACHE=str(tmp_path), PATH="/nowhere", CC="")
    assert said.startswith("False no C compiler is installed (gcc or clang): training on the CPU takes")


def test_switched_off(tmp_path):
    assert ask(MODESCAPE_NATIVE="off").startswith("False the C kernels are switched off")


def test_a_compiler_that_fails(tmp_path):
    broken = shutil.which("false")
    said = ask(MODESCAPE_CACHE=str(tmp_path), CC=str(broken))
    assert said.startswith(f"False '{broken}' cannot compile the C kernels")


@pytest.mark.ci
@has_compiler
def test_a_compiler_that_does_not_know_this_processor(tmp_path):
    """The second attempt omits -march=native."""
    wrapper = tmp_path / "cc"
    wrapper.write_text(
        f'#!/bin/sh\nfor a in "$@"; do [ "$a" = -march=native ] && exit 1; done\nexec {native.find_compiler()} "$@"\n'
    )
    wrapper.chmod(0o755)
    assert ask(MODESCAPE_CACHE=str(tmp_path), CC=str(wrapper)) == "True"


BUILDS = """
import sys
from pathlib import Path
from types import SimpleNamespace
import torch
from modescape import recipe
from modescape.context import StudyContext
from modescape.kernels import native
from modescape.kernels.block import Block, blocks
from modescape.train.plan import Plan

native.PREBUILT_FOLDER = Path(sys.argv[1])
torch.manual_seed(0)
x, w, b = torch.randn(9, 3, 10, 10), torch.randn(16, 3, 3, 3), torch.randn(16)
def numbers():
    x.requires_grad_(), w.requires_grad_()
    y = blocks(x, [Block(w, b, 1, 0, 6000, 2, False, True)], torch.tensor(7))
    return [y, *torch.autograd.grad(y.square().sum(), [x, w])]
print(native.build(), native.missing())
here = numbers()
plan = Plan(device="cpu", group_size=1, kernels="native", build="x86-64-v3")
study = SimpleNamespace(manifest={"plan": plan.as_dict()}, recipe=recipe.load("digits"))
with StudyContext(study).at_work():
    print(native.build())
    there = numbers()
for one, other in zip(here, there, strict=True):
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
"""


@has_compiler
@pytest.mark.long
@pytest.mark.skipif(
    not native.levels(runtime.processor_features().split()), reason="no kernels are prebuilt for this processor"
)
def test_prebuilt_kernels_are_taken_where_nothing_compiles_and_where_a_plan_says_so(tmp_path):
    """They give the numbers of kernels compiled here; whether bit for bit depends on the compiler."""
    compiler = native.find_compiler()
    native.compile_into(tmp_path / "x86-64-v3.so", str(compiler), (*native.FLAGS, "-march=x86-64-v3"))
    for path, expected in (
        (os.environ["PATH"], "here None\nx86-64-v3\n"),
        ("/nowhere", "x86-64-v3 None\nx86-64-v3\n"),
    ):
        environment = {**os.environ, "PATH": path, "CC": ""}
        command = [sys.executable, "-c", BUILDS, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def test_levels_of_processors():
    v3 = native.PREBUILT["x86-64-v3"]
    assert native.levels([*v3, "mmx"]) == ["x86-64-v3"]
    assert native.levels(sorted(v3 - {"fma"})) == []
    assert native.levels(sorted(native.PREBUILT["x86-64-v4"])) == ["x86-64-v4", "x86-64-v3"]


def test_other_kernels_than_a_study_was_begun_with_are_said():
    """The wheel's kernels are not in a checkout, so a plan that names them gets different ones here."""
    before = "x86-64-v4" if native.build() != "x86-64-v4" else "here"
    said = native.missing(before)
    assert said is not None
    assert native.build() is None or said.startswith(f"the study was begun with the C kernels '{before}' and goes on")
    assert native.build() is None or native.missing(native.build()) is None


@pytest.mark.parametrize("name", ["native", "triton"])
def test_no_kernel_is_given_numbers_that_it_does_not_take(name):
    """A plan forces its kernels for the whole training, and a network may hold a layer in float64."""
    with forced(name):
        assert implementation(torch.zeros(1)) == name
        assert implementation(torch.zeros(1, dtype=torch.float64)) == "torch"
