"""Reported: what a venue reported, as the rows that the kernel books."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import StreamError
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.orders import Fill, OrderStatus, OrderUpdate, Report
from sptrader.model.reasons import Reason
from sptrader.orchestrator.instructions import Writer

Floats = NDArray[np.float64]
_INSIDE = {"": 0.0, "limit": k.BY_LIMIT, "stop": k.BY_STOP}
_CODES = {reason.word: reason for reason in Reason}


def reported_rows(reports: Sequence[Report], writer: Writer, half_spreads: Floats) -> tuple[Floats, Floats]:
    """Return the rows of the fills and of the entries that ended unfilled, in the order in which they were reported.

    `half_spreads` (i,) stand in where a venue does not say what the spread was. The writer forgets orders that have ended.
    Raises `StreamError` for a report on an instrument that the strategy does not trade.
    """
    fills: list[Floats] = []
    gone: list[Floats] = []
    for report in reports:
        if isinstance(report, Fill):
            fills.append(_fill_row(report, _instrument(report.symbol, writer), writer, half_spreads))
        elif isinstance(report, OrderUpdate) and report.status.is_final:
            i = _instrument(report.symbol, writer)
            if writer.entries.get(i) == report.client_order_id:
                row = np.zeros(m.ORDER_COLUMNS)
                row[m.O_INSTRUMENT], row[m.O_REASON] = i, _end_code(report)
                gone.append(row)
            elif writer.exits.get(i) == report.client_order_id:
                del writer.exits[i]  # the exit is still wanted: another order is sent at the next decision
    return np.array(fills).reshape(-1, m.FILL_COLUMNS), np.array(gone).reshape(-1, m.ORDER_COLUMNS)


def _instrument(symbol: str, writer: Writer) -> int:
    if symbol not in writer.plan.symbols:
        raise StreamError(
            f"a report is on {symbol}; this session trades {', '.join(writer.plan.symbols)}.",
            key="symbol",
            value=symbol,
        )
    return writer.plan.symbols.index(symbol)


def _fill_row(fill: Fill, i: int, writer: Writer, half_spreads: Floats) -> Floats:
    row = np.zeros(m.FILL_COLUMNS)
    price = float(fill.price)
    row[m.F_INSTRUMENT] = i
    row[m.F_QUANTITY] = float(fill.quantity) * (1.0 if fill.side == "buy" else -1.0)
    row[m.F_PRICE] = price
    row[m.F_RAW] = price if fill.raw_price is None else fill.raw_price
    row[m.F_HALF] = half_spreads[i] if fill.half_spread is None else fill.half_spread
    row[m.F_RATE] = 0.0 if fill.rate is None else fill.rate
    row[m.F_FEE] = fill.fee
    row[m.F_REASON] = _fill_code(fill)
    row[m.F_AMBIGUOUS] = float(fill.is_ambiguous)
    row[m.F_INSIDE] = _INSIDE[fill.inside]
    is_other = not fill.is_closing and writer.entries.get(i) != fill.client_order_id
    row[m.F_HELD] = float(writer.filled(i, fill)) + (2.0 if is_other else 0.0)
    return row


def _fill_code(fill: Fill) -> float:
    if not fill.is_closing:
        return k.ENTRY_SIGNAL
    return k.EXIT_SIGNAL if fill.reason == "signal" else float(_CODES.get(fill.reason, Reason.MANUAL))


def _end_code(update: OrderUpdate) -> float:
    """The code of why an entry ended: the venue's word where it is one of ours, else what its status says."""
    other = {OrderStatus.REJECTED: Reason.REJECTED, OrderStatus.CANCELLED: Reason.MANUAL}
    return float(_CODES.get(update.reason, other.get(update.status, Reason.EXPIRED)))
