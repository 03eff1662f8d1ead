"""Execution at a broker that is a world of its own: crashes, lost answers, what happened meanwhile; nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sptrader.errors import RunError
from sptrader.execution.safety import Limits
from sptrader.model.messages import BrokerEvidence, Command, EvidenceRequest
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.order_limits import OrderLimits
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode
from sptrader.streams.memory import MemoryStreams
from tests.execution.desk import order
from tests.runs.broker_session import Session
from tests.runs.exchange import Exchange
from tests.runs.faulty import setting


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    live, frames = setting(tmp_path, 60)
    made = Session(live, frames, tmp_path / "session", Exchange())
    yield made
    made.desk.close()
    made.orchestrator.close()


def test_orders_reach_the_exchange_once_and_its_fills_are_booked(session: Session) -> None:
    session.run(lambda: session.orchestrator.is_over)
    assert len(session.fills()) > 5
    assert set(session.exchange.sent) <= {one.client_order_id for one in session.orders()}
    session.assert_consistent()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_between_sending_and_the_answer_neither_loses_nor_repeats_an_order(
    moment: str, session: Session
) -> None:
    for n in (1, 3):
        session.run(lambda n=n: len(session.orders()) >= n)  # type: ignore[misc]
        session.exchange.dies = moment
    session.run(lambda: session.orchestrator.is_over)
    taken = {one.client_order_id for one in session.orders()}
    assert session.exchange.dies == ""
    assert set(session.exchange.sent) <= taken
    known = {fill.client_order_id for fill in session.exchange.fills(since_ns=0)}
    assert known
    assert session.desk.desk.engine.unknown() == ()
    told = session.fills()
    assert len(set(told)) == len(told)
    assert set(told) == {fill.fill_id for fill in session.exchange.fills(since_ns=0)}


def test_where_ids_are_not_remembered_an_order_is_sent_again_only_when_the_history_proves_it_absent(
    session: Session,
) -> None:
    session.exchange.remembers_ids = False
    session.exchange.dies = "before"
    session.run(lambda: bool(session.desk.desk.engine.unknown()))
    assert not session.exchange.sent
    unknown = session.desk.desk.engine.unknown()[0]
    assert session.desk.desk.engine.settle().to_send == ()  # it may still be on its way
    session.clock.advance_to(unknown.sent_ns + 5_000_000_000)
    outcome = session.desk.desk.engine.settle()
    assert [one.client_order_id for one in outcome.to_send] == [unknown.client_order_id]


def test_what_happened_while_the_desk_was_down_comes_from_the_brokers_history(session: Session) -> None:
    session.run(lambda: bool(session.exchange.open_orders()))
    session.desk.close()
    bars = session.frames["EURUSD"]
    before = len(session.exchange.fills(since_ns=0))
    time_ns = int(bars.index.as_unit("ns").asi8[session.shown])
    while len(session.exchange.fills(since_ns=0)) == before:
        session.exchange.show(bars.iloc[session.shown], time_ns)
        session.shown += 1
        time_ns = int(bars.index.as_unit("ns").asi8[session.shown])
    session.exchange.reports()  # told to nobody
    session.desk = session.start()
    assert set(session.fills()) == {fill.fill_id for fill in session.exchange.fills(since_ns=0)}
    session.run(lambda: session.orchestrator.is_over)
    session.assert_consistent()
    found = session.orchestrator.reconciled
    assert found is not None
    assert found.decision == "adopt"


def test_the_kill_switch_flattens_at_the_exchange_and_stays_latched_over_a_restart(session: Session) -> None:
    session.run(lambda: bool(session.exchange.positions()))
    session.streams.add(keys.control("paper"), encode(Command(command_id="k", command="kill", by="ann", at_ns=1)))
    session.run(lambda: not session.exchange.positions() and not session.exchange.open_orders())
    session.restart()
    assert session.desk.desk.latched is not None
    n_orders = len(session.exchange.sent)
    session.run(lambda: session.orchestrator.is_over)
    assert len(session.exchange.sent) == n_orders


def test_a_broker_of_another_account_is_refused(tmp_path: Path) -> None:
    live, _ = setting(tmp_path, 60)
    with pytest.raises(RunError, match="account was 'other'"):
        BrokerDesk(MemoryStreams(), live, tmp_path, Exchange(account="other"))


def test_a_crashed_desk_gets_no_fresh_minute_of_orders(session: Session) -> None:
    session.run(lambda: session.orchestrator.is_over)
    session.limits = OrderLimits(Limits(None, None, None, 3, None))
    session.restart()
    now_ns = session.clock.now_ns() + 120_000_000_000  # nothing was sent in the minute before
    session.clock.advance_to(now_ns)
    limit = {"type": "limit", "limit_price": "0.5"}
    assert session.send(order("m1", "buy", 1000, **limit)) == [("accepted", "")]
    session.clock.advance_to(now_ns + 30_000_000_000)
    assert session.send(order("m2", "buy", 1000, **limit)) == [("accepted", "")]
    session.restart()
    assert session.send(order("m3", "buy", 1000, **limit)) == [("accepted", "")]
    session.restart()
    session.clock.advance_to(now_ns + 59_000_000_000)  # m1, m2 and m3 are within the minute
    assert session.send(order("m4", "buy", 1000, **limit)) == [("rejected", "orders_per_minute")]
    session.restart()
    session.clock.advance_to(now_ns + 60_000_000_000)  # m1 is not any more, and m4 was never sent
    assert session.send(order("m5", "buy", 1000, **limit)) == [("accepted", "")]
    assert session.send(order("m6", "buy", 1000, **limit)) == [("rejected", "orders_per_minute")]
    assert {"m1", "m2", "m3", "m5"} <= set(session.exchange.sent)
    assert not {"m4", "m6"} & set(session.exchange.sent)


def test_the_duplicate_guard_remembers_over_a_crash(session: Session) -> None:
    session.run(lambda: session.orchestrator.is_over)
    session.limits = OrderLimits(Limits(None, None, None, None, 10.0))
    limit = {"type": "limit", "limit_price": "0.5"}
    session.restart()
    now_ns = session.clock.now_ns() + 120_000_000_000
    session.clock.advance_to(now_ns)
    session.send(order("d1", "buy", 1000, **limit))
    session.restart()
    session.clock.advance_to(now_ns + 9_000_000_000)
    assert session.send(order("d2", "buy", 1000, **limit)) == [("rejected", "duplicate_order")]
    assert session.send(order("d3", "buy", 999, **limit)) == [("accepted", "")]


@pytest.mark.parametrize(
    ("limits", "fields", "code"),
    [
        # a price near 1.06: 1,000 units are 1,060 USD
        (Limits(1_000.0, None, None, None, None), {}, "order_notional"),
        (Limits(None, 0.01, None, None, None), {"type": "limit", "limit_price": "0.5"}, "price_collar"),
        (Limits(None, None, None, 1, None), {}, "orders_per_minute"),
        (Limits(None, None, None, None, 10.0), {}, "duplicate_order"),
    ],
)
def test_each_check_keeps_an_order_from_the_broker(
    limits: Limits, fields: dict[str, str], code: str, session: Session
) -> None:
    session.run(lambda: session.orchestrator.is_over)
    session.limits = OrderLimits(limits)
    session.restart()
    session.clock.advance_to(session.clock.now_ns() + 120_000_000_000)
    first = session.send(order("c1", "buy", 900, type="limit", limit_price="1.05"))
    if code in ("orders_per_minute", "duplicate_order"):  # a second one is too much
        assert first == [("accepted", "")]
    assert session.send(order("c2", "buy", 900 if code == "duplicate_order" else 1000, **fields)) == [
        ("rejected", code)
    ]
    assert "c2" not in session.exchange.sent


def test_a_request_that_is_read_again_after_a_kill_has_the_answer_it_had(session: Session) -> None:
    asked = encode(EvidenceRequest(request_id="r1", ids=(), since_ns=0))
    for n in (1, 9):
        session.run(lambda n=n: session.n_matched() >= n)  # type: ignore[misc]
        session.streams.add(keys.orders("paper"), asked)
    session.run(lambda: session.n_matched() >= 20)
    told = [decode(entry.fields) for entry in session.streams.history(keys.fills("paper"))]
    assert sum(isinstance(one, BrokerEvidence) and one.request_id == "r1" for one in told) == 1
