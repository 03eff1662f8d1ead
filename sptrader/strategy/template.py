"""The template: the file a new strategy starts from."""

from __future__ import annotations

import re
from pathlib import Path

from sptrader.errors import StrategyError

_TEXT = """\
# {name}: say here what you expect the market to do, and why.

name: {name}
version: 0.1.0
description: Long when the fast average crosses above the slow one.

market: {{symbols: [EURUSD], timeframe: 1h}}

# What a sweep may vary; $fast below refers to it.
parameters:
  fast: {{default: 12, min: 5, max: 50}}
  slow: {{default: 26, min: 10, max: 200}}
constraints: ["fast < slow"]

# `sptrader components list` names all indicators and signals.
indicators:
  fast_ma: {{type: ema, period: $fast}}
  slow_ma: {{type: ema, period: $slow}}
  atr:     {{type: atr, period: 14}}

entry:
  long:
    when:                        # a list means: all of these
      - crosses_above(fast_ma, slow_ma)
      - close > slow_ma

exit:
  long: {{when: "crosses_below(fast_ma, slow_ma)"}}
  stop_loss: 2 * atr             # or 2%, or 20 pips
  max_holding: 200 bars

sizing: {{method: risk, value: 1%}}
risk: {{max_positions: 1, position_limit: 200%, max_drawdown: 15%, daily_loss_limit: 3%}}
execution: {{order: market, slippage: 0.1 pips, commission: 0.002%, spread: 0.8 pips}}
backtest: {{start: 2017-01-01, end: 2017-12-31, cash: 100000, currency: USD}}
optimize: {{fast: [5, 8, 12, 20], slow: {{min: 20, max: 200, step: 20}}}}
"""


def write_template(name: str, folder: str | Path = "strategies") -> Path:
    """Write a new strategy `name` into `folder` and return its path; raise `StrategyError` when there is one already."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise StrategyError(
            f"the name was '{name}'; allowed are small letters, digits and _, such as my_breakout.", value=name
        )
    path = Path(folder) / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEXT.format(name=name))
    except FileExistsError as error:
        raise StrategyError(f"{path} exists already; choose another name or edit it.", path=path) from error
    except OSError as error:
        raise StrategyError(f"{path} cannot be written: {error.strerror}.", path=path) from error
    return path
