"""Ticks to meet: the quotes that a paper venue's orders meet, one by one, in the order in which the feed published them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable

from sptrader.errors import StreamError
from sptrader.model.messages import TickMessage
from sptrader.model.ports import Entry, Streams
from sptrader.runs.graves import Graves
from sptrader.streams import keys
from sptrader.streams.codec import decode

COUNT = 2048  # quotes of one instrument read at once


class TicksToMeet:
    """Reads every instrument's quotes from the first on; one before `start_ns` or before the newest is passed over.

    The feed publishes in order over all its streams: bars before the first quote at or after their end. So what was read
    before bars were, those bars precede; and what such a bar precedes was read after it. `until_ns` tells how far both hold.
    """

    def __init__(self, streams: Streams, symbols: Iterable[str], *, start_ns: int | None = None) -> None:
        self._streams, self._start_ns = streams, start_ns or 0
        self._graves = Graves(streams)
        self._waiting: dict[str, deque[TickMessage]] = {symbol: deque() for symbol in sorted(symbols)}
        self._after = dict.fromkeys(self._waiting, "0")
        self._newest_ns = dict.fromkeys(self._waiting, 0)
        self.last_ns: dict[str, int] = {}  # of the quotes that were met
        self.until_ns: float = -1  # the quotes up to here, and the bars that ended up to here, were read
        self.counters = {"ticks": 0, "ticks_out_of_order": 0, "ticks_dead": 0}

    def take(self, take_bars: Callable[[], int | None]) -> bool:
        """Take in what the feed has said; `take_bars` reads its bars and returns the end of the next that are to be met."""
        if any(
            len(waiting) >= COUNT and waiting[COUNT - 1].time_ns <= self.until_ns for waiting in self._waiting.values()
        ):
            return False  # enough that may be met
        n_before = sum(self._read(symbol) for symbol in self._waiting)
        heard_ns = max(self._newest_ns.values())
        end_ns = take_bars()
        n_after = {symbol: self._read(symbol) for symbol in self._waiting}
        # where more is on the server than was read, the quotes of the last time may not be complete
        cut_ns = min((self._newest_ns[s] - 1 for s, n in n_after.items() if n >= COUNT), default=math.inf)
        self.until_ns = min(max(heard_ns, -1 if end_ns is None else end_ns - 1), cut_ns)
        return n_before + sum(n_after.values()) > 0

    def due(self, before_ns: float, most: int) -> list[tuple[str, int]]:
        """Return which quotes before a time may be met now, in their order: runs of an instrument and how many."""
        heads = {symbol: 0 for symbol, waiting in self._waiting.items() if waiting}
        runs: list[tuple[str, int]] = []
        while heads and most > 0:
            symbol = min(heads, key=lambda s: (self._waiting[s][heads[s]].time_ns, s))
            time_ns = self._waiting[symbol][heads[symbol]].time_ns
            if time_ns >= before_ns or time_ns > self.until_ns:
                break
            runs = [*runs[:-1], (symbol, runs[-1][1] + 1)] if runs and runs[-1][0] == symbol else [*runs, (symbol, 1)]
            heads[symbol] += 1
            most -= 1
            if heads[symbol] == len(self._waiting[symbol]):
                del heads[symbol]
        return runs

    def has_due(self, before_ns: float) -> bool:
        """Whether a quote before a time may be met now."""
        return any(w and w[0].time_ns < before_ns and w[0].time_ns <= self.until_ns for w in self._waiting.values())

    def pop(self, symbol: str) -> TickMessage:
        """Return the instrument's next quote, which is met now; raises `StreamError` where the stream has lost it."""
        waiting = self._waiting[symbol]
        while not waiting and self._read(symbol):
            pass
        if not waiting:
            raise StreamError(
                f"{keys.ticks(symbol)} has lost quotes that the journal says were met; replay them before going on.",
                key="ticks",
                is_failure=True,
            )
        tick = waiting.popleft()
        self.last_ns[symbol] = tick.time_ns
        self.counters["ticks"] += 1
        return tick

    def _read(self, symbol: str) -> int:
        entries = self._streams.history(keys.ticks(symbol), after=self._after[symbol], count=COUNT)
        for entry in entries:
            self._after[symbol] = entry.id
            try:
                message = _quote(entry, symbol)
            except StreamError as error:
                self.counters["ticks_dead"] += 1
                self._graves.bury(entry, str(error))
                continue
            if message.time_ns < self._newest_ns[symbol]:
                self.counters["ticks_out_of_order"] += 1
            else:
                self._newest_ns[symbol] = message.time_ns
                if message.time_ns >= self._start_ns:
                    self._waiting[symbol].append(message)
        return len(entries)


def _quote(entry: Entry, symbol: str) -> TickMessage:
    """Read an entry; raises `StreamError` for what is no quote of the instrument."""
    message = decode(entry.fields)
    if not isinstance(message, TickMessage):
        raise StreamError(f"the stream {entry.stream} carries no {type(message).__name__}.", key="message")
    if message.symbol != symbol:
        raise StreamError(f"the stream {entry.stream} carries no quotes of {message.symbol}.", key="symbol")
    if not 0.0 < message.bid <= message.ask < math.inf:
        raise StreamError(
            f"a quote on {entry.stream} has the bid {message.bid} above the ask {message.ask}.", key="bid"
        )
    return message
