"""The report of a comparison: several runs side by side, as one self-contained HTML file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sptrader.performance.definitions import DEFINITIONS
from sptrader.plots.compare import comparison_figure
from sptrader.plots.display import figure_json
from sptrader.plots.parts import Doubt, head_part, part, table_part, verdict_part
from sptrader.runs.bundle import COMPARISON_PAGE, Bundle, BundledRun, bundle_part, bundled
from sptrader.runs.compare import ComparedRow, Comparison
from sptrader.runs.page import INLINE, heading_part, page, plot_part
from sptrader.runs.report import check_place, write_page

MOST_NAMED = 4  # differences in the headline


def save_comparison(comparison: Comparison, out: str | Path, *, script: str = INLINE, theme: str = "light") -> Path:
    """Write the comparison as one self-contained HTML page to `out` and return its path.

    The page names its runs' folders with the hashes of their files: `verify_report` makes its numbers again.
    """
    path = Path(out)
    check_place(path, script)
    named = [bundled(run, path) for run in comparison.runs]
    return write_page(path, comparison_page(comparison, named, script=script, theme=theme), script)


def comparison_page(
    comparison: Comparison, named: Sequence[BundledRun], *, script: str = INLINE, theme: str = "light"
) -> str:
    """Return the page of a comparison; `named` is what it says of where each run is."""
    runs, labels = comparison.runs, comparison.labels
    drawn = {f"{label} {run.strategy.name}": run for label, run in zip(labels, runs, strict=True)}
    figure = comparison_figure(
        {name: run.equity for name, run in drawn.items()},
        {name: run.config.cash for name, run in drawn.items()},
        theme=theme,
    )
    facts = [(label, run.id) for label, run in zip(labels, runs, strict=True)]
    headline = _headline([row.name for row in comparison.differences])
    told = verdict_part("fair", headline, "", [Doubt(text) for text in comparison.doubts])
    body = [
        part(head_part(f"{len(runs)} runs compared", "comparison", facts) + told),
        heading_part("Equity", "equity"),
        plot_part(1, figure_json(figure), label="Equity"),
        heading_part("What differs", "differences"),
        part(table_part(_differing(comparison))),
        heading_part("Metrics", "metrics"),
        part(table_part(_metrics(comparison), wrapped=("meaning",)).replace("sp-scroll", "sp-whole", 1)),
        heading_part("Findings", "findings"),
        part(table_part(comparison.table("findings"))),
        bundle_part(Bundle(COMPARISON_PAGE, theme, tuple(named))),
    ]
    title = f"{len(runs)} runs compared"
    return page(title, "\n".join(body), script=script, footer="Made by sptrader.", theme=theme)


def _headline(names: Sequence[str]) -> str:
    if not names:
        return "They were made of the same: every input and setting agrees."
    if len(names) <= MOST_NAMED:
        return f"They differ in {' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)}."
    return f"They differ in {len(names)} of the things they were made of."


def _differing(comparison: Comparison) -> pd.DataFrame:
    rows = comparison.differences
    columns = {label: [row.texts[at] for row in rows] for at, label in enumerate(comparison.labels)}
    return pd.DataFrame({"of": [row.group for row in rows], "name": [row.name for row in rows], **columns})


def _metrics(comparison: Comparison) -> pd.DataFrame:
    """The metrics, with how far each run is from the first."""
    table = comparison.table("metrics")
    rows = [row for row in comparison.rows if row.group == "metrics"]
    for at, label in enumerate(comparison.labels[1:], start=1):
        table[f"{label} - A"] = [_distance(row, at) for row in rows]
    return table.assign(meaning=[DEFINITIONS[row.name].text for row in rows]).rename(columns={"name": "metric"})


def _distance(row: ComparedRow, at: int) -> str:
    change = row.values[at] - row.values[0]
    if not math.isfinite(change):
        return ""
    unit = DEFINITIONS[row.name].unit
    return f"{100 * change:+,.2f} pp" if unit == "percent" else f"{change:+,.2f}"
