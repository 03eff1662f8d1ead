"""Scenarios: the same run with every doubt inside a bar resolved against the trader, and for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sptrader.kernel import state as k
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.backtest import Outcome, fold

Reading = Literal["pessimistic", "optimistic"]
SCENARIOS: tuple[Reading, ...] = ("pessimistic", "optimistic")


@dataclass(frozen=True)
class Scenario:
    """What a run would have come to under one reading of its bars; equity in account currency, drawdown a fraction."""

    intrabar: str
    final_equity: float
    total_return: float
    max_drawdown: float
    trades: int
    win_rate: float


def scenario(outcome: Outcome, intrabar: Reading) -> Scenario:
    """Run `outcome` again with `intrabar` (`pessimistic` or `optimistic`) and sum it up."""
    plan = replace(outcome.plan, execution=replace(outcome.plan.execution, intrabar=intrabar))
    s = opening_state(plan, outcome.market, outcome.cash)
    has_end = plan.execution.close_at_end
    fold(outcome.market, outcome.orders, s, outcome.first, outcome.last, has_end=has_end)
    n_trades = int(s[k.N_TRADES])
    return Scenario(
        intrabar=intrabar,
        final_equity=float(s[k.EQUITY]),
        total_return=float(s[k.EQUITY] / outcome.cash - 1.0),
        max_drawdown=float(s[k.MAX_DRAWDOWN]),
        trades=n_trades,
        win_rate=float(s[k.N_WINS]) / n_trades if n_trades else float("nan"),
    )
