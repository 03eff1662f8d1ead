"""Risk use: how near a run came to each limit it was given, and how often a limit bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sptrader.model.session import sessions
from sptrader.plots.decimate import frame_times
from sptrader.runs.reported import Floats, ReportedRun

# what decisions and trades say when a limit bound: decision reasons and caps, exit reasons
BOUND: Mapping[str, tuple[str, ...]] = {
    "max_drawdown": ("trading_halted", "risk_halt"),
    "daily_loss_limit": ("day_halted", "daily_loss"),
    "max_positions": ("no_free_slot",),
    "position_limit": ("position_limit",),
    "max_order_notional": ("order_notional",),
    "margin": ("free_margin", "margin_call", "margin_limit"),
    "currency_exposure": ("currency_exposure",),
    "correlation_limit": ("correlation_limit",),
}


@dataclass(frozen=True)
class LimitUse:
    """One limit: the most of it that was `used` (same unit as `limit`: a fraction of equity, a count, or money), when, and
    how many decisions and closings it `bound`. `limit` is infinite where none was set."""

    name: str
    meaning: str
    unit: str
    used: float
    limit: float
    at: pd.Timestamp | None
    bound: int

    @property
    def share(self) -> float:
        """What was used of the limit; nan without a limit."""
        return self.used / self.limit if 0.0 < self.limit < np.inf else np.nan


def risk_use(run: ReportedRun) -> list[LimitUse]:
    """Return the use of every limit of `run`.

    Drawdown, daily loss and margin are of the marks at the bars' closes; positions and notionals of the opening fills, an
    order's notional as filled, a position's against the equity of the mark before. Limits bind at decisions, so a fill at
    another price can stand slightly above one.
    """
    times = frame_times(run.equity)
    marks = run.equity["equity"].to_numpy(np.float64)
    margin = run.equity["margin"].to_numpy(np.float64) / np.where(marks > 0.0, marks, np.nan)
    opened = _openings(run, times, marks)
    measured: dict[str, tuple[str, str, Floats, pd.DatetimeIndex]] = {
        "max_drawdown": (
            "equity below its highest",
            "fraction",
            run.equity["drawdown"].to_numpy(np.float64),
            times,
        ),
        "daily_loss_limit": ("equity below the session's first", "fraction", _daily_loss(run, times, marks), times),
        "max_positions": ("open positions", "count", opened["open"].to_numpy(np.float64), frame_times(opened)),
        "position_limit": (
            "one position's notional, of equity",
            "fraction",
            opened["position"].to_numpy(np.float64),
            frame_times(opened),
        ),
        "max_order_notional": (
            "one order's notional",
            "money",
            opened["order"].to_numpy(np.float64),
            frame_times(opened),
        ),
        "margin": ("used margin, of equity; no entry goes above it", "fraction", margin, times),
    }
    limits = {**run.limits, "margin": run.limits.get("margin_limit", 1.0)}
    return [
        _use(name, meaning, unit, values, at, limit=limits.get(name, np.inf), bound=times_bound(run, name))
        for name, (meaning, unit, values, at) in measured.items()
    ]


def _use(
    name: str, meaning: str, unit: str, values: Floats, times: pd.DatetimeIndex, *, limit: float, bound: int
) -> LimitUse:
    if not np.isfinite(values).any() or np.nanmax(values) <= 0.0:
        return LimitUse(name, meaning, unit, 0.0, limit, None, bound)
    most = int(np.nanargmax(values))
    return LimitUse(name, meaning, unit, float(values[most]), limit, times[most], bound)


def _daily_loss(run: ReportedRun, times: pd.DatetimeIndex, marks: Floats) -> Floats:
    """How far each mark is below the last one before its session, a fraction."""
    if len(times) == 0:
        return np.empty(0)
    ns = times.as_unit("ns").asi8
    session = str(next(iter(run.bars.values())).attrs.get("sptrader.session", "fx"))
    closes = sessions(session, int(ns[0]), int(ns[-1])).closes_ns
    day = np.searchsorted(closes, ns, side="right")
    first = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
    baselines = np.append(run.config.cash, marks)[first]
    baseline = np.repeat(baselines, np.diff(np.append(first, len(ns))))
    return np.asarray(1.0 - marks / np.where(baseline > 0.0, baseline, np.nan), np.float64)


def _openings(run: ReportedRun, times: pd.DatetimeIndex, marks: Floats) -> pd.DataFrame:
    """A row for each opening fill: `time`, `open` positions after it, notionals of its `order` and, by equity, its `position`."""
    fills = run.fills
    quantity = fills["quantity"].to_numpy(np.float64)
    signed = np.where(fills["side"].astype(str) == "buy", quantity, -quantity)
    symbols = fills["symbol"].astype(str).to_numpy()
    held = np.zeros(len(fills))
    n_open = np.zeros(len(fills))
    now: dict[str, float] = {}
    for row, (symbol, change) in enumerate(zip(symbols, signed, strict=True)):
        after = now.get(symbol, 0.0) + float(change)
        now[symbol] = 0.0 if abs(after) < 1e-9 * abs(float(change)) else after
        held[row] = abs(now[symbol])
        n_open[row] = sum(1 for units in now.values() if units != 0.0)
    worth = fills["price"].to_numpy(np.float64) * fills["rate"].to_numpy(np.float64)
    before = np.append(run.config.cash, marks)[np.searchsorted(times, frame_times(fills), side="left")]
    table = pd.DataFrame(
        {"time": frame_times(fills), "open": n_open, "order": quantity * worth, "position": held * worth / before}
    )
    return table[(fills["effect"].astype(str) == "open").to_numpy()].reset_index(drop=True)


def times_bound(run: ReportedRun, name: str) -> int:
    """Return how often a limit refused, cut or closed."""
    words = BOUND[name]
    found = (
        run.decisions["reason"].astype(str).isin(words).sum() + run.trades["exit_reason"].astype(str).isin(words).sum()
    )
    if "cap" in run.decisions.columns:
        found += (
            run.decisions["cap"].astype(str).isin(words) & (run.decisions["outcome"].astype(str) == "ordered")
        ).sum()
    return int(found)
