"""The data of a page: numbers packed as bytes, text kept as text."""

import base64
import json
import math

import numpy as np
import pytest
from charted import read, unpacked

from modescape.plots.packed import plain, script_json


def test_numbers_become_the_narrowest_bytes_and_what_is_missing_null():
    packed = plain({"a": np.array([1, 300]), "b": [np.float32(0.5), np.nan, None], "c": np.array(["x"], dtype=object)})
    assert packed["a"]["dtype"] == "i2"
    assert np.frombuffer(base64.b64decode(packed["a"]["bdata"]), "<i2").tolist() == [1, 300]
    assert packed["b"] == [0.5, None, None]
    assert packed["c"] == ["x"]
    assert plain(np.array([2**40]))["dtype"] == "f8"
    assert plain(np.array([True, False])) == [True, False]
    assert plain({"a": None, "b": {"c": None, "d": 0}}) == {"b": {"d": 0}}


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "int16", "int32"])
def test_arrays_come_back_with_their_shapes_and_gaps(kind):
    values = np.array([[0, 1, -2], [3, 4, 100]], dtype=kind)
    np.testing.assert_array_equal(read(plain(values)), values)
    np.testing.assert_array_equal(read(plain(values.T)), values.T)
    np.testing.assert_array_equal(read(plain(values[0])), values[0])
    np.testing.assert_array_equal(read(plain(values.astype(values.dtype.newbyteorder(">")))), values)
    assert read(plain(values[None])) == values[None].tolist()
    assert len(read(plain(values[:0, 0]))) == 0


def test_what_does_not_exist_stays_so_inside_bytes():
    values = np.array([0.1, math.nan, math.inf, -math.inf])
    np.testing.assert_array_equal(unpacked(plain(values)), values)
    np.testing.assert_array_equal(unpacked(plain(values.astype(np.float32))), values.astype(np.float32))


def test_no_text_ends_a_script_and_unseen_characters_are_written_out():
    text = script_json({"name": "</script>&", "turn": "a\u202eb"})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"name": "</script>&", "turn": "a[U+202E]b"}
