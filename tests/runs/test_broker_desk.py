"""Execution at a broker that is a world of its own: crashes, lost answers, what happened meanwhile; nothing twice, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from sptrader.clock import ReplayClock
from sptrader.errors import RunError
from sptrader.execution.safety import Limits
from sptrader.model.messages import Command, Heartbeat
from sptrader.model.orders import Fill, Matched, Order
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.broker_line import Backoff
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.kill_switch import pull_kill_switch
from sptrader.runs.live import work
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.order_limits import OrderLimits
from sptrader.runs.signal_worker import SignalWorker
from sptrader.streams import keys
from sptrader.streams.codec import decode, decode_body, encode
from sptrader.streams.memory import MemoryStreams
from tests.execution.desk import order
from tests.runs.exchange import Died, Exchange
from tests.runs.faulty import setting


class Session:
    """All parts of a session at an exchange, any of which can be started again."""

    backoff = Backoff(first_s=0.001, most_s=0.002)
    limits: OrderLimits | None = None

    def __init__(self, live: LiveSetting, frames: dict[str, pd.DataFrame], folder: Path, exchange: Exchange) -> None:
        self.live, self.frames, self.folder, self.exchange = live, frames, folder, exchange
        self.streams, self.clock, self.shown = MemoryStreams(), ReplayClock(0), 0
        self.feed = ReplayFeed(self.streams, frames, speed=float("inf"))
        self.worker = SignalWorker(self.streams, live)
        folder.mkdir()
        self.orchestrator = OrchestratorDesk(self.streams, live, folder)
        self.desk = self.start()

    def start(self) -> BrokerDesk:
        return BrokerDesk(
            self.streams,
            self.live,
            self.folder,
            self.exchange,
            clock=self.clock,
            backoff=self.backoff,
            limits=self.limits,
        )

    def restart(self) -> None:
        self.desk.close()
        self.desk = self.start()

    def market_moves(self) -> None:
        """Let the exchange see the bar that the desk is about to close."""
        bars = self.frames["EURUSD"]
        time_ns = self.desk.bars.next_ns()
        index = bars.index.as_unit("ns").asi8
        if time_ns is None and self.desk.is_over and self.shown < len(bars):
            time_ns = int(index[self.shown])  # the market outlives the feed
        while time_ns is not None and self.shown < len(bars) and index[self.shown] <= time_ns:
            self.clock.advance_to(int(index[self.shown]))
            self.exchange.show(bars.iloc[self.shown], int(index[self.shown]))
            self.shown += 1

    def step(self) -> None:
        for part in (self.feed, self.worker):
            part.step(0)
        self.market_moves()
        try:
            self.desk.step(0)
        except Died:
            self.restart()
        self.orchestrator.step(0)

    def run(self, until: Callable[[], bool], most: int = 3_000) -> None:
        for _ in range(most):
            if until():
                return
            self.step()
        raise AssertionError("it never came to that")

    def orders(self) -> list[Order]:
        messages = [decode(entry.fields) for entry in self.streams.history(keys.orders("paper"))]
        return [one for one in messages if isinstance(one, Order)]

    def fills(self) -> list[str]:
        messages = [decode(entry.fields) for entry in self.streams.history(keys.fills("paper"))]
        return [one.fill_id for one in messages if isinstance(one, Fill)]

    def send(self, *made: Order) -> list[tuple[str, str]]:
        """Give the desk orders that the orchestrator knows nothing of; return what became of them, with the reason."""
        for one in made:
            self.streams.add(keys.orders("paper"), encode(one))
        for _ in range(2):  # what was delivered before a restart comes first
            self.desk.step(0)
        records = [self.desk.desk.engine.record(one.client_order_id) for one in made]
        return [
            ("" if one is None else one.life.status.value, getattr(one and one.last, "reason", "")) for one in records
        ]

    def n_matched(self) -> int:
        messages = [decode(entry.fields) for entry in self.streams.history(keys.fills("paper"))]
        return sum(isinstance(one, Matched) for one in messages)

    def note(self) -> str:
        """What the desk's heartbeat says to a person."""
        self.desk._pulse._next_s = 0.0
        self.desk._beat()
        beat = decode_body("heartbeat", self.streams.get(keys.heartbeat("paper", "execution")) or b"")
        assert isinstance(beat, Heartbeat)
        return beat.note

    def assert_consistent(self) -> None:
        """The books are the exchange's, no order reached it twice, no fill was told twice or never."""
        assert set(self.exchange.sent.values()) <= {1}
        told = self.fills()
        assert len(set(told)) == len(told)
        assert set(told) == {fill.fill_id for fill in self.exchange.fills(since_ns=0)}
        held = {one.symbol: one.quantity for one in self.exchange.positions() if one.quantity}
        assert self.orchestrator.session.held() == held
        assert not self.desk.desk.engine.unknown()


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


def test_a_desk_whose_broker_does_not_answer_at_the_start_asks_again_and_trades_nothing_until_it_does(
    tmp_path: Path,
) -> None:
    live, frames = setting(tmp_path, 60)
    exchange = Exchange()
    exchange.is_down = True
    session = Session(live, frames, tmp_path / "session", exchange)
    for _ in range(50):
        session.step()
        threading.Event().wait(0.001)

    assert exchange.n_asked_in_vain > 2
    assert (session.n_matched(), len(session.orders()), session.orchestrator.session.done) == (0, 0, 0)
    assert session.note().startswith("the broker does not answer, nothing is traded (")
    assert session.note().endswith("attempts): no route to the exchange.")

    exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    assert len(session.fills()) > 5
    assert session.note() == ""
    session.assert_consistent()
    session.desk.close()
    session.orchestrator.close()


def test_a_broker_that_falls_silent_stops_the_bars_and_the_books_are_compared_before_they_go_on(
    session: Session,
) -> None:
    session.run(lambda: bool(session.exchange.positions()))
    assert session.orchestrator.reconciled is None
    session.exchange.is_down = True
    session.step()
    n_matched, n_orders = session.n_matched(), len(session.orders())
    for _ in range(20):
        session.step()
    assert (session.n_matched(), len(session.orders())) == (n_matched, n_orders)
    assert "does not answer" in session.note()

    session.exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    found = session.orchestrator.reconciled
    assert found is not None
    assert (found.decision, found.blocked) == ("adopt", ())
    session.assert_consistent()


def test_a_restart_while_the_broker_is_silent_is_not_blind(session: Session) -> None:
    session.run(lambda: bool(session.exchange.open_orders()))
    session.exchange.is_down = True
    session.restart()
    n_matched, n_orders = session.n_matched(), len(session.orders())
    for _ in range(20):
        session.step()
    assert (session.n_matched(), len(session.orders())) == (n_matched, n_orders)

    session.exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    session.assert_consistent()


def test_a_kill_that_was_pulled_while_the_broker_is_silent_flattens_once_it_answers(session: Session) -> None:
    session.run(lambda: bool(session.exchange.positions()))
    session.exchange.is_down = True
    session.step()
    pull_kill_switch("paper", by="ann", reason="test", folder=session.folder)
    session.step()
    assert session.desk.desk.latched is not None
    session.exchange.is_down = False
    session.run(lambda: not session.exchange.positions() and not session.exchange.open_orders())
    assert "kill switch latched" in session.note()


def test_a_desk_that_waits_for_its_broker_can_be_stopped(tmp_path: Path) -> None:
    live, _ = setting(tmp_path, 60)
    exchange = Exchange()
    exchange.is_down = True
    desk = BrokerDesk(MemoryStreams(), live, tmp_path, exchange, backoff=Backoff(3_600.0, 3_600.0))
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert work([desk], stop=stop) is False  # and not after an hour
    timer.join()
    assert exchange.n_asked_in_vain == 1
    desk.close()


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
