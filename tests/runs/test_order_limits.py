"""What binds orders before they are sent: from the strategy, the mode, and what is said over them."""

from __future__ import annotations

import pytest

from sptrader.errors import RunError
from sptrader.execution.safety import Limits
from sptrader.runs.order_limits import OFF, order_limits
from sptrader.strategy.spec import Live


def test_on_paper_nothing_binds_that_was_not_asked_for() -> None:
    assert order_limits(Live(), mode="paper").checks == OFF
    assert order_limits(Live(orders_per_minute=3), mode="paper").checks == Limits(None, None, None, 3, None)


def test_with_money_the_defaults_bind_and_the_largest_order_must_be_said() -> None:
    with pytest.raises(RunError, match="max_order_notional"):
        order_limits(Live(), mode="live")

    checks = order_limits(Live(max_order_notional=5000.0, price_collar=0.01), mode="live").checks

    assert checks == Limits(5000.0, price_collar_rate=0.01)


def test_what_is_said_goes_before_the_strategy_and_none_switches_off() -> None:
    live = Live(max_order_notional=5000.0, orders_per_minute=10, unprotected_after_s=5.0)

    limits = order_limits(live, mode="paper", said={"max_order_notional": 100.0, "orders_per_minute": None})

    assert limits.checks == Limits(100.0, None, None, None, None)
    assert limits.unprotected_after_s == 5.0
    assert limits.words()["max_order_notional"] == "100"
    assert limits.words()["orders_per_minute"] == "off"


def test_an_unknown_or_senseless_limit_is_refused() -> None:
    with pytest.raises(RunError, match="did you mean 'orders_per_minute'"):
        order_limits(Live(), mode="paper", said={"order_per_minute": 3.0})
    with pytest.raises(RunError, match="was -1"):
        order_limits(Live(), mode="paper", said={"max_order_notional": -1.0})
    with pytest.raises(RunError, match="unprotected_after_s was 0"):
        order_limits(Live(), mode="paper", said={"unprotected_after_s": 0.0})
