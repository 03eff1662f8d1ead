"""Paper faults: what a person asks a paper broker to do wrong, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from sptrader.errors import BrokerError, RunError, did_you_mean
from sptrader.execution.faults import Faults


def faults_of(texts: Sequence[str]) -> Faults:
    """Return the faults of texts such as `latency_bars=1` or `reject_rate=0.05,seed=7`; none of them is no fault.

    Names and bounds are those of `Faults`. Raises `RunError` for another name, a text that is no number, or one out of bounds.
    """
    kinds = {field.name: (int if isinstance(field.default, int) else float) for field in fields(Faults)}
    given: dict[str, float] = {}
    for part in (part.strip() for text in texts for part in text.split(",") if part.strip()):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in kinds:
            raise RunError(
                f"fault '{name}' is not known{did_you_mean(name, kinds) or '.'} Known faults: {', '.join(kinds)}.",
                key="faults",
                value=part,
            )
        try:
            given[name] = kinds[name](value)
        except ValueError:
            allowed = "a whole number" if kinds[name] is int else "a number"
            raise RunError(f"fault {name} was '{value}'; allowed is {allowed}.", key="faults", value=part) from None
    try:
        return Faults(**given)  # type: ignore[arg-type]
    except BrokerError as error:
        raise RunError(str(error), key="faults") from error
