"""What the rules ask for, as the arrays the kernel reads."""

import numpy as np
import pytest

from sptrader.components.loader import registry
from sptrader.kernel.state import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT
from sptrader.kernel.terms import BARS, GREATER, LESS_OR_EQUAL, PNL
from sptrader.model.instrument import instrument
from sptrader.orchestrator.asks import changes, make_orders, make_rules
from sptrader.orchestrator.columns import make_columns
from sptrader.orchestrator.market import make_market
from sptrader.strategy.plan import make_plan
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules

BOTH = "{symbols: [EURUSD, GBPUSD], timeframe: 1h}"


def orders_of(frames, **sections):
    plan = make_plan(rules(**sections), None, registry())
    known = {s: instrument(s) for s in frames}
    market = make_market(frames, plan, known, "USD")
    columns = {s: make_columns(plan, frames[s], known[s]) for s in frames}
    return make_orders(plan, market, columns, {s: make_rules(plan, columns[s]) for s in frames})


def test_bits_of_each_bar():
    orders = orders_of({"EURUSD": bars([FLAT] * 6, [1, 2, 3, 4, 5])})

    assert orders.signal[0, :, 0].tolist() == [
        LONG_ENTRY,
        SHORT_ENTRY,
        LONG_EXIT,
        SHORT_EXIT,
        LONG_ENTRY | SHORT_ENTRY,
        0,
    ]


def test_instrument_without_a_bar_asks_for_nothing_there():
    frames = {"EURUSD": bars([FLAT] * 3), "GBPUSD": bars([1.25] * 2, [1, 1], symbol="GBPUSD", times=[hour(0), hour(2)])}
    orders = orders_of(frames, market=BOTH)

    assert orders.signal[1, :, 0].tolist() == [LONG_ENTRY, 0, LONG_ENTRY]


def test_distances_are_columns_where_they_vary_and_one_number_where_they_do_not():
    rows = [(1.1, 1.12, 1.09, 1.1), (1.1, 1.11, 1.1, 1.1)]
    orders = orders_of(
        {"EURUSD": bars(rows)}, exit=f"{{{SIDES}, stop_loss: high - low, take_profit: 20 pips, trailing_stop: 3%}}"
    )

    assert orders.stop[0, :, 0].tolist() == pytest.approx([0.03, 0.01])
    assert orders.target.tolist() == [[[pytest.approx(0.0020)]]]
    assert np.isnan(orders.trail).all()  # a fraction is of the fill


def test_prices_of_both_sides():
    entry = (
        "{long: {when: volume == 1, order: {type: limit, price: close - 10 pips}}, "
        "short: {when: volume == 2, order: {type: limit, price: close + 10 pips}}}"
    )
    orders = orders_of({"EURUSD": bars([1.1, 1.2])}, entry=entry)

    assert orders.limit[0, :, 0].ravel().tolist() == pytest.approx([1.099, 1.101, 1.199, 1.201])
    assert np.isnan(orders.trigger).all()


def test_strength_is_asked_of_several_instruments_only():
    used = {
        "indicators": "{fast: {type: sma, period: 2}, slow: {type: sma, period: 3}}",
        "signals": "{cross: {type: ma_crossover, fast: fast, slow: slow}}",
        "entry": "{long: {when: {signal: cross, type: golden_cross}}}",
    }
    rows = [1.13, 1.12, 1.11, 1.14, 1.15]
    assert orders_of({"EURUSD": bars(rows)}, **used).strength.shape == (1, 1, 1)
    frames = {"EURUSD": bars(rows), "GBPUSD": bars([1.3, 1.2, 1.1, 1.4, 1.5], symbol="GBPUSD")}
    strength = orders_of(frames, market=BOTH, **used).strength[:, 3, 0]
    assert strength[1] >= strength[0] > 0


def test_rules_about_the_position_become_terms():
    leave = (
        "{long: {when: {any: [{all: [close > 1.15, position.bars > 48, position.pnl > 0]}, position.pnl <= -0.01]}}}"
    )
    orders = orders_of({"EURUSD": bars([1.1, 1.2])}, exit=leave)

    assert orders.terms.tolist() == [[1, BARS, GREATER, 1], [1, PNL, GREATER, 0], [1, PNL, LESS_OR_EQUAL, 1]]
    assert orders.term_truth[:, 0, :, 0].tolist() == [[0, 1], [0, 1], [1, 1]]
    assert orders.term_right[:, 0, 0, 0].tolist() == pytest.approx([48.0, 0.0, -0.01])
    assert not (orders.signal & LONG_EXIT).any()


def test_change_is_a_difference_from_the_bar_before():
    assert changes(np.array([-1, 0, 0, 1], np.int8), 4).tolist() == [False, True, False, True]
    assert changes(None, 3).tolist() == [False] * 3
