"""The sections of a strategy file: their keys with bounds and meaning, and how they become the plan's parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sptrader.errors import DataError
from sptrader.model.instrument import Instrument, declare, instrument
from sptrader.model.session import check_session
from sptrader.strategy.conditions import read_condition, strength_signals
from sptrader.strategy.distances import commission, distance, order, price, slippage
from sptrader.strategy.document import Leaf, Table, Value
from sptrader.strategy.exits import ExitError, exit_terms
from sptrader.strategy.fields import (
    choice,
    count,
    file_path,
    fraction,
    hours,
    moment,
    names,
    number,
    required,
    text,
    timeframe,
    truth_value,
    weekdays,
)
from sptrader.strategy.reader import Field, Fields, Reader, read_table
from sptrader.strategy.spec import (
    INTRABAR,
    LIVE_MODES,
    ON_CASH_DRIFT,
    SIZING_METHODS,
    Backtest,
    Distance,
    Execution,
    ExitTerm,
    Filters,
    Live,
    Market,
    OrderSpec,
    Risk,
    SideRules,
    Sizing,
)
from sptrader.strategy.tree import Condition


def _keep(doc: str, schema: Mapping[str, Any]) -> Field:
    """A value that is read by its own function."""
    return Field(lambda reader, value, key: value, schema, doc)


def _when(doc: str, *, has_position: bool = False) -> Field:
    def read(reader: Reader, value: Value, key: str) -> tuple[Condition, Value] | None:
        outer = reader.scope
        reader.scope = replace(outer, has_position=has_position)
        found = read_condition(reader, value, key)
        reader.scope = outer
        return None if found is None else (found, value)

    return Field(read, {"$ref": "#/$defs/condition"}, doc)


MARKET: Fields = {
    "symbols": required(names("The symbols that are traded.")),
    "timeframe": required(timeframe("The length of a bar.")),
    "instruments": _keep(
        "Facts of instruments that are not known: quote, price_step, lot_step, min_quantity, margin_rate, session.",
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/instrument"}},
    ),
}
ENTRY_SIDE: Fields = {
    "when": required(_when("The condition to enter; a list means all of these.")),
    "order": order("The order of this side, instead of execution.order."),
}
EXIT_SIDE: Fields = {"when": required(_when("The condition to leave; a list means all of these.", has_position=True))}
ENTRY: Fields = {
    "long": _keep("When to buy.", {"$ref": "#/$defs/entry_side"}),
    "short": _keep("When to sell short.", {"$ref": "#/$defs/entry_side"}),
}
EXIT: Fields = {
    "when": _when("The condition to leave, on both sides.", has_position=True),
    "long": _keep("When to leave a long position.", {"$ref": "#/$defs/exit_side"}),
    "short": _keep("When to leave a short position.", {"$ref": "#/$defs/exit_side"}),
    "stop_loss": distance("Loss at which to leave, from the entry price."),
    "take_profit": distance("Gain at which to leave, from the entry price."),
    "trailing_stop": distance("Distance of a stop that follows the best price."),
    "max_holding": count("How long to hold, the entry's bar included.", unit="bars"),
}
SIZING: Fields = {
    "method": required(choice("How much to trade.", SIZING_METHODS)),
    "value": required(number("The method's number; risk, percent, volatility and kelly take a fraction such as 1%.")),
    "lookback": count("volatility: over how many changes of the close.", low=2, high=100_000, unit="bars"),
    "column": price("volatility: a typical move of one bar in price units, such as an ATR."),
    "win_rate": fraction("kelly: the share of winning trades."),
    "payoff": number("kelly: the average win by the average loss.", high=1e6),
    "cap": fraction("kelly: the notional's highest share of equity.", high=100.0),
}
RISK: Fields = {
    "max_positions": count("Open positions at once.", high=10_000),
    "position_limit": fraction("Notional of one position, of equity.", high=1000.0),
    "max_order_notional": number("Notional of one order, account currency."),
    "max_drawdown": fraction("Fall from the highest equity; then flatten and halt."),
    "daily_loss_limit": fraction("Loss of a day, of its first equity; then flatten until the next day."),
    "currency_exposure": fraction("Net notional of any one currency, of equity.", high=1000.0),
    "correlation_limit": fraction("Highest return correlation with a position or working entry, signed by both sides."),
    "correlation_lookback": count("Over how many bars correlation is measured.", low=10, high=100_000, unit="bars"),
    "margin_limit": fraction("Margin used and reserved by working entries, of equity."),
}
FILTERS: Fields = {
    "hours": hours("The part of the day in which entries are made, with its time zone."),
    "days": weekdays("The weekdays on which entries are made."),
    "max_spread": distance("The widest spread at which entries are made.", may_be_zero=True, may_vary=False),
    "min_volume": number("The least volume of the decision's bar."),
    "cooldown": count("How long to wait after a losing trade.", unit="bars"),
    "one_entry_per_session": truth_value("At most one entry for each instrument and trading day."),
}
EXECUTION: Fields = {
    "order": order("How entries are sent."),
    "slippage": slippage("What market and stop fills lose."),
    "commission": commission("What each fill costs."),
    "spread": distance("Bid-ask spread of data that has none; 0 must be said.", may_be_zero=True, may_vary=False),
    "intrabar": choice(
        "What a bar that reaches stop and target takes: the stop, the target, what finer data say.", INTRABAR
    ),
    "close_at_end": truth_value("Close what is open at the last close."),
    "pyramiding": count("How many times a position may be added to.", low=0, high=1000),
    "reverse": truth_value("An opposite entry closes and reverses."),
    "financing": file_path("A file of financing rates."),
}
BACKTEST: Fields = {
    "start": moment("First bar, UTC, included."),
    "end": moment("Last bar, UTC, included.", is_end=True),
    "cash": number("Starting cash, account currency."),
    "currency": text("The account's currency.", pattern="[A-Z]{3,5}", expected="a currency such as USD"),
}
LIVE: Fields = {
    "mode": choice("Paper or live.", LIVE_MODES),
    "broker": text("The broker's name.", pattern="[A-Za-z0-9_-]+", expected="a broker's name such as paper"),
    "account": text("The account's name at the broker.", pattern=r"\S{1,64}", expected="an account's name"),
    "max_order_notional": number("Entries worth more, account currency, are not sent."),
    "price_collar": fraction("Orders whose limit or stop price is farther than this from the last price are not sent."),
    "orders_per_minute": count("Entries beyond this many orders in a minute are not sent.", high=10_000),
    "duplicate_window_s": number("Seconds in which an equal entry under another id is not sent.", high=86_400.0),
    "max_price_age_s": number("Entries are not sent when the last price is older, seconds.", high=1e9),
    "cash_tolerance": number("How far the broker's balance may be from the books', account currency."),
    "on_cash_drift": choice("What a larger difference leads to: no more entries, or a warning.", ON_CASH_DRIFT),
    "unprotected_after_s": number("A position without its stop for longer, seconds, is flattened.", high=86_400.0),
}
SECTIONS: dict[str, tuple[str, Fields]] = {
    "market": ("What is traded, on which bars.", MARKET),
    "entry": ("When to enter.", ENTRY),
    "exit": ("When to leave.", EXIT),
    "sizing": ("How much to trade.", SIZING),
    "risk": ("Limits; they bind in every mode.", RISK),
    "filters": ("What keeps entries away.", FILTERS),
    "execution": ("How orders are sent and what they cost.", EXECUTION),
    "backtest": ("The backtest's dates and account.", BACKTEST),
    "live": ("How it trades live.", LIVE),
}
_OTHERWISE = {"cooldown": "cooldown_bars"}  # what the plan calls it
_METHOD_KEYS = {"volatility": ("lookback", "column"), "kelly": ("win_rate", "payoff", "cap")}
_METHOD_HIGH = {"risk": 1.0, "percent": 100.0, "volatility": 1.0, "kelly": 1.0}


@dataclass(frozen=True)
class Parts:
    """Everything a file says about trading, with the parameters' values put in."""

    market: Market = field(default_factory=Market)
    long: SideRules | None = None
    short: SideRules | None = None
    stop_loss: Distance | None = None
    take_profit: Distance | None = None
    trailing_stop: Distance | None = None
    max_holding_bars: int | None = None
    sizing: Sizing = field(default_factory=lambda: Sizing("units", 1.0))
    risk: Risk = field(default_factory=Risk)
    filters: Filters = field(default_factory=Filters)
    execution: Execution = field(default_factory=Execution)
    backtest: Backtest = field(default_factory=Backtest)
    live: Live = field(default_factory=Live)


def read_parts(document: Table, reader: Reader, *, needs_market: bool) -> Parts:
    """Read all trading sections of `document`; what is wrong goes to the reader's faults."""
    execution = Execution(**_section(document, reader, "execution"))
    sides, distances = _rules(document, reader, execution)
    sizing = _sizing(document, reader)
    leaving = document.get("exit")
    given = leaving.values if isinstance(leaving, Table) else {}
    if sizing.method == "risk" and "stop_loss" not in given and "trailing_stop" not in given:
        place = document.values["sizing"]
        reader.fault(
            place, "sizing.method", "risk needs exit.stop_loss or exit.trailing_stop to know what can be lost."
        )
    backtest = Backtest(**_section(document, reader, "backtest"))
    if backtest.start is not None and backtest.end is not None and backtest.end < backtest.start:
        reader.fault(document.values["backtest"], "backtest.end", f"was {backtest.end}, before start {backtest.start}.")
    filters = {_OTHERWISE.get(name, name): value for name, value in _section(document, reader, "filters").items()}
    return Parts(
        market=_market(document, reader, needs_market=needs_market),
        long=sides.get("long"),
        short=sides.get("short"),
        stop_loss=distances.get("stop_loss"),
        take_profit=distances.get("take_profit"),
        trailing_stop=distances.get("trailing_stop"),
        max_holding_bars=distances.get("max_holding"),
        sizing=sizing,
        risk=Risk(**_section(document, reader, "risk")),
        filters=Filters(**filters),
        execution=execution,
        backtest=backtest,
        live=Live(**_section(document, reader, "live")),
    )


def _section(document: Table, reader: Reader, name: str) -> dict[str, Any]:
    value = document.get(name)
    return {} if value is None else reader.once(value, name, lambda: read_table(reader, value, name, SECTIONS[name][1]))


def _market(document: Table, reader: Reader, *, needs_market: bool) -> Market:
    if "market" not in document:
        if needs_market:
            reader.fault(document, "market", "is missing; expected {symbols: [EURUSD], timeframe: 1h}.")
        return Market()
    table = document.values["market"]
    return reader.once(table, "market", lambda: _market_of(table, reader, needs_market=needs_market))


def _market_of(table: Value, reader: Reader, *, needs_market: bool) -> Market:
    fields_here = (
        MARKET if needs_market else {name: replace(entry, is_required=False) for name, entry in MARKET.items()}
    )
    found = read_table(reader, table, "market", fields_here)
    declared = _instruments(found.pop("instruments", None), reader)
    for symbol in found.get("symbols", ()):
        try:
            instrument(symbol, declared)
        except DataError as error:
            reader.fault(table.values["symbols"] if isinstance(table, Table) else table, "market.symbols", str(error))
    return Market(instruments=declared, **found)


def _instruments(value: Value | None, reader: Reader) -> dict[str, Instrument]:
    if value is None:
        return {}
    key = "market.instruments"
    if not isinstance(value, Table):
        reader.fault(value, key, "expected a mapping of symbols to facts.")
        return {}
    declared: dict[str, Instrument] = {}
    for symbol, given in value.values.items():
        if not isinstance(given, Table) or not all(isinstance(fact, Leaf) for fact in given.values.values()):
            reader.fault(
                given, f"{key}.{symbol}", "expected a mapping of facts, such as {quote: USD, price_step: 0.01, ...}."
            )
            continue
        numbers = [f.name for f in fields(Instrument) if f.name.endswith(("step", "quantity", "size", "rate"))]
        facts: dict[str, object] = {}
        for name, fact in given.values.items():
            if isinstance(fact, Leaf):
                facts[name] = _weekday(fact) if name == "triple_day" else fact.text
                if name in numbers and (isinstance(fact.value, (bool, str)) or fact.value is None):
                    reader.fault(fact, f"{key}.{symbol}.{name}", f"was '{fact.text}'; expected a number above 0.")
                    facts.pop(name)
        try:
            declared[symbol] = declare(symbol, facts)
            check_session(declared[symbol].session)
        except DataError as error:
            place = given.marks.get(error.key or "", given.mark)
            reader.fault(place, f"{key}.{symbol}", str(error))
    return declared


def _weekday(fact: Leaf) -> object:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    word = fact.text.strip().lower()[:3]
    return days.index(word) if word in days else fact.value


def _rules(document: Table, reader: Reader, execution: Execution) -> tuple[dict[str, SideRules], dict[str, Any]]:
    entry = _section(document, reader, "entry")
    if "entry" not in document:
        reader.fault(document, "entry", "is missing; expected {long: {when: ...}} or {short: {when: ...}}.")
    elif not entry and isinstance(document.values["entry"], Table) and not document.values["entry"].values:
        reader.fault(
            document.values["entry"], "entry", "is empty; expected {long: {when: ...}} or {short: {when: ...}}."
        )
    leaving = _section(document, reader, "exit")
    exits = {side: _leave(document, leaving, reader, side) for side in ("long", "short")}
    sides: dict[str, SideRules] = {}
    for side in ("long", "short"):
        if side not in entry:
            continue
        found = read_table(reader, entry[side], f"entry.{side}", ENTRY_SIDE)
        when: tuple[Condition, Value] | None = found.get("when")
        sent: OrderSpec = found.get("order", execution.order)
        enter = None if when is None else when[0]
        sides[side] = SideRules(enter, exits[side], () if enter is None else strength_signals(enter), sent)
    return sides, leaving


def _leave(document: Table, leaving: dict[str, Any], reader: Reader, side: str) -> tuple[ExitTerm, ...]:
    if not leaving:
        return ()
    return reader.once(document.values["exit"], f"exit.{side}.terms", lambda: _terms(leaving, reader, side))


def _terms(leaving: dict[str, Any], reader: Reader, side: str) -> tuple[ExitTerm, ...]:
    found = {} if side not in leaving else read_table(reader, leaving[side], f"exit.{side}", EXIT_SIDE)
    terms: list[ExitTerm] = []
    for key, when in ((f"exit.{side}.when", found.get("when")), ("exit.when", leaving.get("when"))):
        if when is None:
            continue
        try:
            terms += exit_terms(when[0])
        except ExitError as fault:
            reader.fault(when[1], key, f"{fault}.")
    return tuple(terms)


def _sizing(document: Table, reader: Reader) -> Sizing:
    value = document.get("sizing")
    if value is None:
        reader.fault(document, "sizing", "is missing; expected {method: risk, value: 1%} or another method.")
        return Sizing("units", 1.0)
    return reader.once(value, "sizing", lambda: _sizing_of(value, reader))


def _sizing_of(value: Value, reader: Reader) -> Sizing:
    found_method = value.get("method") if isinstance(value, Table) else None
    method = found_method.text if isinstance(found_method, Leaf) else ""
    keys = dict(SIZING)
    if method not in SIZING_METHODS:
        keys = {name: _keep(entry.doc, entry.schema) if name != "method" else entry for name, entry in keys.items()}
    if method in _METHOD_HIGH:
        keys["value"] = required(fraction(SIZING["value"].doc, high=_METHOD_HIGH[method]))
    for other, names_of in _METHOD_KEYS.items():
        if method in SIZING_METHODS and other != method:
            keys = {name: field for name, field in keys.items() if name not in names_of}
    found = read_table(reader, value, "sizing", keys)
    if method == "volatility" and isinstance(value, Table) and ("lookback" in value) == ("column" in value):
        reader.fault(value, "sizing", "volatility needs either lookback (such as 50 bars) or column (such as atr).")
    if method == "kelly" and isinstance(value, Table):
        for name in _METHOD_KEYS["kelly"]:
            if name not in value:
                reader.fault(value, f"sizing.{name}", "is missing; kelly needs win_rate, payoff and cap.")
    if "method" not in found or "value" not in found:
        return Sizing("units", 1.0)
    return Sizing(**found)
