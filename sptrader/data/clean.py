"""Clean: repairs on request, each counted and said; nothing else ever changes data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.data.checks import valid_rows
from sptrader.data.conform import conform_bars, conform_ticks
from sptrader.errors import DataError
from sptrader.model.bars import bars_facts, facts, with_facts
from sptrader.model.grid import off_grid, out_of_session
from sptrader.model.timeframe import make_timeframe

Bools = NDArray[np.bool_]
Keep = Literal["first", "last"]


@dataclass(frozen=True)
class CleanReport:
    """What was done: one sentence a step, and the rows before and after."""

    steps: tuple[str, ...]
    n_before: int
    n_after: int

    def __str__(self) -> str:
        steps = self.steps or ("nothing to do",)
        return "\n".join([*steps, f"{self.n_before:,} rows before, {self.n_after:,} after"])


def clean_bars(
    bars: pd.DataFrame,
    *,
    sort: bool = False,
    duplicates: Keep | None = None,
    drop_invalid: bool = False,
    drop_off_grid: bool = False,
    drop_closed_market: bool = False,
) -> tuple[pd.DataFrame, CleanReport]:
    """Return repaired bars, and what was done. Only what is asked for is done, in the order of the arguments.

    `duplicates` keeps the `first` or the `last` row of each time; `drop_invalid` drops rows without a time or with a price,
    volume or spread that breaks a rule of `checks.py`; `drop_closed_market` drops bars outside every session. The facts are
    kept, save the content hash, which was of other rows.
    """
    known = bars_facts(bars)
    timeframe = make_timeframe(known.timeframe)
    frame = conform_bars(bars, where=known.symbol)
    n_before, steps = len(frame), list[str]()
    if drop_invalid:
        frame = _drop(frame, np.asarray(frame.index.isna()), "dropped {} rows without a time", steps)
    if sort:
        frame = _sort(frame, steps)
    if duplicates is not None:
        frame = _deduplicate(frame, duplicates, steps)
    if drop_invalid:
        frame = _drop(frame, ~valid_rows(frame), "dropped {} rows with an invalid price, volume or spread", steps)
    if drop_off_grid:
        is_off = off_grid(_times(frame), timeframe, known.session)
        frame = _drop(frame, is_off, f"dropped {{}} rows that start no {timeframe} bar", steps)
    if drop_closed_market:
        times_ns = _times(frame)
        if bool((np.diff(times_ns) < 0).any()):
            raise DataError("closed-market bars can be dropped from sorted bars only; ask for sort too.", key="sort")
        is_closed = out_of_session(times_ns, timeframe, known.session)
        frame = _drop(frame, is_closed, "dropped {} rows while the market is closed", steps)
    frame.attrs = dict(bars.attrs)
    return with_facts(frame, {"content_hash": ""}), CleanReport(tuple(steps), n_before, len(frame))


def clean_ticks(
    ticks: pd.DataFrame, *, sort: bool = False, drop_repeated: bool = False, drop_invalid: bool = False
) -> tuple[pd.DataFrame, CleanReport]:
    """Return repaired ticks, and what was done; `drop_repeated` drops a quote equal to one of the same time.

    Quotes of one time that differ are all kept, in their order.
    """
    frame = conform_ticks(ticks, where=facts(ticks).get("symbol", "the ticks"))
    n_before, steps = len(frame), list[str]()
    if drop_invalid:
        bid, ask = frame["bid"].to_numpy(), frame["ask"].to_numpy()
        is_bad = ~((bid > 0) & (bid <= ask) & (ask < np.inf)) | np.asarray(frame.index.isna())
        frame = _drop(frame, is_bad, "dropped {} quotes that are not 0 < bid <= ask with a time", steps)
    if sort:
        frame = _sort(frame, steps)
    if drop_repeated:
        keys = pd.DataFrame({"time": _times(frame), "bid": frame["bid"].to_numpy(), "ask": frame["ask"].to_numpy()})
        frame = _drop(frame, keys.duplicated().to_numpy(), "dropped {} quotes that repeat another exactly", steps)
    frame.attrs = dict(ticks.attrs)
    return with_facts(frame, {"content_hash": ""}), CleanReport(tuple(steps), n_before, len(frame))


def _sort(frame: pd.DataFrame, steps: list[str]) -> pd.DataFrame:
    times_ns = _times(frame)
    n_back = int((np.diff(times_ns) < 0).sum())
    if n_back == 0:
        return frame
    steps.append(f"sorted the rows by time: {n_back:,} were before the one above them")
    return frame.iloc[np.argsort(times_ns, kind="stable")]


def _deduplicate(frame: pd.DataFrame, keep: Keep, steps: list[str]) -> pd.DataFrame:
    is_repeat = frame.index.duplicated(keep=keep)
    n_repeats = int(is_repeat.sum())
    if n_repeats == 0:
        return frame
    is_same_row = frame.reset_index().duplicated(keep=keep).to_numpy()
    n_differing = int((is_repeat & ~is_same_row).sum())
    steps.append(f"dropped {n_repeats:,} rows whose time repeats, kept the {keep}; {n_differing:,} had other values")
    return frame[~is_repeat]


def _drop(frame: pd.DataFrame, is_dropped: Bools, sentence: str, steps: list[str]) -> pd.DataFrame:
    count = int(is_dropped.sum())
    if count == 0:
        return frame
    steps.append(sentence.format(f"{count:,}"))
    return frame[~is_dropped]


def _times(frame: pd.DataFrame) -> NDArray[np.int64]:
    return pd.DatetimeIndex(frame.index).asi8
