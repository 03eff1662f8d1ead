"""When a broker that does not answer is asked again."""

from __future__ import annotations

import pytest

from sptrader.clock import LiveClock
from sptrader.errors import BrokerError, RunError
from sptrader.runs.broker_line import Backoff, BrokerLine


class HandClock(LiveClock):
    """A stopwatch that is moved by hand."""

    at_s = 100.0

    def elapsed_s(self) -> float:
        return self.at_s


def test_each_wait_is_twice_the_one_before_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1.0, most_s=10.0)
    assert [backoff.wait_s(n) for n in (1, 2, 3, 4, 5, 2_000)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_line_is_due_again_after_its_wait_and_forgets_it_after_an_answer() -> None:
    clock = HandClock()
    line = BrokerLine("ib", Backoff(first_s=4.0, most_s=60.0), clock)
    assert (line.is_due(), line.is_silent, line.note) == (True, False, "")

    line.failed(BrokerError("refused"))
    line.failed(BrokerError("no route"))  # 8 s from here
    assert line.note == "the broker does not answer, nothing is traded (2 attempts): no route"
    clock.at_s += 7.5
    assert not line.is_due()
    assert line.is_due(is_urgent=True)  # after a second
    clock.at_s += 0.5
    assert line.is_due()

    line.answered()
    assert (line.is_due(), line.is_silent, line.note) == (True, False, "")
    line.failed(BrokerError("no route"))
    clock.at_s += 4.0
    assert line.is_due()


def test_a_senseless_back_off_is_refused() -> None:
    for first, most in ((0.0, 1.0), (2.0, 1.0), (1.0, float("inf"))):
        with pytest.raises(RunError, match="back-off was"):
            Backoff(first_s=first, most_s=most)
