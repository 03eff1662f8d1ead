"""Provenance: what a run came from, with every hash, and the id made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.data.fingerprint import content_hash
from sptrader.jit import sources_digest
from sptrader.model.bars import bars_facts, facts
from sptrader.model.period import time_text
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.finer import is_ticks
from sptrader.runs.config import RunConfig

_PACKAGES = ("sptrader", "numpy", "pandas", "numba", "pyarrow", "TA-Lib")


def make_provenance(
    outcome: Outcome, config: RunConfig, *, hashes: Mapping[str, str], wall_time_s: float, made_at_ns: int
) -> dict[str, Any]:
    """Return the content of `run.json`: id, mode, strategy, parameters, data, components, packages, seed, wall time.

    `hashes` are of the content of the bars that were read, by symbol.
    """
    plan = outcome.plan
    strategy = plan.strategy
    inputs = {
        "mode": config.mode,
        "symbols": list(outcome.market.symbols),
        "timeframe": plan.timeframe,
        "strategy": {
            "name": strategy.name,
            "version": str(strategy.version),
            "source_hash": strategy.source_hash,
            "text_hash": hashlib.sha256(strategy.source_text.encode()).hexdigest(),
        },
        "parameters": dict(plan.parameters),
        "config": {key: value for key, value in asdict(config).items() if key not in ("parameters", "mode")},
        "data": {symbol: _data(frame, hashes[symbol]) for symbol, frame in outcome.market.frames.items()},
        "finer": {symbol: _finer(frame) for symbol, frame in outcome.market.finer.items()},
        "components": {
            call.component.name: call.component.source_hash
            for call in sorted(plan.calls, key=lambda c: c.component.name)
        },
        "financing": _financing(plan.execution.financing, strategy.source_path),
        "engine": sources_digest(),
        "packages": dict(package_versions()),
        "seed": config.seed,
    }
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()
    return {
        "id": f"{strategy.name}-{digest[:12]}",
        **inputs,
        "strategy_path": strategy.source_path,
        "made_at": time_text(made_at_ns),
        "wall_time_s": round(wall_time_s, 6),
    }


def _data(frame: pd.DataFrame, content_hash: str) -> dict[str, Any]:
    return {
        **{key: value for key, value in asdict(bars_facts(frame)).items() if key != "content_hash"},
        "tier": str(frame.attrs.get("sptrader.tier", "")),
        "content_hash": content_hash,
        "n_bars": len(frame),
        "first": time_text(frame.index[0].value) if len(frame) else "",
        "last": time_text(frame.index[-1].value) if len(frame) else "",
    }


def _finer(frame: pd.DataFrame) -> dict[str, Any]:
    """What the finer bars or ticks inside the bars of the period are."""
    known = facts(frame)
    return {
        **{name: known.get(name, "") for name in ("symbol", "timeframe", "basis", "source")},
        "kind": "ticks" if is_ticks(frame) else "bars",
        "content_hash": content_hash(frame),
        "n_rows": len(frame),
        "first": time_text(frame.index[0].value),
        "last": time_text(frame.index[-1].value),
    }


def _financing(name: str | None, strategy_path: str) -> dict[str, str]:
    """The financing file and the hash of its bytes; empty without one."""
    if name is None:
        return {}
    return {"file": name, "hash": hashlib.sha256((Path(strategy_path).parent / name).read_bytes()).hexdigest()}


@lru_cache(maxsize=1)
def package_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of what computes a run's numbers."""
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed as a package"))
    return tuple(found)
