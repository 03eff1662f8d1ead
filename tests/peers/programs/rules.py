"""Rules: moving averages and their crossings in plain Python and pandas, for the peers; shares no code with sptrader."""

import json
import math
import sys

import numpy as np
import pandas as pd


def handed():
    """The settings and arrays this program was handed."""
    return json.loads(sys.argv[2]), dict(np.load(sys.argv[1]))


def average(close, kind, period):
    """nan for the first `period - 1` bars. Sums are exact: pandas' running ones let two equal averages cross each other."""
    if kind == "sma":
        sums = [math.fsum(close[i - period : i]) for i in range(period, len(close) + 1)]
        return np.concatenate([np.full(period - 1, np.nan), np.array(sums) / period])
    values = pd.Series(close).ewm(span=period, adjust=False).mean().to_numpy(copy=True)
    values[: period - 1] = np.nan
    return values


def crossings(close, kind, fast, slow):
    """Whether the fast average is above the slow one and was not a bar before, and the other way round."""
    one, two = average(close, kind, fast), average(close, kind, slow)
    above, below = one > two, one < two
    at_most, at_least = one <= two, one >= two
    up, down = np.zeros(len(close), bool), np.zeros(len(close), bool)
    up[1:], down[1:] = above[1:] & at_most[:-1], below[1:] & at_least[:-1]
    return up, down


def on_step(price, step, is_up):
    """A price on the step, one within a millionth of a step being that step."""
    count = price / step
    count = math.ceil(count - 1e-6) if is_up else math.floor(count + 1e-6)
    return round(count * step, 10)
