"""Samples: the real bars that come with the package, and where they are from.

EURUSD 1h ask bars of 2017, and daily bars of AAPL, FB, GOOG, IBM and MSFT (2000 to 2013, adjusted for splits, not for
dividends). `samples/ATTRIBUTION.md` names the sources and their licences; `scripts/make_samples.py` made the files.
"""

from __future__ import annotations

import pandas as pd

from sptrader.data.catalog import Entry, sample_entries
from sptrader.data.load import load_bars
from sptrader.errors import DataError, did_you_mean


def samples() -> list[Entry]:
    """Return what sample data there is."""
    return sample_entries()


def sample(symbol: str, timeframe: str) -> pd.DataFrame:
    """Return the sample bars of `symbol`, as `sample("EURUSD", "1h")` or `sample("AAPL", "1d")`.

    Raises `DataError` listing the samples for any other; `load_bars(symbol, timeframe)` resamples them.
    """
    entries = samples()
    for entry in entries:
        if (entry.symbol, entry.timeframe) == (symbol, timeframe):
            return load_bars(entry.path)
    known = ", ".join(f"{e.symbol} {e.timeframe}" for e in entries)
    raise DataError(
        f"there is no sample of '{symbol}' {timeframe}{did_you_mean(symbol, [e.symbol for e in entries]) or '.'} "
        f"The samples are: {known}.",
        key="symbol",
        value=symbol,
    )
