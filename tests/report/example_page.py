"""A page of made-up results."""

from example_results import example_result

from modescape.analyses import ANALYSES
from modescape.report.page import PageContent

EVIL = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'  # a hostile name of a study
MANIFEST = {
    **{"version": "0.1.0", "recipe_hash": "ab" * 32, "fingerprint": "cd" * 32, "device": "cpu", "seed": 7},
    **{"platform": {"python": "3.11.9", "system": "Linux"}, "image_shape": [3, 32, 32], "num_classes": 10},
    **{"examples": {"train": 45000, "validation": 5000, "test": 10000}},
    **{"model": {"parameters": {"weight": [10, 20], "bias": [10]}}},
}


def make_content(**changes):
    """The content of a page with the made-up results; any field can be replaced."""
    results = {name: example_result(name) for name in ANALYSES}
    usual = {"name": "digits", "recipe_yaml": "name: digits\nseed: 7\n", "manifest": MANIFEST, "results": results}
    return PageContent(**{**usual, "members": [(0, "trained", ""), (1, "trained", "")], **changes})
