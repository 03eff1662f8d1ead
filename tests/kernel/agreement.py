"""What two engines answer differently, in words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.reference_data import RefOrder, RefResult

MONEY, DIGITS = Decimal("1e-9"), Decimal("1e-14")
SERIES = ("equity", "cash", "margin", "drawdown", "positions")


def disagreements(kernel: RefResult, reference: RefResult) -> list[str]:
    """Each fill, trade, entry order, decision and row of the account that is not the same; the first few of each.

    Prices, quantities, reasons and rows must be equal; money, averages and excursions within 1e-9, or
    within 1e-14 of the largest notional, where that is above 100,000: floats have no more digits.
    """
    tolerance = max(MONEY, DIGITS * max((abs(f.quantity * f.price) for f in reference.fills), default=MONEY))
    pairs = [
        ("fill", kernel.fills, reference.fills),
        ("trade", kernel.trades, reference.trades),
        ("order", kernel.orders, entries(reference.orders)),
        ("decision", kernel.decisions, reference.decisions),
    ]
    lines: list[str] = []
    for what, ours, theirs in pairs:
        lines += compared(what, map(fields, ours), map(fields, theirs), tolerance)
    for a, b in zip(kernel.fills, reference.fills, strict=False):
        if (a.quantity, a.price) != (b.quantity, b.price):
            lines.append(f"fill on row {a.t}: kernel {a.quantity} at {a.price}, reference {b.quantity} at {b.price}")
    for what in SERIES:
        ours, theirs = getattr(kernel, what), getattr(reference, what)
        lines += compared(f"{what} of row", ((x,) for x in ours), ((x,) for x in theirs), tolerance)
    return lines


def fields(row: object) -> tuple[object, ...]:
    return tuple(vars(row).values())


def entries(orders: Iterable[RefOrder]) -> list[RefOrder]:
    return [order for order in orders if order.leg == "entry"]


def compared(
    what: str, kernel: Iterable[tuple[object, ...]], reference: Iterable[tuple[object, ...]], tolerance: Decimal
) -> list[str]:
    ours, theirs = list(kernel), list(reference)
    lines = [f"{len(ours)} {what}s of the kernel, {len(theirs)} of the reference"] if len(ours) != len(theirs) else []
    for k, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if not all(same(x, y, tolerance) for x, y in zip(a, b, strict=True)):
            lines.append(f"{what} {k}: kernel {told(a)}, reference {told(b)}")
    return lines[:4]


def same(a: object, b: object, tolerance: Decimal) -> bool:
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return abs(a - b) <= tolerance
    return a == b


def told(values: tuple[object, ...]) -> str:
    return ", ".join(f"{v:.12f}" if isinstance(v, Decimal) else str(v) for v in values)
