"""Ids: the client order id, the same for the same decision in every mode and on every try."""

from __future__ import annotations

import hashlib

PAPER = "paper"  # the account of backtests and, unless another is said, of paper trading: the same ids
KILL_ORDER = "kill-"  # how the ids of the kill switch's orders begin
BY_HAND = "by-hand-"  # how the ids begin of fills that a person read at the broker
ADOPTED = "adopted-"  # how the ids begin of fills that stand for a position found at the broker


def client_order_id(account: str, strategy: str, version: str, symbol: str, time_ns: int, leg: str, count: int) -> str:
    """Return the id of an order: a hash of what it stands for, 20 hex digits.

    `time_ns` is the opening time of the bar it was decided on, `leg` its part in the decision (`entry`, `exit`, `stop`,
    `target`, `trail`), `count` tells orders apart that are equal in all that.
    """
    text = "\0".join((account, strategy, version, symbol, str(time_ns), leg, str(count)))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
