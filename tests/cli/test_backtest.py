"""`sptrader backtest`: what it prints and saves, and one clear message for each kind of bad input."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.cli import main
from sptrader.data.parquet import save_bars
from tests.orchestrator.tiny import FLAT, bars, text_of

ROWS = [FLAT, FLAT, 1.1010, 1.1020, 1.1020]


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "tiny.yaml").write_text(text_of())
    save_bars(bars(ROWS, [1, 0, 3]), tmp_path / "good.parquet")
    return tmp_path


def told(capsys, *arguments):
    code = main(["backtest", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def refused(capsys, *arguments):
    """The one message of a refused command, that nothing was printed or left behind, and that no traceback shows."""
    code, out, err = told(capsys, *arguments)
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("sptrader: ")
    return err


def left_behind(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def test_metrics_are_printed_and_the_run_is_saved(capsys, apart):
    code, out, err = told(capsys, "tiny.yaml", "--data", "good.parquet")

    assert (code, err) == (0, "")
    assert "tiny on EURUSD 1h" in out
    assert "total_return" in out
    assert "0.02%" in out
    assert "n/a" in out
    (folder,) = (apart / "runs").iterdir()
    assert f"runs/{folder.name}" in out
    assert "note: spread: modelled" in out


def test_json_is_one_object_and_nothing_else(capsys, apart):
    code, out, err = told(capsys, "tiny.yaml", "--data", "good.parquet", "--json", "--out", "mine")

    assert (code, err) == (0, "")
    said = json.loads(out)
    assert set(said) == {"run", "folder", "metrics"}
    assert said["folder"] == f"mine/{said['run']}"
    assert said["metrics"]["trades"] == 1
    assert said["metrics"]["sharpe"] is None
    run = sp.load_run(apart / said["folder"])
    assert run.metrics["total_return"] == said["metrics"]["total_return"]


def test_options_reach_the_run(capsys):
    _, out, _ = told(
        capsys,
        *("ma_crossover", "--data", "EURUSD", "--param", "fast=8", "--param", "slow=30", "--cash", "5000"),
        *("--start", "2017-03-01", "--end", "2017-06-30", "--json"),
    )
    said = json.loads(out)["metrics"]
    run = sp.backtest("ma_crossover", params={"fast": 8, "slow": 30}, cash=5000, start="2017-03-01", end="2017-06-30")

    assert {name: None if math.isnan(value) else value for name, value in run.metrics.items()} == said


def test_foreign_file_needs_its_facts(capsys, apart):
    frame = bars(ROWS, [1, 0, 3])
    frame.attrs = {}
    frame.reset_index().rename(columns=str.upper).to_parquet(apart / "foreign.parquet")

    message = refused(capsys, "tiny.yaml", "--data", "foreign.parquet")
    assert "symbol and timeframe and basis are not known" in message
    assert "--symbol EURUSD --timeframe 1m --basis bid" in message
    facts = ["--symbol", "EURUSD", "--timeframe", "1h", "--basis", "mid"]
    assert told(capsys, "tiny.yaml", "--data", "foreign.parquet", *facts)[0] == 0


def write(name, path, change):
    frame = change(bars([1.1, 1.2, 1.3, 1.4, 1.5]))
    frame.to_parquet(path / name)


def put(frame, name, value):
    frame.iloc[2, frame.columns.get_loc(name)] = value
    return frame


BAD_FILES = {
    "unsorted": (lambda f: f.iloc[[0, 2, 1, 3]], ["increasing: 1 row"]),
    "duplicate": (lambda f: f.iloc[[0, 1, 1, 2]], ["duplicate: 1 row"]),
    "nan": (lambda f: put(f, "close", np.nan), ["1 row", "2017-03-06 12:00"]),
    "negative": (lambda f: put(f, "low", -1.0), ["positive: 1 row", "2017-03-06 12:00"]),
    "high below low": (lambda f: put(f, "high", 1.0), ["high_low: 1 row", "2017-03-06 12:00"]),
    "no time zone": (lambda f: f.tz_localize(None), ["time zone"]),
    "no close": (lambda f: f.drop(columns="close"), ["close"]),
    "no rows": (lambda f: f.iloc[:0], [""]),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_bars_are_refused_by_rule_and_row(capsys, apart, kind):
    change, words = BAD_FILES[kind]
    frame = change(bars([1.1, 1.2, 1.3, 1.4, 1.5]))
    frame.attrs = bars([1.1]).attrs
    frame.to_parquet(apart / "bad.parquet")
    before = left_behind(apart)

    message = refused(capsys, "tiny.yaml", "--data", "bad.parquet")

    assert message.startswith("sptrader: bad.parquet")
    assert all(word in message for word in words)
    assert left_behind(apart) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file. In . there are: good.parquet"),
        (b"", "the file is empty"),
        (b"time,open\n1,2\n", "Parquet"),
    ],
    ids=["missing", "empty", "text"],
)
def test_file_that_is_no_parquet_file_is_refused(capsys, apart, content, words):
    if content is not None:
        (apart / "bad.parquet").write_bytes(content)

    message = refused(capsys, "tiny.yaml", "--data", "bad.parquet")

    assert "bad.parquet" in message
    assert words in message


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"entrys": "{long: {when: volume == 1}}"}, ["tiny.yaml:", "key 'entrys' is not known", "entry"]),
        ({"indicators": "{a: {type: emma}}"}, ["tiny.yaml:", "emma", "did you mean 'ema'"]),
        ({"indicators": "{a: {type: ema, period: 1}}"}, ["tiny.yaml:", "'period' was 1"]),
        ({"risk": "{max_drawdown: 150%}"}, ["tiny.yaml:", "max_drawdown: was 150%"]),
        ({"entry": "{long: {when: clse > 1}}"}, ["tiny.yaml:", "'clse' is not known", "close"]),
    ],
    ids=["unknown key", "unknown component", "component parameter", "value out of bounds", "unknown column"],
)
def test_faulty_strategy_is_refused_with_its_line(capsys, apart, sections, words):
    (apart / "tiny.yaml").write_text(text_of(**sections))

    message = refused(capsys, "tiny.yaml", "--data", "good.parquet")

    assert all(word in message for word in words), message


def test_every_fault_of_a_strategy_comes_on_a_line_of_its_own(capsys, apart):
    (apart / "tiny.yaml").write_text(text_of(sizng="1", risk="{max_drawdown: 150%}", sizing=None))

    lines = refused(capsys, "tiny.yaml", "--data", "good.parquet").splitlines()

    assert len(lines) == 3
    assert all(line.startswith("sptrader: tiny.yaml:") for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--param", "fast=800"], "parameter 'fast' was '800'; allowed is a whole number from 5 to 50."),
        (["--param", "fats=8"], "parameter 'fats' is not declared by the strategy; did you mean 'fast'?"),
        (["--param", "fast"], "--param was 'fast'; allowed is name=value, as in fast=8."),
        (["--start", "2017-06-01", "--end", "2017-01-01"], "end was 2017-01-01, which is before start 2017-06-01"),
        (["--start", "2018-01-01"], "start was 2018-01-01, but the strategy's backtest.end is 2017-12-31"),
        (["--start", "01/06/2017"], "start was '01/06/2017'; allowed is a date as 2017-12-31"),
        (["--cash=-5"], "cash was -5.0; allowed is an amount above 0."),
        (["--cash", "nan"], "cash was nan"),
        (["--symbol", "EURUSD"], "describe a file; give it with --data"),
        (["--data", "EURUSB"], "there are no bars of 'EURUSB'"),
        (["--data", "EURUSD", "--basis", "bid"], "there are no bars of 'EURUSD' with basis bid; there are: ask."),
        (["--data", "."], ".: is a folder; name one file in it."),
        (["--out", "good.parquet"], "the run cannot be saved to good.parquet"),
    ],
)
def test_wrong_options_are_refused(capsys, apart, options, words):
    before = left_behind(apart)

    assert words in refused(capsys, "ma_crossover", *options)
    assert left_behind(apart) == before


def test_signal_that_raises_is_named_with_what_it_was_given(capsys, apart):
    folder = apart / "components" / "signals"
    folder.mkdir(parents=True)
    (folder / "breaks.py").write_text(
        "import numpy as np\nfrom sptrader.components import Signals, signal\n\n\n"
        "@signal(category='trend', lookback=lambda period: period)\n"
        "def breaks(close: np.ndarray, period: int = 3) -> Signals:\n"
        '    """Fails."""\n    raise ValueError("cannot be")\n'
    )
    entry = "{long: {when: {signal: s, type: up}}}"
    (apart / "tiny.yaml").write_text(text_of(signals="{s: {type: breaks, period: 7}}", entry=entry))
    before = left_behind(apart)

    message = refused(capsys, "tiny.yaml", "--data", "good.parquet")

    for word in ("breaks", "period=7", "2017-03-06", "ValueError: cannot be (--debug shows where)"):
        assert word in message
    assert message.count("\n") == 1
    assert left_behind(apart) == before


def test_earlier_run_survives_a_refused_one(capsys, apart):
    said = json.loads(told(capsys, "tiny.yaml", "--data", "good.parquet", "--json")[1])
    before = {path: path.read_bytes() for path in (apart / "runs").rglob("*") if path.is_file()}
    (apart / "good.parquet").write_bytes(b"no")

    refused(capsys, "tiny.yaml", "--data", "good.parquet")

    assert {path: path.read_bytes() for path in (apart / "runs").rglob("*") if path.is_file()} == before
    assert sp.load_run(said["folder"]).metrics["trades"] == 1


def test_json_of_a_refused_command_is_nothing_on_standard_output(capsys):
    refused(capsys, "tiny.yaml", "--data", "nowhere.parquet", "--json")


def test_time_in_text_is_utc(capsys):
    _, out, _ = told(capsys, "tiny.yaml", "--data", "good.parquet", "--start", "2017-03-06 11:00", "--json")

    run = sp.load_run(json.loads(out)["folder"])
    assert run.equity["time"].iloc[0] == pd.Timestamp("2017-03-06 11:00", tz="UTC")
