"""The command line in processes forked from one that has loaded and compiled everything: a start costs no seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")
LIMIT_S = 120


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


@contextmanager
def run_parts(
    context: ForkServerContext, parts: Mapping[str, list[str]], environ: dict[str, str], folder: Path
) -> Iterator[None]:
    """Start the parts, wait at the `yield` until the caller has made what they shall equal, and see that each ends well."""
    processes = {name: started(context, given, environ, folder / name) for name, given in parts.items()}
    try:
        yield
        for process in processes.values():
            process.join(LIMIT_S)
        codes = {name: process.exitcode for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.join()
    said = {name: (code, (folder / f"{name}.err").read_text()) for name, code in codes.items()}
    assert said == dict.fromkeys(parts, (0, "")), said


def assert_same_files(made: Path, expected: Path) -> None:
    """See that two runs' folders hold the same tables, byte for byte."""
    for name in TABLES:
        assert (made / f"{name}.parquet").read_bytes() == (expected / f"{name}.parquet").read_bytes(), name
