"""Contents of pages, for the tests of the report."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # example_results, wherever pytest is started

from example_page import EVIL, make_content

from modescape.report.page import build_page


@pytest.fixture
def content():
    """A function that makes the content of a page, with anything replaced."""
    return make_content


@pytest.fixture(scope="session")
def page_file(tmp_path_factory):
    """The page of the example results, with a hostile study name."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(build_page(make_content(name=EVIL)), encoding="utf-8")
    return file
