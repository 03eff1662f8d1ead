"""Finer: the bars or ticks inside a run's bars, as the arrays the kernel asks where a bar alone cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, did_you_mean
from sptrader.model.bars import PRICES, SIDED_COLUMNS, BarsFacts, bars_facts, times_ns
from sptrader.model.grid import bar_ends, bar_span, bar_starts
from sptrader.model.period import time_text
from sptrader.model.timeframe import Timeframe, make_timeframe
from sptrader.orchestrator.market import MarketData
from sptrader.orchestrator.prices import two_sided_prices
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_SHOWN = 3


@dataclass(frozen=True)
class _Inside:
    """The finer rows inside an instrument's bars: `frame`, the `bar` (m,) of the clock each lies in, `price` (m, 8), doubts."""

    frame: pd.DataFrame
    bar: Ints
    price: Floats
    doubts: tuple[str, ...]


def is_ticks(frame: pd.DataFrame) -> bool:
    """Whether `frame` holds quotes (columns `bid` and `ask`), not bars."""
    return "bid" in frame.columns and "open" not in frame.columns


def with_finer(market: MarketData, plan: Plan, finer: Mapping[str, pd.DataFrame], first: int) -> MarketData:
    """Return `market` with the checked bars or ticks `finer`, by symbol, inside its bars from `first` on.

    Bid and ask are made as those of bars: from their own sides, else from basis and spread; a tick is a bar of one price.
    A price beyond its bar's range is taken at the range's edge and counted in `MarketData.finer_doubts`, for fills stay
    inside their bars. Raises `RunError` for a symbol that is not traded or is missing, a timeframe that is not shorter or does
    not divide, and finer rows in no bar of the period.
    """
    for symbol in finer:
        if symbol not in market.symbols:
            raise RunError(
                f"finer bars of '{symbol}' were given, which is not traded{did_you_mean(symbol, market.symbols) or '.'} "
                f"Traded are: {', '.join(market.symbols)}.",
                key="finer",
                value=symbol,
            )
    missing = [symbol for symbol in market.symbols if symbol not in finer]
    if missing:
        raise RunError(
            f"finer bars of {', '.join(missing)} are missing; given were those of {', '.join(finer)}.", key="finer"
        )
    found = [_inside(market, plan, symbol, finer[symbol], first) for symbol in market.symbols]
    n = len(market.times_ns)
    at = np.zeros((len(found), n + 1), np.int64)
    begin = 0
    for i, own in enumerate(found):
        at[i] = begin + np.searchsorted(own.bar, np.arange(n + 1))
        begin += len(own.bar)
    price = found[0].price if len(found) == 1 else np.concatenate([own.price for own in found])
    return replace(
        market,
        kernel=market.kernel._replace(finer=price, finer_at=at),
        finer={symbol: own.frame for symbol, own in zip(market.symbols, found, strict=True)},
        finer_doubts=tuple(doubt for own in found for doubt in own.doubts),
    )


def _inside(market: MarketData, plan: Plan, symbol: str, frame: pd.DataFrame, first: int) -> _Inside:
    known = market.facts[symbol]
    rows = market.rows[symbol]
    rows = rows[rows >= first]
    timeframe = make_timeframe(known.timeframe)
    if not is_ticks(frame):
        _require_shorter(symbol, bars_facts(frame), known, timeframe)
    starts = market.times_ns[rows]
    cut = _cut(frame, starts, timeframe, known.session)
    if len(cut) == 0:
        raise RunError(f"no finer bar of {symbol} lies inside the bars of the period; {_has(frame)}.", key="finer")
    opened = times_ns(cut)
    labels = bar_starts(opened, timeframe, known.session)
    place = np.minimum(np.searchsorted(starts, labels), len(starts) - 1)
    is_out = starts[place] != labels
    if not is_ticks(cut):
        fine = make_timeframe(bars_facts(cut).timeframe)
        is_out |= bar_ends(opened, fine, known.session) > bar_ends(labels, timeframe, known.session)
    if is_out.any():
        shown = ", ".join(time_text(time) for time in opened[is_out][:_SHOWN])
        raise RunError(
            f"{is_out.sum():,} finer rows of {symbol} lie in no {known.timeframe} bar of it (the first: {shown}); allowed "
            "are those inside the bars. Make the bars of the finer ones, or take away what lies between them.",
            key="finer",
            value=symbol,
        )
    bar = rows[place]
    coarse = market.kernel.price[market.symbols.index(symbol)]
    price = _prices(cut, plan, market, symbol)
    doubts = _contradictions(market, symbol, cut, price, coarse, bar)
    _clip(price, coarse, bar)
    n_empty = len(rows) - len(np.unique(bar))
    if n_empty:
        doubts += (
            f"{n_empty:,} of {len(rows):,} bars of {symbol} have no finer ones inside; what such a bar cannot tell is taken "
            "against the trader.",
        )
    return _Inside(cut, bar, price, doubts)


def _require_shorter(symbol: str, fine: BarsFacts, known: BarsFacts, timeframe: Timeframe) -> None:
    length = make_timeframe(fine.timeframe).ns
    if length >= timeframe.ns or timeframe.ns % length:
        raise RunError(
            f"the finer bars of {symbol} are {fine.timeframe} bars, the run's are {known.timeframe}; allowed is a shorter "
            "timeframe that divides it, or ticks.",
            key="finer",
            value=fine.timeframe,
        )
    if fine.session != known.session:
        raise RunError(
            f"the finer bars of {symbol} follow the session '{fine.session}', the run's '{known.session}'; allowed is the "
            "same.",
            key="finer",
            value=fine.session,
        )


def _cut(frame: pd.DataFrame, starts: Ints, timeframe: Timeframe, session: str) -> pd.DataFrame:
    """The rows from the first bar's begin to the last bar's end; a copy, so that the rest need not stay in memory."""
    if len(starts) == 0:
        return frame.iloc[:0]
    span = bar_span(int(starts[0]), timeframe, session), bar_span(int(starts[-1]), timeframe, session)
    begin, end = np.searchsorted(times_ns(frame), [span[0].from_ns, span[1].end_ns])
    if end - begin == len(frame):
        return frame
    part = frame.iloc[begin:end].copy()
    part.attrs = dict(frame.attrs)
    return part


def _has(frame: pd.DataFrame) -> str:
    times = times_ns(frame)
    return f"they are from {time_text(times[0])} to {time_text(times[-1])}" if len(times) else "there are none"


def _prices(frame: pd.DataFrame, plan: Plan, market: MarketData, symbol: str) -> Floats:
    if is_ticks(frame):
        out = np.empty((len(frame), 8))
        out[:, :4] = frame["bid"].to_numpy(np.float64)[:, np.newaxis]
        out[:, 4:] = frame["ask"].to_numpy(np.float64)[:, np.newaxis]
        return out
    spread = plan.execution.spread
    if spread is None and "spread" not in frame.columns and SIDED_COLUMNS[0] not in frame.columns:
        raise RunError(
            f"the finer bars of {symbol} have no spread column and the strategy says no execution.spread; give one of them "
            "(`execution: {spread: 0.8 pips}`; 0 must be said as well).",
            key="spread",
            value=symbol,
        )
    return two_sided_prices(frame, bars_facts(frame), market.instruments[symbol], spread).price


def _contradictions(
    market: MarketData, symbol: str, frame: pd.DataFrame, price: Floats, coarse: Floats, bar: Ints
) -> tuple[str, ...]:
    """Finer rows that leave the range of their bar by over a step, on a side that both have quotes of; else on the mid, by
    over half the bar's spread."""
    step = float(market.instruments[symbol].price_step) * 1.001
    shared = _quoted(frame) & _quoted(market.frames[symbol])
    is_out = np.zeros(len(bar), np.bool_)
    for side in shared:
        at = 0 if side == "bid" else 4
        is_out |= price[:, at + 1] > coarse[bar, at + 1] + step
        is_out |= price[:, at + 2] < coarse[bar, at + 2] - step
    if not shared:
        high, low = (coarse[bar, 1] + coarse[bar, 5]) * 0.5, (coarse[bar, 2] + coarse[bar, 6]) * 0.5
        slack = (coarse[bar, 5] - coarse[bar, 1]) * 0.5 + step
        is_out = (price[:, 1] + price[:, 5]) * 0.5 > high + slack
        is_out |= (price[:, 2] + price[:, 6]) * 0.5 < low - slack
    if not is_out.any():
        return ()
    shown = ", ".join(time_text(time) for time in times_ns(frame)[is_out][:_SHOWN])
    return (
        f"{is_out.sum():,} of {len(bar):,} finer rows of {symbol} leave the range of their bar (the first: {shown}); their "
        "prices are taken at the range's edge. Bars and finer rows of one source agree.",
    )


def _quoted(frame: pd.DataFrame) -> set[str]:
    """The sides whose prices are the data's own."""
    if is_ticks(frame) or SIDED_COLUMNS[0] in frame.columns:
        return {"bid", "ask"}
    return {bars_facts(frame).basis} & {"bid", "ask"}


def _clip(price: Floats, coarse: Floats, bar: Ints) -> None:
    """Hold `price` inside the range of its bar, side by side."""
    for at in (0, 4):
        low, high = coarse[bar, at + 2], coarse[bar, at + 1]
        for k in range(at, at + len(PRICES)):
            np.clip(price[:, k], low, high, out=price[:, k])
