"""What a person says a difference shall lead to: one word for all, another for a case, and what is shown of it."""

from __future__ import annotations

import pytest

from sptrader.errors import RunError
from sptrader.execution.reconcile import Policy
from sptrader.runs.reconcile_policy import cases_of, policy_of, policy_words


def test_nothing_said_is_the_safe_policy() -> None:
    assert policy_of() == Policy()


def test_one_word_is_for_all_that_the_brokers_history_does_not_prove() -> None:
    refuse = policy_of("refuse")
    assert refuse == Policy(
        broker_has_more="refuse", broker_has_less="refuse", opposite="refuse", broker_flat="refuse",
        foreign_position="refuse", extra_order="refuse", missing_order="refuse", unproven_fill="refuse",
        wrong_account="refuse", wrong_currency="refuse",
    )  # fmt: skip
    assert (refuse.missed_fill, refuse.missed_end, refuse.missed_child) == ("adopt", "adopt", "adopt")
    adopt = policy_of("adopt")
    assert (adopt.broker_has_more, adopt.foreign_position) == ("adopt", "adopt")
    assert (adopt.wrong_account, adopt.wrong_currency, adopt.unproven_fill) == ("halt", "halt", "halt")


def test_a_case_goes_before_the_word_for_all() -> None:
    policy = policy_of("adopt", cases_of(["opposite=halt, missed_fill=refuse", "broker_flat=refuse"]))
    assert (policy.opposite, policy.missed_fill, policy.broker_flat, policy.broker_has_more) == (
        "halt", "refuse", "refuse", "adopt",
    )  # fmt: skip


def test_what_is_shown_names_every_case_once() -> None:
    assert policy_words(Policy()) == {
        "on a difference halt": "broker_has_more, broker_has_less, opposite, broker_flat, foreign_position, extra_order, "
        "missing_order, unproven_fill, wrong_account, wrong_currency",
        "on a difference adopt": "missed_fill, missed_end, missed_child",
    }


@pytest.mark.parametrize(
    ("word", "cases", "message"),
    [
        ("adpot", [], "on_difference was 'adpot'; did you mean 'adopt'"),
        (
            None,
            ["broker_had_more=halt"],
            "case 'broker_had_more' of reconcile is not known; did you mean 'broker_has_more'",
        ),
        (None, ["opposite=stop"], "reconcile opposite was 'stop'.* Allowed are refuse, adopt, halt"),
        (None, ["opposite"], "--reconcile was 'opposite'; allowed is CASE=POLICY"),
        (None, ["wrong_account=adopt"], "policy of wrong_account was 'adopt'; there is nothing to adopt"),
    ],
)
def test_a_word_that_is_not_known_is_refused_with_the_nearest(word: str | None, cases: list[str], message: str) -> None:
    with pytest.raises(RunError, match=message):
        policy_of(word, cases_of(cases))
