"""The parameter sets of a batch: read from a file or a space, and checked against the notebook before anything runs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sptrader.errors import RunError, did_you_mean
from sptrader.runs.notebook import NotebookParameter, check_parameters, notebook_parameters, read_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

ParameterSet = dict[str, Any]
_MOST_FAULTS = 10
_YAML_TRUTH = "YAML reads on, off, yes and no as truth values: put them in quotes if they are meant as text"


def read_parameter_file(path: str | Path) -> list[ParameterSet]:
    """Return the parameter sets of a YAML or JSON file.

    A list holds one mapping for each execution. A mapping whose values are all lists is a space: every combination.
    Any other mapping is one set. Raises `RunError` for a file that is none of these, and for names that are no text.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"params was '{path}'; there is no such file.", path=path, key="params") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}.", path=path, key="params") from error
    except yaml.YAMLError as error:
        raise RunError(f"{path} is not YAML: {error}", path=path, key="params") from error
    found = content if isinstance(content, list) else [content]
    for number, given in enumerate(found, start=1):
        if not isinstance(given, dict):
            raise RunError(
                f"{path}: set {number} was {given!r}; allowed is a list of mappings name: value, or one mapping.",
                path=path,
                key="params",
                value=given,
            )
        _require_text_names(given, f"{path}: set {number}", path)
    if isinstance(content, dict) and content and all(isinstance(values, list) for values in content.values()):
        return combinations(content)
    return [dict(given) for given in found]


def read_space(texts: Iterable[str], notebook: str | Path) -> dict[str, list[Any]]:
    """Return the space of `name=v1,v2` and `name=first:last:step` texts, the step 1 when it is left out.

    A parameter that may be text takes each value as it stands, so that `on`, `1e5` and dates stay what was written.
    The last value of a range is included when a step falls on it. Raises `RunError`.
    """
    known = notebook_parameters(notebook)
    space: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name or not values.strip():
            raise RunError(
                f"--space was '{text}'; allowed is name=v1,v2 or name=first:last:step, as in fast=8,12.",
                key="space",
                value=text,
            )
        if name in space:
            raise RunError(f"--space named '{name}' twice; put all its values into one.", key="space", value=text)
        space[name] = _values(values.strip(), known.get(name))
    return space


def combinations(space: Mapping[str, Sequence[Any]]) -> list[ParameterSet]:
    """Return every combination of a space, the last name varying fastest; raise `RunError` for a name without values."""
    for name, values in space.items():
        if isinstance(values, str) or len(values) == 0:
            raise RunError(
                f"space: '{name}' was {values!r}; allowed is a list with one value or more.", key=name, value=values
            )
    return [dict(zip(space, chosen, strict=True)) for chosen in product(*space.values())]


def checked_sets(notebook: str | Path, sets: Sequence[Mapping[str, Any]]) -> list[ParameterSet]:
    """Return `sets` as the notebook takes them.

    Raises one `RunError` that tells the faults of all sets: names the notebook does not have, values of another type, a set
    that is given twice.
    """
    node, _ = read_notebook(notebook)
    known = notebook_parameters(node)
    result: list[ParameterSet] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for number, given in enumerate(sets, start=1):
        where = f"set {number}"
        _require_text_names(given, where, None)
        try:
            checked = check_parameters(node, _dates_as_text(given, known))
        except RunError as error:
            faults.append(f"{where}: {str(error).removeprefix('the notebook: ').rstrip('.')}{_hint(given, known)}")
            continue
        first = seen.setdefault(_identity(checked), number)
        if first != number:
            faults.append(f"{where} is the same as set {first}")
        result.append(checked)
    if faults:
        more = len(faults) - _MOST_FAULTS
        shown = [*faults[:_MOST_FAULTS], *([f"and {more} more"] if more > 0 else [])]
        raise RunError(f"{notebook}: {'; '.join(shown)}.", path=notebook, key="params")
    return result


def kernel_of(node: NotebookNode) -> str:
    """Return the name of the notebook's kernel, `python3` where it names none; raise `RunError` when it is not installed."""
    from jupyter_client.kernelspec import KernelSpecManager

    name = str(node.metadata.get("kernelspec", {}).get("name") or "python3")
    installed = KernelSpecManager().find_kernel_specs()
    if name not in installed:
        raise RunError(
            f"the notebook's kernel was '{name}'{did_you_mean(name, installed)}; installed are {', '.join(installed)}.",
            key="kernel",
            value=name,
        )
    return name


def _values(text: str, parameter: NotebookParameter | None) -> list[Any]:
    types = () if parameter is None else parameter.types
    if "str" in types:
        return [part.strip() for part in text.split(",")]
    if {"list", "dict"} & set(types):
        try:
            found = json.loads(f"[{text}]")
        except ValueError as error:
            raise RunError(
                f"--space: the values were {text}; allowed are lists or mappings as JSON, as in [1,2],[3].",
                key="space",
                value=text,
            ) from error
        return list(found)
    if ":" in text and "," not in text:
        return _range(text)
    return [_value(part.strip()) for part in text.split(",")]


def _value(text: str) -> Any:
    """Read a number, a truth value or nothing; any other text is itself (YAML would make 312 of 5:12)."""
    words = {"true": True, "false": False, "null": None, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _range(text: str) -> list[Any]:
    try:
        first, last, step = (json.loads(part) for part in (text if text.count(":") == 2 else f"{text}:1").split(":"))
        if not step > 0 or last < first:
            raise ValueError
        n_steps = int((last - first) / step * (1 + 1e-12))
    except (ValueError, TypeError) as error:
        raise RunError(
            f"--space: the range was '{text}'; allowed is first:last:step with a positive step, as in 5:50:5.",
            key="space",
            value=text,
        ) from error
    is_whole = isinstance(first, int) and isinstance(step, int)
    return [first + k * step if is_whole else round(first + k * step, 12) for k in range(n_steps + 1)]


def _require_text_names(given: Mapping[Any, Any], where: str, path: object) -> None:
    for name in given:
        if not isinstance(name, str):
            hint = f": {_YAML_TRUTH}" if isinstance(name, bool) else ""
            raise RunError(
                f"{where}: a parameter's name was {name!r} ({type(name).__name__}); allowed is text{hint}.",
                path=path,
                key=str(name),
                value=name,
            )


def _dates_as_text(given: Mapping[str, Any], known: Mapping[str, NotebookParameter]) -> ParameterSet:
    """YAML makes dates of what looks like one; a parameter that wants text gets it back as text."""
    wants_text = {name for name, parameter in known.items() if "str" in parameter.types}
    return {
        name: value.isoformat() if isinstance(value, datetime.date) and name in wants_text else value
        for name, value in given.items()
    }


def _hint(given: Mapping[str, Any], known: Mapping[str, NotebookParameter]) -> str:
    """Explain a truth value where text is wanted."""
    misread = any(
        isinstance(value, bool) and name in known and "str" in known[name].types and "bool" not in known[name].types
        for name, value in given.items()
    )
    return f" ({_YAML_TRUTH})" if misread else ""


def _identity(given: ParameterSet) -> str:
    return json.dumps(given, sort_keys=True, default=repr)
