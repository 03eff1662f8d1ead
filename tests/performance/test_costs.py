"""The way from gross to net, to the cent."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.performance.costs import cost_split, cost_table


def fills() -> pd.DataFrame:
    return pd.DataFrame({"spread_cost": [4.0, 4.0], "slippage_cost": [1.0, 2.0], "fee": [2.5, 2.5]})


def trades() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "side": ["long", "short", "long"],
            "spread_cost": [1.0, 2.0, 4.0],
            "slippage_cost": [0.5, 0.0, 0.5],
            "fees": [1.0, 1.0, 1.0],
            "financing": [-3.0, 5.0, 0.0],
            "pnl": [94.5, -48.0, 4.5],
        }
    )


def test_gross_minus_each_cost_is_net():
    # 8 spread, 3 slippage, 5 commission, and 6 of interest received: 100 + 16 - 6
    split = cost_split(fills(), 100.0, financing=6.0)

    assert (split.spread, split.slippage, split.commission, split.financing) == (8.0, 3.0, 5.0, -6.0)
    assert split.gross == 110.0
    assert split.total == 10.0
    assert split.gross - split.spread - split.slippage - split.commission - split.financing == split.net
    assert split.share_of_gross == pytest.approx(10 / 110)


def test_open_positions_count_their_exit_half_spread():
    assert cost_split(fills(), 100.0, financing=0.0, open_spread=4.0).spread == 12.0


def test_gross_measured_apart_shows_what_is_missing():
    assert cost_split(fills(), 100.0, financing=0.0, gross=116.0).imbalance == 0.0
    assert cost_split(fills(), 100.0, financing=0.0, gross=115.0).imbalance == -1.0


def test_steps_of_the_waterfall():
    table = cost_split(fills(), 100.0, financing=6.0).table()

    assert table.index.tolist() == ["gross", "spread", "slippage", "commission", "financing", "net"]
    assert table["amount"].tolist() == [110.0, -8.0, -3.0, -5.0, 6.0, 100.0]
    assert table["balance"].tolist() == [110.0, 102.0, 99.0, 94.0, 100.0, 100.0]


def test_trades_carry_their_own_financing():
    split = cost_split(trades(), 51.0)

    assert split.financing == -2.0  # 5 received, 3 paid
    assert split.gross == 51.0 + 7.0 + 1.0 + 3.0 - 2.0


def test_costs_by_group():
    table = cost_table(trades(), "side")

    assert table.columns.tolist() == ["gross", "spread", "slippage", "commission", "financing", "net"]
    assert table.loc["long"].tolist() == [110.0, 5.0, 1.0, 2.0, 3.0, 99.0]  # 99 + 5 + 1 + 2 + 3
    assert table.loc["short", "gross"] == -48.0 + 2.0 + 0.0 + 1.0 - 5.0
    assert table["net"].sum() == 51.0


def test_no_gain_has_no_share_and_faults_are_named():
    assert math.isnan(cost_split(fills(), -100.0, financing=0.0).share_of_gross)
    with pytest.raises(RunError, match="lacks the column 'financing'"):
        cost_split(fills(), 100.0)
    with pytest.raises(RunError, match="by was 'venue'"):
        cost_table(trades(), "venue")
