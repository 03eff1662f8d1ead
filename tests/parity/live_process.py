"""The command line in processes forked from one that has loaded and compiled everything: a start costs no seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import sptrader as sp
import sptrader.cli.app
from sptrader.cli import main
from sptrader.runs.live import facts_of, live_run, make_parts, work
from sptrader.runs.live_setting import make_live_setting
from sptrader.streams.memory import MemoryServer, MemoryStreams

_IS_SERVER = "SPTRADER_TESTS_FORK"


def forked() -> ForkServerContext:
    """Return what starts such processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    os.environ[_IS_SERVER] = "1"
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[_IS_SERVER]
    return context


def started(context: ForkServerContext, arguments: list[str], environ: dict[str, str], out: Path) -> ForkServerProcess:
    """Start `sptrader` with arguments; what it prints stands in `out`, `.out` and `.err`."""
    process = context.Process(target=_run, args=(arguments, environ, str(out)), daemon=True)
    process.start()
    return process


def _run(arguments: list[str], environ: dict[str, str], out: str) -> None:
    os.environ.update(environ)
    with (
        Path(f"{out}.out").open("w") as told,
        Path(f"{out}.err").open("w") as failed,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(failed),
    ):
        code = main(arguments)
    os._exit(code)


def _warm() -> None:
    """Load the compiled kernel: a session in memory, once in the process that the others are forked from."""
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[:60]}
    live = make_live_setting("ma_crossover", facts_of(frames), start="2017-01-02")
    with tempfile.TemporaryDirectory() as folder:
        streams = MemoryStreams(MemoryServer())
        parts = make_parts(["feed", "worker", "execution", "orchestrator"], streams, live, Path(folder), frames=frames)
        work(parts, stop=threading.Event())
        live_run(parts[-1], began_s=0.0)
        for part in parts:
            part.close()


if _IS_SERVER in os.environ:
    _warm()
