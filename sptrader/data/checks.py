"""Checks: what bars must obey (errors) and what a user should know about them (warnings).

Errors, each a hard rule of the door:

    increasing   times rise strictly; `duplicate` when one repeats
    grid         times are the starts of bars of the timeframe (see `model/grid.py`)
    finite       prices are numbers: neither missing nor infinite
    positive     prices are above zero
    high_low     low <= open, close <= high
    volume       volume is a finite number, zero or more; `spread` likewise
    sided        the bid and ask columns, when there are any: finite, positive, ordered, bid never above ask

Warnings:

    gap              expected bars are missing (the session calendar says which are expected)
    closed_market    bars lie where the market is closed: FX weekends, holidays, nights of an exchange
    flat             ten or more bars in a row without any movement
    spike            a bar whose range, with the last close, is over 20 median absolute returns and over 1%
    unadjusted       shares whose adjustment for splits is unknown or `none`
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.data.conform import conform_bars
from sptrader.errors import DataError
from sptrader.model.bars import PRICES, SIDED_COLUMNS, BarsFacts, bars_facts
from sptrader.model.grid import n_missing_bars, off_grid, out_of_session
from sptrader.model.period import time_text
from sptrader.model.session import ALWAYS_OPEN, FX
from sptrader.model.timeframe import Timeframe, make_timeframe

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLAT_BARS = 10
SPIKE_MOVES = 20.0
SPIKE_FRACTION = 0.01
_SHOWN = 3
_AMOUNTS = ("volume", "spread")


@dataclass(frozen=True)
class Finding:
    """One rule that some rows break: how many, what the rule says, and the first rows as text."""

    rule: str
    count: int
    text: str
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f" First: {'; '.join(self.rows)}." if self.rows else ""
        return f"{self.rule}: {self.count} {'row' if self.count == 1 else 'rows'}: {self.text}.{first}"


@dataclass(frozen=True)
class QualityReport:
    """What the checks found in one set of bars; `name` is its file or symbol, times are UTC text."""

    name: str
    symbol: str
    timeframe: str
    n_bars: int
    first: str
    last: str
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def tier(self) -> str:
        """`verified`: passed all checks; `checked`: warnings only; `unchecked`: not fit for use, errors stand."""
        if self.errors:
            return "unchecked"
        return "checked" if self.warnings else "verified"

    def __str__(self) -> str:
        what = f"{self.n_bars:,} {self.timeframe} bars of {self.symbol}"
        head = f"{self.name}: {what}, {self.first} to {self.last}: {self.tier}"
        lines = [f"  error    {finding}" for finding in self.errors]
        return "\n".join([head, *lines, *(f"  warning  {finding}" for finding in self.warnings)])

    def _repr_html_(self) -> str:
        cell = "text-align:left;vertical-align:top;padding:3px 16px 3px 0"
        rows = "".join(
            f"<tr><td style='{cell}'>{kind}</td><td style='{cell}'>{escape(f.rule)}</td>"
            f"<td style='{cell};text-align:right'>{f.count:,}</td>"
            f"<td style='{cell}'>{escape(f.text)}<br>{'<br>'.join(map(escape, f.rows))}</td></tr>"
            for kind, findings in (("error", self.errors), ("warning", self.warnings))
            for f in findings
        )
        titles = "".join(f"<th style='{cell}'>{title}</th>" for title in ("", "rule", "rows", "what"))
        table = f"<table><tr>{titles}</tr>{rows}</table>" if rows else ""
        return (
            f"<p><b>{escape(self.name)}</b>: {self.n_bars:,} {self.timeframe} bars of {escape(self.symbol)}, "
            f"{self.first} to {self.last}: <b>{self.tier}</b></p>{table}"
        )


def check_bars(frame: pd.DataFrame, *, name: str = "") -> QualityReport:
    """Check bars and return what was found; nothing is changed.

    The frame must carry its facts (`load_bars` gives them). Raises `DataError` only where there are no bars to check:
    no time zone, no column, no facts, no rows.
    """
    known = bars_facts(frame)
    where = name or known.symbol
    bars = conform_bars(frame, where=where)
    if len(bars) == 0:
        raise DataError(f"{where}: there are no bars in it.", path=where, key="rows", value=0)
    timeframe = make_timeframe(known.timeframe)
    times_ns = pd.DatetimeIndex(bars.index).asi8
    errors = (*_time_errors(times_ns, timeframe, known.session), *_value_errors(bars, times_ns))
    warnings: tuple[Finding, ...] = ()
    if not errors:
        warnings = (
            *_session_warnings(times_ns, timeframe, known.session),
            *_price_warnings(bars, times_ns),
            *_adjustment_warnings(known, len(bars)),
        )
    first, last = time_text(times_ns.min()), time_text(times_ns.max())
    return QualityReport(where, known.symbol, known.timeframe, len(bars), first, last, errors, warnings)


def require_valid(report: QualityReport) -> None:
    """Raise `DataError` naming the file, every broken rule, its count and its first rows, if any is broken."""
    if not report.errors:
        return
    first = report.errors[0]
    findings = " ".join(str(finding) for finding in report.errors)
    n_rules = f"{len(report.errors)} {'rule' if len(report.errors) == 1 else 'rules'}"
    raise DataError(
        f"{report.name}: the bars break {n_rules}. {findings} "
        "Nothing was repaired; `sptrader data clean` does so on request and says what it did.",
        path=report.name,
        key=first.rule,
        value=first.count,
    )


def valid_rows(bars: pd.DataFrame) -> Bools:
    """Return which rows obey every rule about values (not about times), shape (n,)."""
    is_good = _is_ohlc(bars, "")
    for name in _AMOUNTS:
        if name in bars:
            is_good &= _is_amount(bars[name].to_numpy())
    return is_good & _is_sided(bars) if SIDED_COLUMNS[0] in bars else is_good


def row_texts(rows: Ints, times_ns: Ints, **columns: Floats) -> tuple[str, ...]:
    """Return the first few of `rows` as text: row number, time, and their values in `columns`."""
    texts = []
    for row in rows[:_SHOWN]:
        values = " ".join(f"{name} {column[row]:g}" for name, column in columns.items())
        missing = times_ns[row] == np.iinfo(np.int64).min
        texts.append(f"row {row} ({'no time' if missing else time_text(times_ns[row])}) {values}".rstrip())
    return tuple(texts)


def _finding(rule: str, is_broken: Bools, text: str, times_ns: Ints, **columns: Floats) -> tuple[Finding, ...]:
    if not is_broken.any():
        return ()
    rows = np.flatnonzero(is_broken)
    return (Finding(rule, len(rows), text, row_texts(rows, times_ns, **columns)),)


def _time_errors(times_ns: Ints, timeframe: Timeframe, session: str) -> tuple[Finding, ...]:
    missing = times_ns == np.iinfo(np.int64).min
    if missing.any():
        return _finding("time", missing, "a bar has no time", times_ns)
    steps = np.diff(times_ns, prepend=times_ns[0] - 1)
    return (
        *_finding("increasing", steps < 0, "a time is before the one above it", times_ns),
        *_finding("duplicate", steps == 0, "a time repeats the one above it", times_ns),
        *_finding(
            "grid",
            off_grid(times_ns, timeframe, session),
            f"a time is not the start of a {timeframe} bar of session {session}",
            times_ns,
        ),
    )


def _value_errors(bars: pd.DataFrame, times_ns: Ints) -> tuple[Finding, ...]:
    if bool(valid_rows(bars).all()):  # one pass proves good bars good; only bad ones are looked at rule by rule
        return ()
    o, h, l, c = (bars[name].to_numpy() for name in PRICES)
    is_finite = np.isfinite(o) & np.isfinite(h) & np.isfinite(l) & np.isfinite(c)
    is_positive = (o > 0) & (h > 0) & (l > 0) & (c > 0)
    is_ordered = (l <= o) & (l <= c) & (o <= h) & (c <= h)
    shown = {"open": o, "high": h, "low": l, "close": c}
    found = (
        *_finding("finite", ~is_finite, "a price is missing or infinite", times_ns, **shown),
        *_finding("positive", is_finite & ~is_positive, "a price is zero or negative", times_ns, **shown),
        *_finding("high_low", is_finite & ~is_ordered, "not low <= open, close <= high", times_ns, **shown),
    )
    for name in _AMOUNTS:
        if name in bars:
            values = bars[name].to_numpy()
            text = f"{name} is missing, negative or infinite"
            found += _finding(name, ~_is_amount(values), text, times_ns, **{name: values})
    if SIDED_COLUMNS[0] in bars:
        sided = {name: bars[name].to_numpy() for name in SIDED_COLUMNS}
        text = "not 0 < low <= open, close <= high on each side with bid <= ask"
        found += _finding("sided", ~_is_sided(bars), text, times_ns, **sided)
    return found


def _is_ohlc(bars: pd.DataFrame, prefix: str) -> Bools:
    o, h, l, c = (bars[prefix + name].to_numpy() for name in PRICES)
    return (l > 0) & (l <= o) & (l <= c) & (o <= h) & (c <= h) & (h < np.inf)  # a nan makes every comparison false


def _is_amount(values: Floats) -> Bools:
    return (values >= 0) & (values < np.inf)


def _is_sided(bars: pd.DataFrame) -> Bools:
    is_good = _is_ohlc(bars, "bid_") & _is_ohlc(bars, "ask_")
    for name in PRICES:
        is_good &= bars[f"bid_{name}"].to_numpy() <= bars[f"ask_{name}"].to_numpy()
    return is_good


def _session_warnings(times_ns: Ints, timeframe: Timeframe, session: str) -> tuple[Finding, ...]:
    steps = np.diff(times_ns)
    rows = np.flatnonzero(steps != timeframe.ns)
    counts = n_missing_bars(times_ns[rows], times_ns[rows + 1], timeframe, session)
    rows, counts = rows[counts > 0], counts[counts > 0]
    gaps: tuple[Finding, ...] = ()
    if len(rows):
        longest = np.argsort(-counts, kind="stable")[:_SHOWN]
        texts = tuple(f"{counts[i]:,} bars after row {rows[i]} ({time_text(times_ns[rows[i]])})" for i in longest)
        text = f"{int(counts.sum()):,} expected bars are missing in all, the longest gaps first"
        gaps = (Finding("gap", len(rows), text, texts),)
    is_closed = out_of_session(times_ns, timeframe, session)
    text = (
        "the market is closed then" if session != FX else "the FX market is closed from Friday to Sunday 17:00 New York"
    )
    return (*gaps, *_finding("closed_market", is_closed, text, times_ns))


def _price_warnings(bars: pd.DataFrame, times_ns: Ints) -> tuple[Finding, ...]:
    h, l, c = (bars[name].to_numpy() for name in ("high", "low", "close"))
    before = np.concatenate([bars["open"].to_numpy()[:1], c[:-1]])
    is_still = (h == l) & (c == before)
    edges = np.diff(is_still.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    is_long = ends - starts >= FLAT_BARS
    flat: tuple[Finding, ...] = ()
    if is_long.any():
        count = int((ends - starts)[is_long].sum())
        text = f"{FLAT_BARS} or more bars in a row do not move, in {int(is_long.sum())} runs that begin there"
        flat = (Finding("flat", count, text, row_texts(starts[is_long], times_ns, close=c)),)
    moves = np.abs(c / before - 1.0)
    ranges = np.maximum(h, before) / np.minimum(l, before) - 1.0
    limit = max(SPIKE_MOVES * float(np.median(moves)), SPIKE_FRACTION)
    text = f"the bar's range, with the last close, is over {limit:.2%}"
    return (*flat, *_finding("spike", ranges > limit, text, times_ns, before=before, high=h, low=l, close=c))


def _adjustment_warnings(known: BarsFacts, n_bars: int) -> tuple[Finding, ...]:
    if known.session in (FX, ALWAYS_OPEN) or known.adjustment not in ("", "none"):
        return ()
    text = f"the adjustment of {known.symbol} for splits is {known.adjustment or 'unknown'}; a split looks like a fall"
    return (Finding("unadjusted", n_bars, text),)
