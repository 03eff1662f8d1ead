"""A plan's limits, costs and facts in the state a run starts from."""

import math

import pytest

from sptrader.components.loader import registry
from sptrader.errors import RunError
from sptrader.kernel import state as k
from sptrader.model.instrument import instrument
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.market import make_market
from sptrader.strategy.plan import make_plan
from tests.orchestrator.tiny import FLAT, SIDES, bars, rules

FULL = {
    "sizing": "{method: percent, value: 30%}",
    "exit": f"{{{SIDES}, stop_loss: 2%, take_profit: 40 pips, max_holding: 7 bars}}",
    "risk": "{max_positions: 3, position_limit: 150%, max_order_notional: 5000, max_drawdown: 20%, daily_loss_limit: 4%}",
    "filters": "{cooldown: 5 bars, one_entry_per_session: true}",
    "execution": "{spread: 0, slippage: 2 pips, commission: {percent: 0.01%, per_lot: 3, minimum: 1}, pyramiding: 2, "
    "reverse: true, intrabar: optimistic, order: {type: limit, price: close, expires: 4 bars, time_in_force: day}}",
}
ACCOUNT = {
    k.CASH: 5000.0, k.EQUITY: 5000.0, k.PEAK: 5000.0, k.BASELINE: 5000.0, k.LIMIT_POSITIONS: 3.0, k.LIMIT_POSITION: 1.5,
    k.LIMIT_ORDER: 5000.0, k.LIMIT_DRAWDOWN: 0.2, k.LIMIT_DAILY_LOSS: 0.04, k.SIZE_METHOD: k.PERCENT, k.SIZE_VALUE: 0.3,
    k.FEE_PER_LOT: 3.0, k.FEE_MINIMUM: 1.0, k.MAX_HOLDING: 7.0, k.N_ADDS: 2.0, k.REVERSING: 1.0, k.OPTIMISTIC: 1.0,
    k.COOLDOWN: 5.0, k.ONE_PER_SESSION: 1.0, k.ORDER_TYPE: k.LIMIT, k.ORDER_BARS: 4.0, k.ORDER_DAY: 1.0, k.ORDER_AT_OPEN: 0.0,
}  # fmt: skip
INSTRUMENT = {
    k.STEP_TOP: 1.0, k.STEP_BOTTOM: 100_000.0, k.LOT_TOP: 1.0, k.LOT_BOTTOM: 1.0, k.MIN_QUANTITY: 1.0,
    k.CONTRACT_SIZE: 100_000.0, k.RATE_KIND: k.IS_QUOTE, k.STOP_FRACTION: 0.02, k.HAS_STOP: 1.0, k.HAS_TARGET: 1.0,
    k.HAS_TRAIL: 0.0, k.SLIP_RANGE: 0.0, k.SLIP_VOLUME: 0.0,
}  # fmt: skip


def state(**sections):
    plan = make_plan(rules(**sections), None, registry())
    frames = {"EURUSD": bars([FLAT] * 2)}
    return opening_state(plan, make_market(frames, plan, {"EURUSD": instrument("EURUSD")}, "USD"), 5000.0)


def test_everything_the_plan_says_is_in_its_field():
    s = state(**FULL)
    at = k.block(0, 1)

    assert {field: s[field] for field in ACCOUNT} == ACCOUNT
    assert s[k.FEE_FRACTION] == pytest.approx(0.0001)
    assert {field: s[at + field] for field in INSTRUMENT} == INSTRUMENT
    assert s[at + k.MARGIN_RATE] == pytest.approx(1 / 30)
    assert s[at + k.SLIP_PRICE] == pytest.approx(0.0002)
    assert math.isnan(s[at + k.TARGET_FRACTION])  # a distance in pips is a column's


def test_what_the_plan_does_not_say_is_no_limit():
    s = state()

    for field in (
        k.LIMIT_POSITIONS,
        k.LIMIT_POSITION,
        k.LIMIT_ORDER,
        k.LIMIT_DRAWDOWN,
        k.LIMIT_DAILY_LOSS,
        k.MAX_HOLDING,
    ):
        assert s[field] == math.inf


def test_each_side_has_its_own_kind_of_order():
    entry = (
        "{long: {when: volume == 1}, "
        "short: {when: volume == 2, order: {type: limit, price: close, expires: 3 bars, time_in_force: day}}}"
    )
    s = state(entry=entry)

    fields = [k.ORDER_TYPE, k.ORDER_BARS, k.ORDER_DAY, k.ORDER_AT_OPEN]
    assert list(s[fields]) == [k.MARKET, math.inf, 0.0, 0.0]
    shorts = [k.SHORT_ORDER_TYPE, k.SHORT_ORDER_BARS, k.SHORT_ORDER_DAY, k.SHORT_ORDER_AT_OPEN]
    assert list(s[shorts]) == [k.LIMIT, 3.0, 1.0, 0.0]


def test_the_finer_bars_that_a_strategy_counts_on_must_be_there():
    with pytest.raises(RunError, match=r"execution\.intrabar: finer needs finer bars or ticks"):
        state(execution="{intrabar: finer, spread: 0}")
