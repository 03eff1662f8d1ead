"""What became of an order is put together from its messages, in whatever order and however often they come."""

from decimal import Decimal

import pytest

from sptrader.model.orders import Amend, Cancel, Fill, Matched, OpenOrder, Order, OrderStatus, OrderUpdate
from sptrader.runs.live_orders import OrderHistory


def order(name="a", quantity=10, at_ns=100):
    return Order(
        client_order_id=name,
        symbol="EURUSD",
        side="buy",
        quantity=Decimal(quantity),
        type="limit",
        time_in_force="gtc",
        leg="entry",
        reason="signal",
        time_ns=at_ns - 10,
        created_at=at_ns,
        limit_price=Decimal("1.1"),
    )


def fill(quantity, fill_id="f", name="a", at_ns=200):
    return Fill(
        fill_id=fill_id,
        client_order_id=name,
        symbol="EURUSD",
        side="buy",
        quantity=Decimal(quantity),
        price=Decimal("1.1"),
        fee=0.0,
        time=at_ns,
        leg="entry",
        reason="signal",
        is_closing=False,
    )


def update(status, reason="", name="a", at_ns=150, made=None):
    return OrderUpdate(
        update_id=f"{name}:{status}",
        client_order_id=name,
        symbol="EURUSD",
        status=status,
        reason=reason,
        time=at_ns,
        made=made,
    )


def history(*messages, most=10):
    made = OrderHistory(most)
    made.take(messages)
    return made


def only(*messages):
    (found,) = history(*messages).newest()
    return found


def cancel():
    return Cancel(client_order_id="a", symbol="EURUSD", reason="expired", time_ns=1, created_at=1)


@pytest.mark.parametrize(
    ("messages", "word", "why", "ended_ns"),
    [
        ([], "working", "", 0),
        ([update(OrderStatus.ACCEPTED)], "working", "", 0),
        ([update(OrderStatus.ACCEPTED), cancel()], "cancelling", "", 0),
        ([cancel(), update(OrderStatus.CANCELLED, "expired", at_ns=170)], "cancelled", "expired", 170),
        ([update(OrderStatus.REJECTED, "price_collar", at_ns=160)], "rejected", "price_collar", 160),
        ([update(OrderStatus.UNKNOWN)], "unknown", "", 0),
        ([fill(10)], "filled", "signal", 200),
        ([fill(10), update(OrderStatus.CANCELLED, "oco")], "filled", "signal", 200),
    ],
)
def test_an_order_stands_as_its_last_report_says(messages, word, why, ended_ns):
    found = only(order(), *messages)

    assert (found.word, found.why, found.ended_ns, found.placed_ns) == (word, why, ended_ns, 100)
    assert found.price == Decimal("1.1")


def test_parts_add_up_and_a_fill_told_twice_counts_once():
    part = only(order(), fill(4, "f1"), fill(4, "f1"))
    assert (part.word, part.filled) == ("working", 4)

    whole = only(order(), fill(4, "f1"), fill(6, "f2", at_ns=300))
    assert (whole.word, whole.filled, whole.ended_ns) == ("filled", 10, 300)

    rest = only(order(), fill(4, "f1"), update(OrderStatus.CANCELLED, "expired", at_ns=300))
    assert (rest.word, rest.filled, rest.ended_ns) == ("cancelled", 4, 300)


def test_reports_that_come_before_their_order_are_kept_for_it():
    assert only(fill(4), order()) == only(order(), fill(4))
    assert only(update(OrderStatus.REJECTED, "killed"), order()) == only(
        order(), update(OrderStatus.REJECTED, "killed")
    )


def test_a_change_of_a_working_order_is_shown():
    changed = Amend(client_order_id="a", symbol="EURUSD", reason="x", created_at=1, limit_price=Decimal("1.2"))

    assert (only(order(), changed).price, only(order(), changed).quantity) == (Decimal("1.2"), 10)


def test_the_broker_s_own_orders_are_known_by_their_first_report():
    stop = OpenOrder(
        client_order_id="s",
        symbol="EURUSD",
        side="sell",
        quantity=Decimal(10),
        filled=Decimal(0),
        status=OrderStatus.ACCEPTED,
        type="stop",
        leg="stop",
        stop_price=Decimal("1.05"),
    )
    made = history(order(), fill(10), update(OrderStatus.ACCEPTED, "made", "s", 200, made=stop))

    (working,) = made.working()
    assert (working.leg, working.type, working.stop_price, working.placed_ns) == ("stop", "stop", Decimal("1.05"), 200)
    assert [one.client_order_id for one in made.newest()] == ["s", "a"]


def test_an_order_whose_reports_are_gone_is_left_out():
    kept = history(order("old", at_ns=100), order("new", at_ns=500), Matched(time_ns=300))

    assert [one.client_order_id for one in kept.newest()] == ["new"]


def test_only_so_many_are_kept_and_what_works_stays():
    ended = [m for k in range(20) for m in (order(f"o{k}", at_ns=100 + k), fill(10, name=f"o{k}", at_ns=200 + k))]
    kept = history(order("works", at_ns=90), update(OrderStatus.ACCEPTED, name="works"), *ended, most=5)

    assert [one.client_order_id for one in kept.newest()] == ["o19", "o18", "o17", "o16", "works"]
