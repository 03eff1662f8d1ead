"""Pre-trade checks: what is refused, with which code, and that what is not known never passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.structs import replace as replace_fields

from sptrader.errors import BrokerError
from sptrader.execution.lifecycle import Life
from sptrader.execution.record import Record
from sptrader.execution.safety import Check, Limits, Market, Memory, SentOrder, check_order, memory_of
from sptrader.model.orders import Order, OrderUpdate
from tests.execution.desk import order

S = 1_000_000_000
LIMITS = Limits(max_order_notional=50_000.0)
MARKET = Market(price=1.1, time_ns=0, rate=1.0)
NAN = float("nan")


def refused(one: Order, *, market: Market | None = MARKET, limits: Limits = LIMITS, **options: object) -> Check | None:
    values: dict[str, object] = {"memory": Memory(), "now_ns": S, **options}
    refusal = check_order(one, market, limits=limits, **values).refusal  # type: ignore[arg-type]
    return None if refusal is None else refusal.check


def test_a_plain_order_passes():
    assert refused(order("a", "buy", 10_000)) is None


@pytest.mark.parametrize(
    ("market", "check"),
    [
        (None, Check.PRICE_UNKNOWN),
        (Market(NAN, 0, 1.0), Check.PRICE_UNKNOWN),
        (Market(-1.0, 0, 1.0), Check.PRICE_UNKNOWN),
        (Market(float("inf"), 0, 1.0), Check.PRICE_UNKNOWN),
        (Market(1.1, -60 * S, 1.0), Check.PRICE_STALE),
        (Market(1.1, 2 * S, 1.0), Check.PRICE_STALE),
        (Market(1.1, 0, NAN), Check.RATE_UNKNOWN),
        (Market(1.1, 0, 0.0), Check.RATE_UNKNOWN),
    ],
)
def test_what_is_not_known_never_passes(market, check):
    assert refused(order("a", "buy", 10_000), market=market) is check


def test_notional_is_in_account_currency():
    # 45,000 x 1.1 = 49,500; 46,000 x 1.1 = 50,600
    assert refused(order("a", "buy", 45_000)) is None
    assert refused(order("a", "buy", 46_000)) is Check.ORDER_NOTIONAL
    assert refused(order("a", "buy", 46_000), market=Market(1.1, 0, 0.5)) is None


def test_a_price_beyond_the_collar_is_refused_for_exits_too():
    # 5% of 1.1 is 0.055
    for leg in ("entry", "exit"):
        assert refused(order("a", "buy", 1000, type="limit", limit_price="1.046", leg=leg)) is None
        assert refused(order("a", "buy", 1000, type="limit", limit_price="1.044", leg=leg)) is Check.PRICE_COLLAR


@pytest.mark.parametrize(
    "one",
    [
        order("a", "buy", 0),
        order("a", "buy", 1, type="limit"),
        order("a", "buy", 1, type="stop", stop_price="NaN", leg="exit"),
        order("a", "buy", 1, type="limit", limit_price="Infinity"),
        order("a", "buy", 1, type="stop_limit", stop_price="1.1"),
    ],
)
def test_an_order_without_numbers_is_refused(one):
    assert refused(one) is Check.ORDER_INVALID


def test_states_of_trading():
    entry, leave = order("a", "buy", 1000), order("b", "sell", 1000, leg="exit")

    assert refused(entry, trading="reducing") is Check.ONLY_REDUCING
    assert refused(leave, trading="reducing") is None
    assert refused(leave, trading="halted") is Check.TRADING_HALTED
    assert refused(leave, is_killed=True) is Check.KILLED
    assert refused(leave, trading="misspelt") is Check.TRADING_HALTED


def test_an_exit_passes_what_keeps_from_taking_risk():
    leave = order("b", "sell", 1_000_000, leg="exit")

    assert refused(leave, market=None) is None
    assert refused(leave, limits=replace(LIMITS, orders_per_minute=1)) is None


def test_orders_per_minute_slide_with_the_clock():
    limits = replace(LIMITS, orders_per_minute=2, duplicate_window_s=None, max_price_age_s=None)
    memory, said = Memory(), []
    for n, second in enumerate((0, 30, 59, 60, 89, 90)):
        verdict = check_order(order(f"o{n}", "buy", 1), MARKET, memory, limits=limits, now_ns=second * S)
        memory = verdict.memory
        said.append(verdict.refusal is None)

    assert said == [True, True, False, True, False, True]


def test_the_same_order_under_another_id_is_a_duplicate_for_a_second():
    memory = check_order(order("a", "buy", 1000), MARKET, Memory(), limits=LIMITS, now_ns=S).memory

    assert refused(order("b", "buy", 1000), memory=memory, now_ns=2 * S - 1) is Check.DUPLICATE_ORDER
    assert refused(order("b", "buy", 1000), memory=memory, now_ns=2 * S) is None
    assert refused(order("b", "sell", 1000), memory=memory) is None
    assert refused(order("b", "buy", 1001), memory=memory) is None
    assert refused(order("b", "buy", 1000, symbol="USDJPY"), memory=memory) is None
    assert refused(order("a", "buy", 1000), memory=memory) is None  # the same message again


def test_a_refusal_says_the_numbers():
    refusal = check_order(order("a", "buy", 46_000), MARKET, Memory(), limits=LIMITS, now_ns=0).refusal

    assert refusal.sentence == "the order's notional was above the largest allowed: 50,600.00, allowed is 50,000.00"
    assert all(check.sentence for check in Check)


def test_a_check_that_is_off_is_off():
    limits = Limits(None, price_collar_rate=None, max_price_age_s=None, orders_per_minute=None, duplicate_window_s=None)

    assert (
        refused(order("a", "buy", 10**9, type="limit", limit_price="9"), market=Market(1.1, -S, NAN), limits=limits)
        is None
    )


@pytest.mark.parametrize("value", [0.0, -1.0, NAN, float("inf")])
def test_bad_limits_are_refused_by_name(value):
    with pytest.raises(BrokerError, match="max_order_notional was"):
        Limits(max_order_notional=value)


def test_memory_keeps_only_the_window():
    memory = Memory()
    limits = replace(LIMITS, max_price_age_s=None, orders_per_minute=None)
    for n in range(500):
        memory = check_order(order(f"o{n}", "buy", 1 + n), MARKET, memory, limits=limits, now_ns=n * S).memory

    assert len(memory.sent) == 60
    assert memory.sent[-1].quantity == Decimal(500)


def test_after_a_restart_the_checks_remember_what_was_sent_and_nothing_else():
    def record(order_id: str, sent_s: int, *, reason: str = "", stage: str = "answered", leg: str = "entry") -> Record:
        made = order(order_id, "buy", 1000, leg=leg)
        said = OrderUpdate(
            update_id="u", client_order_id=order_id, symbol="EURUSD", status="rejected", reason=reason, time=0
        )
        return Record(
            client_order_id=order_id, symbol="EURUSD", side="buy", leg=leg, life=Life(quantity=Decimal(1000)),
            stage=stage, sent_ns=sent_s * S, order=made, last=said if reason else None,
        )  # fmt: skip

    child = replace_fields(record("child", 12), order=None)
    records = [
        record("later", 20, leg="exit"),
        record("first", 10),
        record("refused", 11, reason="orders_per_minute", stage="new"),
        record("turned_down", 13, reason="no margin", stage="new"),  # by the broker: it was sent
        record("kill-1", 14),
        child,
    ]
    memory = memory_of(records)
    assert memory.sent == (
        SentOrder(10 * S, "first", "EURUSD", "buy", Decimal(1000), True),
        SentOrder(13 * S, "turned_down", "EURUSD", "buy", Decimal(1000), True),
        SentOrder(20 * S, "later", "EURUSD", "buy", Decimal(1000), False),
    )
    # three within the minute that ends at 69 s; two within the one that ends at 70 s
    three = Limits(None, None, None, 3, None)
    assert refused(order("next", "buy", 1), memory=memory, limits=three, now_ns=69 * S) is Check.ORDERS_PER_MINUTE
    assert refused(order("next", "buy", 1), memory=memory, limits=three, now_ns=70 * S) is None
