"""Finer: the finer bars or ticks of a run in any form, through the same door as bars."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sptrader.data.catalog import finest
from sptrader.data.load import load_bars
from sptrader.data.parquet import read_bars, read_ticks, stored_columns
from sptrader.data.ticks import load_ticks
from sptrader.errors import RunError
from sptrader.model.bars import bars_facts, facts
from sptrader.strategy.plan import Plan

Finer = pd.DataFrame | str | Path | Mapping[str, pd.DataFrame | str | Path] | None


def finer_frames(
    plan: Plan, frames: Mapping[str, pd.DataFrame], finer: Finer, *, is_from_catalog: bool
) -> dict[str, pd.DataFrame]:
    """Return the checked finer bars or ticks by symbol; none where the strategy asks for none.

    `finer` is a frame or a Parquet file of bars that know their timeframe and basis, or of ticks, or several by symbol. Without
    any, bars that came from the catalog have theirs from there too. Raises `RunError` for finer bars that the strategy does
    not ask for, and for what is no frame; `DataError` for what the door refuses.
    """
    is_asked = plan.execution.intrabar == "finer"
    if finer is None:
        if not (is_asked and is_from_catalog):
            return {}
        return {symbol: _from_catalog(symbol, frames[symbol]) for symbol in plan.symbols}
    if not is_asked:
        raise RunError(
            f"finer was given, but the strategy says execution.intrabar: {plan.execution.intrabar}; allowed with finer bars "
            "is `execution: {intrabar: finer}`.",
            key="finer",
            value=plan.execution.intrabar,
        )
    if isinstance(finer, Mapping):
        if not finer:
            raise RunError("finer was an empty mapping; give at least one frame.", key="finer")
        return {str(symbol): _frame(source, str(symbol)) for symbol, source in finer.items()}
    found = _frame(finer, None, only=plan.symbols[0] if len(plan.symbols) == 1 else None)
    return {facts(found)["symbol"]: found}


def load_finer(path: Path, symbol: str) -> pd.DataFrame:
    """Return the bars or the ticks of `symbol` that the Parquet file at `path` holds, checked."""
    return _frame(path, symbol)


def _from_catalog(symbol: str, bars: pd.DataFrame) -> pd.DataFrame:
    known = bars_facts(bars)
    entry = finest(symbol, known.timeframe, basis=known.basis)
    return load_ticks(entry.path, symbol=symbol) if entry.kind == "ticks" else load_bars(entry.path, symbol=symbol)


def _frame(source: object, symbol: str | None, *, only: str | None = None) -> pd.DataFrame:
    """Finer bars or ticks with their facts, checked; `only` is the symbol of what does not say its own."""
    if isinstance(source, (str, Path)):
        path = Path(source).expanduser()
        columns = {name.lower() for name in stored_columns(path)}
        frame = read_ticks(path) if "open" not in columns and "bid" in columns else read_bars(path)
        where = str(path)
    elif isinstance(source, pd.DataFrame):
        path, frame, where = None, source, "finer"
        columns = {str(name).strip().lower() for name in source.columns}
    else:
        raise RunError(
            f"finer was of type {type(source).__name__}; allowed are a DataFrame, a path, or {{symbol: either}}.",
            key="finer",
        )
    known = facts(frame)
    name = symbol or known.get("symbol") or only
    if not name:
        raise RunError(f"{where}: the symbol of the finer bars is not known; give {{symbol: frame}}.", key="finer")
    if "open" not in columns and "bid" in columns:
        return load_ticks(frame if path is None else path, symbol=name)
    lacking = [fact for fact in ("timeframe", "basis") if not known.get(fact)]
    if lacking:
        raise RunError(
            f"{where}: the finer bars do not say their {' and '.join(lacking)}; load them as in "
            f'sp.load_bars(..., symbol="{name}", timeframe="1m", basis="bid"), or import the file with '
            "`sptrader data import`.",
            key="finer",
            value=name,
        )
    return load_bars(frame if path is None else path, symbol=name)
