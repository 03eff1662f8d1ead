"""The text a new component's file begins with: short, working, and keeping every law."""

from __future__ import annotations

from sptrader.components.contract import Kind

_INDICATOR = '''"""{title}."""

from typing import Annotated

import pandas as pd

from sptrader.components import Range, indicator, run_component


# Arguments named open, high, low, close, volume or spread are market columns, those without a default are wired to other
# components in the strategy, those with a default are parameters. Look backwards only: never shift(-n).
@indicator(category="custom", lookback=lambda period: period - 1)
def {name}(close: pd.Series, period: Annotated[int, Range(2, 500)] = 20) -> pd.Series:
    """Mean of the last `period` closes; nan until there are as many. Price units."""
    return close.rolling(period).mean()


if __name__ == "__main__":
    run_component({name})
'''

_SIGNAL = '''"""{title}."""

import pandas as pd

from sptrader.components import Signals, run_component, signal


# `value` has no default, so a strategy wires it to an indicator: {{type: {name}, value: my_rsi, level: 50}}.
@signal(category="custom", lookback=1)
def {name}(value: pd.Series, level: float = 50.0) -> Signals:
    """`crossed_above` where `value` crosses above `level`, `crossed_below` where it crosses below; not out of the warm-up."""
    before = value.shift(1)
    above, below = (value > level) & (before <= level), (value < level) & (before >= level)
    return Signals(type={{"crossed_above": above, "crossed_below": below}})


if __name__ == "__main__":
    run_component({name}, {{"value": {{"type": "rsi", "period": 14}}}})
'''


def component_source(name: str, kind: Kind) -> str:
    """Return the source of a new component's file."""
    text = _INDICATOR if kind == "indicator" else _SIGNAL
    return text.format(name=name, title=name.replace("_", " ").capitalize())
