"""CSV bars: text with a header, times in any usual writing, OHLCV columns in any case.

Nothing is guessed: times without an offset need `time_zone`, and a writing in which day and month could be taken for each
other needs `time_format`. Bars of a day or longer may be dated instead of timed: a date names the session.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.data.conform import bars_columns, floats, make_frame
from sptrader.data.importers import Imported
from sptrader.data.load import settle_facts
from sptrader.data.parquet import require_file
from sptrader.errors import DataError, did_you_mean
from sptrader.model.bars import with_facts
from sptrader.model.session import sessions
from sptrader.model.timeframe import DAY_NS, make_timeframe

_TIME_NAMES = ("time", "timestamp", "datetime", "date", "gmt time", "date_time")
_UNIX = {"unix_s": 1, "unix_ms": 1000}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}.*")


def import_csv_bars(
    path: str | Path,
    *,
    symbol: str,
    timeframe: str,
    basis: str,
    session: str | None = None,
    source: str = "",
    adjustment: str = "",
    time_column: str | None = None,
    time_zone: str | None = None,
    time_format: str | None = None,
) -> Imported:
    """Read bars from a CSV file (also `.csv.gz`), unchecked and in the file's order.

    `time_zone` (as `UTC`, `America/New_York`) is that of times written without an offset; `time_format` is that of
    strptime, or `unix_s` or `unix_ms` for numbers. Raises `DataError` for text that is no table, times that cannot be
    read, and local times that a clock change makes ambiguous.
    """
    file = Path(path)
    require_file(file)
    known = settle_facts(
        {"source": source or file.name, "adjustment": adjustment},
        {"symbol": symbol, "timeframe": timeframe, "basis": basis, "session": session},
        where=str(file),
    )
    table = _read_table(file)
    name = _time_name(table, time_column, file)
    values = table.drop(columns=name).rename(columns=lambda column: str(column).strip().lower())
    chosen = bars_columns([c for c in values.columns if c != "time"], where=str(file))
    if len(table) == 0:
        raise DataError(f"{file}: there are no rows below the header.", path=file, key="rows", value=0)
    texts = table[name].astype(str).str.strip()
    length = make_timeframe(known.timeframe)
    if length.ns >= DAY_NS and bool(texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()):
        index = _session_opens(texts, known.session, file)
        step = f"read {len(table):,} dated rows; a date became its session's open"
    else:
        index = _moments(texts, time_zone, time_format, file)
        step = f"read {len(table):,} rows with times {'in ' + time_zone if time_zone else 'carrying their offset'}"
    columns = {n: floats(values[c], name=n, where=str(file)) for n, c in chosen.items()}
    return Imported(with_facts(make_frame(index, columns), known), (step,))


def _read_table(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, sep=None, engine="python") if _has_odd_separator(file) else pd.read_csv(file)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{file}: cannot be read as CSV: {error}", path=file, key="format") from error


def _has_odd_separator(file: Path) -> bool:
    if file.suffix != ".csv" and file.suffix != ".txt":
        return False
    with file.open("rb") as text:
        return b"," not in text.readline()


def _time_name(table: pd.DataFrame, wanted: str | None, file: Path) -> str:
    by_lower = {str(column).strip().lower(): str(column) for column in table.columns}
    names = _TIME_NAMES if wanted is None else (wanted.strip().lower(),)
    for name in names:
        if name in by_lower:
            return by_lower[name]
    asked = wanted or "time"
    raise DataError(
        f"{file}: there is no column '{asked}'{did_you_mean(asked, by_lower) or '.'} "
        f"The columns are: {', '.join(map(str, table.columns))}; say which holds the time with --time-column.",
        path=file,
        key="time_column",
        value=asked,
    )


def _moments(texts: pd.Series, time_zone: str | None, time_format: str | None, file: Path) -> pd.DatetimeIndex:
    if time_format in _UNIX:
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
        if np.isnan(numbers).any():
            first = texts[np.isnan(numbers)].iloc[0]
            raise DataError(f"{file}: a time is '{first}', which is no number.", path=file, key="time")
        times_ns = np.rint(numbers).astype(np.int64) * (10**9 // _UNIX[time_format])
        return pd.DatetimeIndex(times_ns.astype("datetime64[ns]"), tz="UTC", name="time")
    if time_format is None and not bool(texts.str.fullmatch(_ISO).all()):
        raise DataError(
            f"{file}: a time is written '{texts[~texts.str.fullmatch(_ISO)].iloc[0]}'; allowed without --time-format is "
            "year-month-day first, as 2017-01-31 22:00. Say how it is written, as --time-format '%d.%m.%Y %H:%M:%S'.",
            path=file,
            key="time_format",
        )
    try:
        times = pd.DatetimeIndex(pd.to_datetime(texts, format=time_format or "ISO8601", utc=_carries_offset(texts)))
        if times.tz is None:
            if time_zone is None:
                raise DataError(
                    f"{file}: the times have no time zone (the first is {texts.iloc[0]}), and none is guessed; "
                    "say which with --time-zone, as --time-zone UTC.",
                    path=file,
                    key="time_zone",
                )
            times = times.tz_localize(time_zone, ambiguous="raise", nonexistent="raise")
    except (ValueError, KeyError) as error:
        raise DataError(f"{file}: the times cannot be read: {error}.", path=file, key="time") from error
    return times.tz_convert("UTC").as_unit("ns").rename("time")


def _carries_offset(texts: pd.Series) -> bool:
    return bool(texts.str.contains(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$", regex=True).all())


def _session_opens(texts: pd.Series, session: str, file: Path) -> pd.DatetimeIndex:
    labels = pd.to_datetime(texts, format="%Y-%m-%d").to_numpy().astype("datetime64[D]").astype(np.int64)
    days = sessions(session, int(labels.min()) * DAY_NS, int(labels.max()) * DAY_NS)
    rows = np.minimum(np.searchsorted(days.labels, labels), len(days.labels) - 1)
    unknown = days.labels[rows] != labels
    if unknown.any():
        raise DataError(
            f"{file}: {int(unknown.sum())} dates are no trading day of session {session}, first {texts[unknown].iloc[0]}.",
            path=file,
            key="time",
            value=int(unknown.sum()),
        )
    return pd.DatetimeIndex(days.opens_ns[rows].astype("datetime64[ns]"), tz="UTC", name="time")
