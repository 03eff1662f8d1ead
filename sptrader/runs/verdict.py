"""The verdict: what a run says in one sentence, and what speaks against believing it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sptrader.performance.costs import CostSplit
from sptrader.performance.intervals import Interval
from sptrader.performance.returns import SessionReturns

FEW_TRADES = 30
FEW_SESSIONS = 5
COSTLY_FRACTION = 0.5
DEEP_DRAWDOWN = 0.3


@dataclass(frozen=True)
class Verdict:
    """`tone` is `good`, `fair` or `poor`; a `headline`, the `sentence` that backs it, and `cautions`, gravest first."""

    tone: str
    headline: str
    sentence: str
    cautions: tuple[str, ...]


def verdict(
    metrics: Mapping[str, float],
    trades: pd.DataFrame,
    fills: pd.DataFrame,
    *,
    costs: CostSplit,
    returns: SessionReturns,
    intervals: Mapping[str, Interval],
    warnings: tuple[str, ...] = (),
) -> Verdict:
    """Judge a run by its metrics (SPEC names); `warnings` of the run itself come last among the cautions."""
    gain, held = metrics["total_return"], metrics["benchmark_return"]
    cautions = [
        *_luck(metrics, trades, returns, intervals),
        *_costs(costs),
        *_risk(metrics),
        *_fills(fills),
        *warnings,
    ]
    if len(trades) == 0:
        return Verdict(
            "poor", "It closed no trade.", "Nothing can be said of a strategy that did not trade.", tuple(cautions)
        )
    if gain <= 0:
        tone, headline = "poor", "It lost money."
    elif math.isfinite(held) and gain < held:
        tone, headline = "fair", "It made money, but less than buy and hold."
    else:
        tone, headline = ("fair" if cautions else "good"), "It made money."
    against = f" against {held:+.2%} of buy and hold" if math.isfinite(held) else ""
    sentence = (
        f"{gain:+.2%}{against}, {metrics['max_drawdown']:.2%} the deepest fall, "
        f"{len(trades):,} trades of which {metrics['win_rate']:.0%} won."
    )
    return Verdict(tone, headline, sentence, tuple(cautions))


def _luck(
    metrics: Mapping[str, float], trades: pd.DataFrame, returns: SessionReturns, intervals: Mapping[str, Interval]
) -> list[str]:
    found = []
    if 0 < len(trades) < FEW_TRADES:
        found.append(f"{len(trades)} trades are too few to tell skill from luck; {FEW_TRADES} is the least to go by.")
    sharpe = intervals.get("sharpe")
    if sharpe is not None and sharpe.low <= 0.0 <= sharpe.high:
        found.append(
            f"The Sharpe ratio of {sharpe.value:.2f} may be luck: its {sharpe.level:.0%} interval reaches from "
            f"{sharpe.low:.2f} to {sharpe.high:.2f}, zero included."
        )
    gain = float(trades["pnl"].sum()) if len(trades) else 0.0
    if gain > 0 and metrics["best_trade"] >= gain:
        found.append("Without its best trade it would have made nothing.")
    elif metrics["total_return"] > 0 and len(returns) > 4 * FEW_SESSIONS:
        best = np.sort(returns.returns)[-FEW_SESSIONS:]
        if float(np.prod(1.0 + best)) - 1.0 >= metrics["total_return"]:
            found.append(f"Its best {FEW_SESSIONS} of {len(returns):,} days made the whole gain.")
    return found


def _costs(costs: CostSplit) -> list[str]:
    if costs.gross > 0 >= costs.net:
        return [f"Costs of {costs.total:,.2f} turned a gross gain of {costs.gross:,.2f} into a loss."]
    share = costs.share_of_gross
    if math.isfinite(share) and share > COSTLY_FRACTION:
        return [f"Costs took {share:.0%} of the gross gain."]
    return []


def _risk(metrics: Mapping[str, float]) -> list[str]:
    fall = metrics["max_drawdown"]
    return [f"The account fell by {fall:.0%} below its highest."] if fall > DEEP_DRAWDOWN else []


def _fills(fills: pd.DataFrame) -> list[str]:
    n_ambiguous = int(fills["ambiguous"].sum()) if "ambiguous" in fills.columns else 0
    if n_ambiguous == 0:
        return []
    return [f"{n_ambiguous:,} of {len(fills):,} fills are ambiguous: their bar does not tell what came first."]
