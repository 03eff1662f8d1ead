"""Arming: what a session with real money will trade and with which limits, and what must be so before it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sptrader.errors import DataError, RunError
from sptrader.model.ports import Broker
from sptrader.runs.brokers import find_broker
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.order_limits import order_limits
from sptrader.runs.reconcile_policy import policy_words
from sptrader.strategy.spec import Risk


@dataclass(frozen=True)
class Terms:
    """What a session will do, for a person to read before it may: `limits` by name, as the strategy words them, and what a
    difference between its books and the broker leads to.
    """

    strategy: str
    account: str
    broker: str
    symbols: tuple[str, ...]
    timeframe: str
    parameters: Mapping[str, object]
    limits: Mapping[str, str]
    on_difference: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return the terms as lines of text."""
        words = {
            "strategy": self.strategy,
            "account": f"{self.account} at {self.broker}",
            "instruments": f"{', '.join(self.symbols)}, {self.timeframe} bars",
            "parameters": ", ".join(f"{name}={value}" for name, value in self.parameters.items()) or "none",
            **{f"limit {name}": value for name, value in self.limits.items()},
            **self.on_difference,
        }
        return [f"{name:24} {value}" for name, value in words.items()]


def terms(live: LiveSetting) -> Terms:
    """Return what a session will do; a limit that is not set says so."""
    strategy, plan = live.strategy, live.plan
    risk = plan.risk
    limits = {field.name: _limit(getattr(risk, field.name)) for field in fields(Risk)}
    limits |= {f"order {name}": value for name, value in order_limits(strategy.live, mode=live.mode).words().items()}
    return Terms(
        strategy=f"{strategy.name} {strategy.version} ({live.plan_id})",
        account=live.account,
        broker=strategy.live.broker,
        symbols=plan.symbols,
        timeframe=plan.timeframe,
        parameters=dict(plan.parameters),
        limits=limits,
        on_difference=policy_words(live.policy),
    )


def armed_broker(live: LiveSetting, *, armed: str | None, tiers: Mapping[str, str]) -> Broker:
    """Return the broker of a session that may trade real money.

    Raises `RunError` when `armed` does not name its account, `DataError` for bars that passed no checks, and `BrokerError`
    where there is no such broker.
    """
    if armed is None:
        raise RunError(
            f"live trading must be armed: after reading the limits say --arm {live.account}.", key="arm", value=armed
        )
    if armed != live.account:
        raise RunError(
            f"--arm was '{armed}', but the session's account is '{live.account}'; arm the account that is to trade.",
            key="arm",
            value=armed,
        )
    unchecked = [symbol for symbol in live.setting.facts if tiers.get(symbol, "unchecked") == "unchecked"]
    if unchecked:
        raise DataError(
            f"the bars of {', '.join(unchecked)} are unchecked; live trading takes checked or verified ones "
            "(`sptrader data validate` checks them).",
            key="tier",
            value="unchecked",
        )
    return find_broker(live.strategy.live.broker)(live.account)


def _limit(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
