"""Environment: programs that others wrote, in a Python environment of their own beside the project's.

`python -m tests.peers.environment` makes `.venv-peers`. A peer's program (in `programs/`) runs there as a child process:
it is handed numpy files and a JSON text, and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"
PROGRAMS = Path(__file__).parent / "programs"
# vectorbt's extra brings vectorbt-rust, its engine in Rust
PACKAGES = ("backtesting", "vectorbt[rust]", "raptorbt")


def peers_python() -> Path:
    """Return the peers' interpreter, which need not exist."""
    return FOLDER / "bin" / "python"


def make_environment() -> None:
    """Make `.venv-peers` with the newest peers, unless it is there."""
    ready = FOLDER / ".ready"
    if ready.exists():
        return
    venv.create(FOLDER, with_pip=True, clear=True)
    subprocess.run([peers_python(), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    ready.touch()


def run_peer(
    program: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, environment: Mapping[str, str] = {}
) -> dict[str, Any]:
    """Run `programs/<program>.py` on `arrays` and return what it printed; its own warnings are left out."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **arrays)
        done = subprocess.run(
            [peers_python(), "-W", "ignore", PROGRAMS / f"{program}.py", data, json.dumps(settings)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    make_environment()
    sys.stdout.write(f"{peers_python()}\n")
