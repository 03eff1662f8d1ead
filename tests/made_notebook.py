"""Notebooks made in tests: a parameters cell and a few lines of code."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

METRICS = "display({'application/vnd.sptrader.metrics+json': {%s}, 'text/plain': 'metrics'}, raw=True)"


def save_notebook(path: Path, parameters: str, *cells: str, kernel: str = "python3") -> Path:
    """Write a notebook with a cell tagged `parameters` and code cells to `path`."""
    head = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    node = new_notebook(
        cells=[head, *[new_code_cell(cell) for cell in cells]],
        metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
    )
    nbformat.write(node, path)
    return path


def texts(node: nbformat.NotebookNode) -> list[str]:
    """Return what the cells printed and showed as text, and the errors' names and sentences, in their order."""
    found = []
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
            else:
                found.append(output.get("text") or output["data"].get("text/plain", ""))
    return found
