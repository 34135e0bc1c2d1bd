"""The documentation site, as far as can be checked without building it (tools/docs.py builds it in .ci/run)."""

import importlib.util
import re
from pathlib import Path

import yaml

import modescape
from modescape.cli import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/tutorials/*.md")])
MADE = {"docs/reference/commands", "docs/reference/python", "docs/reference/recipes"}


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_document_stands_once_in_the_navigation():
    navigation = yaml.safe_load((ROOT / "docs/site/navigation.yaml").read_text(encoding="utf-8"))
    listed = [page.split("<")[-1].rstrip(">") for pages in navigation.values() for page in pages]
    written = {path.relative_to(ROOT).with_suffix("").as_posix() for path in DOCUMENTS} - {"docs/index"}
    assert sorted(listed) == sorted(written | MADE)


def anchors(path):
    """The anchors of headings, as on GitHub and the site."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_between_documents_lead_to_files_and_headings():
    for path in DOCUMENTS:
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", path.read_text(encoding="utf-8")):
            to = path.parent / link if link else path
            assert to.exists(), f"{path.name}: {link}"
            assert not anchor or anchor in anchors(to), f"{path.name}: {link}#{anchor}"


def test_the_reference_has_every_command_and_every_public_name():
    generated = tool("docs_generated").generated_pages()
    assert set(generated) == {f"{page}.md" for page in MADE}
    commands = set(
        re.findall(r"^## modescape$|^### (modescape .+)$", generated["docs/reference/commands.md"], re.MULTILINE)
    )
    assert commands - {""} == {f"modescape {name}" for name in cli.commands} | {"modescape recipes show"}
    names = re.findall(r"^### ms\.(\w+)$", generated["docs/reference/python.md"], re.MULTILINE)
    assert sorted(names) == sorted(modescape.__all__)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # required by its schema, 1.2.0
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", modescape.__version__)


def test_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/gallery").iterdir()}
    assert max(sizes.values()) <= 150_000
    assert sum(sizes.values()) <= 1_000_000


def test_what_is_wrong_with_a_built_site_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="b.html#there"></a><a href="c.html"></a><a href="https://d.org"></a>'
        '<img src="no.png"><link href="style.css"><script src="//e.org/f.js"></script>'
    )
    (tmp_path / "b.html").touch()
    (tmp_path / "style.css").write_text("@import 'https://g.org/h.css'; a { background: url(own.png) }")
    checks = tool("docs_checks")
    assert sorted(checks.broken_links(tmp_path)) == [
        "a.html: 'b.html#there' leads to a place that is not there",
        "a.html: 'c.html' leads nowhere",
        "a.html: 'no.png' leads nowhere",
    ]
    elsewhere = list(checks.resources_from_elsewhere(tmp_path))
    assert elsewhere == ["a.html loads //e.org/f.js", "style.css loads https://g.org/h.css"]
