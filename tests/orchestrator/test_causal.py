"""Fills told in another order than they happened in."""

from __future__ import annotations

from decimal import Decimal

from sptrader.model.orders import Fill
from sptrader.orchestrator.causal import Causal


def fill(name: str, signed: str, *, is_closing: bool) -> Fill:
    quantity = Decimal(signed)
    return Fill(
        fill_id=name,
        client_order_id=name,
        symbol="EURUSD",
        side="buy" if quantity > 0 else "sell",
        quantity=abs(quantity),
        price=Decimal("1.1"),
        fee=0.0,
        time=0,
        leg="exit" if is_closing else "entry",
        reason="signal",
        is_closing=is_closing,
    )


ENTRY = fill("entry", "10", is_closing=False)
STOP = fill("stop", "-10", is_closing=True)
SHORT = fill("short", "-5", is_closing=False)


def test_what_comes_in_its_order_passes_as_it_is() -> None:
    causal = Causal()
    assert causal.take([ENTRY, STOP, SHORT], {}) == [ENTRY, STOP, SHORT]
    assert causal.take([fill("cover", "5", is_closing=True)], {"EURUSD": Decimal(-5)}) != []
    assert causal.waiting == []


def test_a_stop_told_before_its_entry_waits_for_it() -> None:
    causal = Causal()
    assert causal.take([STOP], {}) == []
    assert causal.take([ENTRY], {}) == [ENTRY, STOP]


def test_a_stop_of_more_than_is_known_waits_for_the_second_part() -> None:
    causal = Causal()
    whole = fill("stop", "-15", is_closing=True)
    assert causal.take([whole], {"EURUSD": Decimal(10)}) == []
    rest = fill("rest", "5", is_closing=False)
    assert causal.take([rest], {"EURUSD": Decimal(10)}) == [rest, whole]


def test_a_short_entry_told_before_the_end_of_the_long_waits_for_it() -> None:
    causal = Causal()
    assert causal.take([SHORT], {"EURUSD": Decimal(10)}) == []
    assert causal.take([STOP], {"EURUSD": Decimal(10)}) == [STOP, SHORT]


def test_a_sum_of_floats_is_closed_by_the_exact_quantity() -> None:
    held = Decimal(repr(0.1 + 0.7))  # 0.7999999999999999
    close = fill("close", "-0.8", is_closing=True)
    assert Causal().take([close], {"EURUSD": held}) == [close]
