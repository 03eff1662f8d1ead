"""Kill switch: cancels all and flattens all straight at the broker, latched in a file until a person unlatches it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sptrader.errors import BrokerError, BrokerTimeout, RunError
from sptrader.model.ids import KILL_ORDER
from sptrader.model.orders import BrokerPosition, Cancel, Order
from sptrader.model.ports import Broker, Clock

T = TypeVar("T")

FILE = "killed.json"
_ATTEMPTS = 100


@dataclass(frozen=True)
class Latched:
    """Who pulled the switch, why, and when (UTC nanoseconds)."""

    by: str
    reason: str
    at_ns: int


@dataclass(frozen=True)
class KillReport:
    """What one round of the switch did: ids of cancelled orders, the orders that were sent to flatten, and what failed.

    `is_flat`: the broker shows no position and no order any more. As long as it does, the round is to be repeated.
    """

    cancelled: tuple[str, ...]
    flattening: tuple[Order, ...]
    failures: tuple[str, ...]
    is_flat: bool


class KillLatch:
    """The latch of a session: the file `killed.json` in its folder, which outlives every process.

    A file that cannot be read counts as latched: when the disk is full, an empty one does.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def latched(self) -> Latched | None:
        """Return who latched it and why; None when it is open."""
        try:
            told = json.loads(self.path.read_text(encoding="utf-8"))
            return Latched(by=str(told["by"]), reason=str(told["reason"]), at_ns=int(told["at_ns"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            return Latched(by="unknown", reason=f"{self.path.name} cannot be read ({error})", at_ns=0)

    def latch(self, *, by: str, reason: str, at_ns: int) -> Latched:
        """Latch it; what stands there already stays. Raises `RunError` when the file cannot be written."""
        standing = self.latched()
        if standing is not None:
            return standing
        told = Latched(by=by, reason=reason, at_ns=at_ns)
        try:
            with self.path.open("x", encoding="utf-8") as file:  # of two at once one makes it
                json.dump(asdict(told), file)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return self.latched() or told
        except OSError as error:
            raise RunError(
                f"the kill switch could not be latched in {self.path}: {error.strerror}.",
                path=self.path,
                is_failure=True,
            ) from error
        return told

    def unlatch(self, *, by: str) -> Latched:
        """Open it again and return what was latched; `by` is the person who does. Raises `RunError` when it is open."""
        standing = self.latched()
        if not by.strip():
            raise RunError("unlatching needs the name of the person who does it; it was empty.", key="by", value=by)
        if standing is None:
            raise RunError("the kill switch is not latched; there is nothing to unlatch.", path=self.path)
        self.path.unlink()
        return standing


def kill(broker: Broker, latch: KillLatch, *, by: str, reason: str, clock: Clock) -> KillReport:
    """Latch, cancel every order and send a market order against every position; one round, to be repeated until flat.

    It asks nothing but the broker, and goes on after each failure: one order that cannot be cancelled keeps no position
    open. Repeated rounds send nothing twice: the ids follow from account, symbol and the latch's time, and an order that
    still works is waited for.
    """
    try:
        latched = latch.latch(by=by, reason=reason, at_ns=clock.now_ns())
    except RunError as error:  # the disk is full: flatten all the same
        found = flatten(broker, Latched(by=by, reason=reason, at_ns=0), now_ns=clock.now_ns())
        return replace(found, failures=(str(error), *found.failures), is_flat=False)
    return flatten(broker, latched, now_ns=clock.now_ns())


def flatten(broker: Broker, latched: Latched, *, now_ns: int) -> KillReport:
    """Do one round for a switch that is latched: cancel every order, send a market order against every position."""
    failures: list[str] = []
    cancelled: list[str] = []
    for working in _asked(broker.open_orders, "open orders", failures):
        if working.client_order_id.startswith(KILL_ORDER):
            continue  # it is flattening
        cancel = Cancel(
            client_order_id=working.client_order_id,
            symbol=working.symbol,
            reason="manual",
            time_ns=now_ns,
            created_at=now_ns,
        )
        if _done(partial(broker.cancel, cancel), f"cancel of {working.client_order_id}", failures):
            cancelled.append(working.client_order_id)
    flattening: list[Order] = []
    for position in _asked(broker.positions, "positions", failures):
        order = _flattening(broker, position, latched, now_ns=now_ns, failures=failures)
        if order is not None and _done(partial(broker.submit, order), f"flattening {position.symbol}", failures):
            flattening.append(order)
    left = _asked(broker.open_orders, "open orders", failures)
    held = [p for p in _asked(broker.positions, "positions", failures) if p.quantity != 0]
    is_flat = not (failures or left or held)
    return KillReport(tuple(cancelled), tuple(flattening), tuple(failures), is_flat)


def _flattening(
    broker: Broker, position: BrokerPosition, latched: Latched, *, now_ns: int, failures: list[str]
) -> Order | None:
    """Make the market order that closes a position; None when there is none, or one that works already."""
    if position.quantity == 0:
        return None
    for count in range(_ATTEMPTS):
        order_id = _kill_id(broker.account, position.symbol, latched.at_ns, count)
        try:
            found = broker.find_order(order_id)
        except BrokerError as error:
            failures.append(f"flattening {position.symbol}: {error}")
            return None
        if found is None:
            return Order(
                client_order_id=order_id,
                symbol=position.symbol,
                side="sell" if position.quantity > 0 else "buy",
                quantity=abs(position.quantity),
                type="market",
                time_in_force="gtc",
                leg="exit",
                reason="manual",
                time_ns=now_ns,
                created_at=now_ns,
            )
        if not found.status.is_final:
            return None
    failures.append(f"flattening {position.symbol}: {_ATTEMPTS} orders ended and the position is still open.")
    return None


def _kill_id(account: str, symbol: str, at_ns: int, count: int) -> str:
    text = "\0".join((account, "kill", symbol, str(at_ns), str(count)))
    return f"{KILL_ORDER}{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def _done(act: Callable[[], None], what: str, failures: list[str]) -> bool:
    """Do one thing at the broker and return whether it may have been done; note what failed and go on."""
    try:
        act()
    except BrokerError as error:
        failures.append(f"{what}: {error}")
        return isinstance(error, BrokerTimeout)
    return True


def _asked(ask: Callable[[], list[T]], what: str, failures: list[str]) -> list[T]:
    """Ask the broker for a list; nothing, and a note, when it does not answer."""
    try:
        return ask()
    except BrokerError as error:
        failures.append(f"{what}: {error}")
        return []
