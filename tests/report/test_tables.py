"""CSV tables: their contents, and that no cell can run as a formula."""

import base64
import csv
import io

import numpy as np
import pytest
import xarray as xr
from example_results import example_result

from modescape.analyses import ANALYSES
from modescape.report import tables
from modescape.report.tables import csv_tables, data_address, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", " =1", "=cmd|' /C calc'!A0", "\uff1d1"]
)
def test_text_that_could_be_a_formula_gets_an_apostrophe(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["cat", "a=b", "1+1", "", "'quoted'", "t-SNE", "member 0"])
def test_other_text_is_left_alone(text):
    assert safe_cell(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((-1, "-1"), (np.int64(-7), "-7"), (-0.5, "-0.5"), (0.1, "0.1"), (1e-9, "1e-09"), (2.0, "2"), (0.0, "0")),
        *((np.float32(0.1), "0.1"), (np.nan, ""), (np.inf, "inf"), (True, "true")),
    ],
)
def test_numbers_are_untouched(value, text):
    assert safe_cell(value) == text


@pytest.mark.parametrize("value", np.random.default_rng(0).normal(0, 1, 20) * 10.0 ** np.arange(-12, 8))
def test_numbers_come_back_exactly(value):
    assert float(safe_cell(value)) == value


def test_every_value_of_a_matrix_is_in_its_row():
    values = np.arange(6.0).reshape(2, 3)
    values[1, 2] = np.nan
    data = xr.Dataset(
        {"v": (("size", "approach"), values), "w": (("size", "approach"), -values)},
        coords={"approach": ["=x", "b", "c"], "size": [4, 5]},
    )
    (table,) = csv_tables("name", data)
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows[0] == ["size", "approach", "v", "w"]
    expected = [
        [str(size), method, f"{values[i, j]:g}", f"{-values[i, j]:g}".replace("-0", "0")]
        for i, size in enumerate((4, 5))
        for j, method in enumerate(("'=x", "b", "c"))
        if not np.isnan(values[i, j])
    ]
    assert [[cell.replace("-0", "0") if cell == "-0" else cell for cell in row] for row in rows[1:]] == expected
    assert (table.rows, table.dimensions, table.name) == (5, "size by approach", "name-size-approach.csv")


def test_coordinates_of_a_list_of_networks_are_columns():
    table = csv_tables("tsne", example_result("tsne"))[0]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    data = example_result("tsne")
    assert [int(row["epoch"]) for row in rows] == 2 * data["epoch"].values.tolist()
    assert [int(row["member"]) for row in rows] == 2 * data["member"].values.tolist()
    assert [float(row["x"]) for row in rows] == data["x"].values.reshape(-1).tolist()


@pytest.mark.parametrize("name", ANALYSES)
def test_every_variable_is_in_one_table(name):
    data = example_result(name)
    headers = [table.text.splitlines()[0].split(",") for table in csv_tables(name, data)]
    for variable in data.data_vars:
        assert sum(variable in header for header in headers) == 1


def test_a_long_table_stays_out_of_the_page(monkeypatch):
    monkeypatch.setattr(tables, "MOST_ROWS", 3)  # instead of a table with hundreds of rows
    (table,) = csv_tables("a", xr.Dataset({"v": (("example",), np.zeros(4))}))
    assert (table.rows, table.text) == (4, "")


def test_data_address_holds_the_text():
    kind, _, body = data_address("a,ü\n", "text/csv").partition("base64,")
    assert kind == "data:text/csv;charset=utf-8;"
    assert base64.b64decode(body).decode() == "a,ü\n"
