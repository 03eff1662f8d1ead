"""A component runs alone: its file as a program, its inputs connected by name."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.components import component_of, compute, indicator, registry
from sptrader.components.check import made_up_bars
from sptrader.components.loader import shipped_folder
from sptrader.components.run import connect, describe, result_frame, summarise
from sptrader.errors import ComponentError

BARS = made_up_bars(300, seed=4)
KNOWN = registry()


def test_arguments_are_sorted_into_wires_and_parameters():
    component = KNOWN.get("ma_crossover")
    inputs = connect(component, {"fast": {"type": "ema", "period": 5}, "slow": "close", "window": 9}, BARS, KNOWN)
    np.testing.assert_array_equal(inputs.wired["fast"], compute(KNOWN.get("ema"), BARS, {}, {"period": 5})[""])
    np.testing.assert_array_equal(inputs.wired["slow"], BARS["close"])
    assert inputs.params == {"window": 9}


def test_wires_nest_and_name_an_output():
    wire = {"type": "sma", "close": {"type": "donchian", "output": "lower", "period": 4}, "period": 2}
    inputs = connect(KNOWN.get("threshold"), {"value": wire}, BARS, KNOWN)
    expected = BARS["low"].rolling(4).min().rolling(2).mean()
    np.testing.assert_allclose(inputs.wired["value"], expected)


def test_name_alone_means_its_defaults():
    for text, expected in (
        ("rsi", ("rsi", "")),
        ("donchian.lower", ("donchian", "lower")),
        ("talib.RSI", ("talib.RSI", "")),
    ):
        inputs = connect(KNOWN.get("threshold"), {"value": text}, BARS, KNOWN)
        name, output = expected
        np.testing.assert_array_equal(inputs.wired["value"], compute(KNOWN.get(name), BARS, {}, {})[output])


def test_wires_that_lead_nowhere_are_named():
    component = KNOWN.get("threshold")
    with pytest.raises(ComponentError, match="component 'rsj' is not known; did you mean 'rsi'"):
        connect(component, {"value": "rsj"}, BARS, KNOWN)
    with pytest.raises(ComponentError, match=r"'threshold.value' was 7; allowed is a market column"):
        connect(component, {"value": 7}, BARS, KNOWN)
    with pytest.raises(ComponentError, match="'donchian' has no output 'uper'; did you mean 'upper'"):
        connect(component, {"value": {"type": "donchian", "output": "uper"}}, BARS, KNOWN)


def test_description_tells_the_whole_signature():
    text = describe(KNOWN.get("talib.BBANDS"))
    for part in (
        "price (close)",
        "timeperiod = 20, a whole number in 2..100000",
        "upperband, middleband, lowerband",
        "19 bars",
    ):
        assert part in text


def test_summary_counts_events_and_known_values():
    close = BARS["close"].to_numpy()
    signals = compute(KNOWN.get("threshold"), BARS, {"value": close}, {})
    table = result_frame(signals, BARS.index)
    assert table["type"].notna().sum() == (signals.codes >= 0).sum() > 0
    assert "crossed_above_upper" in summarise(signals, BARS)
    text = summarise(compute(KNOWN.get("sma"), BARS, {}, {"period": 20}), BARS, n_rows=2)
    assert "281" in text
    assert str(BARS.index[-1]) in text


def test_component_defined_in_a_session_can_be_described():
    @indicator(category="any")
    def loose(close: pd.Series) -> pd.Series:
        """Loose."""
        return close

    assert "source      loose" in describe(component_of(loose))


def run_file(name, **environment):
    variables = {key: value for key, value in os.environ.items() if not key.startswith("SPTRADER_")}
    return subprocess.run(
        [sys.executable, shipped_folder() / name],
        env={**variables, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )


def test_a_components_file_is_a_program_on_the_environments_bars():
    pytest.importorskip("sptrader.runs.component")
    sample = Path(__file__).parents[2] / "sptrader/data/samples/EURUSD-1h.parquet"
    done = run_file("signals/ma_crossover.py", SPTRADER_TEST_DATASET=str(sample))
    assert (done.returncode, done.stderr) == (0, "")
    # counted by pandas: ewm(12) and ewm(26) of the close cross 101 times up and 100 times down
    assert "golden_cross              101 events" in done.stdout
    assert "death_cross               100 events" in done.stdout


def test_a_program_without_data_says_what_is_missing_in_one_line():
    done = run_file("indicators/ema.py")
    assert done.returncode == 2
    assert "SPTRADER_TEST_DATASET" in done.stderr
    assert "Traceback" not in done.stderr
