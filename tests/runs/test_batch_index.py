"""The index has a row for each execution, whatever came of it."""

import math
import re

import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.runs.batch_folder import BatchFolder, Record
from sptrader.runs.batch_index import index_table, load_index, save_index
from sptrader.runs.batch_plan import Execution

EXECUTIONS = [Execution(f"a-x={x}.ipynb", f"key{x}", {"x": x, "status": "fast"}) for x in (1, 2, 3)]
RECORDS = {
    "key1": Record(
        "a-x=1.ipynb", "key1", "done", {}, seconds=0.5, values={"run": "r1", "metrics": {"sharpe": 1.25, "key": 7}}
    ),
    "key2": Record(
        "a-x=2.ipynb", "key2", "failed", {}, kind="ValueError", error="cell 2: <bad>", seconds=0.1, attempts=3
    ),
}


@pytest.fixture
def table():
    return index_table(EXECUTIONS, RECORDS)


def test_table_has_status_parameters_and_metrics(table):
    assert list(table.columns) == [
        *("notebook", "status", "error", "seconds", "attempts", "key"),
        *("x", "parameter.status", "run", "sharpe", "metric.key"),
    ]
    assert table["status"].tolist() == ["done", "failed", "pending"]
    assert table["x"].tolist() == [1, 2, 3]
    assert table["attempts"].tolist() == [1, 3, 0]
    assert table["sharpe"][0] == 1.25
    assert math.isnan(table["sharpe"][1])


def test_table_is_saved_and_read_back(table, tmp_path):
    save_index(BatchFolder(tmp_path), table, "A & B")

    pd.testing.assert_frame_equal(load_index(tmp_path), table)
    html = (tmp_path / "index.html").read_text()
    assert '<a href="a-x%3D1.ipynb">a-x=1.ipynb</a>' in html
    assert "cell 2: &lt;bad&gt;" in html
    assert "A &amp; B" in html
    assert "http" not in html.replace("http-equiv", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "index.parquet"]


def test_what_is_the_same_in_all_is_told_once_and_a_moment_stands_in_few_letters(tmp_path):
    fixed = {"symbol": "EURUSD", "start": "2017-01-02 00:00:00+00:00", "end": "2017-12-29T21:30:00Z"}
    executions = [
        Execution(f"{k}.ipynb", str(k), {"fast": k, **fixed, "day": f"2017-03-0{k} 10:00:00+00:00"}) for k in (1, 2)
    ]

    save_index(BatchFolder(tmp_path), index_table(executions, {}), "a")

    html = (tmp_path / "index.html").read_text()
    told = "The same in all: symbol <b>EURUSD</b>, start <b>2017-01-02</b>, end <b>2017-12-29 21:30</b>."
    assert told in html
    heads = re.findall(r"<th [^>]*>([^<]*)</th>", html)
    assert heads == ["notebook", "status", "fast", "day", "seconds"]
    assert '<td data-value="2017-03-02 10:00:00+00:00">2017-03-02 10:00</td>' in html


def test_values_of_different_kinds_share_a_column_as_text(tmp_path):
    values = [1, "one", [1]]
    executions = [Execution(f"{k}.ipynb", str(k), {"x": value}) for k, value in enumerate(values)]

    table = index_table(executions, {})

    assert table["x"].tolist() == ["1", "one", "[1]"]
    table.to_parquet(tmp_path / "t.parquet")


def test_folder_without_an_index_is_no_batch(tmp_path):
    with pytest.raises(RunError, match="is no batch"):
        load_index(tmp_path)
