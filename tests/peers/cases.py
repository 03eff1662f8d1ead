"""Cases: what sptrader and its peers both run, the bars and the rules, told to each in its own words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
ANSWERS = ROOT / "tests" / "answers"
SHARED = ROOT / "../shared/data/bars"
PRICE_STEP = 1e-7  # far below a price, so that rounding a level to it decides nothing


@dataclass(frozen=True)
class Case:
    """Two averages that cross: `data` names the bars, `sides` are those traded; stop, target and fee are fractions."""

    name: str
    data: str
    average: str
    fast: int
    slow: int
    sides: tuple[str, ...] = ("long", "short")
    stop: float | None = None
    target: float | None = None
    fee: float = 0.0
    units: int = 100
    cash: float = 1_000_000.0
    margin: float = 0.05

    @property
    def timeframe(self) -> str:
        """The length of its bars."""
        return "1d" if self.data == "GOOG" else "1m"

    @property
    def session(self) -> str:
        """The trading day of its bars."""
        return "XNYS" if self.data == "GOOG" else "fx"

    def settings(self) -> dict[str, Any]:
        """Return the case for a peer's program."""
        return {**asdict(self), "price_step": PRICE_STEP}

    def strategy(self) -> str:
        """Return the case as a strategy file."""
        exits = [f"  {side}: {{when: '{_cross(side != 'long')}'}}" for side in self.sides]
        exits += [f"  stop_loss: {self.stop:.10%}"] if self.stop is not None else []
        exits += [f"  take_profit: {self.target:.10%}"] if self.target is not None else []
        return "\n".join(
            [
                "name: crossings",
                "version: 1.0.0",
                "market:",
                f"  symbols: [{self.data}]",
                f"  timeframe: {self.timeframe}",
                "  instruments:",
                f"    {self.data}: {{base: {self.data[:3]}, quote: USD, price_step: 0.0000001, lot_step: 1,"
                f" min_quantity: 1, contract_size: 1, margin_rate: {self.margin}, session: {self.session}}}",
                "indicators:",
                f"  fast: {{type: {self.average}, period: {self.fast}}}",
                f"  slow: {{type: {self.average}, period: {self.slow}}}",
                "entry:",
                *[f"  {side}: {{when: '{_cross(side == 'long')}'}}" for side in self.sides],
                "exit:",
                *exits,
                f"sizing: {{method: units, value: {self.units}}}",
                f"execution: {{order: market, commission: {self.fee:.10%}, spread: 0}}",
                f"backtest: {{cash: {self.cash}, currency: USD}}",
            ]
        )


# GOOG's days move by more than a stop: gaps, stops on the bar of the entry, stop and target in one bar.
# The minutes are stretches without an hour missing: sptrader lets an entry expire there, its peers know no session.
BACKTESTING = (
    Case("goog sma", "GOOG", "sma", 10, 20),
    Case("goog sma, long only, fee", "GOOG", "sma", 10, 20, sides=("long",), fee=0.002),
    Case("goog ema, stop and target", "GOOG", "ema", 5, 12, stop=0.03, target=0.06, fee=0.001),
    Case("goog ema, tight stop and target", "GOOG", "ema", 3, 7, stop=0.01, target=0.012, fee=0.0005),
    Case("goog sma, short only, stop", "GOOG", "sma", 4, 9, sides=("short",), stop=0.015),
    Case("goog sma, target only", "GOOG", "sma", 5, 30, target=0.04, fee=0.001),
    Case("audusd ema, stop and target", "AUDUSD", "ema", 12, 26, stop=0.002, target=0.004, fee=0.0001, units=10_000),
    Case("audusd sma, tight stop and target", "AUDUSD", "sma", 5, 20, stop=0.0003, target=0.0004, units=100_000),
    Case("audusd ema, long only", "AUDUSD", "ema", 12, 26, sides=("long",), stop=0.02, target=0.05, fee=0.0001),
    Case("eurusd sma", "EURUSD", "sma", 8, 34, fee=0.00002, units=100_000),
    Case("eurusd ema, tight stop and target", "EURUSD", "ema", 4, 11, stop=0.0004, target=0.0006, fee=0.00002),
)
# Those in which vectorbt's conventions about stops (see programs/vectorbt_trades.py) decide nothing.
VECTORBT = (
    Case("goog sma", "GOOG", "sma", 10, 20),
    Case("goog sma, long only, fee", "GOOG", "sma", 10, 20, sides=("long",), fee=0.002),
    Case("audusd ema, stop and target", "AUDUSD", "ema", 12, 26, stop=0.02, target=0.05, fee=0.0001, units=10_000),
    Case("audusd ema, long only", "AUDUSD", "ema", 12, 26, sides=("long",), stop=0.02, target=0.05, fee=0.0001),
    Case("eurusd sma", "EURUSD", "sma", 8, 34, fee=0.00002, units=100_000),
)
_STRETCHES = {"AUDUSD": slice(113_784, 134_730), "EURUSD": slice(57_267, 65_778)}


def has_shared_bars(case: Case) -> bool:
    """Whether the bars of `case` are at hand: GOOG's are kept with the answers, the minutes are in the shared data."""
    return case.data == "GOOG" or _shared(case.data).is_file()


def case_bars(case: Case, goog: dict[str, Any]) -> pd.DataFrame:
    """Return the bars of `case`, without their spread; `goog` are the daily bars that `backtesting` ships."""
    if case.data == "GOOG":
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start=goog["date"][0], end=goog["date"][-1])
        opens = calendar.schedule["open"]
        index = pd.DatetimeIndex([opens[pd.Timestamp(day)] for day in goog["date"]], name="time").as_unit("ns")
        return pd.DataFrame({name: np.asarray(goog[name], float) for name in _COLUMNS}, index=index)
    frame = pd.read_parquet(_shared(case.data)).set_index("time")
    return frame[list(_COLUMNS)].astype(float).iloc[_STRETCHES[case.data]]


def arrays(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return bars as a peer's program reads them."""
    times = pd.DatetimeIndex(bars.index).as_unit("ns").asi8
    return {"time": times, **{name: bars[name].to_numpy(float) for name in _COLUMNS}}


_COLUMNS = ("open", "high", "low", "close", "volume")


def _shared(symbol: str) -> Path:
    return SHARED / f"{symbol}-1m-bid-2025H1.parquet"


def _cross(is_above: bool) -> str:
    return f"crosses_{'above' if is_above else 'below'}(fast, slow)"
