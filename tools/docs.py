"""Build the documentation site: run tutorials, call Sphinx with warnings as errors, check every link and page.

Usage: python tools/docs.py [--out build/docs] [--without-running] [--without-browser]

Needs `pip install -c constraints.txt -e '.[docs]'`; with Playwright and a Chromium, pages are also opened. The build
uses no network, and pages load nothing from elsewhere. The site is OUT/html, to be opened as files or served; it
contains the tutorials as notebooks with their output. Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

import yaml
from docs_checks import broken_links, looked_at, resources_from_elsewhere
from docs_generated import generated_pages

ROOT = Path(__file__).parents[1]
RUN = {"python": "", "sh": "%%bash\n"}  # fenced blocks of a tutorial that are run -> how their cell starts
FENCE = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3, language: python}
language_info: {name: python, pygments_lexer: ipython3}
---
"""
INDEX = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=docs/index.html">\n'


def lay_out(source: Path) -> None:
    """Copy the documents of the repository, and write the generated ones and the navigation."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source / "docs")
    for path in ROOT.glob("*.md"):
        shutil.copy(path, source)
    for name in ("constraints.txt", "CITATION.cff"):
        shutil.copy(ROOT / name, source)
    for path in (source / "docs/tutorials").glob("*.md"):
        path.write_text(as_notebook(path.read_text(encoding="utf-8"), path.stem), encoding="utf-8")
    for name, text in generated_pages().items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    navigation = yaml.safe_load((ROOT / "docs/site/navigation.yaml").read_text(encoding="utf-8"))
    trees = [
        f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n" + "\n".join(map(entry, pages))
        for caption, pages in navigation.items()
    ]
    with (source / "docs/index.md").open("a", encoding="utf-8") as index:
        index.write("\n```\n".join(trees) + "\n```\n")


def entry(page: str) -> str:
    """A line of a table of contents, absolute: ``/path`` or ``Title </path>``."""
    return page.replace("<", "</") if "<" in page else f"/{page}"


def as_notebook(text: str, name: str) -> str:
    """A tutorial in Markdown as a notebook in Markdown: its blocks of python and sh are cells."""

    def cell(found: re.Match[str]) -> str:
        return f"```{{code-cell}} ipython3\n{RUN[found[1]]}{found[2]}```"

    title, rest = text.split("\n", 1)
    note = f"*Run when this page was built; as a notebook: {{nb-download}}`{name}.ipynb <{name}.ipynb>`.*"
    return f"{HEAD}{title}\n\n{note}\n{FENCE.sub(cell, rest)}"


def build(out: Path, running: bool) -> int:
    """Call Sphinx; warnings are errors."""
    from sphinx.cmd.build import build_main

    source, html = out / "source", out / "html"
    shutil.rmtree(html, ignore_errors=True)
    profile = out / "ipython/profile_default"
    (profile / "startup").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs/site/ipython_kernel_config.py", profile)
    shutil.copy(ROOT / "docs/site/shell_cells.py", profile / "startup")
    here = {"IPYTHONDIR": str(out / "ipython"), "COLUMNS": "84", "JUPYTER_PLATFORM_DIRS": "1"}
    os.environ.update(here, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    mode = "force" if running else "off"
    options = ["-c", str(source / "docs/site"), "-d", str(out / "doctrees"), "-D", f"nb_execution_mode={mode}"]
    code = build_main(["-b", "html", "-E", "-W", "--keep-going", "-q", *options, str(source), str(html)])
    (html / "index.html").write_text(INDEX)
    return code


def main() -> int:
    """Build and check; problems go to standard error, one per line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build/docs", help="the folder [build/docs]")
    parser.add_argument("--without-running", action="store_true", help="tutorials without what they print and draw")
    parser.add_argument("--without-browser", action="store_true", help="pages are not opened")
    said = parser.parse_args()
    began, out = time.perf_counter(), said.out.resolve()
    lay_out(out / "source")
    if build(out, not said.without_running):
        return 1
    html = out / "html"
    wrong = [*broken_links(html), *resources_from_elsewhere(html)]
    if not said.without_browser:
        wrong += looked_at(html)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    pages = len(list(html.rglob("*.html")))
    print(f"{pages} pages in {time.perf_counter() - began:.0f} s: {html / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
