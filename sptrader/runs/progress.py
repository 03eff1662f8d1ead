"""Progress: how far long work is, how fast it goes and how long it will take, in a terminal and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from sptrader.clock import LiveClock

EVERY_S = 0.2
_FIRST_S = 1.0  # shorter work shows nothing

Told = Callable[[int, int], None]


class Progress(Protocol):
    """What shows how far the work is."""

    def advance(self, n: int) -> None:
        """Say that `n` more are done."""
        ...

    def close(self) -> None:
        """Leave the last state to be seen."""
        ...


def make_progress(total: int, what: str, *, shown: bool | Told | None = None, done: int = 0) -> Progress:
    """Return what shows the progress of `total` pieces of work named `what`, `done` of them before it began.

    `shown` True shows it, False does not, None shows it in a notebook and on a terminal; a function is called with the
    number done and the total instead.
    """
    if callable(shown):
        return _Line(total, what, lambda text, n: shown(n, total), done)
    if shown is False:
        return _Line(total, what, None, done)
    if is_in_notebook():
        return _Line(total, what, _notebook_line(), done)
    if shown or sys.stderr.isatty():
        return _Line(total, what, _terminal_line(total, what, done), done)
    return _Line(total, what, None, done)


def is_in_notebook() -> bool:
    """Whether this process is a Jupyter kernel."""
    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found is not None else None
    return shell is not None and hasattr(shell, "kernel")


def progress_text(done: int, total: int, what: str, *, before: int, elapsed_s: float) -> str:
    """Return one line that says it all; the rate is that of what was done since the start.

    >>> progress_text(300, 1000, "combinations", before=100, elapsed_s=4.0)
    '300 of 1,000 combinations, 50/s, 14 s left'
    """
    rate = (done - before) / elapsed_s if elapsed_s > 0 else 0.0
    head = f"{done:,} of {total:,} {what}"
    if rate <= 0.0:
        return head
    speed = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
    return f"{head}, {speed}, {duration_text((total - done) / rate)} left"


def duration_text(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration_text(5.2), duration_text(125), duration_text(7300)
    ('5 s', '2 min 5 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Line:
    """Counts, and writes a line a few times a second."""

    def __init__(self, total: int, what: str, write: Callable[[str, int], None] | None, done: int) -> None:
        self._total, self._what, self._write = total, what, write
        self._done = self._before = done
        self._clock = LiveClock()
        self._began_s = self._clock.elapsed_s()
        self._next_s = self._began_s + _FIRST_S
        self._is_shown = False

    def advance(self, n: int) -> None:
        self._done += n
        now_s = self._clock.elapsed_s()
        if self._write is not None and now_s >= self._next_s:
            self._next_s = now_s + EVERY_S
            self._show(now_s)

    def close(self) -> None:
        if self._write is not None and self._is_shown:
            self._show(self._clock.elapsed_s())
            self._write("", -1)

    def _show(self, now_s: float) -> None:
        assert self._write is not None
        self._is_shown = True
        text = progress_text(self._done, self._total, self._what, before=self._before, elapsed_s=now_s - self._began_s)
        self._write(text, self._done)


def _notebook_line() -> Callable[[str, int], None]:
    """Write into one output of the running cell, which changes in place."""
    from IPython import display as shown_by

    display: Any = shown_by.display
    handles: list[Any] = []

    def write(text: str, n: int) -> None:
        if n < 0:
            return
        shown = {"text/plain": text}
        if handles:
            handles[0].update(shown, raw=True)
        else:
            handles.append(display(shown, raw=True, display_id=True))

    return write


def _terminal_line(total: int, what: str, done: int) -> Callable[[str, int], None]:
    """Draw a bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True), auto_refresh=False)
    task = bar.add_task(what, total=total, completed=done)

    def write(text: str, n: int) -> None:
        if n < 0:
            bar.stop()
            return
        bar.start()
        bar.update(task, completed=n, description=text, refresh=True)

    return write
