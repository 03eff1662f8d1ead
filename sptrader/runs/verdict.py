"""The verdict: what a run says in one sentence, as sure as what speaks against it lets it be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sptrader.runs.doctor import Finding


@dataclass(frozen=True)
class Verdict:
    """`tone` is `good`, `fair` or `poor`; a `headline`, and the `sentence` that backs it."""

    tone: str
    headline: str
    sentence: str


def verdict(metrics: Mapping[str, float], findings: Sequence[Finding]) -> Verdict:
    """Judge a run by its metrics (SPEC names) and by what the doctor found; only a run without findings is good."""
    gain, held = metrics["total_return"], metrics["benchmark_return"]
    codes = {finding.code for finding in findings}
    if "no_trades" in codes:
        return Verdict("poor", "It closed no trade.", "Nothing can be said of a strategy that did not trade.")
    if "look_ahead" in codes:
        tone, headline = "poor", "Not to be believed: it looks ahead."
    elif gain <= 0:
        tone, headline = "poor", "It lost money."
    elif math.isfinite(held) and gain < held:
        tone, headline = "fair", "It made money, but less than buy and hold."
    else:
        tone, headline = ("fair" if findings else "good"), "It made money."
    against = f" against {held:+.2%} of buy and hold" if math.isfinite(held) else ""
    sentence = (
        f"{gain:+.2%}{against}, {metrics['max_drawdown']:.2%} the deepest fall, "
        f"{metrics['trades']:,.0f} trades of which {metrics['win_rate']:.0%} won."
    )
    return Verdict(tone, headline, sentence)
