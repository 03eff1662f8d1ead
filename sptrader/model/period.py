"""Period: the start and the end a user asks for, UTC and both inclusive."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pandas as pd

from sptrader.errors import DataError
from sptrader.model.timeframe import DAY_NS

TimeLike = str | pd.Timestamp | dt.datetime | dt.date | np.datetime64
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?")


def period_ns(start: TimeLike | None = None, end: TimeLike | None = None) -> tuple[int | None, int | None]:
    """Return `start` and `end` as UTC nanoseconds, both inclusive; None where nothing was asked.

    A time without a zone is UTC; one with a zone is converted. A bare date (`"2017-12-31"`, `datetime.date`) stands for
    its whole UTC day: as `start` its first nanosecond, as `end` its last. Raises `DataError` for an `end` before
    `start` and for text that is neither a date nor a date and a time.
    """
    first = None if start is None else _time_ns(start, "start", is_end=False)
    last = None if end is None else _time_ns(end, "end", is_end=True)
    if first is not None and last is not None and last < first:
        raise DataError(
            f"end was {end}, which is before start {start}; both are UTC and inclusive.", key="end", value=end
        )
    return first, last


def time_text(time_ns: int) -> str:
    """Return `time_ns` as messages write it: UTC, as `2017-03-06 10:00:00+00:00`."""
    return str(pd.Timestamp(int(time_ns), tz="UTC"))


def _time_ns(value: TimeLike, key: str, *, is_end: bool) -> int:
    try:
        is_date, moment = _moment(value)
        time_ns = int(moment.as_unit("ns").value)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"{key} was {value!r}; allowed is a date as 2017-12-31 or a date and a time as 2017-12-31 17:00, "
            "UTC unless it carries an offset.",
            key=key,
            value=value,
        ) from error
    return time_ns + DAY_NS - 1 if is_date and is_end else time_ns


def _moment(value: TimeLike) -> tuple[bool, pd.Timestamp]:
    is_date = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    if isinstance(value, str):
        text = value.strip()
        is_date = _DATE.fullmatch(text) is not None
        if not is_date and _TIME.fullmatch(text) is None:
            raise ValueError(text)
        value = text
    elif not isinstance(value, (dt.date, np.datetime64)):
        raise TypeError(type(value).__name__)
    moment = pd.Timestamp(value)
    if pd.isna(moment):
        raise ValueError("not a time")
    return is_date, moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
