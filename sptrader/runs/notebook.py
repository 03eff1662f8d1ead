"""One notebook: which parameters it has, and its execution with checked ones."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader.errors import RunError, did_you_mean
from sptrader.runs.sections import METRICS_MIME

if TYPE_CHECKING:
    from nbformat import NotebookNode

PARAMETERS_TAG = "parameters"
WARM_ENGINE = "sptrader-warm"
TYPES: Mapping[str, type] = {"bool": bool, "int": int, "float": float, "str": str, "list": list, "dict": dict}


@dataclass(frozen=True)
class NotebookParameter:
    """One line of the cell tagged `parameters`: `name: type = default  # meaning`.

    `types` are the names of the types its value may have, `None` among them; none of them means anything goes.
    """

    name: str
    types: tuple[str, ...]
    default: Any
    meaning: str


def notebook_parameters(notebook: NotebookNode | str | Path) -> dict[str, NotebookParameter]:
    """Return the parameters of a notebook in their order; none when it has no cell tagged `parameters`.

    The type is the annotation's, else the default's. Raises `RunError` for a line that is not a literal assigned to a
    name.
    """
    node, name = read_notebook(notebook)
    cell = next((c for c in node.cells if PARAMETERS_TAG in c.metadata.get("tags", [])), None)
    if cell is None:
        return {}
    try:
        lines = ast.parse(cell.source).body
    except SyntaxError as error:
        raise RunError(f"{name}: the parameters cell is not Python: {error}.", path=name) from error
    meanings = _comments(cell.source)
    found = (_parameter(line, meanings.get(line.end_lineno or line.lineno, ""), name) for line in lines)
    return {parameter.name: parameter for parameter in found}


def check_parameters(notebook: NotebookNode | str | Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `given` as the notebook takes it: whole numbers for floats converted, all else unchanged.

    Raises one `RunError` for all faults: names the notebook does not have, values of another type than it wants.
    """
    known = notebook_parameters(notebook)
    name = str(notebook) if isinstance(notebook, (str, Path)) else "the notebook"
    faults, result = [], {}
    for key, value in given.items():
        if str(key) not in known:
            allowed = f"it has {', '.join(known)}" if known else "it has none: no cell is tagged 'parameters'"
            faults.append(f"parameter '{key}' is not known{did_you_mean(str(key), known)}; {allowed}")
        elif not _fits(value, known[key].types):
            wanted = " or ".join(known[key].types)
            faults.append(f"parameter '{key}' was {value!r} ({type(value).__name__}); allowed is {wanted}")
        else:
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            to_float = is_whole and "float" in known[key].types and "int" not in known[key].types
            result[key] = float(value) if to_float else value
    if faults:
        first = next(iter(key for key in given if key not in result))
        raise RunError(f"{name}: {'; '.join(faults)}.", path=name, key=first, value=given[first])
    return result


def run_notebook(
    notebook: str | Path,
    out: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    cwd: str | Path | None = None,
    timeout_s: float | None = None,
    kernel: str | None = None,
    engine: str | None = None,
    notebook_timeout_s: float | None = None,
) -> NotebookNode:
    """Execute a notebook through papermill into the file `out` and return it; widget state is not kept.

    `cwd` is the folder it works in, this process's by default; `timeout_s` is for one cell, `notebook_timeout_s` for the
    whole notebook, which only the engine `sptrader-warm` keeps. The parameters are checked before anything runs. Raises
    `RunError`: for wrong input, or (`is_failure`) for a cell that raised, was too slow, or lost its kernel; what had been
    executed till then is in `out`.
    """
    checked = check_parameters(notebook, parameters or {})
    path, target = Path(notebook), Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    import nbformat
    from jupyter_client.kernelspec import NoSuchKernel
    from papermill.exceptions import PapermillException, PapermillExecutionError
    from papermill.execute import execute_notebook

    options: dict[str, Any] = {"config": _kernel_config()}
    if engine == WARM_ENGINE:
        # It tells its kernel the folder; papermill would change this process's, under other threads.
        options |= {"kernel_cwd": None if cwd is None else str(cwd), "notebook_timeout": notebook_timeout_s}
        cwd = None
    if timeout_s is not None:
        options["execution_timeout"] = timeout_s
    try:
        execute_notebook(
            str(path),
            str(target),
            parameters=checked,
            cwd=None if cwd is None else str(cwd),
            kernel_name=kernel,
            engine_name=engine,
            progress_bar=False,
            **options,
        )
    except PapermillExecutionError as error:
        raise RunError(
            f"{path}: cell {error.cell_index + 1} failed with {error.ename}: {error.evalue} (see {target}).",
            path=path,
            is_failure=True,
        ) from error
    except NoSuchKernel as error:
        raise RunError(f"{path}: kernel was '{error.name}'; it is not installed here.", path=path) from error
    except (PapermillException, RuntimeError, TimeoutError) as error:  # a dead kernel is a RuntimeError
        raise RunError(f"{path} could not be executed: {error}", path=path, is_failure=True) from error
    node, _ = read_notebook(target)
    if node.metadata.pop("widgets", None) is not None:
        nbformat.write(node, target)  # type: ignore[no-untyped-call]
    return node


def _kernel_config() -> Any:
    """Let kernels talk over sockets in the runtime folder where that works: no ports to clash on, no other listener.

    A socket's path may have 107 characters, of which the kernel's name takes 55.
    """
    from jupyter_core.paths import jupyter_runtime_dir
    from traitlets.config import Config

    has_room = os.name == "posix" and len(jupyter_runtime_dir()) < 50
    return Config({"KernelManager": {"transport": "ipc"}} if has_room else {})


def notebook_data(notebook: NotebookNode | str | Path) -> dict[str, Any]:
    """Return what the run in an executed notebook left for programs: `run`, `title`, `metrics`, ...; empty without one.

    Undefined metrics are None.
    """
    node, _ = read_notebook(notebook)
    outputs = [output for cell in node.cells for output in cell.get("outputs", [])]
    found: dict[str, Any] = {}
    for output in outputs:
        found.update(output.get("data", {}).get(METRICS_MIME, {}))
    return found


def read_notebook(notebook: NotebookNode | str | Path) -> tuple[NotebookNode, str]:
    """Return a notebook, and how to name it in a message; raise `RunError` for a file that is none."""
    if not isinstance(notebook, (str, Path)):
        return notebook, "the notebook"
    import nbformat

    try:
        node = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError as error:
        raise RunError(f"notebook was '{notebook}'; there is no such file.", path=notebook) from error
    # What is not JSON is a ValueError; JSON of another shape makes nbformat stumble in its own ways.
    except (OSError, ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise RunError(f"{notebook} is not a notebook: {str(error)[:200]}", path=notebook) from error
    return node, str(notebook)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def _parameter(line: ast.stmt, meaning: str, name: str) -> NotebookParameter:
    if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
        target, value, annotation = line.target.id, line.value, _annotated(line.annotation)
    elif isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
        target, value, annotation = line.targets[0].id, line.value, ()
    else:
        raise RunError(f"{name}: parameters cell, line {line.lineno}: allowed is 'name: type = literal'.", path=name)
    try:
        default = ast.literal_eval(value)
    except ValueError as error:
        raise RunError(
            f"{name}: parameters cell, line {line.lineno}: the default of '{target}' was {ast.unparse(value)}; "
            "allowed is a literal.",
            path=name,
            key=target,
        ) from error
    by_default = () if default is None else (type(default).__name__,)
    return NotebookParameter(target, annotation or by_default, default, meaning)


def _annotated(annotation: ast.expr) -> tuple[str, ...]:
    """Return the type names of `int`, `dict[str, int]`, `float | None`; none when one of them is not in `TYPES`."""
    parts = ast.unparse(annotation).split("|")
    names = tuple(part.strip().partition("[")[0] for part in parts)
    return names if all(name in TYPES or name == "None" for name in names) else ()


def _fits(value: Any, types: tuple[str, ...]) -> bool:
    if not types:
        return True
    if value is None:
        return "None" in types
    if isinstance(value, bool):
        return "bool" in types
    if isinstance(value, int) and "float" in types:
        return True
    return isinstance(value, tuple(TYPES[name] for name in types if name in TYPES))
