"""Every exception of sptrader; a class is named for who must act.

    SptraderError
    ├── DataError         the data: a file, a frame, a missing fact about them
    ├── ComponentError    the author of an indicator or a signal
    ├── StrategyError     the author of a strategy file (carries every fault found)
    ├── RunError          the caller of a run: dates, parameters, cash, folders
    ├── BrokerError       the broker, or the account at it
    │   └── BrokerTimeout whether the broker took it is not known
    └── StreamError       the stream server, or what was published on it

All of them are wrong *input* for the command line (exit code 2), except those raised with `is_failure=True`: work that
was asked for correctly and did not succeed (exit code 1).
"""

from __future__ import annotations

import difflib
import html
import sys
import traceback
from collections.abc import Iterable


class SptraderError(Exception):
    """An error a user can act on: what was wrong with which value, where, and what is allowed.

    `path`, `key` and `value` repeat the message's facts for programs; `is_failure` tells failed work from wrong input.
    """

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        key: str | None = None,
        value: object = None,
        is_failure: bool = False,
    ) -> None:
        super().__init__(message)
        self.path = None if path is None else str(path)
        self.key = key
        self.value = value
        self.is_failure = is_failure
        self._is_shown = False

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows for this error: in a notebook the message alone, with the traceback folded above it.

        A terminal shows the whole traceback, for nothing can be folded there.
        """
        lines = traceback.format_exception(self)
        ipython = sys.modules.get("IPython")
        shell = None if ipython is None else ipython.get_ipython()
        if shell is None or not hasattr(shell, "kernel"):
            return lines
        if not self._is_shown:  # IPython asks twice: for the cell, and for its history
            shell.display_pub.publish({"text/html": folded_traceback("".join(lines)), "text/plain": ""})
            self._is_shown = True
        return [f"{type(self).__name__}: {self}"]


class DataError(SptraderError):
    """Market data that cannot be used as it is."""


class ComponentError(SptraderError):
    """An indicator or a signal that is malformed, unknown, or failed while computing."""


class StrategyError(SptraderError):
    """A strategy file with faults; `faults` lists each as one sentence with file, line and column."""

    def __init__(
        self,
        message: str,
        *,
        faults: Iterable[str] = (),
        path: object = None,
        key: str | None = None,
        value: object = None,
    ) -> None:
        super().__init__(message, path=path, key=key, value=value)
        self.faults = tuple(faults) or (message,)


class RunError(SptraderError):
    """A run that cannot start, or whose books do not balance."""


class BrokerError(SptraderError):
    """A broker that refused, or an account that is not what was expected."""


class BrokerTimeout(BrokerError):  # noqa: N818 - what happened, not a fault
    """No answer in time: the order may work or not, and only the broker's evidence tells."""


class StreamError(SptraderError):
    """A stream server out of reach, or a message that cannot be understood."""


def folded_traceback(text: str) -> str:
    """Return the HTML of a traceback that opens when it is asked for."""
    return (
        '<details style="font-size:12px"><summary style="cursor:pointer;opacity:.75">Traceback</summary>'
        f'<pre style="overflow:auto;max-height:360px;font-size:11.5px;line-height:1.4">{html.escape(text)}</pre></details>'
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest of `known`, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
