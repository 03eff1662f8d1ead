"""Between: what reaches a session between two bars, from other programs and from people: events and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.messages import Command, Event
from sptrader.model.orders import Instruction
from sptrader.model.reasons import Action, Outcome, Reason
from sptrader.orchestrator.asks import Rules, asked_bits, make_orders, make_rules
from sptrader.orchestrator.columns import Columns
from sptrader.orchestrator.session import Session
from sptrader.strategy.expressions import SignalColumns

ENTRIES = np.uint8(k.LONG_ENTRY | k.SHORT_ENTRY)
LIMITS = {
    "max_positions": k.LIMIT_POSITIONS,
    "position_limit": k.LIMIT_POSITION,
    "max_order_notional": k.LIMIT_ORDER,
    "max_drawdown": k.LIMIT_DRAWDOWN,
    "daily_loss_limit": k.LIMIT_DAILY_LOSS,
    "margin_limit": k.LIMIT_MARGIN,
    "currency_exposure": k.LIMIT_CURRENCY,
}


@dataclass(frozen=True)
class Answer:
    """What became of an event or a command: `verdict`, why in a sentence, what was decided, and what is to be sent."""

    verdict: Literal["acted", "ignored", "refused"]
    why: str
    action: str = ""
    reason: str = ""
    instructions: tuple[Instruction, ...] = ()


def take_event(session: Session, event: Event, *, is_stale: bool) -> Answer:
    """Decide at once on an event: the signal fires on the last closed bar of its instrument, and the rules are asked again.

    A stale one enters nothing; exits are still asked for.
    """
    from sptrader.kernel.live import decide_now

    symbol = str(event.metadata["symbol"])
    if symbol not in session.plan.symbols:
        return Answer("ignored", f"{symbol} is not traded here")
    if event.signal_name not in session.arriving.signals:
        return Answer("ignored", f"the strategy has no signal '{event.signal_name}'")
    if session.last_ns is None:
        return Answer("refused", "no bar has closed yet")
    now = session.last_chunk()
    t, i = now.row(session.last_ns), session.plan.symbols.index(symbol)
    columns = {**now.columns, symbol: _with_event(now.columns[symbol], event)}
    rules = {**now.rules, symbol: make_rules(session.plan, columns[symbol])}
    bits = _asked(rules[symbol], now.market.rows[symbol], t)
    asked = bits & ~ENTRIES if is_stale else bits
    if asked == 0:
        return Answer("refused", "the signal is too old") if is_stale else Answer("ignored", "no rule is true with it")
    if now.is_independent:
        refused = np.zeros((1, len(now.market.times_ns)), np.uint8)
        refused[i, t] = now.filters[symbol][-1] if bits & ENTRIES else 0
        orders = now.orders._replace(refused=refused)
    else:
        orders = make_orders(session.plan, now.market, columns, rules, now.filters)
    only = np.zeros((len(session.plan.symbols), len(now.market.times_ns), 1), np.uint8)
    only[i, t] = asked
    page = session.pages.page(now.market.kernel.price.shape[1])
    decide_now(now.market.kernel, session.allowed(orders._replace(signal=only)), page, session.state, t)
    _, placed = session.pages.keep_rows(page)
    decided_ns = session.last_ns + now.market.timeframe_ns
    sent = session.writer.instructions(placed, (), session.state, session.last_ns, decided_ns)
    p = session.state[k.block(i, 1) :]
    outcome, reason = Outcome(int(p[k.OUTCOME])), Reason(int(p[k.REASON]))
    verdict: Literal["acted", "ignored", "refused"] = "ignored"
    if outcome is Outcome.ORDERED:
        verdict = "acted"
    elif outcome is Outcome.REFUSED:
        verdict = "refused"
    if is_stale and verdict == "ignored":
        return Answer("refused", "the signal is too old")
    return Answer(verdict, reason.sentence, Action(int(p[k.ACTION])).word, reason.word, tuple(sent))


def _asked(rules: Rules, rows: NDArray[np.int64], t: int) -> np.uint8:
    """What an instrument's rules ask for on bar `t` of the clock; nothing where it has no bar then."""
    if len(rows) == 0 or rows[-1] != t:
        return np.uint8(0)
    return np.uint8(asked_bits(rules, len(rows))[-1])


def _with_event(columns: Columns, event: Event) -> Columns:
    """The columns with the event on their last bar; a type that was never seen is one for this event alone."""
    found = columns[event.signal_name]
    if not isinstance(found, SignalColumns) or len(found.codes) == 0:
        return columns
    types = found.types if event.signal_type in found.types else (*found.types, event.signal_type)
    code = types.index(event.signal_type)
    codes, strength = found.codes.copy(), found.strength.copy()
    codes[-1], strength[-1] = code, event.strength
    outputs = {name: values.copy() for name, values in found.outputs.items()}
    for name, values in outputs.items():
        given = event.metadata.get(name)
        values[-1] = float(given) if isinstance(given, int | float) else np.nan
    return {**columns, event.signal_name: SignalColumns(types, codes, strength, outputs)}


def take_command(session: Session, command: Command) -> Answer:
    """Do what a person asks for: pause, resume, reduce only, flatten, kill, unlatch, a limit, one order or one position.

    A halt by drawdown is for good: `resume` does not lift it, `unlatch` lifts what `kill` latched. `resume` also says that
    what was found different at the broker is settled. Before the first bar trading can be held back and let go.
    """
    word, state = command.command, session.state
    if word == "resolve":
        return Answer("ignored", "execution answers it")
    if word == "stop":
        return Answer("ignored", "processes are stopped by a signal or by their key on the server")
    if word == "resume":
        return _resume(session)
    if word == "unlatch":
        session.is_killed, session.is_paused = False, True
        return Answer("acted", "the kill switch is open; trading stays paused until it is resumed")
    if word in ("pause", "reduce_only"):
        hold(session, k.HALTED if word == "pause" else k.REDUCING)
        return Answer(
            "acted", "no entries are made" if word == "pause" else "only orders that lower a position are sent"
        )
    if word == "kill":
        session.is_killed = session.is_paused = True
    if session.last_ns is None:
        if word == "kill":
            session.opens_as = k.HALTED
            return Answer("acted", "trading is latched before the first bar")
        return Answer("refused", "no bar has closed yet")
    if word == "set_limit":
        field = LIMITS.get(command.name)
        if field is None or command.value is None or not command.value >= 0.0:
            return Answer("refused", f"limits are {', '.join(LIMITS)}, with a value from 0 up")
        state[field] = command.value
        return Answer("acted", f"{command.name} is {command.value:g} now")
    if word in ("cancel", "close"):
        if command.name not in session.plan.symbols:
            return Answer("refused", f"{command.name or 'no instrument'} is not traded here")
        return _one(session, session.plan.symbols.index(command.name), is_close=word == "close")
    sent = _flatten(session)
    if word == "kill":
        state[k.TRADING] = k.HALTED
        return Answer("acted", "everything is cancelled and closed, and trading is latched", instructions=sent)
    return Answer("acted", "everything is cancelled and closed", instructions=sent)


def hold(session: Session, trading: float) -> None:
    """Make no entries (`HALTED`), or only orders that lower a position (`REDUCING`), until a person resumes."""
    if session.last_ns is None:
        session.opens_as = trading
    elif session.state[k.TRADING] != k.HALTED:
        session.state[k.TRADING] = trading
    else:
        return
    session.is_paused = True


def _resume(session: Session) -> Answer:
    if session.is_killed:
        return Answer("refused", "the kill switch is latched; unlatch it first")
    if session.last_ns is None:
        session.opens_as = k.ACTIVE
    elif session.state[k.TRADING] == k.HALTED and not session.is_paused:
        return Answer("refused", "the drawdown limit has halted trading for good")
    else:
        session.state[k.TRADING] = k.ACTIVE
    session.is_paused, session.blocked = False, frozenset()
    return Answer("acted", "trading is active")


def _one(session: Session, i: int, *, is_close: bool) -> Answer:
    p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
    if is_close and p[k.QUANTITY] != 0.0 and p[k.WANT] == k.STAY:
        p[k.WANT], p[k.WANT_REASON] = k.CLOSE, float(Reason.MANUAL)
    elif not is_close and p[k.SIDE] != 0.0:
        p[k.GONE] = float(Reason.MANUAL)
    else:
        return Answer("ignored", "there is no position that is not being closed" if is_close else "no entry works")
    return Answer("acted", "sent", instructions=_sent(session))


def _flatten(session: Session) -> tuple[Instruction, ...]:
    from sptrader.kernel.risk import flatten

    flatten(float(Reason.MANUAL), len(session.plan.symbols), session.state)
    return _sent(session)


def _sent(session: Session) -> tuple[Instruction, ...]:
    """Take off the entries that are gone, and return the cancels and exits that this and the wanted closes need."""
    from sptrader.kernel.live import take_off

    rows = []
    for i in range(len(session.plan.symbols)):
        p = session.state[k.block(i, 1) : k.block(i + 1, 1)]
        if p[k.GONE] != k.NOTHING:
            row = np.zeros(m.ORDER_COLUMNS)
            row[m.O_INSTRUMENT], row[m.O_REASON] = i, p[k.GONE]
            rows.append(row)
            take_off(session.state, i)
            p[k.GONE] = k.NOTHING
    made = np.array(rows).reshape(-1, m.ORDER_COLUMNS)
    session.pages.add_orders(made)
    last_ns = session.last_ns or 0
    decided_ns = last_ns + session.last_chunk().market.timeframe_ns
    return tuple(session.writer.instructions(made, (), session.state, last_ns, decided_ns))
