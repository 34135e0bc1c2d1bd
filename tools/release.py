"""The checklist of a release: build it, install it in empty environments, run it, and print a table.

Usage: python tools/release.py [--out dist] [--final] [--without run] [--pip-option=...]

Needs a checkout, `venv` and an index for pip; the package need not be installed. `--final` also refuses an unfinished
changelog and uncommitted changes. docs/releasing.md lists what is done by hand. Exits with 1 if a check fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import email.parser
import filecmp
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_WHEEL = 3_000_000  # bytes
NEWEST_GLIBC = (2, 17)  # glibc of the wheel's tag, manylinux_2_17
MOST_SECONDS = 180  # from the wheel to the first page, without downloads
CLOCKS = ("state.json", "history.csv", "manifest.json", "report.html", ".lock")  # files that record times or kernels


class CheckError(Exception):
    """A check failed; the message says why."""


@dataclasses.dataclass(frozen=True)
class Release:
    """The release to check, and the folders."""

    out: Path  # folder of the built archives
    scratch: Path  # folder of environments and studies
    final: bool
    pip_options: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version in the package."""
        return re.findall(r'__version__ = "(.+)"', (ROOT / "src/modescape/version.py").read_text())[0]

    @property
    def sdist(self) -> Path:
        """The source archive."""
        return self.out / f"modescape-{self.version}.tar.gz"

    def wheel(self, kind: str) -> Path:
        """The pure wheel ("any") or the one with kernels ("manylinux")."""
        found = sorted(self.out.glob(f"modescape-{self.version}-py3-none-{kind}*.whl"))
        if len(found) != 1:
            raise CheckError(f"{self.out} holds {len(found)} wheels of the kind {kind}, expected 1")
        return found[0]

    def environment(self, name: str) -> Path:
        """The interpreter of a virtual environment, which is created on first use."""
        folder = self.scratch / name
        if not folder.exists():
            venv.create(folder, with_pip=True)
        return folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def pip(self, name: str, *arguments: str) -> str:
        """Run pip in an environment, with the tested versions as constraints."""
        constraints = ("-c", str(ROOT / "constraints.txt")) if arguments[0] in ("install", "download") else ()
        return call(str(self.environment(name)), "-m", "pip", *arguments, *constraints, *self.pip_options)


def call(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program and return its output; on failure, the error has its last lines."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False)
    if done.returncode:
        last = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise CheckError(
            f"{' '.join(Path(part).name for part in command[:4])} ... ended with {done.returncode}: {last}"
        )
    return done.stdout


# ---- checks: each returns its finding, or raises CheckError ----


def names_agree(release: Release) -> str:
    """Version, changelog, citation and classifiers agree."""
    heading = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    if heading.split()[0] != release.version:
        raise CheckError(f"CHANGELOG.md begins with {heading}, the version is {release.version}")
    if release.final and "unreleased" in heading:
        raise CheckError("CHANGELOG.md still says (unreleased)")
    citation = ROOT / "CITATION.cff"
    if citation.exists() and f"version: {release.version}" not in citation.read_text().replace('"', ""):
        raise CheckError(f"CITATION.cff names another version than {release.version}")
    return f"{heading}; CITATION.cff {'agrees' if citation.exists() else 'is not there'}"


def tree_is_clean(release: Release) -> str:
    """The tree has no uncommitted changes."""
    changed = call("git", "-C", str(ROOT), "status", "--short").splitlines()
    if changed and release.final:
        raise CheckError(f"{len(changed)} files differ from the commit, such as {changed[0]}")
    commit = call("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    return f"{commit}{f' and {len(changed)} changed files' if changed else ''}"


def build_all(release: Release) -> str:
    """Build the source archive and, from it, the wheels."""
    release.pip("build", "install", "-q", "build")
    python = str(release.environment("build"))
    for path in release.out.glob("modescape-*"):
        path.unlink()
    call(python, "-m", "build", "--outdir", str(release.out), str(ROOT))  # the wheel is built from the archive
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        with tarfile.open(release.sdist) as archive:
            archive.extractall(release.scratch / "source", filter="data")
        source = release.scratch / "source" / f"modescape-{release.version}"
        environment = {**os.environ, "MODESCAPE_PREBUILT": "1"}
        call(python, "-m", "build", "--wheel", "--outdir", str(release.out), str(source), env=environment)
    return ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(release.out.iterdir()))


def wheels_are_whole(release: Release) -> str:
    """Wheels contain every file of the package and its licence, and nothing else."""
    listed = call("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "src").splitlines()
    expected = {name.removeprefix("src/") for name in listed}
    for kind in ("any", "manylinux"):
        wheel = release.wheel(kind)
        with zipfile.ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if ".dist-info/" not in name}
            about = [name for name in archive.namelist() if ".dist-info/" in name]
        kernels = {name for name in names if name.endswith(".so")}
        if names - kernels != expected:
            raise CheckError(f"{wheel.name} and the package differ in {sorted((names - kernels) ^ expected)[:3]}")
        if bool(kernels) != (kind == "manylinux") or not any(name.endswith("licenses/LICENSE") for name in about):
            raise CheckError(f"{wheel.name} has {len(kernels)} compiled kernels and {about}")
        if wheel.stat().st_size > MOST_WHEEL:
            raise CheckError(f"{wheel.name} has {wheel.stat().st_size:,} bytes, expected at most {MOST_WHEEL:,}")
    return f"{len(expected)} files, no tests, no data; kernels {', '.join(Path(one).name for one in sorted(kernels))}"


def kernels_are_portable(release: Release) -> str:
    """The compiled kernels use no symbols newer than the glibc of the wheel's tag."""
    newest = (0, 0)
    with zipfile.ZipFile(release.wheel("manylinux")) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", archive.read(name)):
                    newest = max(newest, (int(major), int(minor)))
    if not (0, 0) < newest <= NEWEST_GLIBC:
        raise CheckError(f"they need glibc {newest[0]}.{newest[1]}, expected at most {NEWEST_GLIBC}")
    return f"glibc {newest[0]}.{newest[1]} is enough"


def metadata(release: Release) -> email.message.Message:
    """The metadata of the wheel."""
    with zipfile.ZipFile(release.wheel("any")) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.parser.Parser().parsestr(archive.read(name).decode())


def extras_resolve(release: Release) -> str:
    """Every extra can be installed with the package: pip finds compatible versions."""
    extras = metadata(release).get_all("Provides-Extra") or []
    for extra in extras:
        release.pip("first", "install", "--dry-run", "-q", f"{release.wheel('any')}[{extra}]")
    return ", ".join(extras)


def first_command(release: Release) -> str:
    """From the wheel to the first page, in an empty environment without a compiler; downloads are timed separately."""
    store = release.scratch / "downloads"
    wheel = str(release.wheel("manylinux"))
    downloading, _ = timed(lambda: release.pip("first", "download", "-q", "-d", str(store), wheel))
    offline = ("--no-index", "--find-links", str(store))
    installing, work = timed(lambda: release.pip("first", "install", "-q", *offline, wheel))
    running, _ = timed(lambda: run(release, "prebuilt", compiler=False))
    build = json.loads((release.scratch / "prebuilt/manifest.json").read_text())["plan"]["build"]
    said = f"install {installing:.0f} s ({work:.0f} of a processor), run digits --quick {running:.0f} s"
    if installing + running > MOST_SECONDS:
        raise CheckError(f"{said}, expected {MOST_SECONDS} s together")
    return f"download {downloading:.0f} s; {said}; kernels {build}"


def same_bytes(release: Release) -> str:
    """Kernels compiled here for the pure wheel give the same bytes as the prebuilt ones, or the plans differ."""
    release.pip("first", "install", "-q", "--no-deps", "--force-reinstall", str(release.wheel("any")))
    seconds, _ = timed(lambda: run(release, "compiled", compiler=True))
    one, other = release.scratch / "prebuilt", release.scratch / "compiled"
    names = [path.relative_to(one) for path in one.rglob("*") if path.is_file() and path.name not in CLOCKS]
    _, differing, absent = filecmp.cmpfiles(one, other, map(str, names), shallow=False)
    plans = [json.loads((folder / "manifest.json").read_text())["plan"]["build"] for folder in (one, other)]
    if absent or (differing and plans[0] == plans[1]):
        raise CheckError(f"{len(absent)} files are missing and {len(differing)} differ under one plan ({plans[0]})")
    equal = f"{len(names) - len(differing)} of {len(names)} files are equal"
    return f"run digits --quick {seconds:.0f} s; {equal}; plans say {' and '.join(plans)}"


def archive_installs(release: Release) -> str:
    """The source archive can be built and started, too."""
    release.pip("first", "install", "-q", "--no-deps", "--force-reinstall", str(release.sdist))
    return call(str(release.environment("first")), "-m", "modescape", "--version").strip()


def licences_are_told(release: Release) -> str:
    """Pages, the figures' script and the wheel include D3 with its licence, and no other third-party code."""
    licence = (ROOT / "src/modescape/plots/page/vendor/d3.LICENSE").read_text()
    for name in ("report.html", "figures/figures.js"):
        if licence not in (release.scratch / "prebuilt" / name).read_text():
            raise CheckError(f"{name} holds D3 without its licence")
    told = metadata(release).get_all("License-File") or []
    if not any(name.endswith("d3.LICENSE") for name in told):
        raise CheckError(f"the wheel holds D3 without its licence; it has {told}")
    return f"{metadata(release)['License-Expression']}; D3 in pages and wheel: with the licences of all its parts"


def run(release: Release, name: str, compiler: bool) -> None:
    """Run a user's first command; without ``compiler``, no programs are on the path."""
    python = release.environment("first")
    environment = {**os.environ, "MODESCAPE_CACHE": str(release.scratch / f"cache of {name}")}
    if not compiler:
        environment |= {"PATH": str(python.parent), "CC": ""}
    command = (str(python), "-m", "modescape", "run", "digits", "--quick", "--quiet", "--out", name)
    call(*command, env=environment, cwd=release.scratch)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock seconds of a call, and processor seconds of its child processes (not of their workers)."""
    before, start = os.times(), time.perf_counter()
    work()
    after, end = os.times(), time.perf_counter()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return end - start, used


CHECKS: dict[str, Callable[[Release], str]] = {  # in this order, as later checks use results of earlier ones
    "names": names_agree,
    "tree": tree_is_clean,
    "build": build_all,
    "contents": wheels_are_whole,
    "portable": kernels_are_portable,
    "run": first_command,
    "extras": extras_resolve,
    "licences": licences_are_told,
    "bytes": same_bytes,
    "sdist": archive_installs,
}


def rows(release: Release, without: list[str]) -> Iterator[tuple[str, bool, str]]:
    """Run the checks in turn; yields (check, whether it passed, finding)."""
    for name, check in CHECKS.items():
        if name in without:
            continue
        try:
            yield name, True, check(release)
        except (CheckError, OSError, subprocess.SubprocessError) as error:
            yield name, False, str(error)


def main() -> int:
    """Run the checks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where what is built goes")
    parser.add_argument("--final", action="store_true", help="refuse what is not finished")
    parser.add_argument("--without", action="append", default=[], choices=CHECKS, help="leave a check out")
    parser.add_argument("--pip-option", action="append", default=[], help="handed on to every call of pip")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    held = True
    with tempfile.TemporaryDirectory(prefix="modescape-release-") as folder:
        release = Release(options.out.resolve(), Path(folder), options.final, tuple(options.pip_option))
        print("| check | held | what was found |\n|---|---|---|", flush=True)
        for name, well, said in rows(release, options.without):
            held &= well
            print(f"| {name} | {'yes' if well else 'NO'} | {said} |", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
