"""The report: a run, or an executed notebook, as one self-contained HTML file."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader.errors import RunError, did_you_mean
from sptrader.runs.notebook import notebook_data, notebook_parameters, read_notebook, run_notebook
from sptrader.runs.page import (
    BESIDE,
    INLINE,
    SCRIPT_PLACES,
    embedded_json,
    heading_part,
    page,
    plot_part,
    plotly_script,
)
from sptrader.runs.reported import ReportedRun
from sptrader.runs.sections import METRICS_MIME, PLOTLY_MIME, figure_json, sections

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
HIDDEN_TAG = "remove-cell"


def save_run_report(run: ReportedRun, out: str | Path, *, script: str = INLINE, theme: str = "light") -> Path:
    """Write every section of `run` as an HTML page to `out` and return its path.

    `script="beside"` keeps the chart script in one file beside the page, to be shared by the pages of a folder.
    """
    shown = sections(run, theme=theme)
    said: Mapping[str, Any] = next((part.data for part in shown if part.data), {})
    numbers = count(1)
    body = []
    for number, part in enumerate(shown):
        if part.name != "summary":
            body.append(heading_part(part.title, f"{part.name}-{number}"))
        body.append(part.html)
        if part.figure is not None:
            body.append(plot_part(next(numbers), figure_json(part.figure), label=part.title))
    return _write(out, str(said.get("title") or run.id), "\n".join(body), said, script)


def save_notebook_report(
    notebook: NotebookNode | str | Path,
    out: str | Path,
    *,
    title: str = "",
    script: str = INLINE,
    has_code: bool = False,
) -> Path:
    """Write an executed notebook as an HTML page to `out` and return its path.

    Figures are drawn; texts, tables, images and errors are kept; widgets are left out; code is shown only with
    `has_code`; cells tagged `remove-cell` do not appear. Without a `title` it is what the run in it says, else the
    file's name. Raises `RunError` for a file that is no notebook, or that has not been executed.
    """
    node, name = read_notebook(notebook)
    if not any(cell.get("outputs") or cell.get("execution_count") for cell in node.cells):
        raise RunError(f"{name} has not been executed: none of its {len(node.cells)} cells has a result.", path=name)
    outputs = [output for cell in node.cells for output in cell.get("outputs", [])]
    said: dict[str, Any] = next((o["data"][METRICS_MIME] for o in outputs if METRICS_MIME in o.get("data", {})), {})
    body = _notebook_body(copy.deepcopy(node), has_code=has_code)
    return _write(out, title or str(said.get("title") or Path(name).stem), body, said, script)


def run_report_notebook(
    notebook: str | Path,
    out: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    cwd: str | Path | None = None,
    timeout_s: float | None = None,
    script: str = INLINE,
) -> Path:
    """Execute a notebook that makes a run, keep both in `out/<run id>/`, and return the path of its `report.html`.

    A notebook with a parameter `out` is told to save its run there. `cwd` and `timeout_s` are those of `run_notebook`.
    Raises `RunError` as that does, and for a notebook that shows no run; what was executed is then in `out`, under the
    notebook's name and this process's number.
    """
    folder = Path(out).resolve()
    given = dict(parameters or {})
    if "out" in notebook_parameters(notebook):
        given.setdefault("out", str(folder))
    target = folder / f"{Path(notebook).stem}-{os.getpid()}.ipynb"
    node = run_notebook(notebook, target, parameters=given, cwd=cwd, timeout_s=timeout_s)
    run_id = notebook_data(node).get("run")
    if not run_id:
        raise RunError(
            f"{notebook} shows no run: none of its cells ends with run.section('summary') (see {target}).",
            path=notebook,
        )
    path = save_notebook_report(node, folder / run_id / "report.html", script=script)
    target.replace(path.with_name("notebook.ipynb"))
    return path


def _notebook_body(node: NotebookNode, *, has_code: bool) -> str:
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    numbers = count(1)
    node.metadata.pop("widgets", None)
    for cell in node.cells:
        if cell.cell_type == "code":
            plain = (_plain_output(output, numbers) for output in cell.outputs)
            cell.outputs = [output for output in plain if output.get("data", True)]
    config = Config(
        {
            "HTMLExporter": {"preprocessors": ["nbconvert.preprocessors.TagRemovePreprocessor"]},
            "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": [HIDDEN_TAG]},
        }
    )
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        config=config,
        template_name="basic",
        exclude_input=not has_code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    body: str = exporter.from_notebook_node(node)[0]
    return body


def _plain_output(output: NotebookNode, numbers: count[int]) -> Any:
    """Turn a figure into its place in the page and a widget into a sentence; keep of the rest what a page can show."""
    if "data" not in output:
        return output
    data = output["data"]
    if PLOTLY_MIME in data:
        label = str(data.get("text/plain", "chart")).partition("\n")[0][:80]
        output["data"] = {"text/html": plot_part(next(numbers), data[PLOTLY_MIME], label=label)}
    elif WIDGET_MIME in data:
        output["data"] = {"text/html": "<p><em>An interactive control: it works in the notebook only.</em></p>"}
    else:
        output["data"] = {mime: value for mime, value in data.items() if mime.startswith(("text/", "image/"))}
    return output


def _write(out: str | Path, title: str, body: str, said: Mapping[str, Any], script: str) -> Path:
    """Write the page, and the chart script beside it when the page refers to it; what a run says travels along."""
    if script not in SCRIPT_PLACES:
        raise RunError(
            f"script was '{script}'{did_you_mean(script, SCRIPT_PLACES)}; allowed are {', '.join(SCRIPT_PLACES)}.",
            key="script",
            value=script,
        )
    path = Path(out)
    if path.is_dir():
        raise RunError(f"the report's path was '{path}'; that is a folder, name a file in it.", path=path)
    data = f'<script type="{METRICS_MIME}">{embedded_json(said)}</script>' if said else ""
    footer = f"Made by sptrader from run {said['run']}." if said.get("run") else "Made by sptrader."
    text = page(title, f"{body}\n{data}", script=script, footer=footer)
    path.parent.mkdir(parents=True, exist_ok=True)
    if script == BESIDE:
        _replace(path.parent / plotly_script().name, plotly_script().text)
    _replace(path, text)
    return path


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
