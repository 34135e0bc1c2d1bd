"""Content of a page, for the tests of the report."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # example_results, wherever pytest is started

from example_page import make_content


@pytest.fixture
def content():
    """A function that makes the content of a page, with anything replaced."""
    return make_content
