"""The life of an order: every report in every status, twice, and in any order."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.execution.lifecycle import TABLE, Anomaly, Event, Life, after
from sptrader.model.orders import Fill, OrderStatus, OrderUpdate


def fill(fill_id: str, quantity: int) -> Fill:
    return Fill(
        fill_id=fill_id,
        client_order_id="a",
        symbol="EURUSD",
        side="buy",
        quantity=Decimal(quantity),
        price=Decimal("1.1"),
        fee=0.0,
        time=1,
        leg="entry",
        reason="signal",
        is_closing=False,
    )


def update(update_id: str, status: str) -> OrderUpdate:
    return OrderUpdate(
        update_id=update_id, client_order_id="a", symbol="EURUSD", status=OrderStatus(status), reason="", time=1
    )


def lived(*reports: Fill | OrderUpdate) -> tuple[Life, list[Anomaly | None]]:
    life, odd = Life(quantity=Decimal(10)), []
    for report in reports:
        life, anomaly = after(life, report)
        odd.append(anomaly)
    return life, odd


def test_the_table_knows_every_pair():
    assert set(TABLE) == {(status, event) for status in OrderStatus for event in Event}


def test_two_parts_make_the_whole():
    life, odd = lived(update("1", "accepted"), fill("f1", 4), fill("f2", 6))

    assert (life.status, life.filled, odd) == (OrderStatus.FILLED, Decimal(10), [None, None, None])


def test_the_same_report_twice_does_nothing():
    life, odd = lived(fill("f1", 4), fill("f1", 4), update("1", "cancelled"), update("1", "cancelled"))

    assert (life.status, life.filled) == (OrderStatus.CANCELLED, Decimal(4))
    assert odd == [None, Anomaly.DUPLICATE, None, Anomaly.DUPLICATE]


def test_the_same_id_with_other_words_is_a_conflict_and_the_first_stands():
    life, odd = lived(fill("f1", 4), fill("f1", 5))

    assert (life.filled, odd) == (Decimal(4), [None, Anomaly.CONFLICT])


def test_a_fill_after_the_cancel_is_a_fact():
    life, odd = lived(update("1", "cancelled"), fill("f1", 4))
    whole, _ = lived(update("1", "cancelled"), fill("f1", 10))

    assert (life.status, life.filled, odd) == (OrderStatus.CANCELLED, Decimal(4), [None, Anomaly.AFTER_END])
    assert (whole.status, whole.filled) == (OrderStatus.FILLED, Decimal(10))


def test_more_than_was_ordered_is_booked_and_named():
    life, odd = lived(fill("f1", 10), fill("f2", 1))

    assert (life.filled, odd[-1]) == (Decimal(11), Anomaly.OVERFILL)


@pytest.mark.parametrize("status", ["accepted", "cancelled", "expired", "unknown", "rejected"])
def test_what_comes_after_the_end_is_late(status):
    life, odd = lived(fill("f1", 10), update("1", status))

    assert (life.status, odd[-1]) == (OrderStatus.FILLED, Anomaly.LATE)


def test_accepted_after_a_part_is_late():
    life, odd = lived(fill("f1", 4), update("1", "accepted"))

    assert (life.status, odd[-1]) == (OrderStatus.PARTIALLY_FILLED, Anomaly.LATE)


def test_unknown_ends_with_the_evidence():
    accepted, _ = lived(update("1", "unknown"), update("2", "accepted"))
    part, _ = lived(fill("f1", 4), update("1", "unknown"), update("2", "accepted"))
    told, _ = lived(update("1", "unknown"), update("2", "filled"), fill("f1", 10))

    assert accepted.status is OrderStatus.ACCEPTED
    assert part.status is OrderStatus.PARTIALLY_FILLED
    assert told.status is OrderStatus.FILLED


def test_submitted_again_is_late():
    assert lived(update("1", "accepted"), update("2", "submitted"))[1] == [None, Anomaly.LATE]


def test_the_rest_of_a_part_is_cancelled_even_if_the_venue_says_rejected():
    assert lived(fill("f1", 4), update("1", "rejected"))[0].status is OrderStatus.CANCELLED


REPORTS = st.one_of(
    st.builds(fill, st.sampled_from(["f1", "f2", "f3", "f4"]), st.integers(1, 6)),
    st.builds(update, st.sampled_from(["1", "2", "3", "4"]), st.sampled_from([str(s) for s in OrderStatus])),
)


@given(st.lists(REPORTS, max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_reports_in_any_order_keep_the_sums(reports):
    life = Life(quantity=Decimal(10))
    for report in reports:
        before = life
        life, anomaly = after(life, report)
        if before.status.is_final:
            assert life.status in (before.status, OrderStatus.FILLED)  # nothing rises from the dead
        if anomaly in (Anomaly.DUPLICATE, Anomaly.CONFLICT):
            assert life == before
        assert after(life, report).life == life  # once more changes nothing

    first: dict[str, int] = {}
    for report in reports:
        if isinstance(report, Fill):
            first.setdefault(report.fill_id, int(report.quantity))
    assert life.filled == sum(first.values())  # the first fill of each id counts, whatever came between
    assert (life.status is OrderStatus.FILLED) == (life.filled >= 10)
    assert life.left == (0 if life.status.is_final else 10 - life.filled)


@given(st.lists(REPORTS, max_size=8))
@settings(max_examples=50, deadline=None)
def test_a_life_is_plain_data(reports):
    life, _ = lived(*reports)

    assert msgspec.json.decode(msgspec.json.encode(life), type=Life) == life
