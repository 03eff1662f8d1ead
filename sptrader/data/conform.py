"""Conform: a frame of whatever shape becomes a frame of bars, or an error says why it cannot.

Only the shape is judged here: a time in a known zone, the columns, numbers in them. What the numbers must obey is in
`checks.py`. Rows are never moved, filled or dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import DataError, did_you_mean
from sptrader.model.bars import COLUMNS, MARKET_COLUMNS, SIDED_COLUMNS

Floats = NDArray[np.float64]


def bars_columns(names: Iterable[object], *, where: str) -> dict[str, str]:
    """Return which of `names` (any case) holds each bar column, and `time` when there is such a column.

    Columns with other names are not read. Raises `DataError` for a missing column, for two that differ by case only,
    and for sided columns that are not all eight.
    """
    found = _by_lower_case(names, where)
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise DataError(
            f"{where}: column {', '.join(missing)} is missing{did_you_mean(missing[0], found) or '.'} "
            f"Needed are {', '.join(COLUMNS)} (upper or lower case); the columns were {', '.join(found) or 'none'}.",
            path=where,
            key=missing[0],
        )
    sided = [name for name in SIDED_COLUMNS if name in found]
    if sided and len(sided) < len(SIDED_COLUMNS):
        absent = [name for name in SIDED_COLUMNS if name not in found]
        raise DataError(
            f"{where}: columns {', '.join(sided)} come without {', '.join(absent)}; allowed are all eight or none.",
            path=where,
            key=absent[0],
        )
    wanted = ("time", *MARKET_COLUMNS, *SIDED_COLUMNS)
    return {name: found[name] for name in wanted if name in found}


def ticks_columns(names: Iterable[object], *, where: str) -> dict[str, str]:
    """Return which of `names` (any case) holds `bid` and `ask`, and `time` when there is such a column."""
    found = _by_lower_case(names, where)
    missing = [name for name in ("bid", "ask") if name not in found]
    if missing:
        raise DataError(
            f"{where}: column {', '.join(missing)} is missing; ticks need time, bid and ask, "
            f"the columns were {', '.join(found) or 'none'}.",
            path=where,
            key=missing[0],
        )
    return {name: found[name] for name in ("time", "bid", "ask") if name in found}


def conform_bars(frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """Return `frame` as bars: UTC nanosecond index `time`, float64 columns in the usual order, attrs kept.

    Time is the column `time` or the index, in any zone (converted to UTC). Columns already right are not copied.
    """
    chosen = bars_columns(frame.columns, where=where)
    return frame.copy(deep=False) if _is_conform(frame, chosen) else _conform(frame, chosen, where)


def conform_ticks(frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """Return `frame` as ticks: UTC nanosecond index `time`, float64 columns `bid` and `ask`, attrs kept."""
    chosen = ticks_columns(frame.columns, where=where)
    return _conform(frame, chosen, where)


def utc_index(times: pd.Index | pd.Series, *, where: str) -> pd.DatetimeIndex:
    """Return `times` as the index of bars; raise `DataError` when they are no times or have no zone."""
    if not pd.api.types.is_datetime64_any_dtype(times.dtype):
        first = f" (the first is {times.iloc[0] if isinstance(times, pd.Series) else times[0]})" if len(times) else ""
        raise DataError(
            f"{where}: the times are {times.dtype}{first}; allowed are timestamps with a time zone, "
            "in a column 'time' or as index.",
            path=where,
            key="time",
        )
    index = pd.DatetimeIndex(times)
    if index.tz is None:
        first = f" (the first is {index[0]})" if len(index) else ""
        raise DataError(
            f"{where}: the times have no time zone{first}, and none is guessed; say which with "
            'frame.tz_localize("UTC") if that is what they are, or `sptrader data import FILE --time-zone ZONE`.',
            path=where,
            key="time",
        )
    try:
        return index.tz_convert("UTC").as_unit("ns").rename("time")
    except pd.errors.OutOfBoundsDatetime as error:
        raise DataError(
            f"{where}: a time is out of range ({error}); allowed are the years 1678 to 2261.", path=where, key="time"
        ) from error


def make_frame(index: pd.DatetimeIndex, columns: dict[str, Floats]) -> pd.DataFrame:
    """Make a frame of `columns` on `index` without copying them."""
    return pd.DataFrame(columns, index=index, copy=False)


def floats(column: pd.Series, *, name: str, where: str) -> Floats:
    """Return `column` as new float64 values, missing ones nan; raise `DataError` when it holds anything but numbers."""
    require_numbers(column, name=name, where=where)
    return column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)


def require_numbers(column: pd.Series, *, name: str, where: str) -> None:
    """Raise `DataError` when `column` holds anything but numbers."""
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        example = f" (the first is {column.iloc[0]!r})" if len(column) else ""
        raise DataError(
            f"{where}: column '{name}' holds {column.dtype}{example}; allowed are numbers.", path=where, key=name
        )


def _is_conform(frame: pd.DataFrame, chosen: dict[str, str]) -> bool:
    """Whether the frame has the shape asked for already, as everything has that came through here once."""
    index = frame.index
    return (
        isinstance(index, pd.DatetimeIndex)
        and index.name == "time"
        and index.unit == "ns"
        and str(index.tz) == "UTC"
        and list(frame.columns) == list(chosen)
        and all(name == column for column, name in chosen.items())
        and all(dtype == np.float64 for dtype in frame.dtypes)
    )


def _conform(frame: pd.DataFrame, chosen: dict[str, str], where: str) -> pd.DataFrame:
    if "time" in chosen:
        times: pd.Index | pd.Series = frame[chosen["time"]]
    elif isinstance(frame.index, pd.DatetimeIndex):
        times = frame.index
    else:
        raise DataError(
            f"{where}: there is no time; allowed is a column 'time' or a DatetimeIndex, "
            f"the index was {type(frame.index).__name__} and the columns {', '.join(map(str, frame.columns))}.",
            path=where,
            key="time",
        )
    index = utc_index(times, where=where)
    columns = {column: name for name, column in chosen.items() if name != "time"}
    for column, name in columns.items():
        require_numbers(frame[column], name=name, where=where)
    result = frame[list(columns)].set_axis(index, axis=0).rename(columns=columns).astype(np.float64)
    result.attrs = dict(frame.attrs)
    return result


def _by_lower_case(names: Iterable[object], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str):
            raise DataError(
                f"{where}: a column is named {name!r}; allowed are plain names such as open, high, low, close, volume.",
                path=where,
                key=str(name),
            )
        lower = name.strip().lower()
        if lower in found:
            raise DataError(
                f"{where}: columns '{found[lower]}' and '{name}' are the same word twice.", path=where, key=lower
            )
        found[lower] = name
    return found
