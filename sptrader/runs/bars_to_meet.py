"""Bars to meet: the bars that a paper venue's orders meet, time by time, as the kernel's arrays."""

from __future__ import annotations

import numpy as np

from sptrader.errors import StreamError
from sptrader.kernel.market import Market
from sptrader.kernel.state import HAS_BAR
from sptrader.model.ports import Streams
from sptrader.model.timeframe import make_timeframe
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.pile import BLOCK
from sptrader.orchestrator.tail import Floats, Tail
from sptrader.runs.bar_streams import BarStreams
from sptrader.runs.live_setting import LiveSetting

CHUNK = 2048  # bars whose arrays are made at once


class BarsToMeet:
    """Reads all bars from the first on and knows which were met; what lies before the start is passed over."""

    def __init__(self, streams: Streams, live: LiveSetting) -> None:
        setting = live.setting
        self._live = live
        self._tail = Tail(setting.plan, setting.facts, setting.instruments, setting.currency, setting.nights)
        self._bars = BarStreams(streams, setting.facts)
        self._met = 0  # times of the clock that were met or passed over
        self._until: tuple[int, int] | None = None
        self._market: Market | None = None
        self._times: np.ndarray = np.empty(0, np.int64)
        self._seen_ns: dict[str, int] = {}
        self.timeframe_ns = make_timeframe(setting.plan.timeframe).ns

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were met."""
        return self._tail.has_ended and self.next_ns() is None

    def take(self, block_ms: int) -> bool:
        """Take in what the feed has said; return whether it has said anything."""
        found = self._bars.read(block_ms)
        for bar in found:
            self._tail.add(bar)
        start = self._live.setting.start_ns
        while start is not None and (time_ns := self.next_ns()) is not None and time_ns < start:
            self._pass()
        return bool(found)

    def next_ns(self) -> int | None:
        """Return the time of the next bars; None before all instruments have spoken of it."""
        return self._tail.time_ns(self._met) if self._met < self._tail.n_times else None

    def before_ns(self) -> int | None:
        """Return the time of the bars that were met last; None before the first."""
        if self._met == 0:
            return None
        time_ns, start = self._tail.time_ns(self._met - 1), self._live.setting.start_ns
        return None if start is not None and time_ns < start else time_ns

    def require_next_ns(self) -> int:
        """Return the time of the next bars, which a journal says were met; raises `StreamError` where they are gone."""
        time_ns = self.next_ns()
        if time_ns is None:
            raise StreamError(
                "the streams of bars have lost bars that the journal says were met; replay them before going on.",
                key="bars",
                is_failure=True,
            )
        return time_ns

    def met(self) -> None:
        """Note that the next bars were met."""
        time_ns = self.require_next_ns()
        market, t = self.arrays(time_ns) or (None, 0)
        if market is not None:
            for i, symbol in enumerate(self._live.plan.symbols):
                if market.flags[i, t] & HAS_BAR:
                    self._seen_ns[symbol] = time_ns + self.timeframe_ns
        self._pass()

    def _pass(self) -> None:
        """Count a time as met or passed over; bars that nothing looks at any more are let go now and then."""
        self._met += 1
        if self._met % BLOCK == 0:
            self._tail.release(self._met)

    @property
    def n_held(self) -> int:
        """How many bars are in memory, of all instruments."""
        return self._tail.n_held

    def seen_ns(self, symbol: str) -> int | None:
        """Return when the instrument's last bar that was met had ended; None before the first."""
        return self._seen_ns.get(symbol)

    def opened(self, time_ns: int) -> Floats:
        """Return the state of an account that is opened with the bars of a time."""
        return opening_state(self._live.plan, self._tail.market(time_ns, time_ns), self._live.setting.cash)

    def arrays(self, time_ns: int) -> tuple[Market, int] | None:
        """Return the arrays of the bars of a time and where it stands in them, made for many at once where many have come."""
        until = self._until
        if until is None or not until[0] <= time_ns <= until[1]:
            last = self._tail.time_ns(min(self._met + CHUNK, self._tail.n_times) - 1)
            made = self._tail.market(time_ns, last)
            self._market, self._times, self._until = made.kernel, made.times_ns, (time_ns, last)
        return None if self._market is None else (self._market, int(np.searchsorted(self._times, time_ns)))
