"""From a strategy and bars in any form to a run; wrong input has one message."""

import json

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import sptrader as sp
from sptrader.data.parquet import save_bars
from sptrader.errors import DataError, RunError, StrategyError
from sptrader.runs.figures import FIGURES
from sptrader.runs.report import save_notebook_report
from tests.orchestrator.tiny import FLAT, bars, hour, rules, text_of

ROWS = [FLAT, FLAT, 1.1010, 1.1020, 1.1020]
ASKED = [1, 0, 3]


def bare(rows=ROWS, asked=ASKED):
    """Bars that say nothing of themselves."""
    frame = bars(rows, asked)
    frame.attrs = {}
    return frame


def pnl(run):
    return run.trades["pnl"].tolist()


TWO = [pytest.approx(2.0)]


def test_frame_without_facts_is_the_strategys_market():
    run = sp.backtest(rules(), bare())

    assert pnl(run) == TWO
    assert run.symbols == ("EURUSD",)
    assert run.provenance["data"]["EURUSD"]["basis"] == "mid"  # a spread of 0 makes all sides one


def test_frame_without_basis_needs_one_where_the_spread_is_not_0():
    strategy = rules(execution="{spread: 2 pips}")

    with pytest.raises(DataError, match=r'basis is not known; give what is missing, as in .*basis="bid"'):
        sp.backtest(strategy, bare())
    assert pnl(sp.backtest(strategy, bare(), basis="bid")) == [pytest.approx(1.8)]


def test_mapping_path_and_symbol_of_the_frame_agree(tmp_path):
    save_bars(bars(ROWS, ASKED), tmp_path / "mine.parquet")

    by_path = sp.backtest(rules(), tmp_path / "mine.parquet")
    by_text = sp.backtest(rules(), str(tmp_path / "mine.parquet"))
    by_name = sp.backtest(rules(), {"EURUSD": bare()})

    assert pnl(by_path) == pnl(by_text) == pnl(by_name) == TWO
    assert by_path.trades.equals(by_name.trades)


def test_none_takes_the_strategys_market_from_the_catalog(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = sp.backtest("ma_crossover")

    assert run.symbols == ("EURUSD",)
    assert len(run.equity) == 6_225 - int((run.bars["EURUSD"].index < pd.Timestamp("2017-01-01", tz="UTC")).sum())
    assert run.trades.equals(sp.backtest("ma_crossover", sp.sample("EURUSD", "1h")).trades)
    assert sp.backtest("ma_crossover", "EURUSD").id == run.id


def test_mapping_whose_key_contradicts_the_frame_is_refused():
    with pytest.raises(DataError, match="symbol was given as 'GBPUSD', the data says 'EURUSD'"):
        sp.backtest(rules(), {"GBPUSD": bars(ROWS)})


def test_another_instrument_or_timeframe_runs_and_is_noted():
    run = sp.backtest(rules(), bars(ROWS, ASKED, symbol="GBPUSD"))
    assert run.warnings[0] == "the strategy names EURUSD; it ran on GBPUSD."
    run = sp.backtest(rules(), bars(ROWS, ASKED, timeframe="1m"))
    assert run.warnings[0] == "the strategy names 1h bars; it ran on 1m bars."


def test_parameters_cash_currency_and_period_of_the_call_come_first():
    strategy = rules(
        parameters="{units: {default: 1000, min: 1, max: 5000}}",
        sizing="{method: units, value: $units}",
        backtest="{start: 2017-03-06T11:00, end: 2017-03-07, cash: 10000, currency: USD}",
    )
    frame = bars([FLAT, *ROWS], [0, *ASKED])
    run = sp.backtest(strategy, frame, params={"units": "2000"}, cash=5_000)

    assert pnl(run) == [pytest.approx(4.0)]
    assert run.parameters == {"units": 2000}
    assert run.equity["equity"].iloc[0] == 5_000
    assert run.equity["time"].iloc[0] == hour(1)
    assert sp.backtest(strategy, frame, start=hour(2)).trades.empty


BAD = [
    ({"cash": 0}, RunError, r"cash was 0; allowed is an amount above 0"),
    ({"cash": float("nan")}, RunError, "cash was nan"),
    ({"cash": "much"}, RunError, "cash was 'much'"),
    ({"currency": "usd"}, RunError, "currency was 'usd'; allowed is a currency's code such as USD"),
    ({"currency": "SEK"}, DataError, "neither USDSEK nor SEKUSD nor a cross is among the bars"),
    ({"start": "yesterday"}, DataError, "start was 'yesterday'; allowed is a date"),
    ({"start": "2017-06-01", "end": "2017-01-01"}, DataError, "end was 2017-01-01, which is before start 2017-06-01"),
    ({"params": {"fsat": 3}}, RunError, "parameter 'fsat' is not declared by the strategy"),
]


@pytest.mark.parametrize(("given", "kind", "message"), BAD, ids=[str(next(iter(b[0].items()))) for b in BAD])
def test_wrong_arguments_have_one_message(given, kind, message):
    with pytest.raises(kind, match=message):
        sp.backtest(rules(), bars(ROWS), **given)


def test_start_after_the_strategys_own_end_says_so():
    strategy = rules(backtest="{start: 2017-01-01, end: 2017-12-31, cash: 10000, currency: USD}")

    with pytest.raises(RunError, match=r"start was 2018-01-01, but the strategy's backtest.end is 2017-12-31 23:59"):
        sp.backtest(strategy, bars(ROWS), start="2018-01-01")
    with pytest.raises(RunError, match=r"end was 2016-01-01, but the strategy's backtest.start is 2017-01-01 00:00"):
        sp.backtest(strategy, bars(ROWS), end="2016-01-01")


@pytest.mark.parametrize("missing", ["cash", "currency"])
def test_cash_and_currency_are_never_guessed(missing):
    with pytest.raises(RunError, match=rf"{missing} is not said: give sp.backtest\(..., {missing}=...\)"):
        sp.backtest(rules(backtest="{cash: 10000}" if missing == "currency" else "{currency: USD}"), bars(ROWS))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "bars was an empty mapping"),
        (5, "bars was of type int; allowed are a DataFrame"),
        ({"EURUSD": 5}, "the bars of EURUSD were of type int"),
    ],
)
def test_bars_of_another_kind_are_refused(given, message):
    with pytest.raises(RunError, match=message):
        sp.backtest(rules(), given)


def test_missing_instrument_and_mixed_timeframes_are_refused():
    both = rules(market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}")

    with pytest.raises(RunError, match="bars of GBPUSD are missing; given were EURUSD"):
        sp.backtest(both, bars(ROWS))
    with pytest.raises(RunError, match=r"different timeframes \(1h, 1m\)"):
        sp.backtest(both, {"EURUSD": bars(ROWS), "GBPUSD": bars(ROWS, symbol="GBPUSD", timeframe="1m")})


def faulty(**changes):
    frame = bars(ROWS, ASKED)
    for name, value in changes.items():
        frame.iloc[2, frame.columns.get_loc(name)] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (bars(ROWS).iloc[:0], "no rows|no bars|empty|0 bars"),
        (bars(ROWS).iloc[[0, 2, 1, 3]], "increasing"),
        (bars(ROWS).iloc[[0, 1, 1, 2]], "duplicate"),
        (faulty(close=np.nan), "finite|nan"),
        (faulty(low=-1.0), "positive"),
        (faulty(high=1.0), "high_low"),
        (bars(ROWS).tz_localize(None), "time zone|UTC"),
        (bars(ROWS).drop(columns="close"), "close"),
    ],
    ids=["empty", "unsorted", "duplicate", "nan", "negative", "high below low", "no time zone", "no close"],
)
def test_bad_bars_stop_at_the_door(frame, message):
    frame.attrs = bars(ROWS).attrs
    with pytest.raises(DataError, match=message):
        sp.backtest(rules(), frame)


def test_strategy_that_is_not_there_names_the_nearest():
    with pytest.raises(StrategyError, match=r"did you mean .*ma_crossover"):
        sp.backtest("ma_crosover", bars(ROWS))


def test_frame_given_is_not_changed():
    frame = bars(ROWS, ASKED)
    before = frame.copy(deep=True)
    sp.backtest(rules(), frame)

    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == before.attrs


def test_financing_file_is_found_beside_the_strategy(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "s.yaml").write_text(text_of(execution="{spread: 0, financing: rates.yaml}"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match=r"^mine/rates\.yaml"):
        sp.backtest("mine/s.yaml", bars(ROWS))


@pytest.fixture(scope="module")
def year():
    return sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"))


def test_year_has_metrics_by_their_names(year):
    assert year.metrics["trades"] == len(year.trades) > 20
    assert year.metrics["final_equity"] == year.equity["equity"].iloc[-1]
    assert year.metrics["fees"] == pytest.approx(year.fills["fee"].sum())
    first, last = (year.bars["EURUSD"][c].iloc[n] for c, n in (("open", 0), ("close", -1)))
    assert year.metrics["benchmark_return"] == pytest.approx(
        last / first - 1, abs=1e-5
    )  # of ask prices; the run's of mids


@pytest.mark.parametrize("name", FIGURES)
def test_year_can_be_drawn(year, name):
    assert len(year.plot(name).data) > 0


def test_report_of_a_year_is_one_file_of_less_than_two_and_a_half_megabytes(year, tmp_path):
    path = year.report(tmp_path / "report.html")

    assert 100_000 < path.stat().st_size < 2_500_000
    assert year.id in path.read_text(encoding="utf-8")


def test_reports_of_a_batch_over_a_year_share_one_script_and_are_less_than_half_a_megabyte_each(year, tmp_path):
    runs = [sp.backtest("ma_crossover", year.bars["EURUSD"], params={"fast": fast}) for fast in (5, 20)]
    drawn = [
        new_output("display_data", {"application/vnd.plotly.v1+json": json.loads(year.plot(name).to_json())})
        for name in FIGURES
    ]
    executed = new_notebook(cells=[new_code_cell("1", outputs=drawn, execution_count=1)])

    pages = [run.report(tmp_path / f"{run.id}.html", script="beside") for run in (year, *runs)]
    pages.append(save_notebook_report(executed, tmp_path / "notebook.html", script="beside"))

    scripts = {path for path in tmp_path.iterdir() if path.suffix == ".js"}
    assert {path.stat().st_size < 500_000 for path in pages} == {True}
    assert len(scripts) == 1
    assert set(tmp_path.iterdir()) == {*pages, *scripts}
    assert len(set(pages)) == 4
