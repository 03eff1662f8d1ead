"""A component in a child process fails alone: by looping, dying, eating memory or raising."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sptrader.components import Signals, component_of, compute, indicator, load_component, registry
from sptrader.components.check import made_up_bars
from sptrader.components.sandbox import Limits, check_apart, compute_apart
from sptrader.errors import ComponentError

BARS = made_up_bars(300, seed=1)
SOURCE = '''
import os
import numpy as np
from sptrader.components import indicator


@indicator(category="bad")
def bad(close: np.ndarray, how: str = "loop", period: int = 3) -> np.ndarray:
    """Misbehave."""
    print("said by the component")
    while how == "loop":
        pass
    if how == "hoard":
        kept = [np.ones(2_000_000) for _ in range(10**6)]
        return kept[0]
    if how == "giant":
        return np.ones(10**12)
    if how == "exit":
        os._exit(3)
    if how == "raise":
        raise ValueError("on purpose")
    return close[:-1] if how == "short" else close
'''


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(SOURCE)
    return load_component(path)


def run(component, how, **limits):
    return compute_apart(component, BARS, {}, {"how": how}, limits=Limits(**({"time_s": 60.0} | limits)))


def test_result_is_the_same_as_without_a_child():
    component = registry().get("ma_crossover")
    close = BARS["close"].to_numpy()
    wired = {"fast": close, "slow": np.full(300, 50.0)}
    apart, here = compute_apart(component, BARS, wired, {"window": 5}), compute(component, BARS, wired, {"window": 5})
    assert isinstance(apart, Signals)
    assert apart.types == here.types
    np.testing.assert_array_equal(apart.codes, here.codes)
    np.testing.assert_array_equal(apart.strength, here.strength)
    assert (here.codes >= 0).any()


def test_talib_function_runs_in_a_child_too():
    component = registry().get("talib.RSI")
    here = compute(component, BARS, {}, {"timeperiod": 5})
    np.testing.assert_array_equal(compute_apart(component, BARS, {}, {"timeperiod": 5})[""], here[""])


def test_endless_loop_is_ended(bad):
    with pytest.raises(
        ComponentError, match=r"'bad' with how=loop on 300 bars from 2020-01-01 .* did not finish within 1.5 s"
    ):
        run(bad, "loop", time_s=1.5)


@pytest.mark.parametrize("how", ["hoard", "giant"])
def test_eating_memory_is_ended(bad, how):
    with pytest.raises(ComponentError, match=f"'bad' with how={how} .* needed more than 200 MB of memory"):
        run(bad, how, memory_mb=200)


def test_dying_is_noticed(bad):
    with pytest.raises(ComponentError, match=r"ended its process \(exit code 3\)"):
        run(bad, "exit")


def test_raising_keeps_the_original_traceback_and_the_file(bad):
    with pytest.raises(ComponentError, match="ValueError: on purpose") as caught:
        run(bad, "raise")
    assert 'raise ValueError("on purpose")' in str(caught.value)
    assert "how=raise, period=3" in str(caught.value)
    assert caught.value.path == str(bad.source_path)


def test_wrong_length_is_refused(bad):
    with pytest.raises(ComponentError, match=r"the shape \(299,\)"):
        run(bad, "short")


def test_what_a_component_prints_does_not_reach_standard_output(bad, capfd):
    run(bad, "behave")
    caught = capfd.readouterr()
    assert caught.out == ""
    assert "said by the component" in caught.err


def test_laws_are_tried_in_a_child_with_the_same_limits(bad):
    verdicts = {verdict.law: verdict.findings for verdict in check_apart(bad, {"how": "behave"})}
    assert not any(verdicts.values())
    with pytest.raises(ComponentError, match="on made-up bars did not finish"):
        check_apart(bad, {"how": "loop"}, limits=Limits(time_s=1.5))


def test_component_without_a_file_is_refused():
    @indicator(category="any")
    def loose(close: np.ndarray) -> np.ndarray:
        """Loose."""
        return close

    with pytest.raises(ComponentError, match="'loose' is in no file"):
        compute_apart(component_of(loose), BARS, {}, {})


def test_memory_is_watched_where_the_system_bounds_nothing():
    code = (
        "import resource, time\n"
        "from sptrader.components import sandbox\n"
        "resource.setrlimit = lambda *given: None\n"
        "sandbox.limit_memory(50)\n"
        "kept = [bytearray(b'x' * 2**20) for _ in range(400)]\n"
        "time.sleep(20)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60)
    assert done.returncode == 77
