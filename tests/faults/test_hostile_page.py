"""Faults, line 5: untrusted names and messages on pages are plain text, in a browser and in files."""

import base64
import gzip
import re
import socket
import time
import urllib.parse
from xml.etree import ElementTree

import numpy as np
import pytest
from browsing import Opened

import modescape as ms
from modescape.analyses import figures
from modescape.analyses.confusion.example import example as confusion
from modescape.report.tables import csv_tables
from modescape.study import Study

from .hostile import bounded, change_json, modescape

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

HIT = "window.hit=1;alert(1)"
HOSTILE = (
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f'"><img src=x onerror="{HIT}">',
    f"<a href='javascript:{HIT}'>press</a>",
    "</style><style>body{display:none}@import 'http://192.0.2.1/x.css';a{width:expression(alert(1))}",
    "<svg/onload=alert(1)><iframe src=http://192.0.2.1/></iframe><link rel=stylesheet href=//192.0.2.1/x>",
    "abc\u202egnp.exe\u2066\u200f\u061c",
    r"$\frac{1}{0}$ %s %(x)s {0} {{x}} {% raw %} %{text} \\input{/etc/passwd} ${HIT}",
    "=cmd|' /C calc'!A1",
    "-->]]>&lt;script&gt;\x07\x1b[2J\r\nnew line &amp;&#0; " + "long " * 1_900,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A whole study, trained on classes with hostile names, with hostile text wherever an attacker can place some."""
    folder = tmp_path_factory.mktemp("page")
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (120, 8, 8), dtype=np.uint8)
    np.savez(folder / "data.npz", image=image, label=np.arange(120) % len(HOSTILE), class_names=np.array(HOSTILE))
    settings = [f"data.source={folder / 'data.npz'}", "train.members=2", "train.epochs=2", "compute.engine=here"]
    settings += ["data.validation=20", "data.test=40", "analyses=[training, confusion, tsne]"]
    study = ms.run("digits", out=folder / "study", overrides=settings)
    for key in ("device", "platform", "streams", "version"):
        change_json(study.path / "manifest.json", **{key: " ".join(HOSTILE[:8])})
    change_json(study.path / "members/001/state.json", status="failed", message=" ".join(HOSTILE))
    # an attacker can change attributes and variables of results, too
    result = study.result("confusion")
    words = dict.fromkeys(("title", "intervals", "left_out", "split", "recipe_name", "x"), " ".join(HOSTILE[:8]))
    result["count"].attrs["long_name"] = HOSTILE[1]
    study.write_result("confusion", result.assign_attrs(words))
    study = Study.open(study.path)
    figures.save("confusion", study.result("confusion"), study.path / "figures")
    done = modescape("report", study.path, gigabytes=32, seconds=60)
    assert done.returncode == 0, done.stderr
    return study


class Watched(Opened):
    """A page whose figures are drawn."""

    def __init__(self, browser, path):
        super().__init__(browser, path)
        self.wait_for_figures(everything=path.name == "report.html")

    def look_around(self):
        """Open everything that opens, hover over every panel, press every button."""
        self.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        for panel in self.page.query_selector_all(".chart svg")[:12]:
            panel.hover(force=True)
        self.page.evaluate("document.querySelectorAll('svg a').forEach(link => link.dispatchEvent(new Event('click')))")
        self.page.wait_for_timeout(300)


FOREIGN = """[...document.querySelectorAll('img, iframe, object, embed, form, base, link, a, svg a')]
  .map(element => element.src || element.href?.baseVal || element.href || element.tagName)
  .filter(place => !/^(#|data:|file:|blob:)/.test(place) && !/#/.test(place))"""


@pytest.mark.browser
@pytest.mark.parametrize("name", ["report.html", *(f"figures/{one}.html" for one in ("confusion", "tsne", "training"))])
def test_nothing_of_a_stranger_runs_and_nothing_is_asked_for(chromium, study, name):
    path = study.path / name
    beside = [(path.parent / "figures.js").as_uri()] if "/" in name else []
    with Watched(chromium, path) as opened:
        opened.look_around()
        assert opened.page.evaluate("typeof window.hit") == "undefined"
        assert opened.page.evaluate(FOREIGN) == []
        assert opened.page.evaluate("getComputedStyle(document.body).display") != "none"
        shown = opened.page.inner_text("body")
        assert not {"\u202e", "\u2066", "\u200f"} & set(opened.page.content())
        assert opened.said == []
        assert opened.asked == [path.as_uri(), *beside]
        if name in ("report.html", "figures/confusion.html"):
            assert "<script>window" in shown  # it is present, as text


ATTEMPTS = """place => {
  const script = document.createElement('script');
  script.textContent = 'window.hit = 1';
  document.body.append(script);
  document.body.insertAdjacentHTML('beforeend', `<img src="${place}/image" onerror="window.hit = 2">`);
  const tries = [() => fetch(place, {mode: 'no-cors'}), () => navigator.sendBeacon(place),
    () => new WebSocket(place.replace('http', 'ws'))];
  tries.forEach(one => { try { Promise.resolve(one()).catch(() => {}); } catch {} });
}"""


def calls(server):
    """Number of connections that wait at a server; accepts and closes them."""
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.browser
@pytest.mark.parametrize("name", ["report.html", "figures/confusion.html"])
def test_the_policy_stops_what_got_through_nevertheless(chromium, study, name, tmp_path):
    (tmp_path / "free.html").write_text("<body><div class=plot data-figure=none><svg></svg></div>")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        for path, stopped in ((tmp_path / "free.html", False), (study.path / name, True)):
            with Watched(chromium, path) as opened:
                opened.page.evaluate(ATTEMPTS, place)
                opened.page.wait_for_timeout(500)
                assert (opened.page.evaluate("typeof window.hit") == "undefined") is stopped
                assert (calls(server) == 0) is stopped
                assert ("Content Security Policy" in " ".join(opened.said)) is stopped


@pytest.mark.parametrize("name", ["report.html", "figures/confusion.html", "figures/tsne.html"])
def test_pages_forbid_the_network(study, name):
    text = (study.path / name).read_text(encoding="utf-8")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert text.index("Content-Security-Policy") < text.index("<script")
    assert f"<script>{HIT}" not in text


METADATA = {"metadata", "RDF", "Work", "type", "format", "creator", "Agent", "title"}
DRAWN = {"svg", "defs", "style", "g", "path", "use", "clipPath", "rect", "image", "text", "tspan"} | METADATA


def test_printed_figures_hold_names_as_plain_text(study):
    svg = (study.path / "figures/confusion.svg").read_text(encoding="utf-8")
    elements = list(ElementTree.fromstring(svg).iter())
    assert {element.tag.partition("}")[2] for element in elements} <= DRAWN
    links = [value for element in elements for key, value in element.attrib.items() if key.endswith("href")]
    assert links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not any(key.startswith("on") for element in elements for key in element.attrib)
    assert not {"\u202e", "\x1b"} & set(svg)


def test_long_names_and_many_classes_make_no_endless_figure(tmp_path):
    names = tuple(f"{number}" + letter * 10_000 for number, letter in enumerate("<&$x"))
    begin = time.perf_counter()
    figures.save("confusion", confusion(2, 1, names), tmp_path)
    assert (tmp_path / "confusion.html").stat().st_size < 300_000
    assert (tmp_path / "confusion.svg").stat().st_size < 300_000
    assert (tmp_path / "confusion.png").stat().st_size < 1_000_000
    many = confusion(1, 1, tuple(f"class {number}" for number in range(500)))
    with bounded(200, 30):
        figures.interactive("confusion", many)
    figures.save("confusion", many, tmp_path)
    assert (tmp_path / "confusion.png").stat().st_size < 3_000_000
    assert time.perf_counter() - begin < 60


def test_tables_hold_no_formula(study):
    tables = {table.name: table.text for table in csv_tables("confusion", study.result("confusion"))}
    assert any("'=cmd|" in text for text in tables.values())
    assert not any(re.search(r'(^|[,"\n])=cmd', text) for text in tables.values())
    page = (study.path / "report.html").read_text(encoding="utf-8")
    packed = [base64.b64decode(part) for part in re.findall(r'href="data:application/gzip;base64,([^"]*)"', page)]
    offered = [gzip.decompress(part).decode() for part in packed]
    assert offered
    assert not any(re.search(r'(^|[,"\n])[=@]', text) for text in map(urllib.parse.unquote, offered))
