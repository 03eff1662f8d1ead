"""The dialect of the original SPtraderB files, put into the words of this one; what has no counterpart becomes a warning.

    dependencies.indicators/signals      dotted or file paths; the last part names the component
    signal_config.<signal>               required_indicators (name, type, params), parameters, *_period
    entry.when[].signal/outputs          a signal test; `*_type` outputs are the event, `signal_strength` its strength
    entry.action, entry.size             the side; sizing {method: percent}
    exit.signal_exit.when / exit.when    the exit of that side
    stop_loss, take_profit               {type: percentage, value} or a fraction, of exit, else of risk
    max_holding_period                   bars
    parameters.x                         $x
    risk, execution, filters, backtest.optimization, live

A file of several entry conditions asks for all of them, as any list does here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sptrader.strategy.document import Items, Leaf, Table, Value, leaf, scalar_value, table
from sptrader.strategy.faults import Fault, Mark

_MARKS = ("dependencies", "signal_config")
_REFERENCE = re.compile(r"\bparameters\.([A-Za-z_]\w*)", re.ASCII)
_WHOLE_DAY = re.compile(r"0?0:00\s*-\s*(23:59|24:00)")
_WORD = re.compile(r"\W", re.ASCII)
_SAME = ("name", "version", "description", "author", "market", "parameters", "constraints", "optimize")
_TYPE_OUTPUTS = ("crossover_type", "signal_type", "type")
_STRENGTH_OUTPUTS = ("signal_strength", "strength")
_SIDES = {"buy": "long", "long": "long", "sell": "short", "short": "short"}
_INDICATORS = {"simple_rsi": "rsi", "test_sma": "sma", "sma_test": "sma"}
NOT_UNDERSTOOD = "not understood here, without effect."


@dataclass(frozen=True)
class _Average:
    """An average that one of the original signals is made of: the wire it goes to, its type and its usual period."""

    wire: str
    type: str
    period: int


# The crossover signals of the original library; all of them are our ma_crossover over other averages.
_SIGNALS: dict[str, dict[str, _Average]] = {
    "ma_crossover": {"ma_fast": _Average("fast", "sma", 20), "ma_slow": _Average("slow", "sma", 50)},
    "ema_crossover": {"ema_fast": _Average("fast", "ema", 12), "ema_slow": _Average("slow", "ema", 26)},
    "test_crossover": {"ma_fast": _Average("fast", "sma", 10), "ma_slow": _Average("slow", "sma", 20)},
}


def is_sptraderb(document: Table) -> bool:
    """Whether `document` is written in the original's dialect."""
    kind = document.get("type")
    is_marked = isinstance(kind, Leaf) and kind.text == "strategy"
    return is_marked or any(name in document for name in _MARKS)


def translate(document: Table) -> tuple[Table, list[Fault]]:
    """Return `document` in this dialect's words, values where they stood, and a note for each key without a counterpart."""
    work = _Translation()
    source = work.opened(_referenced(document), "")
    result: dict[str, Value] = {}
    kind = source.take("type")
    if isinstance(kind, Leaf) and kind.text != "strategy":
        work.note(kind.mark, "type", f"was '{kind.text}'; read as a strategy.")
    for name in _SAME:
        if (value := source.take(name)) is not None:
            result[name] = value
    sections = _Sections(work, source, result)
    sections.components()
    sections.entry_and_exit()
    sections.rest()
    source.note_rest()
    return Table(result, {name: value.mark for name, value in result.items()}, document.mark), work.notes


def _referenced(value: Table) -> Table:
    """Return `value` with `$x` for each `parameters.x`."""

    def changed(inner: Value) -> Value:
        if isinstance(inner, Leaf):
            if not _REFERENCE.search(inner.text):
                return inner
            text = _REFERENCE.sub(r"$\1", inner.text)
            return Leaf(text, scalar_value(text), inner.mark, inner.is_quoted)
        if isinstance(inner, Items):
            return Items(tuple(changed(item) for item in inner.values), inner.mark)
        return Table({k: changed(v) for k, v in inner.values.items()}, inner.marks, inner.mark)

    return Table(
        {k: v if k in ("name", "description") else changed(v) for k, v in value.values.items()}, value.marks, value.mark
    )


@dataclass
class _Translation:
    """The notes made so far."""

    notes: list[Fault] = field(default_factory=list)

    def note(self, mark: Mark, key: str, sentence: str) -> None:
        self.notes.append(Fault(mark, key, sentence))

    def opened(self, value: Value | None, key: str) -> _Source:
        """Return `value` as a table to take from; anything else is noted and reads as an empty one."""
        if isinstance(value, Table):
            return _Source(self, value, key)
        if value is not None and not (isinstance(value, Leaf) and value.value is None):
            self.note(value.mark, key, f"expected a mapping; {NOT_UNDERSTOOD}")
        return _Source(self, Table({}, {}, Mark(1, 1) if value is None else value.mark), key)


@dataclass
class _Source:
    """A mapping of the original; what is not taken from it is noted in the end."""

    work: _Translation
    table: Table
    key: str
    taken: set[str] = field(default_factory=set)

    def take(self, name: str) -> Value | None:
        """Return the value under `name`, which counts as understood."""
        self.taken.add(name)
        found = self.table.get(name)
        return None if isinstance(found, Leaf) and found.value is None else found

    def path(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def open(self, name: str) -> _Source:
        return self.work.opened(self.take(name), self.path(name))

    def note_rest(self) -> None:
        for name, mark in self.table.marks.items():
            if name not in self.taken:
                self.work.note(mark, self.path(name), NOT_UNDERSTOOD)


def _component(path: str) -> str:
    """Return the component that `core.signals.ma_crossover` or `core/indicators/test_sma.py` names."""
    return re.split(r"[./\\]", path.strip().removesuffix(".py"))[-1]


@dataclass
class _Sections:
    """Moves the sections of `source` into `result`."""

    work: _Translation
    source: _Source
    result: dict[str, Value]
    signals: dict[str, Value] = field(default_factory=dict)
    indicators: dict[str, Value] = field(default_factory=dict)
    separations: dict[str, str] = field(default_factory=dict)

    def components(self) -> None:
        """Make the indicators and signals from dependencies and signal_config."""
        dependencies = self.source.open("dependencies")
        named: dict[str, Mark] = {}
        for kind in ("indicators", "signals"):
            paths = dependencies.take(kind)
            for item in paths.values if isinstance(paths, Items) else ():
                if isinstance(item, Leaf) and kind == "signals":
                    named[_component(item.text)] = item.mark
        dependencies.note_rest()
        config = self.source.open("signal_config")
        for name in dict.fromkeys((*named, *config.table)):
            self.signal(name, config, named.get(name, config.table.marks.get(name, config.table.mark)))
        if self.indicators:
            self.result["indicators"] = table(self.indicators, config.table.mark)
        if self.signals:
            self.result["signals"] = table(self.signals, config.table.mark)

    def signal(self, name: str, config: _Source, mark: Mark) -> None:
        known = _SIGNALS.get(name, {})
        own = config.open(name)
        wires: dict[str, Value] = {"type": leaf("ma_crossover" if known else name, mark)}
        made: list[str] = []
        listed = own.take("required_indicators")
        for i, item in enumerate(listed.values if isinstance(listed, Items) else ()):
            indicator = self.indicator(item, f"{own.path('required_indicators')}[{i}]")
            if indicator:
                wires[known[indicator].wire if indicator in known else indicator] = leaf(indicator, item.mark)
                made.append(indicator)
        for average_name, average in known.items():
            if average.wire in wires:
                continue
            period = own.take(f"{average.wire}_period")
            if period is None:
                told = f"the averages are not given; the original's {average.type} of {average.period} is the {average.wire} one."
                self.work.note(mark, f"signal_config.{name}", told)
            entry = {"type": leaf(average.type, mark), "period": period or leaf(average.period, mark)}
            self.indicators[average_name] = table(entry, mark)
            wires[average.wire] = leaf(average_name, mark)
            made.append(average_name)
        parameters = own.open("parameters")
        for parameter in parameters.table:
            if not known:
                wires[parameter] = parameters.take(parameter) or leaf("", mark)
        separation = parameters.take("min_separation")
        if known and isinstance(separation, Leaf) and len(made) == 2:
            self.separations[name] = f"abs({made[0]} - {made[1]}) / {made[1]} >= {separation.text}"
        parameters.note_rest()
        own.note_rest()
        self.signals[name] = table(wires, mark)

    def indicator(self, value: Value, key: str) -> str:
        """Make one required indicator; return its name, "" when it cannot be read."""
        source = self.work.opened(value, key)
        name, kind = source.take("name"), source.take("type")
        if not isinstance(name, Leaf) or not isinstance(kind, Leaf):
            self.work.note(value.mark, key, f"expected {{name: ..., type: ..., params: ...}}; {NOT_UNDERSTOOD}")
            return ""
        component = _component(kind.text)
        entry: dict[str, Value] = {"type": leaf(_INDICATORS.get(component, component), kind.mark)}
        for section in ("params", "parameters"):
            parameters = source.open(section)
            for parameter in parameters.table:
                given = parameters.take(parameter)
                if given is not None:
                    entry["close" if parameter == "source" else parameter] = given
        source.note_rest()
        label = _WORD.sub("_", name.text)
        self.indicators[label] = table(entry, value.mark)
        return label

    def entry_and_exit(self) -> None:
        """Make the rules of the one side the original trades."""
        entry, leaving, risk = self.source.open("entry"), self.source.open("exit"), self.source.open("risk")
        action = entry.take("action")
        side = _SIDES.get(action.text.lower(), "") if isinstance(action, Leaf) else "long"
        if not side and action is not None:
            self.work.note(action.mark, "entry.action", "was neither buy nor sell; read as buy.")
            side = "long"
        rules: dict[str, Value] = {}
        if (when := entry.take("when")) is not None:
            rules[side] = table({"when": self.conditions(when, "entry.when")}, when.mark)
        self.result["entry"] = table(rules, entry.table.mark)
        self.sizing(entry, risk)
        entry.note_rest()
        exits: dict[str, Value] = {}
        inner = leaving.open("signal_exit")
        for source in (inner, leaving):
            closing = source.take("action")
            if isinstance(closing, Leaf) and closing.text not in ("close_all", "close"):
                self.work.note(closing.mark, source.path("action"), "was neither close_all nor close; read as close.")
            if (when := source.take("when")) is not None:
                exits[side] = table({"when": self.conditions(when, source.path("when"))}, when.mark)
        inner.note_rest()
        for name in ("stop_loss", "take_profit", "trailing_stop"):
            distance = leaving.take(name) or risk.take(name)
            if distance is not None and not (isinstance(distance, Leaf) and distance.value is False):
                exits[name] = _as_fraction(distance)
        if (bars := leaving.take("max_holding_period")) is not None:
            exits["max_holding"] = bars
        leaving.note_rest()
        if exits:
            self.result["exit"] = table(exits, leaving.table.mark)
        self.risk(risk)

    def conditions(self, value: Value, key: str) -> Value:
        """Return a list of signal tests; anything that is not one is passed on as it is."""
        if not isinstance(value, Items):
            return value
        found: list[Value] = []
        for i, item in enumerate(value.values):
            if not isinstance(item, Table) or "signal" not in item:
                found.append(item)
                continue
            source = _Source(self.work, item, f"{key}[{i}]")
            signal = source.take("signal")
            test: dict[str, Value] = {"signal": signal or item}
            outputs = source.open("outputs")
            further: dict[str, Value] = {}
            for name in outputs.table:
                given = outputs.take(name)
                if given is None:
                    continue
                target = "type" if name in _TYPE_OUTPUTS else "strength" if name in _STRENGTH_OUTPUTS else ""
                (test if target else further)[target or name] = given
            if further:
                test["outputs"] = table(further, outputs.table.mark)
            for name in ("type", "strength", "for"):
                if (given := source.take(name)) is not None:
                    test[name] = given
            source.note_rest()
            found.append(table(test, item.mark))
            if isinstance(signal, Leaf) and signal.text in self.separations:
                found.append(leaf(self.separations[signal.text], item.mark))
        return Items(tuple(found), value.mark)

    def sizing(self, entry: _Source, risk: _Source) -> None:
        size = entry.take("size")
        other = risk.take("position_size")
        parameters = self.result.get("parameters")
        if size is None:
            size = other
        elif other is not None:
            self.work.note(other.mark, "risk.position_size", "entry.size is used instead.")
        if size is None and isinstance(parameters, Table) and "position_size" in parameters:
            size = leaf("$position_size", parameters.marks["position_size"])
        if size is None:
            size = leaf("1%", entry.table.mark)
            self.work.note(entry.table.mark, "entry.size", "is not given; the original's 1% of equity is used.")
        self.result["sizing"] = table({"method": leaf("percent", size.mark), "value": size}, size.mark)

    def risk(self, risk: _Source) -> None:
        known = (
            "max_positions",
            "max_drawdown",
            "daily_loss_limit",
            "position_limit",
            "correlation_limit",
            "max_order_notional",
        )
        limits = {name: value for name in known if (value := risk.take(name)) is not None}
        parameters = self.result.get("parameters")
        if "max_positions" not in limits and isinstance(parameters, Table) and "max_positions" in parameters:
            limits["max_positions"] = leaf("$max_positions", parameters.marks["max_positions"])
        risk.note_rest()
        if limits:
            self.result["risk"] = table(limits, risk.table.mark)

    def rest(self) -> None:
        """Move filters, execution, backtest and live; what else there is will be noted."""
        filters, execution = self.source.open("filters"), self.source.open("execution")
        test, live = self.source.open("backtest"), self.source.open("live")
        self.filters(filters)
        sent: dict[str, Value] = {}
        if (order := execution.take("order_type")) is not None:
            sent["order"] = order
        for name in ("slippage", "commission", "spread"):
            if (value := execution.take(name)) is not None:
                sent[name] = value
        if (value := test.take("commission")) is not None:
            sent.setdefault("commission", value)
        execution.note_rest()
        if sent:
            self.result["execution"] = table(sent, execution.table.mark)
        renamed = {"start_date": "start", "end_date": "end", "initial_capital": "cash", "currency": "currency"}
        dates = {new: value for old, new in renamed.items() if (value := test.take(old)) is not None}
        if dates:
            self.result["backtest"] = table(dates, test.table.mark)
        if (bars := test.take("data_frequency")) is not None and "market" not in self.result:
            self.result["market"] = table({"timeframe": bars}, bars.mark)
        if (space := test.take("optimization")) is not None:
            self.result.setdefault("optimize", space)
        test.note_rest()
        self.live(live)

    def filters(self, filters: _Source) -> None:
        found: dict[str, Value] = {}
        hours = filters.take("trading_hours")
        if isinstance(hours, Leaf) and _WHOLE_DAY.fullmatch(hours.text.strip()) is None:
            found["hours"] = leaf(f"{hours.text.strip()} UTC", hours.mark)
            self.work.note(hours.mark, "filters.trading_hours", "names no time zone; read as UTC.")
        if (days := filters.take("trading_days")) is not None:
            found["days"] = days
        spread = filters.take("max_spread_bps")
        if isinstance(spread, Leaf) and isinstance(spread.value, (int, float)):
            found["max_spread"] = leaf(f"{spread.value / 100:.10g}%", spread.mark)
        elif spread is not None:
            self.work.note(spread.mark, "filters.max_spread_bps", f"expected a number; {NOT_UNDERSTOOD}")
        if (volume := filters.take("min_volume")) is not None:
            found["min_volume"] = volume
        filters.note_rest()
        if found:
            self.result["filters"] = table(found, filters.table.mark)

    def live(self, live: _Source) -> None:
        paper, enabled = live.take("paper_trade"), live.take("enabled")
        is_live = (
            isinstance(enabled, Leaf) and enabled.value is True and isinstance(paper, Leaf) and paper.value is False
        )
        found: dict[str, Value] = {}
        if live.table.values:
            found["mode"] = leaf("live" if is_live else "paper", live.table.mark)
        for name in ("broker", "account"):
            if (value := live.take(name)) is not None:
                found[name] = value
        live.note_rest()
        if found:
            self.result["live"] = table(found, live.table.mark)


def _as_fraction(value: Value) -> Value:
    """Return a bare number of the original, which is a fraction, as a percentage distance."""
    is_text = isinstance(value, Leaf) and isinstance(value.value, str) and not value.text.startswith("$")
    if isinstance(value, Table) or is_text:
        return value
    return table({"type": leaf("percentage", value.mark), "value": value}, value.mark)
