"""Workspace: the shipped components, strategies and notebooks, in a checkout and in an installed package, and a copy of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from sptrader.errors import RunError

PARTS = ("components", "strategies", "notebooks")
_PACKAGE = Path(__file__).resolve().parents[1]
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "runs", "*.pyc")


def notebooks_folder() -> Path:
    """Return the folder of the shipped notebooks: inside an installed package, beside it in a source checkout."""
    return shipped("notebooks")


def shipped(name: str) -> Path:
    """Return the shipped folder `name`, one of `PARTS`."""
    inside = _PACKAGE / "workspace" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def make_workspace(folder: str | Path) -> Path:
    """Copy the shipped components, strategies and notebooks to `folder`, with an empty `data`, and return it.

    Nothing is ever replaced: raises `RunError` when one of the folders is there already, before anything is written.
    """
    target = Path(folder)
    there = [name for name in PARTS if (target / name).exists()]
    if there:
        raise RunError(
            f"{target} has {', '.join(there)} already; a workspace is made in a new or empty folder.",
            path=target,
            key="folder",
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            shutil.copytree(shipped(name), target / name, ignore=_NOT_COPIED)
        (target / "data").mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{target} cannot be written to: {error.strerror}.", path=target, key="folder") from error
    return target
