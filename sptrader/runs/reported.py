"""What reports and figures need of a run: the run itself has more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.performance.costs import CostSplit
from sptrader.performance.returns import SessionReturns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """How many backtests were tried on a run's data, and the variance of their Sharpe ratios per session (not annualised).

    Where only the count is known the variance is None: then it is what luck alone gives, one over the sessions.
    """

    n_trials: float
    sharpe_variance: float | None = None


class ReportedStrategy(Protocol):
    """What a report needs of a strategy."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


class ReportedConfig(Protocol):
    """What a report needs of how a run was asked for."""

    @property
    def mode(self) -> str: ...
    @property
    def cash(self) -> float: ...
    @property
    def currency(self) -> str: ...
    @property
    def seed(self) -> int: ...


class ReportedRun(Protocol):
    """What a report needs of a run: its tables (SPEC 9), and what they were made from."""

    @property
    def id(self) -> str: ...
    @property
    def strategy(self) -> ReportedStrategy: ...
    @property
    def config(self) -> ReportedConfig: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...
    @property
    def trades(self) -> pd.DataFrame: ...
    @property
    def fills(self) -> pd.DataFrame: ...
    @property
    def equity(self) -> pd.DataFrame: ...
    @property
    def decisions(self) -> pd.DataFrame: ...
    @property
    def bars(self) -> Mapping[str, pd.DataFrame]: ...
    @property
    def columns(self) -> Mapping[str, Mapping[str, Floats]]: ...
    @property
    def costs(self) -> CostSplit: ...
    @property
    def session_returns(self) -> SessionReturns: ...
    @property
    def scenarios(self) -> pd.DataFrame: ...
    @property
    def limits(self) -> Mapping[str, float]: ...
    @property
    def look_ahead(self) -> tuple[str, ...]: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def trials(self) -> Trials | None: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...
