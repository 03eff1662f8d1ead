"""Definitions: what each metric of a run means, in which unit, after whom, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sptrader.errors import RunError, did_you_mean

_EMPYRICAL = "empyrical-reloaded"
_HERE = "sptrader"


@dataclass(frozen=True)
class Definition:
    """What a metric means: its `unit`, one sentence of `text`, the `formula` and the `source` it follows.

    `unit` is `percent` (a fraction, shown as percent), `count`, `currency` (the account's), `ratio`, `days` or `bars`.
    """

    unit: str
    text: str
    formula: str
    source: str


DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "total_return": Definition(
            "percent", "Gain over the starting cash.", "final equity / cash - 1", f"{_EMPYRICAL} cum_returns_final"
        ),
        "cagr": Definition(
            "percent",
            "Yearly growth rate that compounds to the total return; -100% once everything is lost.",
            "(final equity / cash) ^ (periods per year / sessions) - 1",
            f"{_EMPYRICAL} cagr",
        ),
        "volatility": Definition(
            "percent",
            "Standard deviation of session returns (ddof 1), a year.",
            "std(r) sqrt(periods per year)",
            f"{_EMPYRICAL} annual_volatility",
        ),
        "sharpe": Definition(
            "ratio",
            "Mean over standard deviation (ddof 1) of session returns, a year; risk-free rate 0.",
            "mean(r) / std(r) sqrt(periods per year)",
            f"{_EMPYRICAL} sharpe_ratio",
        ),
        "sortino": Definition(
            "ratio",
            "Mean over downside risk of session returns, a year; n/a without a losing session.",
            "mean(r) / sqrt(mean(min(r, 0) ^ 2)) sqrt(periods per year)",
            f"{_EMPYRICAL} sortino_ratio",
        ),
        "calmar": Definition(
            "ratio",
            "CAGR over maximum drawdown; n/a without a drawdown.",
            "cagr / max_drawdown",
            f"{_EMPYRICAL} calmar_ratio",
        ),
        "max_drawdown": Definition(
            "percent",
            "Deepest fall below the highest equity so far, on the equity of every bar; positive.",
            "max(1 - equity / max(cash, equity so far))",
            f"{_EMPYRICAL} max_drawdown, sign turned",
        ),
        "max_drawdown_days": Definition(
            "days",
            "Longest time from a peak of equity to its recovery, or to the end; calendar days.",
            "max(recovery time - peak time)",
            _HERE,
        ),
        "benchmark_return": Definition(
            "percent",
            "Buy and hold of the same instruments, equal cash in each, without costs.",
            "mean(last price / first price) - 1",
            _HERE,
        ),
        "trades": Definition("count", "Closed trades.", "rows of the trades table", _HERE),
        "win_rate": Definition("percent", "Trades with a net profit, of all trades.", "count(pnl > 0) / trades", _HERE),
        "profit_factor": Definition(
            "ratio",
            "What winning trades made over what losing trades lost; n/a without a loser.",
            "sum(pnl > 0) / -sum(pnl < 0)",
            _HERE,
        ),
        "expectancy": Definition("currency", "Average net profit or loss of a trade.", "mean(pnl)", _HERE),
        "avg_win": Definition("currency", "Average net profit of the winning trades.", "mean(pnl > 0)", _HERE),
        "avg_loss": Definition("currency", "Average net loss of the losing trades; negative.", "mean(pnl < 0)", _HERE),
        "best_trade": Definition("currency", "Highest net profit of one trade.", "max(pnl)", _HERE),
        "worst_trade": Definition(
            "currency", "Lowest net profit of one trade, a loss being negative.", "min(pnl)", _HERE
        ),
        "avg_bars_held": Definition("bars", "Average number of bars a trade was held.", "mean(bars_held)", _HERE),
        "exposure": Definition(
            "percent", "Bars that closed with a position, of all bars.", "bars positioned / bars", _HERE
        ),
        "turnover": Definition(
            "ratio",
            "Notional bought and sold in a year, over the mean equity at session ends.",
            "traded notional / mean(equity) periods per year / sessions",
            _HERE,
        ),
        "fees": Definition(
            "currency", "Fees paid on all fills; spread, slippage and financing are not in it.", "sum(fee)", _HERE
        ),
        "final_equity": Definition(
            "currency", "Equity at the last bar's close, open positions marked.", "cash + unrealised P&L", _HERE
        ),
        "sqn": Definition(
            "ratio",
            "System quality number: mean over standard deviation (ddof 1) of net P&L, times the root of the trades.",
            "mean(pnl) / std(pnl) sqrt(trades)",
            "Van Tharp, on P&L",
        ),
        "var_95": Definition(
            "percent",
            "Session return that 5% of sessions are below; a loss is negative.",
            "quantile(r, 0.05)",
            f"{_EMPYRICAL} value_at_risk",
        ),
        "cvar_95": Definition(
            "percent",
            "Mean of the worst 5% of session returns; a loss is negative.",
            "mean of the lowest floor(0.05 (n - 1)) + 1 returns",
            f"{_EMPYRICAL} conditional_value_at_risk",
        ),
        "skew": Definition(
            "ratio",
            "Skewness of session returns; negative: the long tail is of losses.",
            "m3 / m2 ^ 1.5",
            "scipy.stats.skew",
        ),
        "kurtosis": Definition(
            "ratio", "Excess kurtosis of session returns, 0 for normal.", "m4 / m2 ^ 2 - 3", "scipy.stats.kurtosis"
        ),
    }
)


def metric_text(name: str, value: float, *, currency: str = "") -> str:
    """Return a metric as people read it: with its unit, and `n/a` where it is undefined.

    >>> metric_text("max_drawdown", 0.1234), metric_text("expectancy", -1234.5, currency="USD")
    ('12.34%', '-1,234.50 USD')
    >>> metric_text("profit_factor", float("nan"))
    'n/a'
    """
    if name not in DEFINITIONS:
        raise RunError(
            f"metric was '{name}'{did_you_mean(name, DEFINITIONS)}; allowed are {', '.join(DEFINITIONS)}.",
            key="metric",
            value=name,
        )
    if not math.isfinite(value):
        return "n/a"
    unit = DEFINITIONS[name].unit
    if unit == "percent":
        return f"{100.0 * value:,.2f}%"
    if unit == "count":
        return f"{value:,.0f}"
    if unit in ("days", "bars"):
        return f"{value:,.1f} {unit}"
    return f"{value:,.2f} {currency}".rstrip() if unit == "currency" else f"{value:,.2f}"
