"""Brokers: the adapters that packages bring, found by the entry points of group `sptrader.brokers`.

An entry point names a function that takes the account's name and gives a `sptrader.model.ports.Broker`; its credentials it
takes from `sptrader.execution.credentials`. The suite in `tests/execution/broker_suite.py` says what it must do.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from sptrader.errors import BrokerError, did_you_mean
from sptrader.model.ports import Broker

GROUP = "sptrader.brokers"
PAPER = "paper"
_VERBS = ("submit", "cancel", "amend", "reports", "find_order", "fills", "open_orders", "positions", "account_state")


def broker_names() -> list[str]:
    """Return the names of the brokers that installed packages bring."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find_broker(name: str) -> Callable[[str], Broker]:
    """Return what makes the broker `name` for an account; raises `BrokerError` where no package brings it."""
    known = broker_names()
    if name == PAPER:
        raise BrokerError(
            "the strategy's live.broker is 'paper', which trades no real money; name a broker there, or say --mode paper. "
            f"{_known(known)}",
            key="broker",
            value=name,
        )
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise BrokerError(
            f"no installed package brings a broker '{name}'{did_you_mean(name, known) or '.'} {_known(known)}",
            key="broker",
            value=name,
        )
    if len(found) > 1:
        places = ", ".join(point.value for point in found)
        raise BrokerError(f"several packages bring a broker '{name}': {places}; keep one.", key="broker", value=name)
    return lambda account: _made(found[0], account)


def _known(known: list[str]) -> str:
    there = ", ".join(known) if known else "none is installed"
    return (
        f"Known brokers: {there}. A broker is a class that follows the protocol sptrader.model.ports.Broker, in a package "
        f"with an entry point of group {GROUP}."
    )


def _made(point: EntryPoint, account: str) -> Broker:
    """The broker, which must have every verb and be of the account asked for."""
    try:
        make = point.load()
    except (ImportError, AttributeError) as error:
        raise BrokerError(
            f"the broker '{point.name}' ({point.value}) cannot be loaded: {error}.", key="broker"
        ) from error
    broker: Broker = make(account)
    lacking = [verb for verb in _VERBS if not callable(getattr(broker, verb, None))]
    if lacking:
        raise BrokerError(
            f"the broker '{point.name}' ({point.value}) lacks {', '.join(lacking)} of sptrader.model.ports.Broker.",
            key="broker",
            value=point.name,
        )
    if broker.account != account:
        raise BrokerError(
            f"the broker '{point.name}' opened account '{broker.account}', asked for was '{account}'.",
            key="account",
            value=broker.account,
        )
    return broker
