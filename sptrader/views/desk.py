"""Desk: the one thread that does the page's work, so that callbacks return at once and a cell never waits for the page.

Callbacks only put work on the desk. It is done in turn, each piece under the guard; between pieces the desk looks at what
runs elsewhere, at most ten times a second.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from sptrader.clock import LiveClock
from sptrader.views.guard import Guard

LOOK_S = 0.1

Work = Callable[[], object]


class Desk:
    """Does work in turn and calls the looks given to `every`; `root` is the page, kept answering while a cell runs."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.root: widgets.Widget | None = None
        self._asked: queue.Queue[Work | None] = queue.Queue()
        self._looks: list[Work] = []
        self._latest: dict[str, Work] = {}
        self._clock = LiveClock()
        self._thread = threading.Thread(target=self._work, name="sptrader page", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def do(self, work: Callable[..., object], *arguments: Any) -> None:
        """Put work on the desk and return at once."""
        self._asked.put(lambda: work(*arguments))

    def do_latest(self, name: str, work: Callable[..., object], *arguments: Any) -> None:
        """Put work on the desk that replaces what is still waiting under `name`: of a dragged slider only the end counts."""

        def latest() -> object:
            return work(*arguments) if self._latest.get(name) is latest else None

        self._latest[name] = latest
        self._asked.put(latest)

    def every(self, look: Work) -> None:
        """Call `look` again and again from now on."""
        self._looks.append(look)

    def close(self) -> None:
        """End the thread after what it is doing now."""
        self._asked.put(None)

    def wait(self) -> None:
        """Wait until all that was put on the desk is done."""
        done = threading.Event()
        self._asked.put(done.set)
        done.wait()

    def _work(self) -> None:
        looked = 0.0
        while True:
            with contextlib.suppress(queue.Empty):
                work = self._asked.get(timeout=LOOK_S)
                if work is None:
                    return
                self.guard.run(work)
                if self.root is not None:
                    answer_anytime(self.root)
            if self._clock.elapsed_s() - looked >= LOOK_S:
                for look in list(self._looks):
                    self.guard.run(look)
                looked = self._clock.elapsed_s()


def answer_anytime(root: widgets.Widget) -> None:
    """Let the widgets below `root` answer while a cell runs.

    JupyterLab sends a widget's messages to a thread beside the one that runs cells (a subshell), but ipykernel 7.2 and
    later hand them to the thread that made the widget: the one a long cell blocks. Here they stay where they were sent;
    where there is no such routing, they are handled as always.
    """
    waiting = [root]
    while waiting:
        widget = waiting.pop()
        if widget.comm is not None and hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = _where_it_was_sent
        waiting += getattr(widget, "children", ())


def _where_it_was_sent(_: object, sent_to: str | None) -> str | None:
    return sent_to
