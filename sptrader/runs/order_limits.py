"""Order limits: what binds orders on their way to the broker: the strategy's `live:` section, the mode, and what is said over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sptrader.errors import BrokerError, RunError, did_you_mean
from sptrader.execution.safety import Limits
from sptrader.strategy.spec import Live

OFF = Limits(None, None, None, None, None)  # on paper a session is its backtest unless limits are asked for
UNPROTECTED_AFTER_S = 60.0


@dataclass(frozen=True)
class OrderLimits:
    """What is checked before an order is sent, and how long a position may be without its stop (seconds)."""

    checks: Limits = OFF
    unprotected_after_s: float = UNPROTECTED_AFTER_S

    def words(self) -> dict[str, str]:
        """Return each limit by name, for a person who arms an account."""
        said = {field.name: getattr(self.checks, field.name) for field in fields(Limits)}
        said["unprotected_after_s"] = self.unprotected_after_s
        return {name: "off" if value is None else f"{value:g}" for name, value in said.items()}


def order_limits(live: Live, *, mode: str, said: Mapping[str, float | None] | None = None) -> OrderLimits:
    """Return the limits of a session; `said` (by name, None for off) goes before the strategy's `live:` section.

    On paper what is not given is off; live it has the defaults of `Limits`, and `max_order_notional` must be given.
    """
    given = dict(said or {})
    names = [field.name for field in fields(Limits)] + ["unprotected_after_s"]
    for name in given:
        if name not in names:
            raise RunError(
                f"limit '{name}' is not known{did_you_mean(name, names) or '.'} Known limits: {', '.join(names)}.",
                key=name,
                value=name,
            )
    own = {name: getattr(live, "price_collar" if name == "price_collar_rate" else name) for name in names}
    given = {**{name: value for name, value in own.items() if value is not None}, **given}
    if mode == "live" and given.get("max_order_notional") is None:
        raise RunError(
            "live trading needs a largest order: say live.max_order_notional in the strategy, account currency.",
            key="live.max_order_notional",
        )
    unprotected = given.pop("unprotected_after_s", UNPROTECTED_AFTER_S)
    if unprotected is None or not 0.0 < unprotected < float("inf"):
        raise RunError(
            f"unprotected_after_s was {unprotected}; allowed are seconds above 0.", key="unprotected_after_s"
        )
    default = Limits(max_order_notional=None) if mode == "live" else OFF
    values = {field.name: given.get(field.name, getattr(default, field.name)) for field in fields(Limits)}
    per_minute = values["orders_per_minute"]
    try:
        checks = Limits(**{**values, "orders_per_minute": None if per_minute is None else int(per_minute)})
    except BrokerError as error:
        raise RunError(str(error), key="limits") from error
    return OrderLimits(checks, unprotected)
