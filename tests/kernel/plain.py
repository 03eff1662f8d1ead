"""The kernel as plain Python: `plainly` runs jobs in a child process in which nothing is compiled.

A job is (function name, arguments); its answer is what the function returned and its arguments afterwards.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Job = tuple[str, tuple[Any, ...]]


def plainly(jobs: Sequence[Job], folder: Path) -> list[tuple[Any, tuple[Any, ...]]]:
    """Run `jobs` in a child process without compiling; raise with its traceback when it fails."""
    given, answers = folder / "jobs.pickle", folder / "answers.pickle"
    given.write_bytes(pickle.dumps(list(jobs)))
    child = subprocess.run(
        [sys.executable, "-m", "tests.kernel.plain", str(given), str(answers)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        raise RuntimeError(child.stderr)
    found: list[tuple[Any, tuple[Any, ...]]] = pickle.loads(answers.read_bytes())
    return found


def main() -> None:
    """Run the jobs of the first file and write their answers to the second."""
    from sptrader.kernel import replay

    if hasattr(replay.replay, "py_func"):
        raise SystemExit("the kernel was compiled")
    jobs: list[Job] = pickle.loads(Path(sys.argv[1]).read_bytes())
    answers = [(getattr(replay, name)(*arguments), arguments) for name, arguments in jobs]
    Path(sys.argv[2]).write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
