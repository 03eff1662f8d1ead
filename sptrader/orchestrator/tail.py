"""Tail: bars as they arrive, instrument by instrument, and the market's arrays of the last of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import StreamError
from sptrader.model.bars import COLUMNS, SIDED_COLUMNS, BarsFacts, with_facts
from sptrader.model.instrument import Instrument
from sptrader.model.messages import BarMessage
from sptrader.orchestrator.market import MarketData, make_market
from sptrader.orchestrator.nights import NightRates
from sptrader.orchestrator.pile import Pile, Place
from sptrader.strategy.expressions import history
from sptrader.strategy.plan import Plan, trees

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EARLIER = 2  # bars before the first of interest: what nights, gaps and rates compare with
ENDED_NS = 2**62  # an instrument that has ended has said all there will be


class Rows:
    """An instrument's bars: their times and values, counted from 0 over all there ever were."""

    def __init__(self, width: int, place: Place | None) -> None:
        self.times = Pile(1, np.int64, place)
        self.values = Pile(width, np.float64, place)

    def append(self, time_ns: int, values: list[float]) -> None:
        """Add one bar."""
        self.times.append([time_ns])
        self.values.append(values)

    def find(self, time_ns: int) -> int:
        """Return how many bars lie before a time."""
        first = self.times.count - self.times.n_held
        held = self.times.part(first, self.times.count)[:, 0]
        if first > 0 and (len(held) == 0 or time_ns <= held[0]):
            return int(np.searchsorted(self.times.part(0, first)[:, 0], time_ns))
        return first + int(np.searchsorted(held, time_ns))

    def release(self, before: int) -> None:
        """Let the bars before a row leave memory."""
        self.times.release(before)
        self.values.release(before)

    def close(self) -> None:
        """Let go of the files."""
        self.times.close()
        self.values.close()


class Tail:
    """What the market has shown so far: the bars of every instrument, and up to which time all have spoken.

    Bars that were released lie in files of `place`; without one they are gone.
    """

    def __init__(
        self,
        plan: Plan,
        facts: Mapping[str, BarsFacts],
        instruments: Mapping[str, Instrument],
        currency: str,
        nights: NightRates | None,
        place: Place | None = None,
    ) -> None:
        self.plan, self.facts, self.instruments = plan, facts, instruments
        self.currency, self.nights = currency, nights
        self.keep = earlier_bars(plan)
        self._columns: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, Rows] = {}
        self._said: dict[str, int] = dict.fromkeys(facts, -ENDED_NS)
        self._place = place
        self._clock = Pile(1, np.int64, place)  # the times at which all have spoken and a traded instrument has a bar
        self._open: dict[int, bool] = {}

    def check(self, bar: BarMessage) -> None:
        """Raise `StreamError` for an instrument that is not part of the session, another timeframe, or columns that change."""
        known = self.facts.get(bar.symbol)
        if known is None or bar.timeframe != known.timeframe:
            raise StreamError(
                f"a bar of {bar.symbol} {bar.timeframe} is not part of this session; it has "
                f"{', '.join(f'{s} {f.timeframe}' for s, f in self.facts.items())}.",
                key="symbol",
                value=bar.symbol,
            )
        if bar.kind == "bar":
            names, _ = _row(bar)
            if self._columns.get(bar.symbol, names) != names:
                raise StreamError(
                    f"a bar of {bar.symbol} has the columns {', '.join(names)}; those before had "
                    f"{', '.join(self._columns[bar.symbol])}.",
                    key="columns",
                )

    def add(self, bar: BarMessage) -> bool:
        """Take what one instrument showed; return False for a message that was here before. Raises as `check`."""
        self.check(bar)
        if bar.kind != "end" and bar.time_ns <= self._said[bar.symbol]:
            return False
        if bar.kind == "bar":
            names, values = _row(bar)
            self._columns.setdefault(bar.symbol, names)
            if bar.symbol not in self._rows:
                self._rows[bar.symbol] = Rows(len(names), self._place)
            self._rows[bar.symbol].append(bar.time_ns, values)
        if bar.kind != "end":
            traded = bar.kind == "bar" and bar.symbol in self.plan.symbols
            self._open[bar.time_ns] = self._open.get(bar.time_ns, False) or traded
        self._said[bar.symbol] = ENDED_NS if bar.kind == "end" else bar.time_ns
        self._advance()
        return True

    @property
    def has_ended(self) -> bool:
        """Whether every instrument has said that it has ended."""
        return min(self._said.values()) == ENDED_NS

    @property
    def n_times(self) -> int:
        """How many times the clock has had."""
        return self._clock.count

    def time_ns(self, k: int) -> int:
        """Return the clock's time number `k`."""
        return int(self._clock.part(k, k + 1)[0, 0])

    def times_ns(self, first: int, last: int) -> Ints:
        """Return the clock's times from number `first` to `last`, not included."""
        return self._clock.part(first, last)[:, 0]

    def release(self, n_done: int) -> dict[str, int]:
        """Let leave memory what the clock's times from number `n_done` - 1 on do not look at; return the first bars that stay.

        Nothing changes where all bars are looked at (`keep` is None).
        """
        self._clock.release(n_done - 1)
        if n_done < 1 or self.keep is None:
            return {}
        before = {symbol: self.rows(symbol, self.time_ns(n_done - 1), ENDED_NS).start for symbol in self._rows}
        for symbol, row in before.items():
            self._rows[symbol].release(row)
        return before

    @property
    def n_held(self) -> int:
        """How many bars are in memory, of all instruments."""
        return sum(rows.values.n_held for rows in self._rows.values())

    def close(self) -> None:
        """Let go of the files."""
        self._clock.close()
        for rows in self._rows.values():
            rows.close()

    def _advance(self) -> None:
        """Move the clock to the last time at which every instrument has spoken."""
        until = min(self._said.values())
        for time_ns in sorted(t for t in self._open if t <= until):
            if self._open.pop(time_ns):
                self._clock.append([time_ns])

    def rows(self, symbol: str, first_ns: int, last_ns: int) -> slice:
        """Return which of the instrument's bars are needed for the clock from `first_ns` to `last_ns`, both included."""
        held = self._rows.get(symbol)
        if held is None:
            return slice(0, 0)
        begin = 0 if self.keep is None else max(held.find(first_ns) - self.keep, 0)
        return slice(begin, held.find(last_ns + 1))

    def frame(self, symbol: str, rows: slice) -> pd.DataFrame:
        """Return those bars of an instrument as a frame with its facts."""
        held = self._rows.get(symbol)
        names = self._columns.get(symbol) or next(iter(self._columns.values()), COLUMNS)
        first, last, _ = rows.indices(0 if held is None else held.values.count)
        values = np.empty((0, len(names))) if held is None else held.values.part(first, last)
        times = np.empty(0, np.int64) if held is None else held.times.part(first, last)[:, 0]
        frame = pd.DataFrame(
            {name: np.ascontiguousarray(values[:, k]) for k, name in enumerate(names)},
            index=pd.DatetimeIndex(times.copy(), tz="UTC", name="time"),
        )
        return with_facts(frame, self.facts[symbol])

    def market(self, first_ns: int, last_ns: int) -> MarketData:
        """Return the arrays of the bars from `first_ns` to `last_ns` and of what those before are compared with."""
        frames = {symbol: self.frame(symbol, self.rows(symbol, first_ns, last_ns)) for symbol in self.facts}
        return make_market(frames, self.plan, self.instruments, self.currency, self.nights)


def earlier_bars(plan: Plan) -> int | None:
    """Return how many bars before a bar its rules, its size and its gap look at; None for all that there are."""
    if plan.risk.correlation_limit is not None and len(plan.symbols) > 1:
        return None  # of two instruments the last bars that both have, however far back
    looked_at = max((history(tree, {}) for tree in trees(plan)), default=0)
    return max(looked_at + 1, plan.sizing.lookback or 0) + EARLIER


def _row(bar: BarMessage) -> tuple[tuple[str, ...], list[float]]:
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    missing = [name for name, value in prices.items() if value is None]
    if missing:
        raise StreamError(f"a bar of {bar.symbol} lacks {', '.join(missing)}.", key=missing[0])
    values = {**prices, "volume": float("nan") if bar.volume is None else bar.volume}
    if bar.spread is not None:
        values["spread"] = bar.spread
    if bar.sides is not None:
        values.update(zip(SIDED_COLUMNS, bar.sides, strict=True))
    return tuple(values), [float(value) for value in values.values() if value is not None]
