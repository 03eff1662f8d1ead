"""Trade statistics, groups and excursions by hand."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.performance.trades import (
    breakdown,
    edge_ratio,
    excursion_table,
    profit_factor,
    sqn,
    trade_statistics,
    trade_table,
)


def trades() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": ["EURUSD", "EURUSD", "GBPUSD", "EURUSD", "EURUSD"],
            "side": ["long", "short", "long", "long", "short"],
            "entry_time": pd.DatetimeIndex(
                # Monday, Monday, Tuesday, Wednesday, Monday
                ["2024-01-08 07:30", "2024-01-08 14:00", "2024-01-09 07:00", "2024-02-07 23:30", "2024-02-12 07:00"],
                tz="UTC",
            ),
            "exit_reason": ["take_profit", "stop_loss", "stop_loss", "signal", "take_profit"],
            "pnl": [30.0, -10.0, -20.0, 0.0, 40.0],
            "bars_held": [4, 2, 6, 1, 7],
            "mae": [-1.0, -3.0, -5.0, -1.0, -2.0],
            "mfe": [6.0, 1.0, 2.0, 1.0, 8.0],
        }
    )


def none() -> pd.DataFrame:
    return trades().iloc[:0]


def test_statistics_by_hand():
    found = trade_statistics(trades())

    assert found.trades == 5
    assert found.pnl == 40.0
    assert found.win_rate == 0.4  # the trade at 0 neither wins nor loses
    assert found.profit_factor == pytest.approx(70 / 30)
    assert (found.avg_win, found.avg_loss) == (35.0, -15.0)
    assert found.payoff == pytest.approx(35 / 15)
    assert found.expectancy == 8.0
    assert (found.best_trade, found.worst_trade) == (40.0, -20.0)
    assert (found.avg_bars_held, found.avg_bars_won, found.avg_bars_lost) == (4.0, 5.5, 4.0)
    assert (found.longest_wins, found.longest_losses) == (1, 2)
    # distances from 8: 22 -18 -28 -8 32; squares 484 324 784 64 1024 = 2680, over 4: 670
    assert found.sqn == pytest.approx(8 / math.sqrt(670) * math.sqrt(5))


def test_no_trades_are_undefined_but_counted():
    found = asdict(trade_statistics(none()))

    defined = {"trades", "pnl", "longest_wins", "longest_losses"}
    assert {name for name, value in found.items() if not math.isnan(value)} == defined
    assert all(found[name] == 0 for name in defined)


def test_only_winners_have_no_profit_factor_and_only_losers_have_zero():
    assert math.isnan(profit_factor(np.array([1.0, 2.0])))
    assert profit_factor(np.array([-1.0, -2.0])) == 0.0
    assert math.isnan(profit_factor(np.array([])))


def test_one_trade_and_equal_trades_have_no_quality_number():
    assert math.isnan(sqn(np.array([5.0])))
    assert math.isnan(sqn(np.array([0.1, 0.1, 0.1])))


def test_table_splits_the_sides():
    table = trade_table(trades())

    assert table.columns.tolist() == ["all", "long", "short"]
    assert table.loc["trades"].tolist() == [5, 3, 2]
    assert table.loc["pnl"].tolist() == [40.0, 10.0, 30.0]
    assert table.loc["profit_factor", "long"] == pytest.approx(30 / 20)


def test_groups_by_reason_come_by_number():
    table = breakdown(trades(), "exit_reason")

    assert table.index.tolist() == ["stop_loss", "take_profit", "signal"]
    assert table["trades"].tolist() == [2, 2, 1]
    assert table["pnl"].tolist() == [-30.0, 70.0, 0.0]
    assert table.loc["stop_loss", "expectancy"] == -15.0


def test_groups_by_clock_come_in_its_order():
    assert breakdown(trades(), "hour").index.tolist() == [7, 14, 23]
    assert breakdown(trades(), "hour")["pnl"].tolist() == [50.0, -10.0, 0.0]
    assert breakdown(trades(), "weekday").index.tolist() == ["Mon", "Tue", "Wed"]
    assert breakdown(trades(), "weekday")["trades"].tolist() == [3, 1, 1]
    assert breakdown(trades(), "month").index.tolist() == [1, 2]


def test_groups_by_clock_follow_the_time_zone():
    # 23:30 UTC on Wednesday is Thursday 08:30 in Tokyo
    assert breakdown(trades(), "hour", zone="Asia/Tokyo").index.tolist() == [8, 16, 23]
    assert breakdown(trades(), "weekday", zone="Asia/Tokyo").index.tolist() == ["Mon", "Tue", "Thu"]


@pytest.mark.parametrize("by", ["exit_reason", "side", "symbol", "hour", "weekday", "month"])
def test_groups_add_up_to_the_whole(by):
    table = breakdown(trades(), by)

    assert table["trades"].sum() == 5
    assert table["pnl"].sum() == 40.0
    assert breakdown(none(), by).empty


def test_unknown_group_and_missing_column_are_named():
    with pytest.raises(RunError, match="did you mean 'weekday'"):
        breakdown(trades(), "weekdays")
    with pytest.raises(RunError, match="lacks the column 'pnl'"):
        trade_statistics(trades().drop(columns="pnl"))


def test_excursions_by_hand():
    table = excursion_table(trades())

    assert table.loc[("mae", "all"), "mean"] == pytest.approx(12 / 5)
    assert table.loc[("mae", "winners"), "q50"] == 1.5  # 1 and 2
    assert table.loc[("mae", "losers"), "trades"] == 2
    assert table.loc[("mfe", "all"), "q25"] == 1.0  # 1 1 2 6 8
    assert table.loc[("mfe", "winners"), "q95"] == pytest.approx(6 + 0.95 * 2)
    assert edge_ratio(trades()) == pytest.approx(18 / 12)


def test_excursions_of_no_trades_are_undefined():
    assert excursion_table(none())["mean"].isna().all()
    assert math.isnan(edge_ratio(none()))
