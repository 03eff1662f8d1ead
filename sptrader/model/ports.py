"""Ports: what the core asks of its edges, as protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from sptrader.model.orders import Amend, BrokerAccount, BrokerPosition, Cancel, Fill, OpenOrder, Order, Report


class Clock(Protocol):
    """Tells the time: the machine's, or that of the replayed data."""

    def now_ns(self) -> int:
        """Return the time now, int64 nanoseconds since 1970 UTC."""
        ...


class BarsSource(Protocol):
    """Gives bars: files of the catalog, a history in memory, or a running feed's stream."""

    def read_bars(self, symbol: str, timeframe: str, *, start_ns: int | None, end_ns: int | None) -> pd.DataFrame:
        """Return checked bars with their facts that open in [`start_ns`, `end_ns`] (UTC nanoseconds, None: no bound).

        Raises `DataError` when there are none.
        """
        ...


class Entry(NamedTuple):
    """One entry of a stream: its id and its fields as bytes."""

    stream: str
    id: str
    fields: Mapping[str, bytes]


class Streams(Protocol):
    """Named, append-only streams with consumer groups: Redis, or memory of equal rank.

    Every call raises `StreamError` when the server cannot be reached; the caller decides how long to try again. What was
    sent when the answer was lost may be there twice or once: readers know a message by its own id, not by its entry's.
    """

    def add(self, stream: str, fields: Mapping[str, bytes | str], *, most: int | None = None) -> str:
        """Append an entry and return its id; `most` trims what is older, but never what a group has not acknowledged."""
        ...

    def add_many(
        self, entries: Sequence[tuple[str, Mapping[str, bytes | str]]], *, most: int | None = None
    ) -> list[str]:
        """Append entries, each to its stream, in this order and in one round trip; return their ids."""
        ...

    def read(
        self,
        group: str,
        consumer: str,
        streams: Sequence[str],
        *,
        count: int = 100,
        block_ms: int | None = None,
        handled: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Entry]:
        """Return new entries for this consumer, oldest first within a stream; they stay pending until acknowledged.

        At most `count` of each stream. Waits up to `block_ms` for the first one; None or 0 does not wait. The ids in
        `handled`, by stream, are acknowledged before, in the same round trip. Raises `StreamError` when a group is missing:
        the server has lost its data.
        """
        ...

    def claim(self, group: str, consumer: str, stream: str, *, idle_ms: int = 0, count: int = 100) -> list[Entry]:
        """Return the entries that were delivered and never acknowledged for `idle_ms`, now this consumer's."""
        ...

    def acknowledge(self, group: str, stream: str, ids: Sequence[str]) -> None:
        """Say that the entries were handled."""
        ...

    def make_group(self, group: str, stream: str, *, after: str) -> None:
        """Make the group so that it reads what follows the id `after` (`0` for all); one that exists stays as it is."""
        ...

    def drop_group(self, group: str, stream: str) -> None:
        """Take a group away, with what is pending for it: it holds up trimming no longer. None there is no error."""
        ...

    def groups(self, stream: str) -> Mapping[str, float | None]:
        """Return the groups of a stream by name, with the seconds since a consumer has asked; None where none ever did.

        Redis before 7 knows only of those who asked and were given something.
        """
        ...

    def history(self, stream: str, *, after: str = "0", count: int | None = None) -> list[Entry]:
        """Return entries after an id without a group."""
        ...

    def last_id(self, stream: str) -> str:
        """Return the id of the last entry ever added, `0-0` before the first: what `make_group` reads on from."""
        ...

    def length(self, stream: str) -> int:
        """Return how many entries the stream keeps."""
        ...

    def pending(self, group: str, stream: str) -> int:
        """Return how many entries were delivered to the group and not acknowledged."""
        ...

    def trim(self, stream: str, most: int) -> None:
        """Cut some of the oldest entries beyond the newest `most`, but never what a group has not acknowledged."""
        ...

    def set(self, key: str, value: bytes, *, expires_ms: int | None = None) -> None:
        """Write a key: snapshots and heartbeats."""
        ...

    def set_new(self, key: str, value: bytes, *, expires_ms: int) -> bool:
        """Write a key where there is none; return whether it holds `value` now. Of several that try at once one is told so."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return a key's value; None where there is none."""
        ...

    def delete(self, key: str) -> None:
        """Take a key away; none there is no error."""
        ...

    def keys(self, pattern: str) -> list[str]:
        """Return the names of keys and streams in order, with `*` for any letters."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Broker(Protocol):
    """A venue that takes orders. Answers come as reports, in the order in which they happened.

    `remembers_ids` says that a client order id is taken once for ever: sending it again does no harm.
    """

    name: str
    account: str
    remembers_ids: bool

    def submit(self, order: Order) -> None:
        """Send an order; raises `BrokerError` when it surely was not taken, `BrokerTimeout` when that is unknown."""
        ...

    def cancel(self, cancel: Cancel) -> None:
        """Ask for an order to be taken off; raises as `submit`."""
        ...

    def amend(self, amend: Amend) -> None:
        """Ask for an order to be changed; raises as `submit`."""
        ...

    def reports(self) -> list[Report]:
        """Return what happened since the last call."""
        ...

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        """Return what the broker's history knows of an order, None when that proves that it never had it.

        Raises as `submit`: where the history does not reach, nothing is proven.
        """
        ...

    def fills(self, *, since_ns: int) -> list[Fill]:
        """Return every fill of the account at or after `since_ns`, as the broker's history has it: what it proves."""
        ...

    def open_orders(self) -> list[OpenOrder]:
        """Return the orders that work now, children included."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Return the positions held now."""
        ...

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what is in it."""
        ...
