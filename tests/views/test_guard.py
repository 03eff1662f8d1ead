"""A failure is seen in its cell: the sentence, the traceback folded, and nothing else stops."""

from sptrader.errors import RunError, StrategyError
from sptrader.views.guard import Guard


def test_failure_is_shown_and_goes_no_further():
    guard = Guard()

    def fails():
        raise RunError("cash was <0>; allowed is an amount above 0.")

    assert guard.run(fails) is False
    assert "cash was &lt;0&gt;; allowed is an amount above 0." in guard.view.value
    assert "<details" in guard.view.value
    assert "in fails" in guard.view.value
    assert guard.view.layout.display == ""


def test_every_fault_of_a_strategy_is_a_line():
    guard = Guard()

    guard.show(StrategyError("two", faults=("a.yaml:1:1: one.", "a.yaml:2:1: two.")))

    assert guard.view.value.count("<p>a.yaml:") == 2


def test_what_was_no_error_of_ours_is_named():
    guard = Guard()

    guard.wrap(lambda: 1 / 0)()

    assert "ZeroDivisionError: division by zero" in guard.view.value


def test_cleared_guard_shows_nothing():
    guard = Guard()
    guard.run(lambda: 1 / 0)

    guard.clear()

    assert (guard.view.value, guard.view.layout.display) == ("", "none")
