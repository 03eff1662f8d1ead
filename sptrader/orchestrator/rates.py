"""Rates: how an instrument's quote currency becomes the account's, through the pairs at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import DataError
from sptrader.model.conversion import conversion_path
from sptrader.model.instrument import Instrument

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """A currency pair on the common clock: mid at each bar's `open` and `close` (n,); its last close where it `has_bar` not."""

    instrument: Instrument
    open: Floats
    close: Floats
    has_bar: Bools


@dataclass(frozen=True)
class Rate:
    """Account currency per quote currency: `kind` `is_quote` (1), `is_base` (1 / price) or `by_pair` with `rate` (n, 2) at
    open and close and `is_stale` (n,) where a pair on the way had no bar. `path` names the pairs."""

    kind: str
    path: tuple[str, ...] = ()
    rate: Floats | None = None
    is_stale: Bools | None = None


def conversion(instrument: Instrument, currency: str, pairs: Mapping[str, Pair]) -> Rate:
    """Return how `instrument`'s quote currency becomes `currency`: direct, inverse, or over one cross.

    Raises `DataError` naming the missing pair.
    """
    if instrument.quote == currency:
        return Rate("is_quote")
    if instrument.base == currency:
        return Rate("is_base")
    known = {pair.instrument.symbol: pair for pair in pairs.values()}
    path = conversion_path(instrument.quote, currency, [pair.instrument for pair in pairs.values()])
    if path is not None:
        return _through([(known[step.symbol], step.is_inverse) for step in path])
    direct, inverse = instrument.quote + currency, currency + instrument.quote
    raise DataError(
        f"{instrument.symbol}: its P&L is in {instrument.quote} and the account in {currency}, but neither {direct} nor "
        f"{inverse} nor a cross is among the bars ({', '.join(pairs) or 'none'}); add one to the bars given.",
        key="currency",
        value=direct,
    )


def _through(steps: list[tuple[Pair, bool]]) -> Rate:
    n = len(steps[0][0].open)
    rate, is_stale = np.ones((n, 2)), np.zeros(n, np.bool_)
    for pair, is_inverse in steps:
        mids = np.column_stack([pair.open, pair.close])
        rate *= 1.0 / mids if is_inverse else mids
        is_stale |= ~pair.has_bar
    return Rate("by_pair", tuple(pair.instrument.symbol for pair, _ in steps), rate, is_stale)
