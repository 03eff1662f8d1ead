"""Sections that are tables: metrics, scenarios, risk use, trades, decisions, provenance."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sptrader.model.reasons import Reason
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.performance.intervals import Interval, intervals
from sptrader.plots.parts import facts_part, meter_part, part, table_part
from sptrader.runs.reported import ReportedRun
from sptrader.runs.riskuse import LimitUse, risk_use
from sptrader.runs.section import Look, Section

N_EXAMPLES = 3


def run_intervals(run: ReportedRun) -> dict[str, Interval]:
    """Return the bootstrap intervals of a run's Sharpe ratio, drawdown and profit factor, the same at every call."""
    pnl = run.trades["pnl"].to_numpy(np.float64)
    return intervals(run.session_returns, pnl, seed=run.config.seed)


def interval_text(interval: Interval | None) -> str:
    """Return an interval as people read it; empty where there is none."""
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return ""
    if DEFINITIONS[interval.name].unit == "percent":
        return f"{interval.low:.1%} to {interval.high:.1%}"
    return f"{interval.level:.0%}: {interval.low:.2f} to {interval.high:.2f}"


def metrics_section(run: ReportedRun, look: Look) -> Section:
    """Every metric with its interval, meaning, formula and source."""
    ranges = run_intervals(run)
    rows = [
        {
            "metric": name,
            "value": metric_text(name, value, currency=run.config.currency),
            "95% interval": interval_text(ranges.get(name)).removeprefix("95%: "),
            "meaning": DEFINITIONS[name].text,
            "formula": DEFINITIONS[name].formula,
            "source": DEFINITIONS[name].source,
        }
        for name, value in run.metrics.items()
    ]
    table = table_part(pd.DataFrame(rows), wrapped=("meaning", "formula", "source"))
    note = (
        '<p class="sp-note">Intervals by stationary block bootstrap of session returns and of trades; '
        "n/a: not defined for this run.</p>"
    )
    return told(run, look, table.replace("sp-scroll", "sp-whole", 1) + note)


def scenarios_section(run: ReportedRun, look: Look) -> Section:
    """The pessimistic and the optimistic reading side by side, scenarios both."""
    money = run.config.currency
    rows = [
        {
            "inside a bar that reaches both": f"{row['intrabar']} ({'stop' if row['intrabar'] == 'pessimistic' else 'target'} first)",
            "final equity": f"{row['final_equity']:,.2f} {money}",
            "total return": f"{row['total_return']:+.2%}",
            "largest drawdown": f"{row['max_drawdown']:.2%}",
            "trades": f"{row['trades']:,}",
            "won": "n/a" if math.isnan(row["win_rate"]) else f"{row['win_rate']:.1%}",
        }
        for row in run.scenarios.to_dict("records")
    ]
    note = '<p class="sp-note">The same run, with every doubt inside a bar resolved one way.</p>'
    return told(run, look, table_part(pd.DataFrame(rows)) + note)


def risk_section(run: ReportedRun, look: Look) -> Section:
    """Each limit with the most of it that was used, as a bar, when, and how often it bound."""
    uses = risk_use(run)
    money = run.config.currency
    table = pd.DataFrame(
        {
            "limit": [use.name.replace("_", " ") for use in uses],
            "of": [use.meaning for use in uses],
            "most": [_amount(use, use.used, money) for use in uses],
            "allowed": ["no limit" if math.isinf(use.limit) else _amount(use, use.limit, money) for use in uses],
            "used": ["" if math.isnan(use.share) else f"{use.share:.0%}" for use in uses],
            "": [meter_part(use.share) for use in uses],
            "when": [use.at for use in uses],
            "times it bound": [use.bound for use in uses],
        }
    )
    note = (
        '<p class="sp-note">Marks at the bars\' closes; positions and notionals at the opening fills. '
        "A limit bound where it refused an entry, cut its size or closed positions.</p>"
    )
    return told(run, look, table_part(table, wrapped=("of",), markup=("",)) + note)


def trades_section(run: ReportedRun, look: Look) -> Section:
    """Every trade."""
    if len(run.trades) == 0:
        return nothing(run, look, "No trade was closed.")
    names = ("symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "pnl", "return")
    more = ("fees", "bars_held", "exit_reason", "mae", "mfe")
    table = run.trades[[*names, *more]].assign(exit_reason=run.trades["exit_reason"].astype(str).str.replace("_", " "))
    for name in ("fees", "mae", "mfe"):
        table[name] = table[name].astype(np.float64).round(2)
    return told(run, look, table_part(table, signed=("pnl", "return"), percent=("return",)))


def decisions_section(run: ReportedRun, look: Look) -> Section:
    """Decisions that did not become orders, and orders that were cut, by reason with counts and examples."""
    table = run.decisions
    outcomes = table["outcome"].astype(str)
    n_ordered = int((outcomes == "ordered").sum())
    kinds = [(outcome, table[outcomes == outcome], "reason") for outcome in ("refused", "ignored")]
    if "cap" in table.columns:
        capped = table[(outcomes == "ordered") & (table["cap"].astype(str) != "")]
        is_leave = capped["action"].astype(str) == "leave"
        kinds[1:1] = [("cut", capped[~is_leave], "cap"), ("half refused", capped[is_leave], "cap")]
    rows = [row for outcome, part_, column in kinds for row in _reasons(part_, outcome, column)]
    if not rows:
        return nothing(run, look, f"All {len(table):,} decisions became orders.")
    note = (
        f'<p class="sp-note">{n_ordered:,} of {len(table):,} decisions became orders. '
        "Refused: a rule was true and a check was not; cut: ordered, but smaller; half refused: a position was left "
        "and not reversed; ignored: no rule was true, or there was nothing to do. "
        "Examples: symbol, the bar's opening time, and what was asked.</p>"
    )
    return told(run, look, table_part(pd.DataFrame(rows), wrapped=("meaning", "examples"), max_rows=100) + note)


def provenance_section(run: ReportedRun, look: Look) -> Section:
    """What the run came from, with every hash."""
    return told(run, look, facts_part(run.provenance))


def told(run: ReportedRun, look: Look, html: str) -> Section:
    """Return HTML as a section, marked with what it shows."""
    return Section(look.name, look.title, html=part(html, section=look.name, run=run.id))


def nothing(run: ReportedRun, look: Look, sentence: str) -> Section:
    """Return the section that says why there is nothing to show."""
    return told(run, look, f'<p class="sp-note">{sentence}</p>')


def _reasons(table: pd.DataFrame, outcome: str, column: str) -> list[dict[str, object]]:
    """A row for each reason, the most frequent first."""
    rows: list[dict[str, object]] = []
    for word, group in table.groupby(column, observed=True, sort=False):
        shown = group.iloc[:: max(1, len(group) // N_EXAMPLES)].head(N_EXAMPLES)
        rows.append(
            {
                "outcome": outcome,
                "reason": str(word),
                "decisions": len(group),
                "meaning": _sentence(str(word)),
                "examples": "; ".join(
                    f"{row.symbol} {row.time:%Y-%m-%d %H:%M} {str(row.action).replace('_', ' ')}"
                    for row in shown.itertuples()
                ),
            }
        )
    return sorted(rows, key=lambda row: -int(str(row["decisions"])))


def _sentence(word: str) -> str:
    known = {reason.word: reason.sentence for reason in Reason}
    return known.get(word, "")


def _amount(use: LimitUse, value: float, currency: str) -> str:
    if use.unit == "fraction":
        return f"{value:.2%}"
    return f"{value:,.0f}" if use.unit == "count" else f"{value:,.0f} {currency}"
