"""The price figure shows what was traded, where, and why it ended."""

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.plots.marks import largest_trades, trade_text
from sptrader.plots.price import is_on_price, panel_names, price_figure


def by_name(figure, name):
    return next(trace for trace in figure.data if trace.name.startswith(name))


def test_candles_are_the_bars_and_the_weekend_is_cut_out(bars):
    figure = price_figure(bars)

    candles = figure.data[0]
    assert candles.type == "candlestick"
    assert list(candles.high) == bars["high"].tolist()
    assert figure.layout.xaxis.rangebreaks[0].bounds == ("2017-03-03T22:00:01", "2017-03-05T22:00")
    assert figure.layout.xaxis.rangeslider.visible is False


def test_entries_and_exits_are_marked_at_their_times_and_prices(bars, trades):
    figure = price_figure(bars, trades)

    long_entry, short_entry = by_name(figure, "long entry"), by_name(figure, "short entry")
    won, lost = by_name(figure, "exit, won"), by_name(figure, "exit, lost")
    assert (list(long_entry.x), list(long_entry.y)) == (["2017-03-03T18:00"], [1.105])
    assert (list(short_entry.x), list(short_entry.y)) == (["2017-03-05T23:00"], [1.155])
    assert (list(won.x), list(won.y)) == (["2017-03-05T23:00"], [1.155])
    assert (list(lost.x), list(lost.y)) == (["2017-03-06T01:00"], [1.175])
    assert long_entry.marker.symbol != short_entry.marker.symbol
    assert won.marker.symbol != lost.marker.symbol


def test_mark_says_what_the_trade_was(trades):
    text = trade_text(trades.to_dict("records")[1])

    assert "short 10,000" in text
    assert "in 2017-03-05 23:00 at 1.155" in text
    assert "stop loss, 2 bars" in text
    assert "-50.00" in text
    assert "(-0.40%)" in text


def test_lines_between_entry_and_exit_are_broken_between_trades(bars, trades):
    figure = price_figure(bars, pd.concat([trades, trades.iloc[:1]]))

    line = next(trace for trace in figure.data if trace.name == "won" and trace.mode == "lines")
    assert list(line.y) == [1.105, 1.155, None, 1.105, 1.155, None]


def test_too_many_trades_are_drawn_by_size_and_the_legend_says_so(bars, trades):
    many = pd.concat([trades] * 800, ignore_index=True)  # 800 of 200 and 800 of -50
    many.loc[1599, "pnl"] = -5000.0

    shown = largest_trades(many)

    assert len(shown) == 1500
    assert (shown["pnl"] == 200.0).sum() == 800
    assert shown.index.is_monotonic_increasing
    assert 1599 in shown.index
    assert "the 1,500 largest of 1,600" in by_name(price_figure(bars, many), "long entry").name


def test_average_lies_on_the_price_and_range_gets_its_own_panel(bars):
    average, width = bars["close"].to_numpy() - 0.005, np.full(10, 0.04)

    figure = price_figure(bars, indicators={"ma": average, "atr": width})

    assert by_name(figure, "ma").yaxis == "y"
    assert by_name(figure, "atr").yaxis == "y2"
    assert figure.layout.yaxis2.title.text == "atr"
    assert figure.layout.xaxis2.matches == "x"
    assert not figure.layout.xaxis.showticklabels
    assert figure.layout.xaxis2.showticklabels


def test_oscillator_in_the_range_of_the_price_is_still_no_price():
    seeded = np.random.default_rng(5)
    close = 50 + np.cumsum(seeded.normal(0, 0.5, 2000))
    index = pd.date_range("2020-01-01", periods=2000, freq="1h", tz="UTC", name="time")
    frame = pd.DataFrame({"close": close}, index=index)

    assert is_on_price(close - 0.3, frame)
    assert not is_on_price(close.mean() + seeded.normal(0, 2, 2000), frame)
    assert not is_on_price(np.full(2000, np.nan), frame)


def test_outputs_of_one_component_share_a_panel():
    assert panel_names(["macd.line", "macd.signal", "rsi"]) == {"macd": ["macd.line", "macd.signal"], "rsi": ["rsi"]}


def test_warm_up_is_not_drawn(bars):
    values = bars["close"].to_numpy().copy()
    values[:4] = np.nan

    line = by_name(price_figure(bars, indicators={"ma": values}), "ma")

    assert len(line.x) == 6
    assert line.x[0] == "2017-03-03T21:00"


def test_indicator_that_was_never_defined_draws_nothing_and_breaks_nothing(bars):
    figure = price_figure(bars, indicators={"ma": np.full(10, np.nan)})

    assert np.isnan(np.asarray(by_name(figure, "ma").y, float)).all()


def test_unknown_theme_is_refused(bars):
    with pytest.raises(RunError, match="theme was 'drak'; did you mean 'dark'"):
        price_figure(bars, theme="drak")
