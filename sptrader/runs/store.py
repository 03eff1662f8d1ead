"""Store: a run's folder, written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Protocol

import pandas as pd

from sptrader.data.parquet import save_bars, save_ticks
from sptrader.errors import RunError
from sptrader.orchestrator.audit import Audit
from sptrader.orchestrator.finer import is_ticks
from sptrader.runs.reported import ReportedRun
from sptrader.strategy.strategy import Strategy

FINANCING = "financing.yaml"
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")


class StorableRun(ReportedRun, Protocol):
    """What is stored of a run beyond what reports need."""

    @property
    def strategy(self) -> Strategy: ...
    @property
    def inputs(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def finer(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def audit(self) -> Audit: ...


def save_run(run: StorableRun, folder: str | Path = "runs") -> Path:
    """Write `run` to `folder/<id>`: `run.json`, `metrics.json`, its tables, and the strategy, bars and finer bars it can be
    made of again.

    The same run gives the same bytes, but for the times in `run.json`. Files are replaced whole, and `run.json` comes last:
    a folder that has it is complete. Raises `RunError` for a place that cannot be written to.
    """
    target = Path(folder) / run.id
    try:
        _save(run, target)
    except OSError as error:
        raise RunError(
            f"the run cannot be saved to {target}: {error.strerror} ({error.filename}).", path=target, key="out"
        ) from error
    return target


def _save(run: StorableRun, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        _write(target / f"{name}.parquet", partial(getattr(run, name).to_parquet, index=False))
    for symbol, frame in run.inputs.items():
        _write(target / "inputs" / f"{symbol}.parquet", partial(save_bars, frame))
    for symbol, frame in run.finer.items():
        _write(finer_file(target, symbol), partial(save_ticks if is_ticks(frame) else save_bars, frame))
    _write_text(target / "inputs" / "strategy.yaml", run.strategy.source_text)
    rates = target / "inputs" / FINANCING
    if run.provenance["financing"] and not rates.is_file():
        source = Path(run.strategy.source_path).parent / run.provenance["financing"]["file"]
        _write(rates, partial(_copy, source))
    metrics = {name: None if math.isnan(value) else value for name, value in run.metrics.items()}
    _write_text(target / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    facts = {**run.provenance, "audit": asdict(run.audit), "warnings": list(run.warnings)}
    _write_text(target / "run.json", json.dumps(facts, indent=2, default=str) + "\n")


def finer_file(folder: Path, symbol: str) -> Path:
    """Return where the folder of a run keeps the finer bars or ticks of `symbol`."""
    return folder / "inputs" / f"{symbol}.finer.parquet"


def saved_runs(folder: str | Path = "runs") -> list[Path]:
    """Return the folders below `folder` that hold a run, newest first."""
    root = Path(folder)
    found = [p.parent for p in root.glob("*/run.json")] if root.is_dir() else []
    return sorted(found, key=lambda p: (p / "run.json").stat().st_mtime_ns, reverse=True)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    write(draft)
    draft.replace(path)


def _copy(source: Path, path: Path) -> None:
    path.write_bytes(source.read_bytes())


def _write_text(path: Path, text: str) -> None:
    _write(path, lambda draft: draft.write_bytes(text.encode()))
