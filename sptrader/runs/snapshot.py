"""Snapshot: how a session stands, as plain data for viewers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sptrader.kernel import state as k
from sptrader.orchestrator.between import LIMITS
from sptrader.orchestrator.session import Session
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.risk_now import risk_now

_TRADING = {k.ACTIVE: "active", k.REDUCING: "reducing", k.HALTED: "halted"}


def snapshot(
    session: Session,
    live: LiveSetting,
    counters: Mapping[str, int],
    recent: Sequence[Mapping[str, object]],
    *,
    at_ns: int,
) -> dict[str, object]:
    """Return account, positions, working entries, limits with their use, exposure, counters and the last decisions; what is
    not known is None."""
    s, setting = session.state, live.setting
    body: dict[str, object] = {
        "version": 1,
        "at_ns": at_ns,
        "mode": live.mode,
        "account": live.account,
        "currency": setting.currency,
        "strategy": live.strategy.name,
        "strategy_version": str(live.strategy.version),
        "plan": live.plan_id,
        "parameters": dict(live.plan.parameters),
        "symbols": list(live.plan.symbols),
        "timeframe": live.plan.timeframe,
        "bars": [[symbol, known.timeframe] for symbol, known in setting.facts.items()],
        "last_ns": session.last_ns,
        "n_bars": session.done,
        "n_fills": session.pages.n_fills,
        "is_over": session.is_over,
        "is_paused": session.is_paused,
        "is_killed": session.is_killed,
        "counters": dict(counters),
        "recent": list(recent[-50:]),
        "trading": "starting",
        "positions": [],
        "working": [],
        "limits": {},
        "risk": {},
    }
    if session.last_ns is None:
        return body
    is_day_halted = bool(s[k.IS_DAY_HALTED] > 0.0)
    return {
        **body,
        "trading": "halted_for_the_day" if is_day_halted else _TRADING[float(s[k.TRADING])],
        "cash": float(s[k.CASH]),
        "equity": float(s[k.EQUITY]),
        "used_margin": float(s[k.USED_MARGIN]),
        "peak": float(s[k.PEAK]),
        "drawdown": float(s[k.DRAWDOWN]),
        "day_loss": float(1.0 - s[k.EQUITY] / s[k.BASELINE]),
        "fees": float(s[k.FEES]),
        "n_trades": int(s[k.N_TRADES]),
        "risk": risk_now(session),
        "limits": {name: _finite(s[field]) for name, field in LIMITS.items()},
        "positions": [found for i in range(len(live.plan.symbols)) if (found := _position(session, i))],
        "working": [found for i in range(len(live.plan.symbols)) if (found := _entry(session, i))],
    }


def _position(session: Session, i: int) -> dict[str, object] | None:
    p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
    if p[k.QUANTITY] == 0.0:
        return None
    return {
        "symbol": session.plan.symbols[i],
        "quantity": float(p[k.QUANTITY]),
        "average_price": float(p[k.AVERAGE]),
        "mark": _finite(p[k.MARK]),
        "unrealised": float(p[k.UNREALISED]),
        "margin": float(p[k.MARGIN]),
        "stop": _finite(p[k.STOP]),
        "target": _finite(p[k.TARGET]),
        "trailing_distance": _finite(p[k.TRAIL]),
        "is_closing": bool(p[k.WANT] != k.STAY),
        "bars_held": int(p[k.HELD]),
    }


def _entry(session: Session, i: int) -> dict[str, object] | None:
    p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
    if p[k.SIDE] == 0.0:
        return None
    return {
        "client_order_id": session.writer.entries.get(i, ""),
        "symbol": session.plan.symbols[i],
        "side": "buy" if p[k.SIDE] > 0.0 else "sell",
        "quantity": float(p[k.ORDER_QUANTITY]),
        "limit_price": _finite(p[k.ORDER_LIMIT]),
        "stop_price": _finite(p[k.ORDER_STOP]),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
