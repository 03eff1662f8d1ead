"""Sweep inputs: the strategy, bars and finer bars of a sweep, kept in its folder so that any row can be opened as a run later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.data.parquet import save_bars, save_ticks
from sptrader.errors import RunError
from sptrader.model.bars import bars_facts, with_facts
from sptrader.orchestrator.finer import is_ticks
from sptrader.runs.financing import financing_file
from sptrader.runs.finer import load_finer
from sptrader.runs.prepare import Prepared
from sptrader.runs.space import make_space
from sptrader.runs.sweep_store import make_folder, read_facts
from sptrader.runs.sweep_task import Settings, SweepTask
from sptrader.strategy.loader import read_strategy

_GIVEN = "given"  # the folder of the bars that were given, where timeframes do not vary
_FINER = "finer"


def save_inputs(folder: Path, task: SweepTask) -> None:
    """Write what `load_task` reads, but for what is there already."""
    place = folder / "inputs"
    make_folder(place)
    _write(place / "strategy.yaml", partial(_write_text, task.strategy.source_text))
    for timeframe, frames in task.frames.items():
        make_folder(place / (timeframe or _GIVEN))
        for symbol, frame in frames.items():
            _write(place / (timeframe or _GIVEN) / f"{symbol}.parquet", partial(save_bars, frame))
    if task.finer:
        make_folder(place / _FINER)
    for symbol, frame in task.finer.items():
        _write(place / _FINER / f"{symbol}.parquet", partial(save_ticks if is_ticks(frame) else save_bars, frame))


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
    return SweepTask(
        strategy,
        space,
        frames,
        Settings(**facts["settings"]),
        facts["components"],
        facts["share"],
        finer=_KeptFiner(folder / "inputs" / _FINER, facts["finer"], facts["finer_sources"]),
    )


class _KeptFiner(Mapping[str, pd.DataFrame]):
    """The finer bars or ticks in a sweep's folder, read when a row is opened: ticks take seconds, and a table needs none."""

    def __init__(self, folder: Path, hashes: Mapping[str, str], sources: Mapping[str, str]) -> None:
        self._folder, self._hashes, self._sources = folder, hashes, sources
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, symbol: str) -> pd.DataFrame:
        if symbol not in self._read:
            path = self._folder / f"{symbol}.parquet"
            frame = load_finer(path, symbol)
            if content_hash(frame) != self._hashes[symbol]:
                raise RunError(f"{path} was changed after the sweep was made.", path=path)
            self._read[symbol] = with_facts(frame, {"source": self._sources[symbol]})
        return self._read[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)


def require_same(ready: Prepared, facts: Mapping[str, Any]) -> None:
    """Raise `RunError` where a component or the financing rates, which are outside of a sweep's folder, were changed since."""
    for call in ready.plan.calls:
        name, found = call.component.name, call.component.source_hash
        if facts["components"].get(name, found) != found:
            raise RunError(
                f"component '{name}' ({call.component.source_path}) was changed after the sweep {facts['id']} was made.",
                key=name,
            )
    rates = financing_file(ready.plan)
    if rates is not None and hashlib.sha256(rates.read_bytes()).hexdigest() != facts["financing"]:
        raise RunError(f"the financing rates {rates} were changed after the sweep {facts['id']} was made.", path=rates)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.part")
    write(draft)
    draft.replace(path)


def _write_text(text: str, path: Path) -> None:
    path.write_bytes(text.encode())
