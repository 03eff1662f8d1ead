"""Each component computed once, in the order in which they need each other, under its name."""

import numpy as np
import pytest

from sptrader.components.loader import registry
from sptrader.errors import ComponentError
from sptrader.model.instrument import instrument
from sptrader.orchestrator.columns import indicator_columns, make_columns, signal_columns
from sptrader.strategy.plan import make_plan
from tests.orchestrator.tiny import bars, rules

USED = {
    "indicators": "{fast: {type: sma, period: 2}, slow: {type: sma, period: 3}, bb: {type: bollinger, period: 3}}",
    "signals": "{cross: {type: ma_crossover, fast: fast, slow: slow}}",
    "entry": "{long: {when: [{signal: cross, type: golden_cross}, close > bb.middle]}}",
}


def made(rows, **sections):
    plan = make_plan(rules(**{**USED, **sections}), None, registry())
    return make_columns(plan, bars(rows), instrument("EURUSD")), plan


def test_columns_stand_under_the_names_of_the_strategy():
    # closes 3 2 1 4: averages of two 2.5 1.5 2.5, of three 2 2.333: the fast one crosses above on the last bar
    columns, plan = made([3.0, 2.0, 1.0, 4.0])

    assert set(indicator_columns(columns, plan)) == {"fast", "slow", "bb.upper", "bb.middle", "bb.lower"}
    assert columns["fast"].tolist() == pytest.approx([np.nan, 2.5, 1.5, 2.5], nan_ok=True)
    assert columns["bb.middle"].tolist() == pytest.approx(columns["slow"].tolist(), nan_ok=True)
    (signal,) = signal_columns(columns).values()
    assert signal.types[signal.codes[3]] == "golden_cross"
    assert signal.codes.tolist()[:3] == [-1, -1, -1]
    assert columns["pip"] == 0.0001


def test_component_that_raises_is_named_with_its_cause(tmp_path, monkeypatch):
    folder = tmp_path / "components" / "indicators"
    folder.mkdir(parents=True)
    (folder / "sma.py").write_text(
        "import numpy as np\nfrom sptrader.components import indicator\n\n\n"
        "@indicator(category='trend', lookback=lambda period: period)\n"
        "def sma(close: np.ndarray, period: int = 2) -> np.ndarray:\n"
        '    """Fails."""\n    raise ZeroDivisionError("nothing to divide by")\n'
    )
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))

    with pytest.raises(ComponentError, match=r"sma.*nothing to divide by"):
        made([3.0, 2.0, 1.0])
