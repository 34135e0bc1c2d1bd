"""The command line as users see it: exit codes, plain errors, examples, light imports."""

import contextlib
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import click
import pytest

import modescape
from modescape.cli import cli, main


def run(*arguments: str, cwd=None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modescape", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


def called(*arguments: str, cwd=".") -> subprocess.CompletedProcess[str]:
    """Run a command in this process: a new one takes seconds to import what is already imported here."""
    said, complained, code = io.StringIO(), io.StringIO(), 0
    streams = contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained)
    words = mock.patch.object(sys, "argv", ["modescape", *arguments])  # read by the entry point `main`
    with words, contextlib.chdir(cwd), streams[0], streams[1]:
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "study"
    settings = ["train.members=2", "train.epochs=2", "analyses=[ensemble_size]"]
    done = run("run", "--engine", "here", "--out", str(out), *(f"--set={setting}" for setting in settings))
    assert done.returncode == 0, done.stderr
    return out, done


def test_choices_that_the_command_line_lists_are_those_of_the_rooms():
    from modescape.interop.checkpoints.held import FORMATS
    from modescape.interop.ensemble.answers import CALIBRATIONS
    from modescape.interop.ensemble.writing import FORMATS as WRITTEN
    from modescape.pipeline.import_sources import WEIGHTS

    choices = {
        (command, option.name): tuple(option.type.choices)
        for command in ("import", "export")
        for option in cli.commands[command].params
        if isinstance(option.type, click.Choice)
    }
    assert choices["import", "format"] == FORMATS
    assert choices["import", "weights"] == WEIGHTS
    assert choices["export", "to"] == tuple(WRITTEN)
    assert choices["export", "calibration"] == ("auto", *CALIBRATIONS)


def test_run_prints_members_verdict_and_the_page(study):
    out, done = study
    assert done.stdout.rstrip().endswith(str(out / "report.html"))
    assert "trained" in done.stdout
    assert "Averaging 2 independent networks" in done.stdout.replace("\u00a0", " ")
    assert "training" in done.stderr
    assert "images/s" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_report_and_analyse(study):
    out, _ = study
    status = called("status", str(out))
    assert status.returncode == 0
    assert "members 0-1      trained   epoch 2/2, 3/3 checkpoints each" in status.stdout
    assert status.stdout.rstrip().endswith("complete")
    assert called("status", "--verify", str(out)).stdout.rstrip().endswith("every checksum matches")
    (out / "report.html").unlink()
    assert called("status", str(out)).stdout.endswith(f"incomplete; go on with: modescape run {out}\n")
    assert called("report", str(out)).stdout.strip() == str(out / "report.html")
    made = called("analyse", str(out), "training", "--engine", "here")
    assert made.returncode == 0
    assert made.stdout.strip() == str(out / "results" / "training.nc")


def test_verify_finds_a_flipped_bit(study):
    out, _ = study
    path = out / "members/001/epoch-002.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-3] + bytes([good[-3] ^ 4]) + good[-2:])
    try:
        verified = called("status", "--verify", str(out))
        assert verified.returncode == 1
        assert "damaged" in verified.stdout
        assert "001/epoch-002.safetensors" in verified.stdout
        assert verified.stdout.endswith(f"repair with: modescape run {out}\n")
    finally:
        path.write_bytes(good)


def test_damage_says_what_mends_it(study):
    out, _ = study
    path = out / "members/001/state.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"trained"', b'"failed"'))
    try:
        done = called("analyse", str(out), "training")
        assert done.returncode == 1
        again = f"Recreate it with: modescape run {out}\n"
        assert done.stderr == f"modescape: '{path}' is damaged: its checksum does not match\n{again}"
    finally:
        path.write_bytes(good)


WRONG = {
    "unknown recipe": (["run", "digit"], ["did you mean 'digits'"]),
    "unknown key": (["run", "--set", "train.mebers=3"], ["train.mebers", "did you mean 'members'"]),
    "wrong type": (["run", "--set", "train.members=many"], ["train.members", "'many'"]),
    "no module": (["run", "--set", "model.factory=nowhere:net"], ["nowhere"]),
    "no network": (["run", "--set", "model.factory=builtins:dict"], ["dict", "Module"]),
    "wrong output": (
        ["run", "--set=model.factory=torch.nn:Linear", "--set=model.arguments={in_features: 8, out_features: 3}"],
        ["[2, 1, 8, 3]", "[2, 10]"],
    ),
    "unknown analysis": (["run", "--set", "analyses=[tsn]"], ["did you mean 'tsne'"]),
    "unknown setting": (["run", "--set", "settings.tsne.exmples=3"], ["did you mean 'examples'"]),
    "no file": (["run", "missing.yaml"], ["missing.yaml"]),
    "no study": (["status", "nothing"], ["nothing", "not a study"]),
    "no image source": (["run", "--set", "data.source=missing.npz"], ["missing.npz", "does not exist"]),
    "image too small": (["run", "--set", "model.factory=notebook_medium_cnn"], ["20"]),
    "no engine": (["run", "--engine", "ray", "--set", "train.epochs=1"], ["ray"]),
    "unknown option": (["run", "--oout", "x"], ["--out"]),
    "unknown command": (["runn"], ["runn"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_a_plain_error(case, tmp_path):
    arguments, expected = WRONG[case]
    done = called(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 5
    for text in expected:
        assert text in done.stderr
    assert not list(tmp_path.iterdir())


def test_wrong_input_to_the_command_itself(tmp_path):
    """As above, in a process of its own: exit code and standard error."""
    done = run("run", "--set", "train.members=many", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "train.members" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    done = called("run", "--out", str(tmp_path / "file" / "study"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--out" in done.stderr


@pytest.mark.ci
def test_dataset_absent_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MODESCAPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    done = run("run", "cifar10-smallcnn", "--out", str(tmp_path / "s"))
    assert done.returncode == 2
    assert "uoft-cs/cifar10" in done.stderr
    assert "data.source" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", [pytest.param("", marks=pytest.mark.ci), "1"])
def test_output_that_cannot_be_written_is_said_and_fails(unbuffered):
    """At once where output is unbuffered, else when the process ends."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "modescape", "recipes"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, "modescape: cannot write the output: No space left on device\n")


def test_debug_shows_the_traceback():
    assert "Traceback" in run("--debug", "run", "digit").stderr


def commands(command=cli, words=("modescape",)):
    """Every command with its full name, including groups."""
    yield " ".join(words), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


@pytest.mark.parametrize(("words", "command"), list(commands()))
def test_every_help_shows_its_examples_as_lines(words, command):
    text = command.get_help(click.Context(command, info_name=words, terminal_width=60))
    assert "\\b" not in text
    assert "\b" not in text
    examples = re.findall(rf"^ +{words}\b.*$", inspect.cleandoc(command.help), re.MULTILINE)
    assert examples
    assert all(f"\n  {example}\n" in text for example in examples)


def test_recipes_are_listed_and_shown(tmp_path):
    listed = called("recipes").stdout
    assert "cifar10-smallcnn" in listed
    shown = called("recipes", "show", "digits").stdout
    assert "source: digits" in shown
    assert called("--version").stdout.strip().endswith(modescape.__version__)


@pytest.mark.parametrize("arguments", ["['--help']", "['status', {out!r}]", "['run', '--help']"])
def test_help_and_status_import_nothing_heavy(study, arguments):
    code = (
        "import sys, contextlib\n"
        f"sys.argv = ['modescape', *{arguments.format(out=str(study[0]))}]\n"
        "from modescape.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'xarray', 'numpy', 'zarr', 'pydantic', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "HEAVY []" in done.stdout


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "s"
    command = [sys.executable, "-m", "modescape", "run", "--out", str(out), "--set", "train.epochs=500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        history = out / "members/000/resume.safetensors"
        for _ in range(1200):
            if history.exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert stderr.endswith(f"Stopped. Every finished epoch is kept; go on with:\n  modescape run {out}\n")
    assert "Traceback" not in stderr


@pytest.mark.ci
def test_ctrl_c_before_anything_was_written_says_so(tmp_path):
    """A factory interrupts, first before the study exists, then after."""
    (tmp_path / "net.py").write_text(
        "from pathlib import Path\n"
        "if not Path('later').exists() or Path('s/manifest.json').exists():\n"
        "    raise KeyboardInterrupt\n"
        "from torch.nn import Flatten, Linear, Sequential\n"
        "def f(num_classes): return Sequential(Flatten(), Linear(64, num_classes))\n"
    )
    command = ["train", "digits", "--out=s", "--engine=here", "--set=model.factory=net:f", "--set=train.epochs=1"]
    first = run(*command, cwd=tmp_path)
    assert first.returncode == 1
    again = f"modescape {' '.join(command)}"
    assert first.stderr.endswith(f"before anything was written; the same command begins again:\n  {again}\n")
    assert not (tmp_path / "s").exists()
    (tmp_path / "later").touch()
    assert run(*command, "--set=train.members=1", cwd=tmp_path).returncode == 0
    later = run("run", "s", cwd=tmp_path)
    assert later.returncode == 1
    assert later.stderr.endswith("Every finished epoch is kept; go on with:\n  modescape run ./s\n")
