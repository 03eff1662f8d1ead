"""One source, three uses: runs side by side, one bar at a time and in pages leave what one call leaves, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader.kernel import market as m
from sptrader.kernel import replay
from tests.kernel.adapter import Arrays, arrays, run_arrays
from tests.kernel.drawn import drawn_cases, eight_on_one_market
from tests.kernel.lanes import LANES, lane, side_by_side
from tests.reference_data import RefCase

SOME = drawn_cases(40, seed_=3)


@pytest.mark.parametrize("seed_", range(6))
def test_eight_lanes_are_eight_single_runs(seed_: int) -> None:
    singles = [arrays(case) for case in eight_on_one_market(seed_)]
    eight = side_by_side(singles)
    n, rows = eight.market.flags.shape
    replay.replay_lanes(eight.market, eight.orders, m.make_books(n, 1), eight.state, 0, rows)
    fills = [run_arrays(single).counts[m.N_FILLS] for single in singles]
    assert min(fills) > 0
    for j in range(LANES):
        assert lane(eight.state, j).tobytes() == singles[j].state.tobytes()


def left(given: Arrays, books: m.Books) -> tuple[bytes, ...]:
    """All that a run left, as bytes."""
    return (given.state.tobytes(), *(np.ascontiguousarray(a).tobytes() for a in books))


def test_one_bar_at_a_time_is_one_call() -> None:
    for case in SOME:
        whole, live = arrays(case), arrays(case)
        n, rows = live.market.flags.shape
        books = m.make_books(n, rows, n_rows=4 * n * (rows + 1))
        for t in range(rows):
            assert replay.replay(live.market, live.orders, books, live.state, t, t + 1) == t + 1
        used = books._replace(
            fills=books.fills[: books.counts[m.N_FILLS]], orders=books.orders[: books.counts[m.N_ORDERS]]
        )
        assert left(live, used) == left(whole, run_arrays(whole))


def seen_until(given: Arrays, t: int) -> Arrays:
    """The arrays as live has them at the close of row `t`: nothing later exists."""
    cut = slice(0, t + 1)
    rows = given.market.flags.shape[1]
    finer_at = given.market.finer_at[:, : t + 2]
    shown = {f: a[:, cut] for f, a in given.market._asdict().items() if not f.startswith("finer")}
    shown |= {"finer": given.market.finer[: finer_at.max()], "finer_at": finer_at}
    market = m.Market(**{f: np.ascontiguousarray(a) for f, a in shown.items()})
    orders = given.orders._replace(
        **{
            field: np.ascontiguousarray(a[:, cut])
            for field, a in given.orders._asdict().items()
            if not field.startswith(("term", "correlation")) and a.shape[1] == rows
        },
        correlation=np.ascontiguousarray(given.orders.correlation[:, :, cut]),
        term_truth=np.ascontiguousarray(given.orders.term_truth[:, :, cut]),
    )
    return Arrays(market, orders, given.state)


def test_a_bar_is_decided_without_those_after_it() -> None:
    for case in SOME[:12]:
        whole, live = arrays(case), arrays(case)
        n, rows = live.market.flags.shape
        books = m.make_books(n, rows, n_rows=4 * n * (rows + 1))
        for t in range(rows):
            now = seen_until(live, t)
            replay.replay(now.market, now.orders, books, live.state, t, t + 1)
        run_arrays(whole)
        assert live.state.tobytes() == whole.state.tobytes()


@pytest.mark.parametrize("spare", [0, 1, 5])
def test_turning_pages_changes_nothing(spare: int) -> None:
    def run(case: RefCase, n_rows: int | None) -> tuple[bytes, ...]:
        given = arrays(case)
        return left(given, run_arrays(given, n_rows=n_rows, at_end=case.rules.close_at_end))

    for case in SOME:
        assert run(case, 4 * len(case.instruments) + spare) == run(case, None)


def test_a_constant_column_may_have_length_one() -> None:
    fields = ("strength", "refused", "stop", "target", "trail", "limit", "trigger", "volatility")
    for case in SOME[:20]:
        one_long, full = arrays(case), arrays(case)
        short = {f: np.ascontiguousarray(getattr(full.orders, f)[:, -1:]) for f in fields}
        rows = full.market.flags.shape[1]
        long = {f: np.ascontiguousarray(np.repeat(a, rows, axis=1)) for f, a in short.items()}
        right = full.orders.term_right[:, :, -1:]
        together = full.orders.correlation[:, :, -1:]
        one_long = one_long._replace(
            market=one_long.market._replace(
                rate=full.market.rate[:, :1].copy(), nights=full.market.nights[:, :1].copy()
            ),
            orders=one_long.orders._replace(**short, term_right=right.copy(), correlation=together.copy()),
        )
        full = full._replace(
            market=full.market._replace(
                rate=full.market.rate[:, :1].repeat(rows, axis=1), nights=full.market.nights[:, :1].repeat(rows, axis=1)
            ),
            orders=full.orders._replace(
                **long, term_right=right.repeat(rows, axis=2), correlation=together.repeat(rows, axis=2)
            ),
        )
        assert left(one_long, run_arrays(one_long)) == left(full, run_arrays(full))
