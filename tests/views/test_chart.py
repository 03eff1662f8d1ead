"""A chart is always the figure shown last, one script serves all, and each colour has its dark counterpart."""

import gzip

import plotly.graph_objects as go

from sptrader.plots.theme import DARK, LIGHT
from sptrader.views.chart import Chart, PlotlyScript, dark_colours
from sptrader.views.chart import _script as script


def test_state_asked_for_later_is_the_current_figure():
    chart = Chart(go.Figure(go.Scatter(y=[1, 2])))

    chart.show(go.Figure(go.Scatter(y=[3, 4, 5])))

    state = chart.get_state()
    assert state["figure"]["data"][0]["y"] == [3, 4, 5]
    assert state["version"] == 2


def test_the_script_is_sent_once_for_all_charts():
    first, second = Chart(), Chart()

    assert first.script == second.script == script().model_id
    assert isinstance(script(), PlotlyScript)
    assert b"Plotly" in gzip.decompress(script().packed)
    assert len(str(Chart._esm)) < 20_000


def test_zoom_and_click_reach_their_handlers():
    heard = []
    chart = Chart(
        on_window=lambda start, end: heard.append((start, end)), on_click=lambda click: heard.append(click["x"])
    )

    chart._heard(None, {"kind": "window", "from": "2017-01-01", "to": "2017-01-02"}, [])
    chart._heard(None, {"kind": "click", "x": 3}, [])

    assert heard == [("2017-01-01", "2017-01-02"), 3]
    assert chart.is_windowed


def test_a_browser_that_does_not_know_the_script_is_sent_it(monkeypatch):
    chart, sent = Chart(), []
    monkeypatch.setattr(chart, "send", lambda content, buffers: sent.append((content, buffers)))

    chart._heard(None, {"kind": "script"}, [])

    assert sent == [({"kind": "script"}, [script().packed])]


def test_every_light_colour_has_a_dark_one():
    known = dict(dark_colours())

    assert known[LIGHT.won] == DARK.won
    assert known[LIGHT.ink] == DARK.ink
    assert known["rgba(213,94,0,"] == "rgba(230,159,0,"
