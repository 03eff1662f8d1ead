"""A run as its user holds it."""

import pytest

import sptrader as sp
from tests.orchestrator.tiny import FLAT, bars, rules, run_of

ROWS = [FLAT, FLAT, 1.1010, 1.1020, 1.1020]


def test_text_tells_the_result_in_one_line():
    text = repr(run_of(ROWS, [1, 0, 3]))

    assert text.startswith("Run tiny-")
    assert text.endswith("tiny on EURUSD, 1 trades, return 0.02%, Sharpe n/a, largest drawdown 0.00%")


def test_notebook_shows_a_summary():
    shown = run_of(ROWS, [1, 0, 3])._repr_mimebundle_()

    assert set(shown) == {"text/plain", "text/html"}
    assert "tiny" in shown["text/html"]


def test_run_without_trades_has_every_table_metric_and_a_report(tmp_path):
    run = run_of([FLAT] * 5)

    assert run.metrics["trades"] == 0
    assert run.metrics["total_return"] == 0
    assert run.metrics["win_rate"] != run.metrics["win_rate"]  # nan: undefined
    assert run.report(tmp_path / "r.html").exists()
    assert run.save(tmp_path).is_dir()
    assert run.trades.empty


def test_equal_inputs_give_equal_ids_and_tables():
    one, other = (run_of(ROWS, [1, 0, 3]) for _ in range(2))

    assert one.id == other.id
    for name in ("trades", "orders", "fills", "equity", "decisions", "signals"):
        assert getattr(one, name).equals(getattr(other, name))


def test_columns_are_aligned_with_the_bars_of_the_period():
    strategy = rules(indicators="{slow: {type: sma, period: 2}}", entry="{long: {when: close > slow}}")
    run = sp.backtest(strategy, bars([1.0, 1.2, 1.4, 1.6]), start="2017-03-06 12:00")

    assert run.columns["EURUSD"]["slow"].tolist() == pytest.approx([1.3, 1.5])
    assert len(run.bars["EURUSD"]) == 2
    assert len(run.inputs["EURUSD"]) == 4


def test_benchmark_of_the_accounts_base_is_what_its_rise_is_worth_in_it():
    # 100,000 USD held in USDJPY, 150 -> 160: the rise is 10 / 160 of a dollar
    run = sp.backtest(rules(market="{symbols: [USDJPY], timeframe: 1h}"), bars([150.0, 150.0, 160.0], symbol="USDJPY"))

    assert run.metrics["benchmark_return"] == pytest.approx(10 / 160)


def test_exposure_and_turnover_count_what_was_held_and_traded():
    run = run_of(ROWS, [1, 0, 3])

    assert run.metrics["exposure"] == pytest.approx(2 / 5)  # held at the closes of bars 1 and 2
    assert run.metrics["avg_bars_held"] == 2
    assert run.metrics["best_trade"] == pytest.approx(2.0)
