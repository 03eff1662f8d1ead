"""A strategy that trades often, with every kind of order, as text: what the tests of sessions trade."""

from __future__ import annotations

_TEXT = """
name: {name}
version: 1.0.0
market: {{symbols: [EURUSD], timeframe: {timeframe}}}
indicators:
  fast_ma: {{type: ema, period: 3}}
  slow_ma: {{type: ema, period: 7}}
  atr: {{type: atr, period: 5}}
signals:
  cross: {{type: ma_crossover, fast: fast_ma, slow: slow_ma}}
entry:
  long: {{when: {{signal: cross, type: golden_cross}}, order: {{type: limit, price: close - 0.1 * atr, expires: 3 bars}}}}
  short: {{when: {{signal: cross, type: death_cross}}}}
exit:
  long: {{when: {{signal: cross, type: death_cross}}}}
  short: {{when: {{signal: cross, type: golden_cross}}}}
  stop_loss: {stop}
  take_profit: 2 * atr
sizing: {{method: risk, value: {risk}}}
execution: {{{execution}}}
backtest: {{cash: 100000, currency: USD}}
{live}
"""


def busy(*, execution: str = "", live: str = "") -> str:
    """On bars of an hour; `execution` is added to its costs, `live` is its own section."""
    costs = f"spread: 1 pips, commission: {{per_lot: 3}}{execution}"
    return _TEXT.format(name="busy", timeframe="1h", stop="1.5 * atr", risk="1%", execution=costs, live=live)


def quick(*, slippage: str = "0.1 pips") -> str:
    """On bars of a minute made of quotes, which bring the spread with them."""
    costs = f"slippage: {slippage}, commission: {{per_lot: 3}}"
    return _TEXT.format(name="quick", timeframe="1m", stop="0.8 * atr", risk="0.1%", execution=costs, live="")
