"""The key schema: the name of every stream and key on the server.

    bars:{symbol}:{timeframe}      stream   feed → signal worker, paper broker      bar
    ticks:{symbol}                 stream   feed → paper broker                     tick
    signals:live                   stream   worker and any program → orchestrator   columns, signal, price_update
    orders:{account}               stream   orchestrator → execution                order
    fills:{account}                stream   execution → orchestrator                report
    control:{account}              stream   people → orchestrator                   command
    deadletter:{stream}            stream   what was not understood in a stream     the entry and its reason
    state:{account}                key      the orchestrator's snapshot for viewers
    heartbeat:{account}:{role}     key      a process lives; expires
    lease:{account}:{role}         key      whose a part is: the one process that may do it; expires
    facts:{symbol}:{timeframe}     key      what the feed says of its bars: their basis, session, source
    kill:{account}                 key      the kill switch: there while it is latched
    began:{account}                key      after which id of signals:live the account's session begins; none: the first
    dropped:{account}              key      when its group was taken off signals:live, which it had not read for long
    stop:{account}                 key      when the account's processes were asked to end; expires

The last column names the one field that an entry has (`codec.py`).
"""

from __future__ import annotations

from sptrader.errors import StreamError

SIGNALS = "signals:live"


def bars(symbol: str, timeframe: str) -> str:
    """Return the stream of an instrument's bars."""
    return _key("bars", symbol=symbol, timeframe=timeframe)


def ticks(symbol: str) -> str:
    """Return the stream of an instrument's quotes."""
    return _key("ticks", symbol=symbol)


def orders(account: str) -> str:
    """Return the stream of what the orchestrator asks of an account."""
    return _key("orders", account=account)


def fills(account: str) -> str:
    """Return the stream of what happened to an account's orders."""
    return _key("fills", account=account)


def control(account: str) -> str:
    """Return the stream of people's commands to an account's session."""
    return _key("control", account=account)


def deadletter(stream: str) -> str:
    """Return the stream that keeps what was not understood in `stream`."""
    return f"deadletter:{stream}"


def state(account: str) -> str:
    """Return the key of an account's snapshot for viewers."""
    return _key("state", account=account)


def heartbeat(account: str, role: str) -> str:
    """Return the key under which a process says that it lives; `role` `*` makes the pattern of all."""
    return _key("heartbeat", account=account) + (":*" if role == "*" else _key("", role=role))


def lease(account: str, role: str) -> str:
    """Return the key that says which process may do a part."""
    return _key("lease", account=account, role=role)


def facts(symbol: str, timeframe: str) -> str:
    """Return the key of what is known of an instrument's bars."""
    return _key("facts", symbol=symbol, timeframe=timeframe)


def kill(account: str) -> str:
    """Return the key of an account's kill switch."""
    return _key("kill", account=account)


def began(account: str) -> str:
    """Return the key of the id on the stream of signals after which an account's session begins."""
    return _key("began", account=account)


def dropped(account: str) -> str:
    """Return the key of the time at which an account's session, silent for long, was taken off the stream of signals."""
    return _key("dropped", account=account)


def stop(account: str) -> str:
    """Return the key of the time at which an account's processes were asked to end."""
    return _key("stop", account=account)


def _key(kind: str, **parts: str) -> str:
    for name, part in parts.items():
        if (
            not part
            or len(part) > 200
            or not part.isprintable()
            or any(letter in ":*" or letter.isspace() for letter in part)
        ):
            raise StreamError(
                f"The {name} {part[:80]!r} cannot be a part of a stream's name; 1 to 200 printable letters without "
                "space, ':' and '*' can.",
                key=name,
                value=part,
            )
    return ":".join((kind, *parts.values()))
