"""Quote venue: fills orders at the next quotes, buys at the ask, sells at the bid: the paper venue of real time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from sptrader.errors import BrokerError, DataError
from sptrader.execution.holdings import Holdings
from sptrader.execution.lifecycle import evidence
from sptrader.execution.protection import (
    Protection,
    child,
    child_order,
    children,
    close_bar,
    move,
    protect,
    reached,
    see,
    with_add,
)
from sptrader.execution.quote_state import QuoteState
from sptrader.execution.valuation import Costs, LastBar, Quote, Valuation, order_fault, quote_on_step
from sptrader.execution.working import Working, session_end
from sptrader.model.instrument import Instrument
from sptrader.model.orders import (
    Amend,
    BrokerAccount,
    BrokerPosition,
    Cancel,
    Leg,
    NightCharge,
    OpenOrder,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.model.session import in_session_ns

# what a long and a short receive as shares of notional for the boundaries in (since, until]; None where there are none
Nights = Callable[[str, int, int], "tuple[Decimal, Decimal] | None"]
_UNKNOWN_STEP = Decimal("0.00000001")  # for pairs that only convert


class QuoteVenue:
    """A `Venue` that is given quotes and fills at them: an order meets the first quote after it came, and each one after.

    At one quote exits come before stop and target, and these before entries. An entry waits while a position of the
    other side is held, and is an add when one of its own side is held as it comes: it ends with that position. Children
    meet the quote after the fill that made them.

    `pairs` are quoted too, and only convert currencies. `nights` tells what holding over session boundaries brings; without it
    nothing. Entries expire where no quote came for more than `idle_ns` of in-session time; exits never do.
    """

    def __init__(
        self,
        account: str,
        currency: str,
        *,
        cash: Decimal,
        instruments: Mapping[str, Instrument],
        costs: Costs | Mapping[str, Costs] | None = None,
        pairs: Mapping[str, Instrument] | None = None,
        nights: Nights | None = None,
        idle_ns: int | None = None,
        state: QuoteState | None = None,
    ) -> None:
        if not (cash.is_finite() and cash > 0):
            raise BrokerError(f"paper account '{account}': cash was {cash}; allowed is a number above 0.", key="cash")
        if not account or not currency:
            raise BrokerError("a paper account needs a name and a currency.", key="account", value=account)
        self.state = state or QuoteState(Holdings(cash))
        self._account = account
        self._instruments = dict(instruments)
        charged = costs if isinstance(costs, Mapping) else dict.fromkeys(self._instruments, costs or Costs())
        self._pairs = {**(pairs or {}), **self._instruments}
        self.terms = Valuation(currency, self._instruments, charged, self.state.quotes, self.state.bars, self._pairs)
        self._nights, self._idle_ns = nights, idle_ns
        self._made: list[Report] = []

    def add_quote(self, symbol: str, *, bid: float, ask: float, time_ns: int) -> None:
        """Take in a quote, which orders meet at the next `meet` at or after its time.

        It is put on the price step, bid down and ask up. Raises `DataError` for what is no quote or older than the last one.
        """
        step = self._pairs[symbol].price_step if symbol in self._pairs else _UNKNOWN_STEP
        quote = quote_on_step(symbol, bid=bid, ask=ask, time_ns=time_ns, step=step)
        last_ns = max((q.time_ns for q in self.state.waiting if q.symbol == symbol), default=self.state.time_ns)
        if time_ns < last_ns:
            raise DataError(f"quote of '{symbol}' at {time_ns} is older than what was met or quoted, {last_ns}.")
        self.state.waiting.append(quote)

    def add_bar(self, symbol: str, bar: LastBar) -> None:
        """Take in a complete bar: what slippage by range or volume goes by from here on."""
        self.state.bars[symbol] = bar

    def place(self, order: Order) -> list[Report]:
        """Accept or reject an order; it works from the next quote on."""
        self.state.now_ns = max(self.state.now_ns, order.created_at)
        fault = self._fault(order)
        if fault:
            self._report(order, OrderStatus.REJECTED, fault, 0)
            return self._taken()
        held = self.state.holdings.quantity(order.symbol)
        sign = 1 if order.side == "buy" else -1
        ends_ns = session_end(order, self._instruments[order.symbol], self.state.now_ns)
        self.state.working.append(Working(order, is_add=order.leg == "entry" and held * sign > 0, ends_ns=ends_ns))
        self._report(order, OrderStatus.ACCEPTED, "", 0)
        return self._taken()

    def cancel(self, cancel: Cancel) -> list[Report]:
        """Take an order off, a child too; nothing where there is none."""
        for working in self.state.working:
            if working.order.client_order_id == cancel.client_order_id:
                self._end(working, OrderStatus.CANCELLED, cancel.reason)
                return self._taken()
        for symbol, protection in self.state.protection.items():
            for leg, order_id in protection.orders.items():
                if order_id == cancel.client_order_id:
                    self._drop_child(symbol, protection, leg, cancel.reason)
                    return self._taken()
        return []

    def amend(self, amend: Amend) -> list[Report]:
        """Change price or quantity of a working order, where the new ones are on the steps; children's levels too."""
        for working in self.state.working:
            if working.order.client_order_id == amend.client_order_id:
                given = {n: getattr(amend, n) for n in ("limit_price", "stop_price", "quantity")}
                order = msgspec.structs.replace(working.order, **{n: v for n, v in given.items() if v is not None})
                if self._fault(order):
                    return []
                working.order = order
                made = evidence(order, OrderStatus.ACCEPTED)
                self._report(order, OrderStatus.ACCEPTED, "amended", working.n_updates, made=made)
                working.n_updates += 1
                return self._taken()
        return self._amend_child(amend)

    def meet(self, time_ns: int, *, is_closed: bool) -> list[Report]:
        """Let the orders meet every quote up to `time_ns`, in the order in which they came in.

        A bar is labelled by its opening: each quote is met by itself, and the bar's end said afterwards.
        """
        due = [quote for quote in self.state.waiting if quote.time_ns <= time_ns]
        self.state.waiting = [quote for quote in self.state.waiting if quote.time_ns > time_ns]
        for quote in due:
            self.state.time_ns = max(self.state.time_ns, quote.time_ns)
            self.state.now_ns = max(self.state.now_ns, quote.time_ns)
            before = self.state.quotes.get(quote.symbol)
            self.state.quotes[quote.symbol] = quote
            if quote.symbol in self._instruments:
                if before is not None:
                    self._pass_nights(before, quote)
                    self._pass_silence(before, quote)
                self._match(quote)
        self.state.time_ns = max(self.state.time_ns, time_ns)
        self.state.now_ns = max(self.state.now_ns, time_ns)
        if is_closed:
            for protection in self.state.protection.values():
                close_bar(protection)
            for working in [one for one in self.state.working if one.end_bar()]:
                self._end(working, OrderStatus.EXPIRED, "expired")
        return self._taken()

    def positions(self) -> list[BrokerPosition]:
        """Return what is held, by symbol."""
        return [
            BrokerPosition(symbol=symbol, quantity=holding.quantity, average_price=float(holding.average))
            for symbol, holding in sorted(self.state.holdings.held.items())
        ]

    def account_state(self) -> BrokerAccount:
        """Return the balance, the equity at the last quotes of the closing side, and used margin."""
        return BrokerAccount(
            account=self._account,
            currency=self.terms.currency,
            balance=float(self.state.holdings.cash),
            equity=float(self.terms.equity(self.state.holdings)),
            used_margin=float(self.terms.used_margin(self.state.holdings)),
        )

    def _pass_nights(self, before: Quote, quote: Quote) -> None:
        """Charge or pay for the session boundaries between two quotes on what is held, before the later one is met."""
        symbol, holdings = quote.symbol, self.state.holdings
        holding = holdings.held.get(symbol)
        if holding is None or self._nights is None:
            return
        shares = self._nights(symbol, before.time_ns, quote.time_ns)
        if shares is None:
            return
        amount = self.terms.night(before, quote, holding, shares)
        holdings.finance(amount)
        charge = NightCharge(
            charge_id=f"{symbol}/night/{quote.time_ns}", symbol=symbol, amount=float(amount), time=quote.time_ns
        )
        self._made.append(charge)

    def _pass_silence(self, before: Quote, quote: Quote) -> None:
        """End the entries that waited for too long while the market was open and showed nothing."""
        if self._idle_ns is None or quote.time_ns - before.time_ns <= self._idle_ns:
            return
        session = self._instruments[quote.symbol].session
        if in_session_ns(before.time_ns, quote.time_ns, session) > self._idle_ns:
            for working in self._of(quote.symbol, is_entry=True):
                self._end(working, OrderStatus.EXPIRED, "expired")

    def _match(self, quote: Quote) -> None:
        symbol = quote.symbol
        for working in self._of(symbol, is_entry=False):
            self._match_exit(working, quote)
        self._match_protection(quote)
        for working in self._of(symbol, is_entry=True):
            self._match_entry(working, quote)

    def _of(self, symbol: str, *, is_entry: bool) -> list[Working]:
        return [w for w in self.state.working if w.order.symbol == symbol and w.is_entry == is_entry]

    def _match_exit(self, working: Working, quote: Quote) -> None:
        if working not in self.state.working:
            return  # another exit closed the position at this quote
        order, price = working.order, working.price(quote)
        if price is None:
            if working.is_over(quote.time_ns) or order.time_in_force == "ioc":
                self._end(working, OrderStatus.EXPIRED, "expired")
            return
        quantity = min(order.quantity, abs(self.state.holdings.quantity(order.symbol)))
        self.state.working.remove(working)
        self._fill(order, quote, quantity=quantity, raw=price, is_slipping=working.is_slipping)
        if quantity < order.quantity:
            self._report(order, OrderStatus.CANCELLED, "no_position", working.n_updates)
        self._after_close(order.symbol)

    def _match_protection(self, quote: Quote) -> None:
        protection = self.state.protection.get(quote.symbol)
        if protection is None:
            return
        price = quote.bid if protection.side == "sell" else quote.ask
        see(protection, price)
        leg = reached(protection, price, self._instruments[quote.symbol].price_step)
        if leg is None:
            return
        quantity = abs(self.state.holdings.quantity(quote.symbol))
        order = child_order(protection, leg, symbol=quote.symbol, quantity=quantity, time_ns=self.state.time_ns)
        del protection.orders[leg]
        self._fill(order, quote, quantity=order.quantity, raw=price, is_slipping=leg != "target")
        self._after_close(quote.symbol)

    def _match_entry(self, working: Working, quote: Quote) -> None:
        order = working.order
        held = self.state.holdings.quantity(order.symbol)
        sign = 1 if order.side == "buy" else -1
        if working.is_over(quote.time_ns):
            self._end(working, OrderStatus.EXPIRED, "expired")
            return
        if held * sign < 0:
            return
        price = working.price(quote)
        if price is not None:
            self._fill_entry(working, quote, price)
        elif order.time_in_force == "ioc":
            self._end(working, OrderStatus.EXPIRED, "expired")

    def _fill_entry(self, working: Working, quote: Quote, raw: Decimal) -> None:
        order, holdings = working.order, self.state.holdings
        is_slipping = working.is_slipping
        price = self.terms.slipped(order.symbol, order.side, order.quantity, raw) if is_slipping else raw
        rate = self.terms.rate(order.symbol, price)
        if rate is None:
            self._end(working, OrderStatus.REJECTED, "rate_unknown")
            return
        needed = order.quantity * price * rate * self._instruments[order.symbol].margin_rate
        if needed > self.terms.equity(holdings) - self.terms.used_margin(holdings):
            self._end(working, OrderStatus.REJECTED, "margin_at_fill")
            return
        self.state.working.remove(working)
        self._fill(order, quote, quantity=order.quantity, raw=raw, is_slipping=is_slipping)
        self._protect(order, price)

    def _protect(self, order: Order, price: Decimal) -> None:
        """Make the children of an entry; an add's take the place of those before it."""
        symbol, step = order.symbol, self._instruments[order.symbol].price_step
        new = protect(order.bracket, parent=order.client_order_id, price=price, is_long=order.side == "buy", step=step)
        old = self.state.protection.get(symbol)
        if old is not None:
            self._drop_children(symbol, old, "replaced")
        self.state.protection[symbol] = new if old is None else with_add(old, new)
        self._make_children(symbol)

    def _make_children(self, symbol: str) -> None:
        quantity, step = abs(self.state.holdings.quantity(symbol)), self._instruments[symbol].price_step
        for made in children(self.state.protection[symbol], symbol=symbol, quantity=quantity, step=step):
            self._tell(made.client_order_id, symbol, OrderStatus.ACCEPTED, made.type, made=made)

    def _after_close(self, symbol: str) -> None:
        """After a fill that closed: smaller children for what is left, or the end of all that needed the position."""
        protection = self.state.protection[symbol]
        if self.state.holdings.quantity(symbol) != 0:
            self._drop_children(symbol, protection, "replaced")
            self._make_children(symbol)
            return
        self._drop_children(symbol, protection, "oco")
        del self.state.protection[symbol]
        for working in [one for one in self.state.working if one.order.symbol == symbol]:
            if not working.is_entry:
                self._end(working, OrderStatus.CANCELLED, "no_position")
            elif working.is_add:
                self._end(working, OrderStatus.CANCELLED, "cancelled_by_exit")

    def _fill(self, order: Order, quote: Quote, *, quantity: Decimal, raw: Decimal, is_slipping: bool) -> None:
        """Book a fill of `quantity` at `raw` less what slips, and report it; an order is filled once."""
        price = self.terms.slipped(order.symbol, order.side, quantity, raw) if is_slipping else raw
        holdings = self.state.holdings
        holding = holdings.held.get(order.symbol)
        # an exit is never refused: where the conversion is not known any more, the last one counts
        rate = self.terms.rate(order.symbol, price) or (Decimal(1) if holding is None else holding.rate)
        fee = self.terms.fee(order.symbol, quantity, price=price, rate=rate)
        sign = 1 if order.side == "buy" else -1
        is_closing = holdings.quantity(order.symbol) * sign < 0
        holdings.book(order.symbol, sign * quantity, price=price, rate=rate, fee=fee)
        money = {"price": price, "rate": rate, "fee": fee}
        self._made.append(self.terms.fill(order, quote, quantity=quantity, raw=raw, is_closing=is_closing, **money))

    def _fault(self, order: Order) -> str:
        fault = order_fault(order, self._instruments.get(order.symbol))
        sign = 1 if order.side == "buy" else -1
        if not fault and order.leg != "entry" and self.state.holdings.quantity(order.symbol) * sign >= 0:
            return "no_position"
        return fault

    def _end(self, working: Working, status: OrderStatus, reason: str) -> None:
        self.state.working.remove(working)
        self._report(working.order, status, reason, working.n_updates)

    def _report(self, order: Order, status: OrderStatus, reason: str, n: int, *, made: OpenOrder | None = None) -> None:
        self._tell(order.client_order_id, order.symbol, status, reason, word=str(n), made=made)

    def _tell(
        self,
        order_id: str,
        symbol: str,
        status: OrderStatus,
        reason: str,
        *,
        word: str = "",
        made: OpenOrder | None = None,
    ) -> None:
        self._made.append(
            OrderUpdate(
                update_id=f"{order_id}/{word or status.value}",
                client_order_id=order_id,
                symbol=symbol,
                status=status,
                reason=reason,
                time=self.state.now_ns,
                made=made,
            )
        )

    def _amend_child(self, amend: Amend) -> list[Report]:
        """Move the level of a child; its quantity is the position's and cannot be amended."""
        for symbol, protection in self.state.protection.items():
            for leg, order_id in protection.orders.items():
                level = amend.limit_price if leg == "target" else amend.stop_price
                if order_id != amend.client_order_id or level is None:
                    continue
                if not (level.is_finite() and level > 0) or level % self._instruments[symbol].price_step:
                    return []
                move(protection, leg, level)
                protection.changed += 1
                quantity = abs(self.state.holdings.quantity(symbol))
                made = child(protection, leg, level, symbol=symbol, quantity=quantity)
                word = f"amended/{protection.changed}"
                self._tell(order_id, symbol, OrderStatus.ACCEPTED, "amended", made=made, word=word)
                return self._taken()
        return []

    def _drop_child(self, symbol: str, protection: Protection, leg: Leg, reason: str) -> None:
        self._tell(protection.orders.pop(leg), symbol, OrderStatus.CANCELLED, reason)
        move(protection, leg, None)

    def _drop_children(self, symbol: str, protection: Protection, reason: str) -> None:
        for order_id in protection.orders.values():
            self._tell(order_id, symbol, OrderStatus.CANCELLED, reason)
        protection.orders = {}

    def _taken(self) -> list[Report]:
        made, self._made = self._made, []
        return made
