"""The laws over the whole registry: being in the folder is enough to be tested."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.components import columns_of, compute, registry
from sptrader.components.check import (
    LAWS,
    case_on,
    check_component,
    check_lookback,
    check_prefixes,
    check_unknown_bars,
    check_warm_up,
    made_up_bars,
    made_up_wires,
    make_case,
)
from sptrader.components.talib import talib_component, talib_names

SHARED = Path(__file__).parents[2] / "../shared/data"
KNOWN = registry()
OWN = tuple(KNOWN.entries)
OTHER_PARAMETERS = [
    *[("ema", {"period": period}) for period in (2, 200)],
    *[("sma", {"period": period}) for period in (1, 200)],
    *[("rsi", {"period": period}) for period in (2, 200)],
    *[("atr", {"period": period}) for period in (1, 200)],
    *[("bollinger", {"period": period}) for period in (2, 200)],
    *[("donchian", {"period": period}) for period in (1, 200)],
    ("ma_crossover", {"window": 2}),
    ("breakout", {"offset": 0}),
    ("threshold", {"upper": 50, "lower": 50}),
]
RECURSIVE = [
    *[(f"talib.{name}", {"timeperiod": 100}) for name in ("EMA", "RMA", "RSI", "ADX", "KAMA", "TRIX", "TEMA", "NATR")],
    ("talib.MACD", {"fastperiod": 30, "slowperiod": 90, "signalperiod": 30}),
    ("talib.MAMA", {"fastlimit": 0.2, "slowlimit": 0.02}),
    *[("talib.MA", {"timeperiod": 25, "matype": kind}) for kind in range(14)],
    ("talib.BBANDS", {"timeperiod": 40, "matype": 13}),
    ("talib.STOCH", {"slowk_matype": 1, "slowd_matype": 3}),
    ("talib.APO", {"matype": 6}),
]


@pytest.mark.parametrize("name", OWN)
def test_component_keeps_every_law(name):
    assert [verdict for verdict in check_component(KNOWN.get(name)) if verdict.findings] == []


@pytest.mark.parametrize(("name", "params"), OTHER_PARAMETERS)
def test_component_keeps_every_law_with_other_parameters(name, params):
    assert [
        verdict for verdict in check_component(KNOWN.get(name), params=params, n_bars=250) if verdict.findings
    ] == []


@pytest.mark.parametrize("name", talib_names())
def test_talib_function_does_not_look_ahead_on_any_prefix(name):
    case = make_case(talib_component(name), n_bars=130)
    assert check_prefixes(case) == []
    assert check_warm_up(case) == []
    assert check_unknown_bars(case) == []


@pytest.mark.parametrize("name", talib_names())
def test_talib_function_needs_no_more_than_its_lookback(name):
    component = talib_component(name)
    assert check_lookback(make_case(component, n_bars=component.lookback({}) + 200)) == []


@pytest.mark.parametrize(("name", "params"), RECURSIVE)
def test_recursive_talib_function_needs_no_more_than_its_lookback(name, params):
    component = talib_component(name)
    assert check_lookback(make_case(component, params=params, n_bars=component.lookback(params) + 200)) == []


@pytest.mark.parametrize("name", OWN)
def test_component_does_not_look_ahead_on_real_bars(name):
    path = SHARED / "bars/EURUSD-1m-bid-2025H1.parquet"
    if not path.exists():
        pytest.skip("the shared market data is not there")
    bars = pd.read_parquet(path).set_index("time").iloc[20_000:20_300].astype(float)
    case = case_on(KNOWN.get(name), bars)
    assert check_prefixes(case) == []
    assert check_warm_up(case) == []


@pytest.mark.parametrize("name", [*OWN, "talib.RSI", "talib.CDLENGULFING", "talib.MACD"])
def test_future_bars_change_nothing_before_them(name):
    component = KNOWN.get(name)
    bars = made_up_bars(400, seed=5)
    other = pd.concat([bars.iloc[:250], bars.iloc[250:] * 3.0])
    left, right = (columns_of(compute(component, b, made_up_wires(component, b), {})) for b in (bars, other))
    for output in left:
        np.testing.assert_array_equal(left[output][:250], right[output][:250])


def test_every_law_is_tried():
    assert [verdict.law for verdict in check_component(KNOWN.get("sma"))] == list(LAWS)
