"""Market: the bars of all instruments on one clock, as the arrays the kernel reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.kernel.blocks import make_blocks
from sptrader.kernel.market import Market, no_finer
from sptrader.kernel.state import HAS_BAR, IDLE, NEW_SESSION, NIGHTS, SESSION_ENDS, STALE_RATE
from sptrader.model.bars import SIDED_COLUMNS, BarsFacts, bars_facts, times_ns
from sptrader.model.instrument import Instrument
from sptrader.model.recent import Recent
from sptrader.model.session import in_session_ns, most_idle_ns, sessions
from sptrader.model.timeframe import make_timeframe
from sptrader.orchestrator.nights import NightRates, night_amounts
from sptrader.orchestrator.prices import TwoSided, two_sided_prices
from sptrader.orchestrator.rates import Pair, Rate, conversion
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MarketData:
    """What a run sees of the market.

    `times_ns` (n,) are the opens of the common clock, `rows[symbol]` (m,) where each bar of an instrument stands on it,
    `frames[symbol]` its bars, `kernel` the arrays. `rates[symbol]` tell how its P&L becomes `currency`, the account's.
    `finer[symbol]` are the finer bars or ticks inside the bars of the period, and `finer_doubts` what a reader should know of
    them; empty without (see `finer.with_finer`).
    """

    symbols: tuple[str, ...]
    instruments: Mapping[str, Instrument]
    frames: Mapping[str, pd.DataFrame]
    facts: Mapping[str, BarsFacts]
    times_ns: Ints
    timeframe_ns: int
    rows: Mapping[str, Ints]
    currency: str
    rates: Mapping[str, Rate]
    is_spread_modelled: bool
    kernel: Market
    finer: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    finer_doubts: tuple[str, ...] = ()

    @property
    def session(self) -> str:
        """The trading day the account follows: that of the first instrument."""
        return self.instruments[self.symbols[0]].session


_markets: Recent[object, MarketData] = Recent(16, most_bytes=2**28)  # 256 MB hold three million bars


def make_market(
    frames: Mapping[str, pd.DataFrame],
    plan: Plan,
    instruments: Mapping[str, Instrument],
    currency: str,
    nights: NightRates | None = None,
    hashes: Mapping[str, str] | None = None,
) -> MarketData:
    """Put the bars of `plan`'s symbols on one clock; frames of other symbols serve to convert currencies.

    `nights` are the financing rates; without them holding over night costs nothing. `hashes` name the content of the
    frames, or of longer ones they begin: what was made of the same content lately is used again.
    """
    facts = {symbol: bars_facts(frame) for symbol, frame in frames.items()}
    if hashes is None or nights is not None:
        return _market(frames, facts, plan, instruments, currency, nights)
    data = tuple((s, hashes[s], len(f), replace(facts[s], content_hash=""), instruments[s]) for s, f in frames.items())
    key = (plan.symbols, currency, plan.execution.spread, data)
    found = _markets.get(key)
    if found is None:
        found = _market(frames, facts, plan, instruments, currency, nights)
        # The frames may change, and their index with them: what is kept holds neither.
        kept = replace(found, frames={}, facts={}, times_ns=found.times_ns.copy())
        _markets.put(key, kept, n_bytes=sum(array.nbytes for array in (*kept.kernel, *kept.rows.values())))
        return found
    return replace(found, frames=frames, facts=facts)


def _market(
    frames: Mapping[str, pd.DataFrame],
    facts: Mapping[str, BarsFacts],
    plan: Plan,
    instruments: Mapping[str, Instrument],
    currency: str,
    nights: NightRates | None,
) -> MarketData:
    symbols = plan.symbols
    times = {symbol: times_ns(frame) for symbol, frame in frames.items()}
    clock = _clock([times[symbol] for symbol in symbols])
    rows = {s: _rows(times[s], clock) for s in symbols}
    sides = {s: two_sided_prices(frames[s], facts[s], instruments[s], plan.execution.spread) for s in symbols}
    pairs = {
        s: _pair(frames[s], facts[s], instruments[s], sides.get(s), times[s], clock)
        for s in frames
        if _is_needed(symbols, instruments, currency)
    }
    rates = {s: conversion(instruments[s], currency, pairs) for s in symbols}
    amounts = {
        s: night_amounts(instruments[s], times[s], (sides[s].price[:, 3] + sides[s].price[:, 7]) * 0.5, nights)
        for s in symbols
        if nights is not None
    }
    timeframe_ns = make_timeframe(facts[symbols[0]].timeframe).ns
    n = len(clock)
    price = np.stack([_spread_out(sides[s].price, rows[s], n) for s in symbols]) if len(symbols) > 1 else None
    if price is None:
        price = sides[symbols[0]].price[np.newaxis]
    flags = np.repeat(_session_flags(clock, timeframe_ns, instruments[symbols[0]].session)[np.newaxis], len(symbols), 0)
    for i, symbol in enumerate(symbols):
        own = _idle_flags(times[symbol], timeframe_ns, instruments[symbol].session) | np.uint8(HAS_BAR)
        _write_flags(flags[i], own, rows[symbol], amounts.get(symbol), rates[symbol])
    volume = np.stack([_spread_out(frames[s]["volume"].to_numpy(np.float64), rows[s], n) for s in symbols])
    finer, finer_at = no_finer(len(symbols))
    closes, blocks = make_blocks(price, flags)
    kernel = Market(
        price=price,
        volume=volume,
        flags=flags,
        rate=_rate_array(symbols, rates, n),
        nights=_night_array(symbols, amounts, rows, n),
        closes=closes,
        blocks=blocks,
        finer=finer,
        finer_at=finer_at,
    )
    return MarketData(
        symbols=symbols,
        instruments={s: instruments[s] for s in symbols},
        frames=frames,
        facts=facts,
        times_ns=clock,
        timeframe_ns=timeframe_ns,
        rows={s: _places(rows[s], n) for s in symbols},
        currency=currency,
        rates=rates,
        is_spread_modelled=any(side.is_modelled for side in sides.values()),
        kernel=kernel,
    )


def _write_flags(
    flags: NDArray[np.uint8], own: NDArray[np.uint8], rows: Ints | None, nights: Floats | None, rate: Rate
) -> None:
    """Add to an instrument's flags on the clock those of its `own` bars, of their nights, and of rates that are stale."""
    if nights is not None:
        own = own | np.where(nights.any(axis=1), np.uint8(NIGHTS), np.uint8(0))
    flags[slice(None) if rows is None else rows] |= own
    if rate.is_stale is not None:
        flags[rate.is_stale] |= np.uint8(STALE_RATE)


def _clock(times: list[Ints]) -> Ints:
    if len(times) == 1 or all(np.array_equal(times[0], other) for other in times[1:]):
        return times[0]
    return np.unique(np.concatenate(times))


def _rows(times: Ints, clock: Ints) -> Ints | None:
    """Where `times` stand on the clock; None when they are the clock."""
    return None if len(times) == len(clock) else np.searchsorted(clock, times)


def _places(rows: Ints | None, n: int) -> Ints:
    return np.arange(n) if rows is None else rows


def _spread_out(values: Floats, rows: Ints | None, n: int) -> Floats:
    if rows is None:
        return values
    out = np.full((n, *values.shape[1:]), np.nan)
    out[rows] = values
    return out


def _is_needed(symbols: tuple[str, ...], instruments: Mapping[str, Instrument], currency: str) -> bool:
    return any(currency not in (instruments[s].quote, instruments[s].base) for s in symbols)


def _pair(
    frame: pd.DataFrame, known: BarsFacts, instrument: Instrument, sides: TwoSided | None, times: Ints, clock: Ints
) -> Pair:
    """The pair's mid prices on the clock; from its two sides where they are known, else from its prices as they are."""
    if sides is None and ("spread" in frame.columns or all(name in frame.columns for name in SIDED_COLUMNS)):
        sides = two_sided_prices(frame, known, instrument, None)
    if sides is not None:
        opened, close = (sides.price[:, 0] + sides.price[:, 4]) * 0.5, (sides.price[:, 3] + sides.price[:, 7]) * 0.5
    else:
        opened, close = frame["open"].to_numpy(np.float64), frame["close"].to_numpy(np.float64)
    if len(times) == 0:
        unknown = np.full(len(clock), np.nan)
        return Pair(instrument, unknown, unknown, np.zeros(len(clock), np.bool_))
    place = np.searchsorted(times, clock, side="right") - 1  # the pair's last bar, which need not be on the clock
    has_bar = (place >= 0) & (times[place] == clock)
    last_close = np.where(place >= 0, close[place], np.nan)
    return Pair(instrument, np.where(has_bar, opened[place], last_close), last_close, has_bar)


def _session_flags(clock: Ints, timeframe_ns: int, session: str) -> NDArray[np.uint8]:
    """Mark the first bar of each trading day, and the bars whose decision falls into a later one."""
    flags = np.zeros(len(clock), np.uint8)
    if len(clock) == 0:
        return flags
    closes_ns = sessions(session, int(clock[0]), int(clock[-1])).closes_ns
    ends = np.searchsorted(clock, closes_ns)  # where the next session begins
    for first, end in zip(np.searchsorted(clock, closes_ns - timeframe_ns), ends, strict=True):
        flags[first:end] = SESSION_ENDS
    flags[np.append(0, ends[ends < len(clock)])] |= np.uint8(NEW_SESSION)
    return flags


def _idle_flags(times: Ints, timeframe_ns: int, session: str) -> NDArray[np.uint8]:
    """Mark the bars before which the market was open without a bar for so long that entries have expired."""
    allowed = most_idle_ns(timeframe_ns)
    flags = np.zeros(len(times), np.uint8)
    late = np.flatnonzero(np.diff(times) - timeframe_ns > allowed) + 1
    for k in late:
        since, until = int(times[k - 1]) + timeframe_ns, int(times[k])
        if in_session_ns(since, until, session) > allowed:
            flags[k] = IDLE
    return flags


def _rate_array(symbols: tuple[str, ...], rates: Mapping[str, Rate], n: int) -> Floats:
    if all(rates[s].rate is None for s in symbols):
        return np.ones((len(symbols), 1, 2))
    out = np.ones((len(symbols), n, 2))
    for i, symbol in enumerate(symbols):
        rate = rates[symbol].rate
        if rate is not None:
            out[i] = rate
    return out


def _night_array(
    symbols: tuple[str, ...], amounts: Mapping[str, Floats], rows: Mapping[str, Ints | None], n: int
) -> Floats:
    if not amounts:
        return np.zeros((len(symbols), 1, 2))
    out = np.zeros((len(symbols), n, 2))
    for i, symbol in enumerate(symbols):
        out[i, _places(rows[symbol], n)] = amounts[symbol]
    return out
