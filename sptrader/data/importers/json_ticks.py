"""JSON ticks: the raw parts of a feed, each one array of `{"timestamp": unix seconds, "bid", "ask"}`.

Parts of a day overlap and repeat, so that importing sorts them by time and drops quotes that repeat another exactly,
and says how many. Timestamps are floats of seconds; the feed counts milliseconds, and they are rounded to these.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.data.clean import clean_ticks
from sptrader.data.conform import make_frame
from sptrader.data.importers import Imported
from sptrader.errors import DataError
from sptrader.model.bars import with_facts


def import_json_ticks(source: str | Path, *, symbol: str) -> Imported:
    """Read one part or all `*.json` below a folder as ticks of `symbol`.

    A record without the three numbers, or whose quote is not 0 < bid <= ask, is dropped and counted. Raises `DataError`
    for a part that is no JSON array, and when nothing is left.
    """
    root = Path(source)
    parts = sorted(root.rglob("*.json")) if root.is_dir() else [root]
    if not parts or not parts[0].exists():
        raise DataError(f"{root}: there is no JSON part there.", path=root, key="path")
    values = [_read_part(part) for part in parts]
    numbers = np.concatenate([numbers for numbers, _ in values])
    n_malformed = sum(count for _, count in values)
    steps = [f"read {len(numbers):,} records from {len(parts)} parts"]
    if n_malformed:
        steps.append(f"dropped {n_malformed:,} records without timestamp, bid and ask as numbers")
    times_ns = np.rint(numbers[:, 0] * 1000.0).astype(np.int64) * 1_000_000
    index = pd.DatetimeIndex(times_ns.astype("datetime64[ns]"), tz="UTC", name="time")
    frame = make_frame(index, {"bid": numbers[:, 1].copy(), "ask": numbers[:, 2].copy()})
    ticks, report = clean_ticks(
        with_facts(frame, {"symbol": symbol, "source": f"json parts of {root.name}"}),
        sort=True,
        drop_repeated=True,
        drop_invalid=True,
    )
    if len(ticks) == 0:
        raise DataError(
            f"{root}: no quote was left; {'; '.join((*steps, *report.steps))}.", path=root, key="rows", value=0
        )
    return Imported(ticks, (*steps, *report.steps))


def _read_part(path: Path) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], int]:
    try:
        records = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}.", path=path, key="format") from error
    if not isinstance(records, list):
        raise DataError(
            f"{path}: holds a {type(records).__name__}; allowed is an array of objects with timestamp, bid and ask.",
            path=path,
            key="format",
        )
    rows = [row for row in map(_quote, records) if row is not None]
    return np.array(rows, dtype=np.float64).reshape(-1, 3), len(records) - len(rows)


def _quote(record: object) -> tuple[float, float, float] | None:
    if not isinstance(record, dict):
        return None
    timestamp, bid, ask = (_number(record.get(name)) for name in ("timestamp", "bid", "ask"))
    # 9.2e9 seconds is where nanoseconds leave int64.
    return (timestamp, bid, ask) if 0.0 < timestamp < 9.2e9 and bid == bid and ask == ask else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")
