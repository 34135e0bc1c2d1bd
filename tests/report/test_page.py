"""The page as text: its contents, escaping of untrusted text, its size, and equal bytes."""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from example_page import MANIFEST, make_content
from example_results import example_result

from modescape.analyses import ANALYSES
from modescape.analyses.confusion.example import example as confusion
from modescape.analyses.themes import themed, told
from modescape.plain import visible
from modescape.plots.packed import script_json
from modescape.report import entries
from modescape.report.page import build_page
from modescape.report.sections import sample_line, summarize, text_of
from modescape.results import make_result
from modescape.wording.numbers import count, decimals_for, fixed, listing, percent, significant

EVIL = "</script><script>alert(1)</script>"
TURNED = "abc\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe"


class Reader(HTMLParser):
    """The visible page: elements with their attributes, and all text outside scripts and styles."""

    def __init__(self):
        super().__init__()
        self.elements, self.text, self.scripts, self.inside = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts.append((self.elements[-1][1], data))
        elif not self.inside:
            self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def attributes(reader, tag):
    return [attrs for name, attrs in reader.elements if name == tag]


def folded(reader):
    """Names of the analyses that have a folded section."""
    return [attrs["id"] for attrs in attributes(reader, "details") if attrs.get("class", "").startswith("analysis")]


@pytest.fixture(scope="module")
def usual():
    """The page of the example results."""
    return build_page(make_content())


@pytest.fixture(scope="module")
def foreign_class():
    """A result in which classes are named by an attacker."""
    return confusion(3, 2, (EVIL, "=HYPERLINK(1)", TURNED, "a & b"))


def test_sections_have_the_names_of_the_analyses_in_order(usual):
    reader = read(usual)
    ids = [attrs["id"] for attrs in attributes(reader, "section")]
    assert ids == ["verdict", "explorer", "evidence", "analyses", "glossary", "provenance"]
    leads = [names[0] for names in told(ANALYSES)]
    assert folded(reader) == [name for names in themed(leads).values() for name in names]
    anchors = [attrs for attrs in attributes(reader, "a") if attrs["href"].startswith("#")]
    links = [attrs["href"] for attrs in anchors if attrs.get("class") != "term"]
    contents = ["#verdict", *(f"#{name}" for name in ids)]  # the skip link, then the contents
    assert links == [*contents, "#gain-and-cost", "#explorer&tab=methods"]
    every = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(every) == len(set(every))
    assert {"gain-and-cost", *ANALYSES} <= set(every)
    terms = {attrs["href"].removeprefix("#") for attrs in anchors if attrs.get("class") == "term"}
    assert len(terms) > 20
    assert terms <= set(every)


def test_order_of_sections_can_be_given(content):
    """The order applies within a theme; themes have their own order."""
    order = ["training", "tsne"]
    html = build_page(content(analyses=order, results={name: example_result(name) for name in reversed(order)}))
    assert folded(read(html)) == order


def test_headings_descend_one_level_at_a_time_and_figures_have_alternatives(usual):
    reader = read(usual)
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    figures = [attrs for attrs in attributes(reader, "div") if attrs.get("class") == "plot"]
    assert len(figures) == len(ANALYSES) + 2  # two pictures at the top
    boxes = [attrs for attrs in attributes(reader, "div") if attrs.get("class") == "plot-box"]
    assert all(attrs["role"] == "group" and len(attrs["aria-label"]) > 50 for attrs in boxes)
    assert attributes(reader, "html") == [{"lang": "en"}]


def test_policy_allows_exactly_the_scripts_of_the_page(usual):
    reader = read(usual)
    policy = next(a["content"] for a in attributes(reader, "meta") if a.get("http-equiv"))
    runs = [text for attrs, text in reader.scripts if attrs.get("type") != "application/json"]
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in runs]
    assert policy.startswith("default-src 'none'; script-src " + " ".join(hashes) + "; style-src 'unsafe-inline'")
    assert len(hashes) == 1
    assert "unsafe-eval" not in policy


def test_page_is_complete_small_and_loads_nothing(usual):
    assert len(usual.encode()) < 2_500_000  # with every analysis; a study of 50,000 images stays below 12 MB
    reader = read(usual)
    assert usual.count("https://d3js.org v") == 1  # with its copyright
    for _, attrs in reader.elements:
        for key in ("src", "href"):
            assert attrs.get(key, "#").startswith(("#", "data:")), attrs
    for tag in ("img", "iframe", "object", "form", "base"):
        assert attributes(reader, tag) == []


@pytest.mark.ci
def test_same_content_gives_the_same_bytes_in_another_process():
    """With some figures; `tests/faults/test_determinism.py` checks all of them."""
    some = "{name: example_result(name) for name in ('confusion', 'tsne', 'ensemble_size')}"
    content = f"make_content(results={some})"
    names = {"make_content": make_content, "example_result": example_result}
    once, again = (build_page(eval(content, dict(names))) for _ in range(2))
    assert once == again
    code = (
        "from example_page import make_content\nfrom example_results import example_result\n"
        "from modescape.report.page import build_page\n"
        f"import hashlib; print(hashlib.sha256(build_page({content}).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert made.stdout.strip() == hashlib.sha256(once.encode()).hexdigest()


def test_foreign_text_stays_text(content, foreign_class):
    html = build_page(
        content(
            name=EVIL,
            recipe_yaml=f"name: {EVIL}\n",
            results={"confusion": foreign_class},
            notes={"tsne": f"could not read {EVIL}"},
            members=[(0, "trained", ""), (1, "failed", EVIL)],
            manifest={"device": EVIL, "platform": {EVIL: EVIL}, "version": EVIL},
            timings={EVIL: 1.0},
        )
    )
    assert EVIL not in html
    reader = read(html)
    held = [attrs["id"] for attrs in attributes(reader, "script") if "id" in attrs]
    assert held == ["first-1", "figure-confusion"]
    assert len(attributes(reader, "script")) == len(held) + 1  # D3 and the page's own script
    assert not any("alert(1)" in text for attrs, text in reader.scripts if attrs.get("type") != "application/json")
    assert "".join(reader.text).count(EVIL) >= 8  # name, recipe, class, note, message, device, platform twice, ...


def test_the_word_for_examples_is_text_and_no_part_of_the_template(content):
    results = {name: example_result(name) for name in ("ensemble_size", "ensemble_methods")}
    word = "{{ 6 * 7777 }}" + EVIL
    html = build_page(content(results=results, manifest={**MANIFEST, "inputs": {"word": word}}))
    assert "46662" not in html
    assert EVIL not in html
    assert f"Change from the mean single network on test {word}" in "".join(read(html).text)


def test_what_was_left_out_of_the_data_is_said(content):
    note = f"2 broken pictures were left out ('{EVIL}.png')."
    html = build_page(content(results={}, manifest={**MANIFEST, "data_notes": [note]}))
    assert EVIL not in html
    assert note in "".join(read(html).text)
    assert "left out (" not in build_page(content(results={}, manifest=MANIFEST))


def test_direction_overrides_are_written_out(content, foreign_class):
    html = build_page(content(name=TURNED, results={"confusion": foreign_class}))
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in html
    assert "<bdi>abc[U+202E]gpj.exe</bdi></h1>" in html
    embedded = re.search(r'id="figure-confusion">(.*?)</script>', html).group(1)
    assert "u202e" not in embedded.lower()
    assert re.search(r"abc.{1,10}gpj.exe", embedded)


def test_class_names_are_safe_in_the_csv(content, foreign_class):
    reader = read(build_page(content(results={"confusion": foreign_class})))
    data = [a["href"] for a in attributes(reader, "a") if a.get("download", "").startswith("confusion")]
    text = gzip.decompress(base64.b64decode(data[0].partition("base64,")[2])).decode()
    assert "'=HYPERLINK(1)" in text
    assert not re.search(r"(^|,)=", text, re.MULTILINE)


def test_embedded_json_is_the_same_json_without_markup():
    value = {"a": [EVIL, "&\u2028\u2029é", 1.5, None, True], "b<": {"c": "\n"}}
    text = script_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    shown = {"a": [EVIL, "&[U+2028][U+2029]é", 1.5, None, True], "b<": {"c": "\n"}}
    assert json.loads(text) == shown


def test_missing_results_say_why(content):
    html = build_page(content(results={}, notes={"ensemble_size": "It takes at least two members."}, members=()))
    reader = read(html)
    assert folded(reader) == ["ensemble_size"]
    text = " ".join("".join(reader.text).split())
    assert "Not shown: It takes at least two members." in text
    assert "No verdict on the ensemble: ensemble_size was not measured." in text


def test_empty_page_can_be_built(content):
    assert "No verdict" in build_page(content(results={}, manifest={}, members=(), recipe_yaml=""))


def test_a_quick_look_says_what_it_leaves_out(content, usual):
    quick = "A quick look (--quick): 4 of 10 networks; without <shift>."
    assert quick in " ".join(read(build_page(content(quick=quick, results={}))).text)
    assert "quick look" not in usual


def test_members_left_out_are_named(content, usual):
    members = [(0, "trained", ""), (1, "diverged", "the loss was not a number in epoch 3"), (2, "failed", "")]
    text = " ".join("".join(read(build_page(content(members=members, results={}))).text).split())
    assert "member 1: diverged (the loss was not a number in epoch 3) member 2: failed" in text
    assert "1 trained, 1 diverged, 1 failed" in text
    assert "Not every member" not in usual


def test_provenance_and_recipe_are_there(content):
    html = build_page(content(timings={"training": 61.25}, results={}))
    text = " ".join("".join(read(html).text).split())
    for part in ("ab" * 32, "cd" * 32, "name: digits seed: 7", "210", "python: 3.11.9", "modescape run study.yaml"):
        assert part in text
    assert "61.2 s" in text
    recipe = next(a["href"] for a in attributes(read(html), "a") if a.get("download") == "study.yaml")
    assert base64.b64decode(recipe.partition("base64,")[2]).decode() == "name: digits\nseed: 7\n"


def test_figures_and_tables_beyond_the_budget_are_left_in_their_files(content, monkeypatch):
    for budget in ("FIGURE_BUDGET", "CSV_BUDGET"):
        monkeypatch.setattr(entries, budget, 10)  # instead of figures and tables of many megabytes
    html = build_page(content(results={"tsne": example_result("tsne")}))
    assert "There is no interactive figure" in html
    assert "<code>results/tsne.nc</code>" in html
    assert 'download="tsne' not in html


def test_an_analysis_without_words_or_figure_is_still_shown(content):
    provenance = dict.fromkeys(("recipe_hash", "recipe_name", "version", "seed", "examples", "members", "repeats"), 0)
    unknown = make_result(
        {"height": (("t",), np.array([1.0, 3.0, np.nan]), "nats", "height of the barrier")},
        {"t": [0.0, 0.5, 1.0]},
        title="Loss along a line",
        intervals="none",
        provenance=provenance,
        points=3,
    )
    html = build_page(content(results={"linear_path": unknown}))
    assert folded(read(html)) == ["linear_path"]
    assert summarize("linear_path", unknown).rows[0] == ("height of the barrier", "nats", "1.00", "2.00", "3.00")
    assert "Linear path" in html
    assert "Loss along a line" in html


def test_each_section_says_what_can_be_concluded_before_it_is_opened(usual, content):
    said = [attrs for attrs in attributes(read(usual), "span") if attrs.get("class") == "takeaway"]
    assert len(said) == len(told(ANALYSES))
    rows = example_result("ensemble_size").assign_attrs(examples_word="rows")
    assert "images" not in summarize("ensemble_size", rows).takeaway
    assert summarize("ensemble_size", rows).takeaway in "".join(
        read(build_page(content(results={"ensemble_size": rows}))).text
    )


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("members", [1, 2, 4])
def test_summaries_of_small_studies(name, members):
    summary = summarize(name, example_result(name, members=members, epochs=1))
    assert summary.rows
    assert all(len(row) == len(summary.header) for row in summary.rows)
    assert "nan" not in summary.text + str(summary.rows)


def test_confusion_summary_is_the_share_recognised():
    data = example_result("confusion")
    count_of = data["count"].values
    rows = summarize("confusion", data).rows
    for at, row in enumerate(rows):
        for method in range(3):
            share = 100 * count_of[method, at, at] / sum(count_of[method, at, other] for other in range(10))
            assert row[1 + method] == f"{share:.1f}\N{NO-BREAK SPACE}%"


def test_sample_line_says_who_was_left_out():
    data = example_result("training").assign_attrs(left_out="3, 5", split="validation")
    assert sample_line(data).replace("\N{NO-BREAK SPACE}", " ") == (
        "n: 10 members, 10,000 validation images. Left out: 3, 5."
    )
    of_weights = example_result("training").assign_attrs(examples=0, left_out="")
    assert sample_line(of_weights).replace("\N{NO-BREAK SPACE}", " ") == "n: 10 members."
    assert text_of("new_thing", None).title == "New thing"


def test_wording_of_numbers():
    space, minus = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
    assert [significant(value) for value in (0.0132, 0.272, 4.28, 27.2, 100.0, 0, -0.5, 1234.5)] == [
        *("0.013", "0.27", "4.3", "27", "100", "0", minus + "0.50", "1234")
    ]
    assert [percent(value) for value in (0.061, 0.27, 1.0, 0.0)] == [f"{text}{space}%" for text in (6.1, 27, 100, 0)]
    assert [fixed(value, signed=True) for value in (0.44, -0.44, -0.04, 0.0)] == ["+0.4", minus + "0.4", "0.0", "0.0"]
    assert fixed(float("nan")) == significant(float("inf")) == "\N{EN DASH}"
    assert [decimals_for(*values) for values in ((1.0, 0.2), (0.04, 1), (0.001,), (0.0,))] == [1, 2, 3, 1]
    assert (count(1, "class", "classes"), count(1297, "image")) == (f"1{space}class", f"1,297{space}images")
    assert [listing(items) for items in ([], ["a"], ["a", "b"], [1, 2, 3])] == ["", "a", "a and b", "1, 2 and 3"]


def test_only_unseen_characters_are_written_out():
    ordinary = "naïve 日本 😀 a\nb\tc <b>\N{NO-BREAK SPACE}%"
    assert visible(ordinary) == ordinary
    assert visible("\x00\x1b\u200b\u2066\ufeff\ud800") == "[U+0000][U+001B][U+200B][U+2066][U+FEFF][U+D800]"
    every = "".join(map(chr, range(0x10000)))
    unseen = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    assert visible(every) == "".join(
        f"[U+{ord(one):04X}]" if unicodedata.category(one) in unseen and one not in "\n\t\u200c\u200d" else one
        for one in every
    )


# ---- whether another run gives the same bits ----


@pytest.mark.parametrize(
    ("plan", "own", "said"),
    [
        ({"device": "cpu", "measured": False}, False, []),
        ({"device": "cpu"}, True, []),
        ({"device": "cuda", "measured": True}, False, ["begun anew may measure others"]),
        ({"device": "cuda", "measured": False}, False, []),  # strict
        ({"device": "cuda", "measured": False}, True, ["adds with atomics"]),
        ({"device": "cuda", "measured": True}, True, ["begun anew may measure others", "adds with atomics"]),
    ],
)
def test_what_may_differ_between_runs_is_said_of_a_gpu_alone(plan, own, said):
    text = " ".join(
        read(build_page(make_content(results={}, manifest={**MANIFEST, "plan": plan}, own_network=own))).text
    )
    for phrase in ("begun anew may measure others", "adds with atomics"):
        assert (phrase in text) == (phrase in said)
    assert ("last bits" in text) == bool(said)


@pytest.mark.parametrize(
    ("habit", "said"), [("draws_in_evaluation", "are a sample"), ("mixes_examples", "evaluated with it")]
)
def test_what_is_unusual_about_the_network_is_said(habit, said):
    def text(network):
        return " ".join(read(build_page(make_content(results={}, manifest={**MANIFEST, "network": network}))).text)

    assert said in text({habit: True})
    assert said not in text({habit: False})
