"""Live setting: what a session trades, from where, for whom; the same for every process that takes part in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sptrader.components.loader import registry
from sptrader.errors import RunError, StreamError
from sptrader.execution.reconcile import Policy
from sptrader.model.bars import BarsFacts
from sptrader.model.ids import PAPER
from sptrader.model.instrument import instrument
from sptrader.model.period import TimeLike, period_ns
from sptrader.orchestrator.session import Setting
from sptrader.runs.financing import financing_file, night_rates
from sptrader.runs.prepare import account_of
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.strategy import Strategy

MODES = ("paper", "live")


@dataclass(frozen=True)
class LiveSetting:
    """A session: `setting` is what the orchestrator folds, `plan_id` names strategy, parameters and components at once.

    `max_age_s` is how old a signal may be when it arrives; None for any age. `policy` says what a difference between books and
    broker leads to.
    """

    strategy: Strategy
    setting: Setting
    plan_id: str
    mode: str
    max_age_s: float | None = None
    policy: Policy = field(default_factory=Policy)

    @property
    def account(self) -> str:
        """The account it trades in."""
        return self.setting.account

    @property
    def plan(self) -> Plan:
        """The strategy with its parameters."""
        return self.setting.plan


def make_live_setting(
    strategy: Strategy | str | Path,
    facts: Mapping[str, BarsFacts],
    *,
    symbols: Sequence[str] = (),
    params: Mapping[str, object] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    start: TimeLike | None = None,
    mode: str = "paper",
    account: str = PAPER,
    max_age_s: float | None = None,
    policy: Policy | None = None,
) -> LiveSetting:
    """Put a session together; `facts` are of the bars of every instrument, those that only convert currencies included.

    `symbols` are traded instead of the strategy's. Raises as `sp.backtest`.
    """
    if mode not in MODES:
        raise RunError(f"mode was '{mode}'; allowed are {', '.join(MODES)}.", key="mode", value=mode)
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    plan = make_plan(loaded, params, registry())
    traded = tuple(symbols) or plan.symbols or tuple(facts)[:1]
    missing = [symbol for symbol in traded if symbol not in facts]
    if missing:
        raise RunError(f"bars of {', '.join(missing)} are missing; given were {', '.join(facts)}.", key="bars")
    timeframes = sorted({known.timeframe for known in facts.values()})
    if len(timeframes) > 1:
        raise RunError(f"the bars were of different timeframes ({', '.join(timeframes)}); allowed is one.", key="bars")
    instruments = {symbol: instrument(symbol, loaded.market.instruments) for symbol in facts}
    plan = replace(plan, symbols=traded, instruments={s: instruments[s] for s in traded}, timeframe=timeframes[0])
    money, own = account_of(plan, cash, currency)
    start_ns, _ = period_ns(start, None)
    if start_ns is None and plan.start is not None:
        start_ns = period_ns(plan.start, None)[0]
    return LiveSetting(
        strategy=loaded,
        setting=Setting(
            plan=plan,
            facts=dict(facts),
            instruments=instruments,
            account=account,
            cash=money,
            currency=own,
            start_ns=start_ns,
            nights=night_rates(financing_file(plan)),
        ),
        plan_id=plan_digest(plan, account, money, own, start_ns),
        mode=mode,
        max_age_s=max_age_s,
        policy=policy or Policy(),
    )


def plan_digest(plan: Plan, account: str, cash: float, currency: str, start_ns: int | None) -> str:
    """Return a short digest of all that decides what a session does with its inputs, and whose it is."""
    facts = {
        "strategy": plan.strategy.source_hash,
        "parameters": dict(plan.parameters),
        "symbols": plan.symbols,
        "timeframe": plan.timeframe,
        "components": sorted((call.component.name, call.component.source_hash) for call in plan.calls),
        "account": (account, cash, currency, start_ns),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def encode_facts(facts: BarsFacts, tier: str = "") -> bytes:
    """Return what is known of bars, with the tier that their checks gave them, as the bytes of their key."""
    return json.dumps({**asdict(facts), "tier": tier}).encode()


def decode_facts(body: bytes) -> tuple[BarsFacts, str]:
    """Return what a feed said of its bars, and their tier; raises `StreamError` for what is no such fact."""
    try:
        told = json.loads(body)
        tier = str(told.pop("tier", ""))
        return BarsFacts(**told), tier or "unchecked"
    except (ValueError, TypeError, AttributeError) as error:
        raise StreamError(f"what the server says of the bars cannot be read: {error}.", key="facts") from error
