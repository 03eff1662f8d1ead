"""A window of a scene is drawn as its own bars would be, however many there are around it."""

import numpy as np
import pandas as pd
import pytest

from sptrader.plots.scene import price_scene, scene_figure


def made_bars(n):
    index = pd.date_range("2017-01-02", periods=n, freq="1min", tz="UTC", name="time")
    close = 1.0 + np.arange(n) / n
    frame = {"open": close, "high": close + 0.001, "low": close - 0.001, "close": close, "volume": 1.0}
    return pd.DataFrame(frame, index=index)


def trades_at(bars, entry, exit_):
    times = bars.index
    told = {"symbol": "EURUSD", "side": "long", "quantity": 1.0, "exit_reason": "signal", "bars_held": 5, "return": 0.1}
    prices = {"entry_price": bars["close"].iloc[entry], "exit_price": bars["close"].iloc[exit_], "pnl": 1.0}
    return pd.DataFrame([{**told, **prices, "entry_time": times[entry], "exit_time": times[exit_]}])


@pytest.fixture(scope="module")
def scene():
    bars = made_bars(10_000)
    bars.iloc[5000, bars.columns.get_loc("high")] = 9.0  # a spike in one bar
    events = pd.DataFrame({"time": bars.index[[10, 9000]], "kind": ["signal", "refused"], "text": ["a", "b"]})
    rsi = np.tile([20.0, 80.0], 5000)
    return price_scene(bars, trades_at(bars, 100, 120), {"ma": bars["close"].to_numpy(), "rsi": rsi}, events)


def test_all_bars_are_at_most_two_thousand_candles_and_no_spike_is_lost(scene):
    candles = scene_figure(scene).data[0]

    assert len(candles.x) == 2000
    assert max(candles.high) == 9.0


def test_a_window_shows_its_own_bars_one_by_one(scene):
    times = scene.bars.index
    figure = scene_figure(scene, times[100], times[199])

    candles = figure.data[0]
    assert len(candles.x) == 100
    assert list(candles.close) == scene.bars["close"].iloc[100:200].tolist()
    assert figure.layout.xaxis.range == ("2017-01-02T01:40", "2017-01-02T03:19")


def test_marks_belong_to_their_window(scene):
    times = scene.bars.index
    early = {trace.name for trace in scene_figure(scene, times[0], times[500]).data}
    late = {trace.name for trace in scene_figure(scene, times[8500], times[9500]).data}

    assert {"signal", "long entry", "exit, won"} <= early
    assert "refused" not in early
    assert "refused" in late
    assert "long entry" not in late


def test_zooming_moves_no_line_to_another_panel(scene):
    times = scene.bars.index
    rows = [
        {trace.name: trace.yaxis for trace in figure.data if trace.name in ("ma", "rsi")}
        for figure in (scene_figure(scene), scene_figure(scene, times[3], times[20]))
    ]

    assert rows[0] == rows[1] == {"ma": "y", "rsi": "y2"}


def test_a_window_without_bars_shows_all(scene):
    figure = scene_figure(scene, pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2020-01-02", tz="UTC"))

    assert len(figure.data[0].x) == 2000
