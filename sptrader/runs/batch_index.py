"""The index of a batch: every execution as a row of a Parquet table, and as a page that leads to the notebooks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.runs.batch_folder import DONE, FAILED, BatchFolder, Record
from sptrader.runs.batch_plan import Execution
from sptrader.runs.bundle import BATCH_PAGE, Bundle, BundledRun, bundle_part, bundled_batch
from sptrader.runs.page import page

PENDING = "pending"
_FIXED = ("notebook", "status", "error", "seconds", "attempts", "key")
_SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "profit_factor", "fees")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d):\d\d(?:\.\d+)?(?:\+00:00|Z)?")
_MOST_SHOWN = 8  # metrics of a page whose notebooks leave none of the names above


def index_table(executions: Sequence[Execution], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the table of a batch in the order of `executions`; `records` by key, what has none is `pending`.

    Columns: `notebook` (the file's name), `status` (`done`, `failed`, `pending`), `error`, `seconds`, `attempts`, `key`; each
    parameter; then each metric and fact the notebooks left. A parameter or metric named like a column before it is called
    `parameter.NAME` or `metric.NAME`. What a row does not have is missing.
    """
    rows = []
    for execution in executions:
        record = records.get(execution.key)
        row: dict[str, Any] = {
            "notebook": execution.name,
            "status": PENDING if record is None else record.status,
            "error": "" if record is None else record.error,
            "seconds": math.nan if record is None else record.seconds,
            "attempts": 0 if record is None else record.attempts,
            "key": execution.key,
        }
        taken = set(row)
        for prefix, values in (
            ("parameter", execution.parameters),
            ("metric", {} if record is None else _flat(record.values)),
        ):
            named = {f"{prefix}.{name}" if name in taken else name: value for name, value in values.items()}
            row |= named
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(_FIXED)
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})


def save_index(folder: BatchFolder, table: pd.DataFrame, notebook: str) -> None:
    """Write the table of a batch of `notebook` as Parquet and as a page, each whole or not at all.

    The page names the executed notebooks with the hashes of their files: `verify_report` makes its numbers again of them.
    """
    _replace(folder.index, lambda draft: table.to_parquet(draft, index=False))
    named = bundled_batch(notebook, folder.root, table["notebook"])
    _replace(folder.page, lambda draft: draft.write_text(index_page(table, named), encoding="utf-8"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f".{path.name}.part")
    write(draft)
    draft.replace(path)


def load_index(folder: str | Path) -> pd.DataFrame:
    """Return the table of the batch in `folder`; raise `RunError` when there is none."""
    path = Path(folder) / "index.parquet"
    if not path.is_file():
        raise RunError(f"{folder} is no batch: it has no index.parquet.", path=folder)
    return pd.read_parquet(path)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics without their heading; of the rest what is a number, a text or a truth value."""
    metrics = values.get("metrics")
    plain = {name: value for name, value in values.items() if isinstance(value, (str, int, float, bool))}
    return {**plain, **(metrics if isinstance(metrics, dict) else {})}


def _column(values: list[Any]) -> pd.Series[Any]:
    """One type a column: numbers stay numbers; what is mixed or nested becomes text."""
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, bool) for value in given):
        return pd.Series(values, dtype="boolean" if len(given) < len(values) else "bool")
    if all(isinstance(value, int) and not isinstance(value, bool) for value in given) and len(given) == len(values):
        return pd.Series(values, dtype="int64" if all(abs(value) < 2**63 for value in given) else "float64")
    if given and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in given):
        return pd.Series([math.nan if value is None else float(value) for value in values], dtype="float64")
    texts = [value if value is None or isinstance(value, str) else json.dumps(value, default=str) for value in values]
    return pd.Series(texts, dtype="str")


def index_page(table: pd.DataFrame, named: BundledRun) -> str:
    """Return the page of a batch's table; `named` is what it says of the batch."""
    title = f"Batch of {named.id}"
    counts = table["status"].value_counts()
    told = ", ".join(f"{counts[status]:,} {status}" for status in (DONE, FAILED, PENDING) if status in counts)
    after = [name for name in table.columns if name not in _FIXED]
    metrics = [name for name in _SHOWN if name in after]
    unknown = [name for name in after if name not in DEFINITIONS and name not in ("run", "title")]
    same = [name for name in unknown if len(table) > 1 and table[name].notna().all() and table[name].nunique() == 1]
    varied = [name for name in unknown if name not in same]
    shown = [*varied[: max(_MOST_SHOWN, 24 - len(metrics))], *metrics]
    once = ", ".join(f"{escape(name)} <b>{escape(_text(name, table[name].iloc[0]))}</b>" for name in same)
    heads = ["notebook", "status", *shown, "seconds"]
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sp-note">{len(table):,} notebooks: {told}. A click on a heading sorts; index.parquet has every column.</p>',
        f'<p class="sp-note">The same in all: {once}.</p>' if once else "",
        # a date or a number is read on one line, an error on as many as it needs
        "<style>#batch :is(th,td):not(:first-child){white-space:nowrap}#batch td:first-child{min-width:14em}"
        "#batch th:first-child{text-align:left}</style>",
        '<div style="overflow-x:auto"><table class="dataframe" id="batch"><thead><tr>',
        "".join(f'<th tabindex="0" role="button">{escape(name)}</th>' for name in heads),
        "</tr></thead><tbody>",
        *[_row(row, shown) for row in table.to_dict("records")],
        "</tbody></table></div>",
        f"<script>{files('sptrader.runs').joinpath('assets/batch.js').read_text(encoding='utf-8').strip()}</script>",
        bundle_part(Bundle(BATCH_PAGE, "light", (named,))),
    ]
    return page(title, "\n".join(body))


def _row(row: Mapping[Any, Any], shown: Sequence[str]) -> str:
    name = str(row["notebook"])
    link = f'<a href="{quote(name)}">{escape(name)}</a>' if row["status"] != PENDING else escape(name)
    error = f'<br><small style="white-space:pre-wrap">{escape(str(row["error"]))}</small>' if row["error"] else ""
    colour = ' style="color:#b34700"' if row["status"] == FAILED else ""
    cells = [
        f'<td style="text-align:left">{link}{error}</td>',
        f"<td{colour}>{escape(str(row['status']))}</td>",
        *[_cell(column, row[column]) for column in shown],
        _cell("seconds", row["seconds"]),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(name: str, value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return '<td data-value="">n/a</td>'
    return f'<td data-value="{escape(str(value))}">{escape(_text(name, value))}</td>'


def _text(name: str, value: Any) -> str:
    if name in DEFINITIONS and isinstance(value, (int, float)):
        return metric_text(name, float(value))
    if isinstance(value, float):
        return f"{value:,.6g}"
    moment = _MOMENT.fullmatch(str(value))  # without seconds, which the file has; at midnight UTC the day alone
    return str(value) if moment is None else moment[1] if moment[2] == "00:00" else f"{moment[1]} {moment[2]}"
