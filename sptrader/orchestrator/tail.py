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
from sptrader.strategy.expressions import history
from sptrader.strategy.plan import Plan, trees

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EARLIER = 2  # bars before the first of interest: what nights, gaps and rates compare with
ENDED_NS = 2**62  # an instrument that has ended has said all there will be


class Rows:
    """Rows of equal width that grow at the end; `times_ns` (n,) and `values` (n, width)."""

    def __init__(self, width: int) -> None:
        self._times = np.empty(256, np.int64)
        self._values = np.empty((256, width))
        self.count = 0

    def append(self, time_ns: int, values: list[float]) -> None:
        """Add one row."""
        if self.count == len(self._times):
            self._times = np.concatenate([self._times, np.empty_like(self._times)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._times[self.count], self._values[self.count] = time_ns, values
        self.count += 1

    @property
    def times_ns(self) -> Ints:
        """The rows' times."""
        return self._times[: self.count]

    @property
    def values(self) -> Floats:
        """The rows' values."""
        return self._values[: self.count]


class Tail:
    """What the market has shown so far: the bars of every instrument, and up to which time all have spoken."""

    def __init__(
        self,
        plan: Plan,
        facts: Mapping[str, BarsFacts],
        instruments: Mapping[str, Instrument],
        currency: str,
        nights: NightRates | None,
    ) -> None:
        self.plan, self.facts, self.instruments = plan, facts, instruments
        self.currency, self.nights = currency, nights
        self.keep = earlier_bars(plan)
        self._columns: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, Rows] = {}
        self._said: dict[str, int] = dict.fromkeys(facts, -ENDED_NS)
        self.clock = Rows(0)  # the times at which all have spoken and a traded instrument has a bar
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
            self._rows.setdefault(bar.symbol, Rows(len(names))).append(bar.time_ns, values)
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

    def _advance(self) -> None:
        """Move the clock to the last time at which every instrument has spoken."""
        until = min(self._said.values())
        for time_ns in sorted(t for t in self._open if t <= until):
            if self._open.pop(time_ns):
                self.clock.append(time_ns, [])

    def rows(self, symbol: str, first_ns: int, last_ns: int) -> slice:
        """Return which of the instrument's bars are needed for the clock from `first_ns` to `last_ns`, both included."""
        held = self._rows.get(symbol)
        if held is None:
            return slice(0, 0)
        begin, end = np.searchsorted(held.times_ns, [first_ns, last_ns + 1])
        return slice(0 if self.keep is None else max(int(begin) - self.keep, 0), int(end))

    def frame(self, symbol: str, rows: slice) -> pd.DataFrame:
        """Return those bars of an instrument as a frame with its facts."""
        held = self._rows.get(symbol)
        names = self._columns.get(symbol) or next(iter(self._columns.values()), COLUMNS)
        values = np.empty((0, len(names))) if held is None else held.values[rows]
        times = np.empty(0, np.int64) if held is None else held.times_ns[rows]
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
