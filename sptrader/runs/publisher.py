"""Publisher: signals and prices of other programs, onto the stream that every session on a server reads."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from sptrader.clock import LiveClock
from sptrader.errors import StreamError
from sptrader.model.messages import Event, PriceUpdate
from sptrader.runs.sessions import find_session
from sptrader.runs.signal_groups import MOST_SIGNALS, shorten_signals
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.redis import RedisStreams

_log = logging.getLogger("sptrader.live")
_LOOK = 1_000  # messages between two looks for readers that are gone


class SignalPublisher:
    """A connection over which any program publishes signals; they act when they arrive, by the rules of each session's strategy.

    `redis_url` names the server; without it `REDIS_URL` does, else it is that of the session on this machine (of `account`, where
    there are several). What no session could read raises `StreamError` here, and is not sent. A `with` statement, or `close`,
    lets go of the connection.
    """

    def __init__(self, redis_url: str | None = None, *, account: str | None = None) -> None:
        url = redis_url or os.environ.get("REDIS_URL") or find_session(account).url
        self._streams = RedisStreams(url)
        self._clock = LiveClock()
        self._n_added = 0

    def publish(
        self,
        signal_name: str,
        signal_type: str,
        *,
        symbol: str,
        strength: float = 1.0,
        timestamp: int | float | str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Publish a signal and return its id on the stream.

        `strength` is 0 to 1. `timestamp` is ISO text with its zone, or seconds, milli-, micro- or nanoseconds since 1970; now
        without. `metadata` has the signal's further outputs by name. The same signal sent twice acts once.
        """
        event = Event(
            timestamp=self._clock.now_ns() if timestamp is None else timestamp,
            signal_name=signal_name,
            signal_type=signal_type,
            strength=strength,
            metadata={**(metadata or {}), "symbol": symbol},
        )
        return self._add(event)

    def publish_prices(self, prices: Mapping[str, float]) -> str:
        """Publish the latest prices by symbol, for other readers of the stream: sessions count them and decide nothing on them."""
        return self._add(PriceUpdate(prices=dict(prices)))

    def close(self) -> None:
        """Let go of the connection."""
        self._streams.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, message: Event | PriceUpdate) -> str:
        id = self._streams.add(keys.SIGNALS, encode(message), most=MOST_SIGNALS)
        self._n_added += 1
        if self._n_added % _LOOK == 0:
            try:
                shorten_signals(self._streams)
            except StreamError as error:  # the message itself was sent: who sent it must not send it again
                _log.warning("Stream '%s' could not be trimmed: %s", keys.SIGNALS, error)
        return id
