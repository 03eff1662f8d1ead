"""Explain: everything that led to the decision of one bar, worked out again from the bars up to it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from sptrader.errors import RunError
from sptrader.kernel import state as k
from sptrader.model.reasons import Action, Reason
from sptrader.model.reasons import Outcome as Became
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.arithmetic import Check, Sizing, checks, sizing
from sptrader.orchestrator.backtest import Outcome, fold
from sptrader.orchestrator.columns import indicator_columns, signal_columns
from sptrader.orchestrator.inside import decided_inside
from sptrader.orchestrator.orders import order_tables
from sptrader.orchestrator.tables import is_shown
from sptrader.strategy.expressions import conditions_of, distance, truth
from sptrader.strategy.tree import Condition

_TRUTH = {1: "true", 0: "false", -1: "unknown"}
_ENTRIES = (k.ENTER_LONG, k.ENTER_SHORT, k.REVERSE_LONG, k.REVERSE_SHORT)


@dataclass(frozen=True)
class Leaf:
    """One condition of a rule: its text, its truth, and how far left - right was from the other answer (nan: no such number)."""

    text: str
    truth: str
    distance: float


@dataclass(frozen=True)
class Rule:
    """An entry or exit rule on this bar: its truth as a whole and each of its conditions."""

    name: str
    truth: str
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Explanation:
    """What led to one bar's decision; `str()` is a text, `to_dict()` plain data, a notebook shows it as a table.

    `time` is the bar's open and `decided_at` its close, UTC. `position` is what was held at the decision. `orders` were
    decided then, `fills` are theirs, and those of the bar itself. `finer` tells what finer bars or ticks decided inside the
    bars of those fills. `refused` are those of the orders that a check before sending, or a broker, refused, with the reason:
    of a live session only.
    """

    time: pd.Timestamp
    decided_at: pd.Timestamp
    symbol: str
    action: str
    outcome: str
    reason: str
    sentence: str
    market: Mapping[str, float]
    indicators: Mapping[str, float]
    signals: tuple[str, ...]
    rules: tuple[Rule, ...]
    account: Mapping[str, float]
    position: Mapping[str, float]
    checks: tuple[Check, ...]
    sizing: Sizing | None
    orders: tuple[Mapping[str, Any], ...]
    fills: tuple[Mapping[str, Any], ...]
    finer: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, tuples, numbers and text."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.symbol}, bar of {self.time:%Y-%m-%d %H:%M} UTC, decided at {self.decided_at:%Y-%m-%d %H:%M}"]
        lines.append(f"  {self._headline()}")
        for title, rows in self._parts():
            lines.append(title)
            lines += [f"  {name:<34} {text}" if text else f"  {name}" for name, text in rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        when = f"{self.time:%Y-%m-%d %H:%M} UTC"
        out = [
            f"<p><b>{html.escape(self.symbol)} {when}</b>: {html.escape(self._headline())}</p>",
            "<div style='columns:2 30em;column-gap:2.5em'>",
        ]
        left = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"
        for title, rows in self._parts():
            cells = "".join(
                f"<tr><td style='{left};min-width:15em'>{html.escape(name)}</td>"
                f"<td style='{left}'>{html.escape(text)}</td></tr>"
                if text
                else f"<tr><td colspan='2' style='{left}'>{html.escape(name)}</td></tr>"
                for name, text in rows
            )
            out.append(
                "<details open style='break-inside:avoid;margin-bottom:6px;font-weight:600'>"
                f"<summary>{html.escape(title)}</summary>"
                f"<table style='border-collapse:collapse;margin:0;font-weight:400'>{cells}</table></details>"
            )
        return "".join(out) + "</div>"

    def _headline(self) -> str:
        if self.outcome == "":
            return "nothing was asked for: no signal fired and no condition changed"
        then = "".join(f"; {why}" for why in self.refused)
        return f"{self.action.replace('_', ' ')} {self.outcome}: {self.sentence} ({self.reason}){then}"

    def _parts(self) -> list[tuple[str, list[tuple[str, str]]]]:
        parts = [
            ("Market", [(name, _number(value)) for name, value in self.market.items()]),
            ("Indicators", [(name, _number(value)) for name, value in self.indicators.items()]),
            ("Signals", [(text, "") for text in self.signals] or [("none fired", "")]),
        ]
        for rule in self.rules:
            rows = [(leaf.text, leaf.truth + _by(leaf.distance)) for leaf in rule.leaves]
            parts.append((f"Rule {rule.name}: {rule.truth}", rows))
        parts.append(("Account", [(name, _number(value)) for name, value in self.account.items()]))
        parts.append(("Position", [(n, _number(v)) for n, v in self.position.items()] or [("none", "")]))
        if self.checks:
            parts.append(
                ("Checks", [(c.name, ("passed" if c.is_passed else "refused") + f"  {c.detail}") for c in self.checks])
            )
        if self.sizing is not None:
            parts.append(("Size", [(name, text) for name, text in self.sizing.lines()]))
        parts.append(("Orders", [(_order_text(o), "") for o in self.orders] or [("none", "")]))
        parts.append(("Fills", [(_fill_text(f), "") for f in self.fills] or [("none", "")]))
        if self.finer:
            parts.append(("Finer", list(self.finer)))
        return parts


def explain(outcome: Outcome, time: str | pd.Timestamp, symbol: str | None = None) -> Explanation:
    """Rebuild what led to the decision of the bar that opened at `time`; see `Explanation`.

    Raises `RunError` for a time at which no bar of the period opened, and for a symbol that was not traded or not said.
    """
    name = _symbol(outcome, symbol)
    t, row = _bar(outcome, time, name)
    i = outcome.market.symbols.index(name)
    s = _state_at(outcome, i, t)
    books, at = outcome.books, k.block(i, 1)
    columns = outcome.columns[name]
    action, became = int(books.action[i, t]), int(books.outcome[i, t])
    reason = Reason(int(books.reason[i, t]))
    if not became and is_shown(outcome, i, name)[row]:
        became, reason = int(Became.IGNORED), _silent(outcome, name, row)
    # an ignored entry was never asked about, nor one that both sides wanted
    is_entry = action in _ENTRIES and became != Became.IGNORED and reason is not Reason.BOTH_SIDES
    sentence, other = reason.sentence, Reason(int(books.cap[i, t]))
    if action == k.LEAVE and other is not Reason.NOTHING:
        sentence += f"; the entry on the other side was refused: {other.sentence} ({other.word})"
    opened = pd.Timestamp(int(outcome.market.times_ns[t]), tz="UTC")
    decided = opened + pd.Timedelta(outcome.market.timeframe_ns, unit="ns")
    orders, fills = order_tables(outcome)
    made = orders[
        (orders["symbol"] == name)
        & (orders["created_at"] == decided)
        & (orders["parent"].eq("") | (orders["type"] == "market"))
    ]
    shown = fills[
        (fills["symbol"] == name) & ((fills["time"] == opened) | fills["client_order_id"].isin(made["client_order_id"]))
    ]
    return Explanation(
        time=opened,
        decided_at=decided,
        symbol=name,
        action=Action(action).word,
        outcome=Became(became).word,
        reason=reason.word,
        sentence=sentence,
        market=_market(outcome, i, t, name, row),
        indicators={n: float(v[row]) for n, v in indicator_columns(columns, outcome.plan).items()},
        signals=_events(columns, row),
        rules=_rules(outcome, name, row),
        account=_account(s),
        position=_position(s, at),
        checks=checks(outcome, s, i, t, action) if is_entry else (),
        sizing=sizing(outcome, s, i, t, action) if is_entry else None,
        orders=_records(made),
        fills=_records(shown),
        finer=_finer(outcome, i, t, shown),
    )


def _finer(outcome: Outcome, i: int, t: int, fills: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """What finer bars decided on bar `t` and on those of `fills`, each with its bar."""
    times_ns = outcome.market.times_ns
    bars = {t, *(int(np.searchsorted(times_ns, time.value)) for time in fills["time"])}
    return tuple(
        (f"bar of {pd.Timestamp(int(times_ns[bar])):%Y-%m-%d %H:%M}", sentence)
        for bar in sorted(bars)
        for sentence in decided_inside(outcome, i, bar)
    )


def _state_at(outcome: Outcome, i: int, t: int) -> np.ndarray:
    """The state in which instrument `i` was decided on bar `t`: entries that were decided after it are left out."""
    strengths = outcome.orders.strength
    strength = np.nan_to_num(strengths[:, min(t, strengths.shape[1] - 1), 0], nan=0.0)
    others = np.arange(len(outcome.market.symbols))
    is_later = (strength < strength[i]) | ((strength == strength[i]) & (others > i))
    orders = outcome.orders
    if is_later.any():
        signal = orders.signal[:, : t + 1].copy()
        signal[is_later, t] &= np.uint8(k.LONG_EXIT | k.SHORT_EXIT)
        orders = orders._replace(signal=signal)
    s = opening_state(outcome.plan, outcome.market, outcome.cash)
    fold(outcome.market, orders, s, outcome.first, t + 1)
    return s


def _records(table: pd.DataFrame) -> tuple[Mapping[str, Any], ...]:
    return tuple({str(name): value for name, value in row.items()} for row in table.to_dict("records"))


def _symbol(outcome: Outcome, symbol: str | None) -> str:
    traded = outcome.market.symbols
    if symbol is None and len(traded) == 1:
        return traded[0]
    if symbol not in traded:
        raise RunError(f"symbol was {symbol!r}; allowed is one of {', '.join(traded)}.", key="symbol", value=symbol)
    return symbol


def _bar(outcome: Outcome, time: str | pd.Timestamp, symbol: str) -> tuple[int, int]:
    """The bar that opened at `time`: its place on the clock and among the instrument's own bars."""
    try:
        stamp = pd.Timestamp(time)
        if pd.isna(stamp):
            raise ValueError("not a time")
    except (ValueError, TypeError) as error:
        raise RunError(
            f"time was {time!r}; allowed is a moment such as '2017-03-06 10:00' (UTC).", key="time"
        ) from error
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    rows = outcome.market.rows[symbol]
    own = outcome.market.times_ns[rows]
    row = int(np.searchsorted(own, stamp.value))
    is_there = row < len(own) and own[row] == stamp.value
    if not (is_there and outcome.first <= rows[row] < outcome.last):
        inside = own[(rows >= outcome.first) & (rows < outcome.last)]
        near = inside[np.argsort(np.abs(inside - stamp.value), kind="stable")[:2]]
        told = " and ".join(f"{pd.Timestamp(int(n), tz='UTC'):%Y-%m-%d %H:%M}" for n in np.sort(near))
        raise RunError(
            f"no bar of {symbol} opened at {stamp:%Y-%m-%d %H:%M:%S} UTC in the run's period; the nearest are {told}.",
            key="time",
            value=str(time),
        )
    return int(rows[row]), row


def _silent(outcome: Outcome, symbol: str, row: int) -> Reason:
    rules = outcome.rules[symbol]
    leaves = [r is not None and r[row] == 1 for r in (rules.leave_long, rules.leave_short)]
    return Reason.NO_POSITION if any(leaves) else Reason.CONDITIONS_NOT_MET


def _market(outcome: Outcome, i: int, t: int, symbol: str, row: int) -> dict[str, float]:
    price = outcome.market.kernel.price[i, t]
    frame = outcome.market.frames[symbol]
    found = {name: float(frame[name].iloc[row]) for name in ("open", "high", "low", "close", "volume")}
    return {
        **found,
        "bid at close": float(price[3]),
        "ask at close": float(price[7]),
        "spread": float(price[7] - price[3]),
    }


def _events(columns: Mapping[str, object], row: int) -> tuple[str, ...]:
    found = signal_columns(columns).items()
    return tuple(f"{n}: {c.types[c.codes[row]]}, strength {c.strength[row]:.4g}" for n, c in found if c.codes[row] >= 0)


def _rules(outcome: Outcome, symbol: str, row: int) -> tuple[Rule, ...]:
    plan, columns = outcome.plan, outcome.columns[symbol]
    out = []
    for side_name, side in (("long", plan.long), ("short", plan.short)):
        if side is None:
            continue
        if side.enter is not None:
            out.append(_rule(f"entry.{side_name}", side.enter, columns, row))
        for number, term in enumerate(side.leave):
            label = f"exit.{side_name}" if len(side.leave) == 1 else f"exit.{side_name}[{number}]"
            if term.condition is not None:
                out.append(_rule(label, term.condition, columns, row))
            if term.rules:
                texts = tuple(Leaf(str(rule), "asked of the position", float("nan")) for rule in term.rules)
                out.append(Rule(label, "looks at the position", texts))
    return tuple(out)


def _rule(name: str, condition: Condition, columns: Mapping[str, Any], row: int) -> Rule:
    leaves = tuple(
        Leaf(str(leaf), _TRUTH[int(truth(leaf, columns)[row])], float(distance(leaf, columns, row)))
        for leaf in conditions_of(condition)
    )
    return Rule(name, _TRUTH[int(truth(condition, columns)[row])], leaves)


def _account(s: np.ndarray) -> dict[str, float]:
    return {
        "balance": float(s[k.CASH]),
        "equity": float(s[k.EQUITY]),
        "used margin": float(s[k.USED_MARGIN]),
        "drawdown": float(s[k.DRAWDOWN]),
        "today": float(s[k.EQUITY] / s[k.BASELINE] - 1.0),
        "open positions": float(s[k.N_OPEN]),
    }


def _position(s: np.ndarray, at: int) -> dict[str, float]:
    if s[at + k.QUANTITY] == 0.0:
        return {}
    names = {
        "quantity": k.QUANTITY,
        "average price": k.AVERAGE,
        "bars held": k.HELD,
        "stop": k.STOP,
        "target": k.TARGET,
        "trailing distance": k.TRAIL,
        "best price": k.BEST,
        "mfe": k.MFE,
        "mae": k.MAE,
        "unrealised": k.UNREALISED,
    }
    return {name: float(s[at + field]) for name, field in names.items()}


def _number(value: float) -> str:
    if value != value:
        return "unknown"
    text = f"{value:,.10g}" if abs(value) < 1e10 else f"{value:,.0f}"
    return f"{value:.10f}".rstrip("0") if "e-" in text and abs(value) >= 1e-9 else text


def _by(distance: float) -> str:
    return "" if distance != distance else f"  (by {distance:+.6g})"


def _order_text(order: Mapping[str, Any]) -> str:
    price = "" if order["price"] != order["price"] else f" at {order['price']:.10g}"
    stop = "" if order["stop_price"] != order["stop_price"] else f" stop {order['stop_price']:.10g}"
    return f"{order['side']} {order['quantity']:,.10g} {order['type']}{price}{stop}: {order['status']} ({order['client_order_id']})"


def _fill_text(fill: Mapping[str, Any]) -> str:
    when = f"{fill['time']:%Y-%m-%d %H:%M}"
    return f"{fill['side']} {fill['quantity']:,.10g} at {fill['price']:.10g} on {when}, fee {fill['fee']:,.2f} ({fill['reason']})"
