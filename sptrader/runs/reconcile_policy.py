"""Reconcile policy: what a person says a difference between books and broker shall lead to, case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sptrader.errors import BrokerError, RunError, did_you_mean
from sptrader.execution.reconcile import Policy

DECISIONS = ("refuse", "adopt", "halt")
# what the broker's history proves is adopted unless its own case says otherwise
_PROVEN = ("missed_fill", "missed_end", "missed_child")
_HALTING = ("wrong_account", "wrong_currency", "unproven_fill")  # there is nothing to adopt


def policy_of(on_difference: str | None = None, cases: Mapping[str, str] | None = None) -> Policy:
    """Return the policy: `on_difference` for every case that the broker's history does not prove, `cases` over it.

    Where `on_difference` is `adopt`, another account, another currency and fills that explain nothing still halt.
    Raises `RunError` for a word or a case that is not known.
    """
    known = [one.name for one in fields(Policy)]
    values: dict[str, Any] = {}
    if on_difference is not None:
        _check(on_difference, "on_difference")
        open_cases = [name for name in known if name not in _PROVEN]
        values = {name: on_difference for name in open_cases if on_difference != "adopt" or name not in _HALTING}
    for name, decision in (cases or {}).items():
        if name not in known:
            raise RunError(
                f"case '{name}' of reconcile is not known{did_you_mean(name, known) or '.'} Known cases: {', '.join(known)}.",
                key="reconcile",
                value=name,
            )
        _check(decision, f"reconcile {name}")
        values[name] = decision
    try:
        return Policy(**values)
    except BrokerError as error:
        raise RunError(str(error), key="reconcile") from error


def cases_of(texts: Sequence[str]) -> dict[str, str]:
    """Return the cases of texts such as `broker_has_more=adopt`, several of them parted by commas."""
    found: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",") if part.strip()):
        name, sign, decision = (word.strip() for word in part.partition("="))
        if not sign:
            raise RunError(
                f"--reconcile was '{part}'; allowed is CASE=POLICY, as in broker_has_more=refuse.",
                key="reconcile",
                value=part,
            )
        found[name] = decision
    return found


def policy_words(policy: Policy) -> dict[str, str]:
    """Return by decision the cases that lead to it, hardest first, as a person reads them before trading begins."""
    told = asdict(policy)
    found = {
        word: [name for name, decision in told.items() if decision == word] for word in ("halt", "refuse", "adopt")
    }
    return {f"on a difference {word}": ", ".join(names) for word, names in found.items() if names}


def _check(decision: str, where: str) -> None:
    if decision not in DECISIONS:
        raise RunError(
            f"{where} was '{decision}'{did_you_mean(decision, DECISIONS) or '.'} Allowed are {', '.join(DECISIONS)}.",
            key=where,
            value=decision,
        )
