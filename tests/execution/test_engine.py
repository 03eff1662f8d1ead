"""The engine: each order is sent once, whatever the broker answers and wherever the process ends."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from sptrader.clock import ReplayClock
from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.engine import Engine
from sptrader.execution.faults import Faults
from sptrader.execution.lifecycle import Anomaly, evidence
from sptrader.execution.paper import PaperBroker
from sptrader.execution.record import Outcome
from sptrader.model.messages import Command
from sptrader.model.orders import Decided, Fill, Instruction, Order, OrderStatus, OrderUpdate
from tests.execution.desk import INSTRUMENTS, START_NS, Desk, amend, cancel, desk, order, words


class Forgetful(PaperBroker):
    """A paper broker that does not promise to know an id again: sending twice would be a second order."""

    remembers_ids = False
    n_sent = 0
    timeouts = 0
    answers = True

    def submit(self, order: Order) -> None:
        self.n_sent += 1
        if self.timeouts > 0:
            self.timeouts -= 1
            raise BrokerTimeout("no answer")
        super().submit(order)

    def find_order(self, client_order_id: str):  # type: ignore[no-untyped-def]
        if not self.answers:
            raise BrokerError("history is closed")
        return super().find_order(client_order_id)


def engine_of(here: Desk, **options: object) -> Engine:
    return Engine(here.broker, clock=here.clock, **options)  # type: ignore[arg-type]


def given(engine: Engine, instruction: Instruction) -> Outcome:
    """Take and send, as a caller does; return what the sending came to."""
    taken = engine.take(instruction)
    return engine.send(taken.to_send) if taken.to_send else taken


def said(order_id: str, status: str, *, by: str = "ann", **fields: str) -> Command:
    """What a person says of an unknown order."""
    numbers = {name: Decimal(fields.pop(name)) for name in ("price", "quantity") if name in fields}
    named = {"command_id": "c", "command": "resolve", "at_ns": START_NS, "name": order_id, "status": status}
    return Command(by=by, **named, **numbers, **fields)  # type: ignore[arg-type]


def forgetful(**options: object) -> tuple[Desk, Forgetful]:
    here = desk()
    broker = Forgetful(here.venue, instruments=INSTRUMENTS)
    for name, value in options.items():
        setattr(broker, name, value)
    here.broker = broker
    return here, broker


def held(here: Desk) -> list[Decimal]:
    return [position.quantity for position in here.broker.positions()]


def test_sending_stands_in_the_record_before_anything_is_sent():
    here = desk()
    outcome = engine_of(here).take(order("a", "buy", 1000))

    assert [record.stage for record in outcome.changed] == ["sending"]
    assert here.broker.find_order("a") is None


def test_the_same_order_again_repeats_the_last_report():
    here = desk()
    engine = engine_of(here)
    given(engine, order("a", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    engine.poll()
    again = given(engine, order("a", "buy", 1000))

    assert words(again.reports) == ["a buy 1000 @ 1.10000"]
    assert (again.to_send, again.oddities) == ((), ())
    here.quote("EURUSD", 1.1, 1.1)
    assert held(here) == [1000]


def test_the_same_id_for_another_order_is_named():
    engine = engine_of(desk())
    given(engine, order("a", "buy", 1000))
    outcome = given(engine, order("a", "sell", 1000))

    assert [oddity.anomaly for oddity in outcome.oddities] == [Anomaly.CONFLICT]


def test_a_timeout_leaves_the_order_unknown_and_blocks_entries_only():
    here = desk(Faults(lost_rate=1.0, lost_arrives_rate=1.0))
    engine = engine_of(here)
    outcome = given(engine, order("a", "buy", 1000))

    assert words(outcome.reports) == ["a unknown"]
    assert engine.is_blocked("EURUSD")
    assert not engine.is_blocked("USDJPY")
    assert words(given(engine, order("b", "buy", 1000)).reports) == ["b rejected order_unknown"]


def test_a_refusal_is_a_rejection_with_the_brokers_words():
    engine = engine_of(desk())
    outcome = given(engine, order("a", "buy", 1000, symbol="EURCHF"))

    assert outcome.changed[0].life.status is OrderStatus.REJECTED
    assert "EURCHF" in words(outcome.reports)[0]
    assert engine.settle() == Outcome()


def test_a_crash_while_sending_is_settled_by_sending_again_where_ids_are_remembered():
    for is_sent in (False, True):
        here = desk()
        first = engine_of(here)
        journal = first.take(order("a", "buy", 1000)).changed
        if is_sent:
            here.broker.submit(order("a", "buy", 1000))
        engine = engine_of(here, records=journal)

        assert words(engine.recover().reports) == ["a unknown"]
        engine.send(engine.settle().to_send)
        here.quote("EURUSD", 1.1, 1.1)
        engine.poll()
        assert held(here) == [1000]
        assert engine.record("a").life.status is OrderStatus.FILLED


def test_without_such_ids_it_is_sent_again_only_when_the_history_proves_it_absent():
    here, broker = forgetful(timeouts=1)
    engine = engine_of(here, absence_after_s=5.0)
    given(engine, order("a", "buy", 1000))

    assert engine.settle().to_send == ()  # it may still be on its way
    here.clock.advance_to(START_NS + 5_000_000_000)
    engine.send(engine.settle().to_send)
    assert broker.n_sent == 2
    assert not engine.is_blocked("EURUSD")


def test_what_the_history_shows_is_taken_and_not_sent_again():
    here, broker = forgetful()
    first = engine_of(here)
    journal = first.take(order("a", "buy", 1000, type="limit", limit_price="1.05")).changed
    first.send(first.take(order("a", "buy", 1000)).to_send)
    broker.submit(journal[0].order)
    engine = engine_of(here, records=journal)
    engine.recover()

    outcome = engine.settle()
    assert (outcome.to_send, words(outcome.reports)) == ((), ["a accepted"])
    assert broker.n_sent == 1


def test_without_evidence_it_stays_unknown_until_a_person_decides():
    here, broker = forgetful(timeouts=1, answers=False)
    engine = engine_of(here, absence_after_s=0.0)
    given(engine, order("a", "buy", 1000))
    for _ in range(3):
        assert engine.settle() == Outcome()
    assert (engine.is_blocked("EURUSD"), broker.n_sent) == (True, 1)

    with pytest.raises(BrokerError, match="name of the person"):
        engine.resolve(said("a", "cancelled", by=" "))
    outcome = engine.resolve(said("a", "cancelled"))
    assert words(outcome.reports) == ["a cancelled manual"]
    assert not engine.is_blocked("EURUSD")
    with pytest.raises(BrokerError, match="is cancelled; only an order in state unknown can be resolved"):
        engine.resolve(said("a", "working"))
    with pytest.raises(BrokerError, match=r"order 'b' is not known here; .* Unknown are: none\."):
        engine.resolve(said("b", "working"))


def unknown_order() -> tuple[Engine, Forgetful]:
    """An engine with the unknown order `a`, buy 1,000 EURUSD, at a broker that says nothing of it."""
    here, broker = forgetful(timeouts=1, answers=False)
    engine = engine_of(here, absence_after_s=0.0)
    given(engine, order("a", "buy", 1000))
    engine.settle()
    assert [one.client_order_id for one in engine.unknown()] == ["a"]
    return engine, broker


def test_an_order_that_a_person_saw_filled_is_told_as_a_fill_and_booked_once():
    engine, _ = unknown_order()
    outcome = engine.resolve(said("a", "filled", price="1.0712"))
    (fill,) = outcome.reports
    assert isinstance(fill, Fill)
    assert (fill.fill_id, fill.quantity, fill.price, fill.reason) == ("by-hand-a", 1000, Decimal("1.0712"), "manual")
    assert (fill.side, fill.leg, fill.is_closing) == ("buy", "entry", False)
    assert engine.record("a").life.status is OrderStatus.FILLED

    late = engine.hear(
        [msgspec.structs.replace(fill, fill_id="x-1", price=Decimal("1.0713"))]
    )  # the broker's own report
    assert late.reports == ()
    assert [one.anomaly for one in late.oddities] == [Anomaly.BY_HAND]
    assert engine.record("a").life.filled == 1000


def test_with_the_brokers_id_of_the_fill_its_own_report_is_the_same_fill():
    engine, _ = unknown_order()
    (fill,) = engine.resolve(said("a", "filled", price="1.0712", fill_id="x-1")).reports
    late = engine.hear([msgspec.structs.replace(fill, fee=2.0)])
    assert (late.reports, [one.anomaly for one in late.oddities]) == ((), [Anomaly.CONFLICT])


def test_what_was_filled_in_part_ends_with_its_rest_cancelled():
    engine, _ = unknown_order()
    assert words(engine.resolve(said("a", "filled", price="1.07", quantity="400")).reports) == [
        "a buy 400 @ 1.07",
        "a cancelled manual",
    ]
    assert engine.record("a").life.filled == 400


@pytest.mark.parametrize(
    ("status", "fields", "message"),
    [
        ("filled", {}, "needs the price"),
        ("filled", {"price": "1.1", "quantity": "1001"}, "was 1001; 1000 of the order are left"),
        ("cancelled", {"price": "1.1"}, "of a fill"),
    ],
)
def test_a_word_that_says_too_little_or_too_much_is_refused(status, fields, message):
    engine, _ = unknown_order()
    with pytest.raises(BrokerError, match=message):
        engine.resolve(said("a", status, **fields))
    assert engine.is_blocked("EURUSD")


@pytest.mark.parametrize(
    ("shown", "filled", "word"),
    [
        ("accepted", 0, "cancelled"),
        ("accepted", 0, "rejected"),
        ("accepted", 0, "filled"),
        ("cancelled", 0, "working"),
        ("cancelled", 400, "rejected"),
        ("rejected", 0, "filled"),
    ],
)
def test_where_the_broker_shows_something_else_its_evidence_stands(shown, filled, word):
    engine, broker = unknown_order()
    found = evidence(order("a", "buy", 1000), OrderStatus(shown))
    broker.find_order = lambda _: msgspec.structs.replace(found, filled=Decimal(filled))
    price = {"price": "1.1"} if word == "filled" else {}
    with pytest.raises(
        BrokerError, match=f"shows order 'a' as {shown}, {filled} of 1000 filled; it cannot be called {word}"
    ):
        engine.resolve(said("a", word, **price))
    assert engine.is_blocked("EURUSD")


def test_an_instrument_stays_locked_until_its_last_unknown_order_is_resolved():
    engine, _ = unknown_order()
    engine.adopt(order("b", "buy", 5))
    update = OrderUpdate(
        update_id="u", client_order_id="b", symbol="EURUSD", status=OrderStatus.UNKNOWN, reason="timeout", time=START_NS
    )
    engine.hear([update])
    engine.resolve(said("a", "rejected"))
    assert engine.is_blocked("EURUSD")
    assert words(engine.take(order("c", "buy", 5)).reports) == ["c rejected order_unknown"]
    engine.resolve(said("b", "working"))
    assert not engine.is_blocked("EURUSD")


def test_exits_are_clamped_to_the_position_and_to_what_other_exits_may_still_close():
    here = desk()
    engine = engine_of(here)
    given(engine, order("a", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    far = {"type": "limit", "limit_price": "1.2", "leg": "exit"}

    assert engine.take(order("x", "sell", 600, **far)).changed[0].life.quantity == 600
    assert engine.take(order("y", "sell", 600, **far)).to_send[0].quantity == 400
    assert words(engine.take(order("z", "sell", 600, **far)).reports) == ["z rejected no_position"]
    assert words(engine.take(order("w", "buy", 600, leg="exit")).reports) == ["w rejected no_position"]


def test_a_cancel_without_answer_is_repeated_until_the_end_is_known():
    here = desk(Faults(seed=1, lost_rate=0.7, lost_arrives_rate=0.0))
    engine = engine_of(here)
    given(engine, order("a", "buy", 1000, type="limit", limit_price="1.05"))
    for _ in range(20):
        engine.send(engine.settle().to_send)
    given(engine, cancel("a"))
    for _ in range(20):
        engine.poll()
        engine.send(engine.settle().to_send)

    assert engine.record("a").life.status is OrderStatus.CANCELLED
    assert engine.settle() == Outcome()
    assert words(given(engine, cancel("a")).reports) == ["a cancelled manual"]


def test_amendments_are_checked_and_count_when_confirmed():
    here = desk()
    engine = engine_of(here)
    given(engine, order("a", "buy", 1000, type="limit", limit_price="1.05"))
    bad = given(engine, amend("a", limit_price="NaN"))
    given(engine, amend("a", quantity=500))
    assert engine.record("a").life.quantity == 1000
    engine.poll()

    assert "NaN" in bad.oddities[0].sentence
    assert engine.record("a").life.quantity == 500


def test_reports_about_orders_of_others_are_named():
    here = desk()
    engine = engine_of(here)
    here.broker.submit(order("foreign", "buy", 1000))
    outcome = engine.poll()

    assert [oddity.anomaly for oddity in outcome.oddities] == [Anomaly.UNKNOWN_ORDER]
    assert outcome.reports == ()
    assert given(engine, cancel("nobody")).oddities[0].anomaly is Anomaly.UNKNOWN_ORDER


def test_what_was_sent_past_the_engine_can_be_taken_into_the_books():
    here = desk()
    engine = engine_of(here)
    here.broker.submit(order("kill-1", "buy", 1000))
    engine.adopt(order("kill-1", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)

    assert words(engine.poll().reports) == ["kill-1 accepted", "kill-1 buy 1000 @ 1.10000"]


def test_ended_orders_are_forgotten_and_recalled():
    here = desk()
    kept = {}
    engine = engine_of(here, recall=kept.get)
    for n in range(5):
        given(engine, order(f"a{n}", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    kept |= {record.client_order_id: record for record in engine.poll().changed}

    assert len(engine.forget(keep=2)) == 3
    assert sorted(engine.records) == ["a3", "a4"]
    assert words(given(engine, order("a0", "buy", 1000)).reports) == ["a0 buy 1000 @ 1.10000"]


def test_decided_is_kept_for_the_bars_to_wait_for():
    engine = Engine(desk().broker, clock=ReplayClock(0))
    for time_ns in (5, 9, 7):
        assert engine.take(Decided(time_ns=time_ns)) == Outcome()

    assert engine.decided_ns == 9


def test_bad_configuration_is_refused():
    with pytest.raises(BrokerError, match="absence_after_s was nan"):
        Engine(desk().broker, clock=ReplayClock(0), absence_after_s=float("nan"))
