"""All hand-worked cases, for both engines: `CASES`, and `differences` between a case and an engine's answer."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tests.golden_account import ACCOUNT
from tests.golden_finer import FINER
from tests.golden_form import Golden
from tests.golden_limits import LIMITS
from tests.golden_orders import ORDERS
from tests.golden_rules import RULES
from tests.reference_data import RefResult

CASES = [*ORDERS, *ACCOUNT, *RULES, *LIMITS, *FINER]


def close(found: Decimal, written: str) -> bool:
    """Whether `found`, rounded to the digits of `written`, is `written`."""
    expected = Decimal(written)
    return abs(found - expected) <= Decimal(1).scaleb(expected.as_tuple().exponent) / 2 + Decimal("1e-9")


def differences(golden: Golden, found: RefResult) -> list[str]:
    """What an answer says otherwise than the hand-worked case, in words; empty when they agree.

    The answer's decimals may have been made from floats: prices and quantities count as equal within 1e-9.
    """
    lines: list[str] = []

    def same(what: str, given: Iterable[object], expected: Iterable[object]) -> None:
        given, expected = list(given), list(expected)
        if given != expected:
            lines.append(f"{what}: found {given}, expected {expected}")

    def number(what: str, given: Decimal, written: str) -> None:
        if not close(given, written):
            lines.append(f"{what}: found {given}, expected {written}")

    same("fills", [(f.t, f.reason, f.ambiguous) for f in found.fills], [(f[0], f[3], f[4]) for f in golden.fills])
    for fill, (row, quantity, price, _, _) in zip(found.fills, golden.fills, strict=False):
        if max(abs(fill.quantity - Decimal(quantity)), abs(fill.price - Decimal(price))) > Decimal("1e-9"):
            lines.append(f"fill on row {row}: found {fill.quantity} at {fill.price}, expected {quantity} at {price}")
    if golden.symbols is not None:
        same("symbols", [f.symbol for f in found.fills], golden.symbols)
    same(
        "trades",
        [(t.side, t.entry_t, t.exit_t, t.exit_reason) for t in found.trades],
        [(t[0], t[1], t[2], t[4]) for t in golden.trades],
    )
    for trade, expected in zip(found.trades, golden.trades, strict=False):
        number(f"pnl of the trade closed on row {trade.exit_t}", trade.pnl, expected[3])
    for what in ("equity", "cash", "margin"):
        for row, written in getattr(golden, what).items():
            number(f"{what} of row {row}", getattr(found, what)[row], written)
    for what in ("fees", "spread_cost", "slippage_cost", "financing"):
        written = getattr(golden, what)
        if written is not None:
            number(what, sum((getattr(t, what) for t in found.trades), Decimal(0)), written)
    if golden.excursions is not None:
        number("mae", found.trades[0].mae, golden.excursions[0])
        number("mfe", found.trades[0].mfe, golden.excursions[1])
    if golden.decisions is not None:
        given = [(d.t, d.action, d.outcome, d.reason, d.cap) for d in found.decisions]
        same("decisions", given, golden.decisions)
    if golden.ends is not None:
        same("ends of entries", [(o.end, o.reason) for o in found.orders if o.leg == "entry"], golden.ends)
    return lines
