"""The report: a run, or an executed notebook, as one self-contained HTML file."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from html import unescape
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader.errors import RunError, did_you_mean
from sptrader.runs.bundle import (
    NOTEBOOK_PAGE,
    RUN_PAGE,
    Bundle,
    BundledRun,
    bundle_part,
    bundled,
    bundled_folder,
)
from sptrader.runs.notebook import notebook_data, notebook_parameters, read_notebook, run_notebook
from sptrader.runs.page import (
    BESIDE,
    INLINE,
    SCRIPT_PLACES,
    embedded_json,
    heading_part,
    page,
    plot_part,
    shared_script,
)
from sptrader.runs.reported import ReportedRun
from sptrader.runs.sections import METRICS_MIME, PLOTLY_MIME, figure_json, sections

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
HIDDEN_TAG = "remove-cell"


def save_run_report(run: ReportedRun, out: str | Path, *, script: str = INLINE, theme: str = "light") -> Path:
    """Write every section of `run` as an HTML page to `out` and return its path.

    `script="beside"` keeps the page's scripts in one file beside it, to be shared by the pages of a folder. The page
    names the run's folder, when it is saved, with the hashes of its files: `verify_report` makes its numbers again.
    """
    path = Path(out)
    check_place(path, script)
    text = run_page(run, bundled(run, path), script=script, theme=theme)
    return write_page(path, text, script)


def run_page(run: ReportedRun, named: BundledRun, *, script: str = INLINE, theme: str = "light") -> str:
    """Return the page of a run; `named` is what it says of where the run is."""
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
    bundle = Bundle(RUN_PAGE, theme, (named,))
    return _page(str(said.get("title") or run.id), "\n".join(body), said, bundle, script)


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
    said: dict[str, Any] = next((o["data"][METRICS_MIME] for o in outputs if _says(o)), {})
    path = Path(out)
    check_place(path, script)
    body = _notebook_body(copy.deepcopy(node), has_code=has_code)
    runs = dict.fromkeys(re.findall(r'data-run="([^"]+)"', body))
    counted = {o["data"][METRICS_MIME].get("run"): o["data"][METRICS_MIME].get("trials") for o in outputs if _says(o)}
    named = tuple(bundled_folder(unescape(run), path, counted.get(unescape(run))) for run in runs)
    bundle = Bundle(NOTEBOOK_PAGE, "light", named)
    text = _page(title or str(said.get("title") or Path(name).stem), body, said, bundle, script)
    return write_page(path, text, script)


def _says(output: NotebookNode) -> bool:
    return METRICS_MIME in output.get("data", {})


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


def check_place(path: Path, script: str) -> None:
    """Raise `RunError` for a place where no report can be."""
    if script not in SCRIPT_PLACES:
        raise RunError(
            f"script was '{script}'{did_you_mean(script, SCRIPT_PLACES)}; allowed are {', '.join(SCRIPT_PLACES)}.",
            key="script",
            value=script,
        )
    if path.is_dir():
        raise RunError(f"the report's path was '{path}'; that is a folder, name a file in it.", path=path)


def data_part(said: Mapping[str, Any]) -> str:
    """Return the element of a page that carries what its run says for programs; empty where it says nothing."""
    return f'<script type="{METRICS_MIME}">{embedded_json(said)}</script>' if said else ""


def _page(title: str, body: str, said: Mapping[str, Any], bundle: Bundle, script: str) -> str:
    """The page with what its runs say for programs."""
    data = data_part(said)
    if bundle.runs:
        data += bundle_part(bundle)
    footer = f"Made by sptrader from run {said['run']}." if said.get("run") else "Made by sptrader."
    return page(title, f"{body}\n{data}", script=script, footer=footer, theme=bundle.theme)


def write_page(path: Path, text: str, script: str) -> Path:
    """Write a page, and the shared script beside it when the page refers to it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if script == BESIDE:
            name, code = shared_script()
            if not (path.parent / name).is_file():
                _replace(path.parent / name, code)
        _replace(path, text)
    except OSError as error:
        raise RunError(f"the report cannot be written to {path}: {error.strerror}.", path=path, key="out") from error
    return path


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
