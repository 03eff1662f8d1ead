"""Exposure: what an entry would add to each currency, and how closely it goes together with what is held."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sptrader.kernel import state as k
from sptrader.orchestrator.backtest import Outcome


@dataclass(frozen=True)
class Exposure:
    """The net notional of one currency in positions and working entries `before` an entry and `after` it, and the `limit` of
    its amount; account currency."""

    currency: str
    before: float
    after: float
    limit: float


@dataclass(frozen=True)
class Together:
    """The correlation of an entry's returns with those of `symbol`, signed by both sides; `held` says how that stands."""

    symbol: str
    held: str
    correlation: float
    is_allowed: bool


def exposures(
    outcome: Outcome, s: np.ndarray, i: int, *, direction: float, is_reversal: bool, notional: float
) -> tuple[Exposure, ...]:
    """Return the exposure in both currencies of instrument `i` with an entry of `notional`; none of the account's own.

    Empty without `risk.currency_exposure`. A position that a reversal closes and the entry that is replaced do not count.
    """
    if math.isinf(s[k.LIMIT_CURRENCY]):
        return ()
    market = outcome.market
    at = k.block(i, 1)
    instrument = market.instruments[market.symbols[i]]
    out = []
    for code, name, way in (
        (s[at + k.BASE_CODE], instrument.base, direction),
        (s[at + k.QUOTE_CODE], instrument.quote, -direction),
    ):
        if code != 0.0:
            before = sum(
                net_notional(s, other, code, has_position=not (other == i and is_reversal), has_order=other != i)
                for other in range(len(market.symbols))
            )
            limit = float(s[k.LIMIT_CURRENCY] * s[k.EQUITY])
            out.append(Exposure(name, before, before + way * notional, limit))
    return tuple(out)


def units_allowed(found: tuple[Exposure, ...], unit: float) -> float:
    """Return how many units worth `unit` the currency that is nearest to its limit allows; `found` are of one unit's notional."""
    if not found:
        return math.inf
    rooms = [e.limit - math.copysign(1.0, e.after - e.before) * e.before for e in found]
    return math.nan if any(math.isnan(room) for room in rooms) else min(rooms) / unit


def net_notional(s: np.ndarray, i: int, code: float, *, has_position: bool, has_order: bool) -> float:
    """Return the notional that instrument `i` holds of currency `code`, signed: its position's, its working entry's, or both."""
    at = k.block(i, 1)
    way = 1.0 if s[at + k.BASE_CODE] == code else -1.0 if s[at + k.QUOTE_CODE] == code else 0.0
    margin = math.copysign(s[at + k.MARGIN], s[at + k.QUANTITY]) if has_position and s[at + k.QUANTITY] != 0.0 else 0.0
    if has_order:
        margin += s[at + k.SIDE] * s[at + k.ORDER_MARGIN]
    return float(way * margin / s[at + k.MARGIN_RATE])


def correlated(outcome: Outcome, s: np.ndarray, i: int, t: int, direction: float) -> tuple[Together, ...]:
    """Return how closely an entry of instrument `i` on bar `t` goes together with every other position and working entry.

    Empty without `risk.correlation_limit`.
    """
    limit = s[k.LIMIT_CORRELATION]
    if math.isinf(limit):
        return ()
    known = outcome.orders.correlation
    out = []
    for other, symbol in enumerate(outcome.market.symbols):
        if other == i:
            continue
        at = k.block(other, 1)
        found = direction * float(known[i, other, min(t, known.shape[2] - 1)])
        quantity, side = float(s[at + k.QUANTITY]), float(s[at + k.SIDE])
        ways = [(math.copysign(1.0, quantity), "long" if quantity > 0.0 else "short")] if quantity != 0.0 else []
        ways += [(side, "buy order" if side > 0.0 else "sell order")] if side != 0.0 else []
        out += [Together(symbol, held, way * found, bool(way * found <= limit)) for way, held in ways]
    return tuple(out)
