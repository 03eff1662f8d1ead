"""What all tests share: a ledger of trials that is not the user's."""

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def ledger_of_the_tests(tmp_path_factory):
    """Trials made by tests, and by the processes they start, are counted in a folder that goes away."""
    before = os.environ.get("SPTRADER_LEDGER")
    os.environ["SPTRADER_LEDGER"] = str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    yield
    if before is None:
        del os.environ["SPTRADER_LEDGER"]
    else:
        os.environ["SPTRADER_LEDGER"] = before
