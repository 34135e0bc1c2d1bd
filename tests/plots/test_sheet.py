"""Figures of the page as plain data."""

import base64
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from example_results import example_result
from plotly.subplots import make_subplots

from modescape.analyses import ANALYSES, figures
from modescape.plots.sheet import Sheet, merge, plain, to_json


def decoded(value):
    """Arrays as lists, as they are in Plotly's own JSON and in ours, to six digits."""
    if isinstance(value, dict) and "bdata" in value:
        packed = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).astype(float)
        return [None if np.isnan(one) else float(f"{one:.6g}") for one in packed]
    if isinstance(value, dict):
        return {name: decoded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [decoded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_plotly_accepts_every_property_and_writes_the_same(name):
    sheet = figures.sheet(name, example_result(name))
    checked = json.loads(go.Figure(sheet.figure()).to_json(engine="json"))
    checked["layout"]["template"] = {}
    assert decoded(checked) == decoded(json.loads(json.dumps(sheet.plain(), allow_nan=False)))


def test_panels_stand_where_plotly_puts_them():
    spacing = {"horizontal_spacing": 0.1, "vertical_spacing": 0.2}
    specs = [[{}, {}, {}], [{"colspan": 2}, None, {}]]
    theirs = make_subplots(2, 3, specs=specs, row_heights=[3, 1], **spacing).layout
    ours = Sheet([[1, 1, 1], [2, 0, 1]], [], row_heights=[3, 1], **spacing)
    assert ours.numbers == {(1, 1): "", (1, 2): "2", (1, 3): "3", (2, 1): "4", (2, 3): "5"}
    for number in ours.numbers.values():
        for axis in (f"xaxis{number}", f"yaxis{number}"):
            assert ours.layout[axis]["domain"] == pytest.approx(theirs[axis].domain), axis
            assert ours.layout[axis]["anchor"] == theirs[axis].anchor


def test_numbers_become_the_narrowest_bytes_and_what_is_missing_null():
    packed = plain({"a": np.array([1, 300]), "b": [np.float32(0.5), np.nan, None], "c": np.array(["x"], dtype=object)})
    assert packed["a"]["dtype"] == "i2"
    assert np.frombuffer(base64.b64decode(packed["a"]["bdata"]), "i2").tolist() == [1, 300]
    assert packed["b"] == [0.5, None, None]
    assert packed["c"] == ["x"]
    assert plain(np.zeros((2, 3)))["shape"] == "2, 3"
    assert plain(np.array([2**40]))["dtype"] == "f8"


def test_dictionaries_are_merged_and_none_takes_out():
    into = {"title": {"text": "a", "standoff": 8}}
    merge(into, {"title": {"text": None}, "type": "log"})
    assert into == {"title": {"standoff": 8}, "type": "log"}


def test_no_text_ends_a_script():
    assert "<" not in to_json({"name": "</script>&"})
    assert json.loads(to_json({"name": "</script>&"})) == {"name": "</script>&"}
