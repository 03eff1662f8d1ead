"""Trades: what the round trips earned, in all and by side, reason, hour or weekday, and how far they went before.

Every function takes the `trades` table of a run; `pnl` is net of all costs, in the account currency.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.moments import Moments, moments
from sptrader.performance.returns import Floats

NAN = float("nan")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GROUPS = ("exit_reason", "side", "symbol", "hour", "weekday", "month")
_ROUNDING = 1e-12  # P&L of one size, made from different prices, differs by this share at most
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class TradeStatistics:
    """What a set of trades came to; amounts in the account currency, nan where there is nothing to say.

    `trades` is their number, `pnl` their sum, `expectancy` their mean. A trade wins when its net `pnl` is above 0 and
    loses when it is below; `win_rate` is of all trades. `profit_factor` is what the winners made over what the losers
    lost, nan without losers. `payoff` is the average win over the average loss. `sqn` is the system quality number of
    Van Tharp on net P&L: mean over sample standard deviation, times the root of the number. `longest_wins` and
    `longest_losses` are the longest runs of one kind in the order of the table.
    """

    trades: int
    pnl: float
    win_rate: float
    profit_factor: float
    payoff: float
    expectancy: float
    avg_win: float
    avg_loss: float
    best_trade: float
    worst_trade: float
    avg_bars_held: float
    avg_bars_won: float
    avg_bars_lost: float
    longest_wins: int
    longest_losses: int
    sqn: float


def column(table: pd.DataFrame, name: str) -> Floats:
    """Return the numbers of a table's column; raise `RunError` naming it when it is missing."""
    if name not in table.columns:
        known = [str(known) for known in table.columns]
        raise RunError(
            f"the table lacks the column '{name}'{did_you_mean(name, known)}; it has {', '.join(known) or 'none'}.",
            key=name,
        )
    return table[name].to_numpy(np.float64)


def trade_statistics(trades: pd.DataFrame) -> TradeStatistics:
    """Return the statistics of `trades` (columns `pnl` and `bars_held`)."""
    return pnl_statistics(column(trades, "pnl"), column(trades, "bars_held"))


def trade_table(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the statistics of all, the long and the short trades: a row each figure, columns `all long short`."""
    side = trades["side"].astype(str).to_numpy()
    pnl, held = column(trades, "pnl"), column(trades, "bars_held")
    sets = {"all": np.ones(len(trades), bool), "long": side == "long", "short": side == "short"}
    return pd.DataFrame(
        {name: asdict(pnl_statistics(pnl[chosen], held[chosen])) for name, chosen in sets.items()},
        index=[field.name for field in fields(TradeStatistics)],
    )


def breakdown(trades: pd.DataFrame, by: str, *, zone: str = "UTC") -> pd.DataFrame:
    """Return what each group of trades came to: `trades pnl win_rate profit_factor expectancy avg_bars_held`.

    `by` is one of `GROUPS`; `hour`, `weekday` and `month` are of the entry time in `zone`. Groups of a clock or a
    calendar come in its order, the others by number of trades. Groups without a trade are left out.
    """
    keys = _group_keys(trades, by, zone)
    pnl, held = column(trades, "pnl"), column(trades, "bars_held")
    codes, names = pd.factorize(keys, sort=True)
    names_found = list(names)
    if by == "weekday":
        names_found = [WEEKDAYS[day] for day in names_found]
    shown = ("trades", "pnl", "win_rate", "profit_factor", "expectancy", "avg_bars_held")
    rows = [asdict(pnl_statistics(pnl[codes == code], held[codes == code])) for code in range(len(names_found))]
    table = pd.DataFrame(
        [{name: row[name] for name in shown} for row in rows],
        index=pd.Index(names_found, name=by, dtype=object if not rows else None),
        columns=list(shown),
    )
    is_ordered = by in ("hour", "weekday", "month")
    return table if is_ordered else table.sort_values("trades", ascending=False, kind="stable")


def excursion_table(trades: pd.DataFrame) -> pd.DataFrame:
    """Return how far trades went against (`mae`) and in favour (`mfe`) before they closed.

    A row for each of the two and for all, winning and losing trades; columns `trades`, `mean` and the quantiles
    `q05 q25 q50 q75 q95`. Distances are positive and in the unit of the table's columns. Winners whose `mae` is always
    small say that a tighter stop would do; losers with a large `mfe` say that profits were given back.
    """
    pnl = column(trades, "pnl")
    sets = {"all": np.ones(len(pnl), bool), "winners": pnl > 0, "losers": pnl < 0}
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for name in ("mae", "mfe"):
        distance = np.abs(column(trades, name))
        for group, chosen in sets.items():
            some = distance[chosen & ~np.isnan(distance)]
            quantiles = np.quantile(some, QUANTILES) if len(some) else np.full(len(QUANTILES), NAN)
            named = {f"q{round(q * 100):02d}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)}
            rows[name, group] = {"trades": len(some), "mean": mean(some), **named}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["excursion", "trades"])
    return table


def edge_ratio(trades: pd.DataFrame) -> float:
    """Return the mean `mfe` over the mean `mae`: above 1, entries went further for than against; nan without either."""
    mae, mfe = np.abs(column(trades, "mae")), np.abs(column(trades, "mfe"))
    against = mean(mae[~np.isnan(mae)])
    return mean(mfe[~np.isnan(mfe)]) / against if against > 0 else NAN


def profit_factor(pnl: Floats | Moments) -> float:
    """Return what the winners made over what the losers lost; nan without losers.

    >>> profit_factor(np.array([30.0, -10.0, -5.0]))
    2.0
    """
    m = moments(pnl)
    return m.gains / -m.losses if m.losses < 0 else NAN


def sqn(pnl: Floats | Moments) -> float:
    """Return the system quality number: mean over sample standard deviation (ddof 1), times the root of the number.

    On net P&L, not on multiples of the risk; nan with fewer than two trades or when all are equal.

    >>> sqn(np.array([1.0, 2.0, 3.0, 4.0]))  # 2.5 / 1.2909944 x 2
    3.872983346207417
    """
    m = moments(pnl)
    if m.n < 2 or m.spread <= _ROUNDING * max(abs(m.low), abs(m.high)) or not m.squares > 0:
        return NAN
    return m.mean / math.sqrt(m.squares / (m.n - 1)) * math.sqrt(m.n)


def amounts(pnl: Floats | Moments) -> dict[str, float]:
    """Return the figures of `TradeStatistics` that need the net `pnl` (n,) alone and not its order, by name."""
    m = moments(pnl)
    return {
        "trades": m.n,
        "pnl": m.total,
        "win_rate": m.n_gains / m.n if m.n else NAN,
        "profit_factor": profit_factor(m),
        "expectancy": m.mean if m.n else NAN,
        "avg_win": m.gains / m.n_gains if m.n_gains else NAN,
        "avg_loss": m.losses / m.n_losses if m.n_losses else NAN,
        "best_trade": m.high if m.n else NAN,
        "worst_trade": m.low if m.n else NAN,
        "sqn": sqn(m),
    }


def pnl_statistics(pnl: Floats, held: Floats) -> TradeStatistics:
    """Return the statistics of trades by their net `pnl` and the bars they were held, both (n,)."""
    is_win, is_loss = pnl > 0, pnl < 0
    found = amounts(pnl)
    return TradeStatistics(
        trades=len(pnl),
        pnl=found["pnl"],
        win_rate=found["win_rate"],
        profit_factor=found["profit_factor"],
        payoff=-found["avg_win"] / found["avg_loss"],
        expectancy=found["expectancy"],
        avg_win=found["avg_win"],
        avg_loss=found["avg_loss"],
        best_trade=found["best_trade"],
        worst_trade=found["worst_trade"],
        avg_bars_held=mean(held),
        avg_bars_won=mean(held[is_win]),
        avg_bars_lost=mean(held[is_loss]),
        longest_wins=_longest_run(is_win),
        longest_losses=_longest_run(is_loss),
        sqn=found["sqn"],
    )


def mean(values: Floats) -> float:
    """Return the average of `values`, nan without any."""
    return float(np.add.reduce(values)) / len(values) if len(values) else NAN


def _longest_run(is_so: NDArray[np.bool_]) -> int:
    breaks = np.flatnonzero(~is_so)
    return int((np.diff(np.concatenate(([-1], breaks, [len(is_so)]))) - 1).max())


def _group_keys(trades: pd.DataFrame, by: str, zone: str) -> pd.Series:
    if by not in GROUPS:
        raise RunError(f"by was '{by}'{did_you_mean(by, GROUPS)}; allowed are {', '.join(GROUPS)}.", key="by", value=by)
    if by in ("exit_reason", "side", "symbol"):
        return trades[by].astype(str)
    entry = pd.Series(pd.to_datetime(trades["entry_time"], utc=True)).dt.tz_convert(zone).dt
    return {"hour": entry.hour, "weekday": entry.day_of_week, "month": entry.month}[by]
