"""Report: every metric of a run, from its equity and its trades."""

from __future__ import annotations

import math

import pandas as pd

from sptrader.performance import ratios
from sptrader.performance.definitions import DEFINITIONS
from sptrader.performance.drawdown import worst_drawdown
from sptrader.performance.moments import moments
from sptrader.performance.returns import RUIN_FRACTION, AccountSeries, Floats, SessionReturns, session_returns
from sptrader.performance.trades import amounts, column, mean


def metrics(
    account: AccountSeries,
    trades: pd.DataFrame,
    *,
    benchmark_return: float,
    bars_positioned: int,
    traded_notional: float,
    fees: float,
) -> dict[str, float]:
    """Return every metric of `DEFINITIONS`, in its order; what is undefined is nan, never infinity.

    `trades` needs the columns `pnl` and `bars_held`. `bars_positioned` counts bars that closed with a position in any
    instrument, `traded_notional` adds up all fills, `fees` is what they cost (account currency, positive). Takes a few
    milliseconds for a million bars.
    """
    return metric_row(
        account,
        session_returns(account),
        column(trades, "pnl"),
        column(trades, "bars_held"),
        benchmark_return=benchmark_return,
        bars_positioned=bars_positioned,
        traded_notional=traded_notional,
        fees=fees,
    )


def metric_row(
    account: AccountSeries,
    result: SessionReturns,
    pnl: Floats,
    bars_held: Floats,
    *,
    benchmark_return: float,
    bars_positioned: int,
    traded_notional: float,
    fees: float,
) -> dict[str, float]:
    """Return what `metrics` does from arrays alone: the account's session returns, and of each trade its net P&L and the bars
    it was held. For many runs on one clock, without a table made for any."""
    returns, per_year, n = moments(result.returns), result.periods_per_year, len(result)
    gain = ratios.total_return(account.cash, account.final_equity) if n else math.nan
    growth = ratios.cagr(gain, n, periods_per_year=per_year)
    fall = worst_drawdown(account)
    mean_equity = mean(result.equity)
    var, cvar = ratios.tail(result.returns)
    found = amounts(pnl)
    found |= {
        "total_return": gain,
        "cagr": growth,
        "volatility": ratios.volatility(returns, per_year),
        "sharpe": ratios.sharpe(returns, per_year),
        "sortino": ratios.sortino(returns, per_year),
        "calmar": ratios.calmar(growth, fall.depth),
        "max_drawdown": fall.depth,
        "max_drawdown_days": fall.days,
        "benchmark_return": benchmark_return,
        "avg_bars_held": mean(bars_held),
        "exposure": bars_positioned / len(account) if n else math.nan,
        "turnover": traded_notional / mean_equity * per_year / n
        if mean_equity > RUIN_FRACTION * account.cash
        else math.nan,
        "fees": fees,
        "final_equity": account.final_equity,
        "var_95": var,
        "cvar_95": cvar,
        "skew": ratios.skew(returns),
        "kurtosis": ratios.kurtosis(returns),
    }
    return {name: found[name] for name in DEFINITIONS}
