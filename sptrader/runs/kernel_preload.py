"""What a warm kernel has behind it: the imports, a first backtest and first figures, which cost seconds in a fresh process.

imports of sptrader, plotly and the kernel's own modules    1.5 s
a backtest: the compiled kernel is read from disk           0.5 s
a figure: Plotly's templates and validators                 up to 2 s
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

# What ipykernel imports while a kernel starts and while it runs its first cell.
_KERNEL_MODULES = (
    "debugpy.server",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "jedi",
    "pandas.io.formats.string",
    "zmq.utils.garbage",
)


def preload() -> None:
    """Import what kernels need, make a backtest and draw its figures; nothing of it stays but what modules keep.

    Warnings are not shown and count as not yet given. Components are the shipped ones as long as no workspace is here.
    """
    # debugpy would print about frozen modules when it is imported
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    with warnings.catch_warnings(), _as_in_a_kernel():
        warnings.simplefilter("ignore")
        for name in _KERNEL_MODULES:
            if find_spec(name.partition(".")[0]):
                import_module(name)
        _draw()
    gc.collect()
    gc.freeze()  # a collection in a forked kernel would copy every page of what is kept


@contextmanager
def _as_in_a_kernel() -> Iterator[None]:
    """Let modules see a kernel's shell while they are imported: pandas and Plotly choose there how they will display."""
    from IPython.core.interactiveshell import InteractiveShell

    if InteractiveShell.initialized():
        yield
        return
    from ipykernel.zmqshell import ZMQInteractiveShell
    from traitlets.config import Config

    shell = ZMQInteractiveShell.instance(
        config=Config({"IPKernelApp": {"name": "warm"}, "HistoryManager": {"enabled": False}})
    )
    shell.kernel = shell
    try:
        with shell.builtin_trap:
            yield
    finally:
        shell.restore_sys_module_state()  # type: ignore[no-untyped-call]
        ZMQInteractiveShell.clear_instance()


def _draw() -> None:
    from sptrader.data.sample import sample
    from sptrader.runs.backtest import backtest
    from sptrader.strategy.loader import load_strategy, shipped_folder

    run = backtest(load_strategy(shipped_folder() / "ma_crossover.yaml"), sample("EURUSD", "1h"))
    for name in ("summary", "price", "equity"):
        run.section(name)._repr_mimebundle_()
    run.trades.tail()._repr_html_()  # type: ignore[operator]
    entries = run.decisions[run.decisions["outcome"] == "ordered"]
    run.explain(entries["time"].iloc[-1])
