"""The broker suite over the paper broker, as it is and with everything going wrong that may."""

from __future__ import annotations

import pytest

from sptrader.execution.faults import Faults
from tests.execution.broker_suite import BrokerSuite
from tests.execution.desk import Desk, desk


class TestPaperBroker(BrokerSuite):
    @pytest.fixture
    def stage(self) -> Desk:
        return desk()


class TestPaperBrokerOneBarLate(BrokerSuite):
    @pytest.fixture
    def stage(self) -> Desk:
        return desk(Faults(latency_bars=1))


class TestPaperBrokerWithFaults(BrokerSuite):
    @pytest.fixture(params=range(5))
    def stage(self, request: pytest.FixtureRequest) -> Desk:
        return desk(
            Faults(
                seed=request.param,
                latency_bars=request.param % 3,
                partial_rate=0.7,
                lost_rate=0.5,
                duplicate_rate=0.5,
                delay_rate=0.5,
                delay_bars=1 + request.param % 3,
            )
        )
