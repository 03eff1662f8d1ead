"""Closes beyond a channel."""

from typing import Annotated

import numpy as np
import pandas as pd

from sptrader.components import Range, Signals, run_component, signal
from sptrader.jit import compiled

TYPES = ("breakout_up", "breakout_down")


@signal(category="breakout", lookback=lambda offset: offset + 1)
def breakout(
    close: np.ndarray, upper: np.ndarray, lower: np.ndarray, offset: Annotated[int, Range(0, 100)] = 1
) -> Signals:
    """`breakout_up` on the first close above the channel, `breakout_down` on the first below it.

    The channel is that of `offset` bars before: 1 for a Donchian channel, which always holds its own bar, 0 for bands
    such as Bollinger's. First means that the close before was not yet beyond its channel; both closes and both
    channels must be known. On a channel turned upside down the close above counts.

    The strength is the distance beyond the channel as a fraction of the channel's width; 1 at most, and 1 where the
    channel has no width.

    >>> high, low = np.array([4.0, 4.0, 6.0]), np.array([0.0, 0.0, 0.0])
    >>> s = breakout(np.array([3.0, 3.0, 5.0]), high, low)
    >>> s.codes.tolist(), float(s.strength[2])  # 1 above the 4 of the bar before, in a channel 4 wide
    ([-1, -1, 0], 0.25)
    """
    codes, strength = _breakouts(close, upper, lower, offset)
    return Signals(type=pd.Categorical.from_codes(codes, TYPES), strength=strength)


@compiled
def _breakouts(close, upper, lower, offset):
    codes = np.full(len(close), -1, np.int8)
    strength = np.full(len(close), np.nan)
    for i in range(offset + 1, len(close)):
        now, before = close[i], close[i - 1]
        top, bottom = upper[i - offset], lower[i - offset]
        top_before, bottom_before = upper[i - offset - 1], lower[i - offset - 1]
        beyond = 0.0
        if bottom != bottom or top != top or bottom_before != bottom_before or top_before != top_before:
            continue
        if now > top and before <= top_before:
            codes[i], beyond = 0, now - top
        elif now < bottom and before >= bottom_before:
            codes[i], beyond = 1, bottom - now
        else:
            continue
        width = top - bottom
        strength[i] = min(beyond / width, 1.0) if width > 0.0 else 1.0
    return codes, strength


if __name__ == "__main__":
    run_component(
        breakout,
        {"upper": {"type": "donchian", "output": "upper"}, "lower": {"type": "donchian", "output": "lower"}},
    )
