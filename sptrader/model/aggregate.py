"""Aggregate: bars made as the feed goes, from ticks or from shorter bars; the streaming twin of `data/resample.py`.

A bar is published once it is complete: when something arrives at or after its end, when a shorter bar ends where it
ends, or when the clock is told to have reached it (`advance_to`). The first bar is not published if the feed began
inside it, after the market had opened. What arrives for a bar already published is late: counted, and never applied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from sptrader.errors import DataError
from sptrader.model.grid import BarSpan, bar_span
from sptrader.model.session import next_open_ns
from sptrader.model.timeframe import Timeframe, make_timeframe

MINUTE_NS = 60 * 10**9
TICK_BASES = ("bid", "ask", "mid")


class Bar(NamedTuple):
    """One bar: opening time (UTC nanoseconds), prices, volume, and the mean spread (nan where it is not known)."""

    time_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


@dataclass
class _Growing:
    """The bar being made, and what its mean spread needs: the sum weighted by volume, and the plain one."""

    span: BarSpan
    first_ns: int
    last_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    weighted_spread: float = 0.0
    plain_spread: float = 0.0
    n_parts: int = 0

    def bar(self) -> Bar:
        spread = self.weighted_spread / self.volume if self.volume > 0.0 else self.plain_spread / self.n_parts
        return Bar(self.span.start_ns, self.open, self.high, self.low, self.close, self.volume, spread)


class BarAggregator:
    """Makes bars of one timeframe from the ticks, or from the shorter bars, of one instrument.

    `basis` (`bid`, `ask`, `mid`) says which price of a tick counts; volume then counts ticks. `source_timeframe` is the
    length of the bars fed in. `since_ns` is from when on the feed is known to be whole: by default the first bar's
    opening, or for ticks the start of the minute of the first one; an aggregator fed by another one takes the other's.
    Counters: `n_late` (their bar was out already, dropped), `n_out_of_order` (older than the newest one, yet in time:
    used), `n_repeated` (a bar seen before, dropped), `n_rejected` (not a price: nan, zero, bid above ask; dropped).
    """

    def __init__(
        self,
        timeframe: str | Timeframe,
        session: str,
        *,
        basis: str | None = None,
        source_timeframe: str | Timeframe | None = None,
        since_ns: int | None = None,
    ) -> None:
        self.timeframe = make_timeframe(str(timeframe))
        self.session = session
        self.n_late = 0
        self.n_out_of_order = 0
        self.n_repeated = 0
        self.n_rejected = 0
        if basis is not None and basis not in TICK_BASES:
            raise DataError(f"basis was '{basis}'; ticks give {', '.join(TICK_BASES)}.", key="basis", value=basis)
        self._basis = basis
        self._source = None if source_timeframe is None else make_timeframe(str(source_timeframe))
        if self._source is not None:
            require_divides(self._source, self.timeframe)
        self.since_ns = since_ns
        self._until_ns: int | None = None
        self._growing: _Growing | None = None
        self._seen: set[int] = set()

    def add_tick(self, time_ns: int, bid: float, ask: float) -> tuple[Bar, ...]:
        """Take one quote; return the bars it completes (none or one), oldest first."""
        if self._basis is None:
            raise DataError("this aggregator was made without a basis; ticks need bid, ask or mid.", key="basis")
        if not (0.0 < bid <= ask and isfinite(ask)):
            self.n_rejected += 1
            return ()
        price = bid if self._basis == "bid" else ask if self._basis == "ask" else (bid + ask) / 2.0
        if self.since_ns is None:
            self.since_ns = time_ns - time_ns % MINUTE_NS
        if self._is_late(time_ns):
            return ()
        done = self.advance_to(time_ns)
        self._merge(time_ns, Bar(time_ns, price, price, price, price, 1.0, ask - bid))
        return done

    def add_bar(self, bar: Bar) -> tuple[Bar, ...]:
        """Take one shorter bar; return the bars it completes (none, one or two), oldest first."""
        if self._source is None:
            raise DataError(
                "this aggregator was made without a source_timeframe; it cannot take bars.", key="source_timeframe"
            )
        is_good = (
            0.0 < bar.low <= min(bar.open, bar.close) and max(bar.open, bar.close) <= bar.high and isfinite(bar.high)
        )
        if not (is_good and isfinite(bar.volume) and bar.volume >= 0.0):
            self.n_rejected += 1
            return ()
        if self.since_ns is None:
            self.since_ns = bar.time_ns
        if self._is_late(bar.time_ns):
            return ()
        done = self.advance_to(bar.time_ns)
        if bar.time_ns in self._seen:
            self.n_repeated += 1
            return done
        self._merge(bar.time_ns, bar)
        self._seen.add(bar.time_ns)
        source_end_ns = bar_span(bar.time_ns, self._source, self.session).end_ns
        if self._growing is not None and source_end_ns >= self._growing.span.end_ns:
            done += self._publish()
        return done

    def advance_to(self, now_ns: int) -> tuple[Bar, ...]:
        """Tell that the time is `now_ns` and nothing earlier will come; return the bar that completes, if any."""
        if self._growing is not None and now_ns >= self._growing.span.end_ns:
            return self._publish()
        return ()

    def _is_late(self, time_ns: int) -> bool:
        begin_ns = self._growing.span.from_ns if self._growing is not None else self._until_ns
        is_late = begin_ns is not None and time_ns < begin_ns
        self.n_late += is_late
        return is_late

    def _merge(self, time_ns: int, part: Bar) -> None:
        now = self._growing
        if now is None:
            span = bar_span(time_ns, self.timeframe, self.session)
            now = _Growing(span, time_ns, time_ns, part.open, part.high, part.low, part.close)
            self._growing = now
        elif time_ns < now.last_ns:
            self.n_out_of_order += 1
            if time_ns < now.first_ns:
                now.first_ns, now.open = time_ns, part.open
        else:
            now.last_ns, now.close = time_ns, part.close
        now.high = max(now.high, part.high)
        now.low = min(now.low, part.low)
        now.volume += part.volume
        now.weighted_spread += part.spread * part.volume
        now.plain_spread += part.spread
        now.n_parts += 1

    def _publish(self) -> tuple[Bar, ...]:
        now = self._growing
        if now is None:
            return ()
        self._growing = None
        self._seen.clear()
        self._until_ns = now.span.end_ns
        start_ns = now.span.start_ns
        if (
            self.since_ns is not None
            and start_ns < self.since_ns
            and next_open_ns(start_ns, self.session) < self.since_ns
        ):
            return ()
        return (now.bar(),)


def fold_ticks(aggregator: BarAggregator, ticks: Iterable[tuple[int, float, float]]) -> list[Bar]:
    """Return every bar that `aggregator` completes on `ticks` of (time_ns, bid, ask)."""
    return [bar for time_ns, bid, ask in ticks for bar in aggregator.add_tick(time_ns, bid, ask)]


def fold_bars(aggregator: BarAggregator, bars: Iterable[Bar]) -> list[Bar]:
    """Return every bar that `aggregator` completes on shorter `bars`."""
    return [done for bar in bars for done in aggregator.add_bar(bar)]


def require_divides(source: Timeframe, target: Timeframe) -> None:
    """Raise `DataError` unless bars of `target` can be made of whole bars of `source`."""
    if target.ns < source.ns or target.ns % source.ns:
        raise DataError(
            f"{target} bars cannot be made of {source} bars; the timeframe must be a whole multiple.",
            key="timeframe",
            value=target.name,
        )
