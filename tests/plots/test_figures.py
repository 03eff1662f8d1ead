"""The other figures: their numbers, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from sptrader.performance.costs import CostSplit
from sptrader.plots.costs import costs_figure
from sptrader.plots.dashboard import dashboard
from sptrader.plots.equity import buy_and_hold, equity_figure
from sptrader.plots.monthly import monthly_figure
from sptrader.plots.rolling import rolling_figure
from sptrader.plots.theme import DARK, LIGHT
from sptrader.plots.trades import distribution, trade_pnl_figure

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly(*years):
    table = pd.DataFrame(np.nan, index=pd.Index(years, name="year"), columns=[*MONTHS, "Year"])
    table.loc[years[0], ["Jan", "Feb", "Year"]] = [0.10, -0.05, 0.045]
    return table


def test_equity_is_drawn_above_its_drawdown(equity):
    figure = equity_figure(equity, np.linspace(1000, 1090, 10), currency="USD")

    held, marks, below = figure.data
    assert [held.name, marks.name, below.name] == ["buy and hold", "equity", "drawdown"]
    assert list(marks.y) == equity["equity"].tolist()
    assert held.y[-1] == 1090
    np.testing.assert_allclose(below.y[3], -0.05)  # 1045 of 1100
    assert below.yaxis == "y2"
    assert figure.layout.yaxis.title.text == "equity, USD"


def test_deepest_point_is_named(equity):
    figure = equity_figure(equity)

    (note,) = figure.layout.annotations
    assert note.text == "−5.0%"
    assert note.x == "2017-03-03T20:00"


def test_buy_and_hold_parts_the_cash_equally(bars):
    # one instrument gains 1.19 / 1.10 - 1, the other stands still: the half of each
    flat = bars.assign(close=50.0)

    held = buy_and_hold({"EURUSD": bars, "FLAT": flat}, bars.index, 1000.0)

    np.testing.assert_allclose(held[[0, -1]], [1000.0, 500.0 * 1.19 / 1.10 + 500.0])


def test_buy_and_hold_keeps_the_money_until_an_instrument_trades(bars):
    held = buy_and_hold({"LATE": bars.iloc[4:]}, bars.index, 1000.0)

    np.testing.assert_allclose(held[:5], 1000.0)
    np.testing.assert_allclose(held[-1], 1000.0 * 1.19 / 1.14)


def test_months_have_their_numbers_and_the_year_no_colour():
    (heat,) = monthly_figure(monthly(2017, 2018)).data

    assert list(heat.text[0][:3]) == ["+10%", "-5.0%", ""]
    assert heat.text[0][12] == "<b>+4.5%</b>"
    assert heat.z[0][12] == 0.0
    assert np.isnan(heat.z[1]).all()
    assert (heat.zmin, heat.zmax) == (-0.10, 0.10)


def test_months_without_any_return_are_drawn_without_a_warning():
    table = monthly(2017)
    table.loc[2017] = np.nan

    (heat,) = monthly_figure(table).data

    assert (heat.zmin, heat.zmax) == (-1.0, 1.0)


def test_results_add_up_to_the_running_sum(trades):
    figure = trade_pnl_figure(trades, currency="USD")

    won, lost, total = figure.data[:3]
    assert (list(won.x), list(won.y)) == ([1], [200.0])
    assert (list(lost.x), list(lost.y)) == ([2], [-50.0])
    assert list(total.y) == [200.0, 150.0]


def test_distribution_counts_every_trade_and_no_range_holds_both_signs():
    pnl = np.random.default_rng(1).normal(5, 100, 500)

    edges, counts = distribution(pnl)

    assert counts.sum() == 500
    assert 0.0 in edges
    assert counts[edges[:-1] >= 0].sum() == (pnl > 0).sum()
    np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])


@pytest.mark.parametrize("pnl", [[], [0.0], [5.0], [-5.0], [3.0, 3.0, 3.0]])
def test_distribution_of_few_or_equal_trades(pnl):
    edges, counts = distribution(np.array(pnl, float))

    assert counts.sum() == len(pnl)
    assert len(edges) == len(counts) + 1


def test_costs_step_from_gross_to_net():
    # 100 gross, 30 spread, 5 slippage, 10 commission, 4 of financing received: 59 net
    split = CostSplit(gross=100.0, spread=30.0, slippage=5.0, commission=10.0, financing=-4.0, net=59.0)

    (bar,) = costs_figure(split, currency="USD").data

    assert list(bar.x) == [100.0, -30.0, -5.0, -10.0, 4.0, 59.0]
    assert list(bar.base) == [0.0, 100.0, 70.0, 65.0, 55.0, 0.0]
    assert bar.text[4] == "+4.00"


def test_dashboard_shows_all_of_it_on_one_time_axis(bars, trades, equity):
    figure = dashboard(bars, trades, equity, monthly=monthly(2017), indicators={"ma": bars["close"].to_numpy()})

    assert {trace.type for trace in figure.data} == {"candlestick", "scatter", "heatmap", "bar"}
    assert figure.layout.xaxis2.matches == figure.layout.xaxis3.matches == "x"
    assert figure.layout.xaxis4.type == "category"


def test_dashboard_of_a_run_without_trades(bars, trades, equity):
    figure = dashboard(bars, trades.iloc[:0], equity, monthly=monthly(2017))

    assert "bar" not in {trace.type for trace in figure.data}


def test_dark_theme_has_its_own_colours(equity):
    assert equity_figure(equity).layout.template.layout.paper_bgcolor == LIGHT.paper
    assert equity_figure(equity, theme="dark").layout.template.layout.paper_bgcolor == DARK.paper


def test_rolling_draws_each_figure_in_a_panel_of_its_own():
    days = pd.date_range("2017-01-02", periods=4, freq="D", tz="UTC")
    table = pd.DataFrame(
        {"return": [np.nan, 0.1, 0.2, 0.3], "volatility": 0.05, "sharpe": [np.nan, 1.0, 2.0, 3.0]}, days
    )

    figure = rolling_figure(table, window=2)

    assert [(trace.name, trace.yaxis) for trace in figure.data] == [
        ("Sharpe", "y"),
        ("volatility", "y2"),
        ("return", "y3"),
    ]
    assert list(figure.data[0].y)[1:] == [1.0, 2.0, 3.0]
    assert figure.layout.title.text == "Last 2 sessions"
