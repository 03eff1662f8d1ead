"""Workspace: where the shipped notebooks are, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def notebooks_folder() -> Path:
    """Return the folder of the shipped notebooks: inside an installed package, beside it in a source checkout."""
    inside = _PACKAGE / "workspace" / "notebooks"
    return inside if inside.is_dir() else _PACKAGE.parent / "notebooks"
