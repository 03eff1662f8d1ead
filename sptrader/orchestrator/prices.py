"""Prices: the bid and ask of every bar, from the data's own sides or from its basis and a spread."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import DataError
from sptrader.model.bars import PRICES, SIDED_COLUMNS, BarsFacts
from sptrader.model.instrument import Instrument
from sptrader.strategy.plan import Distance

Floats = NDArray[np.float64]
_CHUNK = 32_768


@dataclass(frozen=True)
class TwoSided:
    """Bid and ask of an instrument's bars: `price` (n, 8), bid open high low close, ask open high low close.

    `is_modelled` tells that the spread came from a column or a constant, not from quotes of both sides.
    """

    price: Floats
    is_modelled: bool


def step_fraction(step: Decimal) -> tuple[float, float]:
    """Return a step as top / bottom in whole numbers: 0.00001 is 1 / 100,000, 0.25 is 1 / 4."""
    fraction = Fraction(step)
    return float(fraction.numerator), float(fraction.denominator)


def two_sided_prices(
    frame: pd.DataFrame, known: BarsFacts, instrument: Instrument, spread: Distance | None
) -> TwoSided:
    """Return the bid and ask prices of `frame`.

    From its explicit sides where it has all eight columns; else from the basis and the `spread` column, or the
    strategy's `spread`. Raises `DataError` when neither is there: a spread of 0 must be said.
    """
    if all(name in frame.columns for name in SIDED_COLUMNS):
        price = np.column_stack([frame[name].to_numpy(np.float64) for name in SIDED_COLUMNS])
        return TwoSided(np.ascontiguousarray(price), is_modelled=False)
    if spread is None and "spread" not in frame.columns:
        raise DataError(
            f"{known.symbol}: the bars have no spread column and the strategy says no execution.spread; give one of them "
            "(`execution: {spread: 0.8 pips}`; 0 must be said as well).",
            key="spread",
            value=known.symbol,
        )
    from sptrader.kernel.sides import ASK, BID, MID, two_sided

    columns = [frame[name].to_numpy(np.float64) for name in PRICES]
    width = spread_prices(frame, instrument, spread)
    out = np.empty((len(frame), 8))
    top, bottom = step_fraction(instrument.price_step)
    basis = {"bid": BID, "ask": ASK}.get(known.basis, MID)
    for first in range(0, len(frame), _CHUNK):  # the four columns side by side, a part at a time
        part = slice(first, first + _CHUNK)
        own = width if len(width) == 1 else width[part]
        prices = np.vstack([column[part] for column in columns])
        two_sided(prices, own, basis, top, bottom, np.empty(0, np.int64), out[part])
    return TwoSided(out, is_modelled=True)


def spread_prices(frame: pd.DataFrame, instrument: Instrument, spread: Distance | None) -> Floats:
    """Return the spread in price units, one a bar, or a single one where it is the same for all."""
    if "spread" in frame.columns:
        return np.ascontiguousarray(frame["spread"].to_numpy(np.float64))
    if spread is None:
        return np.zeros(1)
    if spread.kind == "pips":
        return np.array([spread.value * float(instrument.pip)])
    if spread.kind == "fraction":
        return np.asarray(frame["close"].to_numpy(np.float64) * spread.value)
    return np.array([spread.value])
