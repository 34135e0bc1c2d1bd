"""The glossary: one source, whose terms are found in texts, and the document made from it."""

from pathlib import Path

import pytest

from modescape.wording.glossary import GLOSSARY, anchor, find, markdown

ROOT = Path(__file__).parents[2]


def test_document_is_made_from_the_glossary():
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == markdown()


def test_every_entry_is_one_or_two_sentences_with_an_id_of_its_own():
    assert len({anchor(term) for term in GLOSSARY}) == len(GLOSSARY) >= 40
    for term, one in GLOSSARY.items():
        assert one.meaning[0].isupper() or one.meaning[0] == "|", term
        assert one.meaning.endswith("."), term
        assert len(one.meaning) < 300, term


def test_no_form_stands_for_two_terms():
    forms = [form.lower() for term, one in GLOSSARY.items() for form in (term, *one.forms)]
    assert len(forms) == len(set(forms))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The ensemble of 3 members, another ensemble", ["ensemble", "member"]),
        ("Calibrated NLL and deep ensemble equivalents", ["calibration", "NLL", "deep ensemble equivalent"]),
        ("ECE falls; the ecE of a word is none", ["ECE"]),
        ("losses in training mode; the members in one mode", ["member", "mode"]),
        ("modest traces, remembered non-independent", ["trace"]),
        ("", []),
    ],
)
def test_terms_are_found_once_and_longest_first(text, terms):
    assert [one.term for one in find(text)] == terms


def test_places_are_those_of_the_text():
    text = "Two Hessians of one solution"
    assert [text[one.start : one.end] for one in find(text)] == ["Hessians", "solution"]
