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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest of `known`, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
