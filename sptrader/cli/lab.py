"""`sptrader lab`: JupyterLab on the workspace, with sound defaults."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sptrader.errors import RunError

_DEFAULTS = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    # a closed tab must not make the server keep every message of a live chart
    "--AsyncMappingKernelManager.buffer_offline_messages=False",
)


def lab(
    folder: Annotated[Path, typer.Argument(help="The workspace to open.")] = Path(),
    extra: Annotated[list[str] | None, typer.Argument(help="Arguments for JupyterLab itself, after --.")] = None,
    port: Annotated[int | None, typer.Option(help="Port on this machine; else a free one from 8888.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Start JupyterLab on the workspace, on this machine alone, without news and update pop-ups."""
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder.", path=folder, key="folder")
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder.resolve()}", *_DEFAULTS]
    command += [f"--port={port}"] if port else []
    command += [*([] if browser else ["--no-browser"]), *(extra or [])]
    # configuration beside the user's own: the question about news is an extension, no option of the server
    paths = [str(Path(__file__).parent / "jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    environment = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
    os.execve(sys.executable, command, environment)  # in place of this process: what ends it ends the server
