"""From the kernel's books to the second engine's answer; `kernel_answer` runs a case through the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from tests.kernel.adapter import arrays, run_arrays
from tests.reference_data import RefCase, RefDecision, RefFill, RefOrder, RefResult, RefTrade

WORDS = {
    k.NOTHING: "",
    k.ENTRY_SIGNAL: "entry",
    k.EXIT_SIGNAL: "signal",
    k.STOP_LOSS: "stop_loss",
    k.TAKE_PROFIT: "take_profit",
    k.TRAILING_STOP: "trailing_stop",
    k.HELD_LONG_ENOUGH: "max_holding",
    k.DRAWDOWN_LIMIT: "risk_halt",
    k.DAILY_LOSS: "daily_loss",
    k.MARGIN_CALL: "margin_call",
    k.END_OF_DATA: "end",
    k.BOTH_SIDES: "both_sides",
    k.ALREADY_LONG_OR_SHORT: "in_position",
    k.OPPOSITE_POSITION: "against_position",
    k.ORDER_WORKING: "working_entry",
    k.TRADING_HALTED: "halted",
    k.DAY_HALTED: "halted_for_the_day",
    k.ONLY_REDUCING: "reducing",
    k.OUTSIDE_HOURS: "hours",
    k.OUTSIDE_DAYS: "days",
    k.COOLING_DOWN: "cooldown",
    k.ENTERED_THIS_SESSION: "session_entry",
    k.DISTANCE_UNKNOWN: "distance_unknown",
    k.PRICE_UNKNOWN: "price_unknown",
    k.RATE_UNKNOWN: "rate_unknown",
    k.RATE_STALE: "rate_stale",
    k.NO_FREE_SLOT: "max_positions",
    k.BELOW_MINIMUM: "below_minimum",
    k.EQUITY_UNKNOWN: "equity_unknown",
    k.OVER_POSITION_LIMIT: "position_limit",
    k.OVER_ORDER_LIMIT: "max_order_notional",
    k.OVER_MARGIN_LIMIT: "margin_limit",
    k.OVER_CURRENCY_LIMIT: "currency_exposure",
    k.CORRELATED: "correlation_limit",
    k.OVER_FREE_MARGIN: "margin",
    k.MARGIN_AT_FILL: "margin_at_fill",
    k.EXPIRED: "expired",
    k.CANCELLED_BY_EXIT: "exit",
    k.REPLACED: "replaced",
    k.SIZE_UNKNOWN: "size_unknown",
}
ENDS = {k.EXPIRED: "expired", k.MARGIN_AT_FILL: "rejected", k.REPLACED: "replaced"}  # all else: cancelled
ACTIONS = {
    k.ENTER_LONG: "enter_long",
    k.ENTER_SHORT: "enter_short",
    k.LEAVE: "exit",
    k.REVERSE_LONG: "reverse_long",
    k.REVERSE_SHORT: "reverse_short",
}
OUTCOMES = {k.ORDERED: "ordered", k.REFUSED: "refused", k.IGNORED: "ignored"}


def kernel_answer(case: RefCase) -> RefResult:
    """Run a case through the kernel."""
    given = arrays(case)
    return answer(case, run_arrays(given, at_end=case.rules.close_at_end), given.state)


def answer(case: RefCase, books: m.Books, state: NDArray[np.float64]) -> RefResult:
    """Read the kernel's books as the second engine's answer. Exit orders are not among its orders: the kernel keeps none."""
    out = RefResult()
    for name in ("equity", "cash", "margin", "drawdown"):
        setattr(out, name, [Decimal(x) for x in getattr(books, name).tolist()])
    out.positions = [Decimal(float(state[k.block(i, 1) + k.QUANTITY])) for i in range(len(case.instruments))]
    out.fills = [fill_of(case, row) for row in books.fills.tolist()]
    out.trades = [trade_of(case, row) for row in books.fills.tolist() if is_closing(row)]
    out.orders = orders_kept(case, books)
    out.decisions = list(decisions_kept(case, books))
    return out


def is_closing(row: list[float]) -> bool:
    return row[m.F_HELD_QUANTITY] * row[m.F_QUANTITY] < 0.0


def fill_of(case: RefCase, row: list[float]) -> RefFill:
    quantity, rate = abs(row[m.F_QUANTITY]), row[m.F_RATE]
    is_add = row[m.F_HELD_QUANTITY] * row[m.F_QUANTITY] > 0.0
    return RefFill(
        t=int(row[m.F_BAR]),
        symbol=case.instruments[int(row[m.F_INSTRUMENT])].symbol,
        quantity=Decimal(repr(row[m.F_QUANTITY])),
        price=Decimal(repr(row[m.F_PRICE])),
        fee=Decimal(row[m.F_FEE]),
        reason="add" if is_add else WORDS[row[m.F_REASON]],
        ambiguous=row[m.F_AMBIGUOUS] > 0.0,
        spread_cost=Decimal(quantity * row[m.F_HALF] * rate),
        slippage_cost=Decimal(quantity * abs(row[m.F_PRICE] - row[m.F_RAW]) * rate),
    )


def trade_of(case: RefCase, row: list[float]) -> RefTrade:
    held, rate, fees = row[m.F_HELD_QUANTITY], row[m.F_RATE], row[m.F_FEE] + row[m.F_ENTRY_FEES]
    gross = (row[m.F_PRICE] - row[m.F_AVERAGE]) * held * rate
    slipped = abs(held) * abs(row[m.F_PRICE] - row[m.F_RAW])
    return RefTrade(
        symbol=case.instruments[int(row[m.F_INSTRUMENT])].symbol,
        side="long" if held > 0.0 else "short",
        quantity=Decimal(repr(abs(held))),
        entry_t=int(row[m.F_ENTRY_BAR]) - 1,
        entry_price=Decimal(row[m.F_AVERAGE]),
        exit_t=int(row[m.F_BAR]),
        exit_price=Decimal(repr(row[m.F_PRICE])),
        pnl=Decimal(gross - fees + row[m.F_FINANCED]),
        fees=Decimal(fees),
        spread_cost=Decimal((row[m.F_ENTRY_SPREAD] + abs(held) * row[m.F_HALF]) * rate),
        slippage_cost=Decimal((row[m.F_ENTRY_SLIPPAGE] + slipped) * rate),
        financing=Decimal(row[m.F_FINANCED]),
        bars_held=int(row[m.F_HELD]),
        exit_reason=WORDS[row[m.F_REASON]],
        mae=Decimal(row[m.F_MAE]),
        mfe=Decimal(row[m.F_MFE]),
    )


def orders_kept(case: RefCase, books: m.Books) -> list[RefOrder]:
    """The entry orders, each with how it ended: a bar's fills come before the orders placed and gone at its close."""
    events: list[tuple[int, int, list[float]]] = [
        (int(row[m.F_BAR]), 0, row) for row in books.fills.tolist() if row[m.F_REASON] == k.ENTRY_SIGNAL
    ]
    events += [(int(row[m.O_BAR]), 1, row) for row in books.orders.tolist()]
    kept: list[RefOrder] = []
    working: dict[int, RefOrder] = {}
    for t, kind, row in sorted(events, key=lambda event: event[:2]):
        if kind == 0:
            order = working.pop(int(row[m.F_INSTRUMENT]))
            order.end, order.end_t, order.reason = "filled", t, "entry"
        elif row[m.O_QUANTITY] == 0.0:
            order = working.pop(int(row[m.O_INSTRUMENT]))
            order.end, order.end_t = ENDS.get(row[m.O_REASON], "cancelled"), t
            order.reason = WORDS[row[m.O_REASON]]
        else:
            i, quantity = int(row[m.O_INSTRUMENT]), row[m.O_QUANTITY]
            side = 1 if quantity > 0.0 else -1
            working[i] = RefOrder(
                t,
                case.instruments[i].symbol,
                side,
                Decimal(repr(abs(quantity))),
                case.rules.kind_of(side),
                "entry",
                stop_price=price_or_none(row[m.O_STOP]),
                limit_price=price_or_none(row[m.O_LIMIT]),
                reason=WORDS[row[m.O_REASON]],
            )
            kept.append(working[i])
    return kept


def price_or_none(price: float) -> Decimal | None:
    return None if math.isnan(price) else Decimal(repr(price))


def decisions_kept(case: RefCase, books: m.Books) -> Iterator[RefDecision]:
    """The decisions by row, then instrument; what the kernel enters on top of a position is an `add`."""
    n, rows = books.outcome.shape
    held = np.zeros((n, rows + 1))  # at the close of each row
    for row in books.fills.tolist():
        if row[m.F_REASON] != k.END_OF_DATA:
            held[int(row[m.F_INSTRUMENT]), int(row[m.F_BAR]) :] += row[m.F_QUANTITY]
    for t in range(rows):
        for i in np.flatnonzero(books.outcome[:, t]):
            action, reason = ACTIONS[int(books.action[i, t])], WORDS[int(books.reason[i, t])]
            if reason == "both_sides":
                action = "both"
            elif action.startswith("enter") and held[i, t] != 0.0:
                action = action.replace("enter", "add")
            outcome = OUTCOMES[int(books.outcome[i, t])]
            yield RefDecision(t, case.instruments[i].symbol, action, outcome, reason, WORDS[int(books.cap[i, t])])
