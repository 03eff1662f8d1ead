"""Sweep inputs: the strategy and the bars of a sweep, kept in its folder so that any row can be opened as a run later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.data.load import load_bars
from sptrader.data.parquet import save_bars
from sptrader.errors import RunError
from sptrader.model.bars import bars_facts, with_facts
from sptrader.runs.space import make_space
from sptrader.runs.sweep_store import make_folder, read_facts
from sptrader.runs.sweep_task import Settings, SweepTask
from sptrader.strategy.loader import read_strategy

_GIVEN = "given"  # the folder of the bars that were given, where timeframes do not vary


def save_inputs(folder: Path, task: SweepTask) -> None:
    """Write what `load_task` reads, but for what is there already."""
    place = folder / "inputs"
    make_folder(place)
    _write(place / "strategy.yaml", partial(_write_text, task.strategy.source_text))
    for timeframe, frames in task.frames.items():
        make_folder(place / (timeframe or _GIVEN))
        for symbol, frame in frames.items():
            _write(place / (timeframe or _GIVEN) / f"{symbol}.parquet", partial(save_bars, frame))


def load_task(folder: Path) -> tuple[dict[str, Any], SweepTask]:
    """Return the facts of the sweep in `folder` and its task, made of its inputs; raise `RunError` where they are gone or were
    changed."""
    facts = read_facts(folder)
    try:
        return facts, _task(folder, facts)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder}: the sweep cannot be read: {type(error).__name__}: {error}.", path=folder) from error


def _task(folder: Path, facts: Mapping[str, Any]) -> SweepTask:
    known = facts["strategy"]
    written = (folder / "inputs" / "strategy.yaml").read_bytes()
    strategy = read_strategy(written.decode(), path=facts["strategy_path"], source_hash=known["source_hash"])
    frames: dict[str, dict[str, pd.DataFrame]] = {}
    for timeframe, symbols in facts["data"].items():
        frames[timeframe] = {}
        for symbol, said in symbols.items():
            path = folder / "inputs" / (timeframe or _GIVEN) / f"{symbol}.parquet"
            frame = load_bars(path)
            if bars_facts(frame).content_hash != said["content_hash"]:
                raise RunError(f"{path} was changed after the sweep was made.", path=path)
            frames[timeframe][symbol] = with_facts(frame, {"source": facts["sources"][timeframe][symbol]})
    vary = {name: values for name, values in facts["space"].items() if name in strategy.parameters}
    space = make_space(
        strategy,
        vary,
        params=facts["params"],
        constraints=facts["constraints"],
        symbols=facts["space"].get("symbol"),
        timeframes=facts["space"].get("timeframe"),
    )
    return SweepTask(strategy, space, frames, Settings(**facts["settings"]), facts["components"], facts["share"])


def _write(path: Path, write: Callable[[Path], object]) -> None:
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.part")
    write(draft)
    draft.replace(path)


def _write_text(text: str, path: Path) -> None:
    path.write_bytes(text.encode())
