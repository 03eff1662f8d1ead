"""Load: the one door for bars. What comes through is shaped, known and checked, or an error says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.data.catalog import find_bars
from sptrader.data.checks import check_bars, require_valid
from sptrader.data.conform import conform_bars
from sptrader.data.fingerprint import content_hash
from sptrader.data.parquet import read_bars, require_unchanged
from sptrader.errors import DataError, did_you_mean
from sptrader.model.bars import BASES, PREFIX, BarsFacts, bars_facts, facts, with_facts
from sptrader.model.instrument import instrument
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.model.recent import Recent
from sptrader.model.session import check_session
from sptrader.model.timeframe import make_timeframe

TIER = PREFIX + "tier"
_tiers: Recent[BarsFacts, str] = Recent(256)  # what the checks said of bars whose content and facts were the same
_SUFFIXES = (".parquet", ".pq", ".csv", ".gz", ".txt", ".json", ".feather", ".h5", ".xlsx", ".zip")


def load_bars(
    source: str | Path | pd.DataFrame,
    timeframe: str | None = None,
    *,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    symbol: str | None = None,
    basis: str | None = None,
    session: str | None = None,
) -> pd.DataFrame:
    """Load checked bars from the catalog (`"EURUSD"`), a Parquet file (a path) or a frame of your own.

    `start` and `end` are UTC and inclusive, by the bars' opening times; a bare date as `end` (`"2017-12-31"`) means
    the whole of that day. What a file says of itself needs no repeating and may not be contradicted; a foreign file or
    frame needs `symbol`, `timeframe` and `basis`, and `session` where the instrument is not a known one. From the
    catalog a timeframe without a file of its own is resampled from the coarsest finer one that divides it.

    Returns a UTC-indexed float64 frame whose attrs hold the facts, among them `sptrader.content_hash` (of all bars of
    the file, whatever part was asked for) and `sptrader.tier` (`verified` or `checked`, of the whole file too). Raises
    `DataError` for every violation, with file, rule, count and first rows; a frame given is never changed.
    """
    first_ns, last_ns = period_ns(start, end)
    given = {"symbol": symbol, "timeframe": timeframe, "basis": basis, "session": session}
    if isinstance(source, pd.DataFrame):
        bars = _from_frame(source, given)
    elif _is_path(source):
        bars = _from_file(Path(source), given)
    else:
        bars = _from_catalog(str(source), given)
    return cut(bars, first_ns, last_ns)


def open_bars(
    source: str | Path,
    timeframe: str | None = None,
    *,
    symbol: str | None = None,
    basis: str | None = None,
    session: str | None = None,
) -> pd.DataFrame:
    """Open bars of the catalog or a file as `load_bars` does, with their facts but unchecked, for judging and repair."""
    given = {"symbol": symbol, "timeframe": timeframe, "basis": basis, "session": session}
    if _is_path(source):
        return _opened(Path(source), given)
    entry = find_bars(str(source), timeframe, basis=basis)
    return _opened(entry.path, {**given, "symbol": str(source)})


class CatalogBars:
    """The workspace's files and the samples as a source of bars (see `model/ports.BarsSource`)."""

    def read_bars(self, symbol: str, timeframe: str, *, start_ns: int | None, end_ns: int | None) -> pd.DataFrame:
        """Return checked bars that open in [`start_ns`, `end_ns`]; raise `DataError` when there are none."""
        return cut(load_bars(symbol, timeframe), start_ns, end_ns)


def cut(bars: pd.DataFrame, first_ns: int | None, last_ns: int | None) -> pd.DataFrame:
    """Return the bars that open in [`first_ns`, `last_ns`]; raise `DataError` when there are none."""
    times_ns = pd.DatetimeIndex(bars.index).asi8
    begin = 0 if first_ns is None else int(np.searchsorted(times_ns, first_ns, side="left"))
    stop = len(times_ns) if last_ns is None else int(np.searchsorted(times_ns, last_ns, side="right"))
    if begin >= stop:
        known = facts(bars)
        asked = [
            f"from {time_text(first_ns)}" if first_ns is not None else "",
            f"to {time_text(last_ns)}" if last_ns is not None else "",
        ]
        raise DataError(
            f"there are no {known.get('timeframe', '')} bars of {known.get('symbol', 'this symbol')} "
            f"{' '.join(filter(None, asked))}; the data has {time_text(times_ns[0])} to {time_text(times_ns[-1])}.",
            key="start",
        )
    if begin == 0 and stop == len(times_ns):
        return bars
    result = bars.iloc[begin:stop]
    result.attrs = dict(bars.attrs)
    return result


def settle_facts(known: Mapping[str, str], given: Mapping[str, str | None], *, where: str) -> BarsFacts:
    """Return the facts from what a file says (`known`) and what the caller says (`given`).

    Raises `DataError` when the two disagree, when one is missing, or when a value is not allowed.
    """
    settled = {name: value for name, value in known.items() if name in BarsFacts.__dataclass_fields__}
    for name, value in given.items():
        if value is None:
            continue
        if settled.get(name) and settled[name] != value:
            hint = " Use sptrader.data.resample.resample to change it." if name == "timeframe" else ""
            raise DataError(
                f"{where}: {name} was given as '{value}', the data says '{settled[name]}'.{hint}",
                path=where,
                key=name,
                value=value,
            )
        settled[name] = value
    missing = [name for name in ("symbol", "timeframe", "basis") if not settled.get(name)]
    if missing:
        raise DataError(
            f"{where}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not known; give what is missing, "
            'as in symbol="EURUSD", timeframe="1m", basis="bid" '
            "(on the command line --symbol EURUSD --timeframe 1m --basis bid).",
            path=where,
            key=missing[0],
        )
    if settled["basis"] not in BASES:
        raise DataError(
            f"{where}: basis was '{settled['basis']}'{did_you_mean(settled['basis'], BASES) or '.'} "
            f"Allowed: {', '.join(BASES)}.",
            path=where,
            key="basis",
            value=settled["basis"],
        )
    settled["timeframe"] = make_timeframe(settled["timeframe"]).name
    settled["session"] = _session(settled["symbol"], settled.get("session", ""), where)
    return BarsFacts(**settled)


def _session(symbol: str, session: str, where: str) -> str:
    if session:
        return check_session(session)
    try:
        return instrument(symbol).session
    except DataError as error:
        raise DataError(
            f"{where}: the session of '{symbol}' is not known; give it: session='fx', '24/7' or an exchange's code "
            "such as 'XNYS' (on the command line --session XNYS).",
            path=where,
            key="session",
            value=symbol,
        ) from error


def _is_path(source: str | Path) -> bool:
    if isinstance(source, Path):
        return True
    return source.lower().endswith(_SUFFIXES) or source.startswith((".", "/", "~")) or Path(source).is_file()


def _from_frame(frame: pd.DataFrame, given: Mapping[str, str | None]) -> pd.DataFrame:
    where = facts(frame).get("symbol") or given["symbol"] or "the frame"
    bars = conform_bars(frame, where=where)
    settled = settle_facts(facts(frame), given, where=where)
    # The attrs of a frame outlive changes to its values, so that the hash is of what is really there.
    settled = replace(settled, content_hash=content_hash(bars))
    bars = with_facts(bars, settled)
    tier = _tiers.get(settled)
    if tier is None:
        bars = _checked(bars, where)
        _tiers.put(settled, bars.attrs[TIER])
    else:
        bars.attrs[TIER] = tier
    return bars


def _from_file(path: Path, given: Mapping[str, str | None]) -> pd.DataFrame:
    checked = _checked(_opened(path, given), str(path))
    require_unchanged(checked, path)
    return with_facts(checked, {"content_hash": content_hash(checked)})


def _opened(path: Path, given: Mapping[str, str | None]) -> pd.DataFrame:
    bars = read_bars(path.expanduser())
    settled = settle_facts(facts(bars), given, where=str(path))
    return with_facts(bars, settled if settled.source else replace(settled, source=path.name))


def _from_catalog(name: str, given: Mapping[str, str | None]) -> pd.DataFrame:
    if given["symbol"] not in (None, name):
        raise DataError(
            f"symbol was given as '{given['symbol']}' and as '{name}'.", key="symbol", value=given["symbol"]
        )
    entry = find_bars(name, given["timeframe"], basis=given["basis"])
    wanted = given["timeframe"]
    bars = _from_file(entry.path, {**given, "symbol": name, "timeframe": None})
    if wanted is None or make_timeframe(wanted).ns == make_timeframe(bars_facts(bars).timeframe).ns:
        return bars
    from sptrader.data.resample import resample

    return resample(bars, wanted)


def _checked(bars: pd.DataFrame, where: str) -> pd.DataFrame:
    report = check_bars(bars, name=where)
    require_valid(report)
    bars.attrs[TIER] = report.tier
    return bars
