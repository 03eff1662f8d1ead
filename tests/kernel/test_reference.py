"""The kernel and the second engine answer the same, on as many generated cases as `SPTRADER_EXAMPLES` asks for."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.generators import cases
from tests.golden import CASES
from tests.kernel.agreement import disagreements
from tests.kernel.answers import kernel_answer
from tests.reference import run_case
from tests.reference_data import RefCase

EXAMPLES = int(os.environ.get("SPTRADER_EXAMPLES", "2000"))
SHARDS = 4  # of the examples, so that they spread over processes


@pytest.mark.parametrize("shard", range(SHARDS))
def test_agrees_with_the_second_engine(shard: int) -> None:
    @seed(shard)
    @settings(
        max_examples=-(-EXAMPLES // SHARDS), deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases(strained=shard == 0))
    def agrees(case: RefCase) -> None:
        assert disagreements(kernel_answer(case), run_case(case)) == []

    agrees()


def test_a_disagreement_is_seen() -> None:
    case = CASES[0].case
    dearer = replace(case, rules=replace(case.rules, fee_minimum=2e-9))
    lines = disagreements(kernel_answer(dearer), run_case(case))
    assert lines[0].startswith("fill 0: kernel 1, ACME, 10.000000000000, 100.320000000000, 0.000000002000, entry")
    assert {line.split()[0] for line in lines} == {"fill", "trade", "equity", "cash"}
