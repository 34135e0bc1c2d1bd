import json

import numpy as np

from modescape.answers import answer, as_json, score
from modescape.version import __version__


def test_an_answer_has_its_head_first_and_nothing_that_json_lacks():
    content = answer(
        "seeds",
        verdict=["A sentence."],
        methods=[{"mean": np.float32(0.5), "runs": np.int64(3), "all": np.array([1.0, np.nan])}],
        gain=score(1.0, -np.inf, np.inf, covers="new runs"),
    )
    read = json.loads(as_json(content))
    assert list(read)[:4] == ["modescape", "command", "verdict", "warnings"]
    assert read["modescape"] == __version__
    assert read["warnings"] == []
    assert read["methods"] == [{"mean": 0.5, "runs": 3, "all": [1.0, None]}]
    assert read["gain"] == {"value": 1.0, "low": None, "high": None, "level": 0.95, "covers": "new runs"}
