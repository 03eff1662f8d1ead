"""`sptrader strategies`: what it prints, and which errors it leaves to the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sptrader.cli.strategies import app
from sptrader.errors import StrategyError

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_a_new_strategy_is_without_fault_and_listed(folder: Path) -> None:
    made = RUN.invoke(app, ["new", "my_first"], catch_exceptions=False)
    checked = RUN.invoke(app, ["check", "my_first"], catch_exceptions=False)
    listed = RUN.invoke(app, ["list", "--json"], catch_exceptions=False)

    assert made.stdout.strip() == str(Path("strategies/my_first.yaml"))
    assert checked.stdout == "my_first: no faults\n"
    row = json.loads(listed.stdout)["strategies"][0]
    assert (row["name"], row["version"], row["market"], row["faults"]) == ("my_first", "0.1.0", "EURUSD 1h", [])


def test_a_new_strategy_never_overwrites(folder: Path) -> None:
    RUN.invoke(app, ["new", "mine"])

    again = RUN.invoke(app, ["new", "mine"])
    wrong = RUN.invoke(app, ["new", "../mine"])

    assert isinstance(again.exception, StrategyError)
    assert "exists already" in str(again.exception)
    assert isinstance(wrong.exception, StrategyError)


def test_check_names_the_faults_of_all_files(folder: Path) -> None:
    (folder / "a.yaml").write_text("name: a\n")
    (folder / "b.yaml").write_text("name: [b\n")

    told = RUN.invoke(app, ["check", "a.yaml", "b.yaml"])
    as_json = RUN.invoke(app, ["check", "a.yaml", "b.yaml", "--json"])

    assert isinstance(told.exception, StrategyError)
    assert "a.yaml:1:1: version: is missing" in str(told.exception)
    assert "b.yaml:2:1: this is not YAML" in str(told.exception)
    assert as_json.exit_code == 2
    assert sorted(json.loads(as_json.stdout)["faults"]) == ["a.yaml", "b.yaml"]


def test_list_shows_broken_files_too(folder: Path) -> None:
    (folder / "a.yaml").write_text("name: a\n")

    listed = RUN.invoke(app, ["list", "--folder", "."], catch_exceptions=False)

    assert "has 4 faults" in listed.stdout
    assert isinstance(RUN.invoke(app, ["list", "--folder", "nowhere"]).exception, StrategyError)


def test_show_prints_the_rules_with_the_defaults_put_in(folder: Path) -> None:
    shown = RUN.invoke(app, ["show", "rsi_reversion"], catch_exceptions=False)
    as_json = json.loads(RUN.invoke(app, ["show", "ma_crossover", "--json"], catch_exceptions=False).stdout)

    assert "leave long: rsi > 55 or position.bars > 48 and position.pnl > 0" in shown.stdout
    assert as_json["rules"]["enter short"] == "cross is death_cross"
    assert as_json["components"]["fast_ma"] == "ema(period=12)"
    assert as_json["parameters"]["fast"] == "12 (a whole number from 5 to 50)"


def test_the_schema_is_json(folder: Path) -> None:
    printed = RUN.invoke(app, ["schema"], catch_exceptions=False)
    RUN.invoke(app, ["schema", "--out", "s.json"], catch_exceptions=False)

    assert json.loads(printed.stdout)["title"] == "sptrader strategy"
    assert json.loads((folder / "s.json").read_text()) == json.loads(printed.stdout)
