"""Runs as reports see them."""

import pytest

from tests.made_run import made_run


@pytest.fixture(scope="session")
def run():
    return made_run()


@pytest.fixture(scope="session")
def run_of_two():
    return made_run(symbols=("EURUSD", "GBPUSD"))


@pytest.fixture(scope="session")
def run_without_trades():
    return made_run(n_trades=0)
