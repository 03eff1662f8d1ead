"""Faults of a paper broker as a person writes them."""

from __future__ import annotations

import pytest

from sptrader.errors import RunError
from sptrader.execution.faults import Faults
from sptrader.runs.paper_faults import faults_of


def test_faults_are_read_from_one_text_or_several() -> None:
    assert faults_of([]) == Faults()
    assert faults_of(["reject_rate=0.05, seed=7", "latency_bars=2"]) == Faults(seed=7, latency_bars=2, reject_rate=0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rejct_rate=0.1", "did you mean 'reject_rate'"),
        ("latency_bars=1.5", "allowed is a whole number"),
        ("lost_rate=2", "lost_rate was 2.0"),
        ("seed", "seed was ''"),
    ],
)
def test_what_is_no_fault_is_refused(text: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        faults_of([text])
