"""Guard: a failure is seen in its cell: every callback of the page runs under one."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from sptrader.errors import SptraderError, StrategyError, folded_traceback


class Guard:
    """Runs callbacks and shows what fails in `view`: the sentence, and the traceback folded below it."""

    def __init__(self) -> None:
        self.view = widgets.HTML(layout=widgets.Layout(display="none"))
        self.view.add_class("sp-guard")

    def run(self, work: Callable[..., object], *arguments: Any) -> bool:
        """Call `work` and return whether it succeeded; a failure is shown and goes no further."""
        try:
            work(*arguments)
        except Exception as error:
            self.show(error)
            return False
        return True

    def wrap(self, work: Callable[..., object]) -> Callable[..., None]:
        """Return `work` as a callback that cannot fail."""

        def guarded(*arguments: Any) -> None:
            self.run(work, *arguments)

        return guarded

    def show(self, error: BaseException, trace: str | None = None) -> None:
        """Show an error, or one that happened in another process with its `trace`."""
        told = "".join(traceback.format_exception(error)) if trace is None else trace
        self.view.value = failure_html(error, told)
        self.view.layout.display = ""

    def clear(self) -> None:
        """Show nothing any more."""
        self.view.layout.display = "none"
        self.view.value = ""


def failure_html(error: BaseException, trace: str) -> str:
    """Return the panel of an error: its sentences and its traceback, folded."""
    faults = error.faults if isinstance(error, StrategyError) else (str(error),)
    if not isinstance(error, SptraderError):
        faults = (f"{type(error).__name__}: {error}",)
    items = "".join(f"<p>{html.escape(fault.partition(chr(10) + 'Traceback')[0])}</p>" for fault in faults)
    folded = folded_traceback(trace) if trace else ""
    return f'<div class="sp sp-failure" role="alert"><b>That did not work.</b>{items}{folded}</div>'
