"""All parts of a session at an exchange that is a world of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from sptrader.clock import ReplayClock
from sptrader.model.messages import Heartbeat
from sptrader.model.orders import Fill, Matched, Order
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.broker_line import Backoff
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.order_limits import OrderLimits
from sptrader.runs.signal_worker import SignalWorker
from sptrader.streams import keys
from sptrader.streams.codec import decode, decode_body, encode
from sptrader.streams.memory import MemoryStreams
from tests.runs.exchange import Died, Exchange


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
