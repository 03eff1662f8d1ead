"""Drawdowns by hand, and the block-wise search against the obvious one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.performance.drawdown import drawdown, drawdown_table, max_drawdown_rows, worst_drawdown
from sptrader.performance.returns import AccountSeries

DAY_NS = 86400 * 10**9


def daily(equity: list[float], cash: float = 100.0) -> AccountSeries:
    times = np.arange(len(equity), dtype=np.int64) * DAY_NS
    return AccountSeries(times, np.array(equity, float), cash, DAY_NS, "24/7")


def test_starting_cash_is_the_first_peak():
    assert drawdown(np.array([90.0, 100.0, 80.0]), 100.0) == pytest.approx([0.1, 0.0, 0.2])


def test_deepest_fall_and_longest_time_need_not_be_the_same():
    # peak 120 at the close of day 1; 60 on day 2 is half of it, recovered on day 3; then 4 days just below 130
    fall = worst_drawdown(daily([110.0, 120.0, 60.0, 130.0, 129.0, 129.0, 129.0, 131.0]))

    assert fall.depth == pytest.approx(0.5)
    assert fall.days == 4.0  # close of day 3 to close of day 7


def test_fall_without_recovery_lasts_to_the_end():
    fall = worst_drawdown(daily([120.0, 90.0, 108.0]))

    assert fall.depth == pytest.approx(0.25)
    assert fall.days == 2.0


def test_fall_from_the_first_bar_starts_at_its_open():
    assert worst_drawdown(daily([90.0, 100.0])).days == 2.0


def test_flat_equity_has_no_drawdown():
    fall = worst_drawdown(daily([100.0, 100.0, 100.0]))

    assert (fall.depth, fall.days) == (0.0, 0.0)
    assert drawdown_table(daily([100.0, 100.0])).empty


def test_gap_in_time_at_the_peak_is_not_under_water():
    # two days apart, the second a new high
    series = AccountSeries(np.array([0, 5 * DAY_NS]), np.array([110.0, 120.0]), 100.0, DAY_NS, "24/7")

    assert worst_drawdown(series).days == 0.0


def test_debt_is_a_drawdown_above_one():
    assert worst_drawdown(daily([100.0, -20.0])).depth == pytest.approx(1.2)


def test_long_time_at_a_new_high_is_the_peak_of_what_follows():
    # 110, then 3,000 bars at 120, then 60 for a bar and 115 to the end: half of 120, never recovered
    fall = worst_drawdown(daily([110.0] * 1024 + [120.0] * 3072 + [60.0] + [115.0] * 99))

    assert fall.depth == 0.5
    assert fall.days == 100.0


def test_no_bars_are_undefined():
    assert math.isnan(worst_drawdown(daily([])).depth)
    assert drawdown_table(daily([])).empty


def test_table_has_the_deepest_first_with_peak_trough_and_recovery():
    table = drawdown_table(daily([110.0, 99.0, 110.0, 120.0, 90.0, 60.0, 90.0]))

    assert table["depth"].tolist() == pytest.approx([0.5, 0.1])
    assert table["peak"].tolist() == [pd.Timestamp("1970-01-05", tz="UTC"), pd.Timestamp("1970-01-02", tz="UTC")]
    assert table["trough"].tolist() == [pd.Timestamp("1970-01-07", tz="UTC"), pd.Timestamp("1970-01-03", tz="UTC")]
    assert pd.isna(table["recovery"][0])
    assert table["recovery"][1] == pd.Timestamp("1970-01-04", tz="UTC")
    assert table["days"].tolist() == [3.0, 2.0]
    assert table["days_to_trough"].tolist() == [2.0, 1.0]
    assert len(drawdown_table(daily([90.0, 100.0, 80.0]), top=1)) == 1


def test_fall_of_rows_of_returns():
    rows = np.array([[0.1, -0.5, 0.2], [-0.2, 0.5, 0.1]])

    assert max_drawdown_rows(rows) == pytest.approx([0.5, 0.2])


def walked(account: AccountSeries) -> tuple[float, float]:
    """The same, bar by bar."""
    peak, since_ns, depth, days, is_under = account.cash, int(account.times_ns[0]), 0.0, 0.0, False
    for time, equity in zip(account.marks_ns.tolist(), account.equity.tolist(), strict=True):
        if is_under or equity < peak:
            days = max(days, (time - since_ns) / DAY_NS)
        is_under = equity < peak
        depth = max(depth, 1.0 - equity / peak)
        if not is_under:
            peak, since_ns = equity, time
    return depth, days


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 10_000), st.sampled_from([0.0, 0.3, -0.3]), st.booleans(), st.booleans())
def test_search_by_blocks_equals_the_walk_by_bars(n, seed, drift, is_coarse, is_still):
    steps = np.random.default_rng(seed).normal(drift, 3.0, n)
    if is_still:
        steps[np.arange(n) % 1500 > 30] = 0.0  # whole blocks without a change, at the peak or below it
    equity = 1000.0 + (np.round(steps) if is_coarse else steps).cumsum()  # coarse steps meet the same peak again
    account = AccountSeries(np.arange(n, dtype=np.int64) * DAY_NS, equity, 1000.0, DAY_NS, "24/7")

    fall = worst_drawdown(account)

    assert (fall.depth, fall.days) == walked(account)
    assert fall.depth == float(drawdown(equity, 1000.0).max())
    table = drawdown_table(account, top=n)
    assert fall.days == (table["days"].max() if len(table) else 0.0)
