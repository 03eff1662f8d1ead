"""Sections: what a run shows, piece by piece, in a notebook, in a report and on the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.performance.intervals import Interval
from sptrader.plots.decimate import frame_times
from sptrader.plots.display import PLOTLY_MIME, figure_json
from sptrader.plots.parts import Card, Doubt, cards_part, head_part, part, verdict_part
from sptrader.runs.doctor import Finding, diagnose
from sptrader.runs.figures import run_figure
from sptrader.runs.reported import ReportedRun
from sptrader.runs.section import METRICS_MIME, Look, Section
from sptrader.runs.section_tables import (
    decisions_section,
    interval_text,
    metrics_section,
    nothing,
    provenance_section,
    risk_section,
    run_intervals,
    scenarios_section,
    trades_section,
)
from sptrader.runs.verdict import verdict

__all__ = ["METRICS_MIME", "PLOTLY_MIME", "SECTIONS", "Section", "figure_json", "section", "sections"]


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
    return make(run, Look(name, title, theme, symbol or next(iter(run.bars))))


def sections(run: ReportedRun, *, theme: str = "light") -> list[Section]:
    """Make every section of `run` in the order of a report, the price once for each instrument."""
    made = []
    for name, (title, make) in SECTIONS.items():
        for symbol in run.bars if name == "price" else [next(iter(run.bars))]:
            label = f"{title}: {symbol}" if name == "price" and len(run.bars) > 1 else title
            made.append(make(run, Look(name, label, theme, symbol)))
    return made


def _summary(run: ReportedRun, look: Look) -> Section:
    metrics, currency = run.metrics, run.config.currency
    ranges = run_intervals(run)
    findings = diagnose(run, ranges)
    judged = verdict(metrics, findings)
    times = frame_times(run.equity)
    span = f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if len(times) else "no bars"
    facts = [
        ("", ", ".join(run.bars)),
        ("", _timeframe(run)),
        ("", span),
        ("start", f"{run.config.cash:,.0f} {currency}"),
        ("parameters", ", ".join(f"{name} {value}" for name, value in run.parameters.items()) or "none"),
        ("run", run.id),
        ("trials on these data", f"{run.trials.n_trials:,.0f}" if run.trials else ""),
    ]
    title = f"{run.strategy.name} {run.strategy.version}".strip()
    html = (
        head_part(title, run.config.mode, [fact for fact in facts if fact[1]])
        + verdict_part(judged.tone, judged.headline, judged.sentence, [_doubt(f) for f in findings])
        + cards_part(_cards(metrics, ranges, currency))
    )
    data = {
        "run": run.id,
        "title": f"{title} · {', '.join(run.bars)} · {span}",
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "trials": None if run.trials is None else asdict(run.trials),
        "verdict": {
            "headline": judged.headline,
            "sentence": judged.sentence,
            "findings": [{**asdict(finding), "why": finding.why} for finding in findings],
        },
    }
    return Section(look.name, look.title, html=part(html, section=look.name, run=run.id), data=data)


def _doubt(finding: Finding) -> Doubt:
    return Doubt(finding.what, finding.figure, finding.why, finding.code)


def _timeframe(run: ReportedRun) -> str:
    return str(next(iter(run.bars.values())).attrs.get("sptrader.timeframe", ""))


def _cards(metrics: Mapping[str, float], ranges: Mapping[str, Interval], currency: str) -> list[Card]:
    def card(name: str, label: str, detail: str = "", tone: str = "") -> Card:
        value = metric_text(name, metrics[name], currency=currency)
        return Card(label, value, detail or interval_text(ranges.get(name)), tone, DEFINITIONS[name].text)

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


def _figure(run: ReportedRun, look: Look) -> Section:
    figure = run_figure(run, look.name, symbol=look.symbol, theme=look.theme, title="")
    figure.update_layout(meta={"run": run.id, "section": look.name, "symbol": look.symbol, "theme": look.theme})
    return Section(look.name, look.title, figure=figure)


def _results(run: ReportedRun, look: Look) -> Section:
    return _figure(run, look) if len(run.trades) else nothing(run, look, "No trade was closed.")


SECTIONS: Mapping[str, tuple[str, Callable[[ReportedRun, Look], Section]]] = {
    "summary": ("Summary", _summary),
    "price": ("Price and trades", _figure),
    "equity": ("Equity", _figure),
    "monthly": ("Monthly returns", _figure),
    "results": ("Results", _results),
    "costs": ("Costs", _figure),
    "scenarios": ("Scenarios", scenarios_section),
    "risk": ("Risk use", risk_section),
    "rolling": ("Rolling", _figure),
    "metrics": ("Metrics", metrics_section),
    "trades": ("Trades", trades_section),
    "decisions": ("Decisions refused", decisions_section),
    "provenance": ("Provenance", provenance_section),
}
