from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from sptrader.cli.data import app
from sptrader.data.load import load_bars
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError

HEADER = "time,open,high,low,close,volume\n"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fails(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, DataError), result.output
    return str(result.exception)


def put(path, hours=range(6), price="1.1"):
    rows = "".join(f"2017-03-13 {h:02}:00,{price},1.2,1.0,1.1,10\n" for h in hours)
    path.write_text(HEADER + rows)
    return path


def test_list_names_the_workspaces_files_and_the_samples(workspace):
    run("sample", "EURUSD", "--out", workspace / "data" / "mine.parquet")

    listed = json.loads(run("list", "--json"))["data"]

    assert (listed[0]["symbol"], listed[0]["n_rows"], listed[0]["is_sample"]) == ("EURUSD", 6225, False)
    assert len([e for e in listed if e["is_sample"]]) == 6
    assert "sample: AAPL-1d.parquet" in run("list")


def test_sample_lists_and_writes(workspace):
    assert {e["symbol"] for e in json.loads(run("sample", "--json"))["samples"]} >= {"EURUSD", "AAPL"}
    assert "EURUSD" in run("sample")

    assert "wrote 6,225 bars" in run("sample", "EURUSD")
    assert len(load_bars(workspace / "data" / "EURUSD-1h-ask.parquet")) == 6225
    assert "no sample of 'EURUSB'" in fails("sample", "EURUSB")


def test_a_file_that_is_there_is_not_written_over_unasked(workspace):
    run("sample", "EURUSD")

    assert "is there already" in fails("sample", "EURUSD")
    run("sample", "EURUSD", "--force")


def test_show(workspace):
    shown = json.loads(run("show", "EURUSD", "--timeframe", "4h", "--start", "2017-03-01", "--rows", "2", "--json"))

    assert (shown["symbol"], shown["timeframe"], shown["basis"], shown["tier"]) == ("EURUSD", "4h", "ask", "checked")
    assert len(shown["rows"]) == 2
    assert set(shown["rows"][0]) == {"time", "open", "high", "low", "close", "volume"}
    text = run("show", "EURUSD", "--timeframe", "1h")
    assert "content_hash" in text
    assert "covers" not in text
    assert "6,225" in text


def test_validate_prints_what_it_found(workspace):
    assert "gap" in run("validate", "EURUSD")

    report = json.loads(run("validate", "EURUSD", "--json"))
    assert (report["tier"], report["errors"], report["n_bars"]) == ("checked", [], 6225)


def test_validate_of_bad_bars_is_wrong_input(workspace):
    frame = pd.read_csv(put(workspace / "a.csv"), parse_dates=["time"])
    frame["time"] = frame["time"].dt.tz_localize("UTC")
    frame.loc[2, "high"] = 0.5
    frame.to_parquet(workspace / "bad.parquet")
    words = ["validate", str(workspace / "bad.parquet"), "--symbol", "EURUSD", "--timeframe", "1h", "--basis", "bid"]

    assert "high_low: 1 row" in fails(*words)
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 2
    assert json.loads(result.output)["errors"][0]["rule"] == "high_low"


def test_import_of_csv(workspace):
    source = put(workspace / "bars.csv")
    facts = ["--symbol", "EURUSD", "--timeframe", "1h", "--basis", "mid"]

    text = run("import", source, *facts, "--time-zone", "UTC", "--source", "my broker")

    assert "read 6 rows" in text
    bars = load_bars("EURUSD", "1h", basis="mid")
    assert len(bars) == 6
    assert bars.attrs["sptrader.source"] == "my broker"
    assert "no time zone" in fails("import", source, *facts)
    assert "--basis must be given" in fails("import", source, *facts[:4])
    assert "no such file" in fails("import", workspace / "nothing.csv", *facts)


def test_import_of_bad_csv_writes_nothing(workspace):
    source = put(workspace / "bars.csv", hours=[1, 0, 2])

    assert "increasing: 1 row" in fails(
        "import", source, "--symbol", "EURUSD", "--timeframe", "1h", "--basis", "mid", "--time-zone", "UTC"
    )
    assert not (workspace / "data").exists()


def test_import_of_a_foreign_parquet_file(workspace):
    frame = load_bars("EURUSD", "1h").reset_index().rename(columns=str.upper)
    frame.attrs = {}
    frame.to_parquet(workspace / "foreign.parquet")

    run("import", workspace / "foreign.parquet", "--symbol", "EURUSD", "--timeframe", "1h", "--basis", "bid")

    assert len(load_bars("EURUSD", "1h", basis="bid")) == 6225


def test_import_of_tick_parts_as_ticks_and_as_bars(workspace):
    (workspace / "parts").mkdir()
    start = 1_489_399_200  # 2017-03-13 10:00 UTC
    records = [{"timestamp": start + 10 * n, "bid": 1.1, "ask": 1.2} for n in range(13)]
    for name in ("a", "b"):
        (workspace / "parts" / f"{name}.json").write_text(json.dumps(records))

    text = run("import", workspace / "parts", "--symbol", "EURUSD")
    assert "dropped 13 quotes that repeat" in text
    ticks_file = workspace / "data" / "EURUSD-ticks.parquet"
    assert len(load_ticks(ticks_file)) == 13

    run("import", ticks_file, "--timeframe", "1m", "--basis", "bid")
    assert load_bars("EURUSD", "1m")["volume"].tolist() == [6.0, 6.0]
    assert "--symbol must be given" in fails("import", workspace / "parts")
    assert "--basis must be given" in fails("import", ticks_file, "--timeframe", "1m")


def test_clean_repairs_and_says_what_it_did(workspace):
    frame = load_bars("EURUSD", "1h", end="2017-01-05")
    attrs = frame.attrs
    frame = frame.iloc[[0, 2, 1, 1, *range(3, len(frame))]]
    frame.attrs = attrs
    frame.to_parquet(workspace / "dirty.parquet")
    words = ["clean", workspace / "dirty.parquet", "--out", workspace / "clean.parquet"]

    assert "increasing" in fails(*words)  # nothing was asked for, and the bars are not fit
    assert not (workspace / "clean.parquet").exists()
    text = run(*words, "--sort", "--duplicates", "first")

    assert "sorted the rows by time" in text
    assert "dropped 1 rows whose time repeats" in text
    assert load_bars(workspace / "clean.parquet").equals(load_bars("EURUSD", "1h", end="2017-01-05"))


def test_clean_of_ticks(workspace):
    index = pd.DatetimeIndex(
        ["2017-03-13 10:00:01", "2017-03-13 10:00:00", "2017-03-13 10:00:00"], tz="UTC", name="time"
    )
    pd.DataFrame({"bid": [1.1, 1.0, 1.0], "ask": [1.2, 1.1, 1.1]}, index=index).to_parquet(workspace / "t.parquet")

    text = run(
        "clean", workspace / "t.parquet", "--out", workspace / "c.parquet", "--symbol", "EURUSD", "--sort",
        "--duplicates", "first",
    )  # fmt: skip

    assert "3 rows before, 2 after" in text
    assert load_ticks(workspace / "c.parquet")["bid"].tolist() == [1.0, 1.1]


def test_resample_writes_complete_bars(workspace):
    text = run("resample", "EURUSD", "--timeframe", "1h", "--to", "1d")

    assert "6,225 1h bars made 260 complete 1d bars" in text
    assert len(load_bars("EURUSD", "1d")) == 260
    assert "whole multiple" in fails("resample", "EURUSD", "--timeframe", "1h", "--to", "90m")
    assert "make no complete 1w bar" in fails(
        "resample", "EURUSD", "--timeframe", "1h", "--end", "2017-01-03", "--to", "1w"
    )
