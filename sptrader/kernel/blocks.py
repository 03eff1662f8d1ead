"""Blocks: what each `BLOCK` bars show and are asked together, so that `coast` passes over quiet ones at once."""

from __future__ import annotations

import numpy as np

from sptrader.jit import compiled
from sptrader.kernel.state import HAS_BAR, NEW_SESSION, NIGHTS

BLOCK = 16
BUSY = HAS_BAR | NEW_SESSION | NIGHTS  # of these, a quiet bar has the first alone

# columns of `Market.blocks`: the highest high and the lowest low, of the bid and then of the ask
BID_MOST, BID_LEAST, ASK_MOST, ASK_LEAST = range(4)


def make_blocks(price: np.ndarray, flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make `Market.closes` and `Market.blocks` of the prices and flags of a market; of several instruments there are none."""
    if len(price) != 1:
        return no_blocks()
    n = price.shape[1]
    closes, blocks = np.empty((2, n)), np.empty((n // BLOCK, 4))
    fill_blocks(price[0], flags[0], closes, blocks)
    return closes, blocks


def no_blocks() -> tuple[np.ndarray, np.ndarray]:
    """Make `Market.closes` and `Market.blocks` of a market that is met bar by bar."""
    return np.empty((2, 0)), np.empty((0, 4))


def asked_in_blocks(signal: np.ndarray) -> np.ndarray:
    """Return `Orders.asked` of a signal (i, n, L): whether anything is asked for in each block, (m, L)."""
    n, lanes = signal.shape[1] // BLOCK, signal.shape[2]
    if len(signal) != 1:
        return np.zeros((0, lanes), np.bool_)
    whole = signal[0, : n * BLOCK]
    if lanes == 1 and whole.flags.c_contiguous:
        halves = whole.reshape(n, BLOCK).view(np.uint64)
        return np.asarray(halves[:, :1] | halves[:, 1:], np.bool_)
    return np.asarray(whole.reshape(n, BLOCK, lanes).any(axis=1))


@compiled
def fill_blocks(price, flags, closes, blocks):
    """Write the closes of both sides, and the extremes of each whole block; nan where it has more to say than bars."""
    for t in range(price.shape[0]):
        closes[0, t] = price[t, 3]
        closes[1, t] = price[t, 7]
    for block in range(blocks.shape[0]):
        first, is_plain = block * BLOCK, True
        bid_most, bid_least, ask_most, ask_least = -np.inf, np.inf, -np.inf, np.inf
        for t in range(first, first + BLOCK):
            is_plain = is_plain and flags[t] & BUSY == HAS_BAR
            bid_most, bid_least = max(bid_most, price[t, 1]), min(bid_least, price[t, 2])
            ask_most, ask_least = max(ask_most, price[t, 5]), min(ask_least, price[t, 6])
        blocks[block, BID_MOST] = bid_most if is_plain else np.nan
        blocks[block, BID_LEAST] = bid_least if is_plain else np.nan
        blocks[block, ASK_MOST] = ask_most if is_plain else np.nan
        blocks[block, ASK_LEAST] = ask_least if is_plain else np.nan
