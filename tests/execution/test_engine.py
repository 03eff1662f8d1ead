"""The engine: each order is sent once, whatever the broker answers and wherever the process ends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sptrader.clock import ReplayClock
from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.engine import Engine
from sptrader.execution.faults import Faults
from sptrader.execution.lifecycle import Anomaly
from sptrader.execution.paper import PaperBroker
from sptrader.execution.record import Outcome
from sptrader.model.orders import Decided, Instruction, Order, OrderStatus
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
        engine.resolve("a", is_at_broker=False, by=" ")
    outcome = engine.resolve("a", is_at_broker=False, by="ann")
    assert words(outcome.reports) == ["a cancelled manual"]
    assert not engine.is_blocked("EURUSD")
    with pytest.raises(BrokerError, match="only an unknown order"):
        engine.resolve("a", is_at_broker=True, by="ann")


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

    assert engine.forget(keep=2) == 3
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
