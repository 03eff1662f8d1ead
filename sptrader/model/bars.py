"""Bars: a pandas frame of OHLCV with the facts about it in `frame.attrs`, and the two-sided prices made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import DataError

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")
MARKET_COLUMNS = (*COLUMNS, "spread")
SIDED_COLUMNS = tuple(f"{side}_{price}" for side in ("bid", "ask") for price in PRICES)
BASES = ("bid", "ask", "mid", "last")
PREFIX = "sptrader."


@dataclass(frozen=True)
class BarsFacts:
    """What is known about a frame of bars beyond its numbers; every field as in the file's schema metadata.

    `basis` is the side the prices are of (`bid`, `ask`, `mid`, `last`), `session` is `fx`, `24/7` or an exchange's
    code, `adjustment` says how shares are adjusted (`split`, `split+dividend`, `none`, or empty where it means
    nothing), `content_hash` is of the whole file's bars, empty for frames that never were one.
    """

    symbol: str
    timeframe: str
    basis: str
    session: str
    source: str = ""
    adjustment: str = ""
    content_hash: str = ""


def times_ns(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the opening times of a frame of bars, UTC nanoseconds (n,), not copied where they are nanoseconds already."""
    index = pd.DatetimeIndex(frame.index)
    return np.asarray((index if index.unit == "ns" else index.as_unit("ns")).asi8)


def facts(frame: pd.DataFrame) -> dict[str, str]:
    """Return the facts `frame.attrs` holds under `sptrader.`, without the prefix; empty when there are none."""
    return {str(k)[len(PREFIX) :]: str(v) for k, v in frame.attrs.items() if str(k).startswith(PREFIX)}


def with_facts(frame: pd.DataFrame, known: BarsFacts | Mapping[str, str]) -> pd.DataFrame:
    """Return a shallow copy of `frame` that carries `known` in its attrs."""
    values = asdict(known) if isinstance(known, BarsFacts) else dict(known)
    result = frame.copy(deep=False)
    result.attrs = {**frame.attrs, **{PREFIX + name: value for name, value in values.items()}}
    return result


def bars_facts(frame: pd.DataFrame) -> BarsFacts:
    """Return the facts of `frame`; raise `DataError` naming those that are missing."""
    known = facts(frame)
    missing = [name for name in ("symbol", "timeframe", "basis", "session") if not known.get(name)]
    if missing:
        raise DataError(
            f"the bars lack {', '.join(missing)}; give what is missing, as in "
            'sp.load_bars(frame, symbol="EURUSD", timeframe="1h", basis="bid").',
            key=missing[0],
        )
    return BarsFacts(**{name: known[name] for name in BarsFacts.__dataclass_fields__ if name in known})
