"""The plan of a batch: what shall be executed, under which name, and how it is known again."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PACKAGE = Path(__file__).resolve().parents[1]
_LONGEST_NAME = 120
_ODD = re.compile(r"[^A-Za-z0-9._+=,-]+")


@dataclass(frozen=True)
class Execution:
    """One notebook to be executed.

    `name` is that of the executed notebook's file; `key` a digest of the notebook's source, the parameters and sptrader's
    own files: what has the same key need not be executed again.
    """

    name: str
    key: str
    parameters: Mapping[str, Any]


def plan(node: NotebookNode, stem: str, sets: Sequence[Mapping[str, Any]]) -> list[Execution]:
    """Return an execution for each of `sets`, in their order, each with a name of its own."""
    source = source_digest(node)
    names = [_name(stem, given) for given in sets]
    shared = Counter(name.casefold() for name in names)  # some disks do not tell EURUSD from eurusd
    return [
        Execution(
            name=f"{name}-{_digest(given)[:8]}.ipynb" if shared[name.casefold()] > 1 else f"{name}.ipynb",
            key=_digest([source, dict(given), package_digest()]),
            parameters=dict(given),
        )
        for name, given in zip(names, sets, strict=True)
    ]


def source_digest(node: NotebookNode) -> str:
    """Return a digest of what a notebook does: kinds, sources and tags of its cells, and its kernel; not its outputs."""
    cells = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in node.cells]
    return _digest([cells, node.metadata.get("kernelspec", {}).get("name", "")])


@lru_cache(maxsize=1)
def package_digest() -> str:
    """Return a digest of every source file of sptrader: another version makes other results."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _name(stem: str, given: Mapping[str, Any]) -> str:
    """The file's name without its ending; with a digest where it cannot say the parameters exactly."""
    exact = ",".join(f"{name}={value}" for name, value in given.items()) or "defaults"
    plain = _ODD.sub("_", exact)
    name = f"{_ODD.sub('_', stem)}-{plain}"
    if len(name) > _LONGEST_NAME:
        return f"{name[:_LONGEST_NAME]}-{_digest(given)[:8]}"
    return name if plain == exact else f"{name}-{_digest(given)[:8]}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()
