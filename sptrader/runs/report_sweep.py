"""The report of a sweep: what it found and how much of it is having tried, as one self-contained HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.plots.display import figure_json
from sptrader.plots.parts import Card, Doubt, cards_part, facts_part, head_part, part, table_part, verdict_part
from sptrader.runs.bundle import SWEEP_PAGE, Bundle, BundledRun, bundle_part, bundled_sweep
from sptrader.runs.ledger import Opening
from sptrader.runs.overfit import Overfit
from sptrader.runs.page import INLINE, heading_part, page, plot_part
from sptrader.runs.report import check_place, data_part, write_page
from sptrader.runs.reported import Trials
from sptrader.runs.space import Space

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BEST_ROWS = 200
_METRICS = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate", "profit_factor", "final_equity")
_FIGURES = {
    "heatmap": "The space",
    "parallel": "Parameters and objective",
    "equity": "Equity of the best",
}


class ReportedSweep(Protocol):
    """What a report needs of a sweep."""

    objective: str
    facts: dict[str, Any]
    warnings: tuple[str, ...]
    is_complete: bool
    folder: Path | None

    @property
    def id(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def scores(self) -> pd.Series: ...
    @property
    def title(self) -> str: ...
    @property
    def n_trials(self) -> int: ...
    @property
    def openings(self) -> list[Opening]: ...
    def ranked(self, n: int | None = None) -> pd.DataFrame:
        """The rows, best first."""
        ...

    def overfit(self, *, n_blocks: int = 16, n_trials: float | None = None) -> Overfit:
        """How much of the best row is skill."""
        ...

    def plot(self, name: str = "heatmap", *, theme: str = "light") -> Figure:
        """A figure by name."""
        ...


def save_sweep_report(sweep: ReportedSweep, out: str | Path, *, script: str = INLINE, theme: str = "light") -> Path:
    """Write what `sweep` found as an HTML page to `out` and return its path; `script` is as in `save_run_report`.

    First comes what speaks against its best row: the deflated Sharpe ratio by the trials the ledger counts now, the
    probability of overfitting, and how its neighbours did.
    """
    path = Path(out)
    check_place(path, script)
    trials = Trials(float(max(sweep.n_trials, 1)))
    named = bundled_sweep(sweep.id, sweep.folder, path, trials, len(sweep.openings))
    return write_page(path, sweep_page(sweep, named, script=script, theme=theme), script)


def sweep_page(sweep: ReportedSweep, named: BundledRun, *, script: str = INLINE, theme: str = "light") -> str:
    """Return the page of a sweep; `named` is what it says of where the sweep is, the trials it is deflated by, and the looks at
    its hold-out, which the ledger has to know."""
    has_best = len(sweep.table) > 0 and bool(np.isfinite(sweep.scores.to_numpy(np.float64)).any())
    trials = named.trials.n_trials if named.trials else 1.0
    found = None
    if has_best:
        judged = sweep.overfit(n_trials=max(trials, float(len(sweep.table))))
        found = replace(judged, openings=judged.openings[: named.n_openings])  # those until the page was made
    numbers = count(1)
    body = [_summary(sweep, found)]
    if found is not None:
        for name, title in _FIGURES.items():
            body += [heading_part(title, name), plot_part(next(numbers), figure_json(sweep.plot(name, theme=theme)))]
        body += [
            heading_part("Overfit", "overfit"),
            plot_part(next(numbers), figure_json(found.plot(theme=theme)), label="Overfit"),
            _told(sweep, "overfit", _overfit_table(found)),
            heading_part("Best rows", "rows"),
            _told(sweep, "rows", _rows(sweep)),
        ]
    body += [heading_part("Provenance", "provenance"), _told(sweep, "provenance", facts_part(_facts(sweep)))]
    said = {"sweep": sweep.id, "title": sweep.title, "objective": sweep.objective, "rows": len(sweep.table)}
    body += [data_part(said), bundle_part(Bundle(SWEEP_PAGE, theme, (named,)))]
    footer = f"Made by sptrader from sweep {sweep.id}."
    return page(sweep.title, "\n".join(body), script=script, footer=footer, theme=theme)


def _summary(sweep: ReportedSweep, found: Overfit | None) -> str:
    doubts = [Doubt(warning) for warning in sweep.warnings]
    if not sweep.is_complete:
        doubts.insert(0, Doubt("It is not complete.", f"{len(sweep.table):,} rows are done", "", "incomplete"))
    n_failed = int((sweep.table["error"] != "").sum()) if "error" in sweep.table else 0
    if n_failed:
        doubts.append(Doubt("Some combinations failed.", f"{n_failed:,} of {len(sweep.table):,}", "", "failed_rows"))
    facts = [
        ("", f"{len(sweep.table):,} combinations"),
        ("objective", sweep.objective),
        ("space", ", ".join(f"{n} ({len(v):,})" for n, v in zip(sweep.space.names, sweep.space.values, strict=True))),
        ("sweep", sweep.id),
    ]
    if found is None:
        told = verdict_part(
            "poor", "No row has an objective.", "Nothing can be said of a space without trades.", doubts
        )
        return _told(sweep, "summary", head_part(sweep.title, "sweep", facts) + told)
    is_sound = found.verdict.startswith("Nothing") and not doubts
    told = verdict_part("good" if is_sound else "fair", _best_text(sweep), found.verdict, doubts)
    return _told(sweep, "summary", head_part(sweep.title, "sweep", facts) + told + cards_part(_cards(sweep, found)))


def _best_text(sweep: ReportedSweep) -> str:
    best = sweep.ranked(1)
    values = ", ".join(f"{name} {best[name].tolist()[0]}" for name in sweep.space.names)
    return f"Best {sweep.objective}: {np.nanmax(sweep.scores.to_numpy(np.float64)):,.4g} at {values}."


def _cards(sweep: ReportedSweep, found: Overfit) -> list[Card]:
    best = sweep.ranked(1).iloc[0]
    scores = sweep.scores.to_numpy(np.float64)
    low, middle = np.nanmin(scores), np.nanmedian(scores)
    pbo = "n/a" if found.pbo is None else f"{found.pbo.probability:.2f}"
    return [
        Card(f"Best {sweep.objective}", f"{np.nanmax(scores):,.4g}", f"median {middle:,.4g}, worst {low:,.4g}"),
        Card("Deflated Sharpe", f"{found.deflated.probability:.2f}", f"{found.n_trials:,.0f} trials; bar 0.95"),
        Card("Overfitting", pbo, "probability; noise is 0.5"),
        Card("Stability", f"{found.stability.ratio:.2f}", "neighbours over the best"),
        Card("Trades of the best", metric_text("trades", float(best["trades"])), f"won {_metric('win_rate', best)}"),
        Card("Drawdown of the best", _metric("max_drawdown", best), f"return {_metric('total_return', best)}"),
    ]


def _metric(name: str, row: Mapping[str, Any] | pd.Series, currency: str = "") -> str:
    return metric_text(name, float(row[name]), currency=currency)


def _overfit_table(found: Overfit) -> str:
    table = found.table()
    shown = pd.DataFrame(
        {
            "figure": table.index,
            "value": ["n/a" if math.isnan(value) else f"{value:,.4g}" for value in table["value"]],
            "meaning": table["meaning"].to_numpy(),
        }
    )
    return table_part(shown, wrapped=("meaning",))


def _rows(sweep: ReportedSweep) -> str:
    """The best rows with what varies, their objective and a few metrics."""
    best = sweep.ranked(BEST_ROWS)
    currency = str(sweep.facts.get("account", {}).get("currency", ""))
    columns: dict[str, list[Any]] = {"row": best.index.tolist()}
    columns |= {name: best[name].tolist() for name in sweep.space.names}
    if sweep.objective not in DEFINITIONS:
        columns[sweep.objective] = sweep.scores.loc[best.index].tolist()
    for name in _METRICS:
        columns[name] = [metric_text(name, float(value), currency=currency) for value in best[name]]
    note = f'<p class="sp-note">The best {len(best):,} of {len(sweep.table):,} rows.</p>'
    return table_part(pd.DataFrame(columns)) + note


def _facts(sweep: ReportedSweep) -> dict[str, object]:
    """The sweep's facts but for what the page says elsewhere; bars that were given are not below a timeframe."""
    space = {n: ", ".join(map(str, v[:40])) for n, v in zip(sweep.space.names, sweep.space.values, strict=True)}
    facts: dict[str, object] = {**sweep.facts, "space": space}
    for name in ("data", "sources"):
        by_timeframe = sweep.facts[name]
        facts[name] = by_timeframe.get("", by_timeframe)
    return {name: value for name, value in facts.items() if value not in (None, "", [], {})}


def _told(sweep: ReportedSweep, section: str, html: str) -> str:
    return part(html, section=section, run=sweep.id)
