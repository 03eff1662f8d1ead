"""Execution at a broker that is a world of its own: crashes, lost answers, what happened meanwhile; nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from sptrader.clock import ReplayClock
from sptrader.errors import RunError
from sptrader.execution.paper import PaperBroker
from sptrader.execution.quotes import QuoteVenue
from sptrader.model.instrument import fx_pair
from sptrader.model.messages import Command
from sptrader.model.orders import Fill, Order
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.signal_worker import SignalWorker
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode
from sptrader.streams.memory import MemoryStreams
from tests.runs.faulty import setting


class Died(BaseException):
    """The process ended here."""


class Exchange(PaperBroker):
    """A venue on quotes that outlives every desk; it counts what it was sent, and can take a sender down with it."""

    def __init__(self, *, account: str = "paper", remembers_ids: bool = True) -> None:
        instruments = {"EURUSD": fx_pair("EURUSD")}
        super().__init__(
            QuoteVenue(account, "USD", cash=Decimal(100_000), instruments=instruments), instruments=instruments
        )
        self.remembers_ids = remembers_ids
        self.sent: Counter[str] = Counter()
        self.dies: str = ""

    def submit(self, order: Order) -> None:
        if self.dies == "before":
            self.dies = ""
            raise Died
        self.sent[order.client_order_id] += 1
        super().submit(order)
        if self.dies == "after":
            self.dies = ""
            raise Died

    def show(self, bar: pd.Series, time_ns: int) -> None:
        venue = self._venue
        assert isinstance(venue, QuoteVenue)
        for price in (bar["open"], bar["high"], bar["low"], bar["close"]):
            venue.add_quote("EURUSD", bid=float(price) - 0.00005, ask=float(price) + 0.00005, time_ns=time_ns)
        self.meet(time_ns)


class Session:
    """All parts of a session at an exchange, any of which can be started again."""

    def __init__(self, live: LiveSetting, frames: dict[str, pd.DataFrame], folder: Path, exchange: Exchange) -> None:
        self.live, self.frames, self.folder, self.exchange = live, frames, folder, exchange
        self.streams, self.clock, self.shown = MemoryStreams(), ReplayClock(0), 0
        self.feed = ReplayFeed(self.streams, frames, speed=float("inf"))
        self.worker = SignalWorker(self.streams, live)
        folder.mkdir()
        self.orchestrator = OrchestratorDesk(self.streams, live, folder)
        self.desk = self.start()

    def start(self) -> BrokerDesk:
        return BrokerDesk(self.streams, self.live, self.folder, self.exchange, clock=self.clock)

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
