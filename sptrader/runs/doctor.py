"""Doctor: what speaks against believing a run, each doubt with its figure and why it matters, under a stable code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sptrader.model.session import ALWAYS_OPEN, FX
from sptrader.performance import ratios
from sptrader.performance.costs import CostSplit
from sptrader.performance.definitions import metric_text
from sptrader.performance.intervals import Interval
from sptrader.performance.overfit import deflated_sharpe
from sptrader.performance.returns import SessionReturns
from sptrader.runs.reported import ReportedRun, Trials

FEW_TRADES = 30
FEW_SESSIONS = 5
COSTLY_FRACTION = 0.5
DEEP_DRAWDOWN = 0.3
SKILLED = 0.95  # the usual bar of a deflated Sharpe ratio
# beyond these a backtest is more often wrong than its strategy is good
ODD_SHARPE = 4.0
ODD_WIN_RATE = 0.95
ODD_STRAIGHTNESS = 0.995
ODD_SESSIONS = 60
SPREAD_MODELLED = "spread: modelled"

# The codes, gravest first, each with why it matters; codes do not change.
WHY: Mapping[str, str] = {
    "look_ahead": "The values knew bars that had not happened yet, so no result of this run can be repeated live.",
    "halted": "What came after the halt was not traded: the figures are of the part before it.",
    "no_trades": "Nothing can be said of a strategy that did not trade.",
    "too_good": "Results like this come more often from an error, such as a look-ahead or missing costs, than from skill.",
    "overfit": "The best of many trials looks good without any skill; the deflated ratio takes that off.",
    "few_trades": f"Fewer than {FEW_TRADES} trades cannot tell skill from luck.",
    "sharpe_uncertain": "Zero lies inside what resampling the same days gives: it may be luck.",
    "profit_from_few_trades": "A profit that hangs on one trade is not a property of the rules.",
    "profit_from_few_days": "A profit that hangs on a few days is easily missed the next time.",
    "costs_eat_edge": "Where costs take most of the gross gain, slightly worse fills end it.",
    "deep_drawdown": "Few people and few limits stay with an account that falls this far.",
    "ambiguous_fills": "Their bar does not tell what came first; the pessimistic reading was taken unless the strategy says else.",
    "spread_modelled": "The spread is a constant or a mean, not quotes of both sides; real ones widen when it matters.",
    "unadjusted_shares": "A split or dividend looks like a jump in price, and is traded as one.",
    "note": "",
}


@dataclass(frozen=True)
class Finding:
    """One doubt: its stable `code`, `what` was found, the `figure` behind it, and `why` it matters (empty for notes)."""

    code: str
    what: str
    figure: str

    @property
    def why(self) -> str:
        """Why it matters, in one sentence."""
        return WHY[self.code]

    def __str__(self) -> str:
        figure = f" ({self.figure})" if self.figure else ""
        return f"{self.what}{figure}"


def diagnose(run: ReportedRun, intervals: Mapping[str, Interval]) -> tuple[Finding, ...]:
    """Return what speaks against `run`, gravest first; `intervals` are its bootstrap intervals by metric."""
    found = [
        *_look_ahead(run.look_ahead),
        *_halted(run.trades),
        *_trades(run.trades, run.metrics),
        *_sharpe(intervals.get("sharpe")),
        *_days(run.trades, run.session_returns, run.metrics),
        *_too_good(run.metrics, run.session_returns),
        *_overfit(run.session_returns, run.trials),
        *_costs(run.costs, run.config.currency),
        *_drawdown(run.metrics),
        *_ambiguous(run.fills, lambda: run.scenarios, run.config.currency),
        *_shares(run.bars),
        *_notes(run.warnings),
    ]
    rank = {code: number for number, code in enumerate(WHY)}
    return tuple(sorted(found, key=lambda finding: rank[finding.code]))


def _look_ahead(names: tuple[str, ...]) -> Iterator[Finding]:
    if names:
        yield Finding("look_ahead", "Values change when later bars are taken away.", ", ".join(names))


def _halted(trades: pd.DataFrame) -> Iterator[Finding]:
    ends = trades[trades["exit_reason"].astype(str).isin(("risk_halt", "margin_call"))]
    if len(ends):
        first = ends.iloc[0]
        reason = str(first["exit_reason"]).replace("_", " ")
        yield Finding("halted", "A limit closed positions for good.", f"{reason}, {first['exit_time']:%Y-%m-%d %H:%M}")


def _trades(trades: pd.DataFrame, metrics: Mapping[str, float]) -> Iterator[Finding]:
    n_trades = len(trades)
    if n_trades == 0:
        yield Finding("no_trades", "It closed no trade.", "0 trades")
        return
    if n_trades < FEW_TRADES:
        yield Finding("few_trades", "There are too few trades.", f"{n_trades} trades")
    gain = float(trades["pnl"].sum())
    if 0.0 < gain <= metrics["best_trade"]:
        share = metrics["best_trade"] / gain
        yield Finding(
            "profit_from_few_trades",
            "Without its best trade it would have made nothing.",
            f"best trade {share:.0%} of the profit",
        )


def _sharpe(sharpe: Interval | None) -> Iterator[Finding]:
    if sharpe is not None and sharpe.low <= 0.0 <= sharpe.high:
        yield Finding(
            "sharpe_uncertain",
            "The Sharpe ratio may be luck.",
            f"{sharpe.value:.2f}, {sharpe.level:.0%} interval from {sharpe.low:.2f} to {sharpe.high:.2f}",
        )


def _days(trades: pd.DataFrame, returns: SessionReturns, metrics: Mapping[str, float]) -> Iterator[Finding]:
    """The best days against the whole; where one trade made it all, that says it better."""
    gain = metrics["total_return"]
    is_one_trade = len(trades) > 0 and 0.0 < float(trades["pnl"].sum()) <= metrics["best_trade"]
    if not gain > 0.0 or is_one_trade or len(returns) <= 4 * FEW_SESSIONS:
        return
    best = float(np.prod(1.0 + np.sort(returns.returns)[-FEW_SESSIONS:])) - 1.0
    if best >= gain:
        yield Finding(
            "profit_from_few_days",
            f"Its best {FEW_SESSIONS} of {len(returns):,} days made the whole gain.",
            f"{best:+.2%} of {gain:+.2%}",
        )


def _too_good(metrics: Mapping[str, float], returns: SessionReturns) -> Iterator[Finding]:
    odd = []
    if len(returns) >= ODD_SESSIONS and metrics["sharpe"] > ODD_SHARPE:
        odd.append(f"Sharpe ratio {metrics['sharpe']:.1f}")
    if metrics["trades"] >= FEW_TRADES and metrics["win_rate"] > ODD_WIN_RATE:
        odd.append(f"{metrics['win_rate']:.0%} of {metrics['trades']:.0f} trades won")
    straight = _straightness(returns)
    if len(returns) >= ODD_SESSIONS and metrics["total_return"] > 0.0 and straight > ODD_STRAIGHTNESS:
        odd.append(f"equity is a straight line (R² {straight:.3f})")
    if odd:
        yield Finding("too_good", "It is too good to be believed unchecked.", ", ".join(odd))


def _straightness(returns: SessionReturns) -> float:
    """The squared correlation of log equity with time; 0 where it is not defined."""
    if len(returns) < 3 or not (returns.equity > 0.0).all() or np.ptp(returns.equity) == 0.0:
        return 0.0
    return float(np.corrcoef(np.arange(len(returns)), np.log(returns.equity))[0, 1] ** 2)


def _overfit(returns: SessionReturns, trials: Trials | None) -> Iterator[Finding]:
    """Whether trying explains the result; a loss needs no explanation of how it came to look good."""
    if trials is None or trials.n_trials < 2 or len(returns) < 2 or not ratios.sharpe(returns.returns, 1) > 0.0:
        return
    daily = returns.returns
    variance = 1.0 / len(daily) if trials.sharpe_variance is None else trials.sharpe_variance
    found = deflated_sharpe(
        ratios.sharpe(daily, 1),
        variance,
        n_trials=trials.n_trials,
        n_returns=len(daily),
        skew=ratios.skew(daily),
        kurtosis=ratios.kurtosis(daily) + 3.0,
    )
    if math.isfinite(found.probability) and found.probability < SKILLED:
        yield Finding(
            "overfit",
            f"{trials.n_trials:,.0f} backtests were made on these data; a best one like this needs no skill.",
            f"deflated Sharpe ratio {found.probability:.2f}, {SKILLED} is the bar",
        )


def _costs(costs: CostSplit, currency: str) -> Iterator[Finding]:
    figure = f"gross {costs.gross:+,.2f}, costs {costs.total:,.2f}, net {costs.net:+,.2f} {currency}"
    if costs.gross > 0.0 >= costs.net:
        yield Finding("costs_eat_edge", "Costs turned a gross gain into a loss.", figure)
    elif math.isfinite(costs.share_of_gross) and costs.share_of_gross > COSTLY_FRACTION:
        yield Finding("costs_eat_edge", f"Costs took {costs.share_of_gross:.0%} of the gross gain.", figure)


def _drawdown(metrics: Mapping[str, float]) -> Iterator[Finding]:
    if metrics["max_drawdown"] > DEEP_DRAWDOWN:
        yield Finding(
            "deep_drawdown",
            "The account fell far below its highest.",
            metric_text("max_drawdown", metrics["max_drawdown"]),
        )


def _ambiguous(fills: pd.DataFrame, scenarios: Callable[[], pd.DataFrame], currency: str) -> Iterator[Finding]:
    """Doubtful fills and what they are worth; the scenarios, two runs more, are made only where there are some."""
    n_ambiguous = int(fills["ambiguous"].sum()) if "ambiguous" in fills.columns else 0
    if n_ambiguous == 0:
        return
    ends = scenarios().set_index("intrabar")["final_equity"]
    worth = float(ends["optimistic"] - ends["pessimistic"])
    yield Finding(
        "ambiguous_fills",
        f"{n_ambiguous:,} of {len(fills):,} fills are ambiguous.",
        f"{n_ambiguous / len(fills):.1%} of fills; optimistic less pessimistic {worth:+,.2f} {currency}",
    )


def _shares(bars: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    raw = [
        symbol
        for symbol, frame in bars.items()
        if frame.attrs.get("sptrader.session", FX) not in (FX, ALWAYS_OPEN)
        and frame.attrs.get("sptrader.adjustment", "") in ("", "none")
    ]
    if raw:
        yield Finding("unadjusted_shares", "Prices of shares are not adjusted for splits.", ", ".join(raw))


def _notes(warnings: tuple[str, ...]) -> Iterator[Finding]:
    for warning in warnings:
        if warning.startswith(SPREAD_MODELLED):
            yield Finding("spread_modelled", "The spread is modelled.", "")
        else:
            yield Finding("note", warning, "")
