"""Quiet stretches, passed block by block or bar by bar, leave what the step of every bar leaves, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.kernel.blocks import BLOCK, asked_in_blocks, make_blocks, no_blocks
from sptrader.kernel.replay import replay
from tests.kernel.adapter import Arrays, arrays
from tests.kernel.drawn import drawn_cases
from tests.kernel.halves import in_two_halves

Floats = NDArray[np.float64]
ROWS = 2_000


def long_market(given: Arrays, rng: np.random.Generator, rows: int) -> m.Market:
    """A random walk from where the case's own bars begin, with few sessions, nights and bars missing."""
    step = step_of(given)
    start = round(np.nanmin(given.market.price) / step)
    moves = rng.integers(-3, 4, rows) + (rng.random(rows) < 0.004) * rng.integers(-150, 150, rows)
    close = np.clip(start + np.cumsum(moves), start // 2, 2 * start)
    opened = np.concatenate([close[:1], close[:-1]]) + rng.integers(-1, 2, rows)
    high, low = (f(opened, close) for f in (np.maximum, np.minimum))
    bid = np.stack([opened, high + rng.integers(0, 3, rows), low - rng.integers(0, 3, rows), close], axis=1)
    ask = bid + rng.integers(0, 3, (rows, 1))
    price = np.concatenate([bid, ask], axis=1)[np.newaxis] * step
    flags = np.full((1, rows), k.HAS_BAR, np.uint8)
    flags[0, rng.random(rows) < 0.01] |= k.NEW_SESSION
    flags[0, rng.random(rows) < 0.01] |= k.NIGHTS
    missing = rng.random(rows) < 0.004
    flags[0, missing] = 0
    price[0, missing] = np.nan
    rate = rng.integers(9_000, 11_000, (1, rows, 2)) * 1e-4
    nights = np.where(flags[..., np.newaxis] & k.NIGHTS != 0, rng.integers(-3, 3, (1, rows, 2)) * step / 9, 0.0)
    closes, blocks = make_blocks(price, flags)
    finer, finer_at = m.no_finer(1)
    volume = rng.integers(1, 10**6, (1, rows)).astype(np.float64)
    return m.Market(price, volume, flags, rate, nights, closes, blocks, finer, finer_at)


def step_of(given: Arrays) -> float:
    """The step of the one instrument's prices."""
    at = k.block(0, 1)
    return float(given.state[at + k.STEP_TOP] / given.state[at + k.STEP_BOTTOM])


def long_orders(case: Arrays, market: m.Market, rng: np.random.Generator) -> m.Orders:
    """Few entries and exits; distances and prices where the rules have some."""
    given, step = case.orders, step_of(case)
    close = market.price[:, :, 3, np.newaxis]
    rows = close.shape[1]
    signal = np.where(rng.random((1, rows, 1)) < 0.03, rng.choice([1, 1, 2, 2, 4, 8], (1, rows, 1)), 0).astype(np.uint8)

    def column(found: Floats, least: int, most: int) -> Floats:
        return found if found.shape[1] == 1 else rng.integers(least, most, (1, rows, *found.shape[2:])) * step

    def near(found: Floats) -> Floats:
        return found if found.shape[1] == 1 else close[..., np.newaxis] + column(found, -9, 10)

    return given._replace(
        signal=signal,
        asked=asked_in_blocks(signal),
        strength=np.ones((1, 1, 1)),
        refused=np.zeros((1, 1), np.uint8),
        stop=column(given.stop, 5, 200),
        target=column(given.target, 5, 200),
        trail=column(given.trail, 5, 200),
        limit=near(given.limit),
        trigger=near(given.trigger),
        volatility=column(given.volatility, 1, 30),
        correlation=np.full((1, 1, 1), np.nan),
        term_truth=rng.integers(0, 2, (len(given.terms), 1, rows, 1)).astype(np.uint8),
        term_right=np.full((len(given.terms), 1, 1, 1), 30.0),
    )


def long_cases(n: int, seed: int) -> list[Arrays]:
    """Drawn rules for one instrument on a long market."""
    rng, found = np.random.default_rng(seed), []
    for case in drawn_cases(8 * n, seed_=seed):
        if len(case.instruments) == 1 and len(found) < n:
            given = arrays(case)
            market = long_market(given, rng, ROWS)
            found.append(Arrays(market, long_orders(given, market, rng), given.state))
    assert len(found) == n
    return found


def replayed(given: Arrays, *, for_figures: bool = False) -> tuple[m.Books, Floats]:
    books, state = m.make_books(1, ROWS, n_rows=4 * ROWS, for_figures=for_figures), given.state.copy()
    assert replay(given.market, given.orders, books, state, 0, ROWS) == ROWS
    return books, state


def kept(books: m.Books) -> list[bytes]:
    """All that books keep; their rows are longer than what is in them."""
    n_fills, n_orders = books.counts
    return [array.tobytes() for array in books._replace(fills=books.fills[:n_fills], orders=books.orders[:n_orders])]


@pytest.mark.parametrize("seed", [1, 2])
def test_stretches_are_passed_as_the_step_of_every_bar_goes(seed: int) -> None:
    n_fills = n_quiet = n_deep = 0
    for given in long_cases(30, seed):
        books, state = replayed(given)
        halves = Arrays(given.market, given.orders, given.state.copy())
        expected, _ = in_two_halves(halves)
        n_fills += int(books.counts[m.N_FILLS])
        n_quiet += int(((given.market.blocks[:, 0] > 0) & ~given.orders.asked[:, 0]).sum())
        n_deep += state[k.MAX_DRAWDOWN] > 0.05
        assert kept(books) == kept(expected)
        assert halves.state[: k.ACCOUNT_FIELDS].tobytes() == state[: k.ACCOUNT_FIELDS].tobytes()
    assert n_fills > 300
    assert n_quiet > 300
    assert n_deep > 2


def test_blocks_and_shorter_books_change_nothing() -> None:
    for given in long_cases(12, 3):
        closes, blocks = no_blocks()
        single = Arrays(
            given.market._replace(closes=closes, blocks=blocks),
            given.orders._replace(asked=np.zeros((0, 1), np.bool_)),
            given.state,
        )
        (books, state), (same, its_state) = replayed(given), replayed(single)
        assert kept(books) == kept(same)
        short, short_state = replayed(given, for_figures=True)
        assert state.tobytes() == its_state.tobytes() == short_state.tobytes()
        assert short.equity.tobytes() == books.equity.tobytes()
        assert short.fills[: books.counts[0]].tobytes() == books.fills[: books.counts[0]].tobytes()
        assert [len(x) for x in (short.cash, short.margin, short.drawdown)] == [0, 0, 0]


def test_a_block_shows_its_extremes_and_nothing_where_it_has_more_to_say_than_bars() -> None:
    n = 3 * BLOCK + 5
    price, flags = np.ones((1, n, 8)), np.full((1, n), k.HAS_BAR, np.uint8)
    price[0, BLOCK + 3, 1], price[0, 2 * BLOCK - 1, 6] = 7.0, 0.25
    price[0, BLOCK, 3], price[0, n - 1, 7] = 5.0, 0.5
    flags[0, 2 * BLOCK + 2] |= k.NEW_SESSION

    closes, blocks = make_blocks(price, flags)

    assert blocks[:2].tolist() == [[1.0, 1.0, 1.0, 1.0], [7.0, 1.0, 1.0, 0.25]]
    assert np.isnan(blocks[2:]).all()
    assert blocks.shape == (3, 4)
    assert closes.tolist() == [price[0, :, 3].tolist(), price[0, :, 7].tolist()]


def test_a_block_is_asked_for_when_one_of_its_bars_is() -> None:
    signal = np.zeros((1, 3 * BLOCK + 2, 2), np.uint8)
    signal[0, BLOCK, 0], signal[0, 3 * BLOCK - 1, 1] = 4, 8
    assert asked_in_blocks(signal).tolist() == [[False, False], [True, False], [False, True]]
    assert asked_in_blocks(np.ascontiguousarray(signal[:, :, :1])).tolist() == [[False], [True], [False]]
    assert asked_in_blocks(np.zeros((2, 100, 1), np.uint8)).shape == (0, 1)
