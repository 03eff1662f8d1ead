"""Signal groups: the readers of the stream that all sessions share, and how those that are gone for good are taken off it.

The stream keeps its newest `MOST_SIGNALS` entries and all that some group has not acknowledged. Where that makes it longer, a
group of which no consumer has asked for `DEAD_S` seconds is dropped: one of a session that was never resumed, or of another
program; and at once that of a session that is over. The session says so when it is resumed after all, and what it had not read is gone.
"""

from __future__ import annotations

import logging

from sptrader.clock import LiveClock
from sptrader.errors import RunError, StreamError
from sptrader.model.ports import Streams
from sptrader.runs.inbox import group_of
from sptrader.runs.leftovers import read_snapshot
from sptrader.streams import keys
from sptrader.streams.ids import parse_id

MOST_SIGNALS = (
    100_000  # that stay on their stream when they were acknowledged; the bars' streams keep all since the first
)
DEAD_S = 7 * 86_400.0  # longer than any market is closed
_log = logging.getLogger("sptrader.live")


def shorten_signals(
    streams: Streams, *, own: str = "", times: int = 1, most: int = MOST_SIGNALS, dead_s: float = DEAD_S
) -> list[str]:
    """Cut up to `times` thousand of the oldest signals beyond the newest `most`; return the dead groups that were dropped for it.

    A group of an orchestrator that holds its lease, or of the account `own`, lives however quiet it is; that of a session which
    is over is dead at once.
    """
    if streams.length(keys.SIGNALS) <= most:
        return []
    dead = [
        name for name, idle_s in streams.groups(keys.SIGNALS).items() if _is_dead(streams, name, idle_s, own, dead_s)
    ]
    for name in dead:
        if (account := _account_of(name)) is not None:
            streams.set(keys.dropped(account), str(LiveClock().now_ns()).encode())
        streams.drop_group(name, keys.SIGNALS)
        _log.warning(
            "Group '%s' was dropped from %s: its session is over, or has not read for %g days, and it held up trimming.",
            name,
            keys.SIGNALS,
            dead_s / 86_400,
        )
    for _ in range(times):
        streams.trim(keys.SIGNALS, most)
    return dead


def require_all_signals(streams: Streams, account: str, *, after: str) -> None:
    """Refuse to go on behind the entry `after` where the account's group was dropped and signals it had not read may be gone."""
    if streams.get(keys.dropped(account)) is None or parse_id(streams.last_id(keys.SIGNALS)) <= parse_id(after):
        return
    first = streams.history(keys.SIGNALS, count=1)
    if not first or parse_id(first[0].id) > parse_id(after):
        raise RunError(
            f"the session of account '{account}' was away for longer than {DEAD_S / 86_400:g} days, and signals that it had not "
            "read were trimmed meanwhile. Close its positions by hand, give it up with "
            f"`sptrader live-forget --account {account}`, and begin anew.",
            key="account",
            value=account,
            is_failure=True,
        )


def _is_dead(streams: Streams, name: str, idle_s: float | None, own: str, dead_s: float) -> bool:
    account = _account_of(name)
    if account is None:  # another program's; before it has asked it may be about to begin
        return idle_s is not None and idle_s > dead_s
    if account == own or streams.get(keys.lease(account, "orchestrator")) is not None:
        return False
    return idle_s is None or idle_s > dead_s or _is_over(streams, account)


def _is_over(streams: Streams, account: str) -> bool:
    """Whether an account's session has said that it is over; one that cannot be read has not."""
    try:
        return bool((read_snapshot(streams, account) or {}).get("is_over"))
    except StreamError:
        return False


def _account_of(group: str) -> str | None:
    """The account of an orchestrator's group; None of another program's."""
    account = group.removeprefix(group_of(""))
    return account if account != group and account and ":" not in account else None
