"""Broker line: whether the broker answers, and when it is asked again after it did not."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sptrader.clock import LiveClock
from sptrader.errors import BrokerError, RunError

URGENT_S = 1.0  # the longest wait while positions are to be flattened
_MOST_LETTERS = 200
_log = logging.getLogger("sptrader.live")


@dataclass(frozen=True)
class Backoff:
    """How long to wait for the next attempt: `first_s` seconds, twice as long after each, `most_s` at most."""

    first_s: float = 1.0
    most_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0.0 < self.first_s <= self.most_s < float("inf"):
            raise RunError(
                f"back-off was {self.first_s:g} s, then up to {self.most_s:g} s; allowed are seconds above 0, the first "
                "not above the longest.",
                key="backoff",
            )

    def wait_s(self, n_failed: int) -> float:
        """Return how long to wait after so many failures in a row."""
        return min(self.first_s * 2.0 ** min(n_failed - 1, 60), self.most_s)


class BrokerLine:
    """Counts the failures in a row and says when the next attempt is due. Each failure is logged, and so is the answer after."""

    def __init__(self, name: str, backoff: Backoff, clock: LiveClock) -> None:
        self._name, self._backoff, self._clock = name, backoff, clock
        self.n_failed = 0
        self._failed_s = 0.0
        self._why = ""

    @property
    def is_silent(self) -> bool:
        """Whether the last attempt failed: then nothing is known of the broker, and nothing is traded."""
        return self.n_failed > 0

    @property
    def note(self) -> str:
        """What is wrong, for a person; empty while the broker answers."""
        if not self.is_silent:
            return ""
        return f"the broker does not answer, nothing is traded ({self.n_failed} attempts): {self._why[:_MOST_LETTERS]}"

    def is_due(self, *, is_urgent: bool = False) -> bool:
        """Whether the broker is to be asked now; `is_urgent` waits a second at most."""
        if not self.is_silent:
            return True
        wait_s = self._backoff.wait_s(self.n_failed)
        return self._clock.elapsed_s() - self._failed_s >= (min(wait_s, URGENT_S) if is_urgent else wait_s)

    def failed(self, error: BrokerError) -> None:
        """Note that it did not answer."""
        self.n_failed += 1
        self._failed_s, self._why = self._clock.elapsed_s(), str(error)
        wait_s = self._backoff.wait_s(self.n_failed)
        _log.warning(
            "The broker %s does not answer (attempt %d, the next in %g s); nothing is traded: %s",
            self._name,
            self.n_failed,
            wait_s,
            error,
            extra={"broker": self._name, "attempt": self.n_failed, "next_s": wait_s},
        )

    def answered(self) -> None:
        """Note that it did answer."""
        if self.is_silent:
            _log.warning(
                "The broker %s answers again after %d attempts.",
                self._name,
                self.n_failed,
                extra={"broker": self._name, "attempt": self.n_failed},
            )
        self.n_failed, self._why = 0, ""
