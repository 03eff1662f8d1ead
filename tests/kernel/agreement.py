"""What two engines answer differently, in words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.reference_data import RefOrder, RefResult

MONEY = Decimal("1e-9")
SERIES = ("equity", "cash", "margin", "drawdown", "positions")


def disagreements(kernel: RefResult, reference: RefResult) -> list[str]:
    """Each fill, trade, entry order, decision and row of the account that is not the same; the first few of each.

    Prices, quantities, reasons and rows must be equal; money, averages and excursions within 1e-9.
    """
    lines = list(compared("fill", map(fields, kernel.fills), map(fields, reference.fills)))
    lines += compared("trade", map(fields, kernel.trades), map(fields, reference.trades))
    lines += compared("order", map(fields, kernel.orders), map(fields, entries(reference.orders)))
    lines += compared("decision", map(fields, kernel.decisions), map(fields, reference.decisions))
    for ours, theirs in zip(kernel.fills, reference.fills, strict=False):
        if (ours.quantity, ours.price) != (theirs.quantity, theirs.price):
            lines.append(f"fill on row {ours.t}: {ours.quantity} at {ours.price}, {theirs.quantity} at {theirs.price}")
    for what in SERIES:
        lines += compared(
            f"{what} of row", ((x,) for x in getattr(kernel, what)), ((x,) for x in getattr(reference, what))
        )
    return lines


def fields(row: object) -> tuple[object, ...]:
    return tuple(vars(row).values())


def entries(orders: Iterable[RefOrder]) -> list[RefOrder]:
    return [order for order in orders if order.leg == "entry"]


def compared(what: str, kernel: Iterable[tuple[object, ...]], reference: Iterable[tuple[object, ...]]) -> list[str]:
    ours, theirs = list(kernel), list(reference)
    lines = [f"{len(ours)} {what}s of the kernel, {len(theirs)} of the reference"] if len(ours) != len(theirs) else []
    for k, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if not all(map(same, a, b)):
            lines.append(f"{what} {k}: kernel {told(a)}, reference {told(b)}")
    return lines[:4]


def same(a: object, b: object) -> bool:
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return abs(a - b) <= MONEY
    return a == b


def told(values: tuple[object, ...]) -> str:
    return ", ".join(f"{v:.12f}" if isinstance(v, Decimal) else str(v) for v in values)
