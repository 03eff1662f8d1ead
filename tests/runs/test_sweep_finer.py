"""A sweep keeps the finer bars of its rows: any row of one that was read back is the run it would be alone."""

import shutil

import pandas as pd
import pytest

import sptrader as sp
from sptrader.cli import main
from sptrader.data.parquet import save_bars, save_ticks
from sptrader.errors import RunError
from sptrader.runs.report_sweep import save_sweep_report
from sptrader.runs.verify import verify_report
from sptrader.strategy.loader import read_strategy
from tests.orchestrator.test_finer import DOWN, FINER, ROWS, UP, minutes, ticks
from tests.orchestrator.tiny import SIDES, bars, text_of
from tests.runs.sweep_program import TEXT, year
from tests.runs.test_finer import TICKS
from tests.runs.test_sweep import assert_row_is

TABLES = ("trades", "orders", "fills", "equity", "decisions", "signals")
STOPS = text_of(
    parameters="{stop: 50}", exit=f"{{{SIDES}, stop_loss: $stop pips, take_profit: 100 pips}}", execution=FINER
)


def assert_same_run(one, other):
    assert one.id == other.id
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def quarters(symbol, seed):
    """A random walk in quarters of an hour."""
    frame = year(6_000, seed=seed)
    index = pd.date_range("2018-01-01", periods=len(frame), freq="15min", tz="UTC", name="time").as_unit("ns")
    found = frame.set_axis(index)
    found.attrs = {**frame.attrs, "sptrader.timeframe": "15m", "sptrader.symbol": symbol}
    return sp.load_bars(found)


def tiny_sweep(out, finer, **more):
    strategy = read_strategy(STOPS, path="tiny.yaml")
    return sp.sweep(strategy, bars(ROWS, [0, 1]), space={"stop": [50, 90]}, finer=finer, out=out, **more)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_row_of_several_markets_opens_with_its_finer_bars(tmp_path, executor):
    text = TEXT.replace("spread: 0.8 pips", "intrabar: finer, spread: 0.8 pips")
    strategy = read_strategy(text, registry=sp.registry())
    finer = {"EURUSD": quarters("EURUSD", 1), "GBPUSD": quarters("GBPUSD", 2)}
    hours = {symbol: sp.resample(frame, "1h") for symbol, frame in finer.items()}
    options = {"symbols": list(hours), "timeframes": ["1h", "4h"], "executor": executor, "workers": 2}

    made = sp.sweep(strategy, hours, space={"stop": [1.0, 2.5]}, finer=finer, out=tmp_path, **options)
    again = sp.load_sweep(made.folder)

    assert len(again.table) == 8
    pd.testing.assert_frame_equal(again.table, made.table)
    for number, row in again.table.iterrows():
        symbol = row["symbol"]
        given = {s: f if row["timeframe"] == "1h" else sp.resample(f, row["timeframe"]) for s, f in hours.items()}
        alone = sp.backtest(
            strategy, given, symbols=[symbol], params={"stop": row["stop"]}, finer={symbol: finer[symbol]}
        )
        assert_row_is(row, alone)
        assert_same_run(again.open(number), alone)


@pytest.mark.parametrize("finer", [minutes(UP, DOWN), ticks(*TICKS)], ids=["minutes", "ticks"])
def test_ticks_and_minutes_are_kept(tmp_path, finer):
    made = tiny_sweep(tmp_path, finer)
    again = sp.load_sweep(made.folder)

    assert again.open(0).trades["exit_reason"].tolist() == ["take_profit"]
    for number in (0, 1):
        assert_same_run(again.open(number), made.open(number))
    assert verify_report(save_sweep_report(again, tmp_path / "report.html")).is_true


def test_finer_bars_that_were_changed_are_noticed(tmp_path):
    made = tiny_sweep(tmp_path, minutes(UP, DOWN))
    page = save_sweep_report(made, tmp_path / "report.html")
    kept = made.folder / "inputs" / "finer" / "EURUSD.parquet"
    save_bars(minutes(UP, (1.1105, 1.1105, 1.0941, 1.1050)), kept)
    again = sp.load_sweep(made.folder)

    assert len(again.table) == 2
    with pytest.raises(RunError, match=r"EURUSD\.parquet was changed after the sweep was made"):
        again.open(0)
    with pytest.raises(RunError, match=r"EURUSD\.parquet was changed"):
        verify_report(page)


def test_row_that_another_component_would_make_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "components" / "indicators"
    own.mkdir(parents=True)
    source = (
        "from sptrader.components import indicator\n\n\n@indicator(category='trend', lookback=0)\n"
        'def shifted(close, by: float = BY):\n    """Close and some."""\n    return close + by\n'
    )
    (own / "shifted.py").write_text(source.replace("BY", "0.0"))
    (tmp_path / "own.yaml").write_text(
        text_of(
            parameters="{gap: 0.0}",
            indicators="{above: {type: shifted}}",
            entry="{long: {when: close > above + $gap}}",
            exit="{long: {when: close < above - $gap}}",
        )
    )
    made = sp.sweep("own.yaml", bars(ROWS), space={"gap": [0.0, -0.1]}, out=tmp_path)
    again = sp.load_sweep(made.folder)
    assert again.open(1).id == made.open(1).id

    (own / "shifted.py").write_text(source.replace("BY", "0.5"))
    with pytest.raises(RunError, match=r"component 'shifted' \(.*shifted\.py\) was changed after the sweep tiny-"):
        again.open(1)


def test_row_that_does_not_come_to_what_it_says_is_told(tmp_path):
    made = tiny_sweep(tmp_path, minutes(UP, DOWN))
    part = next((made.folder / "parts").glob("*.parquet"))
    table = pd.read_parquet(part)
    table.assign(final_equity=table["final_equity"] + 1.0).to_parquet(part)

    with pytest.raises(RunError, match=r"row 0 of .* ends at 10,011.00, but made again it ends at 10,010.00"):
        sp.load_sweep(made.folder).open(0)


def test_catalog_gives_several_timeframes_their_finer_bars(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPTRADER_DATA", raising=False)
    finer = quarters("EURUSD", 3)
    save_bars(finer, tmp_path / "data" / "quarters.parquet")
    save_bars(sp.resample(finer, "1h"), tmp_path / "data" / "hours.parquet")
    text = TEXT.replace("spread: 0.8 pips", "intrabar: finer, spread: 0.8 pips")
    (tmp_path / "own.yaml").write_text(text)

    made = sp.sweep("own.yaml", space={"stop": [1.0]}, timeframes=["1h", "4h"], basis="mid")

    assert list(sp.load_sweep(made.folder).open(1).provenance["finer"]) == ["EURUSD"]
    alone = sp.backtest("own.yaml", params={"stop": 1.0})
    assert_same_run(sp.load_sweep(made.folder).open({"timeframe": "1h", "stop": 1.0}), alone)


def test_command_line_takes_and_keeps_finer_bars(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(STOPS)
    save_bars(bars(ROWS, [0, 1]), tmp_path / "hours.parquet")
    save_ticks(ticks(*TICKS), tmp_path / "ticks.parquet")
    command = ["sweep", "tiny.yaml", "--data", "hours.parquet", "--space", "stop=50,90"]

    assert main(command) == 2
    assert "finer" in capsys.readouterr().err
    assert main([*command, "--finer", "ticks.parquet"]) == 0
    (tmp_path / "ticks.parquet").unlink()
    moved = shutil.move(next((tmp_path / "sweeps").iterdir()), tmp_path / "moved")
    assert sp.load_sweep(moved).open(0).metrics["final_equity"] == pytest.approx(10_010.5)
