"""HTML parts: cards, notes and tables as text, styled by one sheet that fits a notebook, a report and paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from sptrader.plots.decimate import common_decimals

MAX_ROWS = 1000
MAX_BYTES = 80_000  # of one table's rows: the page of a batch stays small
LONG_ROWS = 30  # a longer table is paged and sorted on a report's page

# JupyterLab's own variables come first, so that the parts follow its light and dark theme.
STYLE = """<style>
.sp{--ink:var(--jp-content-font-color1,#1f2933);--muted:var(--jp-content-font-color2,#52606d);
--line:var(--jp-border-color2,#e4e7eb);--soft:var(--jp-layout-color2,#f5f7fa);--won:#0072b2;--lost:#d55e00;
color:var(--ink);font:14px/1.45 Inter,'Segoe UI','Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif}
.sp h1{font-size:26px;line-height:1.2;margin:0 0 4px;font-weight:650;letter-spacing:-.01em}
.sp .sp-facts{color:var(--muted);margin:0 0 14px}.sp .sp-facts b{color:var(--ink);font-weight:600}
.sp .sp-badge{display:inline-block;border:1px solid var(--line);border-radius:10px;padding:0 8px;font-size:12px;
vertical-align:4px;margin-left:8px;color:var(--muted);font-weight:500;letter-spacing:0}
.sp .sp-verdict{border-left:5px solid var(--muted);background:var(--soft);padding:10px 16px;margin:0 0 14px;
border-radius:0 6px 6px 0}.sp .sp-verdict.good{border-color:var(--won)}.sp .sp-verdict.poor{border-color:var(--lost)}
.sp .sp-verdict p{margin:0}.sp .sp-verdict strong{font-size:16px}
.sp .sp-verdict ul{margin:6px 0 0;padding-left:18px}.sp .sp-verdict li{margin:2px 0}
.sp .sp-verdict li b{font-weight:600}.sp .sp-verdict .w{color:var(--muted);font-size:12.5px;margin:0 0 4px}
.sp .sp-verdict code{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;opacity:.8;
background:none;color:inherit;padding:0}
.sp .sp-meter{height:9px;min-width:140px;border-radius:5px;background:var(--line);margin:5px 0;overflow:hidden}
.sp .sp-meter i{display:block;height:100%;background:var(--won)}.sp .sp-meter.full i{background:var(--lost)}
.sp .sp-cards{display:grid;grid-template-columns:repeat(auto-fit,
minmax(max(132px,calc((100% - (var(--most,4) - 1)*10px)/var(--most,4))),1fr));gap:10px;margin:0 0 6px}
.sp .sp-card{border:1px solid var(--line);border-radius:6px;padding:9px 12px 8px;min-width:0}
.sp .sp-card .k{color:var(--muted);font-size:12px;white-space:nowrap}
.sp .sp-card .v{font-size:20px;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap;line-height:1.35}
.sp .sp-card .d{color:var(--muted);font-size:11.5px;white-space:nowrap}
.sp .up{color:var(--won)}.sp .down{color:var(--lost)}
.sp .sp-scroll{overflow:auto;max-height:440px;border:1px solid var(--line);border-radius:6px}
.sp table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums;margin:0;border:0}
.sp th,.sp td{padding:5px 10px;text-align:left;vertical-align:top;border:0;border-bottom:1px solid var(--line);
max-width:none;white-space:nowrap}.sp tr{background:none!important}.sp tbody tr:last-child td{border-bottom:0}
.sp thead th{position:sticky;top:0;background:var(--soft);font-weight:600;color:var(--muted);z-index:1}
.sp td.n,.sp th.n{text-align:right}.sp td.t{white-space:normal}.sp td.m{color:var(--muted);white-space:normal}
.sp td code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere;
background:none;color:inherit;padding:0;white-space:normal}
.sp p.sp-note{color:var(--muted);font-size:12.5px;margin:6px 0 0}
@media print{.sp .sp-scroll{max-height:none;overflow:visible}.sp thead{display:table-header-group}
.sp tr,.sp .sp-card,.sp .sp-verdict{break-inside:avoid}}
</style>"""


@dataclass(frozen=True)
class Card:
    """One figure to see first: its `label`, its `value` as text, a smaller line below, whether it is good news."""

    label: str
    value: str
    detail: str = ""
    tone: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Doubt:
    """One caution of a verdict: `what` it is, the `figure` behind it, `why` it matters, its stable `code`."""

    what: str
    figure: str = ""
    why: str = ""
    code: str = ""


def part(html: str, *, section: str = "", run: str = "") -> str:
    """Wrap HTML so that the style sheet applies to it, and to nothing around it; `section` and `run` say what it shows."""
    mark = f' data-section="{escape(section)}" data-run="{escape(run)}"' if section else ""
    return f'<div class="sp"{mark}>{html}</div>'


def head_part(title: str, badge: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return the head of a report: a title, a badge beside it, facts in one line below."""
    line = " · ".join(f"{escape(name)} <b>{escape(value)}</b>".strip() for name, value in facts)
    return f'<h1>{escape(title)}<span class="sp-badge">{escape(badge)}</span></h1><p class="sp-facts">{line}</p>'


def verdict_part(tone: str, headline: str, sentence: str, doubts: Iterable[Doubt]) -> str:
    """Return a verdict with what speaks against trusting it; `tone` is `good`, `fair` or `poor`."""
    items = "".join(
        f"<li><b>{escape(doubt.what)}</b> <span>{escape(doubt.figure)}</span>"
        f'<div class="w">{escape(doubt.why)} <code>{escape(doubt.code)}</code></div></li>'
        for doubt in doubts
    )
    listed = f"<ul>{items}</ul>" if items else ""
    text = f"<p><strong>{escape(headline)}</strong> {escape(sentence)}</p>"
    return f'<div class="sp-verdict {escape(tone)}">{text}{listed}</div>'


def meter_part(fraction: float) -> str:
    """Return a bar that is filled by `fraction`, in the colour of losses from 1 on; an empty text for nan."""
    if math.isnan(fraction):
        return ""
    tone = " full" if fraction >= 1.0 else ""
    return f'<div class="sp-meter{tone}"><i style="width:{100 * min(max(fraction, 0.0), 1.0):.1f}%"></i></div>'


def cards_part(cards: Iterable[Card]) -> str:
    """Return cards side by side in rows as full as can be; what one means is shown when it is pointed at."""
    shown = list(cards)
    html = "".join(
        f'<div class="sp-card" title="{escape(card.meaning)}"><div class="k">{escape(card.label)}</div>'
        f'<div class="v {escape(card.tone)}">{escape(card.value)}</div>'
        f'<div class="d">{escape(card.detail)}&nbsp;</div></div>'
        for card in shown
    )
    return f'<div class="sp-cards" style="--most:{_a_row(len(shown))}">{html}</div>'


def _a_row(n: int) -> int:
    """How many of `n` cards stand in a row, three to five: as leaves the last row the fullest."""
    return n if n < 5 else min((5, 4, 3), key=lambda a_row: (-n % a_row, abs(a_row - 4)))


def facts_part(facts: Mapping[str, object]) -> str:
    """Return nested facts as a two-column table; inner mappings are told by dotted names."""
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="t"><code>{escape(value)}</code></td></tr>'
        for name, value in _flat(facts)
    )
    return f'<div class="sp-scroll"><table><tbody>{rows}</tbody></table></div>'


def table_part(
    table: pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    signed: Iterable[str] = (),
    percent: Iterable[str] = (),
    wrapped: Iterable[str] = (),
    markup: Iterable[str] = (),
    max_rows: int = MAX_ROWS,
) -> str:
    """Return a table that scrolls: times to the minute, numbers to the right, at most `max_rows` rows and `MAX_BYTES`.

    `names` gives headings, `signed` columns are coloured by their sign, `percent` columns hold fractions, `wrapped`
    ones long text, `markup` ones HTML of our own. Of a longer table the first and the last rows are shown, and a note
    says how many are not.
    """
    half = max_rows // 2
    shown = table if len(table) <= max_rows else pd.concat([table.iloc[:half], table.iloc[-half:]])
    columns = [_Column.of(shown, str(name), signed=signed, percent=percent, wrapped=wrapped) for name in shown.columns]
    names = names or {}
    heads = "".join(
        f'<th class="{column.kind}">{escape(names.get(column.name, column.name.replace("_", " ")))}</th>'
        for column in columns
    )
    raw = set(markup)
    cells = [
        [f"<td>{html}</td>" for html in shown[column.name]] if column.name in raw else column.cells(shown)
        for column in columns
    ]
    rows = [f"<tr>{''.join(line)}</tr>" for line in zip(*cells, strict=True)]
    n_bytes = sum(map(len, rows))
    if n_bytes > MAX_BYTES:
        half = len(rows) * MAX_BYTES // n_bytes // 2
        rows = rows[:half] + rows[-half:]
    note = "" if len(rows) == len(table) else f"The first and the last {half:,} of {len(table):,} rows."
    kind = ' class="sp-long"' if len(rows) > LONG_ROWS else ""
    html = (
        f'<div class="sp-scroll"><table{kind}><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    return html + (f'<p class="sp-note">{note}</p>' if note else "")


@dataclass(frozen=True)
class _Column:
    """How one column is written: `kind` is the cells' class, `n` for numbers, `t` for long text."""

    name: str
    kind: str
    is_signed: bool
    is_percent: bool
    decimals: int

    @classmethod
    def of(
        cls, table: pd.DataFrame, name: str, *, signed: Iterable[str], percent: Iterable[str], wrapped: Iterable[str]
    ) -> _Column:
        is_number = pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
        kind = "n" if is_number else "t" if name in set(wrapped) else ""
        decimals = common_decimals(table[name].to_numpy(np.float64)) if is_number else 0
        return cls(name, kind, name in set(signed), name in set(percent), decimals)

    def cells(self, table: pd.DataFrame) -> list[str]:
        values = table[self.name]
        if pd.api.types.is_datetime64_any_dtype(values):
            return [f"<td>{'' if pd.isna(v) else f'{v:%Y-%m-%d %H:%M}'}</td>" for v in values]
        if self.kind != "n":
            return [f'<td class="{self.kind}">{escape(str(v))}</td>' for v in values.where(values.notna(), "")]
        return [f'<td class="{self._number_class(v)}">{self._number(v)}</td>' for v in values.tolist()]

    def _number_class(self, value: float) -> str:
        if not self.is_signed or math.isnan(value) or value == 0:
            return "n"
        return "n up" if value > 0 else "n down"

    def _number(self, value: float) -> str:
        if math.isnan(value):
            return ""
        if self.is_percent:
            return f"{value:+.2%}" if self.is_signed else f"{value:.2%}"
        return f"{value:+,.2f}" if self.is_signed else f"{value:,.{self.decimals}f}"


def _flat(facts: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        label = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{label}.")
        elif isinstance(value, (list, tuple)):
            rows.append((label, ", ".join(str(item) for item in value)))
        elif str(value) not in ("", "None", "{}"):
            rows.append((label, str(value)))
    return rows
