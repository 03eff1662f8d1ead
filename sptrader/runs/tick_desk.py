"""Tick desk: paper execution at the next quotes, instead of on closed bars; all else is the execution desk's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from sptrader.errors import RunError, StreamError
from sptrader.execution.faults import Faults
from sptrader.execution.paper import PaperBroker
from sptrader.execution.quotes import QuoteVenue
from sptrader.execution.safety import Market
from sptrader.execution.valuation import Costs, LastBar
from sptrader.model.grid import bar_span
from sptrader.model.instrument import Instrument
from sptrader.model.ports import Entry, Streams
from sptrader.model.session import most_idle_ns
from sptrader.model.timeframe import make_timeframe
from sptrader.runs.execution_desk import ExecutionDesk
from sptrader.runs.financing import NightsBetween
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.order_limits import OrderLimits
from sptrader.runs.ticks_to_meet import TicksToMeet
from sptrader.strategy.plan import Plan
from sptrader.streams.journal import Step

QUOTES = "quotes"  # the journal's own note: which quotes were met
MOST = 512  # quotes met in one step
_Runs = list[tuple[str, int]]


class TickDesk(ExecutionDesk):
    """Paper execution of one account on quotes: an instruction works from the next quote on, and what rests is met between
    bars. A fill is told when it happens, with its quote's time; `Matched` when all quotes before its bar's end were met.

    The quotes after a bar are met once the orchestrator has decided on it, so that what it decides meets the first of them:
    that is how a session repeats itself. Slippage comes on top of the quotes' own spread, see `quote_costs`.
    Where other pairs convert, they do so at their last quotes, and the fill tells it. Nights are charged at the first quote after
    the session's end, and told: the session books them as they are.
    """

    fills = "quotes"

    def __init__(
        self,
        streams: Streams,
        live: LiveSetting,
        folder: Path,
        *,
        faults: Faults | None = None,
        limits: OrderLimits | None = None,
    ) -> None:
        self.ticks = TicksToMeet(streams, live.setting.facts, start_ns=live.setting.start_ns)
        self._timeframe = make_timeframe(live.plan.timeframe)
        super().__init__(streams, live, folder, faults=faults, limits=limits)

    @property
    def counters(self) -> dict[str, int]:
        """What it has counted."""
        return {**super().counters, **self.ticks.counters}

    def _hear(self) -> bool:
        return self.ticks.take(self._take_bars)

    def _take_bars(self) -> int | None:
        self.bars.take(0)
        time_ns = self.bars.next_ns()
        return None if time_ns is None else self._end_ns(time_ns)

    def _end_ns(self, time_ns: int) -> int:
        session = self._live.setting.facts[self._live.plan.symbols[0]].session
        return bar_span(time_ns, self._timeframe, session).end_ns

    def _before_ns(self) -> float:
        """The end of the next bars that are to be met; for ever where none are known: no bar has ended then."""
        time_ns = self.bars.next_ns()
        return float("inf") if time_ns is None else self._end_ns(time_ns)

    def _may_meet(self) -> bool:
        before_ns = self._before_ns()
        if not self._has_been_decided():
            return False
        return self.ticks.has_due(before_ns) or self.ticks.until_ns >= before_ns - 1

    def _meet(self, step: Step) -> bool:
        """Let the orders meet what they may: quotes until the next bars end, then their end."""
        is_busy = False
        while self._may_meet():
            runs = self.ticks.due(self._before_ns(), MOST)
            if runs:
                step.add_input(Entry(QUOTES, str(self._clock.now_ns()), {QUOTES: msgspec.json.encode(runs)}))
                self._meet_quotes(runs, step)
            else:
                step.add_input(Entry("met", str(self.bars.next_ns()), {"met": b""}))
                self._meet_next(step)
            is_busy = True
        return is_busy

    def _again(self, entry: Entry, step: Step) -> None:
        if entry.stream == QUOTES:
            self._meet_quotes(msgspec.json.decode(entry.fields[QUOTES], type=_Runs), step)
        else:
            super()._again(entry, step)

    def _meet_quotes(self, runs: _Runs, step: Step) -> None:
        desk, broker = self._opened(0)
        for symbol, n in runs:
            for _ in range(n):
                tick = self.ticks.pop(symbol)
                self._clock.advance_to(tick.time_ns)
                self._quotes.add_quote(symbol, bid=tick.bid, ask=tick.ask, time_ns=tick.time_ns)
                broker.meet(tick.time_ns, is_closed=False)
                self._tell(desk.passed(), step)

    def _meet_next(self, step: Step) -> None:
        """Say that the bars' quotes were met, all before their end."""
        time_ns = self.bars.require_next_ns()
        desk, broker = self._opened(time_ns)
        self._clock.advance_to(self._end_ns(time_ns))
        self.bars.met()
        for symbol in self._live.plan.symbols:
            has_bar = self.bars.seen_ns(symbol) == time_ns + self.bars.timeframe_ns
            if has_bar:
                self._quotes.add_bar(symbol, self._bar(symbol, time_ns))
            if has_bar and self.ticks.last_ns.get(symbol, -1) < time_ns:
                raise StreamError(
                    f"there is a bar of {symbol} and no quote of it; publish ticks (`sptrader feed FILE --ticks`), or fill on bars "
                    "(--fills bars).",
                    key="ticks",
                    value=symbol,
                )
        broker.meet(time_ns)
        self._tell(desk.passed(), step)

    def _bar(self, symbol: str, time_ns: int) -> LastBar:
        market, t = self.bars.arrays(time_ns) or (None, 0)
        if market is None:
            raise RunError(f"the bar of {symbol} at {time_ns} is not there.", key="bars", is_failure=True)
        i = self._live.plan.symbols.index(symbol)
        _, bid_high, bid_low, _, _, ask_high, ask_low, _ = (_exact(value) for value in market.price[i, t])
        volume = float(market.volume[i, t])
        return LastBar(bid_high - bid_low, ask_high - ask_low, _exact(volume) if volume > 0.0 else None)

    def _make_broker(self, time_ns: int, traded: dict[str, Instrument]) -> PaperBroker:
        setting = self._live.setting
        self._quotes = QuoteVenue(
            setting.account,
            setting.currency,
            cash=Decimal(repr(setting.cash)),
            instruments=traded,
            costs={symbol: quote_costs(setting.plan, known) for symbol, known in traded.items()},
            pairs=setting.instruments,
            nights=None if setting.nights is None else NightsBetween(setting.nights, traded),
            idle_ns=most_idle_ns(self._timeframe.ns),
        )
        return PaperBroker(self._quotes, instruments=traded, faults=self._terms.faults, shelf=self._shelf)

    def _last_price(self, symbol: str) -> Market | None:
        quote = self._quotes.state.quotes.get(symbol)
        if quote is None:
            return None
        price = (quote.bid + quote.ask) / 2
        rate = self._quotes.terms.rate(symbol, price)
        return Market(price=float(price), time_ns=quote.time_ns, rate=float("nan") if rate is None else float(rate))


def quote_costs(plan: Plan, known: Instrument) -> Costs:
    """Return a plan's costs as a venue of quotes charges them for an instrument.

    The spread is the quotes' own. Slippage comes on top of it: a fixed one as it is; a share of the range or an impact of
    the volume by the last complete bar, for the bar of the fill is still open.
    """
    slippage, fees = plan.execution.slippage, plan.execution.commission
    value = _exact(slippage.value)
    unit = {"price": Decimal(1), "pips": Decimal(str(known.pip))}.get(slippage.kind, Decimal(0))
    return Costs(
        fee_fraction=_exact(fees.fraction),
        fee_per_lot=_exact(fees.per_lot),
        fee_minimum=_exact(fees.minimum),
        slippage_steps=value * unit / known.price_step,
        slippage_range=value if slippage.kind == "range_fraction" else Decimal(0),
        slippage_impact=value if slippage.kind == "volume_share" else Decimal(0),
    )


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
