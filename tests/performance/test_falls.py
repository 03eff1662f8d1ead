import math

import numpy as np
import pytest

from sptrader.performance.falls import BLOCK, lowest_share

BAR_NS = 60


def slow(equity, times_ns, cash):
    """Bar by bar: the share of the highest mark so far, and the time since it was marked."""
    peak, peak_ns, shares, longest, is_under = cash, times_ns[0], [1.0], 0, False
    for mark, time_ns in zip(equity, times_ns, strict=True):
        if is_under or mark < peak:
            longest = max(longest, time_ns + BAR_NS - peak_ns)
        is_under = mark < peak
        if not is_under:
            peak, peak_ns = mark, time_ns + BAR_NS
        shares.append(mark / peak)
    return min(shares), longest


@pytest.mark.parametrize("n", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 17])
@pytest.mark.parametrize("kind", ["walk", "rise", "fall", "flat", "steps"])
def test_blocks_give_what_a_walk_over_all_bars_gives(kind, n):
    rng = np.random.default_rng(n)
    moves = {
        "walk": rng.normal(0.0, 1.0, n),
        "rise": np.ones(n),
        "fall": -np.ones(n) / 10,
        "flat": np.zeros(n),
        "steps": np.where(rng.random(n) < 0.01, rng.normal(0.0, 5.0, n), 0.0),
    }
    equity = 1000.0 + np.cumsum(moves[kind])
    times_ns = np.cumsum(rng.integers(60, 600, n))

    assert lowest_share(equity, times_ns, BAR_NS, 1000.0) == slow(equity.tolist(), times_ns.tolist(), 1000.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 3, BLOCK, 2 * BLOCK - 1])
def test_a_mark_that_is_not_finite_shows(bad, at):
    equity = np.full(2 * BLOCK, 1000.0)
    equity[at] = bad

    share, longest_ns = lowest_share(equity, np.arange(2 * BLOCK), BAR_NS, 1000.0)

    assert math.isnan(share)
    assert math.isnan(longest_ns)
