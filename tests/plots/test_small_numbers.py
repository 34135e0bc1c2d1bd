"""Numbers in captions: no exponents with an "e", and real minus signs."""

import pytest

from modescape.analyses.curvature import draw, example
from modescape.plots.steps import small


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.02, "0.02"), (7e-7, "7 \N{MULTIPLICATION SIGN} 10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT SEVEN}")],
)
def test_a_rounding_error_has_a_raised_exponent(value, text):
    assert small(value).replace("\N{NO-BREAK SPACE}", " ") == text


def test_rank_correlations_have_real_minus_signs_and_their_zeros():
    result = example.example()
    result["correlation"][:] = -0.5
    titles = [panel.title for panel in draw.describe(result).panels if "rank correlation" in panel.title]
    assert titles
    assert all("rank correlation \N{MINUS SIGN}0.50" in title for title in titles)
