"""Prepare: a strategy and bars in any form, checked and made into what a run needs; the same for one run and for many."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path

import pandas as pd

from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.errors import RunError
from sptrader.model.bars import bars_facts, facts
from sptrader.model.instrument import Instrument, instrument
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.orchestrator.nights import NightRates
from sptrader.runs.financing import financing_file, night_rates
from sptrader.runs.finer import Finer, finer_frames
from sptrader.runs.plans import plan_of
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.plan import Plan
from sptrader.strategy.strategy import Strategy

Bars = pd.DataFrame | Mapping[str, pd.DataFrame] | str | Path | None


@dataclass(frozen=True)
class Prepared:
    """All a run depends on: `plan` on these `frames` (checked, by symbol, with those that only convert currencies), their
    content's `hashes`, the `instruments`, the account's `cash` and `currency`, the period, financing, `notes` for the
    reader, and the `finer` bars or ticks by symbol where the strategy asks for them."""

    strategy: Strategy
    plan: Plan
    frames: Mapping[str, pd.DataFrame]
    hashes: Mapping[str, str]
    instruments: Mapping[str, Instrument]
    cash: float
    currency: str
    start_ns: int | None
    end_ns: int | None
    nights: NightRates | None
    notes: tuple[str, ...]
    finer: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def prepare(
    strategy: Strategy | str | Path,
    bars: Bars,
    *,
    params: Mapping[str, object] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    basis: str | None = None,
    symbols: Sequence[str] | None = None,
    finer: Finer = None,
) -> Prepared:
    """Load, check and put together what `sp.backtest` describes; `symbols` trade instead of the strategy's."""
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    plan = plan_of(loaded, params)
    if symbols is not None:
        plan = replace(plan, symbols=tuple(symbols), instruments={})
    frames = _frames(plan, bars, basis)
    absent = [symbol for symbol in symbols or () if symbol not in frames]
    if absent:
        raise RunError(f"bars of {', '.join(absent)} are missing; given were {', '.join(frames)}.", key="symbols")
    plan, notes = _on_these_bars(plan, frames)
    money, account = account_of(plan, cash, currency)
    first_ns, last_ns = _period_ns(plan, start, end)
    return Prepared(
        strategy=loaded,
        plan=plan,
        frames=frames,
        hashes=_hashes(frames, is_given=isinstance(bars, (pd.DataFrame, Mapping))),
        instruments={s: plan.instruments.get(s) or instrument(s, loaded.market.instruments) for s in frames},
        cash=money,
        currency=account,
        start_ns=first_ns,
        end_ns=last_ns,
        nights=night_rates(financing_file(plan)),
        notes=notes,
        finer=finer_frames(plan, frames, finer, is_from_catalog=_is_from_catalog(bars)),
    )


def _is_from_catalog(bars: Bars) -> bool:
    return bars is None or (isinstance(bars, (str, Path)) and not _is_file(bars))


def _is_file(name: str | Path) -> bool:
    return bool(Path(name).suffix) or Path(name).exists()


def account_of(plan: Plan, cash: object, currency: object) -> tuple[float, str]:
    """Return the starting money and its currency, from the caller or the strategy's `backtest` section."""
    money, account = (plan.cash if cash is None else cash), (plan.currency if currency is None else currency)
    if money is None or account is None:
        missing = "cash" if money is None else "currency"
        raise RunError(
            f"{missing} is not said: give sp.backtest(..., {missing}=...) or backtest.{missing} in "
            f"{plan.strategy.source_path}.",
            key=missing,
        )
    if isinstance(money, bool) or not isinstance(money, Real) or not 0.0 < float(money) < math.inf:
        raise RunError(f"cash was {money!r}; allowed is an amount above 0.", key="cash", value=money)
    if not isinstance(account, str) or not re.fullmatch("[A-Z]{3,5}", account):
        raise RunError(
            f"currency was {account!r}; allowed is a currency's code such as USD.", key="currency", value=account
        )
    return float(money), account


def _period_ns(plan: Plan, start: TimeLike | None, end: TimeLike | None) -> tuple[int | None, int | None]:
    """The period asked for; what the caller leaves open is the strategy's."""
    asked, own = period_ns(start, end), period_ns(plan.start, plan.end)
    first_ns, last_ns = (mine if mine is not None else theirs for mine, theirs in zip(asked, own, strict=True))
    if first_ns is not None and last_ns is not None and last_ns < first_ns:
        given, other, at_ns = ("start", "end", last_ns) if end is None else ("end", "start", first_ns)
        raise RunError(
            f"{given} was {start if end is None else end}, but the strategy's backtest.{other} is {time_text(at_ns)[:16]}; "
            f"give {other} as well.",
            key=given,
        )
    return first_ns, last_ns


def _frames(plan: Plan, bars: Bars, basis: str | None) -> dict[str, pd.DataFrame]:
    """The checked bars by symbol."""
    if bars is None:
        if not plan.symbols or not plan.timeframe:
            raise RunError("the strategy names no market; give bars.", key="bars")
        return {symbol: load_bars(symbol, plan.timeframe, basis=basis) for symbol in plan.symbols}
    if isinstance(bars, Mapping):
        if not bars:
            raise RunError("bars was an empty mapping; give at least one frame.", key="bars")
        return {str(symbol): _frame(plan, frame, basis, str(symbol)) for symbol, frame in bars.items()}
    if isinstance(bars, pd.DataFrame):
        frame = _frame(plan, bars, basis, None)
    elif isinstance(bars, (str, Path)):
        is_file = _is_file(bars)
        frame = load_bars(
            Path(bars) if is_file else str(bars), None if is_file else plan.timeframe or None, basis=basis
        )
    else:
        raise RunError(
            f"bars was of type {type(bars).__name__}; allowed are a DataFrame, {{symbol: DataFrame}}, a path, or None.",
            key="bars",
        )
    return {bars_facts(frame).symbol: frame}


def _frame(plan: Plan, frame: object, basis: str | None, symbol: str | None) -> pd.DataFrame:
    """A frame with its facts, checked; what it does not say is taken from the strategy's market."""
    if not isinstance(frame, pd.DataFrame):
        raise RunError(
            f"the bars of {symbol} were of type {type(frame).__name__}; allowed is a DataFrame.",
            key="bars",
            value=symbol,
        )
    known = facts(frame)
    only = plan.symbols[0] if len(plan.symbols) == 1 else None
    spread = plan.execution.spread
    is_free = spread is not None and spread.value == 0.0 and "spread" not in frame.columns
    return load_bars(
        frame,
        known.get("timeframe") or plan.timeframe or None,
        symbol=symbol or known.get("symbol") or only,
        basis=known.get("basis") or basis or ("mid" if is_free else None),
    )


def _hashes(frames: Mapping[str, pd.DataFrame], *, is_given: bool) -> dict[str, str]:
    """The hash of each frame's content. Those given were hashed at the door a moment ago; what comes out of the catalog
    may be resampled, and carries the hash of its file."""
    return {s: bars_facts(frame).content_hash if is_given else content_hash(frame) for s, frame in frames.items()}


def _on_these_bars(plan: Plan, frames: Mapping[str, pd.DataFrame]) -> tuple[Plan, tuple[str, ...]]:
    """The plan for the bars at hand: a single frame stands in for a single symbol, and that is noted."""
    notes = []
    symbols = plan.symbols
    if len(frames) == 1 and len(symbols) <= 1:
        given = next(iter(frames))
        if symbols and symbols[0] != given:
            notes.append(f"the strategy names {symbols[0]}; it ran on {given}.")
        symbols = (given,)
    missing = [symbol for symbol in symbols if symbol not in frames]
    if missing or not symbols:
        raise RunError(
            f"bars of {', '.join(missing) or 'the market'} are missing; given were {', '.join(frames)}.", key="bars"
        )
    timeframes = {bars_facts(frames[symbol]).timeframe for symbol in frames}
    if len(timeframes) > 1:
        raise RunError(
            f"the bars were of different timeframes ({', '.join(sorted(timeframes))}); allowed is one.", key="bars"
        )
    timeframe = timeframes.pop()
    if plan.timeframe and plan.timeframe != timeframe:
        notes.append(f"the strategy names {plan.timeframe} bars; it ran on {timeframe} bars.")
    declared = plan.strategy.market.instruments
    instruments = {symbol: plan.instruments.get(symbol) or instrument(symbol, declared) for symbol in symbols}
    return replace(plan, symbols=symbols, instruments=instruments, timeframe=timeframe), tuple(notes)
