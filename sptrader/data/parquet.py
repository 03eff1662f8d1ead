"""Parquet: bars and ticks as files, their facts in the schema's metadata.

Each file keeps `sptrader.symbol`, `sptrader.timeframe`, `sptrader.basis`, `sptrader.source`, `sptrader.session`,
`sptrader.adjustment` where it means something, and `sptrader.content_hash`; a file of ticks has `sptrader.kind`
`ticks`. Facts that pandas wrote from a frame's attrs are understood too. Reading judges shape only; `load.py` checks
the values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from sptrader.data.conform import (
    Floats,
    bars_columns,
    conform_bars,
    conform_ticks,
    floats,
    make_frame,
    ticks_columns,
    utc_index,
)
from sptrader.data.fingerprint import content_hash
from sptrader.errors import DataError
from sptrader.model.bars import PREFIX, BarsFacts, bars_facts, facts, with_facts

if TYPE_CHECKING:
    import pyarrow as pa

_HASH = "content_hash"


def save_bars(frame: pd.DataFrame, path: str | Path) -> BarsFacts:
    """Write bars with their facts and the hash of their content; return the facts as written.

    The file appears whole or not at all. Raises `DataError` when facts are missing.
    """
    bars = conform_bars(frame, where=str(path))
    known = {**asdict(bars_facts(frame)), _HASH: content_hash(bars)}
    _write(bars, known, Path(path))
    return BarsFacts(**known)


def save_ticks(frame: pd.DataFrame, path: str | Path) -> None:
    """Write ticks (`bid`, `ask`) with their symbol and source; the file appears whole or not at all."""
    ticks = conform_ticks(frame, where=str(path))
    known = facts(frame)
    if not known.get("symbol"):
        raise DataError(f"{path}: the ticks lack their symbol.", path=path, key="symbol")
    chosen = {name: known.get(name, "") for name in ("symbol", "source", "session")}
    _write(ticks, {**chosen, "kind": "ticks", _HASH: content_hash(ticks)}, Path(path))


def read_bars(path: str | Path) -> pd.DataFrame:
    """Read a file of bars as it is: shaped, its facts in attrs, its values not checked.

    Raises `DataError` for a file that is missing, empty, no Parquet or no bars.
    """
    frame = _read(path, bars_columns)
    if facts(frame).get("kind") == "ticks":
        raise DataError(f"{path}: holds ticks, not bars; make bars with `sptrader data import`.", path=path, key="kind")
    return frame


def read_ticks(path: str | Path) -> pd.DataFrame:
    """Read a file of ticks as it is: shaped, its facts in attrs, its values not checked."""
    return _read(path, ticks_columns)


def file_facts(path: Path) -> tuple[dict[str, str], int]:
    """Return the facts a Parquet file keeps (empty for a foreign one) and its number of rows, reading no row."""
    import pyarrow.parquet as pq

    with _translated(path):
        file = pq.ParquetFile(path)
    return _schema_facts(file.schema_arrow), int(file.metadata.num_rows)


def stored_columns(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file, reading no row."""
    import pyarrow.parquet as pq

    require_file(path)
    with _translated(path):
        return list(pq.read_schema(path).names)


def require_file(path: Path) -> None:
    """Raise `DataError` unless `path` is a file with something in it."""
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*.parquet"))[:8] if path.parent.is_dir() else []
        there = f" In {path.parent} there are: {', '.join(near)}." if near else ""
        raise DataError(f"{path}: there is no such file.{there}", path=path, key="path")
    if not path.is_file():
        raise DataError(f"{path}: is a folder; name one file in it.", path=path, key="path")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty (0 bytes).", path=path, key="path")


def require_unchanged(frame: pd.DataFrame, file: Path) -> None:
    """Raise `DataError` when the rows read from `file` are not those its own hash was written for."""
    written, found = facts(frame).get(_HASH), content_hash(frame)
    if written and found != written:
        raise DataError(
            f"{file}: the bars were changed after the file was written: their hash is {found[:16]}…, the file says "
            f"{written[:16]}…. Import them anew from where they came.",
            path=file,
            key=_HASH,
            value=found,
        )


def _write(frame: pd.DataFrame, known: dict[str, str], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    index = pd.DatetimeIndex(frame.index)
    arrays = [
        pa.array(index.asi8).cast(pa.timestamp("ns", "UTC")),
        *(pa.array(frame[c].to_numpy()) for c in frame.columns),
    ]
    metadata = {PREFIX + name: value for name, value in known.items() if value}
    table = pa.table(arrays, names=["time", *map(str, frame.columns)]).replace_schema_metadata(metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(table, partial, compression="zstd")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path: str | Path, choose: Callable[..., dict[str, str]]) -> pd.DataFrame:
    import pyarrow.parquet as pq

    file = Path(path)
    require_file(file)
    with _translated(file):
        schema = pq.read_schema(file)
    known = _schema_facts(schema)
    index_names = _pandas_index(schema)
    names = [name for name in schema.names if name not in index_names or name.lower() == "time"]
    chosen = choose(names, where=str(file))
    if "time" not in chosen:
        if len(index_names) != 1:
            raise DataError(
                f"{file}: there is no time; allowed is a column 'time' or one stored index of timestamps, "
                f"the columns were {', '.join(schema.names)}.",
                path=file,
                key="time",
            )
        chosen["time"] = index_names[0]
    with _translated(file):
        table = pq.read_table(file, columns=list(chosen.values()))
    index = utc_index(_series(table, chosen.pop("time")), where=str(file))
    frame = make_frame(index, {n: _floats(table, c, where=str(file)) for n, c in chosen.items()})
    return with_facts(frame, known)


def _series(table: pa.Table, name: str) -> pd.Series:
    result: pd.Series = table.column(name).to_pandas()
    return result


def _floats(table: pa.Table, name: str, *, where: str) -> Floats:
    import pyarrow as pa

    column = table.column(name)
    if not pa.types.is_float64(column.type) or column.null_count:
        return floats(_series(table, name), name=name, where=where)
    values: Floats = column.to_numpy()
    # A view of Arrow's memory is read-only, which a user's assignment and compiled code would both trip over.
    return values if values.flags.writeable else values.copy()


def _schema_facts(schema: pa.Schema) -> dict[str, str]:
    stored = {key.decode(): value.decode("utf-8", "replace") for key, value in (schema.metadata or {}).items()}
    known = {key: value for key, value in stored.items() if key.startswith(PREFIX)}
    if not known:  # a frame of ours that pandas wrote: its hash was of another file
        attrs = (schema.pandas_metadata or {}).get("attributes") or {}
        known = {k: str(v) for k, v in attrs.items() if k.startswith(PREFIX) and k != PREFIX + _HASH}
    return {key[len(PREFIX) :]: value for key, value in known.items()}


def _pandas_index(schema: pa.Schema) -> list[str]:
    stored: Iterable[object] = (schema.pandas_metadata or {}).get("index_columns", ())
    return [name for name in stored if isinstance(name, str)]


class _translated:  # noqa: N801  (reads as a statement: `with _translated(path)`)
    """Turns Arrow's complaint about a file into ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        import pyarrow as pa

        if isinstance(error, (pa.ArrowException, OSError)):
            with self._path.open("rb") as file:
                start = file.read(24)
            raise DataError(
                f"{self._path}: is not a Parquet file that can be read; it begins with {start!r}. Parquet begins with "
                "b'PAR1'. Turn text into Parquet with `sptrader data import`.",
                path=self._path,
                key="format",
            ) from error
