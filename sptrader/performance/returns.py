"""Returns: from the equity of bars to one return a trading day, and from those to a table of months.

All ratios are made from *session* returns, so the same equity gives the same numbers on 1m, 1h or daily bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sptrader.errors import RunError
from sptrader.model.session import periods_per_year, sessions
from sptrader.performance.falls import lowest_share

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RUIN_FRACTION = 1e-9
_NAMED_SESSIONS = 10


@dataclass(frozen=True)
class AccountSeries:
    """What an account was worth at the close of each bar of a run.

    `times_ns` are the bars' opens (int64, UTC, increasing), `equity` is marked at their closes (float64, account
    currency), both (n,). `cash` is the money it started with, `timeframe_ns` the length of a bar, `session` the trading
    day it is measured by (`fx`, `24/7`, or an exchange's code). Raises `RunError` for lengths that differ, for equity
    that is not finite and for cash that is not positive.
    """

    times_ns: Ints
    equity: Floats
    cash: float
    timeframe_ns: int
    session: str

    def __post_init__(self) -> None:
        if self.times_ns.shape != self.equity.shape or self.equity.ndim != 1:
            raise RunError(
                f"equity had the shape {self.equity.shape} and the times {self.times_ns.shape}; "
                "allowed is one value a bar in both.",
                key="equity",
            )
        if not (isfinite(self.cash) and self.cash > 0):
            raise RunError(f"cash was {self.cash}; allowed is an amount above 0.", key="cash", value=self.cash)
        if len(self) and not isfinite(self.fall[0]):
            bar = int(np.flatnonzero(~np.isfinite(self.equity))[0])
            raise RunError(
                f"equity was {self.equity[bar]} at bar {bar}; allowed are finite amounts.",
                key="equity",
                value=self.equity[bar],
            )

    def __len__(self) -> int:
        return len(self.equity)

    @cached_property
    def fall(self) -> tuple[float, float]:
        """The lowest mark as a share of the peak before it, and the longest time under water in nanoseconds; see `lowest_share`."""
        equity, times_ns = np.asarray(self.equity, np.float64), np.asarray(self.times_ns, np.int64)
        return lowest_share(equity, times_ns, int(self.timeframe_ns), float(self.cash))

    @property
    def final_equity(self) -> float:
        """The last mark, or the starting cash when there was no bar."""
        return float(self.equity[-1]) if len(self) else float(self.cash)

    @property
    def marks_ns(self) -> Ints:
        """When each equity was known: the end of its bar, UTC nanoseconds, (n,)."""
        return self.times_ns + self.timeframe_ns


@dataclass(frozen=True)
class SessionReturns:
    """One return for each nominal trading day, the first measured from the starting cash.

    `labels` are days since 1970, `returns` fractions, `equity` the last mark of each day, all (n,). `empty_labels` are
    the days without a bar: they count as a return of 0. `cash` is what the first day started from.
    """

    labels: Ints
    returns: Floats
    equity: Floats
    empty_labels: Ints
    cash: float
    periods_per_year: int

    def __len__(self) -> int:
        return len(self.returns)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The trading days as a UTC index named `session`."""
        return _dates(self.labels)


@dataclass(frozen=True)
class SessionEnds:
    """Which bars end the nominal sessions of a run's clock: the same for every account that is marked on it.

    `ends` (k,) is the number of bars up to each session's end, `labels` (k,) its day, `empty_labels` the days without a bar.
    """

    ends: Ints
    labels: Ints
    empty_labels: Ints
    periods_per_year: int


def session_ends(times_ns: Ints, session: str) -> SessionEnds:
    """Find the nominal sessions from the first to the last of the bars that open at `times_ns` (int64, UTC, increasing).

    A bar belongs to the session its open lies in; the last bar of a session marks its end.
    """
    per_year = periods_per_year(session)
    if len(times_ns) == 0:
        nothing = np.empty(0, np.int64)
        return SessionEnds(nothing, nothing, nothing, per_year)
    days = sessions(session, int(times_ns[0]), int(times_ns[-1]))
    ends = np.searchsorted(times_ns, days.closes_ns, side="left")
    chosen = slice(int(np.searchsorted(ends, 1)), int(np.searchsorted(ends, len(times_ns))) + 1)
    ends, labels = ends[chosen], days.labels[chosen]
    return SessionEnds(ends, labels, labels[np.diff(ends, prepend=0) == 0], per_year)


def session_returns(account: AccountSeries, ends: SessionEnds | None = None) -> SessionReturns:
    """Measure the return of every nominal session from the first bar's to the last bar's.

    `ends` are those of the account's clock, where they are known already. Once equity is at or below zero (a billionth of
    the cash) there is nothing left to earn on, and further returns are 0.
    """
    known = session_ends(account.times_ns, account.session) if ends is None else ends
    equity = account.equity[known.ends - 1]
    before = np.empty_like(equity)
    before[:1], before[1:] = account.cash, equity[:-1]
    growth = np.divide(equity, before, out=np.ones_like(equity), where=before > RUIN_FRACTION * account.cash)
    return SessionReturns(known.labels, growth - 1.0, equity, known.empty_labels, account.cash, known.periods_per_year)


def empty_session_warnings(result: SessionReturns) -> list[str]:
    """Return a sentence that names the sessions without data, or nothing when each had some."""
    n_empty = len(result.empty_labels)
    if n_empty == 0:
        return []
    named = [f"{date:%Y-%m-%d}" for date in _dates(result.empty_labels[:_NAMED_SESSIONS])]
    more = f" and {n_empty - _NAMED_SESSIONS} more" if n_empty > _NAMED_SESSIONS else ""
    return [
        f"{n_empty} of {len(result)} nominal sessions had no data and count as a return of 0: {', '.join(named)}{more}."
    ]


def compound(returns: ArrayLike) -> float:
    """Return the growth of 1 over `returns`, minus 1.

    >>> round(compound([0.1, -0.5]), 12)
    -0.45
    """
    return float(np.prod(1.0 + np.asarray(returns, np.float64))) - 1.0


def monthly_table(result: SessionReturns) -> pd.DataFrame:
    """Return the compounded return of each month: a row per year, columns `Jan` to `Dec` and `Year`.

    Fractions; nan for months without a session. A session belongs to the month of its label, so a Sunday evening that
    is Monday the 1st counts for the new month.
    """
    dates = result.dates
    growth = pd.Series(1.0 + result.returns, index=dates)
    by_month = growth.groupby([dates.year, dates.month]).prod() - 1.0
    by_month.index.names = ["year", "month"]
    table = by_month.unstack("month").reindex(columns=range(1, 13)).astype(np.float64)
    table.columns = pd.Index(MONTHS)
    table["Year"] = growth.groupby(dates.year).prod() - 1.0
    table.index.name = "year"
    return table


def buy_and_hold_return(first_prices: Sequence[float], last_prices: Sequence[float]) -> float:
    """Return what equal cash in each instrument at its first price was worth at its last, minus 1.

    Prices in the account currency, in the same order; nan when there is no instrument or a price is not positive.

    >>> buy_and_hold_return([100.0, 10.0], [110.0, 14.0])
    0.25
    """
    first, last = np.asarray(first_prices, np.float64), np.asarray(last_prices, np.float64)
    if first.shape != last.shape:
        raise RunError(
            f"there were {first.size} first and {last.size} last prices; allowed is one of each an instrument."
        )
    if first.size == 0 or not ((first > 0).all() and (last > 0).all()):
        return float("nan")
    return float(np.mean(last / first)) - 1.0


def _dates(labels: Ints) -> pd.DatetimeIndex:
    days = labels.astype("datetime64[D]").astype("datetime64[ns]")
    return pd.DatetimeIndex(days, name="session").tz_localize("UTC")
