"""Paper broker: a venue that only pretends, behind the same port as a real one, with faults on the way where asked for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.faults import Faults
from sptrader.execution.lifecycle import Life, after, evidence
from sptrader.model.instrument import Instrument
from sptrader.model.orders import (
    Amend,
    BrokerAccount,
    BrokerPosition,
    Cancel,
    Fill,
    Matched,
    NightCharge,
    OpenOrder,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.model.shelf import KEPT_ENDED, Shelf

_KNOWN, _FILL = "known", "fill"  # kinds on the shelf
_REST = "~rest"  # of the venue's order that fills the second part; nobody outside sees it


class Venue(Protocol):
    """What matches the orders of a paper broker. Every call returns what it led to, in the order in which it happened.

    The venue reports `accepted` or `rejected` for each order it is given, every fill, every end, and the children it
    makes with their first update (`made`). A child's `parent` is the entry it was made for. An order id comes only once.
    """

    def place(self, order: Order) -> list[Report]:
        """Take an order that may work from the next prices on."""
        ...

    def cancel(self, cancel: Cancel) -> list[Report]:
        """Take a working order off; nothing when there is none of that id."""
        ...

    def amend(self, amend: Amend) -> list[Report]:
        """Change a working order and answer `accepted` with the order as it is now (`made`); nothing where there is none."""
        ...

    def meet(self, time_ns: int, *, is_closed: bool) -> list[Report]:
        """Let the orders meet the prices up to `time_ns`; `is_closed` says that the bars of that time are complete."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Return what is held."""
        ...

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what is in it."""
        ...


class Known(msgspec.Struct):
    """What the broker's history has of one order: what was asked for, and what became of it."""

    evidence: OpenOrder
    life: Life


class Waiting(msgspec.Struct):
    """An instruction on its way to the venue, or a report on its way back, and how many bars it still takes."""

    bars: int
    message: Order | Cancel | Amend | Fill | OrderUpdate | NightCharge | Matched


class Split(msgspec.Struct):
    """An entry that fills in two parts: the order, and how much of it comes second."""

    order: Order
    rest: Decimal
    is_rest_placed: bool = False


class PaperState(msgspec.Struct):
    """All that changes in a paper broker beside its venue: plain data, to be kept over a restart."""

    known: dict[str, Known] = {}
    fills: list[Fill] = []
    n_shelved_fills: int = 0
    on_the_way: list[Waiting] = []
    to_tell: list[Waiting] = []
    splits: dict[str, Split] = {}
    attempts: dict[str, int] = {}
    time_ns: int = 0


class PaperBroker:
    """A `Broker` over a `Venue`. With no faults every report passes as the venue made it, in its order.

    It remembers ids: the same order again does nothing. What happens depends only on the calls and the seed: a new one that
    is given the same calls is in the same state, and so is one that is given the `state` (and its venue the venue's).
    `shelf` takes what it knows of orders that have ended, but the last ones, and of their fills: see `shelve`.
    """

    remembers_ids = True

    def __init__(
        self,
        venue: Venue,
        *,
        instruments: Mapping[str, Instrument],
        faults: Faults | None = None,
        name: str = "paper",
        state: PaperState | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self.name = name
        self.account = venue.account_state().account
        self._venue = venue
        self._instruments = dict(instruments)
        self.faults = faults or Faults()
        self.state = state or PaperState()
        self._shelf, self._has_shelved, self._shelving_at = shelf, state is not None, 2 * KEPT_ENDED

    def submit(self, order: Order) -> None:
        """Take an order; raises `BrokerTimeout` where the answer gets lost, `BrokerError` for an unknown instrument."""
        if order.symbol not in self._instruments:
            raise BrokerError(
                f"symbol '{order.symbol}' is not traded here; allowed are {', '.join(sorted(self._instruments))}.",
                key="symbol",
                value=order.symbol,
            )
        if not (order.quantity.is_finite() and order.quantity > 0):
            raise BrokerError(f"order '{order.client_order_id}': quantity was {order.quantity}; allowed is above 0.")
        if self._known(order.client_order_id) is not None:
            return
        is_lost, arrives = self._loses("order", order.client_order_id)
        if arrives:
            self.state.known[order.client_order_id] = Known(
                evidence(order, OrderStatus.SUBMITTED), Life(quantity=order.quantity)
            )
            self._on_its_way(order)
        if is_lost:
            raise BrokerTimeout(f"no answer to order '{order.client_order_id}'.", value=order.client_order_id)

    def cancel(self, cancel: Cancel) -> None:
        """Take an order off; nothing when it has ended. Raises as `submit`."""
        self._change(cancel, "cancel")

    def amend(self, amend: Amend) -> None:
        """Change an order; nothing when it has ended. Raises as `submit`."""
        self._change(amend, "amend")

    def meet(self, time_ns: int, *, is_closed: bool = True) -> None:
        """Let what is due reach the venue and meet the prices up to `time_ns`.

        A closed bar ends with `Matched`, which tells the balance unless reports are late; without one (a quote in between)
        nothing gets older by a bar.
        """
        self.state.time_ns = max(self.state.time_ns, time_ns)
        if is_closed:
            for waiting in self.state.to_tell:
                waiting.bars -= 1
        self._tell(self._venue.meet(time_ns, is_closed=is_closed))
        if is_closed:
            for waiting in self.state.on_the_way:
                waiting.bars -= 1
            self._arrive()  # at this bar's close: what is one bar late misses this bar
            is_all_told = all(waiting.bars <= 0 for waiting in self.state.to_tell)
            balance = self._venue.account_state().balance if is_all_told else None
            self.state.to_tell.append(Waiting(0, Matched(time_ns=time_ns, balance=balance)))

    def reports(self) -> list[Report]:
        """Return what happened since the last call, but for what is delayed."""
        due = [waiting.message for waiting in self.state.to_tell if waiting.bars <= 0]
        self.state.to_tell = [waiting for waiting in self.state.to_tell if waiting.bars > 0]
        return [message for message in due if isinstance(message, Fill | OrderUpdate | NightCharge | Matched)]

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        """Return all about an order; None when it never came."""
        known = self._known(client_order_id)
        return None if known is None else _told(known)

    def fills(self, *, since_ns: int) -> list[Fill]:
        """Return every fill at or after `since_ns`, told already or not."""
        found = [fill for fill in self.state.fills if fill.time >= since_ns]
        if self._shelf is None or len(found) < len(self.state.fills):
            return found
        older = (msgspec.json.decode(body, type=Fill) for body in self._shelf.each(_FILL))
        return [*(fill for fill in older if fill.time >= since_ns), *found]

    def open_orders(self) -> list[OpenOrder]:
        """Return the orders that have not ended, children and those on their way included."""
        return [_told(known) for known in self.state.known.values() if not known.life.status.is_final]

    def positions(self) -> list[BrokerPosition]:
        """Return what is held."""
        return self._venue.positions()

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what is in it."""
        return self._venue.account_state()

    def shelve(self) -> None:
        """Let orders that have ended, and fills, leave memory when they are many; both are found again."""
        state = self.state
        if self._shelf is None or max(len(state.known), len(state.fills)) < self._shelving_at:
            return
        ended = [key for key, known in state.known.items() if known.life.status.is_final]
        for key in ended[: max(len(ended) - KEPT_ENDED, 0)]:
            self._shelf.put(_KNOWN, key, msgspec.json.encode(state.known.pop(key)))
            state.splits.pop(key, None)
            for word in ("order", "cancel", "amend"):
                state.attempts.pop(f"{word}/{key}", None)
        n_old = max(len(state.fills) - KEPT_ENDED, 0)
        for fill in state.fills[:n_old]:
            self._shelf.put(_FILL, f"{state.n_shelved_fills:012}", msgspec.json.encode(fill))
            state.n_shelved_fills += 1
        del state.fills[:n_old]
        self._has_shelved = True
        self._shelving_at = max(len(state.known), len(state.fills)) + KEPT_ENDED

    def _known(self, client_order_id: str) -> Known | None:
        """What is known of an order, from the shelf where it is not in memory."""
        found = self.state.known.get(client_order_id)
        if found is not None or self._shelf is None or not self._has_shelved:
            return found
        body = self._shelf.get(_KNOWN, client_order_id)
        return None if body is None else msgspec.json.decode(body, type=Known)

    def _loses(self, *key: str) -> tuple[bool, bool]:
        """Whether the answer gets lost, and whether the instruction arrives; each attempt has its own luck."""
        what = "/".join(key)
        attempt = self.state.attempts[what] = self.state.attempts.get(what, 0) + 1
        is_lost = self.faults.happens(self.faults.lost_rate, "lost", what, attempt)
        return is_lost, not is_lost or self.faults.happens(self.faults.lost_arrives_rate, "arrives", what, attempt)

    def _change(self, change: Cancel | Amend, word: str) -> None:
        known = self._known(change.client_order_id)
        is_lost, arrives = self._loses(word, change.client_order_id)
        if arrives and known is not None and not known.life.status.is_final:
            self._on_its_way(change)
        if is_lost:
            raise BrokerTimeout(f"no answer to the {word} of '{change.client_order_id}'.", value=change.client_order_id)

    def _on_its_way(self, message: Order | Cancel | Amend) -> None:
        self.state.on_the_way.append(Waiting(self.faults.latency_bars, message))
        self._arrive()

    def _arrive(self) -> None:
        """Give the venue what has been on its way for long enough, in the order in which it was sent."""
        while self.state.on_the_way and self.state.on_the_way[0].bars <= 0:
            message = self.state.on_the_way.pop(0).message
            if isinstance(message, Order):
                self._tell(self._placed(message))
            elif isinstance(message, Cancel):
                self._tell(self._cancelled(message))
            elif isinstance(message, Amend):
                self._tell(self._amended(message))

    def _placed(self, order: Order) -> list[Report]:
        order_id = order.client_order_id
        if self.faults.happens(self.faults.reject_rate, "reject", order_id):
            return [self._update(order_id, order.symbol, OrderStatus.REJECTED, "rejected_by_venue")]
        if order.leg == "entry" and self.faults.happens(self.faults.partial_rate, "partial", order_id):
            instrument = self._instruments[order.symbol]
            part = self.faults.first_part(
                order.quantity, lot_step=instrument.lot_step, min_quantity=instrument.min_quantity
            )
            if part is not None:
                self.state.splits[order_id] = Split(order, order.quantity - part)
                return self._venue.place(msgspec.structs.replace(order, quantity=part))
        return self._venue.place(order)

    def _cancelled(self, cancel: Cancel) -> list[Report]:
        split = self.state.splits.get(cancel.client_order_id)
        if split is not None and split.is_rest_placed:
            cancel = msgspec.structs.replace(cancel, client_order_id=cancel.client_order_id + _REST)
        return self._venue.cancel(cancel)

    def _amended(self, amend: Amend) -> list[Report]:
        split = self.state.splits.get(amend.client_order_id)
        if split is None:
            return self._venue.amend(amend)
        quantity = amend.quantity
        if split.is_rest_placed:
            first = split.order.quantity - split.rest
            left = None if quantity is None else quantity - first
            return self._venue.amend(
                msgspec.structs.replace(amend, client_order_id=amend.client_order_id + _REST, quantity=left)
            )
        # one part again: whatever the new quantity is, the venue's order has all of it
        del self.state.splits[amend.client_order_id]
        return self._venue.amend(msgspec.structs.replace(amend, quantity=quantity or split.order.quantity))

    def _tell(self, made: list[Report]) -> None:
        """Enter the venue's reports in the history and put them on their way, some twice or late."""
        queue = list(made)
        while queue:
            report = queue.pop(0)
            if isinstance(report, Matched):
                continue  # said once for all by `meet`
            if isinstance(report, NightCharge):
                self.state.to_tell.append(Waiting(0, report))
                continue
            outward = self._outward(report)
            if outward is not None:
                self._enter(outward)
                self._put(outward)
            if isinstance(report, Fill):
                queue[:0] = self._rest_placed(report.client_order_id)

    def _rest_placed(self, order_id: str) -> list[Report]:
        """After the first part: let the rest work as an order of its own on top of the position."""
        split = self.state.splits.get(order_id)
        if split is None or split.is_rest_placed:
            return []
        split.is_rest_placed = True
        if split.order.time_in_force == "ioc":
            return [self._update(order_id, split.order.symbol, OrderStatus.CANCELLED, "expired")]
        order = msgspec.structs.replace(split.order, client_order_id=order_id + _REST, quantity=split.rest)
        if order.type in ("stop", "stop_limit"):  # it was triggered
            order = msgspec.structs.replace(order, type="market" if order.type == "stop" else "limit", stop_price=None)
        return self._venue.place(order)

    def _outward(self, report: Fill | OrderUpdate) -> Fill | OrderUpdate | None:
        """Return a venue's report as the outside knows the order; None for what happens only inside."""
        order_id = report.client_order_id.removesuffix(_REST)
        is_rest = order_id != report.client_order_id
        if is_rest and isinstance(report, OrderUpdate):
            if report.status is OrderStatus.ACCEPTED and report.made is None:
                return None
            if report.status is OrderStatus.REJECTED:
                report = msgspec.structs.replace(report, status=OrderStatus.CANCELLED)
        if isinstance(report, OrderUpdate) and report.made is not None:
            made = msgspec.structs.replace(report.made, parent=report.made.parent.removesuffix(_REST))
            if is_rest:
                split = self.state.splits[order_id]
                whole = made.quantity + split.order.quantity - split.rest
                made = msgspec.structs.replace(made, client_order_id=order_id, quantity=whole)
            report = msgspec.structs.replace(report, made=made)
        return msgspec.structs.replace(report, client_order_id=order_id) if is_rest else report

    def _enter(self, report: Fill | OrderUpdate) -> None:
        if isinstance(report, OrderUpdate) and report.made is not None:
            made = report.made
            new = self._known(made.client_order_id) or Known(made, Life(quantity=made.quantity))
            new.evidence = made
            self.state.known[made.client_order_id] = new
        known = self._known(report.client_order_id)
        if known is None:
            raise BrokerError(f"the venue reported on order '{report.client_order_id}', which it was never given.")
        known.life = after(known.life, report).life
        self.state.known[report.client_order_id] = known
        if isinstance(report, Fill):
            self.state.fills.append(report)

    def _put(self, report: Fill | OrderUpdate) -> None:
        """Put a report on its way. What makes an order known is never late: nobody could say whose its fills are."""
        key = report.fill_id if isinstance(report, Fill) else report.update_id
        is_making = isinstance(report, OrderUpdate) and report.made is not None
        is_late = not is_making and self.faults.happens(self.faults.delay_rate, "delay", key)
        bars = self.faults.delay_bars if is_late else 0
        self.state.to_tell.append(Waiting(bars, report))
        if self.faults.happens(self.faults.duplicate_rate, "duplicate", key):
            self.state.to_tell.append(Waiting(bars, report))

    def _update(self, order_id: str, symbol: str, status: OrderStatus, reason: str) -> OrderUpdate:
        return OrderUpdate(
            update_id=f"{order_id}/{self.name}/{status.value}",
            client_order_id=order_id,
            symbol=symbol,
            status=status,
            reason=reason,
            time=self.state.time_ns,
        )


def _told(known: Known) -> OpenOrder:
    life = known.life
    return msgspec.structs.replace(known.evidence, quantity=life.quantity, filled=life.filled, status=life.status)
