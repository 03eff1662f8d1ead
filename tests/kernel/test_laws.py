"""Laws of the books: they balance, a fill never flips a position, costs only cost, every limit binds, nan never passes one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from tests.generators import cases
from tests.golden_form import ACME, EURGBP, LEAVE, LONG, SHORT, bar, flat, one
from tests.golden_limits import EUR_USD, THIN, asking, several
from tests.kernel.adapter import arrays, run_arrays
from tests.kernel.answers import answer, kernel_answer
from tests.reference_data import NAN, RefCase, RefResult, RefRules, RefSignals

some = settings(
    max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@some
@given(cases())
def test_balance_and_equity_follow_from_the_fills_alone(case: RefCase) -> None:
    unfinanced = [[replace(b, finance_long=0.0, finance_short=0.0) for b in row] for row in case.bars]
    case = replace(case, bars=unfinanced, rules=replace(case.rules, close_at_end=False))
    given_ = arrays(case)
    books = run_arrays(given_)
    n, rows = given_.market.flags.shape
    held, average, marks = np.zeros(n), np.zeros(n), np.zeros(n)
    cash, at = case.cash, 0
    kinds = [i.conversion for i in case.instruments]
    for t in range(rows):
        while at < books.counts[m.N_FILLS] and books.fills[at, m.F_BAR] == t:
            row = books.fills[at]
            i, quantity, price = int(row[m.F_INSTRUMENT]), row[m.F_QUANTITY], row[m.F_PRICE]
            assert (held[i], row[m.F_HELD_QUANTITY]) == (row[m.F_HELD_QUANTITY], held[i])
            if held[i] * quantity < 0.0:
                cash += (price - average[i]) * held[i] * row[m.F_RATE]
            else:
                average[i] = (average[i] * held[i] + price * quantity) / (held[i] + quantity)
            held[i] += quantity
            cash -= row[m.F_FEE]
            at += 1
        equity = cash
        for i in range(n):
            if given_.market.flags[i, t] & k.HAS_BAR:
                marks[i] = given_.market.price[i, t, 3 if held[i] > 0.0 else 7]
            if held[i] != 0.0:
                rate = {"quote": 1.0, "base": 1.0 / marks[i], "pair": given_.market.rate[i, t, 1]}[kinds[i]]
                equity += (marks[i] - average[i]) * held[i] * rate
        assert books.cash[t] == pytest.approx(cash, rel=1e-12)
        assert books.equity[t] == pytest.approx(equity, rel=1e-12)
    assert held.tolist() == [given_.state[k.block(i, 1) + k.QUANTITY] for i in range(n)]


@some
@given(cases())
def test_a_fill_opens_adds_or_closes_all_and_never_flips(case: RefCase) -> None:
    held: dict[str, float] = {}
    for fill in kernel_answer(case).fills:
        before, quantity = held.get(fill.symbol, 0.0), float(fill.quantity)
        if fill.reason == "entry":
            assert before == 0.0
        elif fill.reason == "add":
            assert before * quantity > 0.0
        else:
            assert before == -quantity
        held[fill.symbol] = before + quantity


@some
@given(cases())
def test_net_pnl_of_the_trades_is_the_change_of_the_account(case: RefCase) -> None:
    found = kernel_answer(replace(case, rules=replace(case.rules, close_at_end=True)))
    change = float(found.equity[-1]) - case.cash
    assert change == pytest.approx(float(sum(t.pnl for t in found.trades)), abs=1e-7)
    assert found.cash[-1] == found.equity[-1]
    assert not any(found.positions)


@some
@given(cases())
def test_gross_at_mid_less_each_cost_is_net(case: RefCase) -> None:
    given_ = arrays(case)
    books = run_arrays(given_, at_end=case.rules.close_at_end)
    found = answer(case, books, given_.state)
    gross = []
    at_mid: dict[float, float] = {}  # signed quantity x mid of what is held
    for row in books.fills:
        i, quantity = row[m.F_INSTRUMENT], row[m.F_QUANTITY]
        worth = quantity * (row[m.F_RAW] - math.copysign(row[m.F_HALF], quantity))
        if row[m.F_HELD_QUANTITY] * quantity < 0.0:
            gross.append(-(at_mid.pop(i) + worth) * row[m.F_RATE])
        else:
            at_mid[i] = at_mid.get(i, 0.0) + worth
    for trade, expected in zip(found.trades, gross, strict=True):
        costs = trade.spread_cost + trade.slippage_cost + trade.fees - trade.financing
        assert float(trade.pnl + costs) == pytest.approx(expected, abs=1e-6)
        assert min(trade.spread_cost, trade.slippage_cost, trade.fees, trade.mae, trade.mfe) >= 0
        lost = (trade.entry_price - trade.exit_price) * (1 if trade.side == "long" else -1)
        assert float(trade.mae) >= float(lost) - 1e-12


def fills_told(found: RefResult) -> list[tuple[object, ...]]:
    return [(f.t, f.symbol, f.quantity, f.reason) for f in found.fills]


@some
@given(cases())
def test_doubled_costs_never_raise_the_pnl_of_the_same_fills(case: RefCase) -> None:
    # Market orders of fixed size, left on signals, with no limit: costs change prices and money, never what is done.
    rules = RefRules(
        timeframe_ns=case.rules.timeframe_ns,
        size_value=3000.0,
        slippage_steps=1.0,
        slippage_range=0.07,
        slippage_impact=0.003,
        fee_fraction=0.00002,
        fee_per_lot=3.5,
        fee_minimum=0.13,
        close_at_end=True,
    )
    doubled = ("slippage_steps", "slippage_range", "slippage_impact", "fee_fraction", "fee_per_lot", "fee_minimum")
    found = kernel_answer(replace(case, rules=rules, cash=1e9))
    for names in (*((name,) for name in doubled), doubled):
        dearer = replace(rules, **{name: 2.0 * getattr(rules, name) for name in names})
        other = kernel_answer(replace(case, rules=dearer, cash=1e9))
        assert fills_told(other) == fills_told(found)
        for theirs, ours in zip(other.trades, found.trades, strict=True):
            assert theirs.pnl <= ours.pnl


_UP, _DOWN = flat(101.0), flat(96.0)
_STAY = [flat(100.0)] * 5
_TWICE = {0: LONG, 1: LEAVE, 2: LONG}
# setting, its value, the scenario, the words that only the limited run has
LIMITS: Sequence[tuple[str, object, RefCase, str]] = (
    ("position_limit", 0.05, one(_STAY, {0: LONG}), "position_limit"),
    ("max_order_notional", 500.0, one(_STAY, {0: LONG}), "max_order_notional"),
    ("max_drawdown", 0.003, one([flat(100.0), flat(100.0), _DOWN, _DOWN, _DOWN], {0: LONG}), "risk_halt"),
    ("daily_loss_limit", 0.003, one([flat(100.0), flat(100.0), _DOWN, _DOWN, _DOWN], {0: LONG}), "daily_loss"),
    ("max_holding", 2, one(_STAY, {0: LONG}), "max_holding"),
    ("cooldown_bars", 2, one([flat(100.0), flat(100.0), *[_DOWN] * 4], _TWICE), "cooldown"),
    ("one_entry_per_session", True, one(_STAY, _TWICE), "session_entry"),
    (
        "expires_bars",
        1,
        one([*[flat(100.0)] * 2, _DOWN], {0: replace(LONG, order_price=(98.0, 98.0))}, order_kind="limit"),
        "expired",
    ),
    ("margin_limit", 0.05, one(_STAY, {0: LONG}, THIN, size_value=80.0), "margin_limit"),
    ("currency_exposure", 0.5, several([EUR_USD], [1.25], {(0, 0): LONG}, size_value=8_000.0), "currency_exposure"),
    (
        "correlation_limit",
        0.7,
        several(
            [THIN, THIN], [100.0] * 2, {(0, 0): asking(LONG, 1.0, 0.8), (1, 1): asking(LONG, 0.8, 1.0)}, size_value=10.0
        ),
        "correlation_limit",
    ),
)


def words(found: RefResult) -> set[str]:
    told = {f.reason for f in found.fills} | {o.reason for o in found.orders}
    return told | {d.reason for d in found.decisions} | {d.cap for d in found.decisions}


@pytest.mark.parametrize(("name", "value", "case", "word"), LIMITS, ids=[limit[0] for limit in LIMITS])
def test_each_limit_binds_where_it_is_set_only(name: str, value: object, case: RefCase, word: str) -> None:
    free = kernel_answer(case)
    limited = kernel_answer(replace(case, rules=replace(case.rules, **{name: value})))
    assert word not in words(free)
    assert word in words(limited)
    assert [fields(f) for f in free.fills] != [fields(f) for f in limited.fills]


def fields(row: object) -> tuple[object, ...]:
    return tuple(vars(row).values())


def test_the_number_of_positions_binds_where_it_is_set_only() -> None:
    bars = [[bar(r, flat(100.0)), bar(r, flat(100.0))] for r in range(3)]
    signals = [[LONG, LONG], [RefSignals()] * 2, [RefSignals()] * 2]
    rules = RefRules(size_value=10.0)
    case = RefCase([replace(ACME, symbol="A"), replace(ACME, symbol="B")], bars, signals, rules, 10_000.0)
    assert [f.symbol for f in kernel_answer(case).fills] == ["A", "B"]
    assert [f.symbol for f in kernel_answer(replace(case, rules=replace(rules, max_positions=1))).fills] == ["A"]


def test_margin_binds_where_it_is_asked_only() -> None:
    case = one(_STAY, {0: LONG}, size_value=150.0)  # 15,000 of 10,000
    assert kernel_answer(case).decisions[0].cap == "margin"
    free = replace(case, instruments=[replace(ACME, margin_rate=0.0)])
    assert [float(f.quantity) for f in kernel_answer(free).fills] == [150.0]


ACCOUNT_NANS = (
    k.LIMIT_POSITIONS,
    k.LIMIT_POSITION,
    k.LIMIT_ORDER,
    k.LIMIT_MARGIN,
    k.LIMIT_CURRENCY,
    k.LIMIT_DRAWDOWN,
    k.LIMIT_DAILY_LOSS,
    k.SIZE_VALUE,
    k.CASH,
)
INSTRUMENT_NANS = (k.MIN_QUANTITY, k.MARGIN_RATE)


@pytest.mark.parametrize("sizing", ["units", "notional", "percent", "risk"])
@pytest.mark.parametrize("field", [*ACCOUNT_NANS, *(k.block(0, 1) + f for f in INSTRUMENT_NANS)])
def test_nan_in_the_state_lets_no_entry_pass(field: int, sizing: str) -> None:
    value = {"units": 10.0, "notional": 1000.0, "percent": 0.1, "risk": 0.001}[sizing]
    stop = RefSignals(enter_long=True, stop=1.0)
    case = one(_STAY, {0: stop, 1: stop}, replace(ACME, base="ACM"), sizing=sizing, size_value=value, stop_kind="price")
    assert run_arrays(arrays(case)).counts[m.N_FILLS] == 1
    given_ = arrays(case)
    given_.state[field] = NAN
    books = run_arrays(given_)
    assert books.counts[m.N_FILLS] == 0
    assert set(books.outcome[0, :2]) <= {k.REFUSED, k.NO_DECISION} or books.orders[1, m.O_QUANTITY] == 0.0


def test_nan_as_the_correlation_limit_lets_no_entry_pass_beside_another() -> None:
    case = several(
        [THIN, THIN], [100.0] * 2, {(0, 0): asking(LONG, 1.0, 0.1), (1, 1): asking(LONG, 0.1, 1.0)}, size_value=10.0
    )
    case = replace(case, rules=replace(case.rules, correlation_limit=0.7))
    assert run_arrays(arrays(case)).counts[m.N_FILLS] == 2
    given_ = arrays(case)
    given_.state[k.LIMIT_CORRELATION] = NAN
    books = run_arrays(given_)
    assert (books.counts[m.N_FILLS], books.reason[1, 1]) == (1, k.CORRELATED)


UNKNOWN: Mapping[str, tuple[RefSignals, Mapping[str, object], str]] = {
    "stop": (replace(LONG, target=1.0), {"stop_kind": "price"}, "distance_unknown"),
    "target": (replace(LONG, stop=1.0), {"target_kind": "price"}, "distance_unknown"),
    "trail": (LONG, {"trail_kind": "price"}, "distance_unknown"),
    "limit price": (LONG, {"order_kind": "limit"}, "price_unknown"),
    "stop price": (replace(SHORT, order_price=(101.0, NAN)), {"order_kind": "stop"}, "price_unknown"),
    "limit of a stop-limit": (replace(LONG, order_price=(101.0, 99.0)), {"order_kind": "stop_limit"}, "price_unknown"),
    "volatility": (LONG, {"sizing": "volatility"}, "size_unknown"),
    "risked distance": (LONG, {"sizing": "risk"}, "size_unknown"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_nan_in_a_column_lets_no_entry_pass(name: str) -> None:
    signals, rules, reason = UNKNOWN[name]
    found = kernel_answer(one(_STAY, {0: signals}, **rules))
    assert (found.fills, [d.reason for d in found.decisions]) == ([], [reason])


def test_nan_strength_is_the_weakest() -> None:
    bars = [[bar(r, flat(100.0)), bar(r, flat(100.0))] for r in range(3)]
    signals = [[replace(LONG, strength=NAN), replace(LONG, strength=0.1)], *[[RefSignals()] * 2] * 2]
    instruments = [replace(ACME, symbol="A"), replace(ACME, symbol="B")]
    case = RefCase(instruments, bars, signals, RefRules(size_value=10.0, max_positions=1), 10_000.0)
    assert [f.symbol for f in kernel_answer(case).fills] == ["B"]


def test_a_rate_that_was_never_known_refuses() -> None:
    case = one([flat(0.85)] * 3, {0: LONG}, EURGBP, size_value=10_000.0)
    given_ = arrays(case)
    given_.market.flags[:] &= np.uint8(255 - k.STALE_RATE)
    found = answer(case, run_arrays(given_), given_.state)
    assert (found.fills, found.decisions[0].reason) == ([], "rate_unknown")


@pytest.mark.parametrize(("trading", "word"), [(k.REDUCING, "reducing"), (k.HALTED, "halted")])
def test_a_trading_state_refuses_entries_and_lets_exits_pass(trading: float, word: str) -> None:
    case = one(_STAY, {0: LONG, 2: LEAVE, 3: LONG})
    whole, given_ = arrays(case), arrays(case)
    books = run_arrays(whole)
    assert books.counts[m.N_FILLS] == 3
    from sptrader.kernel.replay import replay

    books = m.make_books(1, 5, n_rows=20)
    replay(given_.market, given_.orders, books, given_.state, 0, 2)
    given_.state[k.TRADING] = trading
    replay(given_.market, given_.orders, books, given_.state, 2, 5)
    found = answer(
        case, books._replace(fills=books.fills[: books.counts[0]], orders=books.orders[: books.counts[1]]), given_.state
    )
    assert [f.reason for f in found.fills] == ["entry", "signal"]
    assert found.decisions[-1].reason == word


def test_the_first_bar_is_the_first_of_a_session_whatever_its_flag() -> None:
    # a run that starts in the middle of a session: its entry is not taken for one that came before
    given_ = arrays(one(_STAY, {0: LONG}, one_entry_per_session=True))
    given_.market.flags[:] &= np.uint8(255 - k.NEW_SESSION)
    assert run_arrays(given_).counts[m.N_FILLS] == 1


@some
@given(cases() | cases(strained=True))
def test_the_sums_of_the_state_are_those_of_the_trades(case: RefCase) -> None:
    given_ = arrays(case)
    books = run_arrays(given_, at_end=case.rules.close_at_end)
    found, s = answer(case, books, given_.state), given_.state
    pnl = [float(trade.pnl) for trade in found.trades]
    turnover = books.fills[:, m.F_QUANTITY] * books.fills[:, m.F_PRICE] * books.fills[:, m.F_RATE]
    assert s[k.N_TRADES] == len(pnl)
    assert s[k.BARS_HELD] == sum(trade.bars_held for trade in found.trades)
    assert s[k.N_OPEN] == np.count_nonzero(found.positions)
    assert s[k.CLOCK] == len(case.bars)
    sums = {
        k.GAIN: sum(x for x in pnl if x > 0.0),
        k.LOSS: sum(x for x in pnl if x < 0.0),
        k.FEES: float(sum(fill.fee for fill in found.fills)),
        k.TURNOVER: np.abs(turnover).sum(),
    }
    for field, expected in sums.items():
        assert s[field] == pytest.approx(expected, rel=1e-12, abs=1e-7)
    if min(map(abs, pnl), default=1.0) > 1e-9:  # a P&L of nothing but rounding is no win
        assert s[k.N_WINS] == sum(x > 0.0 for x in pnl)
    if not case.rules.close_at_end:
        assert s[k.MAX_DRAWDOWN] == max(books.drawdown)
        assert s[k.N_EXPOSED] == np.count_nonzero(books.margin)
