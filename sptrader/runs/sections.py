"""Sections: what a run shows, piece by piece, in a notebook, in a report and on the page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.performance.intervals import Interval, intervals
from sptrader.plots.decimate import frame_times
from sptrader.plots.parts import STYLE, Card, cards_part, facts_part, head_part, part, table_part, verdict_part
from sptrader.runs.figures import run_figure
from sptrader.runs.reported import ReportedRun
from sptrader.runs.verdict import verdict

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

METRICS_MIME = "application/vnd.sptrader.metrics+json"
PLOTLY_MIME = "application/vnd.plotly.v1+json"
PLOTLY_CONFIG = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}


@dataclass(frozen=True)
class Section:
    """One piece of a run to look at: a `title`, and a `figure` or `html`; `data` travels with it for programs.

    A notebook shows it as the last expression of a cell; programs read `data` back from the saved notebook under
    `application/vnd.sptrader.metrics+json`.
    """

    name: str
    title: str
    html: str = ""
    figure: Figure | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": self.title}
        if self.html:
            bundle["text/html"] = STYLE + self.html
        if self.figure is not None:
            bundle[PLOTLY_MIME] = figure_json(self.figure)
        if self.data:
            bundle[METRICS_MIME] = dict(self.data)
        return bundle


def figure_json(figure: Figure) -> dict[str, Any]:
    """Return a figure as plain JSON data with our display settings, as a notebook stores it."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    return {**plain, "config": PLOTLY_CONFIG}


def section(run: ReportedRun, name: str, *, symbol: str | None = None, theme: str = "light") -> Section:
    """Make the section `name` of `run`; `symbol` chooses the instrument of `price`, the first one by default.

    Raises `RunError` for a name that is not in `SECTIONS`, and for a symbol the run did not trade.
    """
    if name not in SECTIONS:
        raise RunError(
            f"section was '{name}'{did_you_mean(name, SECTIONS)}; allowed are {', '.join(SECTIONS)}.",
            key="section",
            value=name,
        )
    if symbol is not None and symbol not in run.bars:
        raise RunError(
            f"symbol was '{symbol}'{did_you_mean(symbol, run.bars)}; the run has {', '.join(run.bars)}.",
            key="symbol",
            value=symbol,
        )
    title, make = SECTIONS[name]
    return make(run, _Look(name, title, theme, symbol or next(iter(run.bars))))


def sections(run: ReportedRun, *, theme: str = "light") -> list[Section]:
    """Make every section of `run` in the order of a report, the price once for each instrument."""
    made = []
    for name, (title, make) in SECTIONS.items():
        for symbol in run.bars if name == "price" else [next(iter(run.bars))]:
            label = f"{title}: {symbol}" if name == "price" and len(run.bars) > 1 else title
            made.append(make(run, _Look(name, label, theme, symbol)))
    return made


@dataclass(frozen=True)
class _Look:
    """How a section is wanted."""

    name: str
    title: str
    theme: str
    symbol: str


def run_intervals(run: ReportedRun) -> dict[str, Interval]:
    """Return the bootstrap intervals of a run's Sharpe ratio, drawdown and profit factor, the same at every call."""
    pnl = run.trades["pnl"].to_numpy(np.float64)
    return intervals(run.session_returns, pnl, seed=run.config.seed)


def _summary(run: ReportedRun, look: _Look) -> Section:
    ranges = run_intervals(run)
    metrics, currency = run.metrics, run.config.currency
    judged = verdict(
        metrics,
        run.trades,
        run.fills,
        costs=run.costs,
        returns=run.session_returns,
        intervals=ranges,
        warnings=tuple(run.warnings),
    )
    times = frame_times(run.equity)
    span = f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if len(times) else "no bars"
    facts = [
        ("", ", ".join(run.bars)),
        ("", _timeframe(run)),
        ("", span),
        ("start", f"{run.config.cash:,.0f} {currency}"),
        ("parameters", ", ".join(f"{name} {value}" for name, value in run.parameters.items()) or "none"),
        ("run", run.id),
    ]
    title = f"{run.strategy.name} {run.strategy.version}".strip()
    html = (
        head_part(title, run.config.mode, [fact for fact in facts if fact[1]])
        + verdict_part(judged.tone, judged.headline, judged.sentence, judged.cautions)
        + cards_part(_cards(metrics, ranges, currency))
    )
    data = {
        "run": run.id,
        "title": f"{title} · {', '.join(run.bars)} · {span}",
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "verdict": {"headline": judged.headline, "sentence": judged.sentence, "cautions": list(judged.cautions)},
    }
    return Section(look.name, look.title, html=part(html), data=data)


def _timeframe(run: ReportedRun) -> str:
    return str(next(iter(run.bars.values())).attrs.get("sptrader.timeframe", ""))


def _cards(metrics: Mapping[str, float], ranges: Mapping[str, Interval], currency: str) -> list[Card]:
    def card(name: str, label: str, detail: str = "", tone: str = "") -> Card:
        value = metric_text(name, metrics[name], currency=currency)
        return Card(label, value, detail or _range_text(ranges.get(name)), tone, DEFINITIONS[name].text)

    def of(name: str) -> str:
        return metric_text(name, metrics[name], currency=currency)

    gain = metrics["total_return"]
    return [
        card("total_return", "Total return", f"buy and hold {of('benchmark_return')}", "up" if gain > 0 else "down"),
        card("cagr", "A year", f"volatility {of('volatility')}"),
        card("sharpe", "Sharpe ratio"),
        card("max_drawdown", "Deepest fall", f"longest {of('max_drawdown_days')}"),
        card("trades", "Trades", f"{of('avg_bars_held')} each"),
        card("win_rate", "Won", f"{of('expectancy')} each"),
        card("profit_factor", "Profit factor"),
        Card(f"Final equity, {currency}", f"{metrics['final_equity']:,.0f}", f"fees {metrics['fees']:,.2f}"),
    ]


def _range_text(interval: Interval | None) -> str:
    if interval is None or not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return ""
    if DEFINITIONS[interval.name].unit == "percent":
        return f"{interval.low:.1%} to {interval.high:.1%}"
    return f"{interval.level:.0%}: {interval.low:.2f} to {interval.high:.2f}"


def _figure(run: ReportedRun, look: _Look) -> Section:
    figure = run_figure(run, look.name, symbol=look.symbol, theme=look.theme, title="")
    return Section(look.name, look.title, figure=figure)


def _results(run: ReportedRun, look: _Look) -> Section:
    return _figure(run, look) if len(run.trades) else _nothing(look, "No trade was closed.")


def _metrics(run: ReportedRun, look: _Look) -> Section:
    ranges = run_intervals(run)
    rows = [
        {
            "metric": name,
            "value": metric_text(name, value, currency=run.config.currency),
            "95% interval": _range_text(ranges.get(name)).removeprefix("95%: "),
            "meaning": DEFINITIONS[name].text,
            "formula": DEFINITIONS[name].formula,
        }
        for name, value in run.metrics.items()
    ]
    table = table_part(pd.DataFrame(rows), wrapped=("meaning", "formula"))
    note = (
        '<p class="sp-note">Intervals by stationary block bootstrap of session returns and of trades; '
        "n/a: not defined for this run.</p>"
    )
    return Section(look.name, look.title, html=part(table.replace("sp-scroll", "sp-whole", 1) + note))


def _scenarios(run: ReportedRun, look: _Look) -> Section:
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
    return Section(look.name, look.title, html=part(table_part(pd.DataFrame(rows)) + note))


def _trades(run: ReportedRun, look: _Look) -> Section:
    if len(run.trades) == 0:
        return _nothing(look, "No trade was closed.")
    names = ("symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "pnl", "return")
    more = ("fees", "bars_held", "exit_reason", "mae", "mfe")
    table = run.trades[[*names, *more]].assign(exit_reason=run.trades["exit_reason"].astype(str).str.replace("_", " "))
    for name in ("fees", "mae", "mfe"):
        table[name] = table[name].astype(np.float64).round(2)
    return Section(look.name, look.title, html=part(table_part(table, signed=("pnl", "return"), percent=("return",))))


def _decisions(run: ReportedRun, look: _Look) -> Section:
    table = run.decisions
    refused = table[table["outcome"].astype(str) != "ordered"]
    if len(refused) == 0:
        return _nothing(look, f"All {len(table):,} decisions became orders.")
    grouped = refused.groupby(["outcome", "reason"], observed=True, sort=False)["time"]
    counted = grouped.agg(["count", "min", "max"]).reset_index().sort_values("count", ascending=False, kind="stable")
    counted.columns = pd.Index(["outcome", "reason", "decisions", "first", "last"])
    note = f'<p class="sp-note">{len(table) - len(refused):,} of {len(table):,} decisions became orders.</p>'
    return Section(look.name, look.title, html=part(table_part(counted, wrapped=("reason",), max_rows=100) + note))


def _provenance(run: ReportedRun, look: _Look) -> Section:
    return Section(look.name, look.title, html=part(facts_part(run.provenance)))


def _nothing(look: _Look, sentence: str) -> Section:
    return Section(look.name, look.title, html=part(f'<p class="sp-note">{sentence}</p>'))


SECTIONS: Mapping[str, tuple[str, Callable[[ReportedRun, _Look], Section]]] = {
    "summary": ("Summary", _summary),
    "price": ("Price and trades", _figure),
    "equity": ("Equity", _figure),
    "monthly": ("Monthly returns", _figure),
    "results": ("Results", _results),
    "costs": ("Costs", _figure),
    "scenarios": ("Scenarios", _scenarios),
    "rolling": ("Rolling", _figure),
    "metrics": ("Metrics", _metrics),
    "trades": ("Trades", _trades),
    "decisions": ("Decisions without an order", _decisions),
    "provenance": ("Provenance", _provenance),
}
