"""`sptrader components`: list, show, run, check and new."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sptrader.cli.components import app
from sptrader.errors import ComponentError

SAMPLE = Path(__file__).parents[2] / "sptrader/data/samples/EURUSD-1h.parquet"


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("SPTRADER_TEST_DATASET", str(SAMPLE))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_list_shows_shipped_and_own_components_and_what_is_broken(workspace):
    run("new", "ema")
    (workspace / "components" / "broken.py").write_text("import nothing_of_this_name\n")
    listed = json.loads(run("list", "--json").stdout)
    by_name = {row["name"]: row for row in listed["components"]}
    assert by_name["sma"]["from"] == "shipped"
    assert by_name["ema"]["from"] == "workspace (overrides the shipped one)"
    assert by_name["ma_crossover"]["wires"] == ["fast", "slow"]
    assert list(listed["faults"]) == ["broken"]
    assert "talib.RSI" not in by_name
    told = run("list")
    assert "ma_crossover" in told.stdout
    assert "not usable" in told.stderr


def test_list_names_talib_when_asked():
    listed = json.loads(run("list", "--talib", "--json").stdout)
    assert sum(row["name"].startswith("talib.") for row in listed["components"]) > 150


def test_show_tells_parameters_and_description():
    told = run("show", "bollinger").stdout
    assert "deviations = 2.0, a number in 0.1..10" in told
    assert "population" in told
    facts = json.loads(run("show", "ema", "--json").stdout)
    assert facts["parameters"]["period"] == {"default": 20, "type": "int", "low": 2, "high": 500, "choices": []}
    assert facts["lookback"] == 220


def test_show_of_an_unknown_component_is_an_error():
    with pytest.raises(ComponentError, match="did you mean 'ema'"):
        run("show", "emma")


def test_run_computes_on_the_environments_bars():
    outcome = json.loads(
        run(
            "run",
            "ma_crossover",
            "--wire",
            "fast=ema,period=12",
            "--wire",
            "slow=ema,period=26",
            "--rows",
            "1",
            "--json",
        ).stdout
    )
    assert outcome["events"] == {"golden_cross": 101, "death_cross": 100}
    assert outcome["rows"][0]["type"] == "golden_cross"
    told = run("run", "rsi", "--param", "period=5").stdout
    assert "6,225 bars" in told


def test_run_takes_an_output_as_a_wire():
    arguments = ["--wire", "upper=donchian.upper,period=20", "--wire", "lower=donchian.lower", "--json"]
    assert json.loads(run("run", "breakout", *arguments).stdout)["events"]["breakout_up"] > 20


def test_malformed_options_are_errors():
    with pytest.raises(ComponentError, match="--param was 'period'; allowed is name=value"):
        run("run", "rsi", "--param", "period")
    with pytest.raises(ComponentError, match="'period' was 1; allowed is"):
        run("run", "rsi", "--param", "period=1")


def test_new_components_keep_every_law(workspace):
    for kind in ("indicator", "signal"):
        assert run("new", f"my_{kind}", "--kind", kind).exit_code == 0
    told = json.loads(run("check", "my_indicator", "my_signal", "--json").stdout)
    assert told["broken"] == []
    assert told["components"]["my_signal"]["no look-ahead"] == []


def test_check_of_a_component_that_looks_ahead_fails(workspace):
    path = workspace / "components" / "indicators" / "ahead.py"
    run("new", "ahead")
    path.write_text(path.read_text().replace("rolling(period)", "rolling(period, center=True)"))
    with pytest.raises(ComponentError, match="laws are broken by: ahead") as caught:
        run("check", str(path))
    assert caught.value.is_failure
