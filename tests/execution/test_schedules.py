"""Random broker schedules: whatever goes wrong on the way, position, cash, open orders and ids agree with a slow ledger.

Three hundred seeds here; all ten thousand with SPTRADER_FAULTS=1.
"""

from __future__ import annotations

import os
from decimal import Decimal
from fractions import Fraction
from random import Random

import msgspec
import pytest

from sptrader.execution.engine import Engine
from sptrader.execution.faults import Faults
from sptrader.execution.lifecycle import Anomaly
from sptrader.execution.paper import PaperBroker
from sptrader.execution.record import Outcome, Record
from sptrader.execution.valuation import Costs
from sptrader.model.orders import Fill, Instruction, Matched, Order, OrderUpdate, Report
from tests.execution.desk import HOUR_NS, INSTRUMENTS, START_NS, Desk, amend, cancel, desk, order
from tests.execution.ledger import Ledger

N_SCHEDULES = 10_000 if os.environ.get("SPTRADER_FAULTS") else 300
N_CHUNKS = 20
CASH = 100_000
COSTS = Costs(fee_fraction=Decimal("0.00002"), fee_minimum=Decimal("0.5"), slippage_steps=Decimal(2))


class Strict(PaperBroker):
    """A broker that promises nothing about ids: an order that it has must never be sent again."""

    remembers_ids = False

    def submit(self, order: Order) -> None:
        assert self.find_order(order.client_order_id) is None, "an order was sent twice"
        super().submit(order)


class Schedule:
    """One seeded run: random quotes, instructions and faults, with a crash now and then; and what was told of it."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.faults = Faults(
            seed=seed,
            latency_bars=random.choice((0, 0, 1, 2)),
            reject_rate=random.choice((0.0, 0.1)),
            partial_rate=random.choice((0.0, 0.5)),
            partial_fraction=random.choice((0.3, 0.5, 0.9)),
            lost_rate=random.choice((0.0, 0.2)),
            lost_arrives_rate=random.choice((0.0, 0.5, 1.0)),
            duplicate_rate=random.choice((0.0, 0.3)),
            delay_rate=random.choice((0.0, 0.3)),
            delay_bars=random.choice((1, 2, 3)),
        )
        self.desk: Desk = desk(self.faults, cash=CASH, costs=COSTS)
        if random.random() < 0.5:
            self.desk.broker = Strict(self.desk.venue, instruments=INSTRUMENTS, faults=self.faults)
        self.journal: dict[str, Record] = {}
        self.engine = Engine(self.desk.broker, clock=self.desk.clock)
        self.sent: list[Order] = []
        self.told: list[Report] = []
        self.odd: list[Anomaly] = []
        self.mid = {"EURUSD": 110_000, "USDJPY": 110_000}
        self.matched: list[int] = []

    def keep(self, outcome: Outcome) -> Outcome:
        """Journal as a caller does: records in bytes, reports and oddities."""
        for record in outcome.changed:
            self.journal[record.client_order_id] = msgspec.json.decode(msgspec.json.encode(record), type=Record)
        self.matched += [one.time_ns for one in outcome.reports if isinstance(one, Matched)]
        self.told += [one for one in outcome.reports if not isinstance(one, Matched)]
        self.odd += [oddity.anomaly for oddity in outcome.oddities]
        for oddity in outcome.oddities:  # one id never stands for two reports
            assert not (isinstance(oddity.message, Fill | OrderUpdate) and oddity.anomaly is Anomaly.CONFLICT)
        return outcome

    def give(self, instruction: Instruction) -> None:
        outcome = self.keep(self.engine.take(instruction))
        if self.random.random() < 0.05:
            self.crash(is_sent=self.random.random() < 0.5, outcome=outcome)
        else:
            self.keep(self.engine.send(outcome.to_send))

    def crash(self, *, is_sent: bool, outcome: Outcome) -> None:
        """End between the journal and the broker's answer: the order went out, or did not; nobody knows."""
        if is_sent:
            self.engine.send(outcome.to_send)  # what comes of it is lost with the process
        self.engine = Engine(self.desk.broker, clock=self.desk.clock, records=self.journal.values())
        self.keep(self.engine.recover())

    def settle(self) -> None:
        self.keep(self.engine.send(self.keep(self.engine.settle()).to_send))

    def bar(self) -> None:
        symbol = self.random.choice(("EURUSD", "EURUSD", "USDJPY"))
        self.mid[symbol] += self.random.randint(-60, 60)
        step = 100_000 if symbol == "EURUSD" else 1_000
        bid, ask = self.mid[symbol] - self.random.randint(0, 5), self.mid[symbol] + self.random.randint(0, 5)
        self.desk.quote(symbol, bid / step, ask / step)

    def step(self) -> None:
        random = self.random
        choice = random.random()
        if choice < 0.45:
            self.bar()
            if random.random() < 0.8:
                self.keep(self.engine.poll())
        elif choice < 0.75:
            self.give(self.new_order())
        elif choice < 0.80 and self.sent:
            self.give(random.choice(self.sent))  # the same message again
        elif choice < 0.88 and self.engine.records:
            working = [key for key, one in self.engine.records.items() if not one.life.status.is_final]
            record = self.engine.records[random.choice(sorted(working or self.engine.records))]
            self.give(cancel(record.client_order_id, record.symbol))
        elif choice < 0.92 and self.sent:
            one = random.choice(self.sent)
            self.give(amend(one.client_order_id, one.symbol, quantity=random.randint(1, 30) * 1000))
        else:
            self.keep(self.engine.poll())
            self.settle()

    def new_order(self) -> Order:
        random = self.random
        symbol = random.choice(("EURUSD", "EURUSD", "USDJPY"))
        step = Decimal("0.00001") if symbol == "EURUSD" else Decimal("0.001")
        kind = random.choice(("market", "market", "limit", "stop", "stop_limit"))
        side = random.choice(("buy", "sell"))
        near = [(self.mid[symbol] + random.randint(-40, 40)) * step for _ in range(2)]
        distance = float(step) * random.randint(5, 80)
        held = self.desk.venue.state.holdings.quantity(symbol)
        is_exit = random.random() < (0.4 if held else 0.05)
        if is_exit and held and random.random() < 0.9:
            side = "sell" if held > 0 else "buy"
        new = order(
            f"o{len(self.sent)}",
            side,
            random.randint(1, 30) * 1000,
            symbol=symbol,
            type=kind,
            limit_price=near[0] if kind in ("limit", "stop_limit") else None,
            stop_price=near[1] if kind in ("stop", "stop_limit") else None,
            leg="exit" if is_exit else "entry",
            time_in_force=random.choice(("gtc", "gtc", "ioc", "day")),
            expires_bars=None if is_exit else random.choice((None, 1, 3)),
            created_at=START_NS + self.desk.n_bars * HOUR_NS,
            bracket=None
            if is_exit
            else random.choice(
                (
                    {},
                    {"stop_distance": distance, "target_distance": 2 * distance},
                    {"stop_fraction": 0.0005, "trail_distance": distance},
                )
            ),
        )
        self.sent.append(new)
        return new

    def run(self) -> None:
        for _ in range(40):
            self.step()
        for n in range(20):  # a few bars more, then bars without a quote, until all that was on its way has come
            if n < 8:
                self.bar()
            else:
                self.desk.pass_bar()
            self.keep(self.engine.poll())
            self.settle()


def check(schedule: Schedule) -> None:
    broker, engine = schedule.desk.broker, schedule.engine
    history = broker.fills(since_ns=0)
    ledger = Ledger({one.client_order_id: Fraction(one.quantity) for one in schedule.sent})
    for record in engine.records.values():
        if record.order is not None:
            ledger.quantities[record.client_order_id] = Fraction(record.order.quantity)  # as clamped to the position
    ledger.read(schedule.told)

    assert {fill.fill_id for fill in history} == set(ledger.fills)
    assert len({fill.fill_id for fill in history}) == len(history)
    assert ledger.positions() == {p.symbol: Fraction(p.quantity) for p in broker.positions()}
    assert ledger.cash(CASH, history) == pytest.approx(broker.account_state().balance, abs=1e-6)
    open_ids = {one.client_order_id for one in broker.open_orders()}
    assert open_ids == {key for key in engine.records if ledger.is_open(key)}
    for order_id, record in engine.records.items():
        found = broker.find_order(order_id)
        assert Fraction(record.life.filled) == ledger.filled(order_id)
        if record.stage == "new":
            assert found is None
            assert record.life.status.value == "rejected"
        else:
            assert found is not None
            assert (record.life.status, record.life.filled) == (found.status, found.filled)
    assert set(engine.records) == {one.client_order_id for one in schedule.sent} | ledger.made
    assert engine.unknown() == ()
    assert schedule.matched == sorted(set(schedule.matched))
    assert engine.records == schedule.journal  # what was journalled is all there is
    exits(history)


def exits(history: list[Fill]) -> None:
    """An exit, a stop or a target lowers the position and never turns it."""
    held: dict[str, Decimal] = {}
    for fill in history:
        before = held.get(fill.symbol, Decimal(0))
        after = held[fill.symbol] = before + (fill.quantity if fill.side == "buy" else -fill.quantity)
        assert fill.is_closing == (fill.leg != "entry")
        if fill.leg != "entry":
            assert abs(after) < abs(before)
            assert after * before >= 0


@pytest.mark.parametrize("chunk", range(N_CHUNKS))
def test_random_schedules_agree_with_the_slow_ledger(chunk):
    for seed in range(chunk, N_SCHEDULES, N_CHUNKS):
        schedule = Schedule(seed)
        schedule.run()
        try:
            check(schedule)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {schedule.faults}: {error}") from error


def test_the_schedules_meet_what_they_are_about():
    odd: set[Anomaly] = set()
    reasons: set[str] = set()
    legs: set[str] = set()
    for seed in range(100):
        schedule = Schedule(seed)
        schedule.run()
        odd |= set(schedule.odd)
        for report in schedule.told:
            if isinstance(report, Fill):
                legs.add(report.leg)
            elif not isinstance(report, Matched):
                reasons.add(report.reason)

    assert {Anomaly.DUPLICATE, Anomaly.AFTER_END, Anomaly.LATE} <= odd
    assert Anomaly.UNKNOWN_ORDER not in odd
    assert legs == {"entry", "exit", "stop", "target", "trail"}
    assert {
        "timeout",
        "crashed_while_sending",
        "sent_again",
        "rejected_by_venue",
        "oco",
        "replaced",
        "no_position",
        "cancelled_by_exit",
        "expired",
        "amended",
        "manual",
    } <= reasons
