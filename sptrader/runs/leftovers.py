"""Leftovers: what an earlier session of an account has left on a server, and taking it away."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sptrader.clock import LiveClock
from sptrader.errors import RunError, StreamError
from sptrader.model.messages import Heartbeat
from sptrader.model.ports import Streams
from sptrader.runs.inbox import group_of
from sptrader.runs.lease import FEED, is_running
from sptrader.runs.part import STALE_S
from sptrader.streams import keys
from sptrader.streams.codec import decode_body


def heartbeats(streams: Streams, account: str | None = None) -> list[Heartbeat]:
    """Return the heartbeats of an account's processes, or of all; the feeds' are under the account `feed`."""
    found = []
    for name in streams.keys("heartbeat:*" if account is None else keys.heartbeat(account, "*")):
        body = streams.get(name)
        message = None if body is None else decode_body("heartbeat", body)
        if isinstance(message, Heartbeat):
            found.append(message)
    return found


def is_fresh(beat: Heartbeat) -> bool:
    """Whether a heartbeat is of a process that lives."""
    is_gone = beat.host == socket.gethostname() and not is_running(beat.pid)
    return not is_gone and LiveClock().now_ns() - beat.at_ns < STALE_S * 1e9


def read_snapshot(streams: Streams, account: str) -> dict[str, object] | None:
    """Return the orchestrator's last snapshot of an account; None where there is none."""
    body = streams.get(keys.state(account))
    try:
        return None if body is None else msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise StreamError(f"the snapshot of account '{account}' cannot be read: {error}.", key="state") from error


def unfinished(streams: Streams) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the accounts of all sessions that live or can be resumed, with the bars (symbol, timeframe) that each reads."""
    found: dict[str, frozenset[tuple[str, str]]] = {}
    living = {beat.account for beat in heartbeats(streams) if is_fresh(beat)} - {FEED}
    begun = {name.partition(":")[2] for kind in ("state", "orders") for name in streams.keys(f"{kind}:*")}
    for account in sorted(living | {name for name in begun if name and ":" not in name}):
        try:
            told = read_snapshot(streams, account) or {}
        except StreamError:
            told = {}  # whose it is cannot be read: it is taken for one that needs its signals
        if account in living or not told.get("is_over"):
            found[account] = frozenset(bars_read(told))
    return found


def bars_read(told: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the bars (symbol, timeframe) that a snapshot says its session reads."""
    bars = told.get("bars")
    listed = [one for one in bars if isinstance(one, list) and len(one) == 2] if isinstance(bars, list) else []
    return [(str(symbol), str(timeframe)) for symbol, timeframe in listed]


def require_stopped(streams: Streams, account: str) -> None:
    """Refuse as long as a process of the account's session lives."""
    alive = [beat for beat in heartbeats(streams, account) if is_fresh(beat)]
    if alive:
        raise RunError(
            f"account '{account}' is traded on this server by process {alive[0].pid} on {alive[0].host} "
            f"({alive[0].role}); stop it first, or take another --account.",
            key="account",
            value=account,
        )


def require_new(streams: Streams, account: str) -> None:
    """Refuse to begin a session of an account whose streams hold one that is not over."""
    before = read_snapshot(streams, account)
    if before is not None and bool(before.get("is_over")):
        return
    if streams.length(keys.orders(account)) > 0:
        require_stopped(streams, account)
        raise RunError(
            f"this server holds a session of account '{account}' that was not finished; go on with its --folder, give it "
            f"up with `sptrader live-forget --account {account}`, or take another --account.",
            key="account",
            value=account,
        )


def forget(
    streams: Streams, account: str, *, bars: Iterable[tuple[str, str]] = (), ticks: Iterable[str] = ()
) -> list[str]:
    """Take an account's streams and keys from the server, with the bars (symbol, timeframe) and ticks named; return their names.

    The stream of signals, which all sessions share, goes only when no other session lives or was stopped unfinished; else the
    account's group leaves it, and it is noted after which entry the account begins anew. Raises `RunError` for bars that a
    feed publishes, or that another session which is not over reads.
    """
    others = {name: read for name, read in unfinished(streams).items() if name != account}
    names = [keys.orders(account), keys.fills(account), keys.control(account), keys.state(account), keys.stop(account)]
    names += [keys.began(account), keys.dropped(account)]
    feeds = {beat.role for beat in heartbeats(streams, FEED) if is_fresh(beat)}
    for symbol, timeframe in bars:
        if any(_is_of(role, symbol, timeframe) for role in feeds):
            raise RunError(
                f"a feed publishes {symbol} {timeframe} on this server; stop it first, or let the session follow it: leave out "
                "--replay.",
                key="replay",
                value=symbol,
            )
        _require_unread([name for name, read in others.items() if (symbol, timeframe) in read], f"bars of {symbol}")
        names += [keys.bars(symbol, timeframe), keys.facts(symbol, timeframe)]
    for symbol in ticks:
        if streams.length(keys.ticks(symbol)) > 0:  # the bars that others read may be of these
            readers = [name for name, read in others.items() if any(one == symbol for one, _ in read)]
            _require_unread(readers, f"ticks of {symbol}")
        names.append(keys.ticks(symbol))
    if not others:
        names.append(keys.SIGNALS)
    there = [name for name in names if name in set(streams.keys("*"))]
    for name in there:
        streams.delete(name)
        streams.delete(keys.deadletter(name))
    if others:
        streams.drop_group(group_of(account), keys.SIGNALS)
        streams.set(keys.began(account), streams.last_id(keys.SIGNALS).encode())
    return there


def _require_unread(readers: Sequence[str], what: str) -> None:
    """Refuse where another account's session that is not over reads it."""
    if readers:
        raise RunError(
            f"the session of account '{readers[0]}' on this server is not over and reads its {what}; let it end, give it up with "
            f"`sptrader live-forget --account {readers[0]}`, or take another server.",
            key="replay",
            value=readers[0],
        )


def began_after(streams: Streams, account: str) -> str:
    """Return the id on the stream of signals after which an account's session begins: what stands before is an earlier one's."""
    return (streams.get(keys.began(account)) or b"0-0").decode()


def feed_role(symbols: Iterable[str], timeframe: str) -> str:
    """Return the name under which a feed of these bars tells that it lives."""
    return "+".join(symbols) + f"-{timeframe}"


def _is_of(role: str, symbol: str, timeframe: str) -> bool:
    """Whether a feed of that name publishes these bars."""
    symbols, _, own = role.rpartition("-")
    return own == timeframe and symbol in symbols.split("+")
