"""Nights: what one unit held over the session boundaries before each bar is charged or paid."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.model.instrument import Instrument
from sptrader.model.session import ALWAYS_OPEN, FX, sessions
from sptrader.model.timeframe import DAY_NS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAYS_A_YEAR = 365.0
Rates = Callable[[str, datetime.date], tuple[float, float]]


@dataclass(frozen=True)
class NightRates:
    """What nights cost: `rates(symbol, day)` gives the yearly fractions of long and short; `holidays` are labels."""

    rates: Rates
    holidays: Ints


def night_amounts(instrument: Instrument, times_ns: Ints, mid_close: Floats, given: NightRates) -> Floats:
    """Return the financing of one unit held long and short at each bar's open, (n, 2), quote currency; positive is received.

    Each session boundary in (previous open, this open] counts its nights: one, three on the instrument's triple day,
    none on one of the holidays, whose nights the boundary before counts. Elsewhere than in FX a boundary counts the
    days to the next session. A night is mid close of the bar before x yearly rate / 365. `given.rates` raises for a
    day without one.
    """
    out = np.zeros((len(times_ns), 2))
    if len(times_ns) < 2:
        return out
    days = sessions(instrument.session, int(times_ns[0]), int(times_ns[-1]))
    nights = boundary_nights(instrument, days.labels, given.holidays)
    bar = np.searchsorted(times_ns, days.closes_ns, side="left")
    for k in np.flatnonzero((bar > 0) & (bar < len(times_ns)) & (nights > 0)):
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days.labels[k]))
        long, short = given.rates(instrument.symbol, day)
        notional_nights = mid_close[bar[k] - 1] * nights[k] / DAYS_A_YEAR
        out[bar[k]] += long * notional_nights, short * notional_nights
    return out


def night_shares(instrument: Instrument, since_ns: int, until_ns: int, given: NightRates) -> tuple[float, float] | None:
    """Return what a long and a short receive for the session boundaries in (`since_ns`, `until_ns`], as shares of notional.

    None where there are none. Nights and rates are those of `night_amounts`.
    """
    days = sessions(instrument.session, since_ns, until_ns)
    nights = boundary_nights(instrument, days.labels, given.holidays)
    is_between = (days.closes_ns > since_ns) & (days.closes_ns <= until_ns) & (nights > 0)
    total = [0.0, 0.0]
    for k in np.flatnonzero(is_between):
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days.labels[k]))
        for side, rate in enumerate(given.rates(instrument.symbol, day)):
            total[side] += rate * float(nights[k]) / DAYS_A_YEAR
    return (total[0], total[1]) if is_between.any() else None


def boundary_nights(instrument: Instrument, labels: Ints, holidays: Ints) -> Ints:
    """Return how many nights the close of each trading day of `labels` counts.

    FX settles on weekdays: a week has seven nights, the weekend's two being charged on the triple day.
    """
    if instrument.session == FX:
        weekday = (labels + 3) % 7
        nights = (
            np.where(weekday == instrument.triple_day, 3, 1)
            if instrument.triple_day is not None
            else np.ones_like(labels)
        )
    elif instrument.session == ALWAYS_OPEN:
        nights = np.ones_like(labels)
    else:
        nights = np.append(np.diff(labels), 1)
    moved = np.asarray(nights, np.int64).copy()
    for k in range(len(labels) - 1, 0, -1):
        if labels[k] in holidays:
            moved[k - 1] += moved[k]
            moved[k] = 0
    return moved


def labels_of(days: frozenset[datetime.date]) -> Ints:
    """Return dates as labels: whole days since 1970."""
    stamps = pd.DatetimeIndex([pd.Timestamp(day) for day in sorted(days)])
    return np.asarray(stamps.as_unit("ns").asi8 // DAY_NS, np.int64)
