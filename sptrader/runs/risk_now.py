"""Risk now: what a session uses of each of its limits, and what it holds by instrument and by currency."""

from __future__ import annotations

import math

from sptrader.kernel import state as k
from sptrader.orchestrator.exposure import net_notional
from sptrader.orchestrator.session import Session


def risk_now(session: Session) -> dict[str, object]:
    """Return `uses`, `by_instrument` and `by_currency` of a session that has closed a bar.

    `uses` are as the kernel compares them with the limits: a share of the equity, a count of positions and of the working
    entries that reserve one, the largest working entry's notional in money. A notional is signed, account currency, at the
    last mark; a working entry's at the close of its decision. `by_currency` is net over positions and working entries, without the
    account's own; its `rate` is the account currency of one unit. What is not known is None.
    """
    s = session.state
    held = [_instrument(session, i) for i in range(len(session.plan.symbols))]
    currencies = _currencies(session)
    equity = float(s[k.EQUITY]) if s[k.EQUITY] > 0.0 else math.nan
    used = {
        "max_drawdown": float(s[k.DRAWDOWN]),
        "daily_loss_limit": max(0.0, 1.0 - float(s[k.EQUITY]) / float(s[k.BASELINE])),
        "max_positions": float(s[k.N_OPEN] + s[k.N_WORKING]),
        "margin_limit": float(s[k.USED_MARGIN] + s[k.RESERVED_MARGIN]) / equity,
        "position_limit": max(abs(one["held"]) for one in held) / equity,
        "currency_exposure": max((abs(one["net"]) for one in currencies.values()), default=0.0) / equity,
        "max_order_notional": max(abs(one["working"]) for one in held),
    }
    return {
        "uses": _known(used),
        "by_instrument": [
            {"symbol": name, **_known(one)} for name, one in zip(session.plan.symbols, held, strict=True)
        ],
        "by_currency": [{"currency": name, **_known(one)} for name, one in currencies.items()],
    }


def _instrument(session: Session, i: int) -> dict[str, float]:
    """The notional that is `held` of an instrument, that its entry order asks for, and the `rate` of its quote currency."""
    p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
    held = math.copysign(p[k.MARGIN] / p[k.MARGIN_RATE], p[k.QUANTITY]) if p[k.QUANTITY] != 0.0 else 0.0
    working = float(p[k.SIDE] * p[k.ORDER_MARGIN] / p[k.MARGIN_RATE]) if p[k.SIDE] != 0.0 else 0.0
    return {"held": held, "working": working, "rate": _rate(session, i)}


def _currencies(session: Session) -> dict[str, dict[str, float]]:
    """The `net` notional of each currency but the account's own, and its `rate`."""
    s, out = session.state, {}
    for i, symbol in enumerate(session.plan.symbols):
        at, instrument = k.block(i, 1), session.setting.instruments[symbol]
        rate = _rate(session, i)
        for code, name, worth in (
            (s[at + k.BASE_CODE], instrument.base, _middle(session, i) * rate),
            (s[at + k.QUOTE_CODE], instrument.quote, rate),
        ):
            if code != 0.0 and name not in out:
                net = sum(
                    net_notional(s, other, code, has_position=True, has_order=True)
                    for other in range(len(session.plan.symbols))
                )
                out[name] = {"net": net, "rate": worth}
    return out


def _rate(session: Session, i: int) -> float:
    """Account currency of one unit of the instrument's quote currency, at the last closes."""
    p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
    if p[k.RATE_KIND] == k.BY_PAIR:
        return float(p[k.RATE_CLOSE])
    if p[k.RATE_KIND] == k.IS_QUOTE:
        return 1.0
    middle = _middle(session, i)
    return 1.0 / middle if middle > 0.0 else math.nan


def _middle(session: Session, i: int) -> float:
    """The middle of the instrument's last close; 0 before its first bar."""
    at = k.block(i, 1)
    return float(session.state[at + k.BID_CLOSE] + session.state[at + k.ASK_CLOSE]) / 2.0


def _known(values: dict[str, float]) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
