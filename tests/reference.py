"""The second engine: the rules of a bar in plain Python and decimals, slow and obvious, sharing no code with the first.

`reference` runs rows of bars and signals and answers a `RefResult`. Where the rules leave room, the choice is said beside
the line. Its parts: `reference_data` (plain input and output), `reference_book`, `reference_protection`, `reference_match`,
`reference_limits`, and marking, risk and decisions here.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from decimal import Decimal, localcontext

from tests.reference_book import ONE, ZERO, Entry, Exit, exact, snap
from tests.reference_data import RefBar, RefCase, RefDecision, RefInstrument, RefOrder, RefResult, RefRules, RefSignals
from tests.reference_limits import Limits

_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Engine(Limits):
    """One run: a fold of the verbs, each over all instruments before the next."""

    def mark(self) -> None:
        for k, position in enumerate(self.positions):
            bar = self.bar(k)
            if not bar.has_bar:
                continue
            self.last_mark[k] = (exact(bar.bid[3]), exact(bar.ask[3]))
            if position is None:
                continue
            d, prices = position.direction, self.side(k, -position.direction)
            only_close = position.inside and position.entry_t == self.t
            better, worse = (prices.close, prices.close) if only_close else (prices.far(d), prices.far(-d))
            self.excursion(position, better, worse)
            position.best = max(position.best, better) if d > 0 else min(position.best, better)
            position.held += 1

    def value(self) -> None:
        """Equity, margins, peak of the row."""
        self.equity = self.balance
        for k, position in enumerate(self.positions):
            self.margins[k] = self.notionals[k] = ZERO
            if position is not None:
                price = self.mark_of(k, position)
                self.worth[k] = self.unrealised(k, position, price)
                self.equity += self.worth[k]
                self.notionals[k] = position.quantity * price * self.rate(k, price)
                self.margins[k] = self.notionals[k] * self.margin_rate[k]
        self.peak = max(self.peak, self.equity)

    def call_margin(self) -> None:
        if self.equity <= 0:
            self.ended = True
            self.stop_everything("margin_call")
            return
        if self.equity >= sum(self.margins) / 2:
            return
        # Those that close anyway do not count; largest first, the strategy's order where they are equal.
        stays = [k for k, p in enumerate(self.positions) if p is not None and self.exits[k] is None]
        staying = sum(self.margins[k] for k in stays)
        for k in sorted(stays, key=lambda k: -self.margins[k]):
            if self.equity >= staying / 2:
                break
            self.order_exit(k, "margin_call")
            staying -= self.margins[k]

    def close_all_at_end(self) -> None:
        for k, position in enumerate(self.positions):
            if position is not None:
                self.close(k, Exit(self.mark_of(k, position), False, "end"))

    def watch(self, equity_before: Decimal, new_session: bool) -> None:
        rules = self.rules
        if new_session:
            self.baseline, self.day_halted = equity_before, False
        if self.ended:
            return
        drawdown = ONE - self.equity / self.peak
        if rules.max_drawdown is not None and drawdown >= exact(rules.max_drawdown):
            self.halted = True
            self.stop_everything("risk_halt")
        limit = rules.daily_loss_limit
        if limit is not None and ONE - self.equity / self.baseline >= exact(limit):
            self.day_halted = True
            self.stop_everything("daily_loss")

    def stop_everything(self, reason: str) -> None:
        for k in range(len(self.instruments)):
            if self.entries[k] is not None:
                self.end_entry(k, "cancelled", reason)
            if self.positions[k] is not None:
                self.order_exit(k, reason)

    def order_exit(self, k: int, reason: str) -> bool:
        """Order the close of a position at the next open, unless one is ordered already; its first reason stays."""
        if self.exits[k] is not None:
            return False
        position = self.positions[k]
        symbol = self.instruments[k].symbol
        order = RefOrder(self.t, symbol, -position.direction, position.quantity, "market", "exit", reason=reason)
        self.out.orders.append(order)
        self.exits[k] = order
        return True

    def decide(self) -> None:
        here = [k for k in range(len(self.instruments)) if self.bar(k).has_bar]
        flattened = {
            k: "" if (order := self.exits[k]) is None else order.reason for k in here
        }  # by a limit, on this row
        ordered_exits = {k: self.decide_exit(k) or flattened[k] for k in here}
        wanted: list[tuple[int, str, int]] = []
        for k in here:
            signals = self.case.signals[self.t][k]
            if signals.enter_long and signals.enter_short:
                self.conclude(k, "both", "refused", "both_sides", ordered_exits[k])
            elif signals.enter_long or signals.enter_short:
                side = 1 if signals.enter_long else -1
                action, ignored = self.entry_action(k, side, flattened=bool(flattened[k]))
                if ignored:
                    self.conclude(k, action, "ignored", ignored, ordered_exits[k])
                else:
                    wanted.append((k, action, side))
            elif ordered_exits[k]:
                self.conclude(k, "exit", "ordered", ordered_exits[k], "")
        wanted.sort(key=lambda w: -exact(self.case.signals[self.t][w[0]].strength))  # stable: then the strategy's order
        for k, action, side in wanted:
            self.decide_entry(k, action, side, ordered_exits[k])
        for k in here:
            since = self.bars_since_loss[k]
            if since is not None:
                self.bars_since_loss[k] = since + 1

    def conclude(self, k: int, action: str, outcome: str, reason: str, exit_: str, cap: str = "") -> None:
        """Write the decision; where an exit is ordered and no entry, it is the exit's, and why there is no entry is its cap."""
        if exit_ and outcome != "ordered":
            action, outcome, reason, cap = "exit", "ordered", exit_, reason
        self.out.decisions.append(RefDecision(self.t, self.instruments[k].symbol, action, outcome, reason, cap))

    def leaves(self, k: int) -> bool:
        """Whether an exit rule of the held side is true: its signal, or a term that looks at the position."""
        signals, position = self.case.signals[self.t][k], self.positions[k]
        if signals.leave_long if position.direction > 0 else signals.leave_short:
            return True
        found = {
            "bars": Decimal(position.held),
            "pnl": (self.mark_of(k, position) - position.average) * position.direction,
            "mfe": position.mfe,
            "mae": position.mae,
            "entry_price": position.average,
        }
        terms: list[bool] = []
        for comparison, level in zip(self.rules.terms, signals.levels, strict=True):
            if comparison.first:
                terms.append(signals.term_truth and comparison.side == position.direction)
            left, right = found[comparison.field], Decimal(level)
            terms[-1] &= not right.is_nan() and _SIGNS[comparison.sign](left, right)
        return any(terms)

    def decide_exit(self, k: int) -> str:
        """Order the exit that the rules ask for; the reason, or empty."""
        signals, position, entry = self.case.signals[self.t][k], self.positions[k], self.entries[k]
        if entry is not None and (signals.leave_long if entry.order.side > 0 else signals.leave_short):
            self.end_entry(k, "cancelled", "exit")
        if position is None:
            return ""
        reason = ""
        if self.leaves(k):
            reason = "signal"
        elif self.rules.max_holding and position.held >= self.rules.max_holding:
            reason = "max_holding"
        return reason if reason and self.order_exit(k, reason) else ""

    def entry_action(self, k: int, side: int, *, flattened: bool) -> tuple[str, str]:
        """What an entry of `side` would be, and why it is ignored (empty: it is not)."""
        word, position, entry = ("long" if side > 0 else "short"), self.positions[k], self.entries[k]
        action = f"enter_{word}"
        if position is not None and position.direction == side:
            action = f"add_{word}"
            # to what is being closed nothing is added
            if self.exits[k] is not None or position.adds >= self.rules.pyramiding:
                return action, "in_position"
        elif position is not None:
            action = f"reverse_{word}"
            if flattened or not (self.rules.reverse or self.leaves(k)):
                return action, "against_position"
        if entry is not None and entry.order.side == side:
            return action, "working_entry"
        return action, ""

    def decide_entry(self, k: int, action: str, side: int, exit_: str) -> None:
        signals = self.case.signals[self.t][k]
        reason, cap, quantity = self.refusal(k, side, signals), "", None
        price = self.side(k, side).close
        if not reason:
            quantity, cap = self.size(k, side, price, signals, reversing=action.startswith("reverse"))
            if quantity is None:
                reason = "size_unknown"
            elif quantity < exact(self.instruments[k].min_quantity):
                reason = "below_minimum"
        if reason:
            self.conclude(k, action, "refused", reason, exit_, cap)
            return
        if self.entries[k] is not None:
            self.end_entry(k, "replaced", "replaced")
        if action.startswith("reverse"):
            self.order_exit(k, "signal")
        kind, step = self.rules.kind_of(side), self.step[k]
        first, second = (None, None)
        if kind != "market":
            first = exact(signals.order_price[0 if side > 0 else 1])
        if kind == "stop_limit":
            second = exact(signals.limit_price[0 if side > 0 else 1])
        stop, limit = (None, first) if kind == "limit" else (first, second)
        order = RefOrder(
            self.t,
            self.instruments[k].symbol,
            side,
            quantity,
            kind,
            "entry",
            stop_price=None if stop is None else snap(stop, step, up=side > 0),
            limit_price=None if limit is None else snap(limit, step, up=side < 0),
            reason="entry",
        )
        self.out.orders.append(order)
        notional = quantity * price * self.rate(k, price)
        self.entries[k] = Entry(order, signals, notional, notional * self.margin_rate[k], action.startswith("add"))
        self.conclude(k, action, "ordered", "entry", exit_, cap)

    def run(self) -> RefResult:
        rows, out = len(self.case.bars), self.out
        for self.t in range(rows):
            self.learn_rates("open")
            self.finance()
            self.match_exits()
            self.match_entries()
            self.learn_rates("close")
            equity_before = self.equity
            self.mark()
            self.value()
            self.call_margin()
            labels = [self.bar(0, t).session_label for t in (max(self.t - 1, 0), self.t)]
            self.watch(equity_before, labels[0] != labels[1])
            self.decide()
            if self.t == rows - 1 and self.rules.close_at_end:
                self.close_all_at_end()
                self.value()
            for k in range(len(self.instruments)):
                if self.bar(k).has_bar:
                    self.last_bar[k] = self.t
            out.equity.append(self.equity)
            out.cash.append(self.balance)
            out.margin.append(sum(self.margins, ZERO))
            out.drawdown.append(ONE - self.equity / self.peak)
        order = [i.symbol for i in self.instruments]
        out.decisions.sort(key=lambda d: (d.t, order.index(d.symbol)))
        out.positions = [ZERO if p is None else p.direction * p.quantity for p in self.positions]
        return out


def run_case(case: RefCase) -> RefResult:
    """Run one case at 50 digits."""
    with localcontext() as context:
        context.prec = 50
        return Engine(case).run()


def reference(
    instruments: Sequence[RefInstrument],
    bars: Sequence[Sequence[RefBar]],
    signals: Sequence[Sequence[RefSignals]],
    rules: RefRules,
    cash: float,
) -> RefResult:
    """Run the rules over rows of `bars` and `signals`, indexed [row][instrument]."""
    return run_case(RefCase(instruments, bars, signals, rules, cash))
