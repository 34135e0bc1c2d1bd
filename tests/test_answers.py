import json

import numpy as np

from modescape.analyses.ensemble_size.example import example
from modescape.answers import answer, as_json, schema, score
from modescape.report.scored import scored
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


def test_sizes_of_networks_with_one_epoch_are_scored():
    sizes = example(members=3)
    alone = sizes.drop_vars([name for name in sizes if str(name).startswith("final_gain")])
    assert scored({"ensemble_size": alone}) == scored({"ensemble_size": sizes})
    assert scored({"ensemble_size": alone})["ensemble"]["size"] == 3


def test_scores_may_be_absent_where_no_sizes_were_measured():
    assert scored({}) == {}
    for command in ("run", "analyse", "import"):
        assert "one_network" not in schema(command)["then"]["required"]
