"""Runs as reports see them, and runs in their folders."""

import pytest

import sptrader as sp
from tests.made_run import made_run
from tests.orchestrator.tiny import ROWS, bars, text_of


@pytest.fixture(scope="session")
def run():
    return made_run()


@pytest.fixture(scope="session")
def run_of_two():
    return made_run(symbols=("EURUSD", "GBPUSD"))


@pytest.fixture(scope="session")
def run_without_trades():
    return made_run(n_trades=0)


@pytest.fixture(scope="session")
def year():
    return sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"))


@pytest.fixture(scope="session")
def folder(year, tmp_path_factory):
    return year.save(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(text_of(indicators="{mean: {type: sma, period: 2}}"))
    return sp.backtest(path, bars(ROWS, [1, 0, 3])).save(tmp_path / "runs")
