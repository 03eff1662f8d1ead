"""The second engine's state and books: prices, rates, fills, positions and trades, in decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from tests.reference_data import RefBar, RefCase, RefFill, RefOrder, RefResult, RefSignals, RefTrade

ZERO, ONE, MILLIONTH = Decimal(0), Decimal(1), Decimal("0.000001")


def exact(value: float) -> Decimal:
    """The decimal that is written like the float."""
    return Decimal(repr(float(value)))


def snap(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    """The step that `value` is (within 1e-6 of a step), else the next one up or down."""
    steps = value / step
    nearest = steps.to_integral_value(ROUND_HALF_EVEN)
    if abs(steps - nearest) > MILLIONTH:
        nearest = steps.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return nearest * step


@dataclass
class Side:
    """Open, high, low, close of one side of a bar."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def far(self, direction: int) -> Decimal:
        """The extreme in `direction`: the high for +1, the low for -1."""
        return self.high if direction > 0 else self.low


@dataclass
class Position:
    """What is held in one instrument. `direction` is +1 or -1, `quantity` is above zero."""

    direction: int
    quantity: Decimal
    average: Decimal
    entry_t: int
    stop: Decimal | None
    target: Decimal | None
    trail: Decimal | None
    best: Decimal
    inside: bool  # entered inside the bar `entry_t`
    fees: Decimal = ZERO
    spread_cost: Decimal = ZERO  # quote currency
    slippage_cost: Decimal = ZERO  # quote currency
    financing: Decimal = ZERO
    held: int = 0
    adds: int = 0
    mae: Decimal = ZERO
    mfe: Decimal = ZERO


@dataclass
class Entry:
    """A working entry."""

    order: RefOrder
    strategy_distances: RefSignals
    notional: Decimal  # account money, at the decision
    reserved: Decimal
    adding: bool
    session: int | None = None
    bars: int = 0
    triggered: bool = False


@dataclass
class Exit:
    """A child, or a decided exit, that fills: its price before slippage, and whether slippage applies."""

    price: Decimal
    slips: bool
    reason: str
    ambiguous: bool = False


class Book:
    """All state of one run, what it is worth, and what a fill does to it."""

    def __init__(self, case: RefCase) -> None:
        self.case, self.rules, self.instruments = case, case.rules, case.instruments
        n = len(case.instruments)
        self.step = [exact(i.price_step) for i in case.instruments]
        self.margin_rate = [exact(i.margin_rate) for i in case.instruments]
        self.positions: list[Position | None] = [None] * n
        self.entries: list[Entry | None] = [None] * n
        self.exits: list[RefOrder | None] = [None] * n
        self.rates: list[Decimal | None] = [None] * n
        self.last_bar: list[int | None] = [None] * n
        self.last_mark: list[tuple[Decimal, Decimal]] = [(ZERO, ZERO)] * n  # bid close, ask close
        self.margins = [ZERO] * n
        self.notionals = [ZERO] * n  # of the positions at the last mark, account money, above zero
        self.worth = [ZERO] * n  # unrealised P&L at the last mark
        self.entered_session: list[int | None] = [None] * n
        self.bars_since_loss: list[int | None] = [None] * n
        self.balance = self.equity = self.peak = self.baseline = exact(case.cash)
        self.halted, self.day_halted, self.ended = False, False, False
        self.out = RefResult()
        self.t = 0

    def bar(self, k: int, t: int | None = None) -> RefBar:
        return self.case.bars[self.t if t is None else t][k]

    def side(self, k: int, direction: int) -> Side:
        """The side on which an order of `direction` trades on this row: buys the ask, sells the bid."""
        bar = self.bar(k)
        return Side(*(exact(x) for x in (bar.ask if direction > 0 else bar.bid)))

    def rate(self, k: int, price: Decimal) -> Decimal:
        """Account money per quote unit of instrument `k`, at `price` of that instrument."""
        conversion = self.instruments[k].conversion
        if conversion == "quote":
            return ONE
        if conversion == "base":
            return ONE / price
        known = self.rates[k]
        if known is None:
            raise ValueError(f"{self.instruments[k].symbol}: no conversion rate was ever known")
        return known

    def learn_rates(self, moment: str) -> None:
        for k in range(len(self.instruments)):
            value = getattr(self.bar(k), f"rate_{moment}")
            if value == value:
                self.rates[k] = exact(value)

    def mark_of(self, k: int, position: Position) -> Decimal:
        """The last close on the side that would close the position."""
        return self.last_mark[k][0 if position.direction > 0 else 1]

    def unrealised(self, k: int, position: Position, price: Decimal) -> Decimal:
        return (price - position.average) * position.direction * position.quantity * self.rate(k, price)

    def slipped(self, k: int, side: int, quantity: Decimal, price: Decimal) -> Decimal:
        rules, prices = self.rules, self.side(k, side)
        amount = exact(rules.slippage_steps) * self.step[k] + exact(rules.slippage_range) * (prices.high - prices.low)
        if rules.slippage_impact:
            volume = self.bar(k).volume
            share = min(ONE, quantity / exact(volume)) if volume > 0 else ONE  # unknown (0 or nan): all of it
            amount += exact(rules.slippage_impact) * price * share**2
        return snap(price + side * amount, self.step[k], up=side > 0)

    def book_fill(self, k: int, side: int, quantity: Decimal, price: Decimal, raw: Decimal, reason: str) -> RefFill:
        rules, rate = self.rules, self.rate(k, price)
        bar = self.bar(k) if self.bar(k).has_bar else self.bar(k, self.last_bar[k])
        moment = 3 if reason == "end" else 0  # the data end at a close, all else is measured at the open
        lots = quantity / exact(self.instruments[k].contract_size)
        fee = max(
            exact(rules.fee_minimum),
            exact(rules.fee_fraction) * quantity * price * rate + exact(rules.fee_per_lot) * lots,
        )
        self.balance -= fee
        fill = RefFill(
            t=self.t,
            symbol=self.instruments[k].symbol,
            quantity=side * quantity,
            price=price,
            fee=fee,
            reason=reason,
            ambiguous=False,
            spread_cost=quantity * (exact(bar.ask[moment]) - exact(bar.bid[moment])) / 2 * rate,
            slippage_cost=quantity * abs(price - raw) * rate,
        )
        self.out.fills.append(fill)
        return fill

    def book_entry(self, k: int, entry: Entry, fill: RefFill, *, inside: bool) -> None:
        rules, signals = self.rules, entry.strategy_distances
        d, price, step = entry.order.side, fill.price, self.step[k]

        def distance(kind: str, value: float) -> Decimal | None:
            return {"none": None, "price": exact(value), "fraction": exact(value) * price}[kind]

        stop = distance(rules.stop_kind, signals.stop)
        stop = None if stop is None else snap(price - d * stop, step, up=d < 0)
        position = self.positions[k]
        if position is None:
            target = distance(rules.target_kind, signals.target)
            target = None if target is None else snap(price + d * target, step, up=d > 0)
            trail = distance(rules.trail_kind, signals.trail)
            position = Position(d, abs(fill.quantity), price, self.t, stop, target, trail, best=price, inside=inside)
            self.positions[k] = position
        else:
            quantity = position.quantity + abs(fill.quantity)
            position.average = (position.average * position.quantity + price * abs(fill.quantity)) / quantity
            position.quantity = quantity
            position.adds += 1
            if stop is not None:
                position.stop = max(position.stop, stop) if d > 0 else min(position.stop, stop)
        position.fees += fill.fee
        position.spread_cost += fill.spread_cost / self.rate(k, price)
        position.slippage_cost += fill.slippage_cost / self.rate(k, price)
        self.entered_session[k] = self.bar(k).session_label

    def close(self, k: int, found: Exit) -> None:
        """Fill an exit of the whole position and write its trade."""
        position = self.positions[k]
        d, quantity = position.direction, position.quantity
        price = self.slipped(k, -d, quantity, found.price) if found.slips else found.price
        fill = self.book_fill(k, -d, quantity, price, found.price, found.reason)
        fill.ambiguous = found.ambiguous
        rate = self.rate(k, price)
        realised = (price - position.average) * d * quantity * rate
        self.balance += realised
        self.excursion(position, price, price)
        fees = position.fees + fill.fee
        pnl = realised - fees + position.financing
        self.out.trades.append(
            RefTrade(
                symbol=self.instruments[k].symbol,
                side="long" if d > 0 else "short",
                quantity=quantity,
                entry_t=position.entry_t,
                entry_price=position.average,
                exit_t=self.t,
                exit_price=price,
                pnl=pnl,
                fees=fees,
                spread_cost=position.spread_cost * rate + fill.spread_cost,
                slippage_cost=position.slippage_cost * rate + fill.slippage_cost,
                financing=position.financing,
                bars_held=position.held,
                exit_reason=found.reason,
                mae=position.mae,
                mfe=position.mfe,
            )
        )
        self.positions[k], self.margins[k], self.notionals[k] = None, ZERO, ZERO
        if pnl < 0:
            self.bars_since_loss[k] = 0
        decided, self.exits[k] = self.exits[k], None
        if decided is not None:
            decided.end, decided.end_t = ("filled" if found.reason == decided.reason else "cancelled"), self.t

    def excursion(self, position: Position, better: Decimal, worse: Decimal) -> None:
        d = position.direction
        position.mfe = max(position.mfe, d * (better - position.average))
        position.mae = max(position.mae, d * (position.average - worse))
