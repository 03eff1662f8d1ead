"""Costs: how the gross result at mid prices became the net one.

    gross - spread - slippage - commission - financing = net

Every cost is positive when it was paid. Financing received is a negative cost, though `financing` columns of tables
hold what was *received* as positive, as the account books it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sptrader.errors import RunError
from sptrader.performance.trades import column

COSTS = ("spread", "slippage", "commission", "financing")
_COLUMNS = {"spread": ("spread_cost",), "slippage": ("slippage_cost",), "commission": ("fee", "fees")}


@dataclass(frozen=True)
class CostSplit:
    """One result and what it cost, account currency: `gross` at mid, four costs (positive = paid), `net`."""

    gross: float
    spread: float
    slippage: float
    commission: float
    financing: float
    net: float

    @property
    def total(self) -> float:
        """All costs together, account currency."""
        return self.spread + self.slippage + self.commission + self.financing

    @property
    def imbalance(self) -> float:
        """What the identity is off by, account currency: 0 to the cent, or the books are wrong."""
        return self.gross - self.total - self.net

    @property
    def share_of_gross(self) -> float:
        """The fraction of the gross gain that costs took; nan when there was no gross gain."""
        return self.total / self.gross if self.gross > 0 else float("nan")

    def table(self) -> pd.DataFrame:
        """Return the steps from gross to net, as for a waterfall: index `item`, columns `amount` and `balance`."""
        amounts = [self.gross, -self.spread, -self.slippage, -self.commission, -self.financing]
        return pd.DataFrame(
            {"amount": [*amounts, self.net], "balance": [*np.cumsum(amounts).tolist(), self.net]},
            index=pd.Index(["gross", *COSTS, "net"], name="item"),
        )


def cost_split(
    table: pd.DataFrame,
    net: float,
    *,
    gross: float | None = None,
    financing: float | None = None,
    open_spread: float = 0.0,
) -> CostSplit:
    """Sum the costs of a table of fills or of trades.

    The table has `spread_cost`, `slippage_cost`, `fee` (or `fees`), all positive when paid, and `financing`, positive
    when received; account currency. `net` is the change of equity for fills, the sum of `pnl` for trades. Pass
    `financing` (positive when received) when the table has no such column, `open_spread` for the exit half-spread that
    open positions are marked with, and `gross` when it was measured independently: then `imbalance` is the check. By
    itself it is what makes the identity hold.
    """
    spread = float(_paid(table, "spread").sum()) + open_spread
    slippage, commission = float(_paid(table, "slippage").sum()), float(_paid(table, "commission").sum())
    received = float(column(table, "financing").sum()) if financing is None else financing
    costs = spread + slippage + commission - received
    return CostSplit(
        gross=net + costs if gross is None else gross,
        spread=spread,
        slippage=slippage,
        commission=commission,
        financing=-received,
        net=net,
    )


def cost_table(trades: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the cost split of each group of trades: index the values of the column `by`, columns `gross` ... `net`."""
    if by not in trades.columns:
        raise RunError(
            f"by was '{by}'; allowed is a column of the trades: {', '.join(trades.columns)}.", key="by", value=by
        )
    amounts = pd.DataFrame(
        {
            "gross": 0.0,
            **{name: _paid(trades, name) for name in _COLUMNS},
            "financing": -column(trades, "financing"),
            "net": column(trades, "pnl"),
        }
    )
    amounts["gross"] = amounts[[*COSTS, "net"]].sum(axis=1)
    return amounts.groupby(trades[by].to_numpy()).sum().rename_axis(by)


def _paid(table: pd.DataFrame, cost: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    names = _COLUMNS[cost]
    return column(table, next((name for name in names if name in table.columns), names[0]))
