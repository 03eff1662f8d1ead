"""Resample: longer bars from shorter ones and from ticks, whole arrays at a time; complete bars only.

A bar is complete when the data reaches its end, and its beginning. The last bar is left out when no row ends at or
after its end; the first when the data starts inside it, after the market had opened. Ticks are taken to cover the
minute their first one falls in, for a quote seldom comes in a minute's first millisecond. `model/aggregate.py` makes
the same bars one row at a time.

open is the first, high the highest, low the lowest, close the last; volumes add up; the spread is the mean weighted by
volume (for tick counts that is the mean over all ticks), unweighted where no volume is. Prices are the same to the last
digit however many steps lead to a bar; a mean of means (the spread) and sums of fractions agree to rounding, 1e-15.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.data.conform import conform_bars, conform_ticks, make_frame
from sptrader.errors import DataError
from sptrader.model.aggregate import MINUTE_NS, TICK_BASES, require_divides
from sptrader.model.bars import PREFIX, SIDED_COLUMNS, bars_facts, facts, with_facts
from sptrader.model.grid import bar_ends, bar_groups, bar_starts
from sptrader.model.instrument import instrument
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.model.session import ALWAYS_OPEN, FX, next_open_ns
from sptrader.model.timeframe import DAY_NS, HOUR_NS, Timeframe, make_timeframe

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_COVERS = PREFIX + "covers"
_FOLDS = {"open": "first", "high": "max", "low": "min", "close": "last"}


def resample(
    bars: pd.DataFrame, timeframe: str, *, since: TimeLike | None = None, until: TimeLike | None = None
) -> pd.DataFrame:
    """Return `bars` (with their facts) as complete bars of a longer `timeframe`.

    `since` and `until` (UTC) widen what the data is known to cover, where the market was quiet at its edges. The result
    keeps the facts; `sptrader.content_hash` stays that of the file that was read. Raises `DataError` for a timeframe
    that is not a whole multiple, or whose bars would cut a shorter one in two.
    """
    known = bars_facts(bars)
    source, target = make_timeframe(known.timeframe), make_timeframe(timeframe)
    require_divides(source, target)
    frame = conform_bars(bars, where=known.symbol)
    times_ns = pd.DatetimeIndex(frame.index).asi8
    if len(times_ns) and bool((np.diff(times_ns) <= 0).any()):
        raise DataError(f"{known.symbol}: the times do not rise strictly; clean the bars first.", key="increasing")
    ends_ns = bar_ends(times_ns, source, known.session)
    _require_nested(times_ns, ends_ns, target, known.session)
    starts, rows = bar_groups(times_ns, target, known.session)
    since_ns, until_ns = _covered(bars, times_ns, ends_ns)
    first_ns, last_ns = period_ns(since, until)
    since_ns = since_ns if first_ns is None else first_ns
    until_ns = until_ns if last_ns is None else last_ns + 1
    columns = {name: _fold(frame[name].to_numpy(), rows, _rule(name)) for name in frame.columns if name != "spread"}
    if "spread" in frame.columns:
        spreads = _mean_spread(frame["spread"].to_numpy(), frame["volume"].to_numpy(), rows)
        columns = {name: columns.get(name, spreads) for name in frame.columns}
    result = _complete(starts, columns, target, known.session, since_ns, until_ns)
    result.attrs = dict(bars.attrs)
    return _with_cover(with_facts(result, {"timeframe": target.name}), since_ns, until_ns)


def bars_from_ticks(
    ticks: pd.DataFrame,
    timeframe: str,
    *,
    basis: str,
    session: str | None = None,
    sided: bool = False,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
) -> pd.DataFrame:
    """Return complete bars of `timeframe` from ticks (`load_ticks`); volume counts ticks, `spread` is their mean.

    `basis` (`bid`, `ask`, `mid`) says which price the bars are of; `sided=True` adds all eight bid and ask columns. The
    session is known from the ticks' symbol; timeframes below four hours need none. The last bar is left out unless a
    tick at or after its end, or `until`, shows that it is complete.
    """
    if basis not in TICK_BASES:
        raise DataError(f"basis was '{basis}'; ticks give {', '.join(TICK_BASES)}.", key="basis", value=basis)
    target = make_timeframe(timeframe)
    frame = conform_ticks(ticks, where=facts(ticks).get("symbol", "the ticks"))
    times_ns = pd.DatetimeIndex(frame.index).asi8
    if len(times_ns) == 0 or bool((times_ns[1:] < times_ns[:-1]).any()):
        problem = "there are none" if len(times_ns) == 0 else "their times do not rise"
        raise DataError(f"bars cannot be made of the ticks: {problem}.", key="increasing")
    market = _tick_session(frame, target, session)
    bid, ask = frame["bid"].to_numpy(), frame["ask"].to_numpy()
    price = bid if basis == "bid" else ask if basis == "ask" else (bid + ask) / 2.0
    starts, rows = bar_groups(times_ns, target, market)
    counts = np.diff(rows, append=len(times_ns)).astype(np.float64)
    columns = {name: _fold(price, rows, rule) for name, rule in _FOLDS.items()}
    columns["volume"] = counts
    columns["spread"] = _sums(ask - bid, rows) / counts
    if sided:
        for name in SIDED_COLUMNS:
            columns[name] = _fold(bid if name.startswith("bid") else ask, rows, _rule(name))
    since_ns, last_ns = period_ns(since, until)
    if since_ns is None:
        since_ns = int(times_ns[0] - times_ns[0] % MINUTE_NS)
    until_ns = last_ns + 1 if last_ns is not None else int(times_ns[-1])
    result = _complete(starts, columns, target, market, since_ns, until_ns)
    known = facts(ticks)
    chosen = {name: known[name] for name in ("symbol", "source", "content_hash") if known.get(name)}
    facts_now = {**chosen, "timeframe": target.name, "basis": basis, "session": market}
    return _with_cover(with_facts(result, facts_now), since_ns, until_ns)


def _tick_session(frame: pd.DataFrame, target: Timeframe, session: str | None) -> str:
    known = facts(frame)
    if session or known.get("session"):
        return session or known["session"]
    if known.get("symbol"):
        return instrument(known["symbol"]).session
    if target.ns < 4 * HOUR_NS:
        return ALWAYS_OPEN
    raise DataError(
        f"the session of the ticks is not known, and {target} bars start where it does; "
        "give session='fx', '24/7' or an exchange's code such as 'XNYS'.",
        key="session",
    )


def _require_nested(times_ns: Ints, ends_ns: Ints, target: Timeframe, session: str) -> None:
    # An exchange's last hour may reach past the close into closed market; no other bar holds that time.
    if target.ns >= DAY_NS and session not in (FX, ALWAYS_OPEN):
        return
    cut = bar_starts(times_ns, target, session) != bar_starts(ends_ns - 1, target, session)
    if cut.any():
        row = int(np.flatnonzero(cut)[0])
        raise DataError(
            f"{target} bars of session {session} would cut {int(cut.sum())} bars in two, first the one at "
            f"{time_text(times_ns[row])}; take shorter bars.",
            key="timeframe",
            value=target.name,
        )


def _complete(
    starts: Ints, columns: dict[str, Floats], target: Timeframe, session: str, since_ns: int, until_ns: int
) -> pd.DataFrame:
    is_complete = bar_ends(starts, target, session) <= until_ns
    for row in np.flatnonzero(starts < since_ns):
        is_complete[row] &= next_open_ns(int(starts[row]), session) >= since_ns
    index = pd.DatetimeIndex(starts[is_complete].astype("datetime64[ns]"), tz="UTC", name="time")
    return make_frame(index, {name: values[is_complete] for name, values in columns.items()})


def _rule(name: str) -> str:
    return "sum" if name == "volume" else _FOLDS[name.rpartition("_")[2]]


def _fold(values: Floats, rows: Ints, rule: str) -> Floats:
    if len(rows) == 0:
        return np.empty(0)
    if rule == "first":
        return values[rows]
    if rule == "last":
        lasts: Ints = np.append(rows[1:], len(values)) - 1
        return values[lasts]
    if rule == "sum":
        return _sums(values, rows)
    result: Floats = (np.maximum if rule == "max" else np.minimum).reduceat(values, rows)
    return result


def _sums(values: Floats, rows: Ints) -> Floats:
    # bincount adds in order, as the streaming aggregator does; reduceat adds in pairs and differs in the last digit.
    groups = np.repeat(np.arange(len(rows)), np.diff(rows, append=len(values)))
    return np.bincount(groups, weights=values, minlength=len(rows)).astype(np.float64, copy=False)


def _mean_spread(spread: Floats, volume: Floats, rows: Ints) -> Floats:
    volumes = _sums(volume, rows)
    plain = _sums(spread, rows) / np.diff(rows, append=len(spread))
    return np.where(volumes > 0.0, _sums(spread * volume, rows) / np.where(volumes > 0.0, volumes, 1.0), plain)


def _covered(bars: pd.DataFrame, times_ns: Ints, ends_ns: Ints) -> tuple[int, int]:
    """Return from when and until when the data is whole.

    By default from the first bar to the end of the last one. Bars that were resampled remember what the data they were
    made of covered, as long as they still begin and end where they did: the hour after the last complete one had
    begun, and so a four-hour bar over a quiet end is complete, whichever way it is made.
    """
    if len(times_ns) == 0:
        return 0, 0
    begun, since, ended, until = (str(bars.attrs.get(_COVERS, "")).split(",") + [""] * 3)[:4]
    first_ns, last_ns = int(times_ns[0]), int(times_ns[-1])
    return int(since) if begun == str(first_ns) else first_ns, int(until) if ended == str(last_ns) else int(ends_ns[-1])


def _with_cover(frame: pd.DataFrame, since_ns: int, until_ns: int) -> pd.DataFrame:
    if len(frame):
        times_ns = pd.DatetimeIndex(frame.index).asi8
        frame.attrs[_COVERS] = f"{times_ns[0]},{since_ns},{times_ns[-1]},{until_ns}"
    return frame
