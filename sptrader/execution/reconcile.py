"""Reconcile: what the books expect beside what the broker shows; each difference named, judged by policy, none overwritten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from sptrader.errors import BrokerError
from sptrader.execution.record import Record
from sptrader.execution.resolving import was_filled_by_hand
from sptrader.model.orders import BrokerAccount, BrokerPosition, Fill, OpenOrder, OrderStatus

Decision = Literal["adopt", "refuse", "halt"]
_SEVERITY: dict[Decision, int] = {"adopt": 0, "refuse": 1, "halt": 2}


class Case(StrEnum):
    """How the broker's evidence stands to the books."""

    SAME = "same"
    BROKER_HAS_MORE = "broker_has_more"
    BROKER_HAS_LESS = "broker_has_less"
    OPPOSITE = "opposite"
    BROKER_FLAT = "broker_flat"
    FOREIGN_POSITION = "foreign_position"
    EXTRA_ORDER = "extra_order"
    MISSING_ORDER = "missing_order"
    MISSED_FILL = "missed_fill"
    UNPROVEN_FILL = "unproven_fill"
    MISSED_END = "missed_end"
    MISSED_CHILD = "missed_child"
    WRONG_ACCOUNT = "wrong_account"
    WRONG_CURRENCY = "wrong_currency"


@dataclass(frozen=True)
class Policy:
    """What each difference leads to: `adopt` the books take the broker's version, `refuse` the symbol takes no new risk until
    it is settled, `halt` nothing is traded at all.

    The defaults halt for whatever touches money. Adopted is only what the broker's history proves: missed fills that explain
    the position one by one, the end of an order whose fills are all known, children of an entry that is known.
    """

    broker_has_more: Decision = "halt"
    broker_has_less: Decision = "halt"
    opposite: Decision = "halt"
    broker_flat: Decision = "halt"
    foreign_position: Decision = "halt"
    extra_order: Decision = "halt"
    missing_order: Decision = "halt"
    missed_fill: Decision = "adopt"
    unproven_fill: Decision = "halt"
    missed_end: Decision = "adopt"
    missed_child: Decision = "adopt"
    wrong_account: Decision = "halt"
    wrong_currency: Decision = "halt"

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value not in _SEVERITY:
                raise BrokerError(
                    f"policy of {one.name} was {value!r}; allowed are adopt, refuse and halt.",
                    key=one.name,
                    value=value,
                )
        for name in ("wrong_account", "wrong_currency", "unproven_fill"):
            if getattr(self, name) == "adopt":
                raise BrokerError(
                    f"policy of {name} was 'adopt'; there is nothing to adopt. Allowed are refuse and halt."
                )

    def of(self, case: Case) -> Decision:
        """Return what the policy says about a case."""
        decision: Decision = "adopt" if case is Case.SAME else getattr(self, case.value)
        return decision


@dataclass(frozen=True)
class Expected:
    """What the books say: whose account in which currency, signed quantities by symbol, and the records of execution."""

    account: str
    currency: str
    positions: Mapping[str, Decimal]
    records: Mapping[str, Record]


@dataclass(frozen=True)
class Evidence:
    """What the broker shows: the account, positions, working orders, fills of its history, and what it knows of our orders."""

    account: BrokerAccount
    positions: tuple[BrokerPosition, ...]
    open_orders: tuple[OpenOrder, ...]
    fills: tuple[Fill, ...] = ()
    history: Mapping[str, OpenOrder] = field(default_factory=dict)


class Finding(NamedTuple):
    """One comparison: the case, what it is about, both versions, what the policy decides, and all that as a sentence.

    `fills` and `order` are what is to be adopted.
    """

    case: Case
    symbol: str
    client_order_id: str
    expected: str
    found: str
    decision: Decision
    sentence: str
    fills: tuple[Fill, ...] = ()
    order: OpenOrder | None = None


@dataclass(frozen=True)
class Reconciliation:
    """All findings; `same` ones too, so that a log shows what was compared."""

    findings: tuple[Finding, ...]

    @property
    def decision(self) -> Decision:
        """The hardest of all decisions."""
        return max((finding.decision for finding in self.findings), key=_SEVERITY.__getitem__, default="adopt")

    @property
    def blocked(self) -> frozenset[str]:
        """The symbols that take no new risk."""
        return frozenset(finding.symbol for finding in self.findings if finding.decision == "refuse")

    @property
    def adopted_fills(self) -> tuple[Fill, ...]:
        """The fills that the books are to take in, in the order of the broker's history; none while anything halts."""
        if self.decision == "halt":
            return ()
        return tuple(fill for one in self.findings if one.decision == "adopt" for fill in one.fills)

    @property
    def differences(self) -> tuple[Finding, ...]:
        """The findings that are not `same`."""
        return tuple(finding for finding in self.findings if finding.case is not Case.SAME)


class Shown(Protocol):
    """What of a broker is compared with the books."""

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        """Return all about an order; None when it never came."""
        ...

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what is in it."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """Return what is held."""
        ...

    def open_orders(self) -> list[OpenOrder]:
        """Return the orders that have not ended."""
        ...

    def fills(self, *, since_ns: int) -> list[Fill]:
        """Return every fill at or after `since_ns`."""
        ...


def gather(broker: Shown, ids: Iterable[str], *, since_ns: int) -> Evidence:
    """Ask the broker for all its evidence; raises as the broker does, for without an answer nothing is known."""
    history = {order_id: found for order_id in ids if (found := broker.find_order(order_id)) is not None}
    return Evidence(
        account=broker.account_state(),
        positions=tuple(broker.positions()),
        open_orders=tuple(broker.open_orders()),
        fills=tuple(broker.fills(since_ns=since_ns)),
        history=history,
    )


def reconcile(expected: Expected, evidence: Evidence, *, policy: Policy, symbols: Collection[str]) -> Reconciliation:
    """Compare books and broker; `symbols` are those this session trades, all other positions are foreign.

    The account is compared first: in another's nothing else means anything.
    """
    findings = _account(expected, evidence, policy)
    if any(finding.case is not Case.SAME for finding in findings):
        return Reconciliation(tuple(findings))
    missed, foreign = _missed_fills(expected, evidence)
    unproven = _unproven(expected, evidence, missed) | {fill.symbol for fill in foreign}
    held: dict[str, Decimal] = defaultdict(Decimal)
    for position in evidence.positions:
        held[position.symbol] += position.quantity
    for symbol in sorted({*held, *expected.positions, *(fill.symbol for fill in missed)}):
        fills = tuple(fill for fill in missed if fill.symbol == symbol)
        findings += _position(
            symbol,
            expected.positions.get(symbol, Decimal(0)),
            held[symbol],
            fills=fills,
            is_proven=symbol not in unproven,
            is_ours=symbol in symbols,
            policy=policy,
        )
    findings += _orders(expected, evidence, missed, policy=policy)
    return Reconciliation(tuple(findings))


def _finding(
    case: Case,
    policy: Policy,
    about: str,
    *,
    expected: object,
    found: object,
    symbol: str = "",
    order_id: str = "",
    fills: tuple[Fill, ...] = (),
    order: OpenOrder | None = None,
) -> Finding:
    decision = policy.of(case)
    done = {
        "adopt": "the broker's version is adopted",
        "refuse": f"{symbol or 'it'} takes no new risk",
        "halt": "halted",
    }
    what = "as expected" if case is Case.SAME else f"{case.value.replace('_', ' ')}: {done[decision]}"
    sentence = f"{about}: expected {expected}, the broker shows {found}; {what}"
    return Finding(case, symbol, order_id, str(expected), str(found), decision, sentence, fills, order)


def _account(expected: Expected, evidence: Evidence, policy: Policy) -> list[Finding]:
    account, currency = evidence.account.account, evidence.account.currency
    names = Case.SAME if account == expected.account else Case.WRONG_ACCOUNT
    money = Case.SAME if currency == expected.currency else Case.WRONG_CURRENCY
    return [
        _finding(names, policy, "account", expected=expected.account, found=account),
        _finding(money, policy, "account currency", expected=expected.currency, found=currency),
    ]


def _missed_fills(expected: Expected, evidence: Evidence) -> tuple[list[Fill], list[Fill]]:
    """Return the fills of the broker's history that the books lack: of known orders (or their children), and of others."""
    seen = {fill.fill_id for record in expected.records.values() for fill in record.life.fills}
    known = set(expected.records) | {
        one.client_order_id for one in evidence.open_orders if one.parent in expected.records
    }
    by_hand = {order_id for order_id, record in expected.records.items() if was_filled_by_hand(record)}
    new = {
        fill.fill_id: fill
        for fill in evidence.fills
        if fill.fill_id not in seen and fill.client_order_id not in by_hand
    }
    ours = [fill for fill in new.values() if _is_known(fill, known, evidence)]
    return ours, [fill for fill in new.values() if not _is_known(fill, known, evidence)]


def _is_known(fill: Fill, known: set[str], evidence: Evidence) -> bool:
    found = evidence.history.get(fill.client_order_id)
    return fill.client_order_id in known or (found is not None and found.parent in known)


def _unproven(expected: Expected, evidence: Evidence, missed: list[Fill]) -> set[str]:
    """Return the symbols with an order whose filled quantity is not the sum of the fills that are known and missed."""
    extra: dict[str, Decimal] = defaultdict(Decimal)
    for fill in missed:
        extra[fill.client_order_id] += fill.quantity
    return {
        found.symbol
        for order_id, found in evidence.history.items()
        if order_id in expected.records
        and found.filled != expected.records[order_id].life.filled + extra.get(order_id, Decimal(0))
    }


def _position(
    symbol: str,
    expected: Decimal,
    found: Decimal,
    *,
    fills: tuple[Fill, ...],
    is_proven: bool,
    is_ours: bool,
    policy: Policy,
) -> list[Finding]:
    """Judge one symbol: are the missed fills all that is different, and what is different without them."""
    after = expected + sum((fill.quantity if fill.side == "buy" else -fill.quantity for fill in fills), Decimal(0))
    about = f"position {symbol}"
    if fills and is_proven and after == found:
        told = "; ".join(f"{fill.side} {fill.quantity} at {fill.price} ({fill.fill_id})" for fill in fills)
        return [
            _finding(
                Case.MISSED_FILL,
                policy,
                about,
                expected=expected,
                found=f"{found} by {told}",
                symbol=symbol,
                fills=fills,
            )
        ]
    case = _position_case(expected, found, is_ours=is_ours)
    findings = [_finding(case, policy, about, expected=expected, found=found, symbol=symbol)]
    if fills or not is_proven:
        told = f"{len(fills)} fills that do not explain it"
        findings.append(
            _finding(Case.UNPROVEN_FILL, policy, f"fills {symbol}", expected="none", found=told, symbol=symbol)
        )
    return findings


def _position_case(expected: Decimal, found: Decimal, *, is_ours: bool) -> Case:
    if expected == found:
        return Case.SAME
    if expected == 0:
        return Case.BROKER_HAS_MORE if is_ours else Case.FOREIGN_POSITION
    if found == 0:
        return Case.BROKER_FLAT
    if expected * found < 0:
        return Case.OPPOSITE
    return Case.BROKER_HAS_MORE if abs(found) > abs(expected) else Case.BROKER_HAS_LESS


def _orders(expected: Expected, evidence: Evidence, missed: list[Fill], *, policy: Policy) -> list[Finding]:
    working = {order.client_order_id: order for order in evidence.open_orders}
    findings = []
    for order_id, record in expected.records.items():
        if record.life.status.is_final:
            if order_id in working:
                findings.append(_order(Case.EXTRA_ORDER, policy, working[order_id], expected=record.life.status.value))
            continue
        found = working.get(order_id) or evidence.history.get(order_id)
        if found is None:
            is_unknown = record.life.status is OrderStatus.UNKNOWN  # whether it came at all is settled by execution
            findings.append(
                _finding(
                    Case.SAME if is_unknown else Case.MISSING_ORDER,
                    policy,
                    f"order {order_id}",
                    expected=record.life.status.value,
                    found="no trace of it",
                    symbol=record.symbol,
                    order_id=order_id,
                )
            )
            continue
        case = Case.MISSED_END if found.status.is_final else Case.SAME
        findings.append(_order(case, policy, found, expected=record.life.status.value))
    for order_id, order in working.items():
        if order_id not in expected.records:
            case = Case.MISSED_CHILD if order.parent in expected.records else Case.EXTRA_ORDER
            findings.append(_order(case, policy, order, expected="none"))
    return findings


def _order(case: Case, policy: Policy, order: OpenOrder, *, expected: str) -> Finding:
    shown = f"{order.status.value}, {order.side} {order.quantity} {order.symbol}, {order.filled} filled"
    return _finding(
        case,
        policy,
        f"order {order.client_order_id}",
        expected=expected,
        found=shown,
        symbol=order.symbol,
        order_id=order.client_order_id,
        order=None if case is Case.SAME else order,
    )
