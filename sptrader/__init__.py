"""sptrader: one strategy, the same code in backtest, on paper and live. `import sptrader as sp` is light: each name loads when used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sptrader.components.check import check_component
    from sptrader.components.contract import Range, indicator, signal
    from sptrader.components.loader import registry
    from sptrader.components.signals import Signals
    from sptrader.data.checks import QualityReport, check_bars
    from sptrader.data.env import load_data_from_env
    from sptrader.data.load import load_bars
    from sptrader.data.resample import resample
    from sptrader.data.sample import sample
    from sptrader.errors import SptraderError
    from sptrader.runs.backtest import backtest
    from sptrader.runs.batch import Batch, batch
    from sptrader.runs.live_replay import live
    from sptrader.runs.paper_session import PaperSession
    from sptrader.runs.publisher import SignalPublisher
    from sptrader.runs.reopen import load_run
    from sptrader.runs.run import Run
    from sptrader.runs.sweep import sweep
    from sptrader.runs.sweep_result import Sweep, load_sweep
    from sptrader.runs.walk_forward import walk_forward
    from sptrader.strategy.loader import load_strategy
    from sptrader.strategy.strategy import Strategy
    from sptrader.views.live_monitor import LiveMonitor
    from sptrader.views.orchestrator import Orchestrator

__version__ = "0.1.0"

_HOMES = {
    "LiveMonitor": "views.live_monitor",
    "Orchestrator": "views.orchestrator",
    "Batch": "runs.batch",
    "PaperSession": "runs.paper_session",
    "QualityReport": "data.checks",
    "Range": "components.contract",
    "Run": "runs.run",
    "SignalPublisher": "runs.publisher",
    "Signals": "components.signals",
    "SptraderError": "errors",
    "Strategy": "strategy.strategy",
    "Sweep": "runs.sweep_result",
    "backtest": "runs.backtest",
    "batch": "runs.batch",
    "check_bars": "data.checks",
    "check_component": "components.check",
    "indicator": "components.contract",
    "live": "runs.live_replay",
    "load_bars": "data.load",
    "load_data_from_env": "data.env",
    "load_run": "runs.reopen",
    "load_strategy": "strategy.loader",
    "load_sweep": "runs.sweep_result",
    "registry": "components.loader",
    "resample": "data.resample",
    "sample": "data.sample",
    "signal": "components.contract",
    "sweep": "runs.sweep",
    "walk_forward": "runs.walk_forward",
}

__all__ = [
    "Batch",
    "LiveMonitor",
    "Orchestrator",
    "PaperSession",
    "QualityReport",
    "Range",
    "Run",
    "SignalPublisher",
    "Signals",
    "SptraderError",
    "Strategy",
    "Sweep",
    "backtest",
    "batch",
    "check_bars",
    "check_component",
    "indicator",
    "live",
    "load_bars",
    "load_data_from_env",
    "load_run",
    "load_strategy",
    "load_sweep",
    "registry",
    "resample",
    "sample",
    "signal",
    "sweep",
    "walk_forward",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sptrader' has no attribute '{name}'")
    return getattr(import_module(f"sptrader.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
